"""Normalizing flows: a base law pushed through a chain of bijections (chapter `flows`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.change_of_variables import Bijection, compose, pushforward_log_prob
from teachkit.data import Law


class Flow:
    """The law of f_K(... f_1(z)) with z from ``base``: itself a law, so flows nest.

    Args:
        base: the law of z, with ``sample`` and ``log_prob``.
        layers: f_1 to f_K, in the order in which sampling applies them.

    Raises:
        ValueError: if there is no layer, or one is not a ``Bijection``.

    >>> from teachkit.change_of_variables import affine
    >>> from teachkit.data import standard_normal
    >>> flow = Flow(standard_normal(1), [affine([[2.0]], [3.0])])
    >>> np.exp(flow.log_prob([[3.0]])).round(6)
    array([0.199471])
    """

    def __init__(self, base: Law, layers: Sequence[Bijection]) -> None:
        self.base, self.layers = base, _check.instances("layers", layers, Bijection)
        self.bijection = compose(*self.layers)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n independent samples, [n, d]: one forward pass."""
        return self.bijection.forward(self.base.sample(n, rng))[0]

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """Return log p at each row of x, [n], in nats: one inverse pass, statement `flow-log-density`."""
        return pushforward_log_prob(self.base.log_prob, self.bijection.inverse, x)

    def latent(self, x: ArrayLike) -> np.ndarray:
        """Return the base point of each row of x, [n, d]."""
        return self.bijection.inverse(x)[0]

    def path(self, z: ArrayLike) -> Iterator[np.ndarray]:
        """Yield z, f_1(z), f_2(f_1(z)), ...: K + 1 arrays [n, d]."""
        x = _check.points("z", z)
        yield x
        for layer in self.layers:
            x, _ = layer.forward(x)
            yield x


class Estimate(NamedTuple):
    """A Monte-Carlo mean and its standard error; (inf, nan) where the model gives a sample the density 0."""

    value: float
    error: float


def cross_entropy(model: Law, x: ArrayLike) -> Estimate:
    """Return -mean log p_model over the rows of x: what maximum likelihood minimises, in nats.

    Its distance to the data's own entropy is KL(data || model), statement `mle-is-kl`.

    Raises:
        ValueError: if x has fewer than two rows or is not a finite [n, d].

    >>> from teachkit.data import standard_normal
    >>> cross_entropy(standard_normal(1), [[1.0], [-1.0]]).value.__round__(4)
    1.4189
    """
    x = _check.points("x", x)
    if len(x) < 2:
        raise ValueError("x: expected at least two samples for a standard error")
    return _mean(-model.log_prob(x))


def kl(p: Law, q: Law, n: int, rng: np.random.Generator) -> Estimate:
    """Estimate KL(p || q) = E_p[log p - log q] in nats from n samples of p.

    Raises:
        ValueError: if n is below 2.

    >>> from teachkit.data import Gaussian
    >>> kl(Gaussian([0.0], [[1.0]]), Gaussian([0.0], [[1.0]]), 10, np.random.default_rng(0))
    Estimate(value=0.0, error=0.0)
    """
    x = p.sample(_check.count("n", n, low=2), rng)
    return _mean(p.log_prob(x) - q.log_prob(x))


def _mean(values: np.ndarray) -> Estimate:
    with np.errstate(invalid="ignore"):  # an infinite value has no deviation
        return Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))
