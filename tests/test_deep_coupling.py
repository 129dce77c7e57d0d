from itertools import pairwise

import numpy as np
import pytest
import torch

from teachkit.change_of_variables import compose
from teachkit.coupling import flow_from_arrays
from teachkit.data import standard_normal, two_moons
from teachkit.deep.coupling import BOUND, CouplingFlow, bijections, fit, from_arrays, save_npz, to_arrays
from teachkit.flows import Flow


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def random_flow(d=2, additive=False, layers=6, scale=0.3):
    """Return a flow whose weights, the last layers' too, are far from their start."""
    flow = CouplingFlow(d, layers, 16, additive=additive, generator=seeded(0), dtype=torch.float64)
    generator = seeded(1)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return flow


def points(n, d=2, seed=2):
    return torch.randn(n, d, generator=seeded(seed), dtype=torch.float64)


kinds = pytest.mark.parametrize(("d", "additive"), [(2, False), (3, False), (2, True), (3, True)])


@kinds
@pytest.mark.law("affine-coupling")
@pytest.mark.law("additive-coupling")
@torch.no_grad()
def test_inverse(d, additive):
    flow, z = random_flow(d, additive), points(200, d)
    x, log_det = flow(z)
    back, log_det_back = flow.inverse(x)
    assert (x - z).abs().max() > 0.5
    torch.testing.assert_close(back, z, atol=1e-12, rtol=0)
    torch.testing.assert_close(log_det_back, -log_det, atol=1e-12, rtol=0)


@kinds
@pytest.mark.law("coupling-log-det")
@pytest.mark.law("additive-coupling")
def test_log_det_against_autograd(d, additive):
    flow = random_flow(d, additive)
    for z in points(10, d):
        J = torch.autograd.functional.jacobian(lambda y: flow(y[None])[0][0], z)
        claimed = flow(z[None])[1][0]
        assert abs(claimed) > 1e-3
        torch.testing.assert_close(claimed, torch.linalg.slogdet(J).logabsdet, atol=1e-10, rtol=0)


