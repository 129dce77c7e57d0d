"""Wrong and right answers to the item of sheet 3 that is written with torch."""

from functools import partial

import torch


def points(real, fake, u):
    u = u[(...,) + (None,) * (real.ndim - 1)]
    return torch.lerp(fake, real, u)


def lengths(g):
    return g.flatten(1).square().sum(1).sqrt()


def fair(g):
    return torch.mean((lengths(g) - 1) ** 2)


def judged(rule=fair, points=points, graph=True, output=torch.sum):
    """Return an answer with a rule for the slopes, where these are taken, and how."""

    def answer(critic, real, fake, u):
        z = points(real, fake, u).clone().requires_grad_(True)
        return rule(torch.autograd.grad(output(critic(z)), z, create_graph=graph)[0])

    return answer


def one_by_one(critic, real, fake, u):
    total = 0
    for x, y, t in zip(real, fake, u, strict=True):
        z = (t * x + (1 - t) * y)[None].requires_grad_()
        total = (
            total
            + (torch.autograd.grad(critic(z), z, torch.ones(1, 1, dtype=z.dtype), create_graph=True)[0].norm() - 1) ** 2
        )
    return total / len(real)


def by_function(critic, real, fake, u):
    slope = torch.func.grad(lambda z: critic(z[None]).squeeze())
    return fair(torch.func.vmap(slope)(points(real, fake, u)))


def by_backward(critic, real, fake, u, alone=True):
    z = points(real, fake, u).requires_grad_()
    options = {"inputs": [z]} if alone else {}
    critic(z).sum().backward(create_graph=True, **options)
    return fair(z.grad)


def by_data(critic, real, fake, u):
    x = real.clone().requires_grad_()
    return fair(torch.autograd.grad(critic(points(x, fake, u)).sum(), x, create_graph=True)[0])


def without_scale(g):
    """Hold the direction of each slope fixed."""
    size = lengths(g)
    return torch.mean((size - 1) * (size.detach() - 1))


def no_axes(critic, real, fake, u):
    return judged(points=lambda x, y, u: u * x + (1 - u) * y)(critic, real, fake, u)


def own_points(critic, real, fake, u):
    return judged()(critic, real, fake, torch.rand(len(real), dtype=real.dtype))


def penalty_to_train_with(data):
    rows = judged(points=lambda x, y, u: u[:, None] * x + (1 - u[:, None]) * y)
    wrong = [
        (judged(lambda g: (g.norm() - 1) ** 2), "like the root of n"),
        (judged(lambda g: (g.norm() / len(g) ** 0.5 - 1) ** 2), "does not mend it"),
        (judged(lambda g: (lengths(g).mean() - 1) ** 2), "Slopes 0 and 2"),
        (judged(graph=False), "create_graph=True asks for"),
        (judged(points=lambda x, y, u: x), "slopes at the data"),
        (judged(points=lambda x, y, u: y), "slopes at the fakes"),
        (judged(points=lambda x, y, u: torch.cat([x, y])), "at both ends"),
        (judged(points=lambda x, y, u: 0.5 * (x + y)), "half-way"),
        (judged(points=lambda x, y, u: points(y, x, u)), "u belongs to the fakes"),
        (judged(lambda g: fair(g.detach())), "something on the way is cut off"),
        (judged(lambda g: fair(g).item()), "should be a tensor that leads back"),
        (judged(lambda g: torch.tensor(fair(g).item())), "something on the way is cut off"),
        (judged(without_scale), "a part of it is cut off"),
        (judged(lambda g: (lengths(g) - 1).mean()), "The square is missing"),
        (judged(lambda g: (lengths(g) - 1).abs().mean()), "the absolute value"),
        (judged(lambda g: (g.flatten(1).square().sum(1) - 1).square().mean()), "You forget the root"),
        (judged(lambda g: g.flatten(1).square().sum(1).mean()), "You forget to subtract 1"),
        (judged(lambda g: (lengths(g) - 1).square().sum()), "you take the sum"),
        (judged(lambda g: (lengths(g) - 1).square()), "one number for each sample"),
        (judged(lambda g: torch.relu(lengths(g) - 1).square().mean()), "the one-sided penalty"),
        (judged(output=torch.mean), "the mean of the outputs"),
        (judged(lambda g: ((g.norm(2, dim=1) - 1) ** 2).mean()), "a norm at each pixel"),
        (judged(lambda g: ((g - 1) ** 2).mean()), "1 from each coordinate"),
        (judged(lambda g: 10 * fair(g)), "Leave out the weight"),
        (judged(lambda g: ((g.norm(dim=-1) - 1) ** 2).mean()), "along each row of pixels"),
        (judged(lambda g: (g.mean(0).norm() - 1) ** 2), "Opposite slopes cancel"),
        (judged(lambda g: ((g.flatten(1).norm(1, dim=1) - 1) ** 2).mean()), "the norm is Euclidean"),
        (by_data, "You differentiate by the data"),
        (partial(by_backward, alone=False), "an optimiser would take them"),
        (rows, "along the rows of pixels"),
        (no_axes, "The size of tensor a (6) must match"),
        (own_points, "it gives another number at each call"),
        (judged(output=lambda f: f), "can be implicitly created only for scalar"),
    ]
    return wrong, [judged(), one_by_one, by_function, by_backward]
