/**
 * The formulas of the figures, without any drawing.
 *
 * They are the twins of `teachkit.widgets`; tests/site/test_figures.py compares both on a table of points.
 * A point is an array [z1, z2].
 */

const { cos, exp, max, min, PI, sin } = Math;

/** Maps of the plane: `f` is the map, `det` the determinant of its Jacobian matrix. */
export const MAPS = {
  linear: { f: ([u, v]) => [2 * u + v, u + 3 * v], det: () => 5 },
  shear: { f: ([u, v]) => [u, v + 0.8 * u], det: () => 1 },
  bend: { f: ([u, v]) => [u, v * exp(0.6 * u) + 0.4 * u * u], det: ([u]) => exp(0.6 * u) },
  fold: {
    f: ([u, v]) => [2 * u + sin(v), v * v],
    det: ([, v]) => 4 * v,
    /** The other point with the same image. */
    rival: ([u, v]) => [u + sin(v), -v],
  },
};

/** Maps with their Jacobian matrices, rows first. */
export const LOCAL_MAPS = {
  wave: {
    f: ([u, v]) => [u * u + v, sin(u * v)],
    matrix: ([u, v]) => [[2 * u, 1], [v * cos(u * v), u * cos(u * v)]],
  },
  swap: { f: ([u, v]) => [u + v, 2 * u], matrix: () => [[1, 1], [2, 0]] },
  stretch: { f: ([u, v]) => [2 * u + v, u + 3 * v], matrix: () => [[2, 1], [1, 3]] },
  turn: { f: ([u, v]) => [u * u - v * v, 2 * u * v], matrix: ([u, v]) => [[2 * u, -2 * v], [2 * v, 2 * u]] },
};

/** Density of the standard normal law on the plane. */
export const normal = ([u, v]) => exp(-(u * u + v * v) / 2) / (2 * PI);

/** Boundary of the square cell with this centre and side, `n` points on each side, anticlockwise. */
export function cellBoundary([u, v], side, n = 64) {
  const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([p, q]) => [u + (p * side) / 2, v + (q * side) / 2]);
  return corners.flatMap(([p, q], k) => {
    const [r, s] = corners[(k + 1) % 4];
    return Array.from({ length: n }, (_, i) => [p + ((r - p) * i) / n, q + ((s - q) * i) / n]);
  });
}

/** Signed area of a polygon, positive when it runs anticlockwise. */
export function polygonArea(points) {
  // Relative to the first point, so that a tiny polygon far from the origin loses no digits.
  const [u0, v0] = points[0];
  return points.reduce((sum, [p, q], i) => {
    const [r, s] = points[(i + 1) % points.length];
    return sum + ((p - u0) * (s - v0) - (r - u0) * (q - v0)) / 2;
  }, 0);
}

/** Signed area of the image of the square with this lower left corner, over its own area. */
export function signedRatio(name, corner, side) {
  const border = cellBoundary(corner.map((value) => value + side / 2), side, 256);
  return polygonArea(border.map(LOCAL_MAPS[name].f)) / (side * side);
}

/** True when the cell has points on both sides of the line z2 = 0. */
export const straddlesFold = (name, [, v], side) => name === "fold" && Math.abs(v) < side / 2 - 1e-12;

/** Area of the image of a cell under the named map; where it is folded on itself, both layers count. */
export function imageArea(name, centre, side) {
  const cell = cellBoundary(centre, side, 256);
  // Clipping at the fold cuts the cell in two; elsewhere one of the two parts is flat.
  const clips = name === "fold" ? [(v) => max(v, 0), (v) => min(v, 0)] : [(v) => v];
  return clips.reduce((sum, clip) => {
    const part = cell.map(([u, v]) => [u, clip(v)]);
    return sum + Math.abs(polygonArea(part.map(MAPS[name].f)));
  }, 0);
}

/** Points that the named map sends to the same place as z: z itself and, under the fold, its rival. */
export function preimages(name, z) {
  const { rival } = MAPS[name];
  return rival && z[1] !== 0 ? [z, rival(z)] : [z];
}

/** Density of f(z) for standard normal z: the sum of p_Z / |det J| over all preimages; Infinity at the fold. */
export function imageDensity(name, z) {
  return preimages(name, z).reduce((sum, y) => sum + normal(y) / Math.abs(MAPS[name].det(y)), 0);
}

