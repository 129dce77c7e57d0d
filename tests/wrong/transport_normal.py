"""Answers to the item of sheet 3 on normal laws."""

import numpy as np

W2 = [
    ("2*(m**2 + (s-t)**2)", "the square of W2"),
    ("sqrt(2)*abs(t - s)", "The means differ too"),
    ("sqrt(m**2 + m**2)", "had the same covariance"),
    ("sqrt(m**2 + 2*(t - s)**2)", "the square of its length"),
    ("sqrt(2*m*m + (s - t)**2)", "along both axes"),
    ("sqrt(2*m**2 + 2*(s**2 - t**2)**2)", "You subtract variances"),
    ("sqrt(2*(m**2 + s**2 + t**2))", "the independent coupling"),
    ("sqrt(2*m**2 + 2*s**2 + 2*t**2 - 2*s*t)", "two equal terms"),
    ("abs(m)*sqrt(2) + sqrt(2*(s - t)**2)", "Squares are added"),
    ("sqrt(2)*(s - t + m)", "Squares are added"),
    ("sqrt(2*m**2 + 2*(s + t)**2)", "The sign of the last trace"),
    ("sqrt(2)*m", "must occur in the formula"),
]


def turned_ellipse(data):
    m, n = np.array(data["real_mean"]), np.array(data["fake_mean"])
    v, u = np.array(data["real_var"]), np.array(data["fake_var"])
    s, t, apart = np.sqrt(v), np.sqrt(u), sum((m - n) ** 2)
    fid = apart + sum((s - t) ** 2)
    right = {"w2": "sqrt(2*m**2 + 2*(s - t)**2)", "fid": fid, "zero": "b"}
    score = [
        (fid**0.5, "FID is its square"),
        (apart + sum((v - u) ** 2), "what is given are variances"),
        (apart + sum(abs(v - u)), "a difference of variances"),
        (apart + sum(abs(s - t)), "are squared, too"),
        (apart**0.5 + sum((s - t) ** 2), "The length of the shift is squared"),
        (abs(m - n).sum() + sum((s - t) ** 2), "with the square of its length"),
        ((sum(m) - sum(n)) ** 2 + sum((s - t) ** 2), "First square, then add"),
        (sum((s - t) ** 2), "The means differ as well"),
        (apart, "The variances differ as well"),
        (apart + sum(v + u), "equal sets would not get 0"),
        (apart + sum(v + u - 2 * v * u), "that of a root"),
        (apart + sum(v + u - s * t), "counts twice"),
        (apart + sum((s + t) ** 2), "The sign of the last trace"),
        (fid / 2, "not averaged"),
    ]
    zero = [("a", "single pictures"), ("(c)", "three other values"), ("D", "Does nothing else"), ("e", "never below 0")]
    wrong = [({**right, "w2": answer}, piece) for answer, piece in W2]
    wrong += [({**right, "fid": answer}, piece) for answer, piece in score]
    wrong += [({**right, "zero": answer}, piece) for answer, piece in zero]
    trace = apart + np.trace(np.diag(v) + np.diag(u) - 2 * np.diag(v * u) ** 0.5)
    return wrong, [
        right,
        {"w2": "sqrt(2)*sqrt(m**2 + (t - s)**2)", "fid": trace, "zero": "(B)"},
        ["(2*m**2 + 2*s**2 + 2*t**2 - 4*s*t)**0.5", f"{fid:.6f}", "b"],
        {"w2": "sqrt(2*m*m+2*abs(s-t)**2)", "fid": np.float32(fid), "zero": "B"},
    ]
