"""Wrong and right answers to sheet 1, each as a student would give it; `foundations_more` goes on."""

import math
from itertools import pairwise, zip_longest
from statistics import NormalDist, fmean, median, pvariance, variance

import numpy as np

from teachkit.change_of_variables import pushforward_log_prob
from teachkit.data import Gaussian
from teachkit.ode import euler, rk4
from teachkit.ode_density import continuous_flow

density = NormalDist().pdf


def _small_steps(x):
    m, v, u, n = fmean(x), pvariance(x), variance(x), 4
    return [
        ("mean", sum(x), "mean: This is the sum"),
        ("mean", median(x), "mean: This is the median"),
        ("variance", u, "variance: This is the unbiased"),
        ("variance", math.sqrt(v), "variance: This is the standard deviation"),
        ("variance", n * v, "variance: This is the sum of the squared"),
        ("variance", fmean(t * t for t in x), "Take the deviations from the mean first"),
        ("variance", fmean(abs(t - m) for t in x), "sizes of the deviations"),
        ("unbiased", v, "unbiased: This is the likeliest value"),
        ("unbiased", v * (n - 1) / n, "the wrong way round"),
        ("unbiased", math.sqrt(u), "unbiased: This is a standard deviation"),
    ]


def _total(x, law, log=math.log):
    return sum(log(law.pdf(t)) for t in x)


def _log_likelihoods(x, theirs):
    m, v, u, n = fmean(x), pvariance(x), variance(x), 4
    s, law = math.sqrt(v), NormalDist(m, math.sqrt(v))
    best = _total(x, law)
    pairs = [
        (best / n, "log_likelihood: This is the mean over the data"),
        (best + n * math.log(math.sqrt(2 * math.pi)), "normal density is missing"),
        (_total(x, NormalDist(m, math.sqrt(u))), "value at the unbiased variance"),
        (_total(x, law, math.log10), "logarithm to base 10"),
        (math.prod(math.log(law.pdf(t)) for t in x), "logarithms are multiplied"),
        (best - n * math.log(s), "you take 1/sigma**2"),
        (best + n * math.log(s), "do not integrate to 1"),
        (-n * math.log(s * math.sqrt(2 * math.pi)), "exponents are missing"),
        (-n * math.log(2 * math.pi * s) - n / 2, "sqrt(2*pi), and not"),
        (best / math.log(2), "log_likelihood: This is in bits"),
        (_total(x, NormalDist(m, v)), "the variance where sigma stands"),
        (_total(x, theirs), "log-likelihood at the colleague's law"),
        (-n * (math.log(2 * math.pi * u) / 2 + 0.5), "the unbiased variance in the formula"),
    ]
    return [("log_likelihood", answer, piece) for answer, piece in pairs]


def _gaps(x, theirs, gap):
    m, v, n = fmean(x), pvariance(x), 4
    best, tall = gap + _total(x, theirs), NormalDist(m, math.sqrt(variance(x)))
    s, their_s, their_v = math.sqrt(v), theirs.stdev, theirs.variance
    back = n * (math.log(s / their_s) + (their_v + (m - theirs.mean) ** 2) / (2 * v) - 0.5)
    pairs = [
        (gap / n, "gap: This is the gap for one number"),
        (best - gap, "gap: This is their log-likelihood itself"),
        (gap - best, "gap: This is their log-likelihood without"),
        (back, "gap: This is four times the divergence in the other"),
        (back / n, "other direction, and for one number"),
        (best - _total(x, NormalDist(theirs.mean, math.sqrt(their_s))), "You take sigma for a variance"),
        (n * (math.log(their_s / s) + v / (2 * their_v) - 0.5), "Their mean is wrong too"),
        (_total(x, tall) - _total(x, theirs), "gap: This is the gap to the law with the unbiased"),
        (gap + 2 * (v / 3 / their_v - math.log(4 / 3)), "divergence with the unbiased variance"),
        (math.exp(gap), "gap: This is the factor between"),
        (gap / math.log(2), "gap: This is in bits"),
    ]
    return [("gap", answer, piece) for answer, piece in pairs]


