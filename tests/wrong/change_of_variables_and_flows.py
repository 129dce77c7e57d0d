"""Answers that students give to sheet 6: wrong ones with a piece of their message, and right ones."""

from fractions import Fraction

import numpy as np


def changed(right, **wrong):
    """Yield the right answers with one step replaced, by step: pairs of a wrong answer and a piece of its message."""
    for step, pairs in wrong.items():
        yield from (({**right, step: answer}, f"{step}: {piece}") for answer, piece in pairs.items())


def triangular_inverse(data):
    right = {"reason": "b", "z1": "0.5*x1", "z2": "x2/exp(x1/2)", "z3": "x3*exp(x1/2 + x2/exp(x1/2))"}
    right["log_det"] = "x2*exp(-x1/2) - log(2)"
    wrong = changed(
        right,
        reason={"a": "The determinant is never zero", "(c)": "A triangular", "d": "Smooth", "E": "The exponentials"},
        z1={"x1*2": "That is f again", "x1": "The factor of the first equation is lost"},
        z2={"x2*exp(-x1)": "You have put x1 for z1", "x2*exp(x1/2)": "You multiply by the exponential again"},
        z3={
            "x3*exp(x1/2 + x2)": "You have put x2 for z2. The exponent",
            "x3*exp(x1 + x2)": "The exponent holds z1 and z2",
            "x3/exp(x1/2 + x2*exp(-x1/2))": "The exponential stands on the side where it was",
        },
        log_det={
            "log(2) - x2*exp(-x1/2)": "That is the log-determinant of f at z",
            "x2 - log(2)": "You have put x2 for z2. The diagonal",
            "x2*exp(-x1/2) + log(2)": "The sign of log 2 is wrong",
            "0.5*exp(x2*exp(-x1/2))": "That is the determinant",
            "x2/exp(x1/2)": "The factor 2 of the first",
            "log(1/2) - x2/exp(x1/2)": "The sign of z2 is wrong",
        },
    )
    shifted = {**right, "z1": "x1 - x1/2", "log_det": "log(exp(x2*exp(-x1/2))/2)"}
    longer = ["B", "x1/2", "x2*sqrt(exp(-x1))", "exp(x1/2)*exp(x2*exp(-x1/2))*x3", "-ln(2) + x2/exp(0.5*x1)"]
    return list(wrong), [right, shifted, longer]


def partners(data):
    def in_place(z):
        z[:, 0] = -z[:, 0]
        return z

    wrong = [
        (lambda z: z, "as if f were one-to-one"),
        (lambda z: np.array([[-a, -b] for a, b in z]), "Turning both signs"),
        (lambda z: np.stack([z[:, 0], -z[:, 1]], axis=1), "odd in z2"),
        (lambda z: z @ [[0, 1], [1, 0]], "Exchanging the coordinates"),
        (lambda z: np.array([[-1.0, 0.0] for _ in z]), "its own partner"),
        (lambda z: np.stack([np.sqrt(z[:, 0] ** 2), z[:, 1]], axis=1), "the same point again"),
        (lambda z: np.array([-z[0, 0], z[0, 1]]), "one point for each row"),
        (lambda z: np.where(z[:, 1:] == 0, z + np.eye(2)[0], z), "some row returns the point itself"),
        (lambda z: 1 / (z + 3), "different images"),
        (lambda z: np.stack([-z[:, 0] * np.sqrt(z[:, 1] ** 2 / z[:, 1] ** 2), z[:, 1]], axis=1), "look for NaN"),
        (lambda z: z * [-1, 1] if z[0, 0] else z, "some row returns the point itself"),
        (lambda z: z * [-1, 1] if z[0, 1] else np.stack([z[:, 0] + 1, z[:, 1]], axis=1), "different images"),
        (in_place, "in place; work on a copy"),
    ]
    right = [lambda z: z * np.array([-1, 1]), lambda z: [[-a, b] if b else [a + 9, 0] for a, b in z.tolist()]]
    return wrong, [*right, lambda z: np.array([[-a, b] for a, b in z])]


