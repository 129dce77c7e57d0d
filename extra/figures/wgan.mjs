/** A trained critic on the line, next to the exact witness: shape, slopes, and what its value proves. */

import { Panel } from "./panel.mjs";
import { Plane, html, show, svg } from "./plane.mjs";

const NAMES = { clip: "Clipped", one: "One-sided penalty", two: "Two-sided penalty" };

/** @param {HTMLElement} stage @param {object} data samples, witness and trained critics from Python */
export default function build(stage, data) {
  const row = html(stage, "div", { className: "tk-planes" });
  const shapes = new Plane(row, { title: "Witness, and critic ÷ constant", x: data.view, y: data.heights, xLabel: "x", yLabel: "" });
  const slopes = new Plane(row, { title: "Their slopes", x: data.view, y: data.slopes, xLabel: "x", yLabel: "" });
  const panel = new Panel(stage, data.controls, draw);
  panel.presets(data.presets);
  drawSamples(shapes, data);

  function draw(values) {
    const critic = data.critics[values.method][values.method === "clip" ? values.clip : values.weight];
    for (const [key, name] of [["clip", "clip"], ["weight", "penalty"]]) {
      panel.inputs.get(key).input.disabled = (values.method === "clip") !== (name === "clip");
    }
    drawPair(shapes, polyline(data.witness), polyline(critic));
    drawPair(slopes, steps(data.witness), steps(critic));
    const text = sentence(values.method, critic, data.w1);
    panel.say(text);
    shapes.describe(`The exact witness, high over the data and low over the generator's samples, and the critic divided by its Lipschitz constant. ${text}`);
    slopes.describe(`The slopes of the witness, between minus one and one, and of the critic. ${text}`);
  }

  panel.draw();
}

const polyline = ({ at, heights }) => at.map((u, i) => [u, heights[i]]);

/** The corners of a step function with these values between the places. */
export const steps = ({ at, slopes }) => slopes.flatMap((s, i) => [[at[i], s], [at[i + 1], s]]);

function drawPair(plane, exact, learned) {
  const group = plane.layer("curves");
  svg(group, "path", { d: plane.path(exact, false) });
  svg(group, "path", { d: plane.path(learned, false), class: "tk-dashed" });
}

function drawSamples(plane, { x, y, heights }) {
  const low = plane.py(heights[0]);
  const [marks, labels] = [plane.layer("target"), plane.layer("labels")];
  for (const u of x) svg(marks, "path", { d: `M${plane.px(u)},${low - 14}v12` });
  for (const u of y) svg(marks, "path", { d: `M${plane.px(u) - 4},${low - 12}l8,8m0,-8l-8,8` });
  for (const [text, u] of [["data", x[0]], ["generator", y[0]], ["data", x[x.length / 2]]]) {
    svg(labels, "text", { x: plane.px(u), y: low - 20 }, text);
  }
}

/** The readout: value, constant, bound, distance, and the value that the best critic would have. */
export function sentence(method, { value, lipschitz, bound, best }, w1) {
  const number = (u) => show(u, 3, 0.01);
  const end = method === "clip" ? "The best critic within the clip" : "The best function under this penalty";
  return `${NAMES[method]}: value ${number(value)}, exact Lipschitz constant ${number(lipschitz)}, so W₁ ≥ ${number(bound)}. In truth W₁ = ${number(w1)}. ${end} has the value ${number(best)}.`;
}
