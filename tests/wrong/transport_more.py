"""More answers to sheet 3: entropic transport, critics."""

import numpy as np


def changed(right, **wrong):
    """Yield the right answers with one step replaced, by step: pairs of a wrong answer and a piece of its message."""
    for step, pairs in wrong.items():
        yield from (({**right, step: answer}, piece) for answer, piece in pairs.items())


def shifted(z, axis, each=True, back=True):
    top = np.max(z, axis=axis if each else None, keepdims=True)
    out = np.log(np.sum(np.exp(z - top), axis=axis, keepdims=True)) + back * top
    return np.squeeze(out, axis=axis)


def straight(g, a, b, C, eps):
    with np.errstate(all="ignore"):
        f = -eps * np.log(np.exp((g[None, :] - C) / eps) @ b)
        return f, -eps * np.log(a @ np.exp((f[:, None] - C) / eps))


def scaling(g, a, b, C, eps):
    with np.errstate(all="ignore"):
        K = np.exp(-C / eps)
        u = 1 / (K @ (b * np.exp(g / eps)))
        v = 1 / (K.T @ (a * u))
        return eps * np.log(u), eps * np.log(v)


def step(first=1.0, masses=True, factor=True, sign=-1, use_f=1, start=1, **how):
    def answer(g, a, b, C, eps):
        with np.errstate(all="ignore"):
            front = sign * (eps if factor else 1)
            la, lb = (np.log(a), np.log(b)) if masses else (0 * a, 0 * b)
            f = front * shifted((start * g - C) / eps + lb, 1, **how)
            return f, front * shifted(((use_f * f + eps * la) - C.T).T / eps, 0, **how)

    return answer


def textbook(g, a, b, C, eps):
    f = eps * np.log(a) - eps * shifted((g - C) / eps, 1)
    return f, eps * np.log(b) - eps * shifted((f[:, None] - C) / eps, 0)


def even(g, a, b, C, eps):
    n, m = C.shape
    f = -eps * (shifted((g - C) / eps, 1) - np.log(m))
    return f, -eps * (shifted((f[:, None] - C) / eps, 0) - np.log(n))


def loop(g, a, b, C, eps):
    n = len(C)
    f = -eps * (shifted((g - C) / eps, 1) - np.log(n))
    return f, -eps * (shifted((f[:, None] - C) / eps, 0) - np.log(n))


def flat(g, a, b, C, eps):
    f = step()(g, a, b, C, eps)[0]
    return f, -eps * shifted((f - C) / eps + np.log(a)[:, None], 0)


def flat_and_plain(g, a, b, C, eps):
    f = step()(g, a, b, C, eps)[0]
    return f, -eps * shifted((f - C) / eps + np.log(a), 0)


def minima(g, a, b, C, eps):
    f = np.array([min(row - g) for row in C])
    return f, np.array([min(column - f) for column in C.T])


def rowwise(g, a, b, C, eps):
    f = np.array([-eps * np.logaddexp.reduce(np.log(b) + (g - row) / eps) for row in C])
    return [f, np.array([-eps * np.logaddexp.reduce(np.log(a) + (f - column) / eps) for column in C.T])]


def centred(g, a, b, C, eps):
    low = (C - g).min(axis=1)
    f = low - eps * np.log(np.exp((g - C + low[:, None]) / eps) @ b)
    low = (C - f[:, None]).min(axis=0)
    return f, low - eps * np.log(a @ np.exp((f[:, None] - C + low) / eps))


def half_weighted(g, a, b, C, eps):
    f = step()(g, a, b, C, eps)[0]
    return f, -eps * shifted((f[:, None] - C) / eps, 0)


def added_masses(g, a, b, C, eps):
    f = -eps * shifted((g - C) / eps + b, 1)
    return f, -eps * shifted((f[:, None] - C) / eps + a[:, None], 0)


def loose_bracket(g, a, b, C, eps):
    f = -eps * shifted(g - C / eps + np.log(b), 1)
    return f, -eps * shifted(f[:, None] - C / eps + np.log(a)[:, None], 0)


def in_place(g, a, b, C, eps):
    f, new = step()(g, a, b, C, eps)
    g[:] = new
    return f, g


