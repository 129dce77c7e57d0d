"""Wrong and right answers to sheet 1, each as a student would give it."""

import math
from statistics import NormalDist

import numpy as np
from numpy.linalg import det, inv, slogdet, solve

from teachkit.data import Gaussian
from teachkit.jacobian import jacobian

PHI = NormalDist().pdf


def stretched_normal(data):
    a, b, x = data["a"], data["b"], data["x"]
    z = (x - b) / a
    wrong = [
        (PHI(z), "its slope must enter"),
        (PHI(z) * -a, "You multiply by the stretch"),
        (PHI(z) / a, "never negative"),
        (PHI(z) / a**2, "square of a"),
        (PHI((x + b) / a) / -a, "Look at the sign of b"),
        (PHI(x / a) / -a, "leaves out the shift"),
        (PHI(a * x + b) / -a, "push x forward once more"),
        (NormalDist(b, math.sqrt(-a)).pdf(x), "as a variance"),
        (math.exp(-(z**2) / 2) / -a, "constant of the normal density"),
        (math.log(PHI(z) / -a), "logarithm of the density"),
    ]
    right = [
        PHI(z) / -a, NormalDist(b, -a).pdf(x), np.float32(PHI(z) / -a),
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


def jacobian_by_hand(data):
    z1, z2, side = data["z1"], data["z2"], data["side"]
    d = (2 * z1 * z1 - z2) * math.cos(z1 * z2)
    good = {
        "j11": "z1 + z1", "j12": 1, "j21": "z2*cos(z2*z1)", "j22": "cos(z1*z2)*z1",
        "det": "2*z1*z1*cos(z1*z2) - z2*cos(z1*z2)", "det_inverse": "1/(2*z1**2 - z2)/cos(z1*z2)",
        "tile": -d * side * side,
    }  # fmt: skip
    changes = [
        ("j12", "z2*cos(z1*z2)", "j12: Rows and columns are swapped"),
        ("j21", 1, "j21: Rows and columns are swapped"),
        ("j11", "2*z1 + z2", "j11: z2 is held fixed"),
        ("j12", "z2", "j12: The second input itself"),
        ("j21", "cos(z1*z2)", "j21: The inner derivative is missing"),
        ("j22", "z2*cos(z1*z2)", "j22: This is the derivative by the other input"),
        ("j22", "-z1*cos(z1*z2)", "j22: The derivative of the sine"),
        ("det", "2*z1*z1*cos(z1*z2) + z2*cos(z1*z2)", "det: The two products are subtracted"),
        ("det", "z2*cos(z1*z2) - 2*z1*z1*cos(z1*z2)", "det: The order is turned round"),
        ("det", "2*z1*z1*cos(z1*z2)", "det: This is the product over the diagonal alone"),
        ("det", "abs((2*z1**2 - z2)*cos(z1*z2))", "det: This is its absolute value"),
        ("det_inverse", "(2*z1**2 - z2)*cos(z1*z2)", "det_inverse: This is the determinant of the forward map"),
        ("det_inverse", "-(2*z1**2 - z2)*cos(z1*z2)", "det_inverse: A minus sign belongs to the logarithm"),
        ("tile", d * side**2, "tile: An area is not negative"),
        ("tile", -d * side, "tile: The tile's side"),
        ("tile", -d, "tile: This is the factor"),
        ("tile", -(side**2) / d, "tile: You divide by the factor"),
        ("tile", d**2 * side**2, "tile: The determinant is squared"),
        ("j22", ..., "j22: not filled in yet"),
    ]
    wrong = [({**good, step: answer}, piece) for step, answer, piece in changes]
    other = ["2*z1", "1", "sin(z1*z2 + pi/2)*z2", "z1*cos(-z1*z2)", "-cos(z1*z2)*(z2 - 2*z1**2)"]
    other += ["-1/(cos(z1*z2)*(z2 - 2*z1**2))", np.float64(abs(d)) * 1e-4]
    return wrong, [good, list(good.values()), other]


def _rows(rule):
    return lambda f, x, h: np.array([rule(f, x, h, h * e) for e in np.eye(len(x))])


def _columns(rule):
    return lambda f, x, h: _rows(rule)(f, x, h).T


def _loop(f, x, h):
    x = np.asarray(x, dtype=float)
    J = np.zeros((len(f(x)), len(x)))
    for j in range(len(x)):
        up, down = x.copy(), x.copy()
        up[j] += h
        down[j] -= h
        for i in range(J.shape[0]):
            J[i, j] = (f(up)[i] - f(down)[i]) / (2 * h)
    return J


def _whole(f, x, h):
    J = []
    for j in range(len(x)):
        up, down = x.copy(), x.copy()
        up[j], down[j] = up[j] + h, down[j] - h
        J.append((f(up) - f(down)) / (2 * h))
    return np.transpose(J)


def _in_place(f, x, h):
    J = []
    for j in range(len(x)):
        x[j] += h
        up = f(x)
        x[j] -= 2 * h
        J.append((up - f(x)) / (2 * h))
    return np.array(J).T


def jacobian_by_differences(data):
    wrong = [
        (_rows(lambda f, x, h, e: (f(x + e) - f(x - e)) / (2 * h)), "with m outputs and d inputs"),
        (_columns(lambda f, x, h, e: (f(x + e) - f(x)) / h), "forward difference"),
        (_columns(lambda f, x, h, e: (f(x) - f(x - e)) / h), "backward difference"),
        (_columns(lambda f, x, h, e: (f(x + e) - f(x - e)) / h), "twice what it should be"),
        (_columns(lambda f, x, h, e: (f(x + e) - f(x - e)) / 2 * h), "Put brackets around"),
        (_columns(lambda f, x, h, e: (f(x + h) - f(x - h)) / (2 * h)), "Move one input at a time"),
        (_whole, "drops the step"),
        (_in_place, "changes its argument number 2"),
        (lambda f, x, h: _loop(f, x, 1e-5), "not the central differences with the step h"),
        (lambda f, x, h: jacobian(lambda z: np.array([f(p) for p in z]), x), "not the central differences"),
        (lambda f, x, h: np.diag(_loop(f, x, h)), "It returns the shape"),
    ]
    two_halves = _columns(lambda f, x, h, e: 0.5 * ((f(x + e) - f(x)) / h + (f(x) - f(x - e)) / h))
    return wrong, [_loop, two_halves, lambda f, x, h: [list(row) for row in _loop(f, x, h)]]


def _log_normal(z):
    return -(z**2).sum(1) / 2 - z.shape[1] / 2 * np.log(2 * np.pi)


def _move(x, A, b):
    x -= b
    return _log_normal(solve(A, x.T).T) - slogdet(A)[1]


def affine_log_density(data):
    def code(x, A, b):
        return (x - b) @ inv(A).T

    def gaussian(x, A, b):
        return Gaussian(b, A @ A.T).log_prob(x)

    wrong = [
        (lambda x, A, b: _log_normal(code(x, A, b)) + slogdet(A)[1], "has the wrong sign"),
        (lambda x, A, b: _log_normal(code(x, A, b)), "log-determinant is missing"),
        (lambda x, A, b: _log_normal(code(x, A, b)) - np.log(det(A)), "a negative one"),
        (lambda x, A, b: _log_normal(code(x, A, b)) - np.log(abs(det(A))), "never forms it"),
        (lambda x, A, b: _log_normal((x - b) @ inv(A)) - slogdet(A)[1], "A is transposed"),
        (lambda x, A, b: _log_normal(x @ A.T + b) - slogdet(A)[1], "push x forward once more"),
        (lambda x, A, b: _log_normal(x @ inv(A).T - b) - slogdet(A)[1], "it comes off first"),
        (lambda x, A, b: _log_normal(x @ inv(A).T) - slogdet(A)[1], "shift is not undone"),
        (lambda x, A, b: -(code(x, A, b) ** 2).sum(1) / 2 - 0.9189385332 - slogdet(A)[1], "d of them, not one"),
        (lambda x, A, b: -(code(x, A, b) ** 2).sum(1) / 2 - slogdet(A)[1], "does not integrate to 1"),
        (lambda x, A, b: gaussian(x, A, b).sum(), "It returns the shape"),
        (lambda x, A, b: np.exp(gaussian(x, A, b)), "This is the density"),
        (_move, "changes its argument number 1"),
        (lambda x, A, b: _log_normal(solve(A, x - b)) - slogdet(A)[1], "It raised ValueError"),
    ]
    right = [
        gaussian,
        lambda x, A, b: _log_normal(code(x, A, b)) - np.log(np.linalg.svd(A)[1]).sum(),
        lambda x, A, b: [_log_normal(solve(A, row - b)[None])[0] - slogdet(A)[1] for row in x],
    ]
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
        (value - base, "not equally likely to begin with"),
        (base - first * second * -third * last, "logarithms are multiplied"),
        (value / math.log(2), "number in bits, read as nats"),
        (f"{value * math.log(2)} bits", "number of bits is too small"),
        (math.exp(value), "This is the density"),
    ]
    typed = f"{base} - log({data['det1']}*{-data['det2']}*{c}**{d}) + {third}"
    right = [value, f"{value / math.log(2):.6f} bits", f"{value:.5f} nats", typed, np.array([value])]
    return wrong, right


