/** One affine coupling layer with s and t set by hand, over the banana target. */

import { bananaLevel, couplingKl, couplingMap, gridCells, normal } from "./maths.mjs";
import { Panel } from "./panel.mjs";
import { Plane, html, show, svg } from "./plane.mjs";

const HALF = 3;
const CELLS = gridCells(HALF, 20);
const LEVELS = [0.5, 1, 1.5, 2, 2.5, 3];

/** @param {HTMLElement} stage @param {object} data controls and presets from Python */
export default function build(stage, data) {
  const row = html(stage, "div", { className: "tk-planes" });
  const image = new Plane(row, { title: "Flow (filled) and target (lines)", x: [-4, 4], y: [-4, 4], xLabel: "x₁", yLabel: "x₂" });
  const curves = new Plane(row, { title: "s (solid) and t (dashed)", x: [-2, 2], y: [-3, 3], xLabel: "z₁", yLabel: "" });
  const panel = new Panel(stage, data.controls, draw);
  panel.presets(data.presets);

  function draw(values) {
    const map = couplingMap(values);
    drawFlow(image, map);
    drawCurves(curves, map);
    panel.say(sentence(values, map));
    image.describe(`Image of a grid under the coupling layer, darker where the flow is denser, over level lines of the banana. KL ${show(couplingKl(values), 4)} nats.`);
    curves.describe(`Curves of s and t over z1 from -2 to 2: s runs from ${show(map.s(-2))} to ${show(map.s(2))}, t from ${show(map.t(-2))} through ${show(map.t(0))} to ${show(map.t(2))}.`);
  }

  panel.draw();
}

function drawFlow(plane, { f, det }) {
  const cells = plane.layer("cells");
  for (const { centre, boundary } of CELLS) {
    const density = normal(centre) / det(centre);
    const opacity = 0.8 * Math.min(1, density / normal([0, 0]));
    svg(cells, "path", { d: plane.path(boundary.map(f)), "fill-opacity": opacity.toFixed(3) });
  }
  const target = plane.layer("target");
  for (const level of LEVELS) svg(target, "path", { d: plane.path(bananaLevel(level)) });
}

function drawCurves(plane, { s, t }) {
  const group = plane.layer("curves");
  const at = Array.from({ length: 81 }, (_, i) => -2 + i / 20);
  svg(group, "path", { d: plane.path(at.map((u) => [u, s(u)]), false) });
  svg(group, "path", { d: plane.path(at.map((u) => [u, t(u)]), false), class: "tk-dashed" });
}

/** The readout: log |det J| where it is read off, and the distance to the target. */
export function sentence(values, { s }) {
  const logDets = [-1, 0, 1].map((u) => show(s(u))).join(", ");
  return `log |det J| at z₁ = −1, 0, 1: ${logDets}. KL(flow || banana) = ${show(couplingKl(values), 4)} nats.`;
}
