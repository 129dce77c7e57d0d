import numpy as np
import pytest
import torch
from torch import nn

from teachkit import minimax
from teachkit.deep.minimax import (
    Round,
    discriminator_loss,
    minimax_loss,
    mlp,
    non_saturating_loss,
    play,
    sample,
)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def normal(n, rng):
    return torch.randn(n, 2, generator=rng)


def gan(real_loss=discriminator_loss, fake_loss=non_saturating_loss):
    return {
        "critic_loss": lambda critic, real, fake: real_loss(critic(real), critic(fake)),
        "generator_loss": lambda critic, fake: fake_loss(critic(fake)),
    }


def networks(seed=0, dtype=torch.float32):
    source = seeded(seed)
    return mlp((3, 16, 2), generator=source, dtype=dtype), mlp((2, 16, 1), generator=source, dtype=dtype)


def numbers(rounds):
    return [tuple(row) for row in rounds]


LOGITS = np.array([-800.0, -40.0, -3.0, -0.5, 0.0, 0.7, 4.0, 40.0, 800.0])


@pytest.mark.law("gan-losses")
def test_losses_are_those_of_numpy():
    a, b = torch.from_numpy(LOGITS), torch.from_numpy(LOGITS[:4] + 0.3)
    for ours, theirs in ((minimax_loss, minimax.minimax_loss), (non_saturating_loss, minimax.non_saturating_loss)):
        assert ours(a).item() == pytest.approx(theirs(LOGITS), rel=1e-13)
    assert discriminator_loss(a, b).item() == pytest.approx(minimax.discriminator_loss(a.numpy(), b.numpy()), rel=1e-13)


@pytest.mark.law("generator-slopes")
@pytest.mark.parametrize(
    ("loss", "slope"),
    [(minimax_loss, minimax.minimax_slope), (non_saturating_loss, minimax.non_saturating_slope)],
)
def test_gradients_are_those_of_numpy(loss, slope):
    a = torch.from_numpy(LOGITS).requires_grad_()
    (gradient,) = torch.autograd.grad(loss(a), a)
    np.testing.assert_allclose(len(a) * gradient.numpy(), slope(LOGITS), rtol=1e-13, atol=1e-300)


def test_gradients_of_the_discriminators_loss_are_those_of_numpy():
    real, fake = (torch.from_numpy(x).requires_grad_() for x in (LOGITS, LOGITS[:5]))
    gradients = torch.autograd.grad(discriminator_loss(real, fake), (real, fake))
    expected = minimax.discriminator_slopes(LOGITS, LOGITS[:5])
    for gradient, slope in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(len(gradient) * gradient.numpy(), slope, rtol=1e-13, atol=1e-300)


def test_mlp_keeps_the_size_of_the_numbers_and_has_no_end():
    net = mlp((50, 400, 400, 400, 1), generator=seeded(0))
    assert [type(layer) for layer in net] == [nn.Linear, nn.LeakyReLU] * 3 + [nn.Linear]
    x = torch.randn(500, 50, generator=seeded(1))
    with torch.no_grad():
        hidden = net[:6](x)
    assert 0.7 < hidden.square().mean() < 1.4
    assert net[1].negative_slope == 0.2


def test_weights_come_from_the_generator_alone():
    before = torch.get_rng_state()
    first, again, other = (mlp((2, 5, 1), generator=seeded(seed), dtype=torch.float64) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)
    assert first[0].weight.dtype == torch.float64


def test_critics_step_sends_no_gradient_to_the_generator():
    """Neither through the graph nor in fact: with a loss of the generator that is constant it stays where it is."""
    G, D = networks()
    before = [p.clone() for p in G.parameters()]
    seen = []

    def critic_loss(critic, real, fake):
        seen.append(fake.requires_grad)
        return discriminator_loss(critic(real), critic(fake))

    rounds = play(
        G, D, normal, critic_loss=critic_loss, generator_loss=lambda critic, fake: 0 * fake.sum(), steps=3, batch=8,
        noise=3, critic_steps=4, optimizer=torch.optim.SGD, rng=seeded(1),
    )  # fmt: skip
    assert all(row.gradient_norm == 0 for row in rounds)
    assert seen == [False] * 12
    assert all(torch.equal(p, q) for p, q in zip(G.parameters(), before, strict=True))


