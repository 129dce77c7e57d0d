"""Answers that students give to sheet 3: wrong ones with a piece of their message, and right ones."""

from fractions import Fraction
from itertools import pairwise

import numpy as np


def changed(right, **wrong):
    """Yield the right answers with one step replaced, by step: pairs of a wrong answer and a piece of its message."""
    for step, pairs in wrong.items():
        yield from (({**right, step: answer}, f"{step}: {piece}") for answer, piece in pairs)


def sort_by_hand(data):
    x, y = np.array(data["x"]), np.array(data["y"])
    ways = np.abs(sorted(x) - np.sort(y))  # the distances that mass is moved
    wrong = [
        (sum(abs(p - q) for p, q in zip(x, y, strict=True)) / 4, "in the order in which they are printed"),
        (abs(sum(x) - sum(y)) / 4, "the difference of the means"),
        (sum(ways), "the sum over the four pairs"),
        (float(np.sqrt((ways**2).sum() / 4)), "you take the root of the mean square"),
        ((ways**2).sum() / 4, "That is the mean square of the distances"),
        (max(ways), "the largest of the four distances"),
        (sorted(ways)[1] / 2 + sorted(ways)[2] / 2, "the median of the four distances"),
        (abs(np.median(x) - np.median(y)), "the difference of the medians"),
        (-abs(x.mean() - y.mean()), "A distance is never negative"),
        (np.mean([abs(p - q) for p, q in zip(sorted(x), sorted(y, reverse=True), strict=True)]), "opposite directions"),
        (np.mean([min(abs(p - q) for q in y) for p in x]), "each x to the nearest y"),
        (np.mean([min(abs(p - q) for p in x) for q in y]), "each y to the nearest x"),
        (sum(abs(p - q) for p in x for q in y) / 16, "sends everything everywhere"),
        (-np.mean(ways), "the sign is not"),
    ]
    total = int(ways.sum())
    return wrong, [total / 4, f"{total}/4", np.float32(total / 4), Fraction(total, 4)]


def _steps(x, a, y, b):
    z = np.concatenate([x, y])
    order = np.argsort(z)
    return z[order], np.cumsum(np.concatenate([a, -b])[order])


def unweighted(x, a, y, b):
    levels = (np.arange(420 * 3) + 0.5) / (420 * 3)

    def quantile(z):
        return np.sort(z)[(levels * len(z)).astype(int)]

    return np.abs(quantile(x) - quantile(y)).mean()


def forgotten_order(x, a, y, b):
    x.sort()
    return right_one(x, a, y, b)


def stale_weights(x, a, y, b):
    return right_one(np.sort(x), a, np.sort(y), b)


def right_one(x, a, y, b):
    z = sorted([(p, q) for p, q in zip(x, a, strict=True)] + [(p, -q) for p, q in zip(y, b, strict=True)])
    total = lead = 0.0
    for (p, mass), (q, _) in pairwise(z):
        lead += mass
        total += abs(lead) * (q - p)
    return total


def by_levels(x, a, y, b):
    i, j = np.argsort(x), np.argsort(y)
    A, B = np.cumsum(a[i]), np.cumsum(b[j])
    A[-1] = B[-1] = 1.0
    levels = np.unique(np.concatenate([[0.0], A, B]))
    middle = (levels[1:] + levels[:-1]) / 2
    gaps = np.asarray(x)[i][np.searchsorted(A, middle)] - np.asarray(y)[j][np.searchsorted(B, middle)]
    return np.array(np.abs(gaps) @ np.diff(levels))


def area(power=1, end=None):
    def answer(x, a, y, b):
        z, lead = _steps(x, a, y, b)
        return (np.abs(lead[1:] if end else lead[:-1]) ** power * (z[1:] - z[:-1])).sum()

    return answer


def strict(x, a, y, b):
    t = np.sort([*x, *y])
    gaps = [a[x < s].sum() - b[y < s].sum() for s in t]
    return np.abs(gaps[:-1]) @ np.diff(t)


def overwritten(x, a, y, b):
    masses = dict(zip(x.tolist(), a, strict=True))
    for p, q in zip(y.tolist(), -b, strict=True):
        masses[p] = q
    t = np.array(sorted(masses))
    return np.abs(np.cumsum([masses[p] for p in t])[:-1]) @ np.diff(t)


def sort_with_weights(data):
    wrong = [
        (unweighted, "You leave out the weights"),
        (stale_weights, "A weight must move with its point"),
        (lambda x, a, y, b: np.abs((a * x).sum() - (b * y).sum()), "a difference of means"),
        (lambda x, a, y, b: (b * y).sum() - (a * x).sum(), "a difference of means"),
        (area(end="right"), "at its right end"),
        (strict, "rise too late"),
        (overwritten, "points that coincide"),
        (area(power=2), "You square F - G"),
        (lambda x, a, y, b: np.abs(_steps(x, a, y, b)[1]).max(), "the largest gap between F and G"),
        (lambda x, a, y, b: np.abs(_steps(x, a, y, b)[1]).sum(), "An area also needs the widths"),
        (lambda x, a, y, b: (np.abs(np.subtract.outer(x, y)) * np.outer(a, b)).sum(), "sends everything everywhere"),
        (forgotten_order, "in place; work on a copy"),
        (lambda x, a, y, b: float(right_one(x, a, y, b) > 0), "it is 1, which is not right"),
    ]
    return wrong, [right_one, by_levels, area()]