def four_numbers(data):
    x, v = data["x"], pvariance(data["x"])
    theirs = NormalDist(data["mu0"], data["sigma0"])
    best = _total(x, NormalDist(fmean(x), math.sqrt(v)))
    gap = best - _total(x, theirs)
    good = {"mean": fmean(x), "variance": v, "unbiased": variance(x), "log_likelihood": best, "gap": gap}
    changes = [_small_steps(x), _log_likelihoods(x, theirs), _gaps(x, theirs, gap)]
    # The first twelve are tried for many students: some of each.
    mixed = [change for group in zip_longest(*changes) for change in group if change]
    wrong = [({**good, step: answer}, piece) for step, answer, piece in mixed]
    typed = {"mean": f"{sum(x)}/4", "variance": f"{v}", "unbiased": f"4*{v}/3"}
    typed |= {"log_likelihood": f"-2*log(2*pi*{v}) - 2", "gap": np.float32(gap)}
    return wrong, [good, list(good.values()), typed]


def stuck_divergence(data):
    wrong = [
        ((True, "f"), "move the model to [2, 3]"),
        ((True, "g"), "move the model to [2, 3]"),
        ((False, "a"), "smallest value of JS is 0"),
        ((False, "c"), "JS has no direction"),
        (("no", "d"), "JS would be below log 2"),
        ((False, "(e)"), "KL can be no witness"),
        ((False, "f"), "place by place"),
        ((False, "g"), "descends on JS"),
    ]
    return wrong, [(False, "b"), ["false", "(b)"], (np.bool_(False), "B")]


def exponential_divergence(data):
    wrong = [
        ("b/a + log(a) - log(b) - 1", "KL(q || p)"),
        ("log(b) - log(a)", "Only the factors before"),
        ("log(b/a) + a/b", "exponent of p itself"),
        ("a/b - 1", "Only the exponents are compared"),
        ("log(b/a) + b/a - 1", "mean of x/b under p is upside down"),
        ("log(a/b) + a/b - 1", "The logarithm has the wrong sign"),
        ("log(b/a) - a/b + 1", "exponents have the wrong signs"),
        ("-log(b/a) - a/b + 1", "The quotient is upside down"),
        ("log(b/a) - b/a + 1", "log p - log q under q"),
        ("a/b + log(b)", "mean of log p is missing"),
        ("log(b/a) + (1/a)*(1/b - 1/a)", "1/a for the mean"),
        ("log(b/a) + (a/b)**2/2 - 0.5", "two normal laws"),
        ("a/b + b/a - 2", "in both directions"),
        ("log2(b/a) + a/b - 1", "log2 counts in bits"),
        ("log2(b/a) + (a/b - 1)/log(2)", "This is in bits"),
    ]
    right = ["log(b/a) + a/b - 1", "log(b) - log(a) + (a - b)/b", "-ln(a/b) - (1 - a*b**-1)", "a/b-1-log(a/b)"]
    return wrong, right


def three_euler_steps(data):
    a, h, start = data["a"], data["h"], data["y0"]

    def walk(slope, steps=3, h=h, t=1.0):
        y = start
        for k in range(steps):
            y = y + h * slope(t + k * h, y)
        return y

    def again(y, t):
        return start + h * (a * t - y)

    def middle(t, y):
        return ((a * t - y) + (a * (t + h) - y - h * (a * t - y))) / 2

    def f(t, y):
        return a * t - y

    implicit = start
    for k in (1, 2, 3):
        implicit = (implicit + h * a * (1 + k * h)) / (1 + h)
    exact = a * 3 * h + start * math.exp(-3 * h)
    wrong = [
        (start + 3 * h * f(1, start), "one long step"),
        (walk(lambda t, y: f(t + h, y)), "time at the end of each step"),
        (walk(f, t=0.0), "Your time starts at 0"),
        (walk(lambda t, y: f(1, y)), "stays at 1, or is missing"),
        (walk(lambda t, y: f(t, start)), "The slopes use y0"),
        (again(again(again(start, 1), 1 + h), 1 + 2 * h), "sets out from y0 again"),
        (walk(f, 4), "These are four steps"),
        (walk(f, 1), "This is one step"),
        (exact, "the solution or close to it"),
        (walk(lambda t, y: -f(t, y)), "against the slope"),
        (walk(lambda t, y: a * t + y), "you add y"),
        (walk(middle), "as Heun's method"),
        (implicit, "solve for the new y"),
        (f(1 + 2 * h, walk(f, 2)), "not where it leads"),
        (walk(lambda t, y: (a * t - y) / h), "The slope is added whole"),
    ]
    closed = f"3*{a}*{h} + {start}*(1 - {h})**3"
    return wrong, [walk(f), closed, np.float32(walk(f)), np.array([walk(f)])]


