"""Laws of the chapter minimax: who moves first, and gradient steps on x y."""

from itertools import islice

import numpy as np
import pytest

from teachkit.minimax import LOG_4, optimal_discriminator, value
from teachkit.minimax_games import (
    METHODS,
    bilinear_dynamics,
    max_min,
    min_max,
    orbit_form,
    spectral_radius,
    step_matrix,
)


def radii(method, step, steps=30, **extra):
    path = np.array(list(bilinear_dynamics(method, 1.0, 0.5, step, steps, **extra)))
    return np.linalg.norm(path, axis=1)


@pytest.mark.law("min-max-order")
def test_moving_first_never_pays(rng):
    differ = 0
    for _ in range(200):
        payoff = rng.integers(-5, 6, (3, 4))
        late, early = max_min(payoff), min_max(payoff)
        assert late.value <= early.value
        differ += late.value < early.value
        # Equal exactly if some entry is the largest of its row and the smallest of its column.
        saddle = (payoff == payoff.max(1, keepdims=True)) & (payoff == payoff.min(0, keepdims=True))
        assert saddle.any() == (late.value == early.value)
    assert 50 < differ < 200


@pytest.mark.law("min-max-order")
def test_replies_are_best(rng):
    payoff = rng.standard_normal((4, 3))
    first = min_max(payoff)
    assert first.value == payoff[first.row, first.column] == payoff[first.row].max() == payoff.max(1).min()
    second = max_min(payoff)
    assert second.value == payoff[second.row, second.column] == payoff[:, second.column].min() == payoff.min(0).max()


@pytest.mark.law("gan-order")
def test_generator_of_one_point_pays_for_moving_first(rng):
    """Two equal outcomes of the data, and a generator that always makes the one or the other."""
    p, models = np.array([0.5, 0.5]), np.eye(2)
    upper = min(value(p, q, optimal_discriminator(p, q)) for q in models)
    assert upper == pytest.approx(0.5 * np.log(1 / 3) + np.log(2 / 3), rel=1e-14)
    line = np.linspace(0.01, 0.99, 99)
    lower = max(min(value(p, q, [a, b]) for q in models) for a in line for b in line)
    assert lower == pytest.approx(-LOG_4, abs=1e-12)
    assert upper - lower > 0.4
    assert min(value(p, q, [0.5, 0.5]) for q in models) == pytest.approx(-LOG_4)


@pytest.mark.law("gan-saddle")
def test_all_laws_against_all_discriminators_have_a_saddle_point(rng):
    """At q = p and D = 1/2: no discriminator gets more, no generator gets less."""
    p = rng.dirichlet(np.ones(4))
    half = np.full(4, 0.5)
    for q in rng.dirichlet(np.ones(4), 50):
        assert value(p, q, half) == pytest.approx(-LOG_4, abs=1e-14)
    assert all(value(p, p, rng.random(4)) < -LOG_4 for _ in range(50))


@pytest.mark.law("gan-saddle")
def test_best_reply_to_a_discriminator_is_a_point(rng):
    """Mode collapse: against a fixed D the generator puts everything where D is largest."""
    p, D = rng.dirichlet(np.ones(5)), rng.random(5)
    best = value(p, np.eye(5)[D.argmax()], D)
    assert all(value(p, q, D) > best for q in rng.dirichlet(np.ones(5), 50))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("regulariser", [0.0, 0.3])
