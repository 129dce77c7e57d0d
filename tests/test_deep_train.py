"""The engine: turns, averages, clipping, what it refuses, and one loop on two processes."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from teachkit.deep.minimax import discriminator_loss, mlp, non_saturating_loss
from teachkit.deep.source import Source
from teachkit.deep.train import Part, Training


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def mean_square(nets, x, source):
    return nets["net"](x).square().mean()


def line(data=None, batch=4, optimizer=lambda p: torch.optim.SGD(p, lr=0.1), **keywords):
    """Return the training of one linear map towards zero."""
    data = torch.randn(20, 3, generator=seeded(1)) if data is None else data
    part = Part("net", keywords.pop("loss", mean_square), optimizer, **keywords.pop("part", {}))
    return Training({"net": mlp((3, 1), generator=seeded())}, [part], Source(data, batch, seed=0), **keywords)


def critic_part(nets, x, source):
    with torch.no_grad():
        fake = nets["generator"](source.normal(2))
    return discriminator_loss(nets["critic"](x), nets["critic"](fake))


def generator_part(nets, x, source):
    return non_saturating_loss(nets["critic"](nets["generator"](source.normal(2))))


def game(critic_times=2, **keywords):
    nets = {"generator": mlp((2, 8, 2), generator=seeded(0)), "critic": mlp((2, 8, 1), generator=seeded(1))}
    parts = [Part("critic", critic_part, times=critic_times), Part("generator", generator_part)]
    source = Source(torch.randn(64, 2, generator=seeded(2)), 8, seed=0, here=keywords.pop("here", None))
    return Training(nets, parts, source, **keywords)


def test_a_step_is_one_of_gradient_descent_by_hand():
    training = line(batch=20)
    w, b = (p.detach().clone() for p in training.nets["net"].parameters())
    x = torch.randn(20, 3, generator=seeded(1))
    residual = (x @ w.T + b)[:, 0]
    (step,) = training.run(1)
    assert step.losses["net"] == pytest.approx(residual.square().mean().item(), rel=1e-6)
    gradient = (2 * residual[:, None] * x).mean(0)
    torch.testing.assert_close(training.nets["net"][0].weight[0], w[0] - 0.1 * gradient)
    both = torch.cat([gradient, (2 * residual).mean()[None]])
    assert step.norms["net"] == pytest.approx(both.norm().item(), rel=1e-6)


def test_a_long_gradient_is_shortened_and_its_length_reported():
    free, short = line(batch=20), line(batch=20, clip=0.01)
    start = torch.cat([p.detach().flatten() for p in short.nets["net"].parameters()])
    (a,), (b,) = free.run(1), short.run(1)
    assert a.norms["net"] == b.norms["net"] > 0.01
    moved = start - torch.cat([p.detach().flatten() for p in short.nets["net"].parameters()])
    assert moved.norm() == pytest.approx(0.1 * 0.01, rel=1e-3)


def test_each_part_changes_its_own_network_alone():
    training, seen = game(critic_times=3), []

    def spy(nets, x, source):
        seen.append([p.detach().clone() for p in nets["generator"].parameters()])
        return critic_part(nets, x, source)

    training.parts = (Part("critic", spy, times=3), training.parts[1])
    training._losses["critic"] = lambda x: spy(training.nets, x, training.source)
    before = [p.detach().clone() for p in training.nets["generator"].parameters()]
    list(training.run(1))
    assert len(seen) == 3
    assert all(torch.equal(a, b) for state in seen for a, b in zip(state, before, strict=True))
    after = list(training.nets["generator"].parameters())
    assert not all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_a_network_is_touched_after_each_turn():
    cut = Part("net", mean_square, times=2, after=lambda net: net[0].weight.data.fill_(7.0))
    training = Training({"net": mlp((3, 1), generator=seeded())}, [cut], Source(torch.ones(4, 3), 2, seed=0))
    list(training.run(1))
    assert (training.nets["net"][0].weight == 7).all()


@pytest.mark.law("weight-average")
def test_the_average_is_that_of_the_weights():
    training = line(ema={"net": 0.9})
    average, weights = None, training.nets["net"][0].weight
    for _ in training.run(5):
        average = weights.detach().clone() if average is None else 0.9 * average + 0.1 * weights.detach()
    torch.testing.assert_close(training.averages["net"].module[0].weight, average)


def test_it_learns_as_the_raw_loop_does():
    """With the same draws, the losses are those of the loop that one writes by hand."""
    draws = [torch.randn(8, 2, generator=seeded(i)) for i in range(60)]

    class Scripted:
        """Gives batches and noise in the order in which they are asked for."""

        device, size = torch.device("cpu"), 8

        def __init__(self):
            self.left = iter(draws)

        def batch(self):
            return next(self.left)

        def normal(self, d):
            return next(self.left)

    training = game(critic_times=1)
    training.source = source = Scripted()
    training._losses = {p.net: lambda x, p=p: p.loss(training.nets, x, source) for p in training.parts}
    ours = [[step.losses[name].item() for name in ("critic", "generator")] for step in training.run(10)]
    by_hand = game(critic_times=1).nets
    order, raw = iter(draws), []
    critic, generator = (torch.optim.Adam(by_hand[n].parameters(), 2e-4, (0.5, 0.999)) for n in ("critic", "generator"))
    for _ in range(10):
        x, z, _, z2 = (next(order) for _ in range(4))
        loss = discriminator_loss(by_hand["critic"](x), by_hand["critic"](by_hand["generator"](z).detach()))
        critic.zero_grad(), loss.backward(), critic.step()
        fool = non_saturating_loss(by_hand["critic"](by_hand["generator"](z2)))
        generator.zero_grad(), fool.backward(), generator.step()
        raw.append([loss.item(), fool.item()])
    np.testing.assert_allclose(ours, raw, rtol=1e-5)


def test_what_is_frozen_stays_so_and_nothing_else_is_left_so():
    training = game()
    frozen = training.nets["generator"][0].weight.requires_grad_(False)
    before = frozen.clone()
    for _ in training.run(2):
        held = [p for net in training.nets.values() for p in net.parameters() if not p.requires_grad]
        assert len(held) == 1
        assert held[0] is frozen
    assert torch.equal(frozen, before)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_loss_that_is_not_finite_stops_the_run_at_its_step(where):
    training = line(ema={"net": 0.9})

    def bad(nets, x, source):
        if training.step < 3:
            return mean_square(nets, x, source)
        y = nets["net"](x)
        return y.mean() * float("nan") if where == "loss" else torch.sqrt(0 * y).mean()

    training._losses["net"] = lambda x: bad(training.nets, x, training.source)
    seen = []
    with pytest.raises(FloatingPointError, match="step 3: the loss of net is"):
        seen.extend(step.step for step in training.run(10))
    assert seen == [1, 2]
    assert all(torch.isfinite(p).all() for p in training.nets["net"].parameters())
    with pytest.raises(FloatingPointError, match="step 3"):
        training.state()
    training.load(line(ema={"net": 0.9}).state())
    assert training.state()["step"] == 0


@pytest.mark.parametrize("bad", [1, 60])
def test_a_scaler_skips_a_gradient_that_overflows_but_not_all_of_them(bad):
    def sometimes(nets, x, source):
        y = nets["net"](x)
        return torch.sqrt(0 * y).mean() if training.step <= bad else y.square().mean()

    training = line(loss=sometimes, precision=torch.float16)
    start = training.nets["net"][0].weight.detach().clone()
    if bad == 1:
        list(training.run(1))
        assert torch.equal(training.nets["net"][0].weight, start)
        list(training.run(2))
        assert not torch.equal(training.nets["net"][0].weight, start)
    else:
        with pytest.raises(FloatingPointError, match="step 17: the loss of net is 0"):
            list(training.run(60))


def test_no_room_says_what_to_do():
    def full(nets, x, source):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    with pytest.raises(MemoryError, match=r"cpu has no room for a batch of 4 at step 1 \(net\); take a smaller batch"):
        list(line(loss=full).run(1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: line(ema={"nett": 0.9}), "ema: expected names of net, got nett"),
        (lambda: line(ema={"net": 1.0}), "ema of net: expected a number from 0 to below 1"),
        (lambda: line(clip=0), "clip: expected"),
        (lambda: line(precision=torch.float64), "precision: expected float32, bfloat16 or float16"),
        (lambda: line(data=np.zeros((4, 3))), "data: expected a tensor"),
        (lambda: line(part={"times": 0}), "parts: times of net: expected"),
        (lambda: line(data=torch.zeros(0, 3)), "data: expected tensors of one length of at least 1"),
        (lambda: line(batch=21), "batch: expected at most 20 rows"),
        (lambda: list(line().run(0)), "steps: expected"),
        (lambda: list(line(loss=lambda n, x, s: n["net"](x)).run(1)), "loss of net: expected one number, got shape"),
        (lambda: Training({}, [], Source(torch.zeros(2), 1, seed=0)), "parts: expected at least one"),
    ],
)
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_half_precision_learns_too():
    losses = [s.losses["net"].item() for s in line(precision=torch.bfloat16, batch=20).run(20)]
    assert losses[-1] < losses[0] / 2


@pytest.mark.filterwarnings("ignore:not compiled")
def test_a_network_that_the_compiler_cannot_read_runs_as_it_is():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(()))

        def forward(self, x):
            return self.w * x + float(np.array([0.0]).sum())

    net = {"net": Odd()}
    training = Training(net, [Part("net", mean_square)], Source(torch.ones(4, 3), 2, seed=0), compiled=True)
    assert [step.step for step in training.run(2)] == [1, 2]


TWO = """
import sys, torch
sys.path.insert(0, "tests")
from test_deep_train import game
from teachkit.deep.device import place
with place("cpu") as here:
    training = game(here=here, clip=0.5, ema={"generator": 0.9})
    for step in training.run(20):
        if here.rank == 0:
            print(*(step.losses[name].item() for name in ("critic", "generator")), flush=True)
"""


def test_two_processes_do_what_one_does(root, tmp_path):
    (tmp_path / "two.py").write_text(TWO)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0"]
    command += ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", str(tmp_path / "two.py")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    two = np.array([line.split() for line in done.stdout.splitlines() if line[:1].isdigit()], float)
    one = [
        [s.losses[n].item() for n in ("critic", "generator")] for s in game(clip=0.5, ema={"generator": 0.9}).run(20)
    ]
    np.testing.assert_allclose(two, one, rtol=1e-4)
