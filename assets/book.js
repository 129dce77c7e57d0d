// Make regions that scroll sideways reachable by keyboard, and only those that do scroll.
const SCROLLERS = {
  'mjx-container[display="true"]': "Formula, scrolls sideways",
  "span.math.tk-wide": "Formula, scrolls sideways",
  "pre": "Code, scrolls sideways",
  ".pst-scrollable-table-container": "Table, scrolls sideways",
  ".cell_output .output": "Output, scrolls sideways",
};

/** Give one region a tab stop and a name while its content is wider than it is. */
function update(region, name) {
  const scrolls = region.scrollWidth > region.clientWidth + 1;
  if (scrolls) {
    region.tabIndex = 0;
    region.setAttribute("role", "group");
    region.setAttribute("aria-label", name);
  } else if (region.hasAttribute("tabindex")) {
    ["tabindex", "role", "aria-label"].forEach((attribute) => region.removeAttribute(attribute));
  }
}

/** Let an inline formula scroll if it is wider than its line; a browser can't break it. Bold type has no width. */
function boundInline(formula) {
  const line = formula.closest("p, li, dt, dd, td, th, figcaption, div, h1, h2, h3, h4");
  const wide = formula.firstElementChild?.offsetWidth > line.clientWidth;
  formula.classList.toggle("tk-wide", Boolean(wide));
}

function updateAll() {
  document.querySelectorAll("main span.math").forEach(boundInline);
  for (const [selector, name] of Object.entries(SCROLLERS)) {
    document.querySelectorAll(`main ${selector}`).forEach((region) => update(region, name));
  }
}

window.addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  updateAll();
  new ResizeObserver(updateAll).observe(document.querySelector("main"));
});