def test_generators_step_leaves_the_critic_alone():
    G, D = networks()
    before, start = [p.clone() for p in D.parameters()], [p.clone() for p in G.parameters()]
    losses = {**gan(), "critic_loss": lambda critic, real, fake: 0 * critic(real).sum()}
    list(play(G, D, normal, **losses, steps=3, batch=8, noise=3, optimizer=torch.optim.SGD, lr=0.1, rng=seeded(1)))
    assert all(torch.equal(p, q) for p, q in zip(D.parameters(), before, strict=True))
    assert not any(torch.equal(p, q) for p, q in zip(G.parameters(), start, strict=True))


@pytest.mark.law("gan-training")
def test_two_rounds_by_hand():
    """Plain gradient steps, written out: k of the critic on new batches, then one of the generator."""
    (G, D), (G2, D2), rng = networks(dtype=torch.float64), networks(dtype=torch.float64), seeded(5)
    draw = lambda n, rng: torch.randn(n, 2, generator=rng, dtype=torch.float64)  # noqa: E731
    rows = list(
        play(G, D, draw, **gan(), steps=2, batch=6, noise=3, critic_steps=3, lr=0.1, critic_lr=0.2,
             optimizer=torch.optim.SGD, rng=seeded(5))
    )  # fmt: skip
    for row in rows:
        for _ in range(3):
            fake = G2(torch.randn(6, 3, generator=rng, dtype=torch.float64)).detach()
            loss = discriminator_loss(D2(draw(6, rng)), D2(fake))
            step(D2, loss, 0.2)
        assert row.critic_loss == pytest.approx(loss.item(), rel=1e-12)
        loss = non_saturating_loss(D2(G2(torch.randn(6, 3, generator=rng, dtype=torch.float64))))
        assert row.generator_loss == pytest.approx(loss.item(), rel=1e-12)
        assert row.gradient_norm == pytest.approx(step(G2, loss, 0.1), rel=1e-12)
    for ours, theirs in zip([*G.parameters(), *D.parameters()], [*G2.parameters(), *D2.parameters()], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def step(net, loss, lr):
    gradients = torch.autograd.grad(loss, list(net.parameters()))
    with torch.no_grad():
        for p, g in zip(net.parameters(), gradients, strict=True):
            p -= lr * g
    return torch.cat([g.ravel() for g in gradients]).norm().item()


def test_after_critic_is_called_after_each_update():
    seen = []

    def clip(critic):
        seen.append(max(p.abs().max().item() for p in critic.parameters()))
        with torch.no_grad():
            for p in critic.parameters():
                p.clamp_(-0.01, 0.01)

    G, D = networks()
    list(play(G, D, normal, **gan(), steps=2, batch=8, noise=3, critic_steps=5, lr=1e-3, after_critic=clip,
              optimizer=torch.optim.RMSprop, rng=seeded(1)))  # fmt: skip
    assert len(seen) == 10
    assert seen[0] > 0.1
    assert 0.01 < max(seen[1:]) < 0.025
    assert max(p.abs().max().item() for p in D.parameters()) == pytest.approx(0.01)


def test_data_may_be_samples_or_a_callable():
    asked = []

    def draw(n, rng):
        asked.append(n)
        return normal(n, rng)

    list(play(*networks(), draw, **gan(), steps=3, batch=7, noise=3, critic_steps=2, head_start=4, rng=seeded(1)))
    assert asked == [7] * (4 + 3 * 2)
    rows = list(play(*networks(), normal(20, seeded(2)), **gan(), steps=3.0, batch=7.0, noise=3, rng=seeded(1)))
    assert [row.step for row in rows] == [1, 2, 3]
    assert isinstance(rows[0], Round)


def test_same_seeds_give_the_same_game_and_global_state_is_left_alone():
    before = torch.get_rng_state()

    def played(seed):
        return numbers(play(*networks(), normal, **gan(), steps=4, batch=8, noise=3, rng=seeded(seed)))

    assert played(1) == played(1)
    assert played(1) != played(2)
    assert torch.equal(before, torch.get_rng_state())


def test_generator_learns_the_mean_of_the_data():
    """One weight: a shift of the noise, against a linear logit."""
    G, D = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        for p, start in ((G.weight, 1.0), (G.bias, 0.0), (D.weight, 0.0), (D.bias, 0.0)):
            p.fill_(start)
    draw = lambda n, rng: 2 + torch.randn(n, 1, generator=rng)  # noqa: E731
    list(play(G, D, draw, **gan(), steps=600, batch=256, noise=1, critic_steps=3, lr=0.01, critic_lr=0.05,
              rng=seeded(0)))  # fmt: skip
    x = sample(G, 4000, noise=1, rng=seeded(1))
    assert not x.requires_grad
    assert abs(x.mean() - 2) < 0.25


@pytest.mark.parametrize("at", ["critic", "generator"])
def test_a_game_that_diverges_says_where(at):
    losses = gan()
    count = iter(range(100))
    name = f"{at}_loss"
    fine = losses[name]
    losses[name] = lambda *args: fine(*args) * (torch.nan if next(count) == 2 else 1)
    rounds = play(*networks(), normal, **losses, steps=5, batch=4, noise=3, rng=seeded(0))
    with pytest.raises(FloatingPointError, match=f"the {at}'s loss at step 3 is nan"):
        list(rounds)


def test_a_gradient_that_is_not_finite_is_an_error():
    losses = {**gan(), "generator_loss": lambda critic, fake: (0 * critic(fake).sum()).sqrt()}
    with pytest.raises(FloatingPointError, match=r"the generator's loss at step 1 is 0\.0, its gradient's norm nan"):
        list(play(*networks(), normal, **losses, steps=1, batch=4, noise=3, rng=seeded(0)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps: expected a whole number of at least 1, got 0"),
        ({"steps": 2.5}, "steps: expected"),
        ({"batch": 0}, "batch: expected"),
        ({"noise": 0}, "noise: expected"),
        ({"critic_steps": 0}, "critic_steps: expected"),
        ({"head_start": -1}, "head_start: expected a whole number of at least 0"),
        ({"lr": 0.0}, "lr: expected a finite number above 0"),
        ({"lr": float("nan")}, "lr: expected"),
        ({"critic_lr": -1.0}, "critic_lr: expected"),
        ({"data": torch.zeros(3)}, r"data: expected shape \[m, d\]"),
        ({"data": torch.zeros(0, 2)}, "data: expected shape"),
        ({"generator_loss": lambda critic, fake: critic(fake)}, "the generator's loss at step 1: expected one number"),
        ({"critic_loss": lambda critic, real, fake: critic(fake)}, "the critic's loss at step 1: expected one number"),
    ],
)
def test_bad_argument_is_named(change, message):
    arguments = {"steps": 2, "batch": 4, "noise": 3, "data": normal, **gan(), **change}
    with pytest.raises(ValueError, match=message):
        list(play(*networks(), rng=seeded(0), **arguments))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mlp((2,), generator=seeded(0)), "sizes: expected at least two, got 1"),
        (lambda: mlp((2, 0, 1), generator=seeded(0)), r"sizes\[1\]: expected a whole number"),
        (lambda: mlp((2, 1), generator=seeded(0), slope="a"), "slope: expected a finite number"),
        (lambda: sample(nn.Identity(), 0, noise=2, rng=seeded(0)), "n: expected"),
        (lambda: sample(nn.Identity(), 1, noise=0, rng=seeded(0)), "noise: expected"),
    ],
)
def test_bad_network_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_quick_run_writes_what_the_book_reads(quick_run, tmp_path):
    out = tmp_path / "minimax"
    manifest = quick_run(out)
    assert set(manifest["files"]) == {"curves.npz", "samples.npz"}
    numbers = manifest["metrics"]
    assert numbers["far_minimax_sgd"]["w1_start"] == numbers["far_non_saturating_sgd"]["w1_start"]
    assert numbers["far_non_saturating_sgd"]["w1_end"]["mean"] < numbers["far_minimax_sgd"]["w1_end"]["mean"]
    with np.load(out / "curves.npz") as curves:
        assert curves["far_minimax_sgd_1_w1"].shape == (3,)
        assert curves["far_minimax_sgd_1_gradient_norm"].shape == (2,)
    with np.load(out / "samples.npz") as samples:
        assert samples["far_minimax_sgd"].shape == (2, 100, 2)


def test_recorded_run_shows_what_the_chapter_says(root):
    """Stuck with the minimax loss and plain steps, from far away; with everything else, not."""
    with np.load(root / "results/minimax/curves.npz") as curves:
        last = {name.removesuffix("_w1"): w1[-1] / w1[0] for name, w1 in curves.items() if name.endswith("_w1")}
        blue = [curves[f"far_non_saturating_sgd_{seed}_w1"][:2] for seed in range(5)]
    stuck = {name for name, ratio in last.items() if ratio > 0.5}
    assert stuck == {f"far_minimax_sgd_{seed}" for seed in range(4)}
    assert all(after < before / 2 for before, after in blue)
