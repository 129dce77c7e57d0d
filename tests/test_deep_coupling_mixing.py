import numpy as np
import pytest
import torch

from teachkit import coupling_images
from teachkit.deep import checkpoint
from teachkit.deep.coupling_layers import Chain, Coupling
from teachkit.deep.coupling_mixing import ActNorm, BatchNormFlow, Conv1x1, Permutation
from teachkit.deep.coupling_nets import conv_net
from teachkit.deep.source import Source
from teachkit.deep.train import Part, Training


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=6, c=3, h=2, w=4, seed=1):
    """Return images whose channels differ in mean and scale."""
    x = torch.randn(n, c, h, w, generator=seeded(seed), dtype=torch.float64)
    along = torch.arange(1.0, c + 1).view(-1, 1, 1)
    return 3 * along + 2**along * x


def moments(z):
    return z.mean((0, 2, 3)), z.std((0, 2, 3), correction=0)


@pytest.mark.parametrize("mode", ["train", "eval", "no_grad"])
def test_actnorm_starts_from_its_first_batch(mode):
    norm, x = ActNorm(3).double(), images()
    norm.train(mode == "train")
    with torch.set_grad_enabled(mode != "no_grad"):
        z, log_det = norm.inverse(x)
    mean, std = moments(z)
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-12, rtol=0)
    torch.testing.assert_close(std, torch.ones_like(std), atol=1e-12, rtol=0)
    shift, log_scale = coupling_images.actnorm(x.numpy())
    np.testing.assert_allclose(norm.shift.detach(), shift, rtol=1e-12)
    np.testing.assert_allclose(norm.log_scale.detach(), log_scale, rtol=1e-12)
    np.testing.assert_allclose(log_det.detach(), -8 * log_scale.sum(), rtol=1e-12)


@pytest.mark.parametrize("make", [ActNorm, lambda c: BatchNormFlow(c, eps=1e-12)])
def test_norms_keep_the_digits_of_a_channel_far_from_zero(make):
    x = 1e4 + 0.1 * torch.randn(1000, 1, 2, 2, generator=seeded(), dtype=torch.float32)
    z, expected = make(1).inverse(x)[0], make(1).double().inverse(x.double())[0]
    assert (z - expected).abs().max() < 0.02  # the mean itself is rounded to 1e-3, a hundredth of the spread
    assert (z.std() - 1).abs() < 1e-3
    gaps = z[:100] - z[100:200], (x[:100] - x[100:200]).double() / x.double().std(correction=0)
    assert (gaps[0] - gaps[1]).abs().max() < 1e-5


@pytest.mark.parametrize("size", [(2, 2), (1, 1), (8, 8)], ids=str)
@pytest.mark.law("conv1x1-log-det")
def test_conv1x1_is_a_convolution_on_few_and_on_many_points(size):
    layer, x = Conv1x1(12, rng=seeded()).double(), torch.randn(3, 12, *size, generator=seeded(1), dtype=torch.double)
    expected = torch.nn.functional.conv2d(x, layer.matrix()[:, :, None, None])
    for given in (x, x.contiguous(memory_format=torch.channels_last), x.mT.contiguous().mT):
        torch.testing.assert_close(layer(given)[0], expected, rtol=1e-12, atol=1e-12)
    grads = [torch.autograd.grad(y.square().sum(), layer.U)[0] for y in (layer(x)[0], expected)]
    torch.testing.assert_close(*grads, rtol=1e-10, atol=1e-10)


def test_actnorm_starts_once():
    norm = ActNorm(3).double()
    norm.inverse(images())
    before = norm.shift.detach().clone()
    z, _ = norm.inverse(10 * images(seed=2))
    assert torch.equal(norm.shift, before)
    assert (moments(z)[1] > 5).all()


def test_actnorm_needs_data_before_noise():
    norm = ActNorm(3).double()
    with pytest.raises(RuntimeError, match="call inverse on a batch of data first"):
        norm(images())
    norm.inverse(images())
    assert norm(images())[0].shape == (6, 3, 2, 4)


