"""The trust-region step against its optimality conditions and brute force."""

import numpy as np
import pytest

from teachkit.trust_region import Model, judge, step_within


def model(g, H):
    return Model(0.0, np.array(g, dtype=float), np.array(H, dtype=float))


def gain(m, p):
    return m.gradient @ p + 0.5 * p @ m.hessian @ p


def random_model(rng, m, kind):
    Q, _ = np.linalg.qr(rng.standard_normal((m, m)))
    h = rng.standard_normal(m) * 3
    if kind == "concave":
        h = -np.abs(h) - 0.1
    if kind == "singular":
        h = -np.abs(h)
        h[-1] = 0.0
    return model(rng.standard_normal(m), Q @ np.diag(h) @ Q.T)


@pytest.mark.law("trust-region-step")
@pytest.mark.parametrize("kind", ["concave", "indefinite", "singular"])
@pytest.mark.parametrize("m", [1, 2, 4, 5])
def test_optimality_conditions(kind, m, rng):
    """p maximises in the ball iff (mu I - H) p = g, mu >= 0, mu I - H >= 0 and mu = 0 inside."""
    for _ in range(50):
        one, radius = random_model(rng, m, kind), float(rng.uniform(0.05, 3))
        p, step = step_within(one, radius)
        length = np.linalg.norm(p)
        assert length <= radius * (1 + 1e-12)
        residual = one.gradient + one.hessian @ p  # = mu p
        mu = residual @ p / (p @ p)
        scale = np.abs(one.hessian).max() + np.linalg.norm(one.gradient) / radius
        np.testing.assert_allclose(residual, mu * p, atol=1e-9 * scale)
        assert mu >= max(0, np.linalg.eigvalsh(one.hessian)[-1]) - 1e-9 * scale
        assert (step == "newton") == (length < radius * (1 - 1e-9)) or kind == "singular"


@pytest.mark.law("trust-region-step")
def test_beats_every_other_step_in_the_plane(rng):
    angle, share = np.meshgrid(np.linspace(0, 2 * np.pi, 721), np.linspace(0, 1, 101))
    unit = np.stack([share * np.cos(angle), share * np.sin(angle)], -1).reshape(-1, 2)
    for kind in ("concave", "indefinite", "singular"):
        for _ in range(20):
            one, radius = random_model(rng, 2, kind), float(rng.uniform(0.1, 3))
            p, _ = step_within(one, radius)
            q = radius * unit
            others = q @ one.gradient + 0.5 * np.einsum("ni,ij,nj->n", q, one.hessian, q)
            assert gain(one, p) >= others.max() - 1e-12


@pytest.mark.law("trust-region-step")
@pytest.mark.parametrize(
    ("g", "h", "radius", "kind", "step"),
    [
        ([1, 0], [-1, -2], 5, "newton", [1, 0]),
        ([4, 0], [-1, -2], 1, "boundary", [1, 0]),
        ([0, 1], [2, -1], 2, "hard case", [np.sqrt(4 - 1 / 9), 1 / 3]),
        ([0, 9], [2, -1], 2, "boundary", [0, 2]),
        ([0, 1], [0, -1], 2, "least norm", [0, 1]),
        ([1, 1], [0, -1], 2, "boundary", None),
        ([0, 0], [-1, -1], 2, "newton", [0, 0]),
        ([0, 0], [1, -1], 2, "hard case", [2, 0]),
    ],
)
def test_named_cases(g, h, radius, kind, step):
    p, found = step_within(model(g, np.diag(h)), radius)
    assert found == kind
    if step is not None:
        np.testing.assert_allclose(np.abs(p), step, atol=1e-9)


@pytest.mark.parametrize("factor", [1e-300, 1e-8, 1e8, 1e300])
@pytest.mark.parametrize("kind", ["concave", "indefinite", "singular"])
def test_scale_of_the_objective_does_not_matter(kind, factor, rng):
    for radius in (0.1, 1.0, 10.0):
        one = random_model(rng, 4, kind)
        p, step = step_within(one, radius)
        q, other = step_within(Model(0.0, one.gradient * factor, one.hessian * factor), radius)
        np.testing.assert_allclose(p, q, atol=1e-9)
        assert step == other


@pytest.mark.parametrize("factor", [1e-150, 1e-8, 1e8, 1e150])
@pytest.mark.parametrize("kind", ["concave", "indefinite", "singular"])
def test_scale_of_the_parameters_does_not_matter(kind, factor, rng):
    one = random_model(rng, 4, kind)
    p, step = step_within(one, 1.0)
    q, other = step_within(Model(0.0, one.gradient, one.hessian / factor), factor)
    np.testing.assert_allclose(p, q / factor, atol=1e-9)
    assert step == other


@pytest.mark.parametrize("H", [np.zeros((2, 2)), 1e-300 * np.eye(2), -1e-300 * np.eye(2)], ids=["0", "+", "-"])
def test_a_step_along_a_large_gradient_fills_the_radius(H):
    p, kind = step_within(model([3e300, 4e300], H), 2.0)
    np.testing.assert_allclose(p, [1.2, 1.6], rtol=1e-12)
    assert kind == "boundary"


def test_flat_model_gives_no_step():
    p, kind = step_within(model([0, 0], np.zeros((2, 2))), 2.0)
    np.testing.assert_array_equal(p, 0)
    assert kind == "least norm"


def test_norm_does_not_overflow():
    assert model([3e300, 4e300], np.eye(2)).gradient_norm == pytest.approx(5e300)


def test_radius_grows_up_to_its_cap():
    one = model([1.0], [[0.0]])
    assert judge(one, np.array([400.0]), 400.0, 400.0) == (True, 800.0)
    assert judge(one, np.array([800.0]), 800.0, 800.0) == (True, 1000.0)
    assert judge(one, np.array([1000.0]), 1000.0, 1000.0) == (True, 1000.0)


def test_judge_shrinks_after_a_bad_step_and_forgives_rounding():
    one = model([1.0], [[-1.0]])
    assert judge(one, np.array([1.0]), np.nan, 1.0) == (False, 0.25)
    assert judge(one, np.array([1.0]), 0.05, 1.0) == (True, 0.25)
    tiny = Model(-3.0, np.array([1e-9]), np.array([[-1.0]]))
    accepted, radius = judge(tiny, np.array([1e-9]), -3.0 - 4e-16, 1.0)
    assert accepted
    assert radius == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: step_within(model([1, 2], [[1]]), 1.0), "hessian: expected a 2 x 2"),
        (lambda: step_within(model([np.nan], [[1]]), 1.0), "gradient: expected finite"),
        (lambda: step_within(model([1, 2], [[1, 1], [0, 1]]), 1.0), "hessian: expected a symmetric"),
        (lambda: step_within(model([1], [[1]]), 0.0), "radius: expected a finite number above 0"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
