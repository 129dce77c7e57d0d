"""A critic with one hidden layer: its gradients by hand, and its training (chapter `wgan`).

The critic is f(x) = sum over k of v_k max(0, W_k.x + b_k). A constant on top would cancel in every value, so there
is none. How steep it is at most stands in ``wgan_lipschitz``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check

_EPS = 1e-8  # keeps RMSProp from dividing by zero


class Critic(NamedTuple):
    """f(x) = sum over k of v_k max(0, W_k.x + b_k).

    Attributes:
        W: [h, d], a row for each hidden unit.
        b: [h].
        v: [h].
    """

    W: np.ndarray
    b: np.ndarray
    v: np.ndarray

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Return f at the rows of x [n, d], [n].

        Raises:
            ValueError: if x is not a finite [n, d], or a shape does not fit.

        >>> Critic(np.array([[2.0]]), np.array([-1.0]), np.array([3.0]))([[0.0], [1.0]])
        array([0., 3.])
        """
        W, b, v = checked(self)
        return np.maximum(_check.points("x", x, W.shape[1]) @ W.T + b, 0.0) @ v


class Fit(NamedTuple):
    """A critic in training: steps done, the critic, and its value mean f(x) - mean f(y) on all the data."""

    step: int
    critic: Critic
    value: float


def random_critic(hidden: int, d: int, rng: np.random.Generator) -> Critic:
    """Return a critic with W and b normal of variance 1 / d, and v of variance 1 / hidden.

    Raises:
        ValueError: if a count is not a whole number of at least 1, or rng is no generator.

    >>> random_critic(8, 2, np.random.default_rng(0)).W.shape
    (8, 2)
    """
    h, d, rng = _check.count("hidden", hidden), _check.count("d", d), _check.generator("rng", rng)
    return Critic(
        rng.standard_normal((h, d)) / np.sqrt(d),
        rng.standard_normal(h) / np.sqrt(d),
        rng.standard_normal(h) / np.sqrt(h),
    )


def checked(critic: Critic) -> Critic:
    """Return the critic with float64 arrays whose shapes fit.

    Raises:
        ValueError: if a shape does not fit or a number is not finite.

    >>> checked(Critic([[1.0]], [0.0], [1.0, 2.0]))
    Traceback (most recent call last):
    ...
    ValueError: critic.v: expected a vector of 1 entries, got shape (2,)
    """
    W = _check.shaped("critic.W", critic.W, (None, None))
    return Critic(W, *(_check.vector(f"critic.{n}", u, (len(W),)) for n, u in zip("bv", critic[1:], strict=True)))


def critic_value(critic: Callable[[ArrayLike], np.ndarray], x: ArrayLike, y: ArrayLike) -> float:
    """Return mean f(x) - mean f(y), what a critic is trained to make large.

    Args:
        critic: [n, d] -> [n].
        x: samples of the data, [n, d].
        y: samples of the generator, [m, d].

    Raises:
        ValueError: if x or y is not a finite array of two axes, or the critic's shape is wrong.

    >>> critic_value(lambda x: 2 * x[:, 0], [[1.0], [3.0]], [[0.0]])
    4.0
    """
    x = _check.points("x", x)
    y = _check.points("y", y, x.shape[1])
    fx, fy = (_check.returned("critic", critic(z), (len(z),)) for z in (x, y))
    return float(fx.mean() - fy.mean())


def input_gradient(critic: Critic, x: ArrayLike) -> np.ndarray:
    """Return the gradient of f at the rows of x, [n, d]: the sum of v_k W_k over the units that are on.

    On the line or plane where a unit switches f has no gradient; the unit counts as off there.

    Raises:
        ValueError: if x is not a finite [n, d], or the critic's shapes do not fit.

    >>> input_gradient(Critic(np.array([[2.0]]), np.array([-1.0]), np.array([3.0])), [[0.0], [1.0]])
    array([[0.],
           [6.]])
    """
    critic = checked(critic)
    x = _check.points("x", x, critic.W.shape[1])
    return (x @ critic.W.T + critic.b > 0) @ (critic.v[:, None] * critic.W)