def test_actnorm_of_a_constant_channel_is_finite():
    norm = ActNorm(2)
    z, log_det = norm.inverse(torch.ones(4, 2, 3, 3))
    assert torch.isfinite(z).all()
    assert torch.isfinite(log_det).all()


def test_actnorm_starts_alike_in_all_processes(monkeypatch):
    """Each process sees other rows, so without a broadcast their weights would differ from then on."""
    norm = ActNorm(3)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "broadcast", lambda x, source: x.fill_(0.25))  # what the first one has
    norm.inverse(images().float())
    assert torch.equal(norm.shift, torch.full((3,), 0.25))
    assert torch.equal(norm.log_scale, torch.full((3,), 0.25))


def test_actnorm_keeps_its_start_in_its_state():
    norm, x = ActNorm(3).double(), images()
    expected = norm.inverse(x)[0]
    other = ActNorm(3).double()
    other.load_state_dict(norm.state_dict())
    assert torch.equal(other(expected)[0], norm(expected)[0])
    assert torch.equal(other.inverse(5 * x)[0], norm.inverse(5 * x)[0])
    other.load_state_dict(ActNorm(3).state_dict())  # of one that has not started: it starts anew
    assert moments(other.inverse(5 * x)[0])[1].allclose(torch.ones(3, dtype=torch.float64))


def training():
    net = conv_net(1, 2, 4, rng=seeded())
    flow = Chain([Coupling("first", net), Conv1x1(2, rng=seeded()), ActNorm(2)], (2, 2, 2))
    source = Source(images(20, 2, 2, 2).float(), 5, seed=0)

    def loss(nets, x, source):
        z, log_det = nets["flow"].inverse(x)
        return 0.5 * z.square().sum((1, 2, 3)).mean() - log_det.mean()

    return Training({"flow": flow}, [Part("flow", loss)], source, ema={"flow": 0.9})


def test_a_checkpoint_keeps_the_start(tmp_path):
    whole, path = training(), tmp_path / "checkpoint.pt"
    list(whole.run(3))
    checkpoint.save(path, whole, {})
    second = training()
    checkpoint.load(path, second, {})
    rest = [[step.losses["flow"].item() for step in model.run(6)] for model in (whole, second)]
    assert rest[0] == rest[1]
    x = images(4, 2, 2, 2, seed=5).float()
    for a, b in ((m.nets["flow"], m.averages["flow"].module) for m in (whole, second)):
        assert a.layers[2].ready
        assert b.layers[2].ready
        assert not torch.equal(a.inverse(x)[0], b.inverse(x)[0])  # else the average has started anew on x
        assert moments(b.inverse(x)[0])[1].sub(1).abs().max() > 0.01


def test_batch_norm_takes_the_batch_in_training_and_running_values_in_evaluation():
    norm, x = BatchNormFlow(3, momentum=0.25).double(), images()
    with torch.no_grad():
        norm.beta += 0.5
        norm.log_gamma -= 0.7
    mean, std = moments(norm.inverse(x)[0])
    torch.testing.assert_close(mean, torch.full_like(mean, 0.5), atol=1e-10, rtol=0)
    torch.testing.assert_close(std, torch.full_like(std, np.exp(-0.7)), atol=1e-5, rtol=0)
    torch.testing.assert_close(norm.mean, 0.25 * x.mean((0, 2, 3)))
    torch.testing.assert_close(norm.var, 0.75 + 0.25 * x.var((0, 2, 3), correction=0))
    norm.eval()
    z, log_det = norm.inverse(x[:1])
    torch.testing.assert_close(z, norm.inverse(x)[0][:1])  # of one image alone
    by_hand = 0.5 + np.exp(-0.7) * (x[:1] - norm.mean.view(-1, 1, 1)) / (norm.var.view(-1, 1, 1) + 1e-5).sqrt()
    torch.testing.assert_close(z, by_hand)
    torch.testing.assert_close(norm(z)[0], x[:1])
    torch.testing.assert_close(log_det, -8 * (0.7 * 3 + 0.5 * (norm.var + 1e-5).log().sum())[None])


