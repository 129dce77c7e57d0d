"""Laws of the chapter minimax: the value of the game, its best discriminator, the losses."""

import numpy as np
import pytest

from teachkit.minimax import optimal_discriminator, value


@pytest.mark.law("optimal-discriminator")
def test_no_discriminator_beats_the_best(rng):
    for _ in range(50):
        p, q = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5))
        best = value(p, q, optimal_discriminator(p, q))
        assert all(value(p, q, rng.random(5)) < best for _ in range(20))
