import numpy as np
import pytest
from scipy import linalg, special

from teachkit import jacobian
from teachkit.coupling import channel, squeeze, unsqueeze
from teachkit.coupling_images import (
    actnorm,
    conv1x1_log_det,
    dequantise,
    from_plu,
    logit,
    logit_inverse,
    plu,
    quantise,
)
from teachkit.evaluation import bits_per_dim


class Edge(np.random.Generator):
    """Gives the smallest or the largest uniform number that there is."""

    def __init__(self, u):
        super().__init__(np.random.PCG64(0))
        self.u = u

    def random(self, size):
        return np.full(size, self.u)


@pytest.mark.parametrize("levels", [2, 17, 49, 256, 1000])
@pytest.mark.parametrize("u", [0.0, np.nextafter(1, 0), None])
def test_noise_is_taken_off_exactly(levels, u, rng):
    b = np.arange(levels).reshape(1, -1)
    x = dequantise(b, rng if u is None else Edge(u), levels)
    assert x.min() >= 0
    assert x.max() < 1
    np.testing.assert_array_equal(quantise(x, levels), b)


def test_noise_is_uniform(rng):
    u = dequantise(np.full((40_000, 1), 3), rng, levels=8) * 8 - 3
    assert abs(u.mean() - 1 / 2) < 0.01
    assert abs(u.var() - 1 / 12) < 0.002


def test_noise_costs_no_fewer_bits_than_the_bytes(rng):
    """Under the density 2 x the byte b has P(b) = (2 b + 1) / levels^2, and E log2(2 x) has a closed form too."""
    b, levels = np.arange(4), 4
    x = dequantise(np.tile(b, (100_000, 1)), rng, levels)
    spent = np.array([bits_per_dim(nll, 1, levels) for nll in -np.log(2 * x).mean(0)])
    ends = np.arange(5) / levels
    parts = special.xlogy(ends, 2 * ends) - ends  # the antiderivative of log(2 x)
    np.testing.assert_allclose(spent, -np.diff(parts) * levels / np.log(2) + np.log2(levels), atol=0.02)
    assert (spent > -np.log2((2 * b + 1) / levels**2)).all()


@pytest.mark.parametrize("alpha", [1e-6, 0.05, 0.5])
def test_logit_against_scipy_and_its_jacobian(alpha, rng):
    x = rng.random((6, 2, 2))
    y, log_det = logit(x, alpha)
    np.testing.assert_allclose(y, special.logit(alpha / 2 + (1 - alpha) * x), rtol=1e-12, atol=1e-12)
    for i in range(len(x)):
        J = jacobian.jacobian(lambda v: logit(v.reshape(-1, 2, 2), alpha)[0].reshape(-1, 4), x[i].ravel())
        assert log_det[i] == pytest.approx(np.linalg.slogdet(J).logabsdet, abs=1e-6)


def test_logit_inverse_undoes_it(rng):
    x = np.concatenate([rng.random((5, 3)), [[0.0, 0.5, 1.0]]])
    y, log_det = logit(x)
    back, log_det_back = logit_inverse(y)
    np.testing.assert_allclose(back, x, atol=1e-14)
    np.testing.assert_allclose(log_det_back, -log_det, rtol=1e-12)
    assert np.abs(y).max() == pytest.approx(np.log(2 / 0.05 - 1))


def test_logit_of_a_tiny_alpha_stays_within_its_reach():
    y, log_det = logit([[0.0, 0.5, 1.0]], alpha=1e-18)
    np.testing.assert_allclose(y[0], np.log(2e18) * np.array([-1, 0, 1]), rtol=1e-14)
    np.testing.assert_allclose(log_det, 2 * np.log(2e18) + np.log(4), rtol=1e-14)


def test_logit_inverse_of_large_numbers_stays_in_the_image():
    x, log_det = logit_inverse([[-800.0, 800.0]])
    assert x.tolist() == [[0.0, 1.0]]
    assert log_det == pytest.approx(-1600 - 2 * np.log(0.95))


def test_density_of_logit_integrates_to_one():
    """A law on the line, carried to (0, 1): with alpha a part of it lies beyond the ends."""
    x = np.linspace(0, 1, 20_001)[:, None]
    y, log_det = logit(x, alpha=1e-9)
    log_p = -0.5 * y[:, 0] ** 2 - 0.5 * np.log(2 * np.pi) + log_det
    assert np.trapezoid(np.exp(log_p), x[:, 0]) == pytest.approx(1, abs=1e-6)


def test_actnorm_gives_mean_zero_and_deviation_one(rng):
    x = rng.normal(3, 2, (7, 3, 4, 5)) * np.array([1, 10, 0.1])[:, None, None]
    shift, log_scale = actnorm(x)
    z = (x - shift[:, None, None]) * np.exp(-log_scale)[:, None, None]
    np.testing.assert_allclose(z.mean((0, 2, 3)), 0, atol=1e-13)
    np.testing.assert_allclose(z.std((0, 2, 3)), 1, rtol=1e-13)


def test_conv1x1_against_the_whole_jacobian(rng):
    W = rng.normal(size=(3, 3))
    z = rng.normal(size=3 * 2 * 2)
    J = jacobian.jacobian(lambda v: np.einsum("ij,njp->nip", W, v.reshape(-1, 3, 4)).reshape(-1, 12), z)
    assert conv1x1_log_det(W, 2, 2) == pytest.approx(np.linalg.slogdet(J).logabsdet, abs=1e-7)


