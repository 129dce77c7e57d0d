"""Items whose answers work on torch's tensors: how they are called, and what is said where torch is missing."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from teachkit.coupling import checkerboard
from teachkit.deep import adversarial, minimax, wgan
from teachkit.deep._examine import Critic
from teachkit.grading import Sheet
from teachkit.grading.catalogue import kinds
from teachkit.grading.kinds import Function, look
from teachkit.grading.kinds.base import judge
from teachkit.grading.source import code, split
from teachkit.grading.tensors import through

ROOT = Path(__file__).parents[1]
ITEMS = [("games", "generator-losses"), ("games", "packs"), ("games", "spectral-norm"),
         ("transport", "penalty-to-train-with"), ("change_of_variables_and_flows", "masked-layer"),
         ("change_of_variables_and_flows", "squeeze"), ("change_of_variables_and_flows", "mix-the-channels"),
         ("change_of_variables_and_flows", "bits-per-dimension")]  # fmt: skip
SUMS = Function(
    cases={"a batch": lambda draw, data: (draw.normal((3, 2)),)},
    reference=lambda x: x.sum(axis=1),
    adapt=through("plain"),
)


def test_the_function_gets_tensors_and_is_judged_by_numbers():
    seen = []
    record, verdict = look(SUMS, lambda x: seen.append(x) or x.sum(1), {})
    assert verdict.right
    assert torch.is_tensor(seen[0])
    assert seen[0].dtype == torch.float64
    assert judge(SUMS, record, {}).right


@pytest.mark.parametrize("failing", [False, True])
def test_the_function_runs_in_one_thread_and_leaves_the_number_as_it_was(failing):
    before, seen = torch.get_num_threads(), []

    def answer(x):
        seen.append(torch.get_num_threads())
        return x[7] if failing else x.sum(1)

    torch.set_num_threads(2)
    try:
        assert look(SUMS, answer, {})[1].right is not failing
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_is_said_of_other_functions_is_said_of_these():
    def raises(x):
        x = x + 1
        return x[7]

    def in_place(x):
        x += 1
        return x.sum(1)

    assert "(line 3 of your function)" in look(SUMS, raises, {})[1].message
    assert "changes its argument number 1 in place" in look(SUMS, in_place, {})[1].message
    assert look(SUMS, lambda x: None, {})[1].missing
    assert "def in_place" in look(SUMS, in_place, {})[0]["source"]


@pytest.mark.parametrize(("stem", "item"), ITEMS)
def test_an_empty_function_is_missing(stem, item):
    kind = kinds(stem)[item]
    assert look(kind, lambda *arguments: None, kind.data(stem, item, "guest"))[1].missing


# --- without torch -------------------------------------------------------------------------------


@pytest.fixture
def _no_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for module in ("_examine", "_examine_flows"):
        monkeypatch.delitem(sys.modules, f"teachkit.deep.{module}", raising=False)


@pytest.mark.usefixtures("_no_torch")
@pytest.mark.parametrize("stem", ["games", "transport", "change_of_variables_and_flows"])
def test_a_sheet_opens_without_torch_and_the_items_say_what_they_need(stem, tmp_path, monkeypatch):
    monkeypatch.setenv("TEACHKIT_BOOK", "1")
    monkeypatch.chdir(tmp_path)
    names, said = {}, []
    monkeypatch.setattr(Sheet, "check", lambda *x, of=Sheet.check: said.append((x[1], of(*x).verdict)))
    for block in split((ROOT / f"exercises/{stem}.md").read_text("utf-8")):
        if block.directive == "code-cell":
            exec(compile(code(block), f"{stem}:{block.line}", "exec"), names)
    needing = [item for item, verdict in said if "needs torch" in verdict.message]
    assert [(stem, item) for item in needing] == [x for x in ITEMS if x[0] == stem]
    assert not any(verdict.score for _, verdict in said)


FORBID = """
import importlib.abc, json, sys
class Forbid(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError(f"{name} is forbidden here")
sys.meta_path.insert(0, Forbid())
from teachkit.grading.catalogue import kinds
from teachkit.grading.kinds.base import judge
stem, item = sys.argv[1:]
print(judge(kinds(stem)[item], json.load(sys.stdin), {}).score)
"""


def test_a_record_is_judged_without_torch():
    def pack(x, m):
        return x.reshape(-1, m * x.shape[1], *x.shape[2:])

    record, _ = look(kinds("games")["packs"], pack, {})
    done = subprocess.run([sys.executable, "-c", FORBID, "games", "packs"], input=json.dumps(record),
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout.strip() == "1", done.stderr


# --- the references are what the library computes -------------------------------------------------


def test_the_losses_and_their_gradients_are_the_library_s():
    kind = kinds("games")["generator-losses"]
    rules = minimax.minimax_loss, minimax.non_saturating_loss, adversarial.least_squares().generator

    def answer(a):
        a.requires_grad_()
        losses = [rule(a) for rule in rules]
        return losses, [torch.autograd.grad(loss, a)[0] for loss in losses]

    assert look(kind, answer, {})[1].right


@pytest.mark.parametrize("case", ["a batch", "one sample", "a steep critic", "images"])
def test_the_penalty_is_the_library_s(case):
    W, b, v, real, fake, _ = kinds("transport")["penalty-to-train-with"].arguments({})[case]
    x, y = torch.from_numpy(real), torch.from_numpy(fake)
    drawn = torch.rand((len(x), *[1] * (x.ndim - 1)), generator=torch.Generator().manual_seed(3), dtype=x.dtype)
    wanted = wgan.gradient_penalty(Critic(W, b, v), x, y, weight=1.0, generator=torch.Generator().manual_seed(3))
    found = kinds("transport")["penalty-to-train-with"].reference(W, b, v, real, fake, drawn.flatten().numpy())
    assert found == pytest.approx(wanted.item(), rel=1e-9)


def test_the_gradient_of_the_norm_tends_to_that_of_the_decomposition():
    rng = np.random.default_rng(0)
    W, u = rng.normal(size=(4, 3)), rng.normal(size=4)
    sigma, _, slope = kinds("games")["spectral-norm"].reference(W, u, 400)
    U, s, V = np.linalg.svd(W)
    assert sigma == pytest.approx(s[0])
    np.testing.assert_allclose(slope, np.outer(U[:, 0], V[0]), atol=1e-8)


def test_the_masked_layer_undoes_what_its_formula_does():
    x, mask, A, B, _ = kinds("change_of_variables_and_flows")["masked-layer"].arguments({})["a checkerboard"]
    z, log_det = kinds("change_of_variables_and_flows")["masked-layer"].reference(x, mask, A, B, 0)
    u = torch.from_numpy(mask * z).flatten(1)
    s, t = ((f(u @ torch.from_numpy(w))).reshape(z.shape).numpy() for f, w in ((torch.tanh, A), (lambda y: y, B)))
    np.testing.assert_allclose(mask * z + (1 - mask) * (z * np.exp(s) + t), x, atol=1e-12)
    np.testing.assert_allclose(log_det, -((1 - checkerboard(3, 3)) * s).sum((1, 2, 3)), atol=1e-12)


@pytest.mark.parametrize("case", ["three channels", "all of r above 0"])
def test_the_mixing_of_channels_has_the_jacobian_that_autograd_finds(case):
    kind = kinds("change_of_variables_and_flows")["mix-the-channels"]
    z, P, L, U, r = kind.arguments({})[case]
    x, log_det = kind.reference(z, P, L, U, r)
    W = torch.from_numpy(P @ (np.tril(L, -1) + np.eye(len(r))) @ (np.triu(U, 1) + np.diag(r)))
    layer = lambda z: torch.nn.functional.conv2d(z, W[:, :, None, None])  # noqa: E731
    np.testing.assert_allclose(layer(torch.from_numpy(z)).numpy(), x, atol=1e-12)
    J = torch.autograd.functional.jacobian(layer, torch.from_numpy(z[:1])).reshape(z[0].size, z[0].size)
    np.testing.assert_allclose(log_det, torch.linalg.slogdet(J).logabsdet.item(), atol=1e-10)


def test_a_gradient_that_is_nan_is_noticed():
    kind = kinds("change_of_variables_and_flows")["masked-layer"]

    def masked_late(x, s, t, mask):
        z = torch.where(mask == 1, x, (x - t(mask * x)) * torch.exp(-s(mask * x)))
        return z, -torch.where(mask == 1, 0, s(mask * x)).sum((1, 2, 3))

    _, verdict = look(kind, masked_late, {})
    assert 0 < verdict.score < 1
    assert "is NaN" in verdict.message