def value_gradient(critic: Critic, x: ArrayLike, y: ArrayLike) -> Critic:
    """Return the gradient of the critic's value in its weights, in the shape of a critic.

    With e_i = 1/n at the rows of x and -1/m at those of y, and r_ik = max(0, W_k.x_i + b_k): the derivative by v_k
    is sum_i e_i r_ik, that by b_k is sum_i e_i v_k [r_ik > 0], and that by W_k has x_i in the sum.

    Raises:
        ValueError: if x or y is not a finite [n, d], or the critic's shapes do not fit.

    >>> value_gradient(Critic(np.array([[2.0]]), np.array([-1.0]), np.array([3.0])), [[1.0]], [[0.0]]).v
    array([1.])
    """
    critic = checked(critic)
    x, y = (_check.points(name, z, critic.W.shape[1]) for name, z in zip("xy", (x, y), strict=True))
    z = np.concatenate([x, y])
    e = np.concatenate([np.full(len(x), 1 / len(x)), np.full(len(y), -1 / len(y))])
    r = np.maximum(z @ critic.W.T + critic.b, 0.0)
    on = (r > 0) * e[:, None] * critic.v
    return Critic(on.T @ z, on.sum(axis=0), e @ r)


def penalty(critic: Critic, z: ArrayLike, *, one_sided: bool = False) -> tuple[float, Critic]:
    """Return mean (|grad f(z)| - 1)^2 and its gradient in the weights.

    Statement `gradient-penalty`. With g_i = grad f(z_i) and c_i = 2 (|g_i| - 1) / |g_i|, the derivatives by v_k and
    W_k are the means of c_i W_k.g_i and of c_i v_k g_i over the rows where unit k is on; b does not matter, because
    it only moves the places where units switch. Where g_i = 0 the slope of |g_i| is taken as 0.

    Args:
        critic: the critic.
        z: where the slope should be one, [n, d].
        one_sided: leave slopes below one alone.

    Raises:
        ValueError: if z is not a finite [n, d], or the critic's shapes do not fit.

    >>> penalty(Critic(np.array([[2.0]]), np.array([0.0]), np.array([2.0])), [[1.0]])[0]  # (4 - 1)^2
    9.0
    """
    critic = checked(critic)
    z = _check.points("z", z, critic.W.shape[1])
    on = (z @ critic.W.T + critic.b > 0).astype(float)
    g = on @ (critic.v[:, None] * critic.W)
    length = np.linalg.norm(g, axis=1)
    excess = length - 1
    if one_sided:
        excess = np.maximum(excess, 0.0)
    pull = 2 * excess / np.where(length > 0, length, np.inf) / len(z)
    along = (pull[:, None] * on).T @ g  # [h, d]: sum over i of pull_i on_ik g_i
    gradient = Critic(critic.v[:, None] * along, np.zeros_like(critic.b), (critic.W * along).sum(axis=1))
    return float((excess**2).mean()), gradient


def fit_clipped(
    critic: Critic,
    x: ArrayLike,
    y: ArrayLike,
    *,
    clip: float = 0.01,
    lr: float = 5e-5,
    steps: int = 1000,
    batch: int | None = 64,
    rng: np.random.Generator,
) -> Iterator[Fit]:
    """Yield the critic after each step of the published listing, statement `wgan-clipping`.

    A step of RMSProp uphill on a batch of each side, then every weight is cut to [-clip, clip]. The defaults are
    the listing's constants.

    Args:
        critic: where to start; it is not changed.
        x: samples of the data, [n, d].
        y: samples of the generator, [m, d].
        clip: largest size of a weight, above 0.
        lr: step size, above 0.
        steps: at least 1.
        batch: samples drawn from each side, with replacement; None takes all.
        rng: draws the batches.

    Raises:
        ValueError: if a shape does not fit, a number is not finite, or an argument is not as above.

    >>> rng = np.random.default_rng(0)
    >>> start = Critic(np.ones((4, 1)), np.zeros(4), np.ones(4))
    >>> *_, last = fit_clipped(start, [[1.0]], [[0.0]], clip=0.1, lr=0.01, steps=99, rng=rng)
    >>> round(last.value, 12)  # by hand: slope 4 * 0.1^2
    0.04
    """
    clip = _check.positive("clip", clip)
    cut = lambda f: Critic(*(np.clip(part, -clip, clip) for part in f))  # noqa: E731
    return _ascend(critic, x, y, value_gradient, cut, lr, steps, batch, rng, decay=0.99)


