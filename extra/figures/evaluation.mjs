/** Two clouds of points that can be dragged, and six scores of the one against the other. */

import { Panel } from "./panel.mjs";
import { Plane, html, show, svg } from "./plane.mjs";

const NAMES = ["precision", "recall", "density", "coverage"];
const CIRCLE = Array.from({ length: 48 }, (_, i) => [Math.cos((i * Math.PI) / 24), Math.sin((i * Math.PI) / 24)]);

/** @param {HTMLElement} stage @param {object} data the real points, the sets of fakes, view and controls from Python */
export default function build(stage, data) {
  const { view, real, sets, bandwidth } = data;
  const size = real.length;
  const row = html(stage, "div", { className: "tk-planes" });
  const clouds = new Plane(row, { title: "Real (discs) with their balls, fakes (rings)", x: [-view, view], y: [-view, view], xLabel: "", yLabel: "" });
  const bars = new Plane(row, { title: "Shares, and density", x: [0.5, 4.5], y: [0, 2], xLabel: "1 precision, 2 recall, 3 density, 4 coverage", yLabel: "" });
  const panel = new Panel(stage, data.controls, draw);
  const zeros = () => Array.from({ length: size }, () => [0, 0]);
  const moved = { real: zeros(), fake: zeros() };
  const places = {
    real: real.map((_, i) => handle("real", i, `Real point ${i + 1}`)),
    fake: real.map((_, j) => handle("fake", j, `Fake point ${j + 1}`)),
  };
  panel.presets(data.presets);
  panel.buttons.lastElementChild.addEventListener("click", () => {
    Object.assign(moved, { real: zeros(), fake: zeros() });
    panel.draw();
  });

  function handle(side, index, label) {
    return clouds.handle({
      label, hint: "Arrow keys move it, with Shift further", step: 0.05, kind: side === "real" ? "tk-source" : "",
      move: (point) => {
        const [u, v] = home(side, index);
        moved[side][index] = [clip(point[0]) - u, clip(point[1]) - v];
        panel.draw();
      },
    });
  }

  function home(side, index) {
    const { fakes, u, v } = panel.values;
    return side === "real" ? real[index] : [sets[fakes][index][0] + u, sets[fakes][index][1] + v];
  }

  const clip = (value) => Math.max(-view, Math.min(view, value));
  const at = (side, index) => home(side, index).map((value, axis) => clip(value + moved[side][index][axis]));

  function draw({ k }) {
    const x = real.map((_, i) => at("real", i));
    const y = real.map((_, j) => at("fake", j));
    const found = scores(x, y, k, bandwidth);
    x.forEach((point, i) => places.real[i](point));
    y.forEach((point, j) => places.fake[j](point));
    const balls = clouds.layer("regions");
    x.forEach(([u, v], i) => {
      svg(balls, "path", { d: clouds.path(CIRCLE.map(([c, s]) => [u + found.radii[i] * c, v + found.radii[i] * s])) });
    });
    drawBars(bars, found);
    panel.say(sentence(found));
    clouds.describe(`${size} real points, each with a ball up to its ${k}. nearest other real point, and ${size} fakes.`);
    bars.describe(`Four bars: ${NAMES.map((name) => `${name} ${show(found[name])}`).join(", ")}.`);
  }

  panel.draw();
}

/** All scores of the fakes y against the real points x; the balls reach to the k-th nearest other point. */
export function scores(x, y, k, bandwidth) {
  const radii = reach(x, k);
  const own = reach(y, k);
  const inside = x.map((p, i) => y.map((q) => distance(p, q) <= radii[i]));
  const share = (flags) => flags.filter(Boolean).length / flags.length;
  return {
    radii,
    precision: share(y.map((_, j) => inside.some((line) => line[j]))),
    recall: share(x.map((p) => y.some((q, j) => distance(p, q) <= own[j]))),
    density: inside.flat().filter(Boolean).length / (k * y.length),
    coverage: share(inside.map((line) => line.some(Boolean))),
    frechet: frechet(x, y),
    ...discrepancy(x, y, bandwidth),
  };
}

const distance = ([a, b], [c, d]) => Math.sqrt((a - c) * (a - c) + (b - d) * (b - d));

/** The distance of each point to its k-th nearest other point. */
function reach(points, k) {
  return points.map((p, i) => points.filter((_, j) => j !== i).map((q) => distance(p, q)).sort((a, b) => a - b)[k - 1]);
}

/** The Frechet distance; in the plane the trace of the root of S1 S2 has a closed form. */
function frechet(x, y) {
  const [one, other] = [moments(x), moments(y)];
  const det = ({ xx, xy, yy }) => Math.max(0, xx * yy - xy * xy);
  const trace = one.xx * other.xx + 2 * one.xy * other.xy + one.yy * other.yy;
  const cross = Math.sqrt(Math.max(0, trace + 2 * Math.sqrt(det(one) * det(other))));
  const apart = (one.mean[0] - other.mean[0]) ** 2 + (one.mean[1] - other.mean[1]) ** 2;
  return Math.max(0, apart + one.xx + one.yy + other.xx + other.yy - 2 * cross);
}

function moments(points) {
  const n = points.length;
  const mean = [0, 1].map((axis) => points.reduce((sum, p) => sum + p[axis], 0) / n);
  const sum = (i, j) => points.reduce((total, p) => total + (p[i] - mean[i]) * (p[j] - mean[j]), 0) / (n - 1);
  return { mean, xx: sum(0, 0), xy: sum(0, 1), yy: sum(1, 1) };
}

/** The square of the maximum mean discrepancy for a Gaussian kernel, in both forms. */
function discrepancy(x, y, bandwidth) {
  const kernel = (p, q) => Math.exp(-(distance(p, q) ** 2) / (2 * bandwidth * bandwidth));
  const total = (u, v) => u.reduce((sum, p) => sum + v.reduce((part, q) => part + kernel(p, q), 0), 0);
  const [n, m] = [x.length, y.length];
  const [xx, yy, xy] = [total(x, x), total(y, y), (2 * total(x, y)) / (n * m)];
  return { unbiased: (xx - n) / (n * (n - 1)) + (yy - m) / (m * (m - 1)) - xy, biased: xx / (n * n) + yy / (m * m) - xy };
}

function drawBars(plane, found) {
  const [columns, labels] = [plane.layer("data"), plane.layer("labels")];
  NAMES.forEach((name, i) => {
    const top = Math.min(found[name], 2);
    svg(columns, "path", { d: plane.path([[i + 0.7, 0], [i + 1.3, 0], [i + 1.3, top], [i + 0.7, top]]) });
    svg(labels, "text", { x: plane.px(i + 1), y: plane.py(Math.min(top, 1.85)) - 5, "text-anchor": "middle" }, show(found[name]));
  });
}

/** The readout. */
export function sentence(found) {
  const shares = NAMES.map((name) => `${name} ${show(found[name])}`).join(", ");
  return `Fréchet distance ${show(found.frechet, 3)}. Squared MMD ${show(found.unbiased, 3)} unbiased, ${show(found.biased, 3)} biased. The rest: ${shares}.`;
}
