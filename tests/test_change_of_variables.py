"""Laws of the chapter change_of_variables."""

import numpy as np
import pytest
from scipy import integrate, stats

from teachkit.change_of_variables import Bijection, affine, compose, numeric, pushforward_branches, pushforward_log_prob
from teachkit.data import Gaussian, Uniform, standard_normal
from teachkit.jacobian import jacobian, log_abs_det

A = np.array([[2.0, 1.0], [1.0, 3.0]])
B = np.array([[2.0, 1.0], [0.0, 3.0]])  # not symmetric: a transposed matrix shows
NORMAL = standard_normal(1)
ONE_D = {  # forward, inverse, derivative of the inverse, the density that a reference library gives
    "2z + 3": (lambda z: 2 * z + 3, lambda x: (x - 3) / 2, lambda x: 0.5 + 0 * x, stats.norm(3, 2).pdf),
    "-z": (lambda z: -z, lambda x: -x, lambda x: -1 + 0 * x, stats.norm().pdf),
    "exp z": (np.exp, np.log, lambda x: 1 / x, stats.lognorm(1).pdf),
    "sinh z": (np.sinh, np.arcsinh, lambda x: 1 / np.sqrt(1 + x**2), stats.johnsonsu(0, 1).pdf),
}


def bend(z):
    return np.stack([z[:, 0], z[:, 1] * np.exp(0.6 * z[:, 0]) + 0.4 * z[:, 0] ** 2], 1)


def unbend(x):
    return np.stack([x[:, 0], (x[:, 1] - 0.4 * x[:, 0] ** 2) * np.exp(-0.6 * x[:, 0])], 1)


BEND = Bijection(lambda z: (bend(z), 0.6 * z[:, 0]), lambda x: (unbend(x), -0.6 * x[:, 0]))


@pytest.mark.law("pushforward")
@pytest.mark.parametrize(("low", "high"), [(0.5, 2.0), (1.0, 9.0)])
def test_probability_of_a_set_is_that_of_its_preimage(low, high, rng):
    """For z^2, whose preimages have two pieces, and for 2 z + 3: shares of samples against the normal law."""
    z, cdf = NORMAL.sample(400_000, rng)[:, 0], stats.norm.cdf
    root = np.sqrt([low, high])
    preimages = [(z**2, 2 * (cdf(root[1]) - cdf(root[0]))), (2 * z + 3, cdf((high - 3) / 2) - cdf((low - 3) / 2))]
    for x, probability in preimages:
        share = ((low <= x) & (x <= high)).mean()
        assert share == pytest.approx(probability, abs=5 * np.sqrt(probability / len(z)))


@pytest.mark.law("pushforward")
def test_density_integrates_to_the_probability_of_the_preimage():
    inverse = affine([[2.0]], [3.0]).inverse
    density = lambda x: np.exp(pushforward_log_prob(NORMAL.log_prob, inverse, [[x]])[0])  # noqa: E731
    mass = integrate.quad(density, -1, 2)[0]
    assert mass == pytest.approx(stats.norm.cdf(-0.5) - stats.norm.cdf(-2), abs=1e-10)


@pytest.mark.law("change-of-variables-1d")
@pytest.mark.parametrize("name", ONE_D)
def test_one_dimension_against_scipy(name):
    f, f_inverse, slope, pdf = ONE_D[name]
    x = f(np.linspace(-2, 2, 41))[:, None]
    inverse = lambda x: (f_inverse(x), np.log(np.abs(slope(x[:, 0]))))  # noqa: E731
    density = np.exp(pushforward_log_prob(NORMAL.log_prob, inverse, x))
    np.testing.assert_allclose(density, pdf(x[:, 0]), rtol=1e-12)


@pytest.mark.law("change-of-variables-1d")
def test_doubled_uniform_must_be_halved():
    unit, twice = Uniform([0.0], [1.0]), affine([[2.0]], [0.0])
    x = np.array([[0.5], [1.5], [2.5]])
    np.testing.assert_allclose(np.exp(pushforward_log_prob(unit.log_prob, twice.inverse, x)), [0.5, 0.5, 0.0])
    not_halved = np.exp(unit.log_prob(x / 2))
    assert not_halved[:2].mean() * 2 == 2.0  # area 2: not a density