def table_of_errors(data):
    wrong = [
        ("a", "Equal weights spoil"),
        ("(b)", "This slip shows on every problem"),
        ("D", "Rounding sets a floor"),
        ("e", "with a time in it or without"),
        ("f)", "Too long a step"),
    ]
    return wrong, ["c", "C", "(c)", "c)"]


def _solved(data, x, steps, solver):
    flow = continuous_flow(lambda t, x: -np.sin(x), 0, data["T"], steps, solver=solver)
    return np.exp(pushforward_log_prob(Gaussian([data["m"]], [[1.0]]).log_prob, flow.inverse, x[:, None]))


def carried_density(data):
    m, T = data["m"], data["T"]

    def phi(z):
        return np.exp(-((z - m) ** 2) / 2) / np.sqrt(2 * np.pi)

    x = np.linspace(-3, 3, 241)
    start = 2 * np.arctan(np.exp(T) * np.tan(x / 2))
    slope = (1 + np.tan(x / 2) ** 2) * np.exp(T) / (1 + np.exp(2 * T) * np.tan(x / 2) ** 2)
    end = 2 * np.arctan(np.exp(-T) * np.tan(x / 2))
    p = phi(start) * slope
    wrong = [
        ((x, phi(start)), "carried along unchanged"),
        ((x, phi(start) / slope), "The sign of the trace"),
        *[((x, phi(x)), "This is the density at time 0"), ((x, phi(x) * slope), "The factor is right")],
        ((x[1:-1], (phi(end) * np.sin(end) / np.where(x == 0, 1, np.sin(x)) + (x == 0) * phi(0) * np.exp(-T))[1:-1]),
         "running forward in time"),
        ((x, phi(start) * np.exp(T * np.cos(x))), "That is its end"),
        ((x, phi(start) * np.exp(T * np.cos(start))), "That is its start"),
        ((x, phi(x) * np.exp(T * np.cos(x))), "You stay at x"),
        ((x, phi(start) * np.exp(start - x)), "You integrate the field itself"),
        ((x, phi(x * np.exp(T)) * np.exp(T)), "You take x for sin x"),
        ((x, phi(start) * slope * np.sqrt(2 * np.pi)), "constant of the normal"),
        ((x, phi(start + m) * slope), "has the mean 0"),
        ((x, phi(x) / slope), "is turned. And the density"),
        ((x, phi(end)), "And the heights change"),
        *(((x, _solved(data, x, n, euler)), "solver is too rough") for n in (20, 200)),
        ((x, np.log(p)), "log-density"),
    ]  # fmt: skip
    ratio = np.sin(start) / np.sin(np.where(x == 0, 1, x))
    flux = phi(start) * np.where(x == 0, np.exp(T), ratio)
    edges = np.linspace(-3.0025, 3.0025, 1202)
    mass = [NormalDist(m).cdf(2 * math.atan(math.exp(T) * math.tan(e / 2))) for e in edges]
    gained = [b - a for a, b in pairwise(mass)]
    right = [
        (x, p),
        (x, _solved(data, x, 40, rk4)),
        [x.tolist(), flux.tolist()],
        ((edges[1:] + edges[:-1]) / 2, np.array(gained) / 0.005),
    ]
    return wrong, right


