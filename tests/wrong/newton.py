"""Wrong and right answers to sheet 7, each as a student would give it."""

import numpy as np
from numpy import exp, log, pi, sinh
from scipy.optimize import brentq

from teachkit import newton as nt
from teachkit.data import banana
from teachkit.newton_population import kl_to_banana


def follow(z1, s, u, t):
    """Return the answers that follow from an s and a u, right or wrong."""
    x2 = u + t
    log_p = -0.5 * z1**2 - 0.5 * (x2 + 0.1 * z1**2) ** 2 - log(2 * pi)
    return {"s": s, "x2": x2, "log_p": log_p, "objective": log_p + s}


def wrong_s_and_x2(data, best, t):
    a, b, z1, z2, s = (*(data[name] for name in ("a", "b", "z1", "z2")), best["s"])
    return [
        ({**best, "s": exp(s)}, "s is its logarithm"),
        ({**best, "s": a * z1}, "The constant of the line is missing"),
        ({**best, "s": a * z2 + b}, "You put z2 into the line"),
        ({**best, "s": b * z1 + a}, "You swapped a and b"),
        ({**best, "s": t}, "That is t, the translation"),
        ({**best, "x2": z2 * s + t}, "You multiplied by s"),
        ({**best, "x2": z2 / exp(s) + t}, "You divided by the scale"),
        ({**best, "x2": t}, "where z2 = 0 lands"),
        ({**best, "x2": (z2 - t) / exp(s)}, "That is the inverse"),
        ({**best, "x2": exp(s) * (z2 + t)}, "You scaled the translation too"),
        ({**best, "x2": z2 * exp(s)}, "without the translation"),
    ]


def one_sample(data):
    a, b, c, d, z1, z2 = (data[name] for name in ("a", "b", "c", "d", "z1", "z2"))
    s, t = a * z1 + b, c * z1 + d
    x2 = z2 * exp(s) + t
    ridge = x2 + 0.1 * z1**2
    log_p = -0.5 * z1**2 - 0.5 * ridge**2 - log(2 * pi)
    best = {"s": s, "x2": x2, "log_p": log_p, "objective": log_p + s}
    wrong = [
        *wrong_s_and_x2(data, best, t),
        ({**best, "log_p": -0.5 * (z1**2 + ridge**2)}, "a constant is missing"),
        ({**best, "log_p": log_p + log(2 * pi) / 2}, "once for each axis"),
        ({**best, "log_p": -(z1**2) - ridge**2 - log(2 * pi)}, "The factor 1/2 before the squares"),
        ({**best, "log_p": -0.5 * (z1**2 + x2**2) - log(2 * pi)}, "You took the plain normal law"),
        ({**best, "log_p": log_p / log(2)}, "in bits; nats are asked for"),
        ({**best, "log_p": -0.5 * (z1**2 + (x2 - 0.1 * z1**2) ** 2) - log(2 * pi)}, "bent the banana upwards"),
        ({**best, "log_p": -0.5 * (z1**2 + (z2 + 0.1 * z1**2) ** 2) - log(2 * pi)}, "You put in z"),
        ({**best, "log_p": exp(log_p)}, "its logarithm is asked for"),
        ({**best, "objective": log_p - s}, "You subtracted the log-determinant"),
        ({**best, "objective": log_p + exp(s)}, "You added the determinant"),
        ({**best, "objective": log_p}, "The log-determinant is missing"),
        ({**best, "objective": s * log_p}, "You multiplied two logarithms"),
        ({**best, "objective": log_p + log(abs(s))}, "s is a logarithm already"),
        ({**best, "objective": (log_p + s) / log(2)}, "in bits; nats are asked for"),
        (follow(z1, s, u=z2 * s, t=t), "x2; correct that first"),
        (follow(z1, s, u=0, t=t), "log_p; correct that first"),
        (follow(z1, a * z1, u=z2 * exp(a * z1), t=t), "This follows from your s; correct"),
        (follow(z1, a * z2 + b, u=z2 * exp(a * z2 + b), t=t), "from your s and x2"),
        ({"s": s}, "not filled in yet"),
    ]
    right = [
        best,
        {**best, "log_p": f"{log_p:.6f} nats"},
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
        ({**best, "h11": "-1 - k*x2 - 2*k**2*x1**2"}, "The factor 2 of the derivative"),
        ({**best, "h11": "-1 - 0.2*x2 - 0.06*x1**2"}, "That is the chapter's banana"),
        ({**best, "h12": "-x2 - k*x1*x1"}, "first derivative along x2"),
        ({**best, "h12": "-x1/5"}, "That is the chapter's banana"),
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


def pulled(theta, z, x2, bent, u=None):
    """Return the gradient with g = -(x2 + 0.1 bent^2)."""
    z1 = z[:, 0]
    u = z[:, 1] * exp(theta[0] * z1 + theta[1]) if u is None else u
    g = -(x2 + 0.1 * bent**2)
    return np.array([np.mean(g * u * z1 + z1), np.mean(g * u + 1), np.mean(g * z1), np.mean(g)])


def stored_x(theta, z):
    x = z.copy()
    x[:, 1] = nt.push(theta, z)[:, 1]
    return pulled(theta, z, x[:, 1], x[:, 0])


def stored_u(theta, z):
    x = z.copy()
    x[:, 1] = x[:, 1] * exp(theta[0] * z[:, 0] + theta[1])
    return pulled(theta, z, x[:, 1] + theta[2] * z[:, 0] + theta[3], z[:, 0], u=x[:, 1])


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
        (lambda theta, z: each(theta, z, bend=-0.1).mean(0), "Your banana bends upwards"),
        (lambda theta, z: pulled(theta, z, z[:, 1], z[:, 0]), "You take g at z"),
        (lambda theta, z: pulled(theta, z, nt.push(theta, z)[:, 1], z[:, 1]), "you took z2 there"),
        (stored_x, "drops fractions, even if you write"),
        (stored_u, "drops fractions, even if you write"),
        (lambda theta, z: each(theta, z).mean(0, keepdims=True), "has the shape [1, 4]"),
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
        ((True, "a"), "Compute the singular values"),
        ((True, "b"), "Compute the singular values"),
        ((False, "a"), "point in new directions"),
        ((False, "c"), "can be invertible"),
        ((False, "d"), "Signs do not decide this"),
        ((False, "e"), "rounding can only hide"),
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
        ({**best, "d": k}, "You left out the shift m"),
        ({**best, "d": 3 * k - m}, "the mean of z1^4"),
        ({**best, "kl": 2 * k * k}, "a half in front"),
        ({**best, "kl": 3 * k * k / 2}, "removes its mean"),
        ({**best, "kl": k * k / 2}, "the variance of z1^2 to be 1"),
        ({**best, "kl": kl_to_banana([0, 0, 0, -0.1])}, "yours has another curvature"),
        ({**best, "kl": 0}, "A line can't follow a parabola"),
        ({**best, "kl": k}, "This grows like k"),
        ({**best, "kl": k * k / log(2)}, "in bits; nats are asked for"),
        ({**best, "e": 2 * k}, "nothing is differentiated here"),
        ({**best, "d_exact": 0}, "does not pass through the origin"),
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
        ("(exp(2*b + 2*a**2) - 1)/2", "yours is not"),
        ("1 - exp(2*(a**2 + b))", "That is the gradient"),
        ("-2*exp(2*b)*exp(2*a**2)", "That is the second derivative"),
        ("exp(-2*b - a**2)/2 - 1/2", "You squared the mean of exp(s)"),
        ("exp(-2*b - 4*a**2)/2 - 1/2", "you left out this half"),
        ("exp(2*a**2 - 2*b)/2 - 1/2", "In yours a lengthens the step"),
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
    leap = 0.5 * (exp(-2 * b0 - 2 * a * a) - 1)
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
        (b0 + leap, "where the step from there lands"),
        (leap, "the length of the step"),
        (-2 * a * a - b0, "to the right of the top"),
    ]
    return wrong, [b0, np.float32(b0), f"{b0 + a * a:.6f} - {a}**2", np.array([round(b0, 3)])]


