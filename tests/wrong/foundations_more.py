"""Wrong and right answers to the derivations and functions of sheet 1, each as a student would give it."""

import math
from statistics import NormalDist

import numpy as np
from numpy.linalg import det, inv, slogdet, solve

from teachkit.data import Gaussian
from teachkit.jacobian import jacobian

_E = "exp(z1 - z2**2)"
_WRONG_STEPS = [
    ("j12", _E, "j12: Rows and columns are swapped"),
    ("j21", "z1", "j21: Rows and columns are swapped"),
    ("j11", "z1", "j11: This is the derivative with respect to the other input"),
    ("j12", "z1*z2", "j12: This is the first output itself"),
    ("j22", _E, "j22: This is the derivative with respect to the other input"),
    ("j22", f"2*z2*{_E}", "j22: The sign of the inner derivative"),
    ("j22", f"-z2*{_E}", "j22: The derivative of a square"),
    ("det", f"-2*z2**2*{_E} + z1*{_E}", "det: The two products are subtracted"),
    ("det", f"z1*{_E} + 2*z2*z2*{_E}", "det: The sign is wrong. It is the product"),
    ("det", f"z2*-2*z2*{_E}", "det: This is the product over the diagonal alone"),
    ("det", f"abs(z1 + 2*z2**2)*{_E}", "det: This is its absolute value"),
    ("det_inverse", f"-(z1 + 2*z2**2)*{_E}", "det_inverse: This is the determinant of the forward map"),
    ("det_inverse", f"(z1 + 2*z2**2)*{_E}", "det_inverse: A minus sign belongs to the logarithm"),
    ("j22", "...", "j22: not filled in yet"),
    ("j11", "z1 + z2", "j11: Two derivatives are added up"),
    ("j11", 1, "j11: Add 0.1 to this input"),
    ("j11", _E, "j11: Rows and columns are swapped"),
    ("j11", "z1*z2", "j11: This is the first output itself"),
    ("j12", "z2", "j12: This is the derivative with respect to the other input"),
    ("j12", "1", "j12: Add 0.1 to this input"),
    ("j12", "z2 + z1", "j12: Two derivatives are added up"),
    ("j21", f"-2*z2*{_E}", "j21: This is the derivative with respect to the other input"),
    ("j21", f"(1 - 2*z2)*{_E}", "j21: Two derivatives are added up"),
    ("j21", f"(z1 - z2**2)*{_E}", "j21: The chain rule"),
    ("j21", f"z1*{_E}", "j21: The factor is the derivative"),
    ("j21", "1", "j21: This is the inner derivative alone"),
    ("j21", "exp(z1)", "j21: The other input is held fixed"),
    ("j21", f"-{_E}", "j21: The minus sign in the exponent"),
    ("j21", "(z1 - z2**2)*exp(z1 - z2**2 - 1)", "j21: This is the rule for powers"),
    ("j22", f"-z2**2*{_E}", "j22: The chain rule"),
    ("j22", f"(z1 - z2**2)*{_E}", "j22: The chain rule"),
    ("j22", f"{_E} - 2*z2*{_E}", "j22: Two derivatives are added up"),
    ("j22", "-2*z2", "j22: This is the inner derivative alone"),
    ("j22", "-2*z2*exp(-z2**2)", "j22: The other input is held fixed"),
    ("det", f"2*z2**2*{_E} - z1*{_E}", "det: This fits a j22 with the wrong sign"),
    ("det", f"z2*{_E} - z1*{_E}", "two entries without their inner"),
    ("det", f"z2*{_E} + 2*z1*z2*{_E}", "two entries in the wrong order"),
    ("det", f"-z2*z2*{_E} - z1*{_E}", "lacks the factor of the square"),
    ("det_inverse", f"1/((z1 - 2*z2**2)*{_E})", "det_inverse: This would fit"),
    ("det_inverse", f"-1/(z1 + 2*z2**2)*{_E}", "det_inverse: Only one factor"),
    ("det_inverse", "-(2*z2**2 + z1)*exp(z2**2 - z1)", "det_inverse: Only one factor"),
    ("det_inverse", f"1/((2*z2**2 - z1)*{_E})", "det_inverse: The step is right"),
    ("det_inverse", f"1/((z2 - z1)*{_E})", "det_inverse: The step is right"),
    ("det_inverse", f"1/(-2*z2*z2 - z1*{_E})", "det_inverse: The step is right"),
    ("j22", f"-2*{_E}", "j22: The derivative of z2**2 is not"),
    ("det", f"-2*z2*{_E} - z1*{_E}", "det: This fits a j22 that lacks its factor"),
    ("det", f"-2*z2*z2 - z1*{_E}", "det: This fits a j22 that lacks the exp"),
    ("det_inverse", f"1/abs((z1 + 2*z2**2)*{_E})", "det_inverse: This is its absolute value"),
]


