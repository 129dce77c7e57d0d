"""The terms whose sums or integrals are divergences, from logarithms, so that no ratio overflows."""

from __future__ import annotations

import numpy as np


def kl_terms(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """Return p log(p / q) - p + q, which is never negative and sums to KL; 0 where q = 0, for the caller to see."""
    with np.errstate(invalid="ignore", over="ignore"):
        p, q, gap = np.exp(log_p), np.exp(log_q), log_p - log_q
        near = p * (gap + np.expm1(-gap))  # p * gap - p + q would lose digits where p and q are close
        far = np.where(p > 0, p * gap - p, 0.0) + q
    return np.where(log_q == -np.inf, 0.0, np.where(np.abs(gap) < 1, near, far))


def js_terms(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """Return the mean of the terms of KL(p || m) and KL(q || m) with m = (p + q) / 2; never negative."""
    middle = np.logaddexp(log_p, log_q) - np.log(2)
    return (kl_terms(log_p, middle) + kl_terms(log_q, middle)) / 2