def affine_condition(data):
    pieces = ["flattens the plane to a line", "its own inverse", "identity has zeros", "shifting back", "No b saves"]
    return list(zip(["a", "B", "(c)", "e", "f"], pieces, strict=True)), ["d", "D", "(d)", " d) "]


def cube_root(data):
    right = {"z2": "exp(-x1)*x2", "z3": "exp(x1)*(x3**3 - x1**2)", "det": "3*x3*x3", "at_zero": "c"}
    right |= {"first": "3/32", "second": "1/24", "third": 0.0}
    wrong = changed(
        right,
        z2={"exp(x1)*x2": "You multiply by the exponential again", "x2/x1": "You divide by z1 alone"},
        z3={
            "exp(-x1)*(x3**3 - x1**2)": "z3 has the factor exp(-z1)",
            "exp(x1)*x3**3 - x1**2": "The square was added last under the root",
            "exp(x1)*(x3 - x1**2)": "The cube root is not undone",
        },
        det={"3*x2**2": "Check the", "3*x3**2*exp(x1)": "That is one", "1/(3*x3**2)": "That is the determinant of f"},
        first={
            3 / 4: "That is the determinant alone",
            "1/6": "You divide by",
            1 / 24: "That belongs to another",
            0: "The faces belong to the cube",
            "log(3/32)": "This is the logarithm",
            -3 / 32: "The size is right",
        },
        second={
            0.09375: "That belongs to another",
            1 / 12: "You have used the area of a square",
            0: "The faces belong",
        },
        third={3 / 8: "The formula gives that", 0.125: "That is the base density inside"},
        at_zero={
            "a": "The cube root is one-to",
            "b": "The slope",
            "d": "A diffeomorphism",
            "e": "At x3 = 0 the Jacobian of f",
        },
    )
    numbers = {**right, "first": np.float32(0.09375), "second": Fraction(1, 24), "third": np.zeros(())}
    algebra = {**right, "z3": "x3**3*exp(x1) - x1**2*exp(x1)", "det": "abs(exp(-x1)*3*x3**2*exp(x1))", "third": "0/8"}
    return list(wrong), [right, numbers, algebra]


def sum_of_sigmoids(data):
    right = {"x": "0.5*K", "slope": "(K**2 + K)/8", "density": "8/(K**2 + K)/sqrt(2*pi)"}
    wrong = changed(
        right,
        x={"K": "You take every sigmoid", 0: "A sigmoid at 0 is not 0", "K*(K + 1)/4": "You multiply each sigmoid"},
        slope={
            "K/4": "The chain rule",
            "K*(K + 1)/4": "Twice too large",
            "K*(K + 1)/2": "Four times too large",
            "K*K/8": "Check the sum 1",
            "(K - 1)*K/8": "Check the sum 1",
        },
        density={
            "K*(K + 1)/8/sqrt(2*pi)": "You multiply by the slope of f",
            "4/K/sqrt(2*pi)": "Your slope here is K/4",
            "4/sqrt(2*pi)/(K**2 + K)": "Half of what it should be",
            "8/(K**2 + K)/(2*pi)": "The constant is that of the plane",
            "1/sqrt(2*pi)*8*K*(K + 1)": "A bracket is missing",
            "log(8/(K**2 + K)/sqrt(2*pi))": "This is the logarithm",
            "8/(K**2 + K)": "The factor of the base is missing",
            "exp(-(K/2)**2/2)/sqrt(2*pi)*8/(K**2 + K)": "The base density belongs at z = 0",
        },
    )
    longer = ["K/2", "K*(K+1)/8", "exp(-0**2/2)/sqrt(2*pi)*(8/K)/(1+K)"]
    return list(wrong), [right, longer, {**right, "x": "K*sigmoid(0)"}]