def jacobian_by_hand(data):
    z1, z2, side = data["z1"], data["z2"], data["side"]
    d = -(2 * z2 * z2 + z1) * math.exp(z1 - z2 * z2)
    good = {
        "j11": "z2", "j12": "z1", "j21": "exp(z1)/exp(z2**2)", "j22": "-z2*2*exp(z1 - z2*z2)",
        "det": f"-2*z2**2*{_E} - z1*{_E}", "det_inverse": f"-1/(z1 + 2*z2**2)/{_E}", "tile": -d * side * side,
    }  # fmt: skip
    tiles = [
        ("tile", d * side**2, "tile: An area is not negative"),
        ("tile", -d * side, "tile: The tile's side"),
        ("tile", -d, "tile: This is the factor"),
        ("tile", -(side**2) / d, "tile: You divide by the factor"),
        ("tile", d**2 * side**2, "tile: The determinant is squared"),
        ("tile", abs(2 * z2 + z1) * math.exp(z1 - z2 * z2) * side**2, "tile: The step is right"),
        ("tile", (2 * z2 * z2 + z1 * math.exp(z1 - z2 * z2)) * side**2, "tile: The step is right"),
        ("tile", math.sqrt(-d) * side, "tile: This is a length"),
        ("tile", 0.0001, "tile: 0.0001 is the area before the map"),
        ("tile", abs(2 * z2 * z2 - z1) * math.exp(z1 - z2 * z2) * side**2, "tile: This would fit a determinant"),
    ]
    wrong = [({**good, step: answer}, piece) for step, answer, piece in [*tiles, *_WRONG_STEPS]]
    other = ["1*z2", "sqrt(z1**2)*z1/abs(z1)", "e**(z1 - z2**2)", f"{_E}*(-z2 - z2)", f"{_E}*(-z1 - 2*z2**2)"]
    other += ["exp(z2**2 - z1)/(-z1 - 2*z2**2)", np.float64(abs(d)) * 1e-4]
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


def _in_place(f, x, h, back=0):
    J = []
    for j in range(len(x)):
        x[j] += h
        up = f(x)
        x[j] -= 2 * h
        J.append((up - f(x)) / (2 * h))
        x[j] += back * h
    return np.array(J).T


def _alias(f, x, h):
    return _alias_in_place(f, np.array(x, float), h)


def _alias_in_place(f, x, h):
    J = []
    for j in range(len(x)):
        up = x
        down = x
        up[j] += h
        down[j] -= h
        J.append((f(up) - f(down)) / (2 * h))
    return np.array(J).T


def _zeros_like(f, x, h):
    J = []
    for j in range(len(x)):
        step = np.zeros_like(x)
        step[j] = h
        J.append((f(x + step) - f(x - step)) / (2 * h))
    return np.column_stack(J)


