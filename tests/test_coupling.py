"""Laws of the chapter coupling, in NumPy; the trained twin is in test_deep_coupling."""

import numpy as np
import pytest

from teachkit import coupling
from teachkit.change_of_variables import compose
from teachkit.data import standard_normal, two_moons
from teachkit.flows import Flow, cross_entropy
from teachkit.jacobian import jacobian, log_abs_det


def network(d, seed, hidden=8):
    rng = np.random.default_rng(seed)
    shapes = [(hidden, d), (hidden, hidden), (d, hidden)]
    return coupling.mlp([(rng.standard_normal(s) * 0.7, rng.standard_normal(s[0])) for s in shapes])


ONES = np.ones((3, 2))
CASES = {  # d, mask
    "first half of 2": (2, (1, 0)),
    "second half of 2": (2, (0, 1)),
    "halves of 4": (4, coupling.channel(4)),
    "checkerboard 2 x 3": (6, coupling.checkerboard(2, 3).ravel()),
}


@pytest.mark.law("affine-coupling")
@pytest.mark.parametrize("case", CASES)
def test_inverse_and_log_det(case, rng):
    d, mask = CASES[case]
    s, t = network(d, 1), network(d, 2)
    z = rng.standard_normal((50, d))
    x, log_det = coupling.affine_forward(z, s, t, mask)
    back, log_det_back = coupling.affine_inverse(x, s, t, mask)
    np.testing.assert_allclose(back, z, atol=1e-12)
    np.testing.assert_allclose(log_det_back, -log_det, atol=1e-12)
    np.testing.assert_array_equal(x[:, np.array(mask) == 1], z[:, np.array(mask) == 1])


@pytest.mark.law("coupling-log-det")
@pytest.mark.parametrize("case", CASES)
def test_log_det_is_the_sum_of_s(case, rng):
    d, mask = CASES[case]
    s, t = network(d, 1), network(d, 2)
    z = rng.standard_normal((50, d))
    _, log_det = coupling.affine_forward(z, s, t, mask)
    np.testing.assert_allclose(log_det, log_abs_det(lambda v: coupling.affine_forward(v, s, t, mask)[0], z), atol=1e-9)
    np.testing.assert_allclose(log_det, coupling.log_det(s(z * mask), mask), atol=1e-12)


@pytest.mark.law("coupling-log-det")
def test_log_det_against_autograd(rng):
    import torch

    z = rng.standard_normal((50, 2))
    f = lambda v: torch.stack([v[0], v[1] * torch.exp(torch.sin(v[0])) + torch.cos(v[0])])  # noqa: E731
    J = torch.func.vmap(torch.func.jacrev(f))(torch.from_numpy(z))
    _, log_det = coupling.affine_forward(z, lambda v: np.sin(v[:, :1]), lambda v: np.cos(v[:, :1]))
    np.testing.assert_allclose(log_det, torch.linalg.slogdet(J)[1], atol=1e-10)


@pytest.mark.law("coupling-log-det")
def test_jacobian_is_lower_triangular(rng):
    z = rng.standard_normal((20, 4))
    s, t = network(4, 1), network(4, 2)
    J = jacobian(lambda v: coupling.affine_forward(v, s, t, coupling.channel(4))[0], z)
    np.testing.assert_allclose(J[:, :2, :2], np.broadcast_to(np.eye(2), (20, 2, 2)), atol=1e-10)
    np.testing.assert_allclose(J[:, :2, 2:], 0, atol=1e-10)
    np.testing.assert_allclose(J[:, 2, 3], 0, atol=1e-9)
    np.testing.assert_allclose(J[:, 3, 2], 0, atol=1e-9)
    assert np.abs(J[:, 2:, :2]).max() > 0.1


@pytest.mark.law("additive-coupling")
@pytest.mark.parametrize("case", CASES)
def test_additive_layer_keeps_volume(case, rng):
    d, mask = CASES[case]
    one = coupling.additive(network(d, 3), mask)
    z = rng.standard_normal((50, d))
    x, log_det = one.forward(z)
    np.testing.assert_array_equal(log_det, 0)
    np.testing.assert_allclose(log_abs_det(lambda v: one.forward(v)[0], z), 0, atol=1e-9)
    np.testing.assert_allclose(one.inverse(x)[0], z, atol=1e-12)


