"""Answers to the item of sheet 5 that is written with torch."""

import torch
from torch.nn import functional


def four(v):
    return v.reshape(-1, 1, 1, 1)


def loss(
    low=1,
    high=0,
    shift=0,
    told=0,
    signal=torch.sqrt,
    noise=lambda a: (1 - a).sqrt(),
    target=lambda x0, xt, eps, a: eps,
    draw=torch.randn_like,
    reduce=lambda d: d.square().mean(),
):
    """Return a training loss with something changed in it."""

    def answer(net, x0, abar):
        t = torch.randint(low, len(abar) + high, (len(x0),))
        a = four(abar[t + shift])
        eps = draw(x0)
        xt = signal(a) * x0 + noise(a) * eps
        return reduce(net(xt, t + told) - target(x0, xt, eps, a))

    return answer


def along(axis):
    """Return how to draw noise that is the same along one axis."""
    return lambda x0: torch.randn_like(x0.narrow(axis, 0, 1)).expand(x0.shape)


def straight(net, x0, abar):
    n, T = x0.shape[0], abar.numel() - 1
    t = 1 + (torch.rand(n) * T).long()
    eps = torch.randn(x0.shape, dtype=x0.dtype)
    a = abar[t][:, None, None, None]
    return functional.mse_loss(net(a.sqrt() * x0 + (1 - a).sqrt() * eps, t), eps)


def gathered(net, x0, abar):
    t = torch.randint(1, abar.shape[0], (x0.shape[0],), dtype=torch.int32)
    a = abar.gather(0, t.long()).view(-1, *[1] * (x0.ndim - 1))
    eps = torch.randn(*x0.shape)
    total = sum(((y - e) ** 2).mean() for y, e in zip(net(a**0.5 * x0 + (1 - a) ** 0.5 * eps, t), eps, strict=True))
    return total / len(x0)


def own_generator(generator=torch.Generator().manual_seed(5)):  # noqa: B008
    def answer(net, x0, abar):
        t = torch.randint(1, len(abar), (len(x0),), generator=generator)
        eps = torch.randn(x0.shape, generator=generator)
        xt = torch.stack([abar[k].sqrt() * x + (1 - abar[k]).sqrt() * e for k, x, e in zip(t, x0, eps, strict=True)])
        return ((eps - net(xt, t)) ** 2).sum() / eps.numel()

    return answer


def lined_up(net, x0, abar):
    t = torch.randint(1, len(abar), (len(x0),))
    eps = torch.randn_like(x0)
    return (net(abar[t].sqrt() * x0 + (1 - abar[t]).sqrt() * eps, t) - eps).square().mean()


def one_t(net, x0, abar):
    t = torch.randint(1, len(abar), (1,)).repeat(len(x0))
    eps = torch.randn_like(x0)
    a = four(abar[t])
    return (net(a.sqrt() * x0 + (1 - a).sqrt() * eps, t) - eps).square().mean()


def scalar_t(net, x0, abar):
    t = torch.randint(1, len(abar), ())
    eps = torch.randn_like(x0)
    return (net(abar[t].sqrt() * x0 + (1 - abar[t]).sqrt() * eps, t) - eps).square().mean()


def seeded(net, x0, abar):
    torch.manual_seed(1)
    return loss()(net, x0, abar)


def twice(net, x0, abar):
    return loss()(net, x0, abar) + 0 * loss()(net, x0, abar)


def fractions(net, x0, abar):
    t = torch.rand(len(x0)) * (len(abar) - 1)
    eps = torch.randn_like(x0)
    a = four(abar[t.long() + 1])
    return (net(a.sqrt() * x0 + (1 - a).sqrt() * eps, t) - eps).square().mean()


def in_place(net, x0, abar):
    t = torch.randint(1, len(abar), (len(x0),))
    eps, a = torch.randn_like(x0), four(abar[t])
    x0.mul_(a.sqrt()).add_((1 - a).sqrt() * eps)
    return (net(x0, t) - eps).square().mean()


def _places_and_roots():
    return [
        (loss(signal=lambda a: a, noise=lambda a: 1 - a), "Both roots are missing"),
        (loss(noise=lambda a: 1 - a), "The root before the noise"),
        (loss(signal=lambda a: a), "The root before the picture"),
        (loss(signal=lambda a: (1 - a).sqrt(), noise=torch.sqrt), "You have exchanged the two factors"),
        (loss(shift=-1), "you look one place too early"),
        (loss(low=0, high=-1), "You draw t from 0 to T - 1"),
        (loss(low=0, high=-1, shift=1), "You tell the network t - 1"),
        (loss(told=-1), "You tell the network t - 1"),
        (loss(low=0), "You draw t = 0, too"),
        (loss(high=-1), "T is never drawn"),
    ]


def training_loss(data):
    shared = loss(draw=lambda x0: torch.randn(x0.shape[1:], dtype=x0.dtype).expand(x0.shape))
    wrong = [
        *_places_and_roots(),
        (loss(target=lambda x0, xt, eps, a: x0), "Your target is the picture"),
        (loss(target=lambda x0, xt, eps, a: xt), "which the network is given"),
        (loss(target=lambda x0, xt, eps, a: (1 - a).sqrt() * eps), "the noise times its factor"),
        (loss(target=lambda x0, xt, eps, a: torch.randn_like(x0)), "you draw twice"),
        (loss(draw=torch.rand_like), "Your noise is uniform"),
        (loss(signal=torch.ones_like), "The picture is not made smaller"),
        (loss(noise=torch.zeros_like), "There is no noise"),
        (loss(noise=torch.ones_like), "The factor before the noise"),
        (loss(reduce=lambda d: d.square().sum()), "You add up where the mean"),
        (loss(reduce=lambda d: d.square().flatten(1).sum(1).mean()), "over the entries of a picture"),
        (loss(reduce=lambda d: 0.5 * d.square().mean()), "A half is too much"),
        (loss(reduce=lambda d: d.square().mean().sqrt()), "You take a root"),
        (loss(reduce=lambda d: d.abs().mean()), "the absolute differences"),
        (shared, "all pictures of a batch get the same noise"),
        (loss(draw=along(1)), "all colours of a picture"),
        (loss(draw=along(2)), "all rows of a picture"),
        (loss(draw=along(3)), "all columns of a picture"),
        (loss(signal=torch.ones_like, noise=torch.zeros_like), "is given the clean picture"),
        (loss(draw=lambda x0: torch.randn(len(x0), 1, 1, 1).expand(x0.shape)), "all pixels of a picture"),
        (lined_up, "along the last axis of a picture"),
        (lined_up, "must match the size of tensor"),
        (one_t, "all pictures of a batch get the same t"),
        (scalar_t, "one whole t for each picture"),
        (fractions, "one whole t for each picture"),
        (seeded, "set no seed inside"),
        (twice, "is asked 2 times"),
        (in_place, "in place; work on a copy"),
        (loss(reduce=lambda d: d.square().mean().item()), "should be a tensor that leads back"),
        (loss(reduce=lambda d: d.detach().square().mean()), "no gradient passes from the loss"),
        (loss(reduce=lambda d: d.square()), "should be one number"),
    ]
    return wrong, [loss(), straight, gathered, own_generator()]