@kinds
@pytest.mark.law("masked-coupling")
@torch.no_grad()
def test_numpy_twin_is_equal(d, additive):
    flow, z = random_flow(d, additive), points(100, d)
    twin = compose(*bijections(flow))
    for theirs, ours in ((flow.forward, twin.forward), (flow.inverse, twin.inverse)):
        for expected, value in zip(theirs(z), ours(z.numpy()), strict=True):
            np.testing.assert_allclose(value, expected.numpy(), rtol=1e-12, atol=1e-12)
    law = Flow(standard_normal(d), bijections(flow))
    np.testing.assert_allclose(law.log_prob(z.numpy()), flow.log_prob(z).numpy(), rtol=1e-12, atol=1e-12)
    for expected, value in zip(flow.path(z), law.path(z.numpy()), strict=True):
        np.testing.assert_allclose(value, expected.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.law("alternating-halves")
@torch.no_grad()
def test_layers_move_one_coordinate_in_turn():
    path = list(random_flow(layers=4).path(points(20)))
    moved = [((after - before).abs() > 0).any(0).tolist() for before, after in pairwise(path)]
    assert moved == [[False, True], [True, False], [False, True], [True, False]]


@pytest.mark.parametrize("additive", [False, True])
@pytest.mark.law("flow-log-density")
@torch.no_grad()
def test_density_integrates_to_one(additive):
    flow = random_flow(additive=additive, scale=0.1)
    line = torch.linspace(-12, 12, 601, dtype=torch.float64)
    density = flow.log_prob(torch.cartesian_prod(line, line)).exp()
    assert density.sum().item() * (line[1] - line[0]).item() ** 2 == pytest.approx(1, abs=1e-3)
    normal = standard_normal(2).log_prob(torch.cartesian_prod(line, line).numpy())
    assert np.abs(density.numpy() - np.exp(normal)).max() > 0.05


@torch.no_grad()
def test_scale_stays_below_the_bound():
    flow = random_flow(layers=1, scale=20.0)
    log_det = flow(points(500))[1].abs()
    assert 0.9 * BOUND < log_det.max() <= BOUND


@pytest.mark.parametrize("additive", [False, True])
@torch.no_grad()
def test_starts_as_the_identity(additive):
    flow = CouplingFlow(additive=additive, generator=seeded(0), dtype=torch.float64)
    z = points(50)
    assert torch.equal(flow(z)[0], z)
    assert flow(z)[1].abs().max() == 0


@pytest.mark.law("flow-training")
def test_training_lowers_the_loss_towards_the_entropy():
    law = two_moons(0.1)
    x = law.sample(20_000, np.random.default_rng(0))
    entropy = -law.log_prob(x).mean()
    flow = CouplingFlow(layers=4, hidden=32, generator=seeded(0))
    steps = fit(flow, torch.from_numpy(x).float(), steps=400, batch=256, lr=1e-2, generator=seeded(1))
    losses = [step.loss for step in steps]
    first, last = losses[0], np.mean(losses[-50:])
    assert entropy < last < entropy + 0.3 * (first - entropy)


def test_fit_takes_fresh_samples_from_a_callable():
    asked = []

    def draw(n, generator):
        asked.append(n)
        return torch.randn(n, 2, generator=generator)

    steps = list(fit(CouplingFlow(layers=2, generator=seeded(0)), draw, steps=3, batch=7, generator=seeded(1)))
    assert asked == [7, 7, 7]
    assert [step.step for step in steps] == [1, 2, 3]


def test_same_seeds_give_the_same_flow_and_other_seeds_another():
    def trained(first, second):
        flow = CouplingFlow(layers=2, hidden=8, generator=seeded(first))
        list(fit(flow, points(100).float(), steps=5, batch=16, generator=seeded(second)))
        return to_arrays(flow)["W1"], flow.sample(3, seeded(9))

    (W, x), (again, x_again) = trained(0, 1), trained(0, 1)
    assert np.array_equal(W, again)
    assert torch.equal(x, x_again)
    assert not np.array_equal(W, trained(5, 1)[0])
    assert not np.array_equal(W, trained(0, 5)[0])


def test_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    flow = CouplingFlow(generator=seeded(0))
    list(fit(flow, points(100).float(), steps=2, generator=seeded(1)))
    flow.sample(5, seeded(2))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.law("flow-log-density")
def test_samples_follow_the_density():
    flow = random_flow(scale=0.1)
    x = flow.sample(50_000, seeded(3))
    line = torch.linspace(-12, 12, 601, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    with torch.no_grad():
        weights = flow.log_prob(grid).exp()
    mean = (weights[:, None] * grid).sum(0) / weights.sum()
    error = x.std(0) / len(x) ** 0.5
    assert ((x.mean(0) - mean).abs() < 4 * error).all()


@pytest.mark.parametrize("additive", [False, True])
def test_weights_survive_a_file(tmp_path, additive):
    flow = random_flow(additive=additive)
    save_npz(flow, tmp_path / "weights.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["weights.npz"]
    with np.load(tmp_path / "weights.npz") as arrays:
        again, layers = from_arrays(arrays), flow_from_arrays(arrays)
    z = points(20)
    with torch.no_grad():
        expected = flow(z)[0]
        assert torch.equal(again(z)[0], expected)
    np.testing.assert_allclose(compose(*layers).forward(z.numpy())[0], expected.numpy(), atol=1e-12)


@kinds
@pytest.mark.law("masked-coupling")
def test_arrays_hold_zeros_where_the_mask_takes_away(d, additive):
    flow, z = random_flow(d, additive), points(20, d)
    arrays = to_arrays(flow)
    seen = arrays["mask"][:, None, :] == 1
    given = np.tile(arrays["mask"] == 0, 1 if additive else 2)
    assert (arrays["W0"] != 0).tolist() == np.broadcast_to(seen, arrays["W0"].shape).tolist()
    assert ((arrays["W2"] != 0).all(2) == given).all()
    assert ((arrays["b2"] != 0) == given).all()
    noisy = {**arrays, "W0": arrays["W0"] + 7 * ~seen, "b2": arrays["b2"] + 7 * ~given}
    with torch.no_grad():
        for one, other in zip(from_arrays(noisy)(z), flow(z), strict=True):
            assert torch.equal(one, other)
    twin = compose(*flow_from_arrays(noisy)).forward(z.numpy())[0]
    np.testing.assert_allclose(twin, flow(z)[0].detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("additive", [False, True])
@pytest.mark.parametrize("n", [1024, 2048])
def test_batches_of_powers_of_two_are_as_others(n, additive):
    flow, x = random_flow(additive=additive, layers=2), points(n)
    whole = flow.log_prob(x)
    parts = torch.cat([flow.log_prob(part) for part in x.split(1000)])
    torch.testing.assert_close(whole, parts, rtol=1e-12, atol=1e-12)
    ours, theirs = (torch.autograd.grad(y.sum(), list(flow.parameters())) for y in (whole, parts))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_log_det_keeps_its_digits_under_autocast():
    flow, x = random_flow().float(), points(50).float()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        z, log_det = flow.inverse(x)
        back, forward_log_det = flow(z)
    assert z.dtype == log_det.dtype == torch.float32
    torch.testing.assert_close(back, x, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(forward_log_det, -log_det, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["weights", "weights.bin", "weights.npz.old"])
def test_file_keeps_the_name_that_it_is_given(tmp_path, name):
    save_npz(random_flow(), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with np.load(tmp_path / name) as arrays:
        assert "W0" in arrays


def test_counts_may_be_whole_floats():
    flow = CouplingFlow(2.0, 2.0, 8.0, generator=seeded(0))
    assert len(list(fit(flow, points(20).float(), steps=2.0, batch=4.0, generator=seeded(1)))) == 2
    assert flow.sample(3.0, seeded(2)).shape == (3, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_keep_their_precision(dtype):
    arrays = {name: x.astype(dtype) for name, x in to_arrays(random_flow()).items()}
    again = to_arrays(from_arrays(arrays))
    assert all(x.dtype == dtype for name, x in again.items() if name[0] in "Wb" and name != "bound")
    assert all(np.array_equal(x, arrays[name]) for name, x in again.items())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CouplingFlow(1, generator=seeded(0)), "d: expected a whole number of at least 2, got 1"),
        (lambda: CouplingFlow(layers=0, generator=seeded(0)), "layers: expected"),
        (lambda: CouplingFlow(hidden=0, generator=seeded(0)), "hidden: expected"),
        (lambda: random_flow()(points(3, d=4)), r"z: expected shape \[n, 2\]"),
        (lambda: random_flow().inverse(points(3)[0]), r"x: expected shape \[n, 2\]"),
        (lambda: random_flow().log_prob(points(0)), "x: expected shape"),
        (lambda: random_flow().sample(0, seeded(0)), "n: expected"),
        (lambda: fit(random_flow(), points(3, d=3), generator=seeded(0)), "data: expected shape"),
        (lambda: fit(random_flow(), points(3), steps=0, generator=seeded(0)), "steps: expected"),
        (lambda: fit(random_flow(), points(3), batch=0, generator=seeded(0)), "batch: expected"),
        (lambda: fit(random_flow(), points(3), lr=-1, generator=seeded(0)), "lr: expected"),
        (lambda: from_arrays({**to_arrays(random_flow()), "bound": 3.0}), "arrays: expected alternating masks"),
    ],
)
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_training_that_diverges_says_so():
    with pytest.raises(FloatingPointError, match="the loss is nan"):
        list(fit(random_flow(), points(10) * torch.nan, steps=1, generator=seeded(0)))


def test_quick_run_writes_what_the_book_reads(quick_run, tmp_path):
    out = tmp_path / "coupling"
    manifest = quick_run(out)
    assert set(manifest["files"]) == {"curves.npz", "weights.npz"}
    for model in ("affine_2", "additive_2"):
        numbers = manifest["metrics"][model]
        assert numbers["nll"]["mean"] - manifest["metrics"]["entropy"] == pytest.approx(
            numbers["kl_data_model"]["mean"], abs=1e-9
        )
        assert numbers["kl_data_model"]["n"] == 2
    with np.load(out / "curves.npz") as curves:
        assert curves["affine_2"].shape == (2, 2)
        assert curves["affine_2"][0, 1] < curves["affine_2"][0, 0]
    with np.load(out / "weights.npz") as arrays:
        assert len(flow_from_arrays(arrays)) == 2