def failed_integral(data):
    wrong = [
        ("a", "That fits the rotation"),
        ("(b)", "this test can't find it"),
        ("D", "the same factor 2 pi"),
        ("e", "would be below 1"),
    ]
    return wrong, ["c", "C", "(c)", " c) "]


def squared_normal(data):
    root = "(2*pi)**(-1/2)"
    plus, minus = f"{root}*exp(-(x**0.5 - 1)**2/2)", f"{root}*exp(-(x**0.5 + 1)**2/2)"
    wrong = [
        (f"{plus}/(2*x**0.5)", "Only the positive code"),
        (f"{plus}/x**0.5", "One branch is doubled"),
        (f"({plus} + {minus})", "slopes of the two inverses are missing"),
        (f"({plus} + {minus})*2*x**0.5", "slope of the forward map"),
        (f"({plus} - {minus})/(2*x**0.5)", "second branch is subtracted"),
        (f"({plus} + {minus})/(2*x)", "taken at x"),
        (f"0.5*({plus} + {minus})/(2*x**0.5)", "You average the two branches"),
        (f"({plus} + {minus})/x**0.5", "off by a factor"),
        ("x**-0.5*exp(-x/2)/sqrt(2*pi)", "variable with mean 0"),
        ("(exp(-(sqrt(x) - 1)**2/2) + exp(-(sqrt(x) + 1)**2/2))/(2*sqrt(x))", "constant of the normal"),
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
        ((False, "a"), "may be left out"),
        ((False, "b"), "absolute value in the formula"),
        ((False, "c"), "only a shift there"),
        ((False, "e"), "look at the range of Z2"),
        (("false", "f"), "Outside of the image"),
        ((False, "g"), "near each point"),
    ]
    return wrong, [(False, "d"), ["False", "(d)"], ("no", "D"), (np.bool_(False), "d")]


