"""The rest of the wrong and right answers to sheet 2."""

import numpy as np
from numpy import ceil, floor, hypot, log, sqrt


def stalled_run(data):
    wrong = [
        ("a", "At the goal nobody"),
        ("c", "By which factor"),
        ("d", "discriminator's loss"),
        ("(e)", "second column"),
    ]
    return wrong, ["b", "B", "(b)"]


def falling_loss(data):
    wrong = [
        ((True, "a"), "a much poorer discriminator"),
        ((True, "b"), "a much poorer discriminator"),
        ((False, "a"), "Is the one of round 2000"),
        ((False, "c"), "Both are in nats"),
        ((False, "d"), "for one small step"),
        ((False, "e"), "the figure of the losses"),
    ]
    return wrong, [(False, "b"), ["false", "B"], (np.bool_(False), "b)")]


def round_and_round(data):
    h = data["h"]
    n = log(10) / log(hypot(1, h))
    best = {"simultaneous": hypot(1, h), "steps": ceil(n)}
    best |= {"farthest": sqrt(2 / (2 - h)), "extragradient": hypot(1 - h * h, h)}
    wrong = [
        ({**best, "simultaneous": 1 + h**2}, "factor of the squared distance"),
        ({**best, "simultaneous": 1 + h}, "at a right angle"),
        ({**best, "simultaneous": sqrt(1 - h**2)}, "these steps leave"),
        ({**best, "simultaneous": 1}, "Only in continuous time"),
        ({**best, "steps": floor(n)}, "not yet reached"),
        ({**best, "steps": n}, "a whole number"),
        ({**best, "steps": ceil(n) + 1}, "after fewer steps"),
        ({**best, "steps": ceil(log(10) / log(1 + h * h))}, "factor of the squared distance"),
        ({**best, "steps": ceil(log(2) / log(hypot(1, h)))}, "for twice the distance"),
        ({**best, "steps": ceil(9 / (hypot(1, h) - 1))}, "The steps multiply"),
        ({**best, "farthest": sqrt(2 / (2 + h))}, "the nearest point"),
        ({**best, "farthest": 2 / (2 - h)}, "square of the distance"),
        ({**best, "farthest": 1}, "The ellipse is no circle"),
        ({**best, "farthest": 1 / sqrt(1 - h)}, "what is the form"),
        ({**best, "farthest": hypot(1, h)}, "after one step"),
        ({**best, "extragradient": 1 - h**2 + h**4}, "factor of the squared distance"),
        ({**best, "extragradient": 1 + h * h}, "two plain steps"),
        ({**best, "extragradient": hypot(1, h)}, "the plain step"),
        ({**best, "extragradient": 1 - h * h}, "the imaginary part"),
        ({**best, "extragradient": sqrt(1 - h * h)}, "You dropped"),
        ({**best, "extragradient": 1 / hypot(1, h)}, "factor of a simultaneous step"),
        ({**best, "extragradient": hypot(1 + h * h, h)}, "i times i is -1"),
        ({**best, "extragradient": sqrt(1 + h**2 + h**4)}, "a middle term"),
        ({**best, "extragradient": hypot(1 - h * h / 2, h)}, "half a step ahead"),
        ({**best, "steps": ceil(n) + 2}, "after fewer steps"),
    ]
    right = [best, [f"sqrt(1 + {h}**2)", int(ceil(n)), f"1/sqrt(1 - {h}/2)", abs(1 + 1j * h * (1 + 1j * h))]]
    return wrong, [*right, {**best, "steps": float(ceil(n)), "simultaneous": np.float32(hypot(1, h))}]


def ahead(x, y, A, h):
    return x - h * (A @ y), y + h * (x @ A)


def right_step(x, y, A, h):
    u, v = ahead(x, y, A, h)
    return x - h * (A @ v), y + h * (u @ A)


def both_down(x, y, A, h):
    u, v = x - h * A @ y, y - h * A.T @ x
    return x - h * A @ v, y - h * A.T @ u


def half_ahead(x, y, A, h):
    u, v = ahead(x, y, A, h / 2)
    return x - h * A @ v, y + h * A.T @ u


def in_place(x, y, A, h):
    u, v = ahead(x, y, A, h)
    x[:] = x - h * (A @ v)
    return x, y + h * (u @ A)


def look_ahead(data):
    wrong = [
        (ahead, "That is the point ahead"),
        (lambda x, y, A, h: ahead(*ahead(x, y, A, h), A, h), "from the point ahead; it starts"),
        (lambda x, y, A, h: (x - h * A @ y, y + h * A.T @ (x - h * A @ y)), "Nobody looks ahead"),
        (lambda x, y, A, h: (right_step(x, y, A, h)[0], y + h * right_step(x, y, A, h)[0] @ A), "you use the new x"),
        (lambda x, y, A, h: (x - h * A @ (y + h * A.T @ x), y + h * A.T @ x), "Only y looks ahead"),
        (lambda x, y, A, h: (x - h * A @ (y + h * A.T @ (x - h * A @ y)), right_step(x, y, A, h)[1]), "from the new x"),
        (lambda x, y, A, h: right_step(x, y, A, h)[::-1], "in each other's place"),
        (half_ahead, "only half a step ahead"),
        (both_down, "In yours both go down"),
        (lambda x, y, A, h: right_step(x, y, A, -h), "the other way round"),
        (lambda x, y, A, h: (x - h * A * y, y + h * A * x), "expected"),
        (in_place, "in place"),
    ]
    right = [
        right_step,
        lambda x, y, A, h: (x - h * A @ y - h * h * A @ A.T @ x, y + h * A.T @ x - h * h * A.T @ A @ y),
        lambda x, y, A, h: [list(v) for v in right_step(x, y, A, h)],
    ]
    return wrong, right