@pytest.mark.law("masked-coupling")
def test_masked_form_is_the_split_form(rng):
    """b z + (1 - b)(z exp(s(b z)) + t(b z)), against slices of the halves."""
    z, b = rng.standard_normal((30, 4)), coupling.channel(4)
    s, t = network(4, 1), network(4, 2)
    x, _ = coupling.affine_forward(z, s, t, b)
    np.testing.assert_allclose(x, b * z + (1 - b) * (z * np.exp(s(b * z)) + t(b * z)), atol=1e-14)
    kept = np.concatenate([z[:, :2], np.zeros((30, 2))], 1)
    np.testing.assert_allclose(x[:, 2:], z[:, 2:] * np.exp(s(kept)[:, 2:]) + t(kept)[:, 2:], atol=1e-14)


def wide(x):
    return np.concatenate([x, x], axis=1)


def pattern(layers, d, rng):
    chain = compose(*layers)
    return np.abs(jacobian(lambda v: chain.forward(v)[0], rng.standard_normal((50, d)))).max(0) > 1e-7


@pytest.mark.law("alternating-halves")
def test_number_of_layers_until_everything_depends_on_everything(rng):
    d, first = 4, coupling.channel(4)
    layers = [coupling.additive(network(d, k), first if k % 2 == 0 else 1 - first) for k in range(3)]
    assert pattern(layers[:1], d, rng).sum() == 4 + 4  # diagonal and one block
    two = pattern(layers[:2], d, rng)
    assert not two.all()
    np.testing.assert_array_equal(two[2:, 2:], np.eye(2, dtype=bool))
    assert pattern(layers, d, rng).all()


@pytest.mark.law("alternating-halves")
def test_two_layers_suffice_in_the_plane(rng):
    layers = [coupling.additive(network(2, k), mask) for k, mask in enumerate([(1, 0), (0, 1)])]
    assert not pattern(layers[:1], 2, rng).all()
    assert pattern(layers, 2, rng).all()


@pytest.mark.law("volume-preserving-bound")
def test_additive_flow_never_exceeds_the_base_density(rng):
    layers = [coupling.additive(network(2, k), mask) for k, mask in enumerate([(1, 0), (0, 1)] * 2)]
    flow, moons = Flow(standard_normal(2), layers), two_moons()
    x = np.concatenate([moons.sample(5000, rng), flow.sample(5000, rng)])
    assert flow.log_prob(x).max() <= -np.log(2 * np.pi) + 1e-12
    data = moons.sample(20_000, rng)
    assert cross_entropy(flow, data).value >= np.log(2 * np.pi)
    entropy = cross_entropy(moons, data)
    assert np.log(2 * np.pi) - entropy.value > 0.8  # the KL that no volume-preserving flow can undercut


@pytest.mark.law("nice-scaling")
def test_scaling_layer(rng):
    one, z = coupling.scaling([0.3, -1.0]), rng.standard_normal((20, 2))
    x, log_det = one.forward(z)
    np.testing.assert_allclose(x, z * np.exp([0.3, -1.0]), atol=1e-14)
    np.testing.assert_allclose(log_det, -0.7, atol=1e-14)
    np.testing.assert_allclose(one.inverse(x)[0], z, atol=1e-14)
    np.testing.assert_allclose(log_abs_det(lambda v: one.forward(v)[0], z), log_det, atol=1e-9)


def test_channel_takes_a_whole_float():
    np.testing.assert_array_equal(coupling.channel(4.0), [1, 1, 0, 0])


@pytest.mark.parametrize(("log_scale", "least", "most"), [(20, 0, 1e-15), (-20, 1e-9, 1e-6), (-40, 0.9, 1.1)])
def test_digits_that_the_inverse_loses(log_scale, least, most):
    """Half of them at s = -20, all at s = -40, none where s is large: z2 exp(s) drowns in t."""
    one = coupling.layer(lambda z: 0 * z + log_scale, lambda z: 0 * z + 1.0)
    z = np.stack([np.zeros(1001), np.linspace(1, 3, 1001)], 1)
    back, _ = one.inverse(one.forward(z)[0])
    error = np.abs(back[:, 1] / z[:, 1] - 1).max()
    assert least <= error <= most


def test_conditioner_may_overflow_on_the_kept_entry():
    x, log_det = coupling.affine_forward(
        [[1.0, 2.0]], lambda z: np.array([[1e9, 0.0]]), lambda z: np.array([[np.inf, 0]])
    )
    np.testing.assert_array_equal(x, [[1.0, 2.0]])
    assert log_det == 0


