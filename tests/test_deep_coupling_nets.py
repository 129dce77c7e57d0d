import pytest
import torch
from torch.nn.functional import conv2d, relu

from teachkit.deep.coupling_layers import Chain, Coupling
from teachkit.deep.coupling_nets import Block, ZeroConv, conv_net, mlp, residual_net


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


NETS = {
    "mlp": (lambda rng: mlp(3, 4, 8, 3, rng=rng), (3,)),
    "conv": (lambda rng: conv_net(3, 4, 8, rng=rng), (3, 5, 5)),
    "residual": (lambda rng: residual_net(3, 4, 8, 2, rng=rng), (3, 5, 5)),
}
every = pytest.mark.parametrize("name", NETS)


@every
def test_weights_come_from_the_generator_alone(name):
    make, _ = NETS[name]
    torch.manual_seed(0)
    a = make(seeded(1)).state_dict()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    b, other = make(seeded(1)).state_dict(), make(seeded(2)).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not all(torch.equal(a[key], other[key]) for key in a)


@every
def test_nets_go_through_the_transforms_of_torch(name):
    make, shape = NETS[name]
    net, x = make(seeded()), torch.randn(5, *shape, generator=seeded(1))
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=seeded(2)))
    one_by_one = torch.func.vmap(lambda row: net(row[None])[0])(x)
    torch.testing.assert_close(one_by_one, net(x), rtol=1e-5, atol=1e-6)
    J = torch.func.jacfwd(net)(x[:1])
    torch.testing.assert_close(J, torch.func.jacrev(net)(x[:1]), rtol=1e-5, atol=1e-6)


@every
def test_starts_at_zero_and_learns(name):
    make, shape = NETS[name]
    net, x = make(seeded()), torch.randn(5, *shape, generator=seeded(1))
    assert net(x).shape == (5, 4, *shape[1:])
    assert net(x).abs().max() == 0
    optimizer = torch.optim.Adam(net.parameters(), 0.01)
    losses = []
    for _ in range(30):
        loss = (net(x) - 1 - x[:, :1]).square().mean()
        optimizer.zero_grad(), loss.backward(), optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())


def test_a_flow_starts_as_the_identity():
    flow = Chain([Coupling(half, conv_net(1, 2, 4, rng=seeded())) for half in ("first", "second")])
    z = torch.randn(3, 2, 4, 4, generator=seeded(1))
    x, log_det = flow(z)
    assert torch.equal(x, z)
    assert log_det.abs().max() == 0


@pytest.mark.parametrize("hidden", [64, 256])
def test_hidden_layers_keep_the_size_of_numbers(hidden):
    net, x = conv_net(8, 2, hidden, rng=seeded()), torch.randn(4, 8, 12, 12, generator=seeded(1))
    assert 0.5 < net[:4](x).square().mean().sqrt() < 1.5
    net = mlp(64, 2, hidden, 4, rng=seeded())
    assert 0.4 < net[:-1](torch.randn(50, 64, generator=seeded(1))).square().mean().sqrt() < 1.8


def test_zero_conv_scales_each_of_its_channels():
    layer, h = ZeroConv(2, 3), torch.randn(2, 2, 4, 4, generator=seeded())
    torch.nn.init.normal_(layer.weight, generator=seeded(1)), torch.nn.init.normal_(layer.bias, generator=seeded(2))
    torch.nn.init.normal_(layer.log_scale, generator=seeded(3))
    plain = conv2d(h, layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(h), plain * torch.exp(3 * layer.log_scale).view(-1, 1, 1))


def test_block_adds_to_what_it_gets():
    block, h = Block(3, seeded()), torch.randn(2, 3, 4, 4, generator=seeded(1))
    kept = h.clone()
    torch.nn.init.normal_(block.after.weight, generator=seeded(2))
    by_hand = h + block.after(relu(block.before(relu(h))))
    torch.testing.assert_close(block(h), by_hand)
    assert torch.equal(h, kept)


BAD = {
    "d_in": (lambda: mlp(0, 1, rng=seeded()), "d_in: expected a whole number of at least 1, got 0"),
    "d_out": (lambda: mlp(1, 0, rng=seeded()), "d_out: expected"),
    "hidden": (lambda: conv_net(1, 1, 0, rng=seeded()), "hidden: expected"),
    "depth": (lambda: mlp(1, 1, depth=0, rng=seeded()), "depth: expected"),
    "c_in": (lambda: residual_net(1.5, 1, rng=seeded()), "c_in: expected"),
    "c_out": (lambda: conv_net(1, -1, rng=seeded()), "c_out: expected"),
    "blocks": (lambda: residual_net(1, 1, blocks=0, rng=seeded()), "blocks: expected"),
    "rng": (lambda: mlp(1, 1, rng=0), "rng: expected a torch.Generator"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()
