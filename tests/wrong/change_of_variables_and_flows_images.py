"""Answers to the items of sheet 6 that mix channels and count bits, written with torch."""

import math

import numpy as np
import torch
from torch.nn import functional

# --- channels mixed by one matrix ----------------------------------------------------------------


def mixed(matrix=lambda P, lower, upper, r: P @ lower @ (upper + r.diag()), log_det=None, apply=functional.conv2d):
    """Return a layer with something changed; ``log_det`` is made of r, h w and n."""

    def answer(z, P, L, U, r):
        lower, upper = L.tril(-1) + torch.eye(len(r)), U.triu(1)
        n, _, h, w = z.shape
        W = matrix(P, lower, upper, r)
        total = h * w * r.abs().log().sum().expand(n) if log_det is None else log_det(r, h * w, n)
        return (apply(z, W[:, :, None, None]) if apply is functional.conv2d else apply(z, W)), total

    return answer


def raw(matrix, log_det=lambda r: r.abs().log().sum()):
    """Return a layer whose matrix is made of L, U and r as they are given."""
    return lambda z, P, L, U, r: (
        torch.einsum("ij,njhw->nihw", P @ matrix(L, U, r), z),
        log_det(r).repeat(len(z)) * z[0, 0].numel(),
    )


def one(r):
    return torch.eye(len(r), dtype=r.dtype)


def with_slogdet(z, P, L, U, r):
    W = P @ (torch.tril(L, diagonal=-1) + one(r)) @ (torch.triu(U, diagonal=1) + torch.diag(r))
    x = torch.matmul(W, z.flatten(2)).reshape(z.shape)
    # A determinant of 1e-480 is none, but slogdet adds logarithms.
    return x, torch.ones(len(z), dtype=z.dtype) * z.shape[2] * z.shape[3] * torch.linalg.slogdet(W)[1]


def with_det(z, P, L, U, r):
    W = P @ (torch.tril(L, -1) + one(r)) @ (torch.triu(U, 1) + torch.diag(r))
    return torch.einsum("ij,njhw->nihw", W, z), z[0, 0].numel() * torch.log(torch.abs(torch.det(W))).expand(len(z))


def by_pixels(z, P, L, U, r):
    lower, upper = torch.tril(L, -1) + one(r), torch.triu(U, 1) + torch.diag(r)
    x = (z.permute(0, 2, 3, 1) @ (P @ lower @ upper).T).permute(0, 3, 1, 2)
    return x, torch.stack([r.abs().log().sum() * z.shape[2] * z.shape[3] for _ in z])


def first_try(z, P, L, U, r):
    return torch.einsum("ij,njhw->nihw", P @ L @ (U + torch.diag(r)), z), torch.log(r).sum()


def in_single_precision(z, P, L, U, r):
    return by_pixels(z, P, L, U, r)[0], z[0, 0].numel() * r.abs().log().sum() * torch.ones(len(z))


def cut(z, P, L, U, r):
    x, log_det = by_pixels(z, P, L, U, r)
    return x, log_det.detach()


def l_cut(z, P, L, U, r):
    return by_pixels(z, P, L.data, U, r)


def _matrices():
    return [
        (mixed(apply=lambda z, W: torch.einsum("ji,njhw->nihw", W, z)), "the transpose of W"),
        (mixed(lambda P, low, up, r: low @ P @ (up + r.diag())), "the wrong side of L"),
        (mixed(lambda P, low, up, r: low @ (up + r.diag())), "P is missing"),
        (mixed(lambda P, low, up, r: P.T @ low @ (up + r.diag())), "the transpose of P"),
        (mixed(lambda P, low, up, r: P @ (up + r.diag()) @ low), "in the wrong order"),
        (mixed(lambda P, low, up, r: P @ (low - one(r)) @ (up + r.diag())), "The ones on the diagonal of L"),
        (mixed(lambda P, low, up, r: P @ low @ (up + r.abs().diag())), "are made positive in W itself"),
        (raw(lambda L, U, r: L.tril() @ (U.triu(1) + r.diag())), "is used as it is given"),
        (raw(lambda L, U, r: (L.tril() + one(r)) @ (U.triu(1) + r.diag())), "and ones are added to it"),
        (raw(lambda L, U, r: (L.tril(-1) + one(r)) @ (U.triu() + r.diag())), "r should stand in its place"),
        (raw(lambda L, U, r: L.tril() @ (U.triu() + r.diag())), "The diagonals of L and U are used"),
        (raw(lambda L, U, r: L @ (U.triu(1) + r.diag())), "L counts above or below"),
        (raw(lambda L, U, r: (L.tril(-1) + one(r)) @ (U + r.diag())), "U counts above or below"),
        (raw(lambda L, U, r: L @ (U + r.diag())), "Each of L and U counts"),
        (raw(lambda L, U, r: L @ (U + r.diag()), lambda r: r.log().sum()), "Each of L and U counts"),
        (raw(lambda L, U, r: L @ (U + r.diag()), lambda r: r.log().sum()), "Entries of r may be negative"),
        (first_try, "Each of L and U counts above or below"),
        (first_try, "one for each is asked for"),
    ]


