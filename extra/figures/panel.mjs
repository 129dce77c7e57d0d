/** Labelled native controls with their values, buttons, and the line that says what the picture shows. */

import { html, show } from "./plane.mjs";

let ids = 0;

export class Panel {
  /**
   * @param {HTMLElement} stage
   * @param {object[]} specs the controls as `teachkit.widgets` describes them
   * @param {(values: object) => void} draw called at every change
   */
  constructor(stage, specs, draw) {
    this.readout = html(stage, "p", { className: "tk-readout" });
    this.readout.setAttribute("aria-live", "polite");
    this.controls = html(stage, "div", { className: "tk-controls" });
    this.buttons = html(stage, "div", { className: "tk-buttons" });
    this.inputs = new Map();
    this.values = {};
    this.start = Object.fromEntries(specs.map(({ key, value }) => [key, value]));
    this.draw = guarded(stage, () => draw(this.values));
    for (const spec of specs) this.#add(spec);
    this.#write(this.start);
  }

  #add(spec) {
    const id = `tk-control-${spec.key}-${ids++}`; // pictures have ids of their own
    const row = html(this.controls, "div", { className: `tk-control tk-${spec.kind}` });
    html(row, "label", { htmlFor: id, textContent: spec.label });
    const input = spec.kind === "choice" ? select(row, id, spec) : range(row, id, spec);
    this.inputs.set(spec.key, { ...spec, input, output: row.querySelector("output") });
    input.addEventListener("input", () => {
      this.#write({ [spec.key]: spec.kind === "choice" ? input.value : Number(input.value) });
      this.draw();
    });
  }

  #write(values) {
    for (const [key, value] of Object.entries(values)) {
      const { input, output, kind, step, names } = this.inputs.get(key);
      input.value = value;
      this.values[key] = kind === "choice" ? input.value : Number(input.value);
      if (!output) continue;
      output.value = names.length ? names[this.values[key]] : show(this.values[key], decimals(step));
      if (names.length) input.setAttribute("aria-valuetext", output.value);
    }
  }

  /** Set some values (the range inputs round and clip them), then draw. */
  set(values) {
    this.#write(values);
    this.draw();
  }

  /** Add a button that runs an action, and return it. */
  button(label, action) {
    const node = html(this.buttons, "button", { type: "button", textContent: label });
    node.addEventListener("click", guarded(this.readout.parentElement, () => action(node)));
    return node;
    return node;
  }

  /** Add one button for each preset, then "Reset". */
  presets(presets = {}) {
    for (const [label, values] of Object.entries(presets)) this.button(label, () => this.set(values));
    this.button("Reset", () => this.set(this.start));
  }

  /** Say in one line what the picture shows. */
  say(text) {
    this.readout.textContent = text;
  }
}

function range(row, id, { low, high, step, value }) {
  const input = html(row, "input", { id, type: "range", min: low, max: high, step });
  input.value = value;
  html(row, "output", {}).htmlFor.add(id);
  return input;
}

function select(row, id, { options }) {
  const input = html(row, "select", { id });
  for (const [value, text] of Object.entries(options)) html(input, "option", { value, textContent: text });
  return input;
}

/** Digits after the point that a step size asks for: 0.05 asks for two. */
const decimals = (step) => Math.max(0, -Math.floor(Math.log10(step) + 1e-9));

/** Report an error of a listener to the host element, which then shows the static picture again. */
export function guarded(stage, action) {
  return (...args) => {
    try {
      action(...args);
    } catch (error) {
      stage.dispatchEvent(new CustomEvent("tk-error", { detail: error }));
    }
  };
}