@pytest.mark.parametrize("c", [1, 2, 5, 12])
def test_plu_against_scipy(c, rng):
    W = rng.normal(size=(c, c))
    P, L, U, log_d, sign = plu(W)
    P0, L0, U0 = linalg.lu(W)
    np.testing.assert_array_equal(P, P0)
    np.testing.assert_allclose(L, L0, atol=1e-12)
    np.testing.assert_allclose(U, np.triu(U0, 1), atol=1e-12)
    np.testing.assert_allclose(sign * np.exp(log_d), np.diagonal(U0), atol=1e-12)
    np.testing.assert_allclose(from_plu(P, L, U, log_d, sign), W, atol=1e-12)
    assert log_d.sum() * 6 == pytest.approx(conv1x1_log_det(W, 2, 3))


@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (2, 3, 4, 6)])
def test_squeeze_is_a_bijection_of_indices(shape):
    x = np.arange(np.prod(shape)).reshape(shape)
    y = squeeze(x)
    assert sorted(y.ravel()) == list(range(x.size))
    np.testing.assert_array_equal(unsqueeze(y), x)
    n, c, h, w = shape
    for i, k, row, column in np.ndindex(n, c, h, w):
        place = i, 4 * k + 2 * (row % 2) + column % 2, row // 2, column // 2
        assert y[place] == x[i, k, row, column]


EYE = np.eye(2)
PARTS = {"P": EYE, "L": EYE, "U": 0 * EYE, "log_d": [0, 0], "sign": [1, 1]}


def parts(**other):
    return from_plu(**{**PARTS, **other})


BAD = {
    "below 0": (lambda rng: dequantise([[-1]], rng), "b: expected whole numbers from 0 to 255, got numbers from -1"),
    "above 255": (lambda rng: dequantise([[256]], rng), "b: expected whole numbers from 0 to 255"),
    "above its levels": (lambda rng: dequantise([[17]], rng, 17), "b: expected whole numbers from 0 to 16"),
    "not whole": (lambda rng: dequantise([[0.5]], rng), "b: expected whole numbers"),
    "no pixels": (lambda rng: dequantise([], rng), "b: expected at least one number"),
    "NaN": (lambda rng: dequantise([[np.nan]], rng), "b: expected finite"),
    "no generator": (lambda rng: dequantise([[1]], 0), "rng: expected a generator"),
    "one level": (lambda rng: dequantise([[0]], rng, 1), "levels: expected a whole number of at least 2"),
    "quantise outside": (lambda rng: quantise([1.5]), "x: expected numbers from 0 to 1, got 1.5 to 1.5"),
    "quantise levels": (lambda rng: quantise([0.5], 0.5), "levels: expected"),
    "logit outside": (lambda rng: logit([[-0.1, 0.5]]), "x: expected numbers from 0 to 1, got -0.1 to 0.5"),
    "logit of no rows": (lambda rng: logit([0.5]), r"x: expected shape \[n, ...\]"),
    "logit of NaN": (lambda rng: logit([[np.nan]]), "x: expected finite"),
    "alpha 0": (lambda rng: logit([[0.5]], 0), "alpha: expected a number above 0 and below 1"),
    "alpha 1": (lambda rng: logit_inverse([[0.5]], 1), "alpha: expected a number above 0 and below 1"),
    "actnorm of a matrix": (lambda rng: actnorm([[1.0]]), "x: expected shape"),
    "a constant channel": (lambda rng: actnorm(np.ones((2, 1, 2, 2))), "x: expected numbers that differ .* in 0"),
    "a constant channel whose mean is rounded": (
        lambda rng: actnorm(np.full((7, 1, 3, 3), 0.1)),
        "x: expected .* in 0",
    ),
    "an empty matrix": (lambda rng: plu(np.zeros((0, 0))), "W: expected at least one number"),
    "a matrix that is none": (lambda rng: plu([[1.0, 2.0]]), "W: expected a square matrix"),
    "singular": (lambda rng: plu([[1.0, 2.0], [2.0, 4.0]]), "W: expected an invertible matrix"),
    "singular up to rounding": (lambda rng: conv1x1_log_det(np.arange(9.0).reshape(3, 3), 1, 1), "W: .* invertible"),
    "zero": (lambda rng: conv1x1_log_det([[0.0]], 1, 1), "W: expected an invertible matrix"),
    "no height": (lambda rng: conv1x1_log_det(EYE, 0, 1), "h: expected a whole number of at least 1"),
    "P": (lambda rng: parts(P=[[1, 0], [1, 0]]), "P: expected a permutation matrix"),
    "P's size": (lambda rng: parts(P=[[1]]), "P: expected a 2 x 2 matrix"),
    "L": (lambda rng: parts(L=2 * EYE), "L: expected a triangular matrix"),
    "U": (lambda rng: parts(U=EYE), "U: expected a triangular matrix"),
    "sign": (lambda rng: parts(sign=[0, 1]), "sign: expected 1 or -1"),
    "an odd squeeze": (lambda rng: squeeze(np.zeros((1, 1, 3, 2))), "x: expected .* even h and w"),
    "odd channels": (lambda rng: channel(3), "c: expected an even number"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case, rng):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call(rng)
