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
        (in_place, "in place; work on a copy"),
    ]
    right = [lambda z: z * np.array([-1, 1]), lambda z: [[-a, b] if b else [a + 9, 0] for a, b in z.tolist()]]
    return wrong, [*right, lambda z: np.array([[-a, b] for a, b in z])]


def affine_condition(data):
    pieces = ["the whole plane to b", "its own inverse", "identity has zeros", "shifting back", "No b saves"]
    return list(zip(["a", "B", "(c)", "e", "f"], pieces, strict=True)), ["d", "D", "(d)", " d) "]


def cube_root(data):
    right = {"z2": "exp(-x1)*x2", "z3": "exp(x1)*(x3**3 - x1**2)", "det": "3*x3*x3", "at_zero": "c"}
    right |= {"stated": "3/32", "published": "1/24", "outside": 0.0}
    wrong = changed(
        right,
        z2={"exp(x1)*x2": "You multiply by the exponential again", "x2/x1": "You divide by z1 alone"},
        z3={
            "exp(-x1)*(x3**3 - x1**2)": "z3 has the factor exp(-z1)",
            "exp(x1)*x3**3 - x1**2": "The square was added last under the root",
            "exp(x1)*(x3 - x1**2)": "The cube root is not undone",
        },
        det={"3*x2**2": "Check the", "3*x3**2*exp(x1)": "That is one", "1/(3*x3**2)": "That is the determinant of f"},
        stated={3 / 4: "That is the determinant alone", "1/6": "You divide by", 1 / 24: "That belongs to the other"},
        published={0.09375: "That belongs to the other point", 1 / 12: "You have used the area of a square"},
        outside={3 / 8: "The formula gives that", 0.125: "That is the base density inside"},
        at_zero={"a": "The cube root is one-to", "b": "The slope", "d": "A diffeomorphism", "e": "One form"},
    )
    numbers = {**right, "stated": np.float32(0.09375), "published": Fraction(1, 24), "outside": np.zeros(())}
    algebra = {**right, "z3": "x3**3*exp(x1) - x1**2*exp(x1)", "det": "abs(exp(-x1)*3*x3**2*exp(x1))", "outside": "0/8"}
    return list(wrong), [right, numbers, algebra]


def sum_of_sigmoids(data):
    right = {"x": "0.5*K", "slope": "(K**2 + K)/8", "density": "8/(K**2 + K)/sqrt(2*pi)"}
    wrong = changed(
        right,
        x={"K": "You take every sigmoid", 0: "A sigmoid at 0 is not 0", "K*(K + 1)/4": "You multiply each sigmoid"},
        slope={"K/4": "The chain rule", "K*(K + 1)/4": "That takes the sigmoid", "K*(K + 1)/2": "That takes the slope"},
        density={
            "K*(K + 1)/8/sqrt(2*pi)": "You multiply by the slope of f",
            "4/K/sqrt(2*pi)": "The chain rule is missing in the slope",
            "8/(K**2 + K)": "The factor of the base is missing",
            "exp(-(K/2)**2/2)/sqrt(2*pi)*8/(K**2 + K)": "The base density belongs at z = 0",
        },
    )
    longer = ["K/2", "K*(K+1)/8", "exp(-0**2/2)/sqrt(2*pi)*(8/K)/(1+K)"]
    return list(wrong), [right, longer, {**right, "x": "K*sigmoid(0)"}]


# --- coupling layers -----------------------------------------------------------------------------


def undone(moved, log_det=lambda s: -s.sum(1)):
    """Return an inverse: ``moved`` makes the moved half from the halves a and b of x, and from s and t."""
    kept = lambda x: np.hsplit(x, 2)[0]  # noqa: E731
    return lambda x, s, t: (np.hstack([kept(x), moved(*np.hsplit(x, 2), s, t)]), log_det(s(kept(x))))


