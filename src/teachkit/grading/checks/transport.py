"""Checks of sheet 3, transport and Wasserstein GANs, in the order of the sheet."""

from __future__ import annotations

from teachkit.grading.checks._transport_critics import PENALTY_IN_CODE, TWO_POINTS
from teachkit.grading.checks._transport_line import SORT_BY_HAND, WITH_WEIGHTS, WITNESS
from teachkit.grading.checks._transport_normal import TURNED_ELLIPSE
from teachkit.grading.checks._transport_penalty import PENALTY_TO_TRAIN_WITH
from teachkit.grading.checks._transport_plans import BOUND_BY_PRICES, TIGHT_PAIRS
from teachkit.grading.checks._transport_scores import KERNEL_DISTANCE
from teachkit.grading.checks._transport_sinkhorn import BIAS_OF_TWO_POINTS, SINKHORN_STEP

ITEMS = {
    "sort-by-hand": SORT_BY_HAND,
    "sort-with-weights": WITH_WEIGHTS,
    "bound-by-prices": BOUND_BY_PRICES,
    "tight-pairs": TIGHT_PAIRS,
    "witness-on-the-line": WITNESS,
    "turned-ellipse": TURNED_ELLIPSE,
    "sinkhorn-step": SINKHORN_STEP,
    "bias-of-two-points": BIAS_OF_TWO_POINTS,
    "kernel-distance": KERNEL_DISTANCE,
    "two-points-and-a-penalty": TWO_POINTS,
    "penalty-in-code": PENALTY_IN_CODE,
    "penalty-to-train-with": PENALTY_TO_TRAIN_WITH,
}