def _prices(data):
    """Return the costs, the prices f, the best g for them, the best f for that g, and the plan's cost."""
    C, f = np.array(data["C"]), np.array(data["f"])
    g = [min(C[i, j] - f[i] for i in range(3)) for j in range(3)]
    new = [min(C[i, j] - g[j] for j in range(3)) for i in range(3)]
    return C, f, np.array(g), np.array(new), 0.4 * C[0, 1] + 0.1 * C[0, 2] + 0.3 * C[1, 2] + 0.2 * C[2, 0]


_FOLLOWS = [
    ("a", "A plan is proved best"),
    ("b", "It may also come"),
    ("D", "If each g_j is"),
    ("(e)", "For feasible prices"),
]


def bound_by_prices(data):
    C, f, g, new, upper = _prices(data)
    a, b = np.array([5, 3, 2]) / 10, np.array([2, 4, 4]) / 10
    low, high = C.min(axis=0), (C - f[:, None]).max(axis=0)  # two mistaken g
    first, second = a @ f + b @ g, a @ new + b @ g
    right = {f"g{j + 1}": g[j] for j in range(3)}
    right |= {"lower": first, "upper": upper, "better": second, "what_follows": "c"}
    wrong = changed(
        right,
        g1=[
            (max(C[:, 0] - f), "That is the largest C_ij - f_i"),
            (min(C[:, 0]), "That is the least cost"),
            (min(C[:, 0] + f), "You add f where it comes off"),
            (min(C[0] - f), "You look along a row of C"),
            (sum(C[:, 0] - f) / 3, "You take the mean over the column"),
        ],
        g2=[(C[:, 1].min() - f[1], "You take f_j off the whole column"), (max(C[:, 1] - f), "That is the largest")],
        lower=[
            (sum(f) + sum(g), "You add up the prices as if"),
            (b @ g, "Only g is in it"),
            (a @ f, "Only f is in it"),
            (b @ f + a @ g, "You have exchanged a and b"),
            (a @ f + b @ low, "That is what comes out of"),
        ],
        upper=[
            (C[0, 1] + C[0, 2] + C[1, 2] + C[2, 0], "You add up the costs"),
            (a @ C @ b, "That is the cost of the plan a_i b_j"),
            (0.4 * C[1, 0] + 0.1 * C[2, 0] + 0.3 * C[2, 1] + 0.2 * C[0, 2], "You have mixed up rows and columns"),
            (0.4 * C[0, 1] + 0.3 * C[1, 2] + 0.2 * C[2, 0], "The plan moves 0.1"),
        ],
        better=[
            (first, "That is the first bound"),
            (upper, "That is the cost of the plan"),
            (b @ new + a @ g, "You weigh with a and b"),
            (second - first, "That is by how much"),
            (a @ (C - high).min(axis=1) + b @ high, "That is what comes out of"),
        ],
        what_follows=_FOLLOWS,
    )
    texts = {name: f"{value:.6f}" if name != "what_follows" else "(C)" for name, value in right.items()}
    return list(wrong), [right, list(right.values()), texts]


def tight_pairs(data):
    wrong = [
        ((True, "a"), "Compute the costs of both pairings"),
        ((True, "b"), "look at the slack of all four pairs"),
        ((False, "a"), "Does it demand mass"),
        ((False, "b"), "adds nothing to it"),
        ((False, "c"), "leaves every sum f_i + g_j as it is"),
        (("False", "e"), "what the proposition excludes"),
        ((False, "f"), "Does that forbid slack zero"),
    ]
    return wrong, [(False, "d"), [False, "D"], ("false", "(d)")]


def witness_on_the_line(data):
    x, y = np.array(data["x"], float), np.array(data["y"], float)
    points = np.sort([*x, *y])
    lead = np.array([(y <= p).mean() - (x <= p).mean() for p in points[:-1]])

    def along(slopes, start=0.0):
        heights = start + np.append(0, (slopes * np.diff(points)).cumsum())
        return lambda t: np.interp(t, points, heights)

    right = along(np.sign(lead))

    def cones(t):
        return np.min([right(p) + np.abs(t - p) for p in points], axis=0)

    def one_by_one(t):
        return [float(right(s)) + 7 for s in t]

    def stepwise(t):
        return np.array([(y <= s).mean() - (x <= s).mean() for s in t])

    wrong = [
        (lambda t: -right(t), "the wrong sign"),
        (along(lead), "but smaller than W1"),
        (lambda t: 2 * right(t), "steeper than one somewhere"),
        (stepwise, "Your f jumps"),
        (lambda t: 0 * t, "Your f is constant"),
        (lambda t: right(t).mean(), "one for each t"),
        (lambda t: t if x.mean() > y.mean() else -t, "but smaller than W1"),
        (lambda t: t if x.mean() < y.mean() else -t, "not larger than its mean on y"),
        (lambda t: t**2, "steeper than one somewhere"),
        (lambda t: right(t) + np.maximum(t - 20, 0) * 1.5, "also outside of the data"),
        (lambda t: right(t) + 5 * np.maximum(t - 26, 0), "also outside of the data"),
        (lambda t: 3000 * t, "or is very steep"),
        (lambda t: np.where(t < 3, np.nan, right(t)), "finite numbers"),
    ]
    return wrong, [right, cones, one_by_one, along(np.where(lead == 0, -1, np.sign(lead)), 3.5)]