def keeping_volume(data):
    wrong = [
        ((True, "f"), "What does that say about p_X"),
        (("true", "b"), "What does that say about p_X"),
        ((False, "a"), "additive layers are not linear"),
        ((False, "c"), "has the variance 2"),
        (["False", "D"], "nothing has to be torn"),
        ((False, "e"), "leaves the entropy as it is"),
        ((False, "f"), "no choice of t"),
    ]
    return wrong, [(False, "b"), ["false", "B"], (np.bool_(False), "(b)")]


def reading_the_loss(data):
    fresh, train, entropy = data["A"]["fresh"], data["A"]["train"], data["entropy"]
    gap = fresh[-1] - entropy
    right = {"divergence": gap, "run_b": "c", "run_c": "b", "run_d": "d"}
    wrong = changed(
        right,
        divergence={
            fresh[-1]: "That is the whole loss",
            entropy: "That is the part that no model can reduce",
            -gap: "A divergence is never negative",
            train[-1] - entropy: "You have used the loss on the training data",
            gap / np.log(2): "That is the number in bits",
        },
        run_b={
            "a": "On fresh data no model",
            "b": "Then the loss could not fall",
            "d": "An overfitted",
            "e": "Too",
        },
        run_c={"a": "On fresh data no model", "c": "Then nothing would stop", "d": "An overfitted", "f": "A part"},
        run_d={"a": "Look at the two losses", "b": "Then the codes", "c": "Then the codes", "e": "Too large a step"},
    )
    bits = {**right, "divergence": f"{gap / np.log(2):.5f} bits"}
    rounded = {**right, "divergence": f"{gap:.3f}"}
    return list(wrong), [right, bits, rounded, [f"{fresh[-1]} - {entropy}", "C", "(b)", "D"]]


def density_of_a_line_flow(data):
    a, c = data["a"], data["c"]
    x = np.linspace(-1, 4, 333)
    up = x[x > 0]
    x1 = np.log(np.exp(up) - 1)
    z, slope, other_slope = (c - x1) / a, np.exp(x1) / (1 + np.exp(x1)), np.exp(up) / (1 + np.exp(up))
    p = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)

    def curve(values, outside=0.0):
        return x, np.concatenate([np.full(x.size - up.size, outside), values])

    pushed = np.log(1 + np.exp(c - a * x))
    pushed_density = np.exp(-(pushed**2) / 2) / np.sqrt(2 * np.pi) * a / (1 + np.exp(a * x - c))
    wrong = [
        (curve(p), "without any determinant"),
        (curve(p / a), "Only the slope of the first map"),
        (curve(p / slope), "Only the slope of the second map"),
        (curve(p * a * slope), "You multiply by the slope"),
        (curve(p * a / slope), "multiply by that of the first"),
        (curve(p / a * slope), "multiply by that of the second"),
        (curve(np.exp(-(((c + x1) / a) ** 2) / 2) / np.sqrt(2 * np.pi) / a / slope), "A sign is off"),
        ((x, np.exp(-(((x - c) / a) ** 2) / 2) / np.sqrt(2 * np.pi) / a), "You have left the second map out"),
        (curve(p / (-a * slope)), "never negative"),
        (curve(p / a / other_slope), "is taken at x"),
        (curve(p / a * (1 + np.exp(-z))), "is taken at z"),
        (curve(np.exp(-z * z / 2) / a / slope), "too high by a constant factor"),
        (curve(-z * z / 2 - np.log(np.sqrt(2 * np.pi) * a * slope)), "that is the logarithm of the density"),
        ((x, pushed_density), "You have pushed x forward"),
        (curve(p / a / slope, outside=np.nan), "y is NaN or infinite at"),
        ((up, p / a / slope), "must reach from"),
    ]
    right = curve(p / a / slope)
    return wrong, [right, curve(p / (a * (1 - np.exp(-up)))), [values[::-1] for values in right]]
