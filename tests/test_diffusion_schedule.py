"""Schedules: their arrays, the linear and the cosine one, jumps; and the same tables by diffusers."""

import dataclasses

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler

from teachkit.diffusion_forward import posterior, q_sample, q_step
from teachkit.diffusion_schedule import Schedule, cosine_schedule, linear_schedule

OURS = {"linear": linear_schedule, "squaredcos_cap_v2": cosine_schedule}


@pytest.fixture(params=OURS)
def both(request, monkeypatch):
    """Our schedule and that of diffusers, which builds its tables in single precision: here in double."""
    with monkeypatch.context() as patch:
        patch.setattr(torch, "float32", torch.float64)
        theirs = DDPMScheduler(num_train_timesteps=1000, beta_schedule=request.param, clip_sample=False)
    return OURS[request.param](1000), theirs


@pytest.mark.law("noise-schedules")
def test_tables_are_those_of_diffusers(both):
    ours, theirs = both
    assert theirs.betas.dtype == torch.float64
    for name, table in (("beta", theirs.betas), ("alpha", theirs.alphas), ("abar", theirs.alphas_cumprod)):
        assert getattr(ours, name)[1:] == pytest.approx(table.numpy(), rel=1e-10, abs=1e-14)


@pytest.mark.law("forward-kernel")
def test_the_jump_is_that_of_diffusers(both, rng):
    ours, theirs = both
    x0, eps, t = rng.standard_normal((5, 3)), rng.standard_normal((5, 3)), np.array([1, 2, 400, 999, 1000])
    noisy = theirs.add_noise(torch.tensor(x0), torch.tensor(eps), torch.tensor(t - 1))
    assert q_sample(x0, t, eps, ours) == pytest.approx(noisy.numpy(), rel=1e-10, abs=1e-12)


@pytest.mark.law("forward-posterior")
@pytest.mark.parametrize("t", [2, 3, 500, 1000])
def test_the_posterior_is_that_of_diffusers(both, rng, t):
    ours, theirs = both
    x0, eps = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    xt = q_sample(x0, t, eps, ours)
    noise = torch.Generator().manual_seed(0)
    step = theirs.step(torch.tensor(eps), t - 1, torch.tensor(xt), generator=noise).prev_sample
    draw = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean, var = posterior(x0, xt, t, ours)
    assert var == pytest.approx(float(theirs._get_variance(t - 1)), rel=1e-10)
    # x0 is found again from the noise, which costs digits where little of it is left.
    assert step.numpy() == pytest.approx(mean + np.sqrt(var) * draw.numpy(), rel=1e-10, abs=1e-10)


@pytest.mark.law("noise-schedules")
def test_linear_lies_evenly_and_cosine_follows_its_curve():
    linear, cosine = linear_schedule(11, 0.1, 0.2), cosine_schedule(100, s=0.0, largest=0.9999)
    assert np.diff(linear.beta[1:]) == pytest.approx(np.full(10, 0.01))
    assert cosine.abar[:100] == pytest.approx(np.cos(np.arange(100) / 100 * np.pi / 2) ** 2, rel=1e-10)
    assert cosine.beta[-1] == 0.9999
    assert linear_schedule(1, 0.3, 0.7).beta[1] == 0.3


@pytest.mark.law("forward-chain")
def test_arrays_of_a_schedule_belong_together(rng):
    schedule = Schedule(rng.uniform(0.01, 0.9, 12))
    assert schedule.T == 12
    assert [getattr(schedule, f.name).shape for f in dataclasses.fields(schedule)] == [(13,)] * 5
    assert (schedule.beta[0], schedule.alpha[0], schedule.abar[0]) == (0, 1, 1)
    assert np.array_equal(schedule.alpha, 1 - schedule.beta)
    assert schedule.abar == pytest.approx(np.cumprod(schedule.alpha), rel=1e-14)
    before, now = schedule.abar[:-1], schedule.abar[1:]
    assert schedule.posterior_variance[1:] == pytest.approx(schedule.beta[1:] * (1 - before) / (1 - now), rel=1e-14)
    assert schedule.posterior_variance[:2].tolist() == [0, 0]


