"""Wrong and right answers to sheet 7, each as a student would give it."""

import numpy as np
from numpy import exp, log, pi, sinh
from numpy.linalg import eigvalsh, inv, norm, solve
from scipy.linalg import sqrtm
from scipy.optimize import brentq

from teachkit import newton as nt
from teachkit.data import banana
from teachkit.newton_population import kl_to_banana
from teachkit.newton_root import newton_root
from teachkit.trust_region import Model, step_within


def one_sample(data):
    a, b, c, d, z1, z2 = (data[name] for name in ("a", "b", "c", "d", "z1", "z2"))
    s, t = a * z1 + b, c * z1 + d
    x2 = z2 * exp(s) + t
    ridge = x2 + 0.1 * z1**2
    log_p = -0.5 * z1**2 - 0.5 * ridge**2 - log(2 * pi)
    best = {"s": s, "x2": x2, "log_p": log_p, "objective": log_p + s}
    wrong = [
        ({**best, "s": exp(s)}, "s is its logarithm"),
        ({**best, "s": a * z1}, "The constant of the line is missing"),
        ({**best, "s": a * z2 + b}, "You put z2 into the line"),
        ({**best, "x2": z2 * s + t}, "You multiplied by s"),
        ({**best, "x2": (z2 - t) / exp(s)}, "That is the inverse"),
        ({**best, "x2": exp(s) * (z2 + t)}, "You scaled the translation too"),
        ({**best, "x2": z2 * exp(s)}, "without the translation"),
        ({**best, "log_p": -0.5 * (z1**2 + ridge**2)}, "a constant is missing"),
        ({**best, "log_p": log_p + log(2 * pi) / 2}, "once for each axis"),
        ({**best, "log_p": -0.5 * (z1**2 + (x2 - 0.1 * z1**2) ** 2) - log(2 * pi)}, "bent the banana upwards"),
        ({**best, "log_p": -0.5 * (z1**2 + (z2 + 0.1 * z1**2) ** 2) - log(2 * pi)}, "You put in z"),
        ({**best, "log_p": exp(log_p)}, "its logarithm is asked for"),
        ({**best, "objective": log_p - s}, "You subtracted the log-determinant"),
        ({**best, "objective": log_p + exp(s)}, "You added the determinant"),
        ({**best, "objective": log_p}, "The log-determinant is missing"),
        ({**best, "objective": s * log_p}, "their logarithms add"),
        ({"s": s}, "not filled in yet"),
    ]
    right = [
        best,
        [np.float32(s), np.float32(x2), np.float32(log_p), f"{(log_p + s) / log(2):.6f} bits"],
        {**best, "s": f"{a}*({z1}) + ({b})", "objective": nt.objective([a, b, c, d], [[z1, z2]], banana())},
    ]
    return wrong, right


def second_derivatives(data):
    best = {"h11": "-1 - 2*k*x2 - 6*k**2*x1**2", "h12": "-2*k*x1"}
    wrong = [
        ({**best, "h11": "-1 - 2*k - 2*k*(x2 + k*x1**2)"}, "yours is the same for all x1"),
        ({**best, "h11": "-1 - 2*k*x2 - 2*k**2*x1**2"}, "you differentiated only the first"),
        ({**best, "h11": "-1 - 4*k**2*x1**2"}, "you differentiated only the second"),
        ({**best, "h11": "-1 - 2*k*x2 + 2*k**2*x1**2"}, "belongs to both terms"),
        ({**best, "h11": "-2*k*x2 - 6*k**2*x1**2"}, "At k = 0 the target is normal"),
        ({**best, "h11": "-x1*(1 + 2*k*(x2 + k*x1**2))"}, "That is the first derivative"),
        ({**best, "h11": "-1 - 2*k*y2 - (2*k*x1)**2"}, "The name 'y2' is not known"),
        ({**best, "h12": 0}, "the same for every x1"),
        ({**best, "h12": "2*k*x1"}, "the sign is not: the score"),
        ({**best, "h12": "-x1*k"}, "The factor 2"),
        ({**best, "h12": "-2*k*x1*x2 - 2*k**2*x1**3"}, "differentiate it along x2"),
        ({**best, "h12": "-2kx1"}, "Write each product with a star"),
    ]
    right = [best, ["-(1 + 2*k*(x2 + k*x1**2) + 4*(k*x1)**2)", "-k*(x1 + x1)"]]
    return wrong, [*right, {"h11": "-1 - 2*k*(x2 + 3*k*x1*x1)", "h12": "-(2*x1)*k"}]


