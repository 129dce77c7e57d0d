/**
 * Turns every static figure of class "tk-interactive" into one that moves.
 *
 * The page works without this module: it then shows the static picture. The same happens after any error.
 */

import { html } from "./plane.mjs";

const FIGURES = {
  likelihood: () => import("./likelihood.mjs"),
  pushforward: () => import("./pushforward.mjs"),
  parallelogram: () => import("./parallelogram.mjs"),
  coupling: () => import("./coupling.mjs"),
  minimax: () => import("./minimax.mjs"),
  newton: () => import("./newton.mjs"),
  ode: () => import("./ode.mjs"),
  transport: () => import("./transport.mjs"),
  evaluation: () => import("./evaluation.mjs"),
  wgan: () => import("./wgan.mjs"),
  frames: () => import("./frames.mjs"),
};

/** Build the moving figure inside its host element; on any error the static picture stays. */
export async function enhance(host) {
  const stage = html(host, "div", { className: "tk-stage" });
  const fail = (error) => {
    console.error(`figure ${host.dataset.figure}:`, error);
    stage.remove();
    host.classList.remove("tk-ready");
  };
  stage.addEventListener("tk-error", (event) => fail(event.detail));
  try {
    const data = JSON.parse(host.querySelector("script").textContent);
    stage.setAttribute("role", "group");
    stage.setAttribute("aria-label", data.label);
    const { default: build } = await FIGURES[host.dataset.figure]();
    build(stage, data);
    if (stage.isConnected) host.classList.add("tk-ready");
  } catch (error) {
    fail(error);
  }
}

document.querySelectorAll(".tk-interactive").forEach(enhance);
