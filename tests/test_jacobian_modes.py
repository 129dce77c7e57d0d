"""Forward and reverse mode against the whole Jacobian and autograd, and their cost by counting."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from teachkit.jacobian import jacobian, jvp, vjp
from teachkit.jacobian_modes import Cost, Step, cost, entrywise, forward_mode, linear, reverse_mode


def network(sizes, rng):
    """Return the steps of a network with tanh between its matrices."""
    tanh = entrywise(np.tanh, lambda x: 1 - np.tanh(x) ** 2)
    matrices = [rng.standard_normal((m, d)) for d, m in pairwise(sizes)]
    return [step for A in matrices for step in (linear(A), tanh)][:-1]


def value(steps):
    """Return the chain as a plain map."""

    def f(x):
        for step in steps:
            x = step.value(x)
        return x

    return f


PARTS = Step(  # (x, y) -> (x^2 + y, x y): the first half of the running example
    lambda z: np.stack([z[:, 0] ** 2 + z[:, 1], z[:, 0] * z[:, 1]], 1),
    lambda z, v: np.stack([2 * z[:, 0] * v[:, 0] + v[:, 1], z[:, 1] * v[:, 0] + z[:, 0] * v[:, 1]], 1),
    lambda z, u: np.stack([2 * z[:, 0] * u[:, 0] + z[:, 1] * u[:, 1], u[:, 0] + z[:, 0] * u[:, 1]], 1),
)
TWO = np.ones((2, 2))
SECOND = np.array([False, True])
SINE = entrywise(lambda a: np.where(SECOND, np.sin(a), a), lambda a: np.where(SECOND, np.cos(a), 1.0))


@pytest.mark.parametrize("sizes", [(3, 5, 2), (4, 4, 4, 4), (1, 6, 1), (6, 1, 6)])
@pytest.mark.law("forward-mode")
def test_forward_mode_gives_the_product_with_the_jacobian(sizes, rng):
    steps, x, v = network(sizes, rng), *rng.standard_normal((2, 7, sizes[0]))
    y, slope = forward_mode(steps, x, v)
    np.testing.assert_array_equal(y, value(steps)(x))
    np.testing.assert_allclose(slope, jvp(value(steps), x, v), atol=1e-9)
    np.testing.assert_allclose(slope, np.einsum("nmd,nd->nm", jacobian(value(steps), x), v), atol=1e-9)


@pytest.mark.parametrize("sizes", [(3, 5, 2), (4, 4, 4, 4), (1, 6, 1), (6, 1, 6)])
@pytest.mark.law("reverse-mode")
def test_reverse_mode_gives_the_product_with_the_transpose(sizes, rng):
    steps, x = network(sizes, rng), rng.standard_normal((7, sizes[0]))
    u = rng.standard_normal((7, sizes[-1]))
    y, gradient = reverse_mode(steps, x, u)
    np.testing.assert_array_equal(y, value(steps)(x))
    np.testing.assert_allclose(gradient, vjp(value(steps), x, u), atol=1e-9)


@pytest.mark.law("reverse-mode")
def test_reverse_mode_equals_autograd(rng):
    import torch

    steps, x, u = network((4, 9, 3), rng), rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    A, B = steps[0].jvp(None, np.eye(4)).T, steps[2].jvp(None, np.eye(9)).T
    f = lambda z: torch.tanh(z @ torch.from_numpy(A).T) @ torch.from_numpy(B).T  # noqa: E731
    _, pull = torch.func.vjp(f, torch.from_numpy(x))
    np.testing.assert_allclose(reverse_mode(steps, x, u)[1], pull(torch.from_numpy(u))[0], atol=1e-12)


@pytest.mark.law("forward-mode")
@pytest.mark.law("reverse-mode")
def test_running_example_by_hand():
    x, c = np.array([[1.0, 0.5]]), np.cos(0.5)
    y, slope = forward_mode([PARTS, SINE], x, np.array([[1.0, 2.0]]))
    np.testing.assert_allclose(y, [[1.5, np.sin(0.5)]])
    np.testing.assert_allclose(slope, [[4, 2.5 * c]])
    _, gradient = reverse_mode([PARTS, SINE], x, np.array([[1.0, 1.0]]))
    np.testing.assert_allclose(gradient, [[2 + c / 2, 1 + c]])


@pytest.mark.law("adjoint-test")
def test_both_modes_agree_on_the_number_that_they_share(rng):
    steps, x = network((4, 9, 3), rng), rng.standard_normal((5, 4))
    v, u = rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    left, right = (u * forward_mode(steps, x, v)[1]).sum(1), (reverse_mode(steps, x, u)[1] * v).sum(1)
    np.testing.assert_allclose(left, right, rtol=1e-12)


@pytest.mark.law("adjoint-test")
def test_a_transpose_that_is_forgotten_is_found(rng):
    A = rng.standard_normal((3, 3))
    wrong = linear(A)._replace(vjp=lambda x, u: u @ A.T)
    x, v, u = rng.standard_normal((3, 1, 3))
    left, right = u @ forward_mode([wrong], x, v)[1].T, reverse_mode([wrong], x, u)[1] @ v.T
    assert abs(left - right) > 0.1


def defect(steps, x, v, u):
    """Return u . (J v) - (J^T u) . v, [n]."""
    return (u * forward_mode(steps, x, v)[1]).sum(1) - (reverse_mode(steps, x, u)[1] * v).sum(1)


@pytest.mark.law("adjoint-test")
@pytest.mark.parametrize("entry", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_one_wrong_entry_is_found_at_every_random_point(entry, rng):
    """The converse: whatever the entry of J^T that is wrong, the two sides differ."""
    x, v, u = rng.standard_normal((3, 100, 2))
    to, of = np.eye(2)[list(entry)]
    wrong = PARTS._replace(vjp=lambda x, u: PARTS.vjp(x, u) + np.outer(u @ of, to))
    assert (np.abs(defect([PARTS, SINE], x, v, u)) < 1e-12).all()
    assert (np.abs(defect([wrong], x, v, u)) > 1e-8).all()


@pytest.mark.law("adjoint-test")
def test_it_judges_one_point_and_trusts_the_jvp(rng):
    v, u = rng.standard_normal((2, 100, 2))
    forgotten = PARTS._replace(vjp=PARTS.jvp)
    blind, x = np.ones((100, 2)), rng.standard_normal((100, 2))  # at (1, 1) the matrix is symmetric
    np.testing.assert_allclose(defect([forgotten, SINE], blind, v, u), 0, atol=1e-12)
    assert (np.abs(defect([forgotten, SINE], x, v, u)) > 1e-8).all()
    half = np.array([[0.5, 1.0]])  # the same mistake in both products passes everywhere
    both = Step(PARTS.value, lambda x, v: PARTS.jvp(x * half, v), lambda x, u: PARTS.vjp(x * half, u))
    np.testing.assert_allclose(defect([both], x, v, u), 0, atol=1e-12)
    assert np.abs(both.jvp(x, v) - jvp(both.value, x, v)).max() > 0.1  # differences find it


def counted(A, log):
    """Return a linear step that notes the multiplications of each product."""
    plain = linear(A)

    def note(product):
        return lambda x, v: (log.append(len(v) * A.size), product(x, v))[1]

    return Step(plain.value, note(plain.jvp), note(plain.vjp))


@pytest.mark.law("cost-of-modes")
@pytest.mark.parametrize("sizes", [(3, 5, 2), (784, 100, 1), (1, 6, 4), (20, 1, 20), (4, 4)])
def test_cost_is_what_the_modes_do(sizes, rng):
    log = []
    steps = [counted(rng.standard_normal((m, d)), log) for d, m in pairwise(sizes)]
    x, y = np.zeros((sizes[0], sizes[0])), np.zeros((sizes[-1], sizes[0]))
    columns = forward_mode(steps, x, np.eye(sizes[0]))[1].T
    forward, log[:] = sum(log), []
    rows = reverse_mode(steps, y, np.eye(sizes[-1]))[1]
    np.testing.assert_allclose(columns, rows, atol=1e-10)
    assert cost(sizes) == Cost(forward // sizes[0], forward, sum(log))
    assert (forward < sum(log)) == (sizes[0] < sizes[-1])


@pytest.mark.law("forward-mode")
@pytest.mark.law("reverse-mode")
def test_reverse_mode_keeps_every_point_and_forward_mode_forgets():
    x = np.ones((1, 100_000))
    peaks = {}
    for mode in (forward_mode, reverse_mode):
        for count in (10, 40):
            steps = [Step(lambda x: x + 1, lambda x, v: v, lambda x, u: u)] * count
            tracemalloc.start()
            mode(steps, x, x)
            peaks[mode, count] = tracemalloc.get_traced_memory()[1] / x.nbytes
            tracemalloc.stop()
    assert peaks[forward_mode, 40] == pytest.approx(peaks[forward_mode, 10], abs=0.5)
    assert peaks[reverse_mode, 40] == pytest.approx(peaks[reverse_mode, 10] + 30, abs=0.5)


@pytest.mark.parametrize("mode", [forward_mode, reverse_mode])
def test_steps_may_write_into_their_arguments_and_use_a_buffer_again(mode, rng):
    buffer = np.empty((1, 2))
    rude = Step(
        lambda x: np.exp(np.negative(x, out=x), out=buffer),
        lambda x, v: np.multiply(v, -np.exp(-x), out=v),
        lambda x, u: np.multiply(u, -np.exp(-x), out=u),
    )
    polite = entrywise(lambda x: np.exp(-x), lambda x: -np.exp(-x))
    x, v = rng.standard_normal((2, 1, 2))
    before = x.copy(), v.copy()
    np.testing.assert_allclose(mode([rude] * 3, x, v), mode([polite] * 3, x, v), rtol=1e-14)
    np.testing.assert_array_equal((x, v), before)


def test_a_linear_step_keeps_its_own_matrix():
    A = np.eye(2)
    step = linear(A)
    A[:] = 0
    np.testing.assert_array_equal(step.value(TWO), TWO)


@pytest.mark.law("cost-of-modes")
def test_neither_mode_is_best_for_a_bottleneck():
    """R^100 -> R -> R^100: the outer product of one column and one row takes 100 * 100 multiplications."""
    assert cost([100, 1, 100]) == Cost(200, 20_000, 20_000)


def test_large_counts_are_exact():
    assert cost([2**60 + 1, 1]).product == 2**60 + 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear([1.0, 2.0]), r"A: expected shape \[any, any\], got \[2\]"),
        (lambda: forward_mode([], [[1.0]], [[1.0]]), "steps: expected at least one Step"),
        (lambda: forward_mode([np.sin], [[1.0]], [[1.0]]), r"steps\[0\]: expected Step, got ufunc"),
        (lambda: forward_mode(PARTS, [[1.0, 1.0]], [[1.0, 1.0]]), "steps: expected a list of Step, got one Step"),
        (lambda: forward_mode([PARTS], [1.0, 1.0], [1.0, 1.0]), r"x: expected shape \[n, d\]"),
        (lambda: forward_mode([PARTS], [[1.0, 1.0]], [[1.0]]), r"v: expected shape \[1, 2\]"),
        (lambda: forward_mode([linear(np.eye(3))], [[1.0]], [[1.0]]), r"x: expected shape \[n, 3\]"),
        (lambda: reverse_mode([], [[1.0]], [[1.0]]), "steps: expected at least one Step"),
        (lambda: reverse_mode([PARTS], [[1.0, np.nan]], [[1.0, 1.0]]), "x: expected finite"),
        (lambda: reverse_mode([PARTS], [[1.0, 1.0]], [[1.0]]), r"u: expected shape \[1, 2\]"),
        (lambda: forward_mode([PARTS._replace(value=lambda x: x[:1])], TWO, TWO), r"steps\[0\].value: expected to map"),
        (
            lambda: forward_mode([SINE, PARTS._replace(jvp=lambda x, v: v[:, :1])], TWO, TWO),
            r"steps\[1\].jvp: expected",
        ),
        (
            lambda: reverse_mode([SINE, PARTS._replace(vjp=lambda x, u: u[:, :1])], TWO, TWO),
            r"steps\[1\].vjp: expected",
        ),
        (lambda: forward_mode([entrywise(np.sin, lambda x: x[:, :1])], TWO, TWO), "slope: expected to return shape"),
        (lambda: reverse_mode([entrywise(lambda x: x[:, :1], np.cos)], TWO, TWO), "function: expected to return shape"),
        (lambda: cost([3]), "sizes: expected at least two"),
        (lambda: cost([3, 0]), r"sizes\[1\]: expected a whole number"),
        (lambda: cost([True, 2]), r"sizes\[0\]: expected a whole number"),
        (lambda: cost(3), "sizes: expected a vector"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
