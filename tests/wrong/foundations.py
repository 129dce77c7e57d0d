"""Wrong and right answers to sheet 1, each as a student would give it; `foundations_more` goes on."""

import math
from statistics import NormalDist

import numpy as np

from teachkit.data import Gaussian

density = NormalDist().pdf


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


def sigmoid_of_normal(data):
    a, b = data["a"], data["b"]
    x = np.linspace(0.01, 0.99, 197)
    z = (np.log(x / (1 - x)) - b) / a
    phi = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    p = phi / (a * x * (1 - x))
    swapped = a * np.log(x / (1 - x)) + b
    wrong = [
        ((x, phi), "the slope of the inverse is missing"),
        ((x, phi / a), "squeezes too"),
        ((x, phi / (x * (1 - x))), "the stretch by a is missing"),
        ((x, phi * a * x * (1 - x)), "slope of the forward map"),
        ((x, phi / (a * x)), "belongs to log x"),
        ((x, p[::-1]), "mirror image"),
        ((x, np.exp(-swapped * swapped / 2) / np.sqrt(2 * np.pi) * a / (x * (1 - x))), "undone one by one"),
        ((x, np.log(p)), "log-density"),
        ((x[20:], p[20:]), "must reach from"),
        ((x, phi / (a * (1 - x))), "belongs to -log(1 - x)"),
        ((x, phi / a * (1 / x - 1 / (1 - x))), "it would be 0 at x = 1/2"),
        ((x, phi / a * np.abs(1 / x - 1 / (1 - x))), "it would be 0 at x = 1/2"),
        ((x, np.exp(-z * z / 2) / (a * x * (1 - x))), "constant of the normal density"),
        ((x, -p), "never negative"),
    ]
    fine = np.linspace(0.002, 0.998, 700)
    y = np.log(fine) - np.log1p(-fine)
    right = [
        (x, p), [x[::-1].tolist(), p[::-1].tolist()],
        (fine, np.array([NormalDist(b, a).pdf(t) for t in y]) / (fine * (1 - fine))),
        np.stack([fine, np.exp(-((y - b) ** 2) / (2 * a * a)) / a / 2.50662827463 * (1 / fine + 1 / (1 - fine))]),
        (x.astype(np.float32), p.astype(np.float32)),
    ]  # fmt: skip
    return wrong, right


def chain_of_maps(data):
    base, d, c = data["log_pz"], data["d"], data["factor"]
    first, second, third = math.log(data["det1"]), math.log(-data["det2"]), data["log_det_g"]
    last = d * math.log(c)
    value = base - first - second + third - last
    wrong = [
        (base + first + second - third + last, "Going forward"),
        (base - first - second - third - last, "inverse of g"),
        (base - first - second + third - math.log(c), "you count one of them"),
        (base - first + third - last, "second map is left out"),
        (base - first + second + third - last, "second map's part has the wrong sign"),
        (base - first - second - last, "third map is left out"),
        (first + second - third + last, "log-density of the base is missing"),
        (value - base, "start from log p_Z(z)"),
        (base - first * second * -third * last, "logarithms are multiplied"),
        (value / math.log(2), "number in bits, read as nats"),
        (f"{value * math.log(2)} bits", "number of bits is too small"),
        (math.exp(value), "This is the density"),
        (base - first - second + third, "last map is left out"),
        (base - second + third - last, "first map is left out"),
        (base - first - second + third - math.log(d * c), "the product of d equal factors"),
        (base - data["det1"] + data["det2"] + third - last, "subtract logarithms."),
        (base - data["det1"] - data["det2"] + third - last, "of their absolute values"),
        (base - math.log10(data["det1"] * -data["det2"] * c**d) + third, "to base 10"),
        (f"{value} bits", "the number of nats with the unit bits"),
    ]
    typed = f"{base} - log({data['det1']}*{-data['det2']}*{c}**{d}) + {third}"
    right = [value, f"{value / math.log(2):.6f} bits", f"{value:.5f} nats", typed, np.array([value])]
    return wrong, right


def failed_integral(data):
    wrong = [
        ("a", "That fits the rotation"),
        ("(b)", "this test can't find it"),
        ("D", "the same factor 2 pi"),
        ("e", "below 1 in the last two rows"),
    ]
    return wrong, ["c", "C", "(c)", " c) "]


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


def half_a_fold(data):
    wrong = [
        ((True, "g"), "which other points does f send to the same place"),
        ((True, "d"), "which other points does f send to the same place"),
        ((False, "a"), "A line has area zero"),
        ((False, "b"), "to divide is right"),
        ((False, "c"), "only a shift there"),
        ((False, "e"), "look at the range of Z2"),
        (("false", "f"), "Outside the image"),
        ((False, "g"), "near each point"),
    ]
    return wrong, [(False, "d"), ["False", "(d)"], ("no", "D"), (np.bool_(False), "d")]
