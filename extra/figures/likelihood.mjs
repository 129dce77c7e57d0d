/** The log-likelihood of a normal law over its parameters, with movable data. */

import { bestNormal, logLikelihood, likelihoodLevel, normalDensity } from "./maths.mjs";
import { Panel } from "./panel.mjs";
import { Plane, html, show, svg } from "./plane.mjs";

const KEYS = ["x1", "x2", "x3", "x4", "x5"];
const HINT = "Arrow keys move it, with Shift further";

/** @param {HTMLElement} stage @param {object} data view, levels and controls from Python */
export default function build(stage, data) {
  const [low, high] = data.view.mu;
  const row = html(stage, "div", { className: "tk-planes" });
  const surface = new Plane(row, { title: "Log-likelihood", x: [low, high], y: [0, data.view.sigma[1]], xLabel: "μ", yLabel: "σ" });
  const model = new Plane(row, { title: "Data and model", x: [low - 0.5, high + 0.5], y: [0, data.heights[0]], xLabel: "x", yLabel: "" });
  const panel = new Panel(stage, data.controls, draw);
  const placeModel = surface.handle({ label: "Model", hint: HINT, step: 0.1, move: ([mu, sigma]) => panel.set({ mu, sigma }) });
  const places = KEYS.map((key, i) =>
    model.handle({ label: `Observation ${i + 1}`, hint: HINT, step: 0.1, move: ([x]) => panel.set({ [key]: x }) }));
  const climb = panel.button("Go to the maximum", () => {
    const { mu, sigma } = bestNormal(observations(panel.values), data.view.sigma[0]);
    panel.set({ mu, sigma });
  });
  panel.presets(data.presets);

  function draw(values) {
    const x = observations(values);
    const best = bestNormal(x, data.view.sigma[0]);
    climb.disabled = best.spread === 0;
    const peak = normalDensity(values.mu, values);
    const height = data.heights.find((at) => at >= peak);
    model.setView(model.x, [-height / 12, height]);
    drawSurface(surface, x, best, data);
    drawModel(model, x, values);
    placeModel([values.mu, values.sigma]);
    x.forEach((at, i) => places[i]([at, normalDensity(at, values)]));
    const text = sentence(x, values, best);
    panel.say(text);
    surface.describe(`Level lines of the log-likelihood over μ and σ, ${data.below.join(", ")} nats below its highest value in view. ${text}`);
    model.describe(`Density of the normal law with mean ${show(values.mu, 1)} and deviation ${show(values.sigma)}; observations at ${x.map((at) => show(at, 1)).join(", ")}.`);
  }

  panel.draw();
}

const observations = (values) => KEYS.map((key) => values[key]);

function drawSurface(plane, x, best, { view, below }) {
  const filled = plane.layer("regions");
  for (const gap of [...below].reverse()) {
    svg(filled, "path", { d: plane.path(likelihoodLevel(x, gap, view.sigma)) });
  }
  const top = plane.layer("optimum");
  if (best.spread === 0) return; // there is none
  const [u, v] = [plane.px(best.mu), plane.py(best.sigma)];
  svg(top, "path", { d: `M${u - 6},${v}h12M${u},${v - 6}v12` });
}

function drawModel(plane, x, values) {
  const at = Array.from({ length: 221 }, (_, i) => plane.x[0] + (i / 220) * (plane.x[1] - plane.x[0]));
  const stems = plane.layer("stems");
  for (const u of x) svg(stems, "path", { d: plane.path([[u, 0], [u, normalDensity(u, values)]], false) });
  svg(plane.layer("curves"), "path", { d: plane.path(at.map((u) => [u, normalDensity(u, values)]), false) });
}

/** The readout: the value at the model, and how far it is from the best. */
export function sentence(x, values, best) {
  const value = logLikelihood(x, values);
  const here = `Log-likelihood ${show(value, 3)} nats at μ = ${show(values.mu, 1)}, σ = ${show(values.sigma)}.`;
  if (best.spread === 0) return `${here} All observations agree, so there is no largest value: it grows without end as σ falls towards 0 at μ = ${show(best.mu)}.`;
  if (best.spread < best.sigma) return `${here} The largest value is below the picture, at μ = ${show(best.mu)}, σ = ${show(best.spread, 3)}.`;
  return `${here} The largest is ${show(logLikelihood(x, best), 3)} nats, at μ = ${show(best.mu)}, σ = ${show(best.sigma)}.`;
}
