/** A grid, a density and one movable cell, before and after a map of the plane. */

import { MAPS, cellBoundary, gridCells, imageArea, imageDensity, normal, preimages, straddlesFold } from "./maths.mjs";
import { Panel } from "./panel.mjs";
import { Plane, html, show, svg } from "./plane.mjs";

const HALF = 2;
const CELLS = gridCells(HALF, 20);

/** @param {HTMLElement} stage @param {object} data views, peaks and controls from Python */
export default function build(stage, data) {
  const row = html(stage, "div", { className: "tk-planes" });
  const before = new Plane(row, { title: "Before: z", x: [-HALF - 0.3, HALF + 0.3], y: [-HALF - 0.3, HALF + 0.3], xLabel: "z₁", yLabel: "z₂" });
  const after = new Plane(row, { title: "After: x = f(z)", x: [-1, 1], y: [-1, 1], xLabel: "x₁", yLabel: "x₂" });
  const panel = new Panel(stage, data.controls, draw);
  const place = before.handle({
    label: "Cell", hint: "Arrow keys move it, with Shift further", step: 0.05,
    move: ([z1, z2]) => panel.set({ z1, z2 }),
  });
  panel.presets(data.presets);
  let shown = null;

  function draw(values) {
    const cell = measure(values);
    if (shown !== values.map) drawGrids(before, after, values.map, data.maps[values.map]);
    shown = values.map;
    drawCells(before, after, cell);
    place(cell.centre);
    panel.say(sentence(cell));
    before.describe(`Grid before the map, with a cell of side ${show(cell.side)} at (${coordinates(cell.centre)}).`);
    after.describe(`Image of the grid and of the cell under the map: ${data.maps[values.map].label}. The cell's centre lands at (${coordinates(MAPS[cell.map].f(cell.centre))}).`);
  }

  panel.draw();
}

const coordinates = (point) => point.map((value) => show(value)).join(", ");

/** Everything the figure says about the cell. */
export function measure({ map, z1, z2, side }) {
  const centre = [z1, z2];
  const area = side * side;
  const image = imageArea(map, centre, side);
  return {
    map, centre, side, area, image, ratio: image / area, det: Math.abs(MAPS[map].det(centre)),
    before: normal(centre), after: imageDensity(map, centre), sources: preimages(map, centre),
  };
}

function drawGrids(before, after, name, { x, y, peak }) {
  after.setView(x, y);
  const [left, right] = [before.layer("cells"), after.layer("cells")];
  for (const { centre, boundary } of CELLS) {
    const density = normal(centre);
    svg(left, "path", { d: before.path(boundary), "fill-opacity": (0.8 * density) / normal([0, 0]) });
    const spread = density / Math.abs(MAPS[name].det(centre));
    svg(right, "path", { d: after.path(boundary.map(MAPS[name].f)), "fill-opacity": 0.8 * Math.min(1, spread / peak) });
  }
}

function drawCells(before, after, { map, centre, side, sources }) {
  const boundary = cellBoundary(centre, side);
  const [left, right] = [before.layer("picked"), after.layer("picked")];
  svg(left, "path", { d: before.path(boundary) });
  svg(right, "path", { d: after.path(boundary.map(MAPS[map].f)) });
  if (sources.length > 1) svg(left, "path", { d: before.path(boundary.map(MAPS[map].rival)), class: "tk-rival" });
  const [x, y] = MAPS[map].f(centre);
  svg(right, "circle", { cx: after.px(x), cy: after.py(y), r: 3 });
}

/** The readout: areas, their ratio, and what the density becomes. */
export function sentence(cell) {
  const areas = `Area ${digits(cell.area)} becomes ${digits(cell.image)}: ratio ${show(cell.ratio, 4)}, |det J| at the centre ${show(cell.det, 4)}.`;
  const after = Number.isFinite(cell.after) ? show(cell.after, 4) : "unbounded";
  return `${areas} Density ${show(cell.before, 4)} becomes ${after}. ${foldNote(cell)}`.trim();
}

const digits = (area) => area.toPrecision(4);

function foldNote({ map, centre, side, sources }) {
  if (straddlesFold(map, centre, side)) return "The cell lies across the fold z₂ = 0: its two parts land on each other, and both areas count.";
  if (sources.length < 2) return "";
  const rival = sources[1];
  const where = rival.some((value) => Math.abs(value) > HALF) ? ", outside the picture" : ", dashed";
  return `Two cells land on this place: the other one is at (${coordinates(rival)})${where}. The density is the sum over both.`;
}
