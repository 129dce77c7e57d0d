"""Answers to the items of sheet 6 on masks and squares, written with torch."""

import torch
from torch.nn import functional

# --- a masked layer, undone ----------------------------------------------------------------------


def over_images(y):
    return y.sum(dim=(1, 2, 3))


def undone(see_s=torch.mul, see_t=torch.mul, back=lambda x, s, t: (x - t) / s.exp(), log_det=None):
    """Return an inverse with something changed; ``log_det`` is made of s and the mask."""

    def answer(x, s, t, mask):
        scale, shift = s(see_s(mask, x)), t(see_t(mask, x))
        z = mask * x + (1 - mask) * back(x, (1 - mask) * scale, shift)
        return z, over_images(-(1 - mask) * scale) if log_det is None else log_det(scale, mask)

    return answer


def late(count=lambda s, m: -over_images(s * (1 - m))):
    def answer(x, s, t, mask):
        scale = s(mask * x)
        return mask * x + (1 - mask) * ((x - t(mask * x)) * torch.exp(-scale)), count(scale, mask)

    return answer


def clamped(x, s, t, mask):
    scale = (1 - mask) * s(mask * x).clamp(-20, 20)
    return (x - (1 - mask) * t(mask * x)) * torch.exp(-scale), -over_images(scale)


def late_where(x, s, t, mask):
    scale = s(mask * x)
    z = torch.where(mask == 1, x, (x - t(mask * x)) * torch.exp(-scale))
    return z, -over_images(torch.where(mask == 1, 0, scale))


def no_outer_mask(x, s, t, mask):
    scale = (1 - mask) * s(mask * x)
    return (x - t(mask * x)) * torch.exp(-scale), -over_images(scale)


def zeroed(x, s, t, mask):
    z, log_det = undone()(x, s, t, mask)
    return (1 - mask) * z, log_det


def with_where(x, s, t, mask):
    keep = mask.bool()
    scale = s(x.masked_fill(~keep, 0)).masked_fill(keep, 0)
    return torch.where(keep, x, (x - t(mask * x)) * torch.exp(-scale)), -scale.flatten(1).sum(-1)


def by_index(x, s, t, mask):
    moved = mask.expand(x.shape[1:]) == 0
    z, scale = x.clone(), s(mask * x)[:, moved]
    z[:, moved] = (x[:, moved] - t(mask * x)[:, moved]) * torch.exp(-scale)
    return z, -scale.sum(1)


def both_masked(x, s, t, mask):
    scale, shift = ((1 - mask) * f(mask * x) for f in (s, t))
    return (x - shift) * (-scale).exp(), -scale.sum((1, 2, 3))


def in_single_precision(x, s, t, mask):
    z, log_det = both_masked(x, s, t, mask)
    return z, log_det.float()


def single_and_cut(x, s, t, mask):
    return both_masked(x, s, t, mask)[0], half_cut(x, s, t, mask)[1].float()


def in_place(x, s, t, mask):
    z, log_det = both_masked(x, s, t, mask)
    x.copy_(z.detach())
    return z, log_det


def half_cut(x, s, t, mask):
    return both_masked(x, lambda u: s(u).detach() / 2 + s(u) / 2, t, mask)


