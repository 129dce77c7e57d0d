/** Recorded iterates of three methods on one objective, from a start that the reader picks. */

import { Panel } from "./panel.mjs";
import { Plane, html, show, svg } from "./plane.mjs";

const HEADINGS = ["No.", "Step", "Objective", "Gradient norm", "Correct digits"];

/** @param {HTMLElement} stage @param {object} data contours and recorded runs from Python */
export default function build(stage, data) {
  const row = html(stage, "div", { className: "tk-planes" });
  const plane = new Plane(row, { title: "Iterates over the objective", x: data.view.b, y: data.view.d, xLabel: "b", yLabel: "d" });
  const body = table(row);
  const panel = new Panel(stage, data.controls, draw);
  const place = plane.handle({
    label: "Start", hint: "Arrow keys move it, with Shift further", step: 0.5,
    move: ([b, d]) => panel.set({ b, d }),
  });
  panel.presets(data.presets);
  drawContours(plane, data);

  function draw({ method, b, d, k }) {
    const run = data.runs[method][startIndex(data.starts, b, d)];
    const shown = run.iterates.slice(0, k + 1).map(unpack);
    drawPath(plane, shown);
    place([b, d]);
    body.replaceChildren(...shown.map(tableRow));
    const text = sentence(plane, run, shown, k);
    panel.say(text);
    plane.describe(`Path of the iterates in the plane of b and d, from (${show(b, 1)}, ${show(d, 1)}). ${text}`);
  }

  panel.draw();
}

/** Place of a start in the list of runs, which is ordered by b, then by d. */
export const startIndex = ({ b, d }, startB, startD) => nearest(b, startB) * d.length + nearest(d, startD);

const nearest = (values, value) => values.reduce((best, v, i) => (Math.abs(v - value) < Math.abs(values[best] - value) ? i : best), 0);

const unpack = ([step, b, d, value, gradient, digits]) => ({ step, b, d, value, gradient, digits });

const position = ({ b, d }) => [b, d];

function drawContours(plane, { contours, optimum }) {
  const group = plane.layer("target");
  for (const line of contours) svg(group, "path", { d: plane.path(line, false) });
  const [x, y] = [plane.px(optimum[0]), plane.py(optimum[1])];
  svg(plane.layer("optimum"), "path", { d: `M${x - 6},${y}h12M${x},${y - 6}v12` });
}

function drawPath(plane, iterates) {
  const group = plane.layer("path");
  svg(group, "path", { d: plane.path(iterates.map(position), false) });
  for (const iterate of iterates.slice(1)) {
    const [cx, cy] = [plane.px(iterate.b), plane.py(iterate.d)];
    if (plane.contains(position(iterate))) svg(group, "circle", { cx, cy, r: 3.5 });
  }
}

function table(parent) {
  const box = html(parent, "div", { className: "tk-table", tabIndex: 0 });
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Table of the iterates");
  const grid = html(box, "table");
  const head = html(html(grid, "thead"), "tr");
  for (const textContent of HEADINGS) html(head, "th", { scope: "col", textContent });
  return html(grid, "tbody");
}

function tableRow({ step, value, gradient, digits }, index) {
  const row = document.createElement("tr");
  const texts = [step, compact(value), compact(gradient), show(digits, 1)];
  html(row, "th", { scope: "row", textContent: index });
  for (const textContent of texts) html(row, "td", { textContent });
  return row;
}

/** A recorded number; JSON has null for what is not finite. */
const compact = (value) => (value === null ? "not finite" : show(value, 4, 1e-3));

/** The readout: where the path stands, whether it left the picture, and how the run ended. */
export function sentence(plane, run, shown, k) {
  const last = shown.at(-1);
  const where = `b = ${show(last.b)}, d = ${show(last.d)}, ${show(last.digits, 1)} correct digits`;
  const parts = [`Iteration ${shown.length - 1} of ${run.iterates.length - 1}: ${where}.`];
  const away = shown.findIndex((iterate) => !plane.contains(position(iterate)));
  if (away >= 0) parts.push(`Iteration ${away} is outside the picture: b = ${show(shown[away].b, 1)}, d = ${show(shown[away].d, 1)}.`);
  if (k >= run.iterates.length - 1) parts.push(run.end);
  return parts.join(" ");
}