def invert_a_layer(data):
    def z2(a, b, s, t):
        return (b - t(a)) / np.exp(s(a))

    def into(copy):
        def inverse(x, s, t):
            z, h = copy(x), x.shape[1] // 2
            z[:, h:] = (x[:, h:] - t(x[:, :h])) * np.exp(-s(x[:, :h]))
            return z, -s(x[:, :h]).sum(1)

        return inverse

    wrong = [
        (undone(lambda a, b, s, t: np.exp(s(a)) * b + t(a)), "That is the layer itself"),
        (undone(lambda a, b, s, t: b / np.exp(s(a)) - t(a)), "The order is off"),
        (undone(lambda a, b, s, t: np.exp(s(a)) * (b - t(a))), "applied a second time"),
        (undone(lambda a, b, s, t: z2(b, b, s, t)), "You give s and t the moved half"),
        (undone(lambda a, b, s, t: (b - t(a)) / s(a)), "You divide by s"),
        (lambda x, s, t: ((x - t(x)) / np.exp(s(x)), -s(x).sum(1)), "You move the whole of x"),
        (undone(z2, lambda s: s.sum(1)), "has the sign of the forward map"),
        (undone(z2, lambda s: -s.mean(1)), "not their mean"),
        (undone(z2, lambda s: -sum(s)), "each row has its own"),
        (undone(z2, lambda s: -np.sum(s)), "add over the whole batch"),
        (undone(z2, lambda s: np.prod(np.exp(-s), axis=1)), "You return the determinant"),
        (into(lambda x: x), "in place; work on a copy"),
        (into(np.copy), "whole numbers drop fractions"),
    ]

    def by_rows(x, s, t):
        rows = [undone(z2)(row[None], s, t) for row in x]
        return [[*z[0]] for z, _ in rows], [float(log_det[0]) for _, log_det in rows]

    return wrong, [by_rows, into(lambda x: x.astype(float)), undone(z2, lambda s: np.log(np.exp(-s).prod(1)))]


def imaged(log_det):
    """Return a masked layer whose images are right; ``log_det`` makes the other result from s and the mask."""
    exp = lambda s, b: np.exp(np.where(b == 1, 0, s))  # noqa: E731
    return lambda z, s, t, b: (
        b * z + (1 - b) * (z * exp(s(b * z), b) + t(b * z)),
        log_det(s(b * z), b),
    )


def masked_layer(data):
    def loosely(seen, kept):
        """Return a layer typed with less care: ``seen`` goes into s and t, ``kept`` is what stays of z."""
        scale = lambda z, s, b: (1 - b) * s(seen(z, b))  # noqa: E731
        return lambda z, s, t, b: (
            kept(z, b) + (1 - b) * (z * np.exp(scale(z, s, b)) + t(seen(z, b))),
            scale(z, s, b).sum((1, 2)),
        )

    def as_written(z, s, t, b):
        scale = s(b * z)
        return b * z + (1 - b) * (z * np.exp(scale) + t(b * z)), np.sum((1 - b) * scale, (1, 2))

    careful = loosely(np.multiply, np.multiply)
    wrong = [
        (loosely(lambda z, b: z, np.multiply), "You give s and t the whole z"),
        (as_written, "0 times infinity is no number"),
        (lambda z, s, t, b: careful(z, s, t, 1 - b), "a 1 says keep"),
        (loosely(np.multiply, lambda z, b: 0), "The kept pixels have become 0"),
        (imaged(lambda s, b: s.sum((1, 2))), "counts the moved pixels only"),
        (imaged(lambda s, b: -np.sum(s * (1 - b), (1, 2))), "this is the forward map"),
        (imaged(lambda s, b: np.mean(s * (1 - b), (1, 2))), "not a mean"),
        (imaged(lambda s, b: np.sum(s * (1 - b))), "and not over the images"),
        (imaged(lambda s, b: np.sum(s * (1 - b), 1)), "You add over one axis"),
        (lambda z, s, t, b: careful(z, s, t, b)[0], "It should return 2 things"),
    ]

    def by_index(z, s, t, b):
        x, scale = z.copy(), s(z * b)[:, b == 0]
        x[:, b == 0] = z[:, b == 0] * np.exp(scale) + t(z * b)[:, b == 0]
        return x, scale.sum(axis=1)

    return wrong, [by_index, careful, imaged(lambda s, b: np.einsum("nhw,hw->n", s, 1 - b))]


