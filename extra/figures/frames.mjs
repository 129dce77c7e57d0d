/** Pictures drawn beforehand, one for each value of a parameter, with a slider and a play button. */

import { Panel } from "./panel.mjs";
import { html } from "./plane.mjs";

const SECONDS_PER_FRAME = 0.8;

/** @param {HTMLElement} stage @param {object} data frames {alt, src}, src null for the static picture, and the slider from Python */
export default function build(stage, data) {
  const first = stage.parentElement.querySelector(".tk-static img").src;
  const picture = html(stage, "img", { className: "tk-frame", width: data.width, height: data.height });
  const panel = new Panel(stage, data.controls, ({ frame }) => {
    const { src, alt } = data.frames[frame];
    Object.assign(picture, { src: src ?? first, alt });
    panel.say(`${data.label}: ${data.controls[0].names[frame]}`);
  });
  // A moving picture is not offered to readers who ask for less motion; the slider shows them every frame.
  if (!window.matchMedia("(prefers-reduced-motion: reduce)").matches) addPlayer(stage, panel, data.frames.length);
  panel.presets(data.presets);
  panel.draw();
}

function addPlayer(stage, panel, count) {
  let timer = null;
  const button = panel.button("Play", () => (timer === null ? play() : pause()));

  function pause() {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  }

  function play() {
    if (panel.values.frame === count - 1) panel.set({ frame: 0 });
    button.textContent = "Pause";
    timer = setInterval(advance, 1000 * SECONDS_PER_FRAME);
  }

  function advance() {
    if (!stage.isConnected) return pause();
    panel.set({ frame: panel.values.frame + 1 });
    if (panel.values.frame === count - 1) pause();
  }

  // A hand on the slider means that the reader has taken over.
  panel.controls.addEventListener("input", pause);
}
