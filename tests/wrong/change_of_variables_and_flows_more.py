"""Functions that students write for sheet 6: a coupling layer undone, and a masked one."""

import numpy as np


def undone(moved, log_det=lambda s: -s.sum(1)):
    """Return an inverse: ``moved`` makes the moved half from the halves a and b of x, and from s and t."""
    kept = lambda x: np.hsplit(x, 2)[0]  # noqa: E731
    return lambda x, s, t: (np.hstack([kept(x), moved(*np.hsplit(x, 2), s, t)]), log_det(s(kept(x))))


def z2(a, b, s, t):
    return (b - t(a)) / np.exp(s(a))


def by_the_moved(x, s, t):
    b = x[:, x.shape[1] // 2 :]
    return np.hstack([x[:, : b.shape[1]], (b - t(b)) * np.exp(-s(b))]), -s(b).sum(1)


def exchanged(x, s, t):
    a, b = np.hsplit(x, 2)
    return np.hstack([z2(b, a, s, t), b]), -s(b).sum(1)


def into(copy):
    def inverse(x, s, t):
        z, h = copy(x), x.shape[1] // 2
        z[:, h:] = (x[:, h:] - t(x[:, :h])) * np.exp(-s(x[:, :h]))
        return z, -s(x[:, :h]).sum(1)

    return inverse


def by_rows(x, s, t):
    rows = [undone(z2)(row[None], s, t) for row in x]
    return [[*z[0]] for z, _ in rows], [float(log_det[0]) for _, log_det in rows]


def invert_a_layer(data):
    wrong = [
        (undone(lambda a, b, s, t: np.exp(s(a)) * b + t(a)), "That is the layer itself"),
        (undone(lambda a, b, s, t: b / np.exp(s(a)) - t(a)), "The order is off"),
        (undone(lambda a, b, s, t: np.exp(s(a)) * (b - t(a))), "applied a second time"),
        (undone(lambda a, b, s, t: np.exp(s(a)) * b + t(a), lambda s: s.sum(1)), "That is the layer itself"),
        (undone(lambda a, b, s, t: b / np.exp(s(a)) - t(a), lambda s: s.sum(1)), "The order is off"),
        (undone(lambda a, b, s, t: np.exp(s(a)) * (b - t(a)), lambda s: s.sum(1)), "applied a second time"),
        (undone(lambda a, b, s, t: (b + t(a)) / np.exp(s(a))), "the shift by t is applied a second time"),
        (undone(lambda a, b, s, t: (b - t(b)) / np.exp(s(b))), "You give s or t the moved half"),
        (undone(lambda a, b, s, t: (b - t(a)) / np.exp(s(b))), "You give s or t the moved half"),
        (by_the_moved, "You give s or t the moved half"),
        (exchanged, "You keep the second half"),
        (lambda x, s, t: undone(z2)(x, s, t)[::-1], "in the wrong order"),
        (undone(lambda a, b, s, t: (b - t(a)) / s(a)), "You divide by s"),
        (lambda x, s, t: ((x - t(x)) / np.exp(s(x)), -s(x).sum(1)), "You move the whole of x"),
        (undone(z2, lambda s: s.sum(1)), "has the sign of the forward map"),
        (undone(z2, lambda s: -s.mean(1)), "not their mean"),
        (undone(z2, lambda s: -sum(s)), "each row has its own"),
        (undone(z2, lambda s: -np.sum(s)), "add over the whole batch"),
        (undone(z2, lambda s: -s), "one number for each entry"),
        (undone(z2, lambda s: np.zeros(s.shape[0])), "says that volumes are kept"),
        (undone(z2, lambda s: np.prod(np.exp(-s), axis=1)), "You return the determinant"),
        (into(lambda x: x), "in place; work on a copy"),
        (into(np.copy), "whole numbers drop fractions"),
    ]

    return wrong, [by_rows, into(lambda x: x.astype(float)), undone(z2, lambda s: np.log(np.exp(-s).prod(1)))]


def imaged(log_det):
    """Return a masked layer whose images are right; ``log_det`` makes the other result from s and the mask."""
    exp = lambda s, b: np.exp(np.where(b == 1, 0, s))  # noqa: E731
    return lambda z, s, t, b: (
        b * z + (1 - b) * (z * exp(s(b * z), b) + t(b * z)),
        log_det(s(b * z), b),
    )


def loosely(seen, kept):
    """Return a layer typed with less care: ``seen`` goes into s and t, ``kept`` is what stays of z."""
    scale = lambda z, s, b: (1 - b) * s(seen(z, b))  # noqa: E731
    return lambda z, s, t, b: (
        kept(z, b) + (1 - b) * (z * np.exp(scale(z, s, b)) + t(seen(z, b))),
        scale(z, s, b).sum((1, 2)),
    )


def typed(z, scale, shift, b, moved=None):
    moved = z if moved is None else moved
    return b * z + (1 - b) * (moved * np.exp(scale) + shift), np.sum((1 - b) * scale, (1, 2))


def no_outer_mask(z, s, t, b):
    return z * np.exp(s(b * z)) + t(b * z), s(b * z).sum(axis=(1, 2))


def t_is_not_masked(z, s, t, b):
    scale = (1 - b) * s(b * z)
    return z * np.exp(scale) + t(b * z), scale.sum(axis=(1, 2))


def undoing(z, s, t, b):
    scale = np.where(b == 1, 0, s(z * b))
    return np.where(b == 1, z, (z - t(z * b)) / np.exp(scale)), -scale.sum(axis=(1, 2))


def by_index(z, s, t, b):
    x, scale = z.copy(), s(z * b)[:, b == 0]
    x[:, b == 0] = z[:, b == 0] * np.exp(scale) + t(z * b)[:, b == 0]
    return x, scale.sum(axis=1)


def masked_layer(data):
    careful = loosely(np.multiply, np.multiply)
    wrong = [
        (loosely(lambda z, b: z, np.multiply), "You give s and t the whole z"),
        (lambda z, s, t, b: typed(z, s(z), t(b * z), b), "You give s the whole z"),
        (lambda z, s, t, b: typed(z, s(z) * (1 - b), t(b * z), b), "You give s the whole z"),
        (lambda z, s, t, b: typed(z, (1 - b) * s(b * z), t(z), b), "You give t the whole z"),
        (lambda z, s, t, b: typed(z, s(z), t(z), b), "You give s and t the whole z"),
        (lambda z, s, t, b: (typed(z, s(z), t(z), b)[0], s(z).sum((1, 2))), "You give s and t the whole z"),
        (lambda z, s, t, b: typed(z, (1 - b) * s(z - b * z), t(z - b * z), b), "the pixels that are moved"),
        (lambda z, s, t, b: typed(z, s(b * z), t(b * z), b), "0 times infinity is no number. When is it"),
        (lambda z, s, t, b: (typed(z, s(b * z), t(b * z), b)[0], s(b * z).sum((1, 2))), "counts the moved pixels only"),
        (lambda z, s, t, b: typed(z, (1 - b) * s(b * z), t(b * z), b, b * z), "The moved pixels have lost their z"),
        (no_outer_mask, "The kept pixels are changed"),
        (t_is_not_masked, "The kept pixels are changed"),
        (undoing, "That is the inverse"),
        (lambda z, s, t, b: careful(z, s, t, 1 - b), "a 1 says keep"),
        (loosely(np.multiply, lambda z, b: 0), "The kept pixels have become 0"),
        (imaged(lambda s, b: s.sum((1, 2))), "counts the moved pixels only"),
        (imaged(lambda s, b: -np.sum(s * (1 - b), (1, 2))), "this is the forward map"),
        (imaged(lambda s, b: np.mean(s * (1 - b), (1, 2))), "not a mean"),
        (imaged(lambda s, b: np.sum(s * (1 - b))), "and not over the images"),
        (imaged(lambda s, b: np.sum(s * (1 - b), 1)), "You add over one axis"),
        (imaged(lambda s, b: np.exp(np.sum(s * (1 - b), (1, 2)))), "You return the determinant"),
        (imaged(lambda s, b: np.where(b, 0, np.exp(s)).sum((1, 2))), "You add the factors"),
        (lambda z, s, t, b: careful(z, s, t, b)[0], "it should return 2 results"),
    ]

    return wrong, [by_index, careful, imaged(lambda s, b: np.einsum("nhw,hw->n", s, 1 - b))]