@pytest.mark.law("change-of-variables")
def test_bent_normal_integrates_to_one_and_fits_its_samples(rng):
    base, n = standard_normal(2), 400_000
    x = bend(base.sample(n, rng))
    edge = np.linspace(-14, 18, 801)
    middle = (edge[1:] + edge[:-1]) / 2
    points = np.stack(np.meshgrid(middle, middle, indexing="ij"), -1).reshape(-1, 2)
    mass = np.exp(pushforward_log_prob(base.log_prob, BEND.inverse, points)).reshape(800, 800) * 0.04**2
    assert mass.sum() == pytest.approx(1, abs=1e-3)
    counts = np.histogram2d(x[:, 0], x[:, 1], [edge[::20], edge[::20]])[0] / n
    coarse = mass.reshape(40, 20, 40, 20).sum((1, 3))
    assert (np.abs(counts - coarse) < 5 * np.sqrt(coarse / n) + 1e-4).all()


@pytest.mark.law("change-of-variables")
def test_claimed_log_det_equals_autograd(rng):
    import torch

    z = rng.standard_normal((50, 2))
    f = lambda v: torch.stack([v[0], v[1] * torch.exp(0.6 * v[0]) + 0.4 * v[0] ** 2])  # noqa: E731
    J = torch.func.vmap(torch.func.jacrev(f))(torch.from_numpy(z))
    np.testing.assert_allclose(BEND.forward(z)[1], torch.linalg.slogdet(J)[1], atol=1e-10)


@pytest.mark.law("inverse-form")
@pytest.mark.parametrize(
    "bijection",
    [BEND, affine(A, [1.0, -1.0]), affine(B, [1.0, -1.0]), numeric(bend, unbend)],
    ids=["bend", "A", "B", "numeric"],
)
def test_inverse_jacobian_is_the_inverse_matrix(bijection, rng):
    z = rng.standard_normal((30, 2))
    x, log_det = bijection.forward(z)
    back, log_det_back = bijection.inverse(x)
    np.testing.assert_allclose(back, z, atol=1e-12)
    np.testing.assert_allclose(log_det + log_det_back, 0, atol=1e-9)
    product = jacobian(lambda y: bijection.inverse(y)[0], x) @ jacobian(lambda y: bijection.forward(y)[0], z)
    np.testing.assert_allclose(product, np.broadcast_to(np.eye(2), (30, 2, 2)), atol=1e-9)


@pytest.mark.law("affine-gaussian")
@pytest.mark.parametrize("M", [A, B], ids=["A", "B"])
def test_linear_map_of_a_normal_is_normal(M, rng):
    b = np.array([1.0, -2.0])
    x = rng.standard_normal((40, 2)) * 3
    pushed = pushforward_log_prob(standard_normal(2).log_prob, affine(M, b).inverse, x)
    np.testing.assert_allclose(pushed, Gaussian(b, M @ M.T).log_prob(x), atol=1e-12)
    np.testing.assert_allclose(jacobian(lambda z: affine(M, b).forward(z)[0], x[0]), M, atol=1e-10)
    np.testing.assert_allclose(affine(A, b).forward(x)[1], np.log(5), atol=1e-14)
    np.testing.assert_allclose(np.linalg.inv(A), np.array([[3, -1], [-1, 2]]) / 5, atol=1e-15)


@pytest.mark.law("composition-log-det")
def test_log_dets_add_up(rng):
    z = rng.standard_normal((30, 2))
    chain = compose(BEND, affine(A, [0.0, 1.0]), BEND)
    x, log_det = chain.forward(z)
    np.testing.assert_allclose(log_det, log_abs_det(lambda y: chain.forward(y)[0], z), atol=1e-9)
    np.testing.assert_allclose(chain.inverse(x)[0], z, atol=1e-12)
    np.testing.assert_allclose(chain.inverse(x)[1], -log_det, atol=1e-12)


SUMMED = Bijection(lambda z: (z, 0.0), lambda x: (x, 0.0))  # one log-determinant for the whole batch: wrong


def fold(z):
    return np.stack([2 * z[:, 0] + np.sin(z[:, 1]), z[:, 1] ** 2], 1)


def branch(sign):
    def inverse(x):
        z2 = sign * np.sqrt(x[:, 1])
        return np.stack([(x[:, 0] - np.sin(z2)) / 2, z2], 1), -np.log(4 * np.sqrt(x[:, 1]))

    return inverse