/** The affine coupling map with s = a z1 + b and t = c z1 + d + e z1^2. */
export function couplingMap({ a, b, c, d, e }) {
  const s = (u) => a * u + b;
  const t = (u) => c * u + d + e * u * u;
  return { s, t, f: ([u, v]) => [u, v * exp(s(u)) + t(u)], det: ([u]) => exp(s(u)) };
}

/** KL(flow || banana) in nats for standard normal z, in closed form. */
export function couplingKl({ a, b, c, d, e }) {
  const g = e + 0.1;
  const kl = -0.5 - b + (exp(2 * b + 2 * a * a) + c * c + d * d + 2 * d * g + 3 * g * g) / 2;
  return max(0, kl); // rounding may leave -1e-17 at the exact fit
}

/** A level curve of the banana: the points where x1^2 + (x2 + 0.1 x1^2)^2 = r^2. */
export function bananaLevel(r, n = 120) {
  return Array.from({ length: n }, (_, i) => {
    const x = r * cos((2 * PI * i) / n);
    return [x, r * sin((2 * PI * i) / n) - 0.1 * x * x];
  });
}

/** Cells of an n x n grid on the square [-half, half]^2, as {centre, boundary}. */
export function gridCells(half, n) {
  const side = (2 * half) / n;
  return Array.from({ length: n * n }, (_, k) => {
    const centre = [-half + side * ((k % n) + 0.5), -half + side * (Math.floor(k / n) + 0.5)];
    return { centre, boundary: cellBoundary(centre, side, 4) };
  });
}

/** Density at x of the normal law with mean mu and standard deviation sigma. */
export const normalDensity = (x, { mu, sigma }) => exp(-(((x - mu) / sigma) ** 2) / 2) / (sigma * Math.sqrt(2 * PI));

/** Log-likelihood in nats of the observations under a normal law. */
export const logLikelihood = (x, { mu, sigma }) =>
  x.reduce((sum, at) => sum - (((at - mu) / sigma) ** 2) / 2 - Math.log(sigma) - Math.log(2 * PI) / 2, 0);

/** The likeliest normal law whose deviation is at least `least`; `spread` is the deviation of the observations. */
export function bestNormal(x, least) {
  const mu = x.reduce((sum, at) => sum + at, 0) / x.length;
  const agree = x.every((at) => at === x[0]); // rounding would leave 1e-16
  const spread = agree ? 0 : Math.sqrt(x.reduce((sum, at) => sum + (at - mu) ** 2, 0) / x.length);
  return { mu, sigma: max(spread, least), spread };
}

/**
 * The level curve of the log-likelihood `gap` nats below its largest value for sigma between low and high, as a
 * closed polygon [mu, sigma]: at each sigma, (mu - m)^2 = 2 sigma^2 (l(m, sigma) - level) / n.
 */
export function likelihoodLevel(x, gap, [low, high], n = 160) {
  const best = bestNormal(x, low);
  const level = logLikelihood(x, best) - gap;
  const square = (sigma) => (2 * sigma * sigma * (logLikelihood(x, { mu: best.mu, sigma }) - level)) / x.length;
  const [bottom, top] = [edge(square, best.sigma, low), edge(square, best.sigma, high)];
  const right = Array.from({ length: n + 1 }, (_, i) => {
    // Closer together at both ends, where the curve turns.
    const sigma = bottom + ((top - bottom) * (1 - cos((PI * i) / n))) / 2;
    return [Math.sqrt(max(0, square(sigma))), sigma];
  });
  const left = right.map(([away, sigma]) => [best.mu - away, sigma]).reverse();
  return [...right.map(([away, sigma]) => [best.mu + away, sigma]), ...left];
}

/** Where f, which is positive at `inside`, becomes negative on the way to `end`; `end` if it does not. */
function edge(f, inside, end) {
  if (f(end) >= 0) return end;
  let [yes, no] = [inside, end];
  for (let i = 0; i < 60; i++) {
    const middle = (yes + no) / 2;
    if (f(middle) >= 0) yes = middle;
    else no = middle;
  }
  return yes;
}