def masked_layer(data):
    whole, other = (lambda m, x: x), (lambda m, x: x - m * x)
    wrong = [
        (undone(whole, whole), "You give s and t the whole x"),
        (undone(whole), "You give s the whole x"),
        (undone(torch.mul, whole), "You give t the whole x"),
        (undone(other, other), "You give s and t the moved entries"),
        (late(), "When is it too late to mask"),
        (late(lambda s, m: -over_images(s)), "counts the moved entries only"),
        (clamped, "case 's near -30 at the moved entries'"),
        (late_where, "its gradient by the weights of s and t is NaN"),
        (undone(back=lambda x, s, t: s.exp() * x + t), "That is the layer itself"),
        (undone(back=lambda x, s, t: s.exp() * x + t, log_det=lambda s, m: over_images(s - m * s)), "the layer itself"),
        (undone(back=lambda x, s, t: x / s.exp() - t), "The order is off"),
        (undone(back=lambda x, s, t: s.exp() * (x - t)), "the scaling by exp(s) is applied a second time"),
        (undone(back=lambda x, s, t: (x + t) / s.exp()), "the shift by t is applied a second time"),
        (undone(back=lambda x, s, t: (x - t) / s), "You divide by s"),
        (no_outer_mask, "The kept entries are changed, too"),
        (lambda x, s, t, mask: undone()(x, s, t, 1 - mask), "a 1 says keep"),
        (zeroed, "The kept entries have become 0"),
        (lambda *arguments: undone()(*arguments)[::-1], "in the wrong order"),
        (undone(log_det=lambda s, m: -over_images(s)), "counts the moved entries only"),
        (undone(log_det=lambda s, m: -over_images(m * s)), "counts the kept entries"),
        (undone(log_det=lambda s, m: over_images((1 - m) * s)), "has the sign of the layer"),
        (undone(log_det=lambda s, m: -((1 - m) * s).mean((1, 2, 3))), "not a mean"),
        (undone(log_det=lambda s, m: -((1 - m) * s).sum((2, 3))), "over its channels, too"),
        (undone(log_det=lambda s, m: -((1 - m) * s).sum()), "You add over the batch"),
        (undone(log_det=lambda s, m: (m - 1) * s), "one number for each entry"),
        (undone(log_det=lambda s, m: torch.zeros(len(s))), "says that volumes are kept"),
        (undone(log_det=lambda s, m: over_images(m * s - s).exp()), "You return the determinant"),
        (undone(log_det=lambda s, m: over_images((1 - m) * torch.exp(m * s - s))), "You add the factors"),
        (lambda *arguments: both_masked(*arguments)[0], "it should return 2 results"),
        (undone(log_det=lambda s, m: -over_images(s - m * s).detach()), "no gradient passes from the log-determinant"),
        (undone(log_det=lambda s, m: (-over_images(s - m * s)).tolist()), "should be a tensor that leads back"),
        (torch.no_grad()(both_masked), "no gradient passes from z back"),
        (single_and_cut, "the value of the log-determinant depends"),
        (half_cut, "in more ways than its gradient knows of"),
        (in_place, "in place; work on a copy"),
    ]
    return wrong, [both_masked, undone(), with_where, by_index, in_single_precision]


# --- the squeeze ---------------------------------------------------------------------------------


def corners(x):
    return [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]


def swapped(x):
    return functional.pixel_unshuffle(x.transpose(2, 3), 2)


def tensorflow_order(x):
    n, c, h, w = x.shape
    return x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(n, -1, h // 2, w // 2)


def columns_first(x):
    n, c, h, w = x.shape
    return x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 5, 3, 2, 4).reshape(n, -1, h // 2, w // 2)


def quarters(axis):
    return lambda x: torch.stack([p for half in x.chunk(2, 2) for p in half.chunk(2, 3)], axis).reshape(
        len(x), -1, x.shape[2] // 2, x.shape[3] // 2
    )


def unfolded(x):
    n, c, h, w = x.shape
    return functional.unfold(x, 2, stride=2).reshape(n, 4 * c, h // 2, w // 2)


def by_loops(x):
    n, c, h, w = x.shape
    y = x.new_zeros(n, 4 * c, h // 2, w // 2)
    for k in range(c):
        for i in range(2):
            for j in range(2):
                y[:, 4 * k + 2 * i + j] = x[:, k, i::2, j::2]
    return y


def squeeze(data):
    crossed = lambda x: [corners(x)[k] for k in (0, 2, 1, 3)]  # noqa: E731
    wrong = [
        (lambda x: x.view(len(x), -1, x.shape[2] // 2, x.shape[3] // 2), "A reshape alone reads on"),
        (lambda x: x.reshape(len(x), 4 * x.shape[1], x.shape[2] // 2, -1), "A reshape alone reads on"),
        (columns_first, "you read them column by column"),
        (lambda x: torch.stack(crossed(x), 2).flatten(1, 2), "you read them column by column"),
        (tensorflow_order, "and with one channel so is the order"),
        (lambda x: torch.cat(corners(x), 1), "and with one channel so is the order"),
        (lambda x: torch.cat(crossed(x), 1), "Two things about the order"),
        (quarters(1), "into four quarters"),
        (quarters(2), "into four quarters"),
        (swapped, "Height and width have changed places"),
        (lambda x: torch.cat(corners(x), 0), "belong to one image"),
        (lambda x: torch.stack(corners(x), 1).flatten(0, 1), "belong to one image"),
        (lambda x: x[..., ::2, ::2], "You keep one pixel of four"),
        (lambda x: functional.avg_pool2d(x, 2), "You average each square"),
        (lambda x: functional.pixel_unshuffle(x.detach(), 2), "something on the way is cut off"),
        (lambda x: torch.tensor(functional.pixel_unshuffle(x, 2).tolist()), "something on the way is cut off"),
        (lambda x: functional.pixel_shuffle(x, 2), "pixel_shuffle"),
    ]
    right = [unfolded, by_loops, lambda x: functional.pixel_unshuffle(x, 2)]
    return wrong, [*right, lambda x: torch.stack(corners(x), 2).flatten(1, 2)]