def mix_the_channels(data):
    wrong = [
        (mixed(log_det=lambda r, k, n: r.abs().log().sum().repeat(n)), "log-determinant counts one pixel"),
        (mixed(log_det=lambda r, k, n: k * r.log().sum().repeat(n)), "Entries of r may be negative"),
        (mixed(log_det=lambda r, k, n: r.log().sum().repeat(n)), "counts one pixel. Entries of r may be negative"),
        (mixed(log_det=lambda r, k, n: k * r.prod().abs().log().repeat(n)), "before you take the logarithm"),
        (with_det, "before you take the logarithm"),
        (mixed(log_det=lambda r, k, n: k * r.abs().sum().repeat(n)), "You add the entries of r"),
        (mixed(log_det=lambda r, k, n: r.prod().abs().repeat(n) ** k), "You return the determinant"),
        (mixed(log_det=lambda r, k, n: -k * r.abs().log().sum().repeat(n)), "the sign of the inverse"),
        (mixed(log_det=lambda r, k, n: k * r.abs().log().mean().repeat(n)), "the mean over the channels"),
        (mixed(log_det=lambda r, k, n: len(r) * k * r.abs().log().sum().repeat(n)), "The channels are counted twice"),
        (mixed(log_det=lambda r, k, n: n * k * r.abs().log().sum().repeat(n)), "images of the batch are counted"),
        (mixed(log_det=lambda r, k, n: k * r.abs().log().sum()), "one for each is asked for"),
        (mixed(log_det=lambda r, k, n: torch.zeros(n)), "would do for P and L alone"),
        *_matrices(),
        (cut, "no gradient passes from the log-determinant back"),
        (l_cut, "in more ways than its gradient knows of"),
        (lambda z, P, L, U, r: by_pixels(z, P, L, U, r)[0], "it should return 2 results"),
    ]
    return wrong, [
        by_pixels,
        with_slogdet,
        mixed(),
        raw(lambda L, U, r: (L.tril(-1) + one(r)) @ (U.triu(1) + r.diag())),
        in_single_precision,
    ]


# --- bits per dimension --------------------------------------------------------------------------


def spent(rule=None, noise=lambda b: torch.rand(b.shape), place=lambda b, u, levels: (b + u) / levels):
    """Return bits with something changed: ``rule`` makes them of log q, d and log(levels)."""

    def answer(log_prob, b, levels):
        q, d = log_prob(place(b, noise(b), levels)), b[0].numel()
        return (d * math.log(levels) - q) / (d * math.log(2)) if rule is None else rule(q, d, math.log(levels))

    return answer


def two_terms(log_prob, b, levels):
    y = (b + torch.rand_like(b, dtype=torch.float64)) / levels
    return -log_prob(y) / np.log(2) / b.shape[1:].numel() + np.log2(levels)


def on_whole_numbers(log_prob, b, levels):
    n, c, h, w = b.shape
    y = b.double() + torch.rand(n, c, h, w, dtype=torch.float64)
    log_p = log_prob(y / levels) - c * h * w * torch.log(torch.tensor(float(levels)))
    return -log_p / (c * h * w) / torch.log(torch.tensor(2.0))


def by_pixels_alone(log_prob, b, levels):
    q, d = log_prob((b + torch.rand(b.shape)) / levels), b.shape[2] * b.shape[3]
    return -q / (d * math.log(2)) + math.log2(levels)


