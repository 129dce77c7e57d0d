/** A coordinate plane in SVG: axes, clipped layers, and points that can be dragged or moved by keyboard. */

const NS = "http://www.w3.org/2000/svg";
const SIZE = 320;
const MARGIN = { left: 34, right: 10, top: 10, bottom: 34 };
let planes = 0;

/** Create an SVG element with attributes inside a parent. */
export function svg(parent, tag, attributes = {}, text = "") {
  const node = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text) node.textContent = text;
  parent.append(node);
  return node;
}

/** Create an HTML element with properties inside a parent. */
export function html(parent, tag, properties = {}) {
  const node = Object.assign(document.createElement(tag), properties);
  parent.append(node);
  return node;
}

/** A number for people: a true minus sign, no "-0.00", and powers of ten for what is huge or below `tiny`. */
export function show(x, digits = 2, tiny = 0) {
  const size = Math.abs(x);
  const text = size >= 1e5 || (size > 0 && size < tiny) ? x.toExponential(1) : x.toFixed(digits);
  return (Number(text) === 0 ? (0).toFixed(digits) : text).replace("e+", "e").replaceAll("-", "\u2212");
}

export class Plane {
  /**
   * @param {HTMLElement} parent
   * @param {{title: string, x: number[], y: number[], xLabel: string, yLabel: string}} options
   */
  constructor(parent, { title, x, y, xLabel, yLabel }) {
    const figure = html(parent, "div", { className: "tk-plane" });
    this.titleNode = html(figure, "p", { className: "tk-plane-title", textContent: title });
    this.frame = html(figure, "div", { className: "tk-plane-frame" });
    this.root = svg(this.frame, "svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", "aria-label": title });
    this.clip = `tk-clip-${planes++}`;
    this.axes = svg(this.root, "g", { class: "tk-axes" });
    this.layers = new Map();
    this.labels = [xLabel, yLabel];
    this.#addClip();
    this.setView(x, y);
  }

  #addClip() {
    const clip = svg(svg(this.root, "defs"), "clipPath", { id: this.clip });
    svg(clip, "rect", {
      x: MARGIN.left, y: MARGIN.top, width: SIZE - MARGIN.left - MARGIN.right, height: SIZE - MARGIN.top - MARGIN.bottom,
    });
  }

  /** Set what the picture says to those who can't see it. */
  describe(text) {
    this.root.setAttribute("aria-label", text);
  }

  /** Choose the ranges of both axes and draw them. */
  setView(x, y) {
    Object.assign(this, { x, y });
    this.axes.replaceChildren();
    for (const value of ticks(x)) this.#tick(value, true);
    for (const value of ticks(y)) this.#tick(value, false);
    const [bottom, middle] = [SIZE - 4, (SIZE + MARGIN.left - MARGIN.right) / 2];
    svg(this.axes, "text", { x: middle, y: bottom, "text-anchor": "middle" }, this.labels[0]);
    svg(this.axes, "text", { x: 8, y: SIZE / 2 - 14, "text-anchor": "middle" }, this.labels[1]);
  }

  #tick(value, horizontal) {
    const [x1, x2] = horizontal ? [this.px(value), this.px(value)] : [MARGIN.left, SIZE - MARGIN.right];
    const [y1, y2] = horizontal ? [MARGIN.top, SIZE - MARGIN.bottom] : [this.py(value), this.py(value)];
    svg(this.axes, "line", { x1, x2, y1, y2, class: value === 0 ? "tk-zero" : "tk-grid" });
    const place = horizontal
      ? { x: x1, y: SIZE - MARGIN.bottom + 14, "text-anchor": "middle" }
      : { x: MARGIN.left - 5, y: y1 + 4, "text-anchor": "end" };
    svg(this.axes, "text", place, String(value).replace("-", "\u2212"));
  }

  /** Horizontal place of a value in the picture's units. */
  px(value) {
    return MARGIN.left + ((value - this.x[0]) / (this.x[1] - this.x[0])) * (SIZE - MARGIN.left - MARGIN.right);
  }

  /** Vertical place of a value in the picture's units. */
  py(value) {
    return SIZE - MARGIN.bottom - ((value - this.y[0]) / (this.y[1] - this.y[0])) * (SIZE - MARGIN.top - MARGIN.bottom);
  }

  /** True when the point lies inside the axes. */
  contains([u, v]) {
    return u >= this.x[0] && u <= this.x[1] && v >= this.y[0] && v <= this.y[1];
  }

  /** SVG path through points. Far places are pulled in: renderers fail on coordinates of a million. */
  path(points, closed = true) {
    const far = (value) => Math.max(-1e4, Math.min(1e4, value)).toFixed(2);
    return `M${points.map(([u, v]) => `${far(this.px(u))},${far(this.py(v))}`).join("L")}${closed ? "Z" : ""}`;
  }

  /** The emptied layer with this name; layers lie over each other in the order of their first use. */
  layer(name) {
    if (!this.layers.has(name)) {
      this.layers.set(name, svg(this.root, "g", { class: `tk-${name}`, "clip-path": `url(#${this.clip})` }));
    }
    const group = this.layers.get(name);
    group.replaceChildren();
    return group;
  }

  /**
   * Add a point that a pointer, a finger or the arrow keys can move. It is an HTML element over the picture,
   * because the parts of an element with the role "img" can't be reached by keyboard.
   *
   * @param {{label: string, hint: string, step: number, move: (point: number[]) => void, kind?: string}} options
   * @returns {(point: number[]) => void} places the handle
   */
  handle({ label, hint, step, move, kind = "" }) {
    const knob = html(this.frame, "div", { className: `tk-handle ${kind}`.trim(), tabIndex: 0, title: hint });
    const attributes = { role: "slider", "aria-label": `${label}. ${hint}`, "aria-valuemin": this.x[0], "aria-valuemax": this.x[1] };
    for (const [key, value] of Object.entries(attributes)) knob.setAttribute(key, value);
    let at = [0, 0];
    knob.addEventListener("keydown", (event) => {
      const by = arrow(event, step);
      if (by) move([at[0] + by[0], at[1] + by[1]]);
    });
    knob.addEventListener("pointerdown", (event) => { knob.setPointerCapture(event.pointerId); knob.focus(); });
    knob.addEventListener("pointermove", (event) => {
      if (knob.hasPointerCapture(event.pointerId)) move(this.#pointAt(event));
    });
    return (point) => { at = point; this.#placeKnob(knob, point); };
  }

  #placeKnob(knob, [u, v]) {
    knob.style.left = `${(100 * this.px(u)) / SIZE}%`;
    knob.style.top = `${(100 * this.py(v)) / SIZE}%`;
    knob.setAttribute("aria-valuenow", u);
    knob.setAttribute("aria-valuetext", `${show(u)}, ${show(v)}`);
  }

  #pointAt(event) {
    const box = this.root.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * SIZE;
    const down = ((event.clientY - box.top) / box.height) * SIZE;
    const u = (across - MARGIN.left) / (SIZE - MARGIN.left - MARGIN.right);
    const v = (SIZE - MARGIN.bottom - down) / (SIZE - MARGIN.top - MARGIN.bottom);
    return [this.x[0] + u * (this.x[1] - this.x[0]), this.y[0] + v * (this.y[1] - this.y[0])];
  }
}

/** The move that an arrow key asks for (Shift: five steps), or null. */
function arrow(event, step) {
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (!by) return null;
  event.preventDefault();
  const size = event.shiftKey ? 5 * step : step;
  return [by[0] * size, by[1] * size];
}

/** Four to eight round numbers inside a range. */
function ticks([low, high]) {
  const step = [0.5, 1, 2, 4, 5, 10].find((s) => (high - low) / s <= 8) ?? (high - low) / 4;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}
