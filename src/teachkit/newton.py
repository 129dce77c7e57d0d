"""Newton's method on one affine coupling layer (chapter `newton`).

The layer maps z to x1 = z1, x2 = z2 exp(s) + t with s = a z1 + b and t = c z1 + d, or t = c z1 + d + e z1^2.
Its parameters are theta = (a, b, c, d) or (a, b, c, d, e). The objective, to be maximised, is the mean over
a batch of log p_target(x) + s, that is minus KL(flow || target) up to a constant.

Only x2 depends on theta, and d x2/d theta_i = u^k_i z1^p_i with u = z2 exp(s). So the gradient and the Hessian are
made of the moments sum g u^k z1^p and sum h u^k z1^p, where g and h are the first and second derivatives of
log p_target along x2. They come from one small matrix product per block of samples: the rows g u^k and h u^k
times the columns z1^p.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check, _newton_layer
from teachkit._newton_layer import U_POWER, Z_POWER, arguments, coefficients
from teachkit.data import SmoothLaw
from teachkit.trust_region import Model, judge, step_within

Along = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[float, np.ndarray, np.ndarray | float]]
_BLOCK = 10_000  # samples at a time: the rows of a block stay in the cache, the memory constant


class Iterate(NamedTuple):
    """One iterate of an ascent method.

    Attributes:
        theta: the parameters, [m].
        value: the objective there.
        gradient_norm: Euclidean norm of the gradient there.
        step: how theta was reached: "start", "newton" (full step), "boundary" (cut by the trust region),
            "hard case" (completed along the Hessian's top eigenvector), "least norm" (singular Hessian, the
            shortest of many best steps) or "rejected" (theta did not move).
        radius: radius of the trust region for the next step; inf without one.
    """

    theta: np.ndarray
    value: float
    gradient_norm: float
    step: str
    radius: float


def push(theta: ArrayLike, z: ArrayLike) -> np.ndarray:
    """Push z [n, 2] through the layer with parameters theta: return x alone, [n, 2], without log |det J| = s.

    Where exp(s) overflows, x2 is infinite or, for z2 = 0, nan.

    Raises:
        ValueError: if theta does not have 4 or 5 finite entries or z is not a finite [n, 2].

    >>> push([0, 0, 1, 0.5], [[2.0, 1.0]])
    array([[2. , 3.5]])
    """
    return _newton_layer.push(*arguments("theta", theta, z))[0]


def objective(theta: ArrayLike, z: ArrayLike, target: SmoothLaw) -> float:
    """Return the mean over the batch of log p_target(f_theta(z)) + log |det J|, statement `newton-objective`.

    Args:
        theta: (a, b, c, d) or (a, b, c, d, e).
        z: batch from the base, [n, 2].
        target: gives log p, and for the other functions here its score and Hessian.

    Returns:
        The mean, in nats; -inf or nan where exp(s) overflows.

    Raises:
        ValueError: if theta does not have 4 or 5 finite entries or z is not a finite [n, 2].

    >>> from teachkit.data import banana
    >>> round(objective([0, 0, 0, 0], [[1.0, 1.0]], banana()), 4)
    -2.9429
    """
    return derivatives(theta, z, target).value


def gradient(theta: ArrayLike, z: ArrayLike, target: SmoothLaw) -> np.ndarray:
    """Return the gradient of ``objective``, [m], statement `newton-gradient`. Errors as there.

    >>> from teachkit.data import banana
    >>> gradient([0, 0, 0, 0], [[1.0, 1.0]], banana()).round(6)
    array([-0.1, -0.1, -1.1, -1.1])
    """
    return derivatives(theta, z, target).gradient


def hessian(theta: ArrayLike, z: ArrayLike, target: SmoothLaw) -> np.ndarray:
    """Return the Hessian of ``objective``, [m, m], statement `newton-hessian`. Errors as there.

    >>> from teachkit.data import banana
    >>> int(np.linalg.matrix_rank(hessian([0, 0, 0, 0], [[1.0, 1.0]], banana())))
    2
    """
    return derivatives(theta, z, target).hessian


def derivatives(theta: ArrayLike, z: ArrayLike, target: SmoothLaw) -> Model:
    """Return value, gradient and Hessian of ``objective`` in one pass over z. Arguments and errors as there.

    >>> from teachkit.data import banana
    >>> derivatives([0, 0, 0, 0], [[1.0, 1.0]], banana()).gradient.round(6)
    array([-0.1, -0.1, -1.1, -1.1])
    """
    theta, z = arguments("theta", theta, z, finite=False)
    model = _derivatives(theta, z, target)
    if not np.isfinite(model.value):  # from NaN in z, which passes through every sum, or from exp(s)
        _check.points("z", z, 2)
    return model


def newton(
    theta0: ArrayLike,
    z: ArrayLike,
    target: SmoothLaw,
    *,
    damped: bool = True,
    radius: float = 1.0,
    max_iter: int = 50,
    tol: float = 1e-10,
) -> Iterator[Iterate]:
    """Yield the iterates of Newton's method, first theta0, last the first with gradient norm at most ``tol``.

    Damped, each step maximises the quadratic model within a trust region (algorithm `trust-region`), which
    copes with a singular or indefinite Hessian and never lowers the objective but for rounding. Undamped, it is the
    raw iteration theta - H^-1 g (algorithm `newton-method`), which may go anywhere. Both end early at an iterate
    whose value, gradient or Hessian is not finite.

    Args:
        theta0: start, 4 or 5 entries.
        z: batch, [n, 2].
        target: gives log p, score and Hessian.
        damped: use the trust region.
        radius: its first radius.
        max_iter: most steps, rejected ones included.
        tol: gradient norm at which to stop.

    Raises:
        ValueError: for arguments as in ``objective``, a radius or tol not above 0, or max_iter below 1.
        numpy.linalg.LinAlgError: undamped only, "Hessian is singular".

    >>> from teachkit.data import banana
    >>> z = np.random.default_rng(0).standard_normal((1000, 2))
    >>> [step.step for step in newton([0, 0, 0, 0], z, banana())]
    ['start', 'newton', 'newton', 'newton']
    """
    theta, z = arguments("theta0", theta0, z)
    radius, tol = _check.positive("radius", radius), _check.positive("tol", tol)
    return _iterates(theta, z, target, damped, radius if damped else np.inf, _check.count("max_iter", max_iter), tol)


def _iterates(
    theta: np.ndarray, z: np.ndarray, target: SmoothLaw, damped: bool, radius: float, max_iter: int, tol: float
) -> Iterator[Iterate]:
    now = _derivatives(theta, z, target)
    yield Iterate(theta, now.value, now.gradient_norm, "start", radius)
    for _ in range(max_iter):
        if now.gradient_norm <= tol or not now.is_finite:
            return
        step, kind = step_within(now, radius) if damped else _full_step(now)
        trial = _derivatives(theta + step, z, target)
        if damped:
            accepted, radius = judge(now, step, trial.value, radius)
            if not accepted:
                yield Iterate(theta, now.value, now.gradient_norm, "rejected", radius)
                continue
        theta, now = theta + step, trial
        yield Iterate(theta, now.value, now.gradient_norm, kind, radius)


@np.errstate(over="ignore", invalid="ignore")  # a trial step may send exp(s) anywhere
def _derivatives(theta: np.ndarray, z: np.ndarray, target: SmoothLaw) -> Model:
    log_p, ones, g, h = _moments(theta, z, target)
    k, p = U_POWER[: theta.size], Z_POWER[: theta.size]
    k_sum, p_sum = k[:, None] + k, p[:, None] + p
    grad = g[k, p] + np.where(k == 1, ones[p], 0.0)  # log |det J| = s has the derivative z1^p where k is 1
    hess = h[k_sum, p_sum] + np.where(k_sum == 2, g[1, p_sum], 0.0)  # and x2 the second derivative u z1^(p + p)
    return Model(float(log_p + theta[0] * ones[1] + theta[1]), grad, hess)


def _moments(theta: np.ndarray, z: np.ndarray, target: SmoothLaw) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return the means over z of log p, of z1^p, [P], of g u^k z1^p, [2, P], and of h u^k z1^p, [3, P]."""
    along = getattr(target, "along_second", None) or _along_second(target)
    polynomials = coefficients(theta)
    size = min(_BLOCK, len(z))
    powers, factors = np.ones((polynomials.shape[1], size)), np.ones((5, size))
    log_p, plain, curved = 0.0, np.zeros((5, len(powers))), np.zeros((3, len(powers)))
    for i in range(0, len(z), _BLOCK):
        part = z[i : i + _BLOCK]
        V, R = powers[:, : len(part)], factors[:, : len(part)]
        log_p_sum, h = _fill(V, R, polynomials, part, along)
        log_p += log_p_sum
        block = R @ V.T
        plain += block
        curved += h * block[:3] if np.ndim(h) == 0 else (h * R[:3]) @ V.T
    return log_p / len(z), plain[0] / len(z), plain[3:] / len(z), curved / len(z)