def sinkhorn_step(data):
    right = step()
    wrong = [
        (straight, "underflow to 0"),
        (scaling, "underflow to 0"),
        (step(each=False), "each sum needs its own"),
        (step(back=False), "do not put it back"),
        (step(masses=False), "Your sums have no weights"),
        (even, "You weigh all points alike"),
        (textbook, "without the factor a_i b_j"),
        (step(sign=1), "The sign in front of eps log"),
        (step(factor=False), "The factor eps in front"),
        (step(start=0), "You start from g = 0"),
        (step(start=-1), "g_j and C_ij have opposite signs"),
        (step(use_f=0), "In your second sum f does not occur"),
        (lambda g, a, b, C, eps: (right(g, a, b, C, eps)[0], g), "The second half of the iteration"),
        (minima, "the limit for eps to 0"),
        (half_weighted, "The second sum has no weights"),
        (added_masses, "You add the masses to the exponents"),
        (loose_bracket, "only C is divided by eps"),
        (lambda *x: right(*x)[::-1], "return f first"),
        (loop, "as the chapter's loop does"),
        (lambda g, a, b, C, eps: right(g, b, a, C, eps), "You have exchanged a and b"),
        (flat, "f stands in a row"),
        (flat_and_plain, "f stands in a row"),
        (lambda *x: right(*x)[0], "it should return 2 results"),
        (in_place, "in place; work on a copy"),
    ]
    return wrong, [right, rowwise, centred]


def one_matrix(eps, C):
    weights = np.exp(-C[:, None] / eps)
    return (C[:, None] * weights / weights.sum(axis=0)).sum(axis=0)


def bias_of_two_points(data):
    (p, q), (r, s) = data["C"]
    gap, W = abs(p + s - q - r), min(p + s, q + r) / 2
    x = np.linspace(0.2, 4, 120)
    share = 1 / (1 + np.exp(gap / x / 2))  # of the mass on the dearer pairs
    bias = gap * share / 2
    divergence = share * np.log(2 * share) + (1 - share) * np.log(2 * (1 - share))
    wrong = [
        (bias + W, "the whole cost of the entropic plan"),
        (gap / 2 / (1 + np.exp(gap / x)), "a factor 1/2 is missing"),
        (gap * share, "Twice too large"),
        (bias + x * divergence, "You add eps times the divergence"),
        (0 * x + gap / 4, "all masses 1/4"),
        (one_matrix(x, np.array([p, q, r, s])) - W, "do not sum to 1/2"),
        (x * np.log(2), "the upper bound for any costs"),
        (gap / 2 * (1 - share), "That grows when eps falls"),
        (share, "not yet a cost"),
        (share / 2, "not yet a cost"),
        (-bias, "subtract the other way round"),
        (gap / 2 / (1 + np.exp(gap * x / 2)), "You multiply by eps"),
    ]
    if q + r < p + s:
        wrong.append((bias + W - (p + s) / 2, "For your costs it is not the best one"))
    fine = np.geomspace(0.2, 4, 900)
    right = [(x, bias), (x.tolist(), (gap / 4 * (1 - np.tanh(gap / (4 * x)))).tolist())]
    right.append(np.stack([fine, 0.5 * gap * np.exp(-np.logaddexp(0, gap / (2 * fine)))]))
    return [((x, y), piece) for y, piece in wrong], right


_GIVES_WAY = {
    "slope": {
        "k": "The first term still pulls",
        "k + theta/w": "Differentiate the square again",
        "k - 0.5*theta/w": "the best s lies above k",
        "theta/(2*w)": "how far the best slope lies above k",
        "1 + theta/(2*w)": "for the penalty with k = 1",
        "k + 2*w/theta/4": "Upside down",
        "k + theta/2*w": "theta/2*w is (theta/2)*w",
        "k + theta/2/w*w": "The weight of the penalty is missing",
    },
    "value": {
        "theta": "That is W1",
        "theta*k": "the value at the slope k",
        "theta/(2*w) + k": "That is the slope",
        "k*theta + theta**2/2*w": "theta**2/2*w is (theta**2/2)*w",
        "k*theta + (theta/2)**2/w": "That is the largest J",
        "theta*(1 + theta/(2*w))": "for the penalty with k = 1",
    },
    "proven": {
        "theta*(k + theta/(2*w))": "That is the value itself",
        "k*theta": "For k > 1 that is more than W1",
        1: "has the unit of theta",
        "k + theta/(2*w)": "which the value is to be divided by",
    },
    "weight": {
        "theta/q": "Differentiate the square again",
        "theta/2*q": "theta/2*q is (theta/2)*q",
        "theta**2/(2*q)": "It is asked for as a share",
        "theta/(4*q)": "the largest J in place",
        "theta/2/(q - 1)": "not q W1",
        "1/(2*q)": "right for theta = 1 only",
    },
    "rescaled": {
        "w": "Then the slope changes",
        "w/255": "The wrong way",
        "65025*w": "One factor too many",
        255: "depends on it",
    },
}