def each(theta, z, pull=-1.0, bend=0.1, stretch=1.0, spread=1.0):
    """Return the single-sample gradients [n, 4], with factors by which students get its parts wrong."""
    z1, z2 = np.array(z, float).T
    scale = exp(theta[0] * z1 + theta[1])
    u = z2 * scale**stretch
    g = pull * (z2 * scale + theta[2] * z1 + theta[3] + bend * z1**2)
    return np.column_stack([g * u * z1 + spread * z1, g * u + spread, g * z1, g])


def in_place(theta, z):
    z[:, 1] *= 2
    return each(theta, z).mean(0)


def batch_gradient(data):
    wrong = [
        (lambda theta, z: each(theta, z).sum(axis=0), "You add the samples up"),
        (each, "one gradient for each sample"),
        (lambda theta, z: each(theta, z, spread=0).mean(0), "The log-determinant has a derivative too"),
        (lambda theta, z: each(theta, z, spread=-1).mean(0), "You subtract the log-determinant"),
        (lambda theta, z: each(theta, z, pull=1).mean(0), "The sign of g is wrong"),
        (lambda theta, z: -each(theta, z).mean(axis=0), "gradient of minus L"),
        (lambda theta, z: each(theta, z, stretch=0).mean(0), "lack a factor"),
        (lambda theta, z: each(theta, z, bend=0).mean(0), "a plain normal law"),
        (in_place, "in place; work on a copy"),
        (lambda theta, z: each(theta, z).mean(), "returns the shape [], expected [4]"),
        (lambda theta, z: each(theta, z).mean(0).astype(int), "whole numbers drop fractions"),
    ]
    right = [
        lambda theta, z: np.average(each(theta, z), axis=0).tolist(),
        lambda theta, z: np.ones(len(z)) @ each(theta, z) / len(z),
        lambda theta, z: nt.gradient(theta, z, banana()),
    ]
    return wrong, right


def step_without_error(data):
    wrong = [
        ((True, "a"), "Compute the rank"),
        ((True, "b"), "Compute the rank"),
        ((False, "a"), "point in new directions"),
        ((False, "c"), "can be invertible"),
        ((False, "d"), "such a matrix can be inverted"),
        ((False, "e"), "a matter of the formula"),
        ("false b", "Expected a truth value"),
    ]
    return wrong, [(False, "b"), [np.bool_(False), "(B)"], ("False", "b)")]


def bent_upwards(data):
    k, m = data["k"], data["m"]
    best = {"d": -(m - k), "kl": k * k, "e": k, "d_exact": -m}
    wrong = [
        ({**best, "d": m - k}, "on average y2 must be 0"),
        ({**best, "d": -m}, "That is the ridge at x1 = 0"),
        ({**best, "d": -m - k}, "bends the other way"),
        ({**best, "d": -k}, "the ridge is shifted too"),
        ({**best, "kl": 2 * k * k}, "a half in front"),
        ({**best, "kl": 3 * k * k / 2}, "removes its mean"),
        ({**best, "kl": k * k / 2}, "the variance of z1^2 to be 1"),
        ({**best, "kl": kl_to_banana([0, 0, 0, -0.1])}, "yours has another curvature"),
        ({**best, "kl": 0}, "A line can't follow a parabola"),
        ({**best, "e": -k}, "bends against the ridge"),
        ({**best, "d_exact": k - m}, "best for the line"),
        ({**best, "d_exact": m}, "the ridge is where y2 = 0"),
    ]
    right = [best, [f"{k} - {m}", f"{k}**2", k, f"-{m}"], {**best, "kl": f"{k * k / log(2):.6f} bits"}]
    return wrong, right