def test_squeeze_keeps_every_pixel_once(rng):
    x = rng.standard_normal((2, 3, 4, 6))
    y = coupling.squeeze(x)
    assert y.shape == (2, 12, 2, 3)
    np.testing.assert_array_equal(coupling.unsqueeze(y), x)
    np.testing.assert_array_equal(np.sort(y.ravel()), np.sort(x.ravel()))
    np.testing.assert_array_equal(y[0, :4, 0, 0], x[0, 0, :2, :2].ravel())


def test_checkerboard_is_one_where_row_plus_column_is_odd():
    board = coupling.checkerboard(3, 4)
    assert all(board[i, j] == (i + j) % 2 for i in range(3) for j in range(4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: coupling.affine_forward([1.0, 2.0], np.sin, np.cos), "z: expected shape"),
        (lambda: coupling.affine_forward([[1.0, np.nan]], np.sin, np.cos), "z: expected finite"),
        (lambda: coupling.affine_forward([[1.0, 2.0]], np.sin, np.cos, (1, 1)), "mask: expected zeros and ones"),
        (lambda: coupling.affine_forward([[1.0, 2.0]], np.sin, np.cos, (1, 0.5)), "mask: expected zeros and ones"),
        (lambda: coupling.affine_forward([[1.0, 2.0]], np.sin, np.cos, (1, 0, 1)), "mask: expected a vector of 2"),
        (lambda: coupling.affine_inverse([[1.0, 2.0]], lambda z: np.zeros((1, 3)), np.cos), "s: expected values"),
        (lambda: coupling.affine_inverse([[1.0, 2.0]], np.sin, lambda z: np.zeros((1, 3))), "t: expected values"),
        (lambda: coupling.affine_forward(np.ones((2, 2)), lambda z: z[:, 0], np.cos), "s: expected a number or an ar"),
        (lambda: coupling.affine_inverse(np.ones((2, 2)), np.sin, lambda z: z[:, 0]), "t: expected a number or an ar"),
        (lambda: coupling.affine_forward(np.ones((2, 2)), lambda z: None, np.cos), "s: expected an array of numbers"),
        (lambda: coupling.affine_forward(np.ones((2, 2)), np.sin, lambda z: 1j * z), "t: expected an array of numbers"),
        (lambda: coupling.layer(np.sin, np.cos, (1, 2)), "mask: expected zeros and ones"),
        (lambda: coupling.additive(np.sin, (0, 0)), "mask: expected zeros and ones"),
        (lambda: coupling.layer(np.sin, np.cos, (1, 0)).forward(np.ones((2, 3))), "mask: expected a vector of 3"),
        (lambda: coupling.network_layer(np.sin, (1, 1), 2.0), "mask: expected zeros and ones"),
        (lambda: coupling.network_layer(np.sin, (1, 0), 0), "bound: expected a finite number above 0"),
        (
            lambda: coupling.network_layer(np.sin, (1, 0), 2.0).forward(np.ones((3, 2))),
            r"network: .* \(3, 4\), got \(3, 2",
        ),
        (
            lambda: coupling.network_layer(wide, (1, 0), None).inverse(np.ones((3, 2))),
            r"network: .* \(3, 2\), got \(3, 4",
        ),
        (lambda: coupling.mlp([]), "weights: expected at least one pair"),
        (lambda: coupling.mlp([(np.eye(2), np.zeros(3))]), r"b0: expected shape \[2\], got \[3\]"),
        (lambda: coupling.mlp([(np.ones((3, 2)), np.zeros(3)), (np.eye(2), np.zeros(2))]), r"W1: .* \[any, 3\]"),
        (lambda: coupling.mlp([(np.zeros(2), np.zeros(2))]), "W0: expected shape"),
        (lambda: coupling.mlp([(np.full((2, 2), np.nan), np.zeros(2))]), "W0: expected finite"),
        (lambda: coupling.channel(3), "c: expected an even number"),
        (lambda: coupling.squeeze(np.zeros((1, 1, 3, 2))), "x: expected shape"),
        (lambda: coupling.unsqueeze(np.zeros((1, 3, 2, 2))), "y: expected shape"),
        (lambda: coupling.scaling([np.inf, 0]), "log_scale: expected finite"),
        (lambda: coupling.scaling([0.0]).forward([[1.0, 2.0]]), "z: expected shape"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