def stretched_normal(data):
    a, b, x = data["a"], data["b"], data["x"]
    z = (x - b) / a
    wrong = [
        (density(z), "its slope must enter"),
        (density(z) * -a, "You multiply by the stretch"),
        (density(z) / a, "never negative"),
        (density(z) / a**2, "square of a"),
        (density((x + b) / a) / -a, "Look at the sign of b"),
        (density(x / a) / -a, "leaves out the shift"),
        (density(a * x + b) / -a, "push x forward once more"),
        (NormalDist(b, math.sqrt(-a)).pdf(x), "as a variance"),
        (math.exp(-(z**2) / 2) / -a, "constant of the normal density"),
        (math.log(density(z) / -a), "logarithm of the density"),
        (density(x), "at x. It belongs at the z that the map sends to x, and the slope"),
        (density(x) / abs(a), "sends to x; the factor is right"),
        (density(a * x + b), "came from, and the slope"),
        (NormalDist(b, a**2).pdf(x), "as a standard deviation. It is the variance"),
        (NormalDist(b, -a).cdf(x), "This is a probability"),
        (NormalDist().cdf(z), "This is a probability"),
    ]
    right = [
        density(z) / -a, NormalDist(b, -a).pdf(x), np.float32(density(z) / -a),
        np.exp(Gaussian([b], [[a * a]]).log_prob([[x]])),
        f"exp(-(({x} - {b})/({a}))**2/2)/(sqrt(2*pi)*abs({a}))",
    ]  # fmt: skip
    return wrong, right


def squared_normal(data):
    root = "(2*pi)**(-1/2)"
    plus, minus = f"{root}*exp(-(x**0.5 - 1)**2/2)", f"{root}*exp(-(x**0.5 + 1)**2/2)"
    wrong = [
        (f"{plus}/(2*x**0.5)", "Only the positive root"),
        (f"{plus}/x**0.5", "One branch is doubled"),
        (f"({plus} + {minus})", "slopes of the two inverses are missing"),
        (f"({plus} + {minus})*2*x**0.5", "slope of the forward map"),
        (f"({plus} - {minus})/(2*x**0.5)", "second branch is subtracted"),
        (f"({plus} + {minus})/(2*x)", "taken at x"),
        (f"0.5*({plus} + {minus})/(2*x**0.5)", "You average the two branches"),
        (f"({plus} + {minus})/x**0.5", "off by a factor"),
        ("x**-0.5*exp(-x/2)/sqrt(2*pi)", "variable with mean 0"),
        ("(exp(-(sqrt(x) - 1)**2/2) + exp(-(sqrt(x) + 1)**2/2))/(2*sqrt(x))", "constant of the normal"),
        (f"{minus}/(2*x**0.5)", "Only the negative root"),
        (f"({plus} + {minus})/(2*x**0.5)/sqrt(2*pi)", "belongs to the plane"),
        (f"{root}*(exp(-(x - 1)**2/2) + exp(-(-x - 1)**2/2))/(2*x**0.5)", "evaluated at x"),
        (f"{root}*exp(-(x - 1)**2/2)/(2*x**0.5)", "evaluated at x"),
        (f"{root}*exp(-(x - 1)**2/2)", "slopes of the two inverses are missing"),
        (f"2*x*({plus} + {minus})", "taken at x. Where it stretches"),
        (f"{root}*exp(-(x**2 - 1)**2/2)", "square x once more"),
        (f"2*x*{root}*exp(-(x**2 - 1)**2/2)", "square x once more"),
        (f"{root}*(exp(-(x**0.5 - 1)**2) + exp(-(x**0.5 + 1)**2))/(2*x**0.5)", "exponent of the normal"),
        (f"log(({plus} + {minus})/(2*x**0.5))", "This is the logarithm"),
    ]
    right = [
        f"({plus} + {minus})/(2*x**0.5)",
        "exp(-(x + 1)/2)*cosh(sqrt(x))/sqrt(2*pi*x)",
        "exp(-x/2 - 1/2)*(exp(sqrt(x)) + exp(-sqrt(x)))/sqrt(8*pi*x)",
        "0.5*(1/sqrt(x))*(1/sqrt(2*pi))*(exp(-0.5*(-sqrt(x)-1)**2) + exp(-0.5*(sqrt(x)-1)**2))",
    ]
    return wrong, right