def step_along_b(data):
    wrong = [
        ("1/2 - exp(-2*(b + a**2))/2", "The sign is wrong"),
        ("0.5*(exp(-2*b) - 1)", "the step at a = 0"),
        ("0.5*exp(-2*b - a**2/2) - 0.5", "the mean of exp(a z1)"),
        ("exp(-2*b)*exp(-2*a**2) - 1", "You lost the 2"),
        ("(exp(2*b + 2*a**2) - 1)/2", "You inverted the wrong way"),
        ("1 - exp(2*(a**2 + b))", "That is the gradient"),
        ("b + 0.5*(exp(-2*b - 2*a**2) - 1)", "where the step lands"),
        ("(exp(-2*b - 2*a^2) - 1)/2", "Write a power with two stars"),
    ]
    right = [
        "0.5*exp(-2*(b + a**2)) - 0.5",
        "-(1 - exp(2*b + 2*a**2))/(-2*exp(2*b + 2*a**2))",
        "-exp(-b - a*a)*sinh(b + a*a)",
    ]
    return wrong, right


def slice_gain(b, a=0.0):
    """Return the gain of the raw step, from the library's divergence."""
    p = 0.5 * (exp(-2 * b - 2 * a * a) - 1)
    return kl_to_banana([a, b, 0, -0.1]) - kl_to_banana([a, b + p, 0, -0.1])


def first_harm(data):
    a = data["a"]
    b0 = brentq(lambda b: slice_gain(b, a), -0.8 - a * a, -0.4 - a * a)
    as_far = brentq(lambda y: -2 * y - 0.5 * (exp(-2 * y) - 1), -0.9, -0.4)
    quarter = brentq(lambda y: slice_gain(y) - sinh(y) ** 2 / 4, -0.9, -0.3)
    wrong = [
        (b0 + a * a, "That is the place for a = 0"),
        (-a * a, "That is the top"),
        (b0 + 2 * a * a, "You moved it the wrong way"),
        (b0 - a * a, "You moved it by too much"),
        (as_far - a * a, "Compare values of L"),
        (quarter - a * a, "There a trust region begins to shrink"),
        (-b0, "the sign is not"),
    ]
    return wrong, [b0, np.float32(b0), f"{b0 + a * a:.6f} - {a}**2", np.array([round(b0, 3)])]


def gain_over_promise(data):
    b = np.linspace(-0.8, -0.1, 71)
    p, g, H = 0.5 * (exp(-2 * b) - 1), 1 - exp(2 * b), -2 * exp(2 * b)
    gain, promise = np.array([slice_gain(x) for x in b]), g * p + 0.5 * H * p**2
    back = (b - p) - 0.5 * exp(2 * (b - p)) - b + 0.5 * exp(2 * b)
    wrong = [
        ((b, promise / gain), "You divided the promise by the gain"),
        ((b, gain / (g * p)), "the model bends"),
        ((b, gain / (g * p - 0.5 * H * p**2)), "the curvature has the wrong sign"),
        ((b, gain), "That is the gain alone"),
        ((b, -gain / promise), "near the top the ratio must be near 1"),
        ((b, back / promise), "p is added"),
        ((b[20:], (gain / promise)[20:]), "The curve must reach from"),
        ((b[::3], (gain / promise)[::3]), "needs at least 50 points"),
    ]
    fine = np.linspace(-0.9, -0.05, 300)
    leap = -exp(-fine) * sinh(fine)
    exact = (leap + 0.5 * exp(2 * fine) - 0.5 * exp(2 * (fine + leap))) / sinh(fine) ** 2
    return wrong, [(b, gain / promise), [fine, exact], (b[::-1], (gain / promise)[::-1].astype(np.float32))]


def stuck_run(data):
    wrong = [("a", "the point is stationary, no more"), ("b", "sign and all"), ("d", "none is near 0")]
    wrong += [("e", "at any length"), ("saddle", "Expected one of the letters")]
    return wrong, ["c", "C", "(c)"]


def full(g, H, radius):
    return -inv(H) @ g


def library(g, H, radius):
    return step_within(Model(0.0, g, H), radius)[0]


def by_root(g, H, radius, always=False):
    """Find mu with a linear system for each try."""
    top, step = eigvalsh(H).max(), lambda mu: solve(mu * np.eye(len(g)) - H, g)
    if top < 0 and not always and norm(step(0)) <= radius:
        return step(0)
    low = top if always else max(0, top)
    return step(brentq(lambda mu: norm(step(mu)) - radius, low + 1e-9, low + 1e3 * norm(g) / radius, xtol=1e-15))


