"""Newton's method for equations: on a coupling layer two steps are exact."""

import numpy as np
import pytest

from teachkit.coupling import affine_forward
from teachkit.newton_root import newton_root


@pytest.mark.law("newton-inverts-coupling")
@pytest.mark.parametrize("seed", range(10))
def test_root_newton_inverts_a_coupling_layer_in_two_steps(seed):
    rng = np.random.default_rng(seed)
    f = lambda z: affine_forward(z, lambda v: np.sin(v[:, :1]), lambda v: v[:, :1] ** 2)[0]  # noqa: E731
    z, start = rng.standard_normal(2), 3 * rng.standard_normal(2)
    iterates = list(newton_root(f, f(z[None])[0], start, max_iter=2))
    assert iterates[1][0] == pytest.approx(z[0], abs=1e-9)
    np.testing.assert_allclose(iterates[2], z, atol=1e-8)
    assert np.abs(iterates[1] - z).max() > 1e-3


def test_first_iterate_is_a_copy_of_the_start():
    z0 = np.array([1.0, 2.0])
    first = next(newton_root(np.exp, [1.0, 1.0], z0))
    z0 += 1
    np.testing.assert_array_equal(first, [1.0, 2.0])


def test_ends_where_the_value_is_not_finite():
    with np.errstate(over="ignore", invalid="ignore"):
        iterates = list(newton_root(np.exp, [1.0], [-8.0], max_iter=50))
    assert len(iterates) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: newton_root(np.sin, [1.0], [1.0, 2.0]), "z0: expected a vector of 1"),
        (lambda: newton_root(np.sin, [[1.0]], [1.0]), "y: expected a vector"),
        (lambda: newton_root(np.sin, [1.0], [1.0], max_iter=0), "max_iter: expected a whole number"),
        (lambda: newton_root(np.sin, [1.0], [1.0], tol=0), "tol: expected a finite number above 0"),
        (lambda: list(newton_root(np.sum, [1.0], [1.0])), r"f: expected to map \[1, 1\] to \[1, 1\], got \(\)"),
        (lambda: list(newton_root(lambda z: z[:, :1], [1.0, 1], [1.0, 2])), "f: expected to map"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