def ratio_of_normals(data):
    inside = 2 * math.atan(10) / math.pi
    good = {
        "det": "z2**-1", "joint": "sqrt(y**2)/(2*pi)*exp(-((x*y)**2 + y**2)/2)",
        "density": "1/(pi + pi*x**2)", "outside": 1 - inside,
    }  # fmt: skip
    changes = [
        ("det", "z2", "det: This is the determinant of the way back"),
        ("det", "1/abs(z2)", "det: This is its absolute value"),
        ("det", "1/z2 - z1/z2**2", "det: The product of the other two"),
        ("joint", "y/(2*pi)*exp(-((x*y)**2 + y**2)/2)", "joint: Half of the plane"),
        ("joint", "1/(2*pi)*exp(-((x*y)**2 + y**2)/2)", "joint: The base is right"),
        ("joint", "exp(-((x*y)**2 + y**2)/2)/abs(2*pi*y)", "joint: You multiply by the forward"),
        ("joint", "abs(y)*exp(-x**2/2 - y**2/2)/(2*pi)", "joint: The base is evaluated at (x, y)"),
        ("density", 0, "density: Negative and positive y cancel"),
        ("density", "0.5/(pi*(1 + x**2))", "density: Only one half of the y"),
        ("density", "1/(sqrt(2*pi)*sqrt(1 + x*x))", "density: This is the integral without"),
        ("density", "exp(-0.5*x**2)/sqrt(2*pi)", "density: The ratio of two normal variables is not normal"),
        ("density", "1/(1 + x**2)", "density: The shape is right"),
        ("outside", inside, "outside: This is the probability of the inside"),
        ("outside", (1 - inside) / 2, "outside: This is one of the two tails"),
        ("outside", 2 * NormalDist().cdf(-10), "outside: This is the probability for a normal variable"),
        ("outside", 1 / (5 * math.pi), "outside: This replaces 1 + x**2"),
    ]
    wrong = [({**good, step: answer}, piece) for step, answer, piece in changes]
    joint = "abs(y)*exp(-y**2/2)/sqrt(2*pi)*exp(-(x*y)**2/2)/sqrt(2*pi)"
    other = {"det": "1/z2", "joint": joint, "density": "pi**-1*(1 + x**2)**-1", "outside": "2*arctan(0.1)/pi"}
    return wrong, [good, list(good.values()), other]