def seeded(log_prob, b, levels):
    torch.manual_seed(3)
    return two_terms(log_prob, b, levels)


def flat(log_prob, b, levels):
    return two_terms(lambda y: log_prob(y.flatten(1)), b, levels)


def by_image(log_prob, b, levels):
    return torch.cat([two_terms(log_prob, image[None], levels)[:1] for image in b])


def _noises():
    return [
        (spent(noise=lambda b: torch.rand(b.shape[1:])), "the noise is drawn once per batch"),
        (spent(noise=lambda b: torch.rand(len(b), 1, 1, 1)), "all entries of an image get the same noise"),
        (spent(noise=lambda b: torch.rand(len(b), 1, *b.shape[2:]).expand(b.shape)), "all colours of a picture"),
        (spent(noise=lambda b: torch.rand(())), "the noise is drawn once per batch"),
        (spent(noise=torch.zeros_like), "there is no noise"),
        (spent(noise=lambda b: torch.full(b.shape, 0.5)), "there is no noise"),
        (spent(noise=lambda b: torch.randn(b.shape)), "another range, or another law"),
        (spent(noise=lambda b: torch.rand(b.shape) - 0.5), "between -1/2 and 1/2"),
        (spent(noise=lambda b: torch.rand(b.shape) / 2), "it is not uniform there"),
        (spent(noise=torch.rand_like), "not implemented for 'Long'"),
        (spent(place=lambda b, u, levels: (b + u) / (levels - 1)), "you divide by levels - 1"),
        (spent(place=lambda b, u, levels: (b + u) / 256), "you divide by 256"),
        (spent(place=lambda b, u, levels: (b + u) / 255), "you divide by 255"),
        (spent(place=lambda b, u, levels: b / levels + u), "add noise on [0, 1) afterwards"),
        (spent(place=lambda b, u, levels: b + u), "log_prob gets values above 1"),
        (spent(place=lambda b, u, levels: b / (levels - 1)), "there is no noise that is drawn anew"),
    ]


def bits_per_dimension(data):
    log2 = math.log(2)
    wrong = [
        (spent(lambda q, d, log_l: -q / (d * log2)), "change of variables by 1/levels is missing"),
        (spent(lambda q, d, log_l: -(q + d * log_l) / (d * log2)), "has the wrong sign: it should make"),
        (spent(lambda q, d, log_l: (log_l - q) / (d * log2)), "You count it once for an image"),
        (spent(lambda q, d, log_l: -q / (d * log2) + math.log2(round(math.exp(log_l)) - 1)), "You use levels - 1"),
        (spent(lambda q, d, log_l: -q / (d * log2) + 8), "which belong to 256 levels"),
        (spent(lambda q, d, log_l: log_l - q / d), "Those are nats per dimension"),
        (spent(lambda q, d, log_l: -q / d + log_l / log2), "Your first term is in nats"),
        (spent(lambda q, d, log_l: -q / d / log2 + log_l), "Your first term is in bits"),
        (spent(lambda q, d, log_l: (log_l - q / d) * log2), "where you should divide"),
        (spent(lambda q, d, log_l: (d * log_l - q) / log2), "the bits of a whole image"),
        (spent(lambda q, d, log_l: d * log_l - q), "the nats of a whole image"),
        (by_pixels_alone, "You divide by the number of pixels"),
        (spent(lambda q, d, log_l: -q / log2 + log_l / log2), "Only the second term is per dimension"),
        (spent(lambda q, d, log_l: q / (d * log2) + log_l / log2), "The log-density has the wrong sign"),
        (spent(lambda q, d, log_l: (q / d - log_l) / log2), "The sign is wrong: bits"),
        (spent(lambda q, d, log_l: ((log_l - q / d) / log2).mean()), "the mean over the batch"),
        (spent(lambda q, d, log_l: -q / (len(q) * d * log2) + log_l / log2), "the number of images as well"),
        *_noises(),
        (seeded, "the function sets a seed"),
        (flat, "leave it as it is"),
        (by_image, "asked once in each call"),
        (spent(lambda q, d, log_l: ((log_l - q / d) / log2).detach()), "no gradient passes from the number of bits"),
    ]
    return wrong, [two_terms, spent(), on_whole_numbers]
