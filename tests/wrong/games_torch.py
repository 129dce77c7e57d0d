"""Wrong and right answers to the items of sheet 2 that are written with torch."""

import numpy as np
import torch
from torch.nn import functional


def with_autograd(minimax, non_saturating, third=lambda a: (a - 1).square().mean() / 2):
    """Return an answer that differentiates three losses of a."""

    def answer(a):
        a = a.clone().requires_grad_(True)
        parts = [minimax(a), non_saturating(a), third(a)]
        return parts, [torch.autograd.grad(x, a)[0] for x in parts]

    return answer


def out(a):
    return -functional.softplus(a).mean()


def ns(a):
    return -functional.logsigmoid(a).mean()


def by_D(small=0.0):
    return with_autograd(
        lambda a: (1 - a.sigmoid() + small).log().mean(), lambda a: -(a.sigmoid() + small).log().mean()
    )


def entropy(rule):
    return with_autograd(
        lambda a: -rule(a, torch.zeros_like(a)),
        lambda a: rule(a, torch.ones_like(a)),
        lambda a: functional.mse_loss(a, torch.ones_like(a)) / 2,
    )


def backwards(keep):
    def answer(a):
        a = a.clone().requires_grad_()
        losses, rows = [out(a), ns(a), ((a - 1) ** 2).mean() / 2], []
        for loss in losses:
            loss.backward()
            rows.append(keep(a.grad))
        return losses, rows

    return answer


def zeroed(a):
    a, losses, rows = a.detach().requires_grad_(), [], []
    for rule in (out, ns, lambda a: 0.5 * torch.mean((1 - a) ** 2)):
        a.grad = None
        losses.append(rule(a))
        losses[-1].backward()
        rows.append(a.grad.clone())
    return torch.stack(losses), torch.stack(rows)


def by_hand(a):
    D, n = torch.sigmoid(a), len(a)
    losses = [out(a), ns(a), torch.sum((a - 1) ** 2) / (2 * n)]
    return losses, torch.stack([-D, D - 1, a - 1]) / n


def spoiled(change):
    return lambda a: change(*map(torch.as_tensor, zeroed(a)))


def in_place(a):
    found = zeroed(a)
    a.clamp_(-50, 50)
    return found


def generator_losses(data):
    signs, two, half = torch.tensor([-1.0, -1, 1]), torch.tensor([1.0, 1, 2]), lambda a: a.square().mean() / 2
    summed = with_autograd(
        lambda a: -functional.softplus(a).sum(),
        lambda a: functional.softplus(-a).sum(),
        lambda a: ((a - 1) ** 2).sum() / 2,
    )
    logs = with_autograd(lambda a: -(1 + a.exp()).log().mean(), lambda a: (1 + (-a).exp()).log().mean())
    wrong = [
        (by_D(), "its logarithm or the gradient is lost"),
        (by_D(1e-8), "keeps the result finite and makes it wrong"),
        (by_D(1e-12), "keeps the result finite and makes it wrong"),
        (logs, "exp overflows above 709"),
        (entropy(lambda a, goal: functional.binary_cross_entropy(a.sigmoid(), goal)), "binary_cross_entropy sees D"),
        (summed, "You add up"),
        (lambda a: (by_hand(a)[0], by_hand(a)[1] * len(a)), "those of the single terms"),
        (backwards(torch.clone), "adds to what is in a.grad"),
        (backwards(lambda x: x), "one and the same tensor"),
        (spoiled(lambda L, g: (L, -g)), "not the directions"),
        (with_autograd(lambda a: -ns(a), lambda a: -out(a)), "You swapped D"),
        (with_autograd(lambda a: -ns(a), ns), "Your first loss is log D"),
        (with_autograd(out, lambda a: -ns(a)), "Your second loss is log D"),
        (spoiled(lambda L, g: (L, g * signs[:, None])), "both of the first two fall"),
        (with_autograd(ns, out), "in each other's place"),
        (with_autograd(lambda a: -out(a), ns), "without a minus"),
        (spoiled(lambda L, g: (L * two, g * two[:, None])), "The half of the least-squares"),
        (lambda a: (by_hand(-a)[0], by_hand(-a)[1]), "You swapped D"),
        (with_autograd(out, ns, lambda a: (1 - a.sigmoid()).square().mean() / 2), "Your third loss sees D"),
        (with_autograd(out, ns, half), "the critic's goal"),
        (with_autograd(out, ns, lambda a: functional.relu(1 - a).mean()), "belongs to another game"),
        (spoiled(lambda L, g: (g, L)), "first the losses"),
        (lambda a: (by_hand(a)[0], [x.mean() for x in by_hand(a)[1]]), "it returns the shape"),
        (lambda a: by_hand(a)[0], "it should return 2 results"),
        (in_place, "in place; work on a copy"),
        (lambda a: (by_hand(a)[0], torch.autograd.grad(out(a), a)), "does not require grad"),
    ]
    same = entropy(functional.binary_cross_entropy_with_logits)
    return wrong, [zeroed, by_hand, with_autograd(out, ns), same]


def stacked(x, m):
    return torch.stack([torch.cat(list(part)) for part in x.split(m)])


def copied(x, m):
    return torch.tensor(
        np.stack([np.concatenate(list(part)) for part in x.detach().numpy().reshape(-1, m, *x.shape[1:])])
    )