def density_of_a_chain(data):
    a, b, c, x1, x2 = (data[name] for name in ("a", "b", "c", "x1", "x2"))
    z1 = x1 / np.exp(c * x2)
    z2 = (x2 - b * z1) / np.exp(a * z1)
    base = -np.log(2 * np.pi) - (z1**2 + z2**2) / 2
    right = base - a * z1 - c * x2
    undone_first = np.array([x1, (x2 - b * x1) * np.exp(-a * x1)])
    undone_first[0] *= np.exp(-c * undone_first[1])
    swapped = -np.log(2 * np.pi) - (undone_first**2).sum() / 2 - a * x1 - c * (x2 - b * x1) * np.exp(-a * x1)
    pushed = np.array([x1, x2 * np.exp(a * x1) + b * x1])
    stretched = a * x1 + c * pushed[1]
    pushed[0] *= np.exp(c * pushed[1])
    wrong = [
        (base + a * z1 + c * x2, "wrong sign"),
        (base, "The log-determinants are missing"),
        (base - a * z1, "of the second layer is missing"),
        (f"{base - c * x2:.6f}", "of the first layer is missing"),
        (base - a * x1 - c * x2, "The place is wrong"),
        (right + np.log(2 * np.pi), "constant of the normal density in the plane"),
        (right + np.log(2 * np.pi) / 2, "that of the line"),
        (np.exp(right), "its logarithm is asked for"),
        (right / np.log(2), "That is the number in bits"),
        (swapped, "Undo the last first"),
        (-np.log(2 * np.pi) - (pushed**2).sum() / 2 - stretched, "You push x forward"),
    ]
    return wrong, [right, f"{right / np.log(2):.5f} bits", f"{right:.4f}", np.float32(right), [right]]


def zeros_of_the_jacobian(data):
    wrong = [
        ("0", "look at one that moved first"),
        ("m*m", "does depend on itself"),
        ("3*m**2 - 2*m", "after one layer"),
        ("2*m**2 - 2*m", "You have counted both halves"),
        ("2*m**2 - m", "also sees the whole kept half"),
        ("(m**2 - m)/2", "both count"),
    ]
    return wrong, ["m*(m-1)", "m**2 - m", "(m - 1)**2 + m - 1", "4*m**2 - 2*m**2 - m**2 - m"]


def keeping_volume(data):
    wrong = [
        ((True, "f"), "How high can the density"),
        (("true", "b"), "How high can the density"),
        ((False, "a"), "additive layers are not linear"),
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
            "a": "On fresh data the expected",
            "b": "Then the loss could not fall",
            "d": "An overfitted",
            "e": "Too",
        },
        run_c={"a": "On fresh data the expected", "c": "Then nothing would stop", "d": "An overfitted", "f": "A part"},
        run_d={"a": "Look at the two losses", "b": "Then the codes", "c": "Then the codes", "e": "Too large a step"},
    )
    bits = {**right, "divergence": f"{gap / np.log(2):.5f} bits"}
    return list(wrong), [right, bits, [f"{fresh[-1]} - {entropy}", "C", "(b)", "D"]]


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
        (curve(p / (-a * slope)), "never negative"),
        (curve(p / a / other_slope), "is taken at x"),
        (curve(p / a * (1 + np.exp(-z))), "is taken at z"),
        (curve(np.exp(-z * z / 2) / a / slope), "the constant of the normal density"),
        (curve(-z * z / 2 - np.log(np.sqrt(2 * np.pi) * a * slope)), "logarithm of the density"),
        ((x, pushed_density), "You have pushed x forward"),
        (curve(p / a / slope, outside=np.nan), "holds NaN"),
        ((up, p / a / slope), "must reach from"),
    ]
    right = curve(p / a / slope)
    return wrong, [right, curve(p / (a * (1 - np.exp(-up)))), [values[::-1] for values in right]]
