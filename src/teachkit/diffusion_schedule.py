"""How much noise each step of a diffusion adds (chapter `diffusion_forward`): schedules, and steps as arguments.

Steps count from 1 to T, and index 0 of every array is the clean data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check


@dataclass(frozen=True, eq=False, repr=False)
class Schedule:
    """How much noise each of T steps adds, definitions `forward-chain` and `signal-to-noise`.

    Args:
        beta: the variances of steps 1 to T, [T], each above 0 and below 1.

    Attributes (arrays [T + 1] that cannot be written to; index t is step t):
        beta: 0 at index 0.
        alpha: 1 - beta.
        abar: products of the alphas, from 1 down.
        snr: abar / (1 - abar), inf at 0.
        posterior_variance: beta_t (1 - abar_{t-1}) / (1 - abar_t), 0 at steps 0 and 1.

    Raises:
        ValueError: if a beta is not between 0 and 1, or so close to either that abar stays as it is or becomes 0.

    >>> two = Schedule([0.36, 0.75])
    >>> two.abar
    array([1.  , 0.64, 0.16])
    >>> two.posterior_variance.round(4)
    array([0.    , 0.    , 0.3214])
    """

    beta: np.ndarray
    alpha: np.ndarray = field(init=False)
    abar: np.ndarray = field(init=False)
    snr: np.ndarray = field(init=False)
    posterior_variance: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        beta = _check.vector("beta", self.beta)
        if not ((beta > 0) & (beta < 1)).all():
            raise ValueError(f"beta: expected numbers above 0 and below 1, got {beta[(beta <= 0) | (beta >= 1)][0]}")
        abar = np.concatenate([[1.0], np.cumprod(1 - beta)])
        if not _falls(abar):
            raise ValueError("beta: expected products of 1 - beta that fall at every step and stay above 0")
        self._fill(np.concatenate([[0.0], beta]), np.concatenate([[1.0], 1 - beta]), abar)

    def _fill(self, beta: np.ndarray, alpha: np.ndarray, abar: np.ndarray) -> None:
        snr, variance = np.full(abar.shape, np.inf), np.zeros(abar.shape)
        snr[1:] = abar[1:] / (1 - abar[1:])
        variance[1:] = beta[1:] * (1 - abar[:-1]) / (1 - abar[1:])
        named = {"beta": beta, "alpha": alpha, "abar": abar, "snr": snr, "posterior_variance": variance}
        for name, values in named.items():
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @classmethod
    def from_abar(cls, abar: ArrayLike) -> Schedule:
        """Return the schedule with these products: beta_t = 1 - abar_t / abar_{t-1}.

        Args:
            abar: [T + 1], 1 at index 0, falling at every step, above 0.

        Raises:
            ValueError: if abar is none of this.

        >>> Schedule.from_abar([1.0, 0.64, 0.16]).beta
        array([0.  , 0.36, 0.75])
        """
        abar = _check.vector("abar", abar).copy()
        wanted = "abar: expected 1, then numbers that fall at every step and stay above 0"
        if abar.size < 2 or abar[0] != 1 or not _falls(abar):
            raise ValueError(wanted)
        alpha = np.concatenate([[1.0], abar[1:] / abar[:-1]])
        if not (1 - alpha < 1).all():
            raise ValueError(f"{wanted}, by no more than a factor of {np.finfo(float).eps:.0e}")
        schedule = cls.__new__(cls)
        schedule._fill(1 - alpha, alpha, abar)
        return schedule

    @property
    def T(self) -> int:
        """Return the number of steps."""
        return self.beta.size - 1

    def respaced(self, times: ArrayLike) -> Schedule:
        """Return the schedule that makes the jumps between some of the steps, with the same abar there.

        Its step i leads from times[i - 2] (from the clean data for i = 1) to times[i - 1].

        Args:
            times: [S], whole numbers from 1 to T that grow.

        Raises:
            ValueError: if times is none of this.

        >>> linear_schedule(1000).respaced([250, 500, 1000]).T
        3
        """
        times = np.asarray(times)
        good = times.ndim == 1 and times.size > 0 and times.dtype.kind in "iu"
        if not (good and times[0] >= 1 and times[-1] <= self.T and (times[1:] > times[:-1]).all()):
            raise ValueError(f"times: expected whole numbers from 1 to {self.T} that grow, got {times}")
        return self.from_abar(self.abar[np.concatenate([[0], times.astype(np.intp)])])

    def __repr__(self) -> str:
        return f"Schedule(T={self.T}, abar_T={self.abar[-1]:.3g})"


def linear_schedule(T: int = 1000, b1: float = 1e-4, bT: float = 0.02) -> Schedule:
    """Return the schedule whose betas lie evenly from b1 to bT, definition `noise-schedules` (Ho et al., 2020).

    The defaults belong together: with the same b1 and bT, fewer steps do not reach noise. A single step has b1.

    Raises:
        ValueError: if T is not a whole number above 0, or b1 or bT not between 0 and 1.

    >>> linear_schedule()
    Schedule(T=1000, abar_T=4.04e-05)
    >>> linear_schedule(50)
    Schedule(T=50, abar_T=0.603)
    """
    T, b1, bT = _check.count("T", T), _fraction("b1", b1), _fraction("bT", bT)
    return Schedule(np.linspace(b1, bT, T))


def cosine_schedule(T: int = 1000, s: float = 0.008, largest: float = 0.999) -> Schedule:
    """Return the schedule with abar_t near cos^2, definition `noise-schedules` (Nichol and Dhariwal, 2021).

    beta_t = 1 - g(t/T) / g((t-1)/T) with g(u) = cos^2((u + s) / (1 + s) pi/2), but no beta above ``largest``, because
    g(1) = 0.

    Args:
        T: number of steps.
        s: offset that keeps the first betas from being tiny, at least 0.
        largest: above 0 and below 1.

    Raises:
        ValueError: if an argument is none of this.

    >>> cosine_schedule(4).beta.round(4)
    array([0.    , 0.153 , 0.417 , 0.7079, 0.999 ])
    """
    T, largest = _check.count("T", T), _fraction("largest", largest)
    if (s := _check.number("s", s)) < 0:
        raise ValueError(f"s: expected a number of at least 0, got {s}")
    g = np.cos((np.arange(T + 1) / T + s) / (1 + s) * math.pi / 2) ** 2
    return Schedule(np.minimum(1 - g[1:] / g[:-1], largest))


def per_row(values: np.ndarray, t: int | np.ndarray, x: np.ndarray, low: int = 1) -> np.ndarray:
    """Return values[t], shaped so that it multiplies the rows of x.

    Args:
        values: [T + 1], such as ``schedule.abar``.
        t: from ``low`` to T: one int, or ints [n].
        x: [n, ...].
        low: the least step allowed.

    Raises:
        ValueError: if t is not a step, or not one for each row.

    >>> per_row(np.array([1.0, 0.64, 0.16]), np.array([2, 1]), np.zeros((2, 3, 3))).shape
    (2, 1, 1)
    """
    t = steps(t, len(x), values.size - 1, low)
    return values[t] if isinstance(t, int) else values[t].reshape(-1, *(1,) * (x.ndim - 1))


def steps(t: int | np.ndarray, n: int, T: int, low: int = 1) -> int | np.ndarray:
    """Return t as an int, or as an array [n] of ints, if all lie from ``low`` to T; else raise ``ValueError``.

    >>> steps(np.array([1, 5]), 2, 4)
    Traceback (most recent call last):
    ...
    ValueError: t: expected steps from 1 to 4, got 1 to 5
    """
    if np.ndim(t) == 0:
        if (step := _check.count("t", t, low)) > T:
            raise ValueError(f"t: expected a step from {low} to {T}, got {step}")
        return step
    t = np.asarray(t)
    if t.dtype.kind not in "iu" or t.shape != (n,):
        raise ValueError(f"t: expected one whole number or {n} of them, got shape {t.shape} of {t.dtype}")
    if n and (t.min() < low or t.max() > T):
        raise ValueError(f"t: expected steps from {low} to {T}, got {t.min()} to {t.max()}")
    return t.astype(np.intp)


def _fraction(name: str, value: float) -> float:
    if not 0 < (out := _check.number(name, value, "a number above 0 and below 1")) < 1:
        raise ValueError(f"{name}: expected a number above 0 and below 1, got {out}")
    return float(out)


def _falls(abar: np.ndarray) -> bool:
    return bool((np.diff(abar) < 0).all() and abar[-1] > 0)
