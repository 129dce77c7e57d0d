"""More wrong and right answers to sheet 7: the best step, the order of a method, two steps."""

import numpy as np
from numpy import exp, log
from numpy.linalg import eigh, eigvalsh, inv, norm, solve
from scipy.linalg import sqrtm
from scipy.optimize import brentq

from teachkit import newton as nt
from teachkit.newton_root import newton_root
from teachkit.trust_region import Model, step_within


def full(g, H, radius):
    return -inv(H) @ g


def library(g, H, radius):
    return step_within(Model(0.0, g, H), radius)[0]


def by_root(g, H, radius, always=False):
    """Find mu with a linear system for each try."""
    top, step = eigvalsh(H).max(), lambda mu: solve(mu * np.eye(len(g)) - H, g)
    if top < 0 and not always and norm(step(0)) <= radius:
        return step(0)
    low = top if always else max(0, top)
    return step(brentq(lambda mu: norm(step(mu)) - radius, low + 1e-9, low + 1e3 * norm(g) / radius, xtol=1e-15))


def halved(g, H, radius, low=None, width=None, times=100):
    """Halve an interval for mu, from a lower end and of a width that students choose."""
    h, Q = eigh(H)
    G = Q.T @ g
    if h[-1] < 0 and norm(G / h) <= radius:
        return -Q @ (G / h)
    low = max(0, h[-1]) if low is None else low
    high = low + (norm(g) / radius if width is None else width)
    for _ in range(times):
        mu = (low + high) / 2
        low, high = (mu, high) if norm(G / (mu - h)) > radius else (low, mu)
    return Q @ (G / (high - h))


def best_step(data):
    wrong = [
        (full, "That is the full step"),
        (lambda g, H, r: full(g, H, r) * min(1, r / norm(full(g, H, r))), "You shorten the full step"),
        (lambda g, H, radius: radius * g / norm(g), "You go along the gradient"),
        (lambda g, H, r: full(g, H, r) if norm(full(g, H, r)) <= r else library(g, H, r), "whenever it fits"),
        (lambda g, H, radius: by_root(g, H, radius, always=True), "You always go to the boundary"),
        (lambda g, H, radius: -by_root(g, -H, radius), "for minimising"),
        (lambda g, H, radius: 1.001 * library(g, H, radius), "longer than the radius"),
        (lambda g, H, radius: library(g, H, 0.9 * radius), "Is its length the radius"),
        (lambda g, H, radius: library(g, H - np.eye(len(g)), radius), "the full step is best"),
        (lambda g, H, radius: library(g, -sqrtm(H @ H).real, radius), "positive semidefinite"),
        (lambda g, H, radius: library(g, H, radius)[:, None], "a vector like g"),
        (lambda g, H, radius: -library(g, H, radius), "Your step points downhill"),
        (lambda g, H, radius: solve(H, g), "the full step, backwards"),
        (lambda g, H, radius: eigh(H)[1].T @ halved(g, H, radius), "take it back with Q"),
        (lambda g, H, radius: halved(eigh(H)[1] @ eigh(H)[1] @ g, H, radius), "Q leads back"),
        (lambda g, H, radius: halved(g, H, radius, width=100), "large enough for a tiny ball"),
        (lambda g, H, radius: halved(g, H, radius, times=18), "halve it more often"),
        (lambda g, H, radius: halved(g, H, radius, low=0, width=1e6), "positive semidefinite"),
    ]
    return wrong, [by_root, library, halved, lambda g, H, radius: list(by_root(g, H, radius))]


def order_of_a_method(data):
    e0, e1, e2 = data["errors"]
    r = log(e2 / e1) / log(e1 / e0)
    wrong = [
        (2, "is it Newton's?"),
        (1 / r, "You divided the wrong way round"),
        (log(e2) / log(e1), "as if C were 1"),
        (log(e1) / log(e0), "as if C were 1"),
        (e2 / e1, "That is the factor of one step"),
        (log(e1 / e2) / log(10), "digits won"),
        (-r, "the sign is not"),
    ]
    return wrong, [r, round(r, 2), f"(log({e2}) - log({e1}))/(log({e1}) - log({e0}))", np.float32(r)]


def iterate(theta, x, z0, slope=None, keep=False, sign=1, multiply=False):
    """Take two steps with a Jacobian that a student has written down."""
    a, b, c, d = theta
    path, J = [np.asarray(z0, dtype=float)], None
    for _ in range(2):
        z1, z2 = path[-1]
        scale = exp(a * z1 + b)
        if J is None or not keep:
            J = slope(a, c, z2, scale) if slope else np.array([[1, 0], [a * z2 * scale + c, scale]])
        residual = np.array([x[0] - z1, x[1] - z2 * scale - c * z1 - d])
        path.append(path[-1] + sign * (J @ residual if multiply else inv(J) @ residual))
    return np.stack(path)


def explicit(theta, x, z0):
    a, b, c, d = theta
    end = [x[0], (x[1] - c * x[0] - d) * exp(-a * x[0] - b)]
    return np.array([z0, end, end])


def one_array(theta, x, z0):
    z, path = np.array(z0, dtype=float), []
    for row in iterate(theta, x, z0):
        z[:] = row
        path.append(z)
    return np.array(path)


def two_steps(data):
    def taken(slope=None, **how):
        return lambda theta, x, z0: iterate(theta, x, z0, slope, **how)

    wrong = [
        (taken(lambda a, c, z2, scale: np.array([[1, a * z2 * scale + c], [0, scale]])), "You transposed the Jacobian"),
        (taken(lambda a, c, z2, scale: np.diag([1, scale])), "Your Jacobian is diagonal"),
        (taken(lambda a, c, z2, scale: np.array([[1, 0], [a * z2 + c, scale]])), "lacks a factor"),
        (taken(lambda a, c, z2, scale: np.array([[1, 0], [c, scale]])), "s depends on z1 too"),
        (taken(lambda a, c, z2, scale: np.array([[1, 0], [a * z2 * scale, scale]])), "t depends on z1 too"),
        (taken(lambda a, c, z2, scale: np.array([[1, 0], [a * z2 * scale + c, 1]])), "the layer scales it"),
        (one_array, "one and the same array"),
        (taken(keep=True), "You keep the first Jacobian"),
        (taken(sign=-1), "goes away from the solution"),
        (taken(multiply=True), "You multiply by the Jacobian"),
        (explicit, "You used the explicit inverse"),
        (lambda theta, x, z0: iterate(theta, x, z0)[-1], "returns the shape [2], expected [3, 2]"),
        (lambda theta, x, z0: iterate(theta, x, z0).astype(z0.dtype), "whole numbers drop fractions"),
    ]
    right = [
        iterate,
        lambda theta, x, z0: [tuple(z) for z in iterate(theta, x, z0)],
        lambda theta, x, z0: list(newton_root(lambda z: nt.push(theta, z), x, z0, max_iter=2, tol=1e-300)),
    ]
    return wrong, right