def test_batch_norm_agrees_with_torchs():
    norm, theirs, x = BatchNormFlow(3).double(), torch.nn.BatchNorm2d(3).double(), images().requires_grad_()
    ours = norm.inverse(x)[0]
    torch.testing.assert_close(ours, theirs(x))
    gradients = [torch.autograd.grad((y**3).sum(), x)[0] for y in (ours, theirs(x))]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("shape", [(4, 3, 2, 5), (4, 3), (4, 3, 6)])
def test_plain_matrix_equals_its_plu_form(shape):
    plu = Conv1x1(3, weight=torch.randn(3, 3, generator=seeded())).double()
    plain = Conv1x1(3, plu=False, rng=seeded()).double()
    plain.load_state_dict({"weight": plu.matrix()})
    x = torch.randn(shape, generator=seeded(1), dtype=torch.float64)
    for a, b in ((plain(x), plu(x)), (plain.inverse(x), plu.inverse(x))):
        torch.testing.assert_close(a[0], b[0], atol=1e-12, rtol=0)
        torch.testing.assert_close(a[1], b[1], atol=1e-12, rtol=0)
    by_hand = torch.einsum("ij,nj...->ni...", plain.weight, x)
    torch.testing.assert_close(plain(x)[0], by_hand)
    points = x[0, 0].numel()
    assert plain(x)[1][0].item() == pytest.approx(points * torch.linalg.slogdet(plain.weight).logabsdet.item())


def test_plu_agrees_with_the_twin():
    layer = Conv1x1(5, rng=seeded())
    W = layer.matrix().detach().double().numpy()
    P, L, U, log_d, sign = coupling_images.plu(W)
    np.testing.assert_array_equal(layer.P, P)
    np.testing.assert_array_equal(layer.sign, sign)
    np.testing.assert_allclose(layer.L.detach().numpy() + np.eye(5), L, atol=1e-5)
    np.testing.assert_allclose(layer.U.detach(), U, atol=1e-5)
    np.testing.assert_allclose(layer.log_d.detach(), log_d, atol=1e-5)
    claimed = layer(torch.zeros(1, 5, 3, 2))[1].item()
    assert claimed == pytest.approx(coupling_images.conv1x1_log_det(W, 3, 2), abs=1e-4)


@pytest.mark.parametrize("plu", [True, False])
def test_start_is_a_rotation_of_the_generator_alone(plu):
    torch.manual_seed(0)
    a = Conv1x1(6, plu, rng=seeded(7))
    torch.manual_seed(1)
    W = Conv1x1(6, plu, rng=seeded(7)).matrix().detach()
    assert torch.equal(a.matrix(), W)
    torch.testing.assert_close(W @ W.T, torch.eye(6))
    assert torch.linalg.det(W).item() == pytest.approx(1, abs=1e-5)
    assert not torch.equal(W, Conv1x1(6, plu, rng=seeded(8)).matrix())


def test_what_stands_across_the_triangles_does_nothing():
    """A step of an optimizer may move the other half of L and U."""
    layer, x = Conv1x1(4, rng=seeded()), torch.randn(2, 4, 2, 2, generator=seeded(1))
    before = layer.inverse(x)
    with torch.no_grad():
        layer.L += torch.ones(4, 4).triu()
        layer.U += torch.ones(4, 4).tril()
    for a, b in zip(before, layer.inverse(x), strict=True):
        assert torch.equal(a, b)
    with torch.no_grad():
        layer.log_d -= 0.5
    torch.testing.assert_close(layer.inverse(x)[1] - before[1], torch.full((2,), 4 * 4 * 0.5))


def test_mixing_keeps_its_digits_under_autocast():
    layer, x = Conv1x1(8, rng=seeded()), torch.randn(4, 8, 2, 2, generator=seeded(1))
    with torch.autocast("cpu", torch.bfloat16):
        assert (layer(layer.inverse(x)[0])[0] - x).abs().max() < 1e-5