def best_step(data):
    wrong = [
        (full, "That is the full step"),
        (lambda g, H, r: full(g, H, r) * min(1, r / norm(full(g, H, r))), "You shorten the full step"),
        (lambda g, H, radius: radius * g / norm(g), "You go along the gradient"),
        (lambda g, H, r: full(g, H, r) if norm(full(g, H, r)) <= r else library(g, H, r), "whenever it fits"),
        (lambda g, H, radius: by_root(g, H, radius, always=True), "You always go to the boundary"),
        (lambda g, H, radius: -by_root(g, -H, radius), "for minimising"),
        (lambda g, H, radius: 1.001 * library(g, H, radius), "longer than the radius"),
        (lambda g, H, radius: library(g, H, 0.9 * radius), "Is its length the radius"),
        (lambda g, H, radius: library(g, H - np.eye(len(g)), radius), "the full step is best"),
        (lambda g, H, radius: library(g, -sqrtm(H @ H).real, radius), "positive semidefinite"),
        (lambda g, H, radius: library(g, H, radius)[:, None], "a vector like g"),
    ]
    return wrong, [by_root, library, lambda g, H, radius: list(by_root(g, H, radius))]


def order_of_a_method(data):
    e0, e1, e2 = data["errors"]
    r = log(e2 / e1) / log(e1 / e0)
    wrong = [
        (2, "is it Newton's?"),
        (1 / r, "You divided the wrong way round"),
        (log(e2) / log(e1), "You left out the factor C"),
        (log(e1) / log(e0), "You used two errors only"),
        (e2 / e1, "That is the factor of one step"),
        (log(e1 / e2) / log(10), "digits won"),
        (-r, "the sign is not"),
    ]
    return wrong, [r, round(r, 2), f"(log({e2}) - log({e1}))/(log({e1}) - log({e0}))", np.float32(r)]


def iterate(theta, x, z0, slope=None, keep=False, sign=1, multiply=False):
    """Take two steps with a Jacobian that a student has written down."""
    a, b, c, d = theta
    path, J = [np.asarray(z0, dtype=float)], None
    for _ in range(2):
        z1, z2 = path[-1]
        scale = exp(a * z1 + b)
        if J is None or not keep:
            J = slope(a, c, z2, scale) if slope else np.array([[1, 0], [a * z2 * scale + c, scale]])
        residual = np.array([x[0] - z1, x[1] - z2 * scale - c * z1 - d])
        path.append(path[-1] + sign * (J @ residual if multiply else inv(J) @ residual))
    return np.stack(path)


def explicit(theta, x, z0):
    a, b, c, d = theta
    end = [x[0], (x[1] - c * x[0] - d) * exp(-a * x[0] - b)]
    return np.array([z0, end, end])


def two_steps(data):
    def taken(slope=None, **how):
        return lambda theta, x, z0: iterate(theta, x, z0, slope, **how)

    wrong = [
        (taken(lambda a, c, z2, scale: np.array([[1, a * z2 * scale + c], [0, scale]])), "You transposed the Jacobian"),
        (taken(lambda a, c, z2, scale: np.diag([1, scale])), "Your Jacobian is diagonal"),
        (taken(lambda a, c, z2, scale: np.array([[1, 0], [a * z2 + c, scale]])), "lacks a factor"),
        (taken(lambda a, c, z2, scale: np.array([[1, 0], [c, scale]])), "s depends on z1 too"),
        (taken(keep=True), "You keep the first Jacobian"),
        (taken(sign=-1), "goes away from the solution"),
        (taken(multiply=True), "You multiply by the Jacobian"),
        (explicit, "You used the explicit inverse"),
        (lambda theta, x, z0: iterate(theta, x, z0)[-1], "returns the shape [2], expected [3, 2]"),
        (lambda theta, x, z0: iterate(theta, x, z0).astype(z0.dtype), "whole numbers drop fractions"),
    ]
    right = [
        iterate,
        lambda theta, x, z0: [tuple(z) for z in iterate(theta, x, z0)],
        lambda theta, x, z0: list(newton_root(lambda z: nt.push(theta, z), x, z0, max_iter=2, tol=1e-300)),
    ]
    return wrong, right