@pytest.mark.parametrize("step", [0.1, 0.9, 1.9, 2.0, 2.5])
def test_radius_is_that_of_the_matrix(method, regulariser, step):
    extra = {"regulariser": regulariser, "weight": 0.7}
    A = step_matrix(method, step, **extra)
    expected = np.abs(np.linalg.eigvals(A)).max()
    assert spectral_radius(method, step, **extra) == pytest.approx(expected, rel=1e-7)
    path = list(bilinear_dynamics(method, 1.0, 0.5, step, 3, **extra))
    np.testing.assert_allclose(path[-1], np.linalg.matrix_power(A, 3) @ [1.0, 0.5], rtol=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_steps_from_the_gradients_of_the_game(method):
    """Written out with derivatives of f by central differences instead of a matrix."""
    h, r, c, e = 0.3, 0.2, 0.7, 1e-2
    f = lambda x, y: x * y + r * (x * x - y * y) / 2  # noqa: E731
    down = lambda x, y: (f(x + e, y) - f(x - e, y)) / (2 * e)  # noqa: E731
    up = lambda x, y: (f(x, y + e) - f(x, y - e)) / (2 * e)  # noqa: E731
    force = lambda x, y: (down(x, y) ** 2 + up(x, y) ** 2) / 2  # noqa: E731
    x, y = 1.0, 0.5
    for got in islice(bilinear_dynamics(method, x, y, h, 4, regulariser=r, weight=c), 1, None):
        if method == "alternating":
            x = x - h * down(x, y)
            y = y + h * up(x, y)
        else:
            u, v = (x - h * down(x, y), y + h * up(x, y)) if method == "extragradient" else (x, y)
            pull = [0.0, 0.0]
            if method == "consensus":
                pull = [(force(x + e, y) - force(x - e, y)) / (2 * e), (force(x, y + e) - force(x, y - e)) / (2 * e)]
            x, y = x - h * (down(u, v) + c * pull[0]), y + h * (up(u, v) - c * pull[1])
        assert got == pytest.approx((x, y), abs=1e-7)


@pytest.mark.law("simultaneous-spiral")
@pytest.mark.parametrize("step", [1e-3, 0.3, 1.0, 3.0])
def test_simultaneous_steps_spiral_out(step):
    r = radii("simultaneous", step)
    np.testing.assert_allclose(r[1:] / r[:-1], np.sqrt(1 + step**2), rtol=1e-13)
    assert spectral_radius("simultaneous", step) == pytest.approx(np.sqrt(1 + step**2), rel=1e-15)


@pytest.mark.law("alternating-orbit")
@pytest.mark.parametrize("step", [0.05, 0.5, 1.0, 1.9])
def test_alternating_steps_stay_on_an_ellipse(step):
    path = np.array(list(bilinear_dynamics("alternating", 1.0, 0.5, step, 5000)))
    form = orbit_form(*path.T, step)
    np.testing.assert_allclose(form, form[0], rtol=1e-10)
    bounds = np.sqrt(form[0] / (1 + np.array([1, -1]) * step / 2))
    r = np.linalg.norm(path, axis=1)
    assert bounds[0] - 1e-9 <= r.min()
    assert r.max() <= bounds[1] + 1e-9
    assert spectral_radius("alternating", step) == 1


@pytest.mark.law("alternating-orbit")
def test_alternating_steps_from_two_on_leave():
    """At h = 2 the distance grows by the same amount in each step, beyond by a factor."""
    r = radii("alternating", 2.0, 400)
    assert np.diff(r[100:]) == pytest.approx(np.diff(r)[-1], rel=1e-3)
    assert np.diff(r)[-1] > 0.5
    r = radii("alternating", 2.1, 40)
    assert r[-1] / r[-2] == pytest.approx(spectral_radius("alternating", 2.1), rel=1e-6)
    assert r[-1] > 1e5


@pytest.mark.law("alternating-orbit")
def test_only_an_exceptional_start_stays_from_two_on(rng):
    """At h = 2 from the line x = y, beyond from that of the eigenvector with the smaller eigenvalue."""
    for step in (2.0, 2.1, 3.0):
        for start in rng.standard_normal((20, 2)):
            path = np.array(list(bilinear_dynamics("alternating", *start, step, 2000 if step == 2 else 100)))
            assert np.linalg.norm(path[-1]) > 20 * np.linalg.norm(start)
    path = np.array(list(bilinear_dynamics("alternating", 1.0, 1.0, 2.0, 100)))
    np.testing.assert_array_equal(np.abs(path), 1)
    values, vectors = np.linalg.eig(step_matrix("alternating", 2.5))
    small = np.abs(values).argmin()
    path = np.array(list(bilinear_dynamics("alternating", *vectors[:, small], 2.5, 10)))
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), np.abs(values[small]) ** np.arange(11), rtol=1e-3)


@pytest.mark.law("extragradient-rate")
@pytest.mark.parametrize("step", [0.1, 0.5, np.sqrt(0.5), 0.99, 1.0, 1.2])
def test_extragradient_factor(step):
    r = radii("extragradient", step)
    np.testing.assert_allclose(r[1:] / r[:-1], np.sqrt(1 - step**2 + step**4), rtol=1e-13)
    assert (r[-1] < r[0] * (1 - 1e-9)) == (step < 1)


@pytest.mark.law("extragradient-rate")
def test_best_step_of_extragradient():
    steps = np.linspace(0.01, 1.5, 150)
    factors = np.array([spectral_radius("extragradient", h) for h in steps])
    best = spectral_radius("extragradient", np.sqrt(0.5))
    assert best == pytest.approx(np.sqrt(0.75), rel=1e-14)
    assert (factors > best).all()
    assert abs(steps[factors.argmin()] - np.sqrt(0.5)) < 0.01
    lengths = radii("extragradient", np.sqrt(0.5), 6) / radii("extragradient", np.sqrt(0.5), 0)
    assert lengths[4] > 0.5 > lengths[5]