@pytest.mark.law("sum-over-branches")
def test_fold_needs_both_branches(rng):
    base, n = standard_normal(2), 400_000
    x = fold(base.sample(n, rng))
    first, second = np.linspace(-6, 6, 13), np.linspace(0.2, 5, 9)
    counts = np.histogram2d(x[:, 0], x[:, 1], [first, second])[0] / n
    fine1, fine2 = (np.linspace(e[0], e[-1], 50 * (len(e) - 1) + 1) for e in (first, second))
    mid1, mid2 = (fine1[1:] + fine1[:-1]) / 2, (fine2[1:] + fine2[:-1]) / 2
    points = np.stack(np.meshgrid(mid1, mid2, indexing="ij"), -1).reshape(-1, 2)
    cell = (fine1[1] - fine1[0]) * (fine2[1] - fine2[0])

    def mass(branches):
        p = np.exp(pushforward_branches(base.log_prob, branches, points)) * cell
        return p.reshape(12, 50, 8, 50).sum((1, 3))

    both, one = mass([branch(1), branch(-1)]), mass([branch(1)])
    error = 5 * np.sqrt(both / n) + 2e-4
    assert (np.abs(counts - both) < error).all()
    assert (np.abs(counts - one) > error).any()  # one branch alone is refuted by the same samples
    assert not np.allclose(fold(np.array([[0.0, 1.0]])), fold(np.array([[0.0, -1.0]])))
    np.testing.assert_allclose(fold(np.array([[0.0, 1.0]])), fold(np.array([[np.sin(1.0), -1.0]])))


@pytest.mark.law("sum-over-branches")
def test_square_of_a_normal_is_chi_square():
    half = lambda sign: lambda x: (sign * np.sqrt(x), -np.log(2 * np.sqrt(x[:, 0])))  # noqa: E731
    x = np.array([[0.1], [1.0], [4.0], [-1.0]])
    density = np.exp(pushforward_branches(NORMAL.log_prob, [half(1), half(-1)], x))
    np.testing.assert_allclose(density, stats.chi2(1).pdf(x[:, 0]), rtol=1e-12)


@pytest.mark.law("sum-over-branches")
def test_density_is_zero_where_no_branch_reaches():
    half = lambda sign: lambda x: (sign * np.sqrt(x), -np.log(2 * np.sqrt(x[:, 0])))  # noqa: E731
    np.testing.assert_array_equal(
        pushforward_branches(NORMAL.log_prob, [half(1), half(-1)], [[-1.0], [-2.0]]), [-np.inf, -np.inf]
    )


def test_positive_determinant_everywhere_is_not_injectivity(rng):
    spiral = lambda z: np.exp(z[:, :1]) * np.stack([np.cos(z[:, 1]), np.sin(z[:, 1])], 1)  # noqa: E731
    z = rng.standard_normal((20, 2))
    np.testing.assert_allclose(np.linalg.det(jacobian(spiral, z)), np.exp(2 * z[:, 0]), rtol=1e-9)
    np.testing.assert_allclose(spiral(z), spiral(z + np.array([0, 2 * np.pi])), atol=1e-12)


def test_fold_determinant_is_4_z2(rng):
    z = rng.standard_normal((20, 2))
    np.testing.assert_allclose(np.linalg.det(jacobian(fold, z)), 4 * z[:, 1], atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: affine([[1, 2], [2, 4]], [0, 0]), "A: expected an invertible matrix"),
        (lambda: affine([[1, 2]], [0]), "A: expected a square matrix"),
        (lambda: affine(np.eye(2), [0]), "b: expected a vector of 2"),
        (lambda: affine(np.eye(2), [0, 0]).forward([[1.0]]), "z: expected shape"),
        (lambda: compose(), "maps: expected at least one"),
        (lambda: compose([BEND, BEND]), r"maps\[0\]: expected Bijection, got list"),
        (lambda: compose(BEND, np.exp), r"maps\[1\]: expected Bijection, got ufunc"),
        (lambda: compose(BEND, BEND).forward([1.0, 2.0]), "z: expected shape"),
        (lambda: compose(BEND, BEND).inverse([1.0, 2.0]), "x: expected shape"),
        (lambda: compose(BEND, SUMMED).forward(np.ones((3, 2))), r"maps\[1\].forward: expected one log-det.* \(3,\)"),
        (lambda: compose(SUMMED, BEND).inverse(np.ones((3, 2))), r"maps\[0\].inverse: expected one log-det"),
        (lambda: numeric(np.exp, np.log).forward([2.0]), "z: expected shape"),
        (lambda: numeric(np.exp, np.log).inverse("abc"), "x: expected an array of numbers"),
        (lambda: pushforward_log_prob(NORMAL.log_prob, lambda x: (x, 0.0), [[1.0]]), "f_inverse: expected one log-det"),
        (lambda: pushforward_log_prob(NORMAL.log_prob, affine([[1]], [0]).inverse, [[np.nan]]), "x: expected finite"),
        (lambda: pushforward_branches(NORMAL.log_prob, [], [[1.0]]), "branches: expected at least one"),
        (
            lambda: pushforward_branches(NORMAL.log_prob, [lambda x: (x, 0.0)], [[1.0]]),
            r"branches\[0\]: expected one log-det",
        ),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