def two_points_and_a_penalty(data):
    right = {"slope": "k + theta/w/2", "value": "theta*(k + theta/(2*w))", "proven": "theta", "weight": "0.5*theta/q"}
    right["rescaled"] = "w*255"
    wrong = changed(right, **_GIVES_WAY)
    same = ["(2*w*k + theta)/(2*w)", "k*theta + 0.5*theta**2/w", "theta + 0*w", "theta/(q + q)", "255.0*w"]
    return list(wrong), [right, same, dict(zip(right, same, strict=True))]


def slopes(W, b, v, z):
    return np.array([sum((v[k] * W[k] for k in range(len(v)) if W[k] @ p + b[k] > 0), 0 * W[0]) for p in z])


def judged(rule, slopes=slopes):
    def answer(W, b, v, z, weight):
        g = slopes(W, b, v, z)
        return g, weight * rule(g)

    return answer


def lengths(g):
    return np.sqrt((g * g).sum(axis=-1))


def penalty_in_code(data):
    def fair(g):
        return np.mean([(np.sqrt(row @ row) - 1) ** 2 for row in g])

    def by_heaviside(W, b, v, z, weight):
        g = np.einsum("nk,k,kd->nd", np.heaviside(z @ W.T + b, 0.0), v, W)
        return g, weight * fair(g)

    def other_layout(W, b, v, z, weight):
        g = slopes(W, b, v, z)
        return g.T, weight * fair(g)

    good = judged(fair)
    wrong = [
        (judged(lambda g: (np.sqrt((g**2).sum()) - 1) ** 2), "one norm for the whole batch"),
        (judged(lambda g: (np.sqrt((g**2).sum() / len(g)) - 1) ** 2), "1 is subtracted from each"),
        (judged(lambda g: (np.mean(lengths(g)) - 1) ** 2), "Slopes 0 and 2"),
        (judged(lambda g: (lengths(g.mean(axis=0)) - 1) ** 2), "Opposite slopes cancel"),
        (judged(lambda g: np.sum((lengths(g) - 1) ** 2)), "you take the sum"),
        (judged(lambda g: np.mean(((g**2).sum(axis=1) - 1) ** 2)), "You forget the root"),
        (judged(lambda g: np.mean(np.clip(lengths(g) - 1, 0, None) ** 2)), "the one-sided penalty"),
        (judged(lambda g: -fair(g)), "J subtracts it"),
        (lambda *x: (good(*x)[0], good(*x)[1] / x[-1]), "The weight of the penalty is missing"),
        (judged(fair, lambda W, b, v, z: np.tile(v @ W, (len(z), 1))), "you count all units as on"),
        (judged(fair, lambda W, b, v, z: slopes(W, 0 * b, v, z)), "You forget b"),
        (judged(fair, lambda W, b, v, z: slopes(W, b, v / v, z)), "The weights v are missing"),
        (judged(fair, lambda W, b, v, z: slopes(-W, -b, -v, z)), "the units that are off"),
        (judged(lambda g: ((g - 1) ** 2).mean()), "1 from each coordinate"),
        (judged(lambda g: np.mean((lengths(g.T) - 1) ** 2)), "the norm down each column"),
        (lambda *x: good(*x)[::-1], "first the gradients"),
        (lambda *x: good(*x)[1], "it should return 2 results"),
        (other_layout, "Result 2 is right"),
    ]
    return wrong, [good, by_heaviside, lambda *x: list(good(*x))]