def test_permutation():
    z = torch.arange(5.0)[None, :, None, None].expand(2, 5, 3, 3)
    assert Permutation(5)(z)[0][0, :, 0, 0].tolist() == [4, 3, 2, 1, 0]
    assert Permutation(5, [1, 2, 3, 4, 0])(z)[0][1, :, 2, 2].tolist() == [1, 2, 3, 4, 0]
    fixed = Permutation(5, "random", rng=seeded(3))
    assert sorted(fixed.order.tolist()) == list(range(5))
    assert torch.equal(fixed.inverse(fixed(z)[0])[0], z)
    other = Permutation(5, "random", rng=seeded(4))
    assert not torch.equal(other.order, fixed.order)
    other.load_state_dict(fixed.state_dict())
    assert torch.equal(other(z)[0], fixed(z)[0])


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_an_order_may_be_an_array_and_is_copied(kind):
    order = kind([2, 0, 1])
    layer = Permutation(3, order)
    order[:] = kind([0, 1, 2])
    assert layer(torch.tensor([[5.0, 6.0, 7.0]]))[0].tolist() == [[7.0, 5.0, 6.0]]


def test_batch_norm_takes_a_whole_float():
    assert BatchNormFlow(3.0).var.shape == (3,)


def singular():
    layer = Conv1x1(2, plu=False, rng=seeded())
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))
    return layer


def nearly_singular():
    layer = Conv1x1(2, plu=False, rng=seeded())
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0], [2.0, 4.0 + 1e-6]]))
    return layer


X = torch.ones(2, 2, 2, 2)
BAD = {
    "singular": (lambda: Conv1x1(2, weight=torch.ones(2, 2)), "weight: expected an invertible matrix"),
    "NaN": (lambda: Conv1x1(1, weight=torch.tensor([[torch.nan]])), "weight: expected an invertible matrix"),
    "W's shape": (lambda: Conv1x1(2, weight=torch.eye(3)), r"weight: expected shape \[2, 2\], got \[3, 3\]"),
    "become singular": (lambda: singular().inverse(X), "weight: expected an invertible matrix"),
    "become singular forward": (lambda: singular()(X), "weight: expected an invertible matrix"),
    "nearly": (lambda: nearly_singular().inverse(X), "weight: expected an invertible matrix"),
    "no generator": (lambda: Conv1x1(2), "rng: expected a torch.Generator"),
    "no channels": (lambda: ActNorm(0), "channels: expected a whole number of at least 1"),
    "other channels of ActNorm": (lambda: ActNorm(3).inverse(X), r"x: expected 3 channels, got shape \[2, 2, 2, 2\]"),
    "other channels of the mixing": (lambda: Conv1x1(3, rng=seeded())(X), "z: expected 3 channels"),
    "other channels of an order": (lambda: Permutation(3).inverse(X), "x: expected 3 channels"),
    "other channels of batch norm": (lambda: BatchNormFlow(3)(X), "z: expected 3 channels"),
    "other channels in a chain": (lambda: Chain([ActNorm(3)], (2, 4, 4)), "x: expected 3 channels"),
    "one number at the start": (lambda: ActNorm(2).inverse(X[:1, :, :1, :1]), "x: expected more than one number"),
    "empty in training": (lambda: BatchNormFlow(2).inverse(X[:, :, :0]), "x: expected more than one number"),
    "one number in training": (lambda: BatchNormFlow(2).inverse(X[:1, :, :1, :1]), "x: expected more than one number"),
    "momentum": (lambda: BatchNormFlow(2, momentum=2), "momentum: expected a number above 0 and at most 1, got 2"),
    "eps": (lambda: BatchNormFlow(2, eps=0), "eps: expected a finite number above 0"),
    "an order": (lambda: Permutation(3, [0, 1, 1]), "order: expected each of 0 to 2 once"),
    "an order of booleans": (lambda: Permutation(2, [True, False]), "order: expected each of 0 to 1 once"),
    "one number for an order": (lambda: Permutation(2, 5), "order: expected each of 0 to 1 once, .* got 5"),
    "no order": (lambda: Permutation(2, None), "order: expected each of 0 to 1 once"),
    "NaN at the start": (lambda: ActNorm(2).inverse(X * torch.nan), "x: expected finite numbers to start from"),
    "an order's name": (lambda: Permutation(3, "backwards"), "order: expected each of 0 to 2 once, 'reverse' or"),
    "an order without rng": (lambda: Permutation(3, "random"), "rng: expected a torch.Generator"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()