def jacobian_by_differences(data):
    wrong = [
        (_rows(lambda f, x, h, e: (f(x + e) - f(x - e)) / (2 * h)), "with m outputs and d inputs"),
        (_columns(lambda f, x, h, e: (f(x + e) - f(x)) / h), "forward difference"),
        (_columns(lambda f, x, h, e: (f(x) - f(x - e)) / h), "backward difference"),
        (_columns(lambda f, x, h, e: (f(x + e) - f(x - e)) / h), "twice what it should be"),
        (_columns(lambda f, x, h, e: (f(x + e) - f(x - e)) / 2 * h), "Put brackets around"),
        (_columns(lambda f, x, h, e: (f(x + h) - f(x - h)) / (2 * h)), "Move one input at a time"),
        (_whole, "cuts off the fraction"),
        (_zeros_like, "became 0"),
        (_alias, "make copies"),
        (_alias_in_place, "make copies"),
        (_columns(lambda f, x, h, e: (f(x - e) - f(x + e)) / (2 * h)), "Every sign is reversed"),
        (_columns(lambda f, x, h, e: (f(x + e / 2) - f(x - e / 2)) / h), "You move by h/2"),
        (lambda f, x, h: _loop(f, x, h).T.reshape(len(f(x)), -1), "a transpose"),
        (_in_place, "You move x itself"),
        (lambda f, x, h: _in_place(f, x, h, back=1), "You move x itself"),
        (lambda f, x, h: (f(x + h * np.eye(len(x))) - f(x - h * np.eye(len(x)))) / 2 / h, "not a batch"),
        (lambda f, x, h: ((f(x + h * np.eye(len(x))) - f(x - h * np.eye(len(x)))) / 2 / h).T, "not a batch"),
        (_columns(lambda f, x, h, e: (f([x + e])[0] - f([x - e])[0]) / (2 * h)), "not a batch [1, d]"),
        (lambda f, x, h: _loop(f, x, 1e-5), "not the central differences with the step h"),
        (lambda f, x, h: jacobian(lambda z: np.array([f(p) for p in z]), x), "not the central differences"),
        (lambda f, x, h: np.diag(_loop(f, x, h)), "it returns the shape"),
    ]
    two_halves = _columns(lambda f, x, h, e: 0.5 * ((f(x + e) - f(x)) / h + (f(x) - f(x - e)) / h))
    return wrong, [_loop, two_halves, lambda f, x, h: [list(row) for row in _loop(f, x, h)]]


def _log_normal(z):
    return -(z**2).sum(1) / 2 - z.shape[1] / 2 * np.log(2 * np.pi)


def _quadratic(P, x):
    return -np.einsum("ni,ij,nj->n", x, P, x) / 2 - x.shape[1] / 2 * np.log(2 * np.pi)


def _move(x, A, b):
    x -= b
    return _log_normal(solve(A, x.T).T) - slogdet(A)[1]


def _back(x, A, b):
    return (x - b) @ inv(A).T


def _gaussian(x, A, b):
    return Gaussian(b, A @ A.T).log_prob(x)


_WRONG_DETERMINANTS = [
    (lambda A: -slogdet(A)[1], "has the wrong sign"),
    (lambda A: 0, "log-determinant is missing"),
    (lambda A: np.log(det(A)), "a negative one"),
    (lambda A: np.log(abs(det(A))), "never forms it"),
    (lambda A: math.log(det(A)), "a negative one"),
    (lambda A: math.log(abs(det(A))), "never forms it"),
    (lambda A: slogdet(A)[0], "the logarithm is the second"),
    (lambda A: slogdet(A)[0] * slogdet(A)[1], "whatever the sign"),
    (lambda A: slogdet(A)[1] / 2, "Half the log-determinant"),
    (lambda A: 2 * slogdet(A)[1], "counts twice"),
]


