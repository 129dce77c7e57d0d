/** Two clouds of points that can be dragged, the best plan between them, and the potentials that prove it. */

import { Panel } from "./panel.mjs";
import { Plane, html, show, svg } from "./plane.mjs";

/** @param {HTMLElement} stage @param {object} data points, view and controls from Python */
export default function build(stage, data) {
  const { view, x: sources, y: targets } = data;
  const size = sources.length;
  const row = html(stage, "div", { className: "tk-planes" });
  const clouds = new Plane(row, { title: "Sources (discs), targets (rings), plan", x: [-view, view], y: [-view, view], xLabel: "", yLabel: "" });
  const table = new Plane(row, { title: "Slack of every pair", x: [0.5, size + 0.5], y: [0.5, size + 0.5], xLabel: "target", yLabel: "" });
  const panel = new Panel(stage, data.controls, draw);
  const moved = { x: zeros(size), y: zeros(size) };
  const places = {
    x: sources.map((_, i) => handle("x", i, `Source ${i + 1}`)),
    y: targets.map((_, j) => handle("y", j, `Target ${j + 1}`)),
  };
  panel.presets(data.presets);
  panel.buttons.lastElementChild.addEventListener("click", () => {
    Object.assign(moved, { x: zeros(size), y: zeros(size) });
    panel.draw();
  });

  function handle(side, index, label) {
    return clouds.handle({
      label, hint: "Arrow keys move it, with Shift further", step: 0.05, kind: side === "x" ? "tk-source" : "",
      move: (point) => {
        const [u, v] = home(side, index);
        moved[side][index] = [clip(point[0]) - u, clip(point[1]) - v];
        panel.draw();
      },
    });
  }

  function home(side, index) {
    const { u, v } = panel.values;
    return side === "x" ? sources[index] : [targets[index][0] + u, targets[index][1] + v];
  }

  const clip = (value) => Math.max(-view, Math.min(view, value));
  const at = (side, index) => home(side, index).map((value, k) => clip(value + moved[side][index][k]));

  function draw({ p }) {
    const x = sources.map((_, i) => at("x", i));
    const y = targets.map((_, j) => at("y", j));
    const best = solve(x, y, Number(p));
    x.forEach((point, i) => places.x[i](point));
    y.forEach((point, j) => places.y[j](point));
    drawPlan(clouds, x, y, best);
    drawSlack(table, best);
    panel.say(sentence(best));
    const pairs = best.plan.map((j, i) => `${i + 1} to ${j + 1}`).join(", ");
    clouds.describe(`Two clouds of ${size} points. The best plan sends source ${pairs}.`);
    table.describe(`Slack of all ${size * size} pairs, zero for the pairs of the plan and ${best.tight - size} others.`);
  }

  panel.draw();
}

const zeros = (n) => Array.from({ length: n }, () => [0, 0]);

/** The best permutation for the costs |x_i - y_j|^p, its mean cost, and potentials with their slack. */
export function solve(x, y, p) {
  const cost = x.map(([u, v]) => y.map(([r, s]) => Math.hypot(u - r, v - s) ** p));
  const total = (plan) => plan.reduce((sum, j, i) => sum + cost[i][j], 0);
  const plan = permutations(x.length).reduce((best, other) => (total(other) < total(best) - 1e-12 ? other : best));
  const f = potentials(cost, plan);
  const g = cost[0].map((_, j) => Math.min(...cost.map((line, i) => line[j] - f[i])));
  const slack = cost.map((line, i) => line.map((c, j) => c - f[i] - g[j]));
  const tight = slack.flat().filter((gap) => gap < 1e-9).length;
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { plan, value: total(plan) / x.length, lower: mean(f) + mean(g), f, g, slack, tight };
}

/**
 * Potentials of the sources for an optimal permutation, with mean zero. They must satisfy
 * f_i <= f_k + cost[i][plan[k]] - cost[k][plan[k]]: shortest ways, found by Bellman and Ford's relaxation.
 */
function potentials(cost, plan) {
  let f = plan.map(() => 0);
  for (let round = 0; round < plan.length; round++) {
    f = f.map((_, i) => Math.min(...plan.map((j, k) => f[k] + cost[i][j] - cost[k][j])));
  }
  const mean = f.reduce((sum, value) => sum + value, 0) / f.length;
  return f.map((value) => value - mean);
}

function permutations(n) {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((short) => Array.from({ length: n }, (_, k) => [...short.slice(0, k), n - 1, ...short.slice(k)]));
}

function drawPlan(plane, x, y, { plan }) {
  const group = plane.layer("path");
  plan.forEach((j, i) => svg(group, "path", { d: plane.path([x[i], y[j]], false) }));
  const labels = plane.layer("labels");
  for (const [points, shift] of [[x, -14], [y, 14]]) {
    points.forEach(([u, v], k) => svg(labels, "text", { x: plane.px(u) + shift, y: plane.py(v) - 8, "text-anchor": "middle" }, String(k + 1)));
  }
}

function drawSlack(plane, { slack, plan }) {
  const [cells, picked, labels] = [plane.layer("cells"), plane.layer("picked"), plane.layer("labels")];
  const most = Math.max(...slack.flat(), 1e-9);
  slack.forEach((line, i) => line.forEach((gap, j) => {
    const square = [[0.54, 0.54], [1.46, 0.54], [1.46, 1.46], [0.54, 1.46]].map(([u, v]) => [j + u, i + v]);
    svg(cells, "path", { d: plane.path(square), "fill-opacity": Math.max(0, (0.5 * gap) / most) });
    if (plan[i] === j) svg(picked, "path", { d: plane.path(square) });
    svg(labels, "text", { x: plane.px(j + 1), y: plane.py(i + 1) + 4, "text-anchor": "middle" }, show(gap));
  }));
}

/** The readout: both values, and the potentials. */
export function sentence({ value, lower, f, g, tight, plan }) {
  const list = (values) => values.map((entry) => show(entry)).join(", ");
  const free = tight > plan.length ? ` ${tight - plan.length} further pairs have none.` : "";
  return `Mean cost of the plan ${show(value, 4)}; value of the potentials ${show(lower, 4)}. f = (${list(f)}), g = (${list(g)}). The plan's pairs have no slack.${free}`;
}