def packs(data):
    wrong = [
        (lambda x, m: torch.stack(x.split(m)).transpose(1, 2).flatten(1, 2), "the coordinates are mixed"),
        (lambda x, m: torch.cat(x.chunk(m), dim=1), "that stand n/m apart"),
        (lambda x, m: x.transpose(0, 1).reshape(len(x) // m, m * x.shape[1], *x.shape[2:]), "You transpose before"),
        (lambda x, m: x.reshape(m * x.shape[1], -1, *x.shape[2:]).transpose(0, 1), "every n/m-th number"),
        (lambda x, m: x.reshape(len(x) // m, -1), "images must stay images"),
        (lambda x, m: x.unflatten(0, (-1, m)), "on an axis of their own"),
        (lambda x, m: x.reshape(m, len(x) // m * x.shape[1], *x.shape[2:]), "You make m packs"),
        (lambda x, m: x.unflatten(0, (-1, m)).mean(1), "You average the samples"),
        (lambda x, m: x.repeat(1, m, *[1] * (x.ndim - 2)), "beside itself"),
        (lambda x, m: stacked(x.flip(0), m).flip(0), "in the opposite order"),
        (lambda x, m: stacked(x.detach(), m), "something on the way is cut off"),
        (torch.no_grad()(lambda x, m: x.reshape(-1, m * x.shape[1], *x.shape[2:])), "something on the way is cut off"),
        (lambda x, m: stacked(x.detach().clone().requires_grad_(), m), "something on the way is cut off"),
        (copied, "something on the way is cut off"),
        (lambda x, m: stacked(x, m).tolist(), "should be a tensor that leads back"),
        (lambda x, m: x.numpy().reshape(len(x) // m, -1), "on Tensor that requires grad"),
    ]
    right = [
        stacked,
        lambda x, m: x.reshape(-1, m * x.shape[1], *x.shape[2:]),
        lambda x, m: x.unflatten(0, (-1, m)).flatten(1, 2),
        lambda x, m: torch.cat([x[i::m] for i in range(m)], dim=1),
    ]
    return wrong, right


def unit(x):
    return x / x.norm()


def turned(W, u, steps):
    with torch.no_grad():
        for _ in range(steps):
            v = unit(W.T @ u)
            u = unit(W @ v)
    return u, v


def estimated(rule, more=0):
    def answer(W, u, steps):
        u, v = turned(W, u, steps + more)
        return rule(W, u, v), u

    return answer


def good(W, u, v):
    return torch.einsum("i,ij,j", u, W, v)


def forgetting(W, u, steps):
    W0 = W.detach()
    for _ in range(steps):
        v = W0.T @ u
        u = W0 @ v
    return u @ W @ v, u


def late(W, u, steps):
    W0 = W.detach()
    for _ in range(steps):
        v = W0.T @ u
        u = W0 @ v
    return u @ W @ v / u.norm() / v.norm(), u


def half(W, u, steps):
    for _ in range(steps):
        v = W.detach().T @ u
        u = unit(W.detach() @ v)
    return u @ W @ v, u


def other_half(W, u, steps):
    for _ in range(steps):
        v = unit(W.detach().T @ u)
        u = W.detach() @ v
    return u @ W @ v, u


def through(W, u, steps):
    for _ in range(steps):
        v = unit(W.T @ u)
        u = unit(W @ v)
    return u @ W @ v, u


def other_way(W, u, steps):
    with torch.no_grad():
        for _ in range(steps):
            v = unit(W @ u)
            u = unit(W.T @ v)
    return v @ W @ u, u


def of_squares(W, u, steps):
    A = (W @ W.T).detach()
    for _ in range(steps):
        u = unit(A @ u)
    return u @ (W @ (W.T @ u)), u


def rooted_squares(W, u, steps):
    value, u = of_squares(W, u, steps)
    return value.sqrt(), u


def sized(W, u, steps):
    with torch.no_grad():
        u, v = turned(W, u, steps)
    return (W @ v).norm(), u


def spectral_norm(data):
    right = estimated(good)
    wrong = [
        (of_squares, "has the squares of the singular values"),
        (rooted_squares, "half a step further"),
        (estimated(lambda W, u, v: (W @ v).norm() ** 2), "the root is missing"),
        (estimated(lambda W, u, v: (W @ v).norm().sqrt()), "a root too many"),
        (forgetting, "are never divided by their lengths"),
        (late, "by then the numbers have overflowed"),
        (half, "but not v"),
        (other_half, "but not u"),
        (lambda W, u, steps: right(W, u, 1), "however many are asked for"),
        (lambda W, u, steps: right(W.detach().requires_grad_(), u, steps), "no gradient passes from sigma"),
        (through, "runs through the whole iteration"),
        (other_way, "by which of W and its transpose"),
        (lambda W, u, steps: (torch.linalg.matrix_norm(W, 2), right(W, u, steps)[1]), "by a decomposition"),
        (lambda W, u, steps: (W.norm(), right(W, u, steps)[1]), "the Frobenius norm"),
        (estimated(good, 1), "one step more"),
        (lambda W, u, steps: (right(W, u, steps)[0], u), "the u of the start"),
        (lambda W, u, steps: (right(W, u, steps)[0], turned(W, u, steps)[1]), "But you return v"),
        (lambda W, u, steps: (right(W, u, steps)[0].item(), right(W, u, steps)[1]), "should be a tensor"),
        (torch.no_grad()(right), "no gradient passes from sigma"),
        (lambda W, u, steps: (W / right(W, u, steps)[0], u), "sigma should be one number"),
        (lambda W, u, steps: right(W, u, steps)[0], "it should return two results"),
        (lambda W, u, steps: right(W, u, steps)[::-1], "no gradient passes from sigma"),
    ]
    return wrong, [right, sized, estimated(lambda W, u, v: (W * torch.outer(u, v)).sum())]