def affine_log_density(data):
    wrong = [
        (lambda x, A, b: _log_normal((x - b) @ inv(A)) - slogdet(A)[1], "A is transposed"),
        (lambda x, A, b: _log_normal(x @ A.T + b) - slogdet(A)[1], "push x forward once more"),
        (lambda x, A, b: _log_normal(x @ inv(A).T - b) - slogdet(A)[1], "it comes off first"),
        (lambda x, A, b: _log_normal(x @ inv(A).T) - slogdet(A)[1], "shift is not undone"),
        (lambda x, A, b: -(_back(x, A, b) ** 2).sum(1) / 2 - 0.9189385332 - slogdet(A)[1], "d of them, not one"),
        (lambda x, A, b: -(_back(x, A, b) ** 2).sum(1) / 2 - slogdet(A)[1], "does not integrate to 1"),
        (lambda x, A, b: _gaussian(x, A, b).sum(), "one number for the whole batch"),
        (lambda x, A, b: _gaussian(x, A, b).mean(), "one number for the whole batch"),
        (lambda x, A, b: _gaussian(x, A, b).reshape(-1, 1), "a column [n, 1]"),
        (lambda x, A, b: _gaussian(x, A, b) / np.log(2), "This is in bits"),
        (lambda x, A, b: _quadratic(inv(A), x - b) - slogdet(A)[1] / 2, "A in the place of the covariance"),
        (lambda x, A, b: _log_normal(x * 1.0) - slogdet(A)[1], "evaluated at x"),
        (lambda x, A, b: _log_normal(_back(x, A, b)) - (_back(x, A, b) ** 2).sum(1) / 2 - slogdet(A)[1], "factor 1/2"),
        (lambda x, A, b: -(_back(x, A, b) ** 2).sum(1) / 2 - len(x) * 0.9189385332 - slogdet(A)[1], "number of points"),
        (lambda x, A, b: -(_back(x, A, b) ** 2).sum(1) / 2 - len(b) * 1.8378770664 - slogdet(A)[1], "not log(2*pi)"),
        (lambda x, A, b: -(_back(x, A, b) ** 2).mean(1) / 2 - len(b) * 0.9189385332 - slogdet(A)[1], "are averaged"),
        (lambda x, A, b: -(_back(x, A, b) ** 2).sum() / 2 - len(b) * 0.9189385332 - slogdet(A)[1], "of all points"),
        (lambda x, A, b: np.exp(_gaussian(x, A, b)), "This is the density"),
        (lambda x, A, b: _log_normal(inv(A) @ (x - b)) - slogdet(A)[1], "inv(A) @ (x - b) takes"),
        (lambda x, A, b: -(_back(x, A, b) ** 2).sum(0) / 2 - len(b) * 0.9189385332 - slogdet(A)[1], "which is axis 1"),
        (lambda x, A, b: -(_back(x, A, b) ** 2).sum(1) / 2 - len(b) * 0.3990899342 - slogdet(A)[1], "is in log10"),
        (_move, "changes its argument number 1"),
        (lambda x, A, b: _log_normal(solve(A, x - b)) - slogdet(A)[1], "takes the columns of the batch for points"),
    ]
    for log_det, piece in _WRONG_DETERMINANTS:
        wrong.append((lambda x, A, b, log_det=log_det: _log_normal(_back(x, A, b)) - log_det(A), piece))
    right = [
        _gaussian,
        lambda x, A, b: _log_normal(_back(x, A, b)) - np.log(np.linalg.svd(A)[1]).sum(),
        lambda x, A, b: [_log_normal(solve(A, row - b)[None])[0] - slogdet(A)[1] for row in x],
    ]
    return wrong, right


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
        ("outside", 100 * (1 - inside), "outside: This is in percent"),
        ("joint", "abs(x)/(2*pi)*exp(-((x*y)**2 + y**2)/2)", "joint: The factor has the wrong letter"),
        ("outside", inside, "outside: This is the probability of the inside"),
        ("outside", (1 - inside) / 2, "outside: This is one of the two tails"),
        ("outside", 2 * NormalDist().cdf(-10), "outside: It is small, and not 0"),
        ("outside", 1 / (5 * math.pi), "outside: Close, and too large"),
        ("outside", math.erfc(10 / math.sqrt(2)), "outside: This is the probability for a normal variable"),
        ("outside", 0.5 + inside / 2, "outside: This is P(X < 10)"),
        ("det", "-z1/z2**2", "det: This is the entry of the first output"),
        ("joint", "abs(y)*exp(-((x*y)**2 + y**2)/2)/sqrt(2*pi)", "joint: The base has two dimensions"),
        ("joint", "abs(y)*exp(-((x*y)**2 + y**2)/2)", "joint: The constants of the two"),
        ("joint", "abs(y)/(2*pi)*exp(-(x**2/y**2 + y**2)/2)", "joint: You take x/y for z1"),
        ("joint", "exp(-x**2/2 - y**2/2)/(2*pi)", "And the determinant is missing"),
        ("density", "2/pi/(1 + x**2)", "density: The area is 2"),
        ("density", "2/(1 + x**2)", "constants of the base got lost"),
        ("density", "atan(x)/pi", "density: This is an antiderivative"),
        ("density", "0.5 + atan(x)/pi", "density: This is the distribution function"),
    ]
    wrong = [({**good, step: answer}, piece) for step, answer, piece in changes]
    joint = "abs(y)*exp(-y**2/2)/sqrt(2*pi)*exp(-(x*y)**2/2)/sqrt(2*pi)"
    other = {"det": "1/z2", "joint": joint, "density": "pi**-1*(1 + x**2)**-1", "outside": "2*arctan(0.1)/pi"}
    return wrong, [good, list(good.values()), other]
