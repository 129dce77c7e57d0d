"""Diffusion models, all names in one place: there, back, and back in fewer steps.

They stand in ``diffusion_forward`` (schedules, the jump to step t, posteriors, exact marginals), ``diffusion_reverse``
(targets, the ideal denoiser, ancestral sampling, the bound) and ``sampling`` (DDIM, the ODE and the SDEs, guidance,
flow matching), each written like its chapter.

>>> import numpy as np
>>> rng, data, schedule = np.random.default_rng(0), np.array([[-1.0], [1.0]]), cosine_schedule(50)
>>> noise = rng.standard_normal((4, 1))
>>> *_, (t, x) = ddim(ideal_denoiser(data, schedule), noise, schedule)  # without noise: each goes to its own side
>>> t, np.array_equal(np.sign(x), np.sign(noise)), bool(np.abs(np.abs(x) - 1).max() < 0.01)
(0, True, True)
"""

from teachkit import diffusion_forward, diffusion_reverse, sampling
from teachkit.diffusion_forward import *  # noqa: F403 - the three lists below say what this brings
from teachkit.diffusion_reverse import *  # noqa: F403
from teachkit.sampling import *  # noqa: F403

__all__ = sorted({*diffusion_forward.__all__, *diffusion_reverse.__all__, *sampling.__all__})
