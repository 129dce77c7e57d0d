"""The claims of the page errata about what S0 and S2 say on the minimax game, checked."""

import numpy as np
import pytest

from teachkit.minimax import discriminator_slopes, minimax_slope, non_saturating_slope, sigmoid
from teachkit.minimax_gaussian import gaussian_game, shift_gradients


@pytest.mark.law("s0-which-loss-vanishes")
def test_s0_loss_of_its_algorithm_does_not_vanish():
    minimax, improved = zip(*(shift_gradients(m) for m in (4.0, 8.0, 12.0)), strict=True)
    assert list(minimax) == sorted(minimax, reverse=True)
    assert minimax[-1] < 1e-7
    assert list(improved) == sorted(improved)
    assert non_saturating_slope(-100.0) == pytest.approx(-1)


@pytest.mark.law("s0-more-critic-steps")
def test_s0_more_steps_make_the_gradient_smaller(rng):
    """A linear logit trained by gradient steps on N(0, 1) against N(6, 1)."""
    x, y = rng.standard_normal(2000), 6 + rng.standard_normal(2000)
    slope, shift, gradients = 0.0, 0.0, []
    for step in range(1, 2001):
        real, fake = discriminator_slopes(slope * x + shift, slope * y + shift)
        slope, shift = slope - 0.3 * ((real * x).mean() + (fake * y).mean()), shift - 0.3 * (real.mean() + fake.mean())
        if step in (20, 200, 2000):
            gradients.append(float(np.mean(minimax_slope(slope * y + shift) * slope)))
    assert gradients[0] > 1.2 * gradients[1] > 2 * gradients[2] > 0


@pytest.mark.law("s2-loss-without-jsd")
@pytest.mark.parametrize("m", [1.0, 2.0, 4.0])
def test_s2_loss_does_not_descend_the_divergence(m):
    """The one wants a wider generator, the other a narrower one."""
    game = gaussian_game(0.0, 1.0, m, 1.0)
    assert game.minimax[1] < -0.05
    assert game.non_saturating[1] > 0.05
    far, near = gaussian_game(0.0, 1.0, 6.0, 1.0), gaussian_game(0.0, 1.0, 1.0, 1.0)
    assert far.non_saturating[0] / far.minimax[0] > 100 * near.non_saturating[0] / near.minimax[0]


@pytest.mark.law("s2-generator-sign")
def test_s2_printed_pair_of_losses_goes_the_wrong_way():
    a, e = np.linspace(-4, 4, 9), 1e-6
    generator = lambda a: -0.5 * np.log(1 - sigmoid(a))  # noqa: E731
    discriminator = lambda a: -0.5 * np.log(sigmoid(a))  # noqa: E731
    # Lowering the printed generator's loss lowers the logit of a fake: it helps the discriminator.
    assert ((generator(a + e) - generator(a - e)) / (2 * e) > 0).all()
    # The printed discriminator's loss falls towards 0 for D = 1 everywhere, fakes included.
    assert (np.diff(discriminator(a)) < 0).all()
    assert discriminator(np.array(40.0)) < 1e-15
