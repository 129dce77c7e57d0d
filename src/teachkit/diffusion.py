"""Diffusion models: the names of ``diffusion_forward`` in one place."""

from teachkit.diffusion_forward import (
    Schedule,
    cosine_schedule,
    linear_schedule,
    marginal,
    normal_step_cost,
    posterior,
    prior_kl,
    q_sample,
    q_step,
    reverse_conditional,
)

__all__ = [
    "Schedule",
    "cosine_schedule",
    "linear_schedule",
    "marginal",
    "normal_step_cost",
    "posterior",
    "prior_kl",
    "q_sample",
    "q_step",
    "reverse_conditional",
]
