"""The claims of the page errata about what S0 says on diffusion models, checked."""

import numpy as np
import pytest

from teachkit.diffusion_forward import linear_schedule, posterior, q_sample


@pytest.mark.law("s0-alpha-undefined")
def test_s0_step_is_the_posterior_mean_for_one_reading_of_alpha(rng):
    schedule, x0, eps = linear_schedule(100, 1e-3, 0.2), rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    for t in (2, 50, 100):
        xt, abar = q_sample(x0, t, eps, schedule), schedule.abar[t]
        mean, _ = posterior(x0, xt, t, schedule)

        def step(alpha, xt=xt, abar=abar):
            return (xt - (1 - alpha) / np.sqrt(1 - abar) * eps) / np.sqrt(alpha)

        assert step(schedule.alpha[t]) == pytest.approx(mean, rel=1e-9, abs=1e-12)
        assert np.abs(step(abar) - mean).max() > 1e-3
