"""Guidance: denoisers pushed towards a label, and the density that guidance has in mind (chapter `sampling`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.data import Law, Mixture
from teachkit.diffusion_reverse import Denoiser


def guided(conditional: Denoiser, unconditional: Denoiser, scale: float) -> Denoiser:
    """Return the denoiser eps_u + scale (eps_c - eps_u), statement `classifier-free-guidance`.

    scale = 0 forgets the label, 1 is the conditional denoiser, above 1 it overshoots. The paper's w is scale - 1.
    Source: Ho and Salimans (2022), equation 6.

    Args:
        conditional: (x_t [n, ...], t) -> noise, for the label.
        unconditional: likewise, without a label.
        scale: any finite number.

    Raises:
        ValueError: if scale is not finite; when called, if the two return different shapes.

    >>> denoiser = guided(lambda x, t: 2 * x, lambda x, t: x, scale=3.0)
    >>> denoiser(np.array([[1.0]]), 5)
    array([[4.]])
    """
    scale = _check.number("scale", scale)

    def denoiser(x: np.ndarray, t: int) -> np.ndarray:
        plain = _check.floats("unconditional", unconditional(x.copy(), t))  # it may write into what it gets
        return plain + scale * (_check.returned("conditional", conditional(x, t), plain.shape) - plain)

    return denoiser


def labelled(law: Mixture, components: ArrayLike) -> Mixture:
    """Return the law given a label that these components carry: the mixture of them alone, weights rescaled to sum 1.

    Args:
        law: a mixture of k components.
        components: their numbers, from 0 to k - 1, each at most once.

    Raises:
        ValueError: if components are not such numbers, or have no weight.

    >>> labelled(Mixture([0.5, 0.1, 0.4], [[0.0], [1.0], [2.0]], 1.0), [1, 2]).weights
    array([0.2, 0.8])
    """
    chosen = _check.vector("components", components)
    if (chosen != np.rint(chosen)).any() or len(np.unique(chosen)) < len(chosen):
        raise ValueError(f"components: expected different whole numbers, got {components}")
    if chosen.min() < 0 or chosen.max() >= len(law.weights):
        raise ValueError(f"components: expected numbers from 0 to {len(law.weights) - 1}, got {components}")
    k = chosen.astype(int)
    if not law.weights[k].sum() > 0:
        raise ValueError("components: expected some weight on them, got none")
    return Mixture(law.weights[k] / law.weights[k].sum(), law.means[k], law.stds[k])


def guided_log_density(law: Law, given: Law, scale: float, x: ArrayLike) -> np.ndarray:
    """Return log p(x) + scale (log p(x | y) - log p(x)) at each row, [n]: log p(x) p(y | x)^scale up to a constant.

    Args:
        law: of the data, p(x).
        given: of the data with the label, p(x | y).
        scale: any finite number.
        x: [n, d].

    Raises:
        ValueError: if scale is not finite, or for a reason of the laws.

    >>> from teachkit.data import Gaussian
    >>> x = [[0.0], [1.0]]  # 1 / variance is 3 / 0.5 - 2 / 1 = 4
    >>> np.diff(guided_log_density(Gaussian([0], [[1]]), Gaussian([0], [[0.5]]), 3.0, x)).round(9)
    array([-2.])
    """
    plain = law.log_prob(x)
    return plain + _check.number("scale", scale) * (given.log_prob(x) - plain)


def guided_law(law: Law, given: Law, scale: float, grid: ArrayLike) -> np.ndarray:
    """Return the probabilities of p(x) p(y | x)^scale on the points of an even grid, [n], with sum 1.

    With these weights on the points, ``Mixture(probabilities, sqrt(abar_t) grid, sqrt(1 - abar_t))`` is the guided law
    after t steps of noise, up to the grid's error, see `guided-score-gap`.

    Args:
        law: as for ``guided_log_density``.
        given: likewise.
        scale: likewise; below 0 or far above 1 make sure that the grid holds the mass.
        grid: [n, d], cells of equal volume.

    Raises:
        ValueError: as ``guided_log_density`` does.

    >>> from teachkit.data import Gaussian
    >>> grid = np.linspace(-4, 4, 801)[:, None]
    >>> p = guided_law(Gaussian([0], [[1]]), Gaussian([0], [[0.5]]), 3.0, grid)
    >>> round(float(p @ grid[:, 0] ** 2), 6)
    0.25
    """
    log_density = guided_log_density(law, given, scale, grid)
    mass = np.exp(log_density - log_density.max())
    return mass / mass.sum()