def test_products_go_back_to_the_betas(rng):
    schedule = Schedule(rng.uniform(0.01, 0.9, 12))
    again = Schedule.from_abar(schedule.abar)
    assert again.beta == pytest.approx(schedule.beta, rel=1e-13)
    assert np.array_equal(again.abar, schedule.abar)


@pytest.mark.law("forward-kernel")
def test_a_jump_of_the_respaced_schedule_is_many_steps(rng):
    """From step 3 to step 7 with the noises of four steps, against one jump: same factor, same variance."""
    schedule = Schedule(rng.uniform(0.05, 0.5, 9))
    jumps = schedule.respaced([3, 7, 9])
    x = np.ones((1, 1))
    for t in range(4, 8):
        x = q_step(x, t, [[0.0]], schedule)
    assert jumps.T == 3
    assert np.sqrt(jumps.alpha[2]) == pytest.approx(x[0, 0], rel=1e-13)
    assert np.array_equal(jumps.abar[1:], schedule.abar[[3, 7, 9]])
    assert np.array_equal(schedule.respaced(np.arange(1, 10)).abar, schedule.abar)


def test_a_schedule_cannot_be_changed():
    beta = np.array([0.1, 0.2])
    schedule = Schedule(beta)
    beta[0] = 0.5
    assert schedule.beta[1] == 0.1
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.beta = beta
    with pytest.raises(ValueError, match="read-only"):
        schedule.abar[0] = 2
    assert repr(schedule) == "Schedule(T=2, abar_T=0.72)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Schedule([0.1, 0.0]), "beta: expected numbers above 0 and below 1, got 0.0"),
        (lambda: Schedule([0.1, 1.0]), "beta: expected numbers above 0 and below 1, got 1.0"),
        (lambda: Schedule([0.1, np.nan]), "beta: expected finite numbers"),
        (lambda: Schedule([]), "beta: expected a vector"),
        (lambda: Schedule([1e-18]), "beta: expected products"),
        (lambda: Schedule([0.9] * 400), "beta: expected products"),
        (lambda: Schedule.from_abar([1.0, 0.5, 0.5]), "abar: expected 1, then numbers that fall"),
        (lambda: Schedule.from_abar([1.0, 0.5, 0.0]), "abar: expected 1, then numbers that fall"),
        (lambda: Schedule.from_abar([0.9, 0.5]), "abar: expected 1, then numbers that fall"),
        (lambda: Schedule.from_abar([1.0]), "abar: expected 1, then numbers that fall"),
        (lambda: Schedule.from_abar([1.0, 1e-30]), "abar: expected 1, then numbers that fall"),
        (lambda: linear_schedule(0), "T: expected a whole number of at least 1, got 0"),
        (lambda: linear_schedule(5, bT=1.0), "bT: expected a number above 0 and below 1, got 1.0"),
        (lambda: cosine_schedule(5, s=-0.1), "s: expected a number of at least 0, got -0.1"),
        (lambda: cosine_schedule(5, largest=1), "largest: expected a number above 0 and below 1, got 1"),
        (lambda: linear_schedule(5).respaced([0, 2]), "times: expected whole numbers from 1 to 5 that grow"),
        (lambda: linear_schedule(5).respaced([2, 2]), "times: expected whole numbers from 1 to 5 that grow"),
        (lambda: linear_schedule(5).respaced([2, 6]), "times: expected whole numbers from 1 to 5 that grow"),
        (lambda: linear_schedule(5).respaced([1.0, 2.0]), "times: expected whole numbers from 1 to 5 that grow"),
        (lambda: linear_schedule(5).respaced([]), "times: expected whole numbers from 1 to 5 that grow"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