def _fill(
    V: np.ndarray, R: np.ndarray, polynomials: np.ndarray, z: np.ndarray, along: Along
) -> tuple[float, np.ndarray | float]:
    """Write z1^p into the rows of V and 1, u, u^2, g, g u into those of R, in place; return the sum of log p, and h.

    Row 0 of both is 1 already. A constant h stays out of the rows: it multiplies the moments of u^k afterwards.
    """
    V[1] = z[:, 0]
    for p in range(2, len(V)):
        np.multiply(V[p - 1], V[1], out=V[p])
    np.matmul(polynomials, V, out=R[1:3])  # s and t, in the places of u and u^2: a new array would leave the cache
    u = np.exp(R[1], out=R[1])
    u *= z[:, 1]
    R[2] += u  # now x2
    row = R[3]
    log_p, g, h = along(V[1], R[2], row)
    if g is not row:  # a law may leave ``out`` alone
        row[:] = g
    np.multiply(u, u, out=R[2])
    np.multiply(g, u, out=R[4])
    return log_p, h


def _along_second(target: SmoothLaw) -> Along:
    """Return ``FastLaw.along_second`` for a law that has none, from its log-density, full score and Hessian."""

    def along(x1: np.ndarray, x2: np.ndarray, out: np.ndarray) -> tuple[float, np.ndarray, np.ndarray | float]:
        if not np.isfinite(x2).all():
            out[:] = np.nan
            return np.nan, out, np.nan
        x = np.stack([x1, x2], axis=1)
        out[:] = target.score(x)[:, 1]
        return float(target.log_prob(x).sum()), out, target.hessian(x)[:, 1, 1]

    return along


def _full_step(now: Model) -> tuple[np.ndarray, str]:
    try:
        return np.linalg.solve(-now.hessian, now.gradient), "newton"
    except np.linalg.LinAlgError as error:
        raise np.linalg.LinAlgError("Hessian is singular") from error