def gain_over_promise(data):
    b = np.linspace(-0.8, -0.1, 71)
    p, g, H = 0.5 * (exp(-2 * b) - 1), 1 - exp(2 * b), -2 * exp(2 * b)
    gain, promise = np.array([slice_gain(x) for x in b]), g * p + 0.5 * H * p**2
    fine = np.linspace(-0.9, -0.05, 300)
    leap = -exp(-fine) * sinh(fine)
    fine_rho = (leap + 0.5 * exp(2 * fine) - 0.5 * exp(2 * (fine + leap))) / sinh(fine) ** 2
    back = (b - p) - 0.5 * exp(2 * (b - p)) - b + 0.5 * exp(2 * b)
    wrong = [
        ((b, promise / gain), "You divided the promise by the gain"),
        ((b, gain / (g * p)), "the model bends"),
        ((b, gain / (g * p - 0.5 * H * p**2)), "the curvature has the wrong sign"),
        ((b, gain), "That is the gain alone"),
        ((b, promise), "That is the promise alone"),
        ((fine_rho, fine), "needs at least 50 points"),
        ((b, -gain / promise), "near the top the ratio must be near 1"),
        ((b, back / promise), "p is added"),
        ((b[20:], (gain / promise)[20:]), "The curve must reach from"),
        ((b[::3], (gain / promise)[::3]), "needs at least 50 points"),
    ]
    return wrong, [(b, gain / promise), [fine, fine_rho], (b[::-1], (gain / promise)[::-1].astype(np.float32))]


def stuck_run(data):
    wrong = [("a", "the point is stationary, no more"), ("b", "sign and all"), ("d", "L may rise on the way")]
    wrong += [("e", "what does half of Newton"), ("saddle", "Expected one of the letters")]
    return wrong, ["c", "C", "(c)"]