@pytest.mark.law("consensus-rate")
@pytest.mark.parametrize(("step", "weight"), [(0.1, 1.0), (0.5, 1.0), (0.99, 1.0), (1.01, 1.0), (0.3, 0.2), (0.5, 0.2)])
def test_consensus_factor(step, weight):
    r = radii("consensus", step, weight=weight)
    np.testing.assert_allclose(r[1:] / r[:-1], np.hypot(1 - step * weight, step), rtol=1e-13)
    assert (r[-1] < r[0]) == (step < 2 * weight / (1 + weight**2))


@pytest.mark.law("regularised-rate")
@pytest.mark.parametrize(("step", "regulariser"), [(0.1, 0.3), (0.5, 0.3), (0.6, 0.3), (1.5, 1.0), (0.4, 0.0)])
def test_regulariser_turns_the_spiral_inwards(step, regulariser):
    r = radii("simultaneous", step, regulariser=regulariser)
    np.testing.assert_allclose(r[1:] / r[:-1], np.hypot(1 - step * regulariser, step), rtol=1e-13)
    assert (r[-1] < r[0]) == (step < 2 * regulariser / (1 + regulariser**2))


@pytest.mark.law("regularised-rate")
def test_alternating_radius_under_its_condition_and_beyond(rng):
    inside = 0
    for h, r in rng.uniform(0.02, [1.6, 1.5], (300, 2)):
        radius = spectral_radius("alternating", h, regulariser=r)
        assert radius == pytest.approx(np.abs(np.linalg.eigvals(step_matrix("alternating", h, regulariser=r))).max())
        if h * h <= 4 * (1 - h * r):
            inside += 1
            assert radius == pytest.approx(1 - h * r, rel=1e-14)
            assert 0 <= radius < 1
        else:
            assert radius > abs(1 - h * r) + 1e-9
    assert 50 < inside < 250
    assert spectral_radius("alternating", 1.9, regulariser=0.5) == pytest.approx(3.50929, abs=1e-5)


@pytest.mark.law("regularised-rate")
def test_alternating_steps_with_a_regulariser_go_in():
    r = radii("alternating", 0.5, 200, regulariser=0.2)
    assert spectral_radius("alternating", 0.5, regulariser=0.2) == pytest.approx(0.9)
    assert r[-1] == pytest.approx(0, abs=3 * 0.9**200)


def test_numbers_that_overflow_are_an_error():
    with pytest.raises(FloatingPointError, match="step: the numbers overflow after"):
        list(bilinear_dynamics("simultaneous", 1.0, 0.0, 1e10, 100))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bilinear_dynamics("newton", 1, 0, 0.1), "method: expected one of simultaneous, alternating"),
        (lambda: bilinear_dynamics("simultaneous", 1, 0, 0.0), "step: expected a finite number above 0"),
        (lambda: bilinear_dynamics("simultaneous", 1, 0, -0.1), "step: expected"),
        (lambda: bilinear_dynamics("simultaneous", 1, 0, np.nan), "step: expected"),
        (lambda: bilinear_dynamics("simultaneous", 1, 0, 0.1, -1), "steps: expected a whole number of at least 0"),
        (lambda: bilinear_dynamics("simultaneous", 1, 0, 0.1, 2.5), "steps: expected a whole number"),
        (lambda: bilinear_dynamics("simultaneous", np.inf, 0, 0.1), "x: expected a finite number"),
        (lambda: bilinear_dynamics("simultaneous", 1, [0], 0.1), "y: expected a finite number"),
        (lambda: step_matrix("consensus", 0.1, weight=-1), "weight: expected a number of at least 0"),
        (lambda: spectral_radius("alternating", 0.1, regulariser=-0.1), "regulariser: expected a number of at least 0"),
        (lambda: spectral_radius("alternating", 0.1, regulariser=np.nan), "regulariser: expected"),
        (lambda: min_max([]), r"payoff: expected shape \[n, d\]"),
        (lambda: max_min([[np.nan]]), "payoff: expected finite numbers"),
        (lambda: orbit_form([1.0], [1.0, 2.0], 0.1), r"y: expected shape \(1,\), got \(2,\)"),
        (lambda: orbit_form([1.0], [1.0], 0.0), "step: expected"),
        (lambda: orbit_form(1e200, 1e200, 1.0), "x: the form overflows"),
        (lambda: spectral_radius("extragradient", 1e200), "step: the matrix of the step overflows"),
        (lambda: spectral_radius("alternating", 1e200), "step: the matrix of the step overflows"),
        (lambda: step_matrix("consensus", 1e200, weight=1e200), "step: the matrix of the step overflows"),
        (lambda: orbit_form([np.nan], [1.0], 0.1), "x: expected finite numbers"),
    ],
)
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
