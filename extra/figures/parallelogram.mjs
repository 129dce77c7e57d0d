/** A small square, its curved image, and the parallelogram of the Jacobian, at a movable point. */

import { LOCAL_MAPS, cellBoundary, signedRatio } from "./maths.mjs";
import { Panel } from "./panel.mjs";
import { Plane, html, show, svg } from "./plane.mjs";

const LINES = Array.from({ length: 9 }, (_, i) => -1 + i / 4);
const FINE = Array.from({ length: 101 }, (_, i) => -1 + i / 50);

/** @param {HTMLElement} stage @param {object} data half the width of the pictures, and controls from Python */
export default function build(stage, data) {
  const around = (middle) => [middle - data.view, middle + data.view];
  const row = html(stage, "div", { className: "tk-planes" });
  const before = new Plane(row, { title: "Before: z", x: around(0), y: around(0), xLabel: "z₁", yLabel: "z₂" });
  const after = new Plane(row, { title: "After: x = f(z)", x: around(0), y: around(0), xLabel: "x₁", yLabel: "x₂" });
  const panel = new Panel(stage, data.controls, draw);
  const place = before.handle({
    label: "Corner of the square", hint: "Arrow keys move it, with Shift further", step: 0.05,
    move: ([z1, z2]) => panel.set({ z1, z2 }),
  });
  panel.presets(data.presets);

  function draw(values) {
    const square = measure(values);
    const { f } = LOCAL_MAPS[values.map];
    const [u, v] = f(square.corner);
    after.setView(around(u), around(v)); // it follows the image of the corner, at the scale of the left picture
    drawGrid(before, square.corner, (z) => z);
    drawGrid(after, square.corner, f);
    drawSquare(before, square, (z) => z, [[1, 0], [0, 1]]);
    drawSquare(after, square, f, square.matrix);
    place(square.corner);
    panel.say(sentence(square));
    before.describe(`A small grid before the map, with a square of side ${show(square.side)} whose lower left corner is at (${coordinates(square.corner)}).`);
    after.describe(`Image of the grid and of the square, with the parallelogram of the Jacobian. The corner lands at (${coordinates([u, v])}).`);
  }

  panel.draw();
}

const coordinates = (point) => point.map((value) => show(value)).join(", ");

/** Everything the figure says about the square. */
export function measure({ map, z1, z2, side }) {
  const corner = [z1, z2];
  const matrix = LOCAL_MAPS[map].matrix(corner);
  const [[a, b], [c, d]] = matrix;
  return { map, corner, side, matrix, det: a * d - b * c, ratio: signedRatio(map, corner, side) };
}

function drawGrid(plane, [u, v], f) {
  const group = plane.layer("lines");
  for (const line of LINES) {
    svg(group, "path", { d: plane.path(FINE.map((t) => f([u + line, v + t])), false) });
    svg(group, "path", { d: plane.path(FINE.map((t) => f([u + t, v + line])), false) });
  }
}

/** The square's image filled; over it the parallelogram, first column solid, second dashed. */
function drawSquare(plane, { corner, side }, f, [[a, b], [c, d]]) {
  const [u, v] = f(corner);
  const [first, second] = [[a * side, c * side], [b * side, d * side]];
  const at = (p, q) => [u + p * first[0] + q * second[0], v + p * first[1] + q * second[1]];
  const middle = corner.map((value) => value + side / 2);
  svg(plane.layer("picked"), "path", { d: plane.path(cellBoundary(middle, side).map(f)) });
  const group = plane.layer("edges");
  svg(group, "path", { d: plane.path([at(1, 0), at(1, 1), at(0, 1)], false) });
  svg(group, "path", { d: plane.path([at(0, 0), at(1, 0)], false), class: "tk-first" });
  svg(group, "path", { d: plane.path([at(0, 0), at(0, 1)], false), class: "tk-second" });
}

/** The readout: the matrix, both areas, and what the sign and size of the determinant mean. */
export function sentence({ matrix, det, ratio }) {
  const rows = matrix.map((row) => row.map((entry) => show(entry)).join(", "));
  return `Rows of J: (${rows[0]}) and (${rows[1]}). det J at the corner ${show(det, 4)}; signed area of the image / area of the square ${show(ratio, 4)}. ${meaning(det)}`;
}

function meaning(det) {
  if (Math.abs(det) < 1e-9) return "The parallelogram is flat: to first order all area is lost.";
  const size = Math.abs(Math.abs(det) - 1) < 1e-9 ? "keep their size" : Math.abs(det) > 1 ? "grow" : "shrink";
  return `Small areas ${size}${det < 0 ? " and are mirrored" : ""}.`;
}
