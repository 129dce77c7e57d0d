"""Checks of sheet 5, diffusion, in the order of the sheet."""

from __future__ import annotations

from teachkit.grading.checks._diffusion_forward import BACK, KERNEL
from teachkit.grading.checks._diffusion_guided import GUIDED
from teachkit.grading.checks._diffusion_scores import SCORES
from teachkit.grading.checks._diffusion_targets import DROPPED, FOUR_TARGETS, IDEAL, WEIGHT
from teachkit.grading.checks._diffusion_train import TRAINING
from teachkit.grading.checks._diffusion_walk import DDIM, WALK

ITEMS = {
    "kernel-by-hand": KERNEL,
    "back-one-step": BACK,
    "four-targets": FOUR_TARGETS,
    "ideal-between-two": IDEAL,
    "weight-of-a-step": WEIGHT,
    "dropped-weights": DROPPED,
    "walk-back": WALK,
    "training-loss": TRAINING,
    "ddim-step": DDIM,
    "guided-normal": GUIDED,
    "scores-by-hand": SCORES,
}
