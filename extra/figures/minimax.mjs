/** A normal generator against data N(0, 1): the best discriminator, and the gradients of two losses. */

import { normalDensity } from "./maths.mjs";
import { Panel } from "./panel.mjs";
import { Plane, html, show, svg } from "./plane.mjs";

const DATA = { mu: 0, sigma: 1 };
const PEAK = 1 / Math.sqrt(2 * Math.PI);
const FAR = 10; // standard deviations
const NODES = 400;

/** @param {HTMLElement} stage @param {object} data view, ranges and controls from Python */
export default function build(stage, data) {
  const { view, ranges } = data;
  const row = html(stage, "div", { className: "tk-planes" });
  const laws = new Plane(row, { title: "Data, generator, best D (dark)", x: view.x, y: view.y, xLabel: "x", yLabel: "" });
  const slopes = new Plane(row, { title: "Gradients by m (minimax: thick)", x: ranges.m, y: view.slope, xLabel: "m", yLabel: "" });
  const panel = new Panel(stage, data.controls, draw);
  const place = laws.handle({
    label: "Top of the generator's density", hint: "Arrow keys left and right move it, up and down change its width", step: 0.1,
    move: ([m, height]) => panel.set({ m, s: PEAK / Math.max(height, 0.05) }),
  });
  panel.presets(data.presets);

  function draw({ m, s }) {
    drawLaws(laws, m, s);
    drawSlopes(slopes, m, s);
    place([m, PEAK / s]);
    const text = sentence(m, s);
    panel.say(text);
    laws.describe(`Bell curves of the data N(0, 1) and of the generator with mean ${show(m, 1)} and deviation ${show(s)}, and the best discriminator between 0 and 1. ${text}`);
    slopes.describe(`Gradients of both losses over the generator's mean, for deviation ${show(s)}. That of the minimax loss goes back to 0 far from the data. ${text}`);
  }

  panel.draw();
}

/** log p - log q for p = N(0, 1) and q = N(m, s^2). */
export const logit = (x, m, s) => (((x - m) / s) ** 2 - x * x) / 2 + Math.log(s);

const softplus = (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));
const sigmoid = (a) => Math.exp(-softplus(-a));

/** Value, divergence and gradients by (m, s) of both losses, as `teachkit.minimax_gaussian.gaussian_game`. */
export function game(m, s) {
  const sum = { value: 0, minimax: [0, 0], nonSaturating: [0, 0] };
  const h = (2 * FAR) / NODES;
  for (let i = 0; i <= NODES; i++) {
    const z = -FAR + i * h;
    const weight = h * PEAK * Math.exp((-z * z) / 2);
    const x = m + s * z;
    const a = logit(x, m, s);
    const pull = weight * (z / s - x); // the derivative of the logit by x
    sum.value -= weight * (softplus(-logit(z, m, s)) + softplus(a));
    [1, z].forEach((by, k) => {
      sum.minimax[k] -= sigmoid(a) * pull * by;
      sum.nonSaturating[k] -= sigmoid(-a) * pull * by;
    });
  }
  return { ...sum, jsd: Math.max(0, (sum.value + Math.log(4)) / 2) };
}

function drawLaws(plane, m, s) {
  const x = Array.from({ length: 401 }, (_, i) => plane.x[0] + (i / 400) * (plane.x[1] - plane.x[0]));
  for (const [name, law] of [["data", DATA], ["generator", { mu: m, sigma: s }]]) {
    const points = x.map((u) => [u, normalDensity(u, law)]);
    svg(plane.layer(name), "path", { d: plane.path([[x[0], 0], ...points, [x.at(-1), 0]]) });
  }
  svg(plane.layer("judge"), "path", { d: plane.path(x.map((u) => [u, sigmoid(logit(u, m, s))]), false) });
}

function drawSlopes(plane, m, s) {
  const [low, high] = plane.x;
  const games = Array.from({ length: 61 }, (_, i) => low + (i / 60) * (high - low)).map((at) => [at, game(at, s)]);
  const here = game(m, s);
  for (const [name, key] of [["minimax", "minimax"], ["non-saturating", "nonSaturating"]]) {
    const group = plane.layer(name);
    svg(group, "path", { d: plane.path(games.map(([at, each]) => [at, each[key][0]]), false) });
    svg(group, "circle", { cx: plane.px(m), cy: plane.py(here[key][0]), r: 5 });
  }
}

/** The readout: the value of the game, and both gradients by the mean and by the deviation. */
export function sentence(m, s) {
  const { value, jsd, minimax, nonSaturating } = game(m, s);
  const pair = ([a, b]) => `${number(a)} by m, ${number(b)} by s`;
  return `V = ${show(value, 3)}, JSD = ${show(jsd, 3)} of at most 0.693. Minimax gradient: ${pair(minimax)}. Non-saturating: ${pair(nonSaturating)}.`;
}

const number = (x) => (Math.abs(x) < 1e-12 ? "0" : show(x, 3, 1e-2));