def fit_penalised(
    critic: Critic,
    x: ArrayLike,
    y: ArrayLike,
    *,
    weight: float = 10.0,
    lr: float = 1e-2,
    steps: int = 1000,
    batch: int | None = 64,
    one_sided: bool = False,
    rng: np.random.Generator,
) -> Iterator[Fit]:
    """Yield the critic after each step uphill on its value minus weight times the penalty, `gradient-penalty`.

    The penalty is taken at points u x_i + (1 - u) y_i between the batches' rows, in random pairs. RMSProp with decay
    0.9, and a step size that falls to 0 on a line.

    Args:
        critic: where to start; it is not changed.
        x: samples of the data, [n, d].
        y: samples of the generator, [m, d].
        weight: of the penalty, at least 0; without it the value grows for ever.
        lr: first step size, above 0.
        steps: at least 1.
        batch: samples drawn from each side; None takes all for the value.
        one_sided: punish slopes above one alone.
        rng: draws the batches and the points between.

    Raises:
        ValueError: as ``fit_clipped``.

    >>> rng = np.random.default_rng(0)
    >>> *_, last = fit_penalised(random_critic(16, 1, rng), [[2.0]], [[0.0]], steps=500, rng=rng)
    >>> round(last.value, 2)  # by hand: slope 1 + 2 / 20
    2.2
    """
    if _check.number("weight", weight) < 0:
        raise ValueError(f"weight: expected a number of at least 0, got {weight}")

    def gradient(f: Critic, u: np.ndarray, w: np.ndarray) -> Critic:
        n, share = max(len(u), len(w)), rng.random((max(len(u), len(w)), 1))
        between = share * u[rng.integers(len(u), size=n)] + (1 - share) * w[rng.integers(len(w), size=n)]
        push = penalty(f, between, one_sided=one_sided)[1]
        return Critic(*(p - weight * q for p, q in zip(value_gradient(f, u, w), push, strict=True)))

    return _ascend(critic, x, y, gradient, lambda f: f, lr, steps, batch, rng, decay=0.9, fall=True)


def _ascend(
    critic: Critic,
    x: ArrayLike,
    y: ArrayLike,
    gradient: Callable[[Critic, np.ndarray, np.ndarray], Critic],
    project: Callable[[Critic], Critic],
    lr: float,
    steps: int,
    batch: int | None,
    rng: np.random.Generator,
    *,
    decay: float,
    fall: bool = False,
) -> Iterator[Fit]:
    """Check the arguments at once, then return RMSProp's iterates."""
    critic = checked(critic)
    x, y = (_check.points(name, z, critic.W.shape[1]) for name, z in zip("xy", (x, y), strict=True))
    lr, steps, rng = _check.positive("lr", lr), _check.count("steps", steps), _check.generator("rng", rng)
    size = None if batch is None else _check.count("batch", batch)
    draw = lambda z: z if size is None else z[rng.integers(len(z), size=size)]  # noqa: E731

    def iterates() -> Iterator[Fit]:
        f, mean_square = critic, [np.zeros_like(part) for part in critic]
        for step in range(1, steps + 1):
            g = gradient(f, draw(x), draw(y))
            mean_square = [decay * s + (1 - decay) * u**2 for s, u in zip(mean_square, g, strict=True)]
            rate = lr * (1 - (step - 1) / steps) if fall else lr
            moved = (p + rate * u / (np.sqrt(s) + _EPS) for p, u, s in zip(f, g, mean_square, strict=True))
            f = project(Critic(*moved))
            yield Fit(step, f, critic_value(f, x, y))

    return iterates()
