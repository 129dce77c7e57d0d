/** Step size against global error for three methods, and the path of one of them. */

import { Panel } from "./panel.mjs";
import { Plane, show, html, svg } from "./plane.mjs";

/** @param {HTMLElement} stage @param {object} data the solution, recorded paths and errors from Python */
export default function build(stage, data) {
  const row = html(stage, "div", { className: "tk-planes" });
  const { view } = data;
  const left = new Plane(row, { title: "Path (dots) and solution (line)", x: view.t, y: view.y, xLabel: "t", yLabel: "y" });
  const right = new Plane(row, {
    title: "log₁₀ of the largest error", x: view.log_h, y: view.log_error, xLabel: "log₁₀ of the step size h", yLabel: "",
  });
  const panel = new Panel(stage, data.controls, draw);
  panel.presets(data.presets);
  svg(left.layer("target"), "path", { d: left.path(data.exact, false) });

  function draw({ method, k }) {
    drawPath(left, data.methods[method].paths[k]);
    drawErrors(right, data, method, k);
    const text = sentence(data, method, k);
    panel.say(text);
    const { label, order } = data.methods[method];
    left.describe(`Path of ${label} with ${data.counts[k]} steps over the falling curve 3 exp(−2t). ${text}`);
    right.describe(`Largest errors of three methods against the step size, both as powers of ten. ${label} follows a line of slope ${order} where steps are short. ${text}`);
  }

  panel.draw();
}

function drawPath(plane, points) {
  const group = plane.layer("path");
  svg(group, "path", { d: plane.path(points, false) });
  for (const point of points) {
    if (plane.contains(point)) svg(group, "circle", { cx: plane.px(point[0]), cy: plane.py(point[1]), r: points.length > 40 ? 2 : 3.5 });
  }
}

function drawErrors(plane, { methods, counts, end }, chosen, k) {
  const others = plane.layer("others");
  const picked = plane.layer("path");
  const labels = plane.layer("labels");
  for (const [name, { label, errors }] of Object.entries(methods)) {
    const points = errors.map((error, i) => [Math.log10(end / counts[i]), Math.log10(error)]);
    const group = name === chosen ? picked : others;
    svg(group, "path", { d: plane.path(points, false) });
    for (const [u, v] of points) svg(group, "circle", { cx: plane.px(u), cy: plane.py(v), r: 2.5 });
    const [u, v] = points.at(-1);
    svg(labels, "text", { x: plane.px(u) + 8, y: plane.py(v) + 14 }, label);
    if (name === chosen) svg(picked, "circle", { cx: plane.px(points[k][0]), cy: plane.py(points[k][1]), r: 8, class: "tk-ring" });
  }
}

/** The readout: the error here, what half the step makes of it, and whether the steps are too long. */
export function sentence({ methods, counts, end, rate }, method, k) {
  const { label, order, limit, errors } = methods[method];
  const h = end / counts[k];
  const parts = [`${label} with h = ${plain(h)}: largest error ${plain(errors[k])}.`];
  if (k + 1 < counts.length) {
    const factor = errors[k] / errors[k + 1];
    parts.push(`With half the step it is ${show(factor, 1)} times smaller; where steps are short, about ${2 ** order} times.`);
  }
  if (h * rate > limit) parts.push(`The numbers grow, because h times ${rate} is above ${limit}, and leave the picture.`);
  else if (h * rate === limit) parts.push(`The numbers do not fall, because h times ${rate} is ${limit}.`);
  return parts.join(" ");
}

/** Three digits that count, and powers of ten below a thousandth. */
const plain = (x) => (x < 1e-3 ? show(x, 4, 1e-3) : String(Number(x.toPrecision(3))));
