"""Where flows stand: a flow, a GAN and a diffusion model on the same images, each trained for the same seconds.

``python -m runs.flows`` takes some twenty minutes on two free cores and writes ``results/flows``; ``--profile gpu``
trains wider networks on all images, and ``--quick`` takes seconds. On the CPU the seconds are the process's own, of one
core. A busy machine slows them less than the clock on the wall, but it does: compare the steps over the seeds. A run
that was cut off goes on with the training that it was at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from runs import _images, dcgan, diffusion_reverse
from runs._shared import (
    SCRATCH,
    Outcome,
    clock_of,
    command,
    peak_memory_mb,
    save_arrays,
    side_by_side,
    summary,
    write_record,
)
from runs.diffusion_reverse import SHAPE
from teachkit.data import fashion_mnist
from teachkit.deep import coupling_images, features, sampling
from teachkit.deep import dcgan as gan
from teachkit.deep.device import Place, describe, pick, precision
from teachkit.deep.diffusion_reverse import bound_bits, ddpm_parts, denoiser
from teachkit.deep.source import Source, scaled
from teachkit.deep.train import Training
from teachkit.deep.unet import unet
from teachkit.metrics import fid

FLOWS = {"realnvp": coupling_images.realnvp, "glow": coupling_images.glow}
SHOWN = 24
ROWS = 250  # images that go through the flow at a time
MOST = 10**9  # steps: the budget ends a training, not their number


@dataclass(frozen=True)
class Terms:
    """What is the same for all models.

    Attributes:
        train: training images, the first of Fashion-MNIST; no model is told their classes.
        test: test images, with which as many samples are compared.
        seconds: of each training; of the process on the CPU, by the clock on another device.
        seeds: one training of each model each; the data are the same.
        device: where it runs.
        judge: "trained" for the recorded feature network; "untrained" ones are good for smoke runs alone.
    """

    train: int = 8_000
    test: int = 2_000
    seconds: float = 120.0
    seeds: tuple[int, ...] = (0, 1, 2)
    device: str = "cpu"
    judge: str = "trained"


@dataclass(frozen=True)
class Flow:
    """The flow and its recipe: the better of Glow and Real NVP by a few trials of half a minute.

    Attributes:
        kind: one of ``FLOWS``.
        scales: number of grids.
        depth: steps on a grid, as ``kind`` counts them.
        hidden: channels in the networks of the couplings.
        lr: learning rate.
        clip: largest norm of a gradient.
        batch: images in a step.
        ema: decay of the average of the weights, which is measured.
        penalties: of the linear probe, from which held-out training images choose.
    """

    kind: str = "glow"
    scales: int = 2
    depth: int = 4
    hidden: int = 64
    lr: float = 3e-3
    clip: float = 50.0
    batch: int = 16
    ema: float = 0.99
    penalties: tuple[float, ...] = (1e1, 1e2, 1e3, 1e4)


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        terms: the same for all models.
        flow: the flow.
        gan: networks, batches and rates of the GAN, as the run ``dcgan`` records it; its steps don't count here.
        diffusion: likewise of the diffusion model, with the rows of its bound; its sampler is the one that the run
            ``sampling`` found best for its calls of the network.
    """

    terms: Terms = field(default_factory=Terms)
    flow: Flow = field(default_factory=Flow)
    gan: dcgan.Config = field(default_factory=dcgan.Config)
    diffusion: diffusion_reverse.Config = field(
        default_factory=partial(diffusion_reverse.Config, sampler="heun", sampler_steps=5)
    )


GPU = Config(
    Terms(train=60_000, test=10_000, seconds=600.0, device="cuda"),
    Flow(depth=16, hidden=128, lr=1e-3, batch=128, ema=0.999), dcgan.GPU, diffusion_reverse.GPU,
)  # fmt: skip
QUICK = Config(
    Terms(train=200, test=140, seconds=0.1, seeds=(0, 1), judge="untrained"), Flow(hidden=4, depth=1, batch=8),
    dcgan.QUICK, diffusion_reverse.QUICK,
)  # fmt: skip


class Model(NamedTuple):
    """A model before its training, and what can be asked of it afterwards.

    Attributes:
        training: at its start.
        draw: (n, generator) -> images as bytes, uint8 [n, 28, 28].
        more: seed -> what else is measured, its bits among it if it has any.
        net: name of the network that makes the images.
    """

    training: Training
    draw: Callable[[int, torch.Generator], np.ndarray]
    more: Callable[[int], dict[str, float]]
    net: str


def main(config: Config, out: Path, workers: int = 2) -> Path:
    """Train every model from every seed, and write the manifest and some images of each to ``out``."""
    started, terms = time.perf_counter(), config.terms
    out.mkdir(parents=True, exist_ok=True)
    models = {"diffusion": config.diffusion, "gan": config.gan, "flow": config.flow}
    jobs = [(terms, name, model, seed) for seed in terms.seeds for name, model in models.items()]
    outcomes = list(side_by_side(train, jobs, workers, out / SCRATCH / "kept"))
    first = [o for o in outcomes if o.seed == terms.seeds[0]]
    save_arrays(out / "samples.npz", {o.name: o.arrays["images"] for o in first}, None)
    metrics = {**summary(outcomes), "floor": _images.floor(terms)}
    return write_record(out, config, terms.seeds, metrics, outcomes, started, describe(pick(terms.device)))


def train(terms: Terms, name: str, settings: object, seed: int) -> Outcome:
    """Train one model from one seed until its seconds are spent, then measure it."""
    torch.set_num_threads(1)
    model = {"flow": flow_model, "gan": gan_model, "diffusion": diffusion_model}[name](terms, settings, seed)
    clock, training = clock_of(terms.device), model.training
    seconds = spend(training, terms.seconds, clock)
    began, rng = clock(), torch.Generator(terms.device).manual_seed(seed)
    images = model.draw(terms.test, rng)
    sampled = clock() - began
    judge = _images.judge(terms.judge).to(terms.device)
    real = features.features(judge, fashion_mnist("test", terms.test).x)
    numbers = {
        "fid": fid(real, features.features(judge, images)),
        "seconds": seconds,
        "seconds_per_1000": 1000 * sampled / terms.test,
        "steps": training.step,
        "epochs": training.step * training.source.size / terms.train,
        "parameters": sum(p.numel() for p in training.nets[model.net].parameters()),
        **model.more(seed),
    }
    return Outcome(name, seed, numbers, {"images": images[:SHOWN]}, peak_memory_mb())


def spend(training: Training, seconds: float, clock: Callable[[], float]) -> float:
    """Train up to the end of the first step after so many seconds, and return how many it were."""
    began = clock()
    for _ in training.run(MOST):
        if clock() - began >= seconds:
            break
    training.state()  # waits for the device
    return clock() - began


def gan_model(terms: Terms, config: dcgan.Config, seed: int) -> Model:
    """Return the GAN, which has no likelihood and no codes."""
    setting = config.setting
    parts = gan.parts(dcgan.GAMES[config.game], noise=setting.noise, lr=config.lr, beta1=config.beta1)
    nets, source = _images.networks(setting, seed, "batch"), source_of(terms, setting.batch, seed, scaled)
    training = Training(nets, parts, source, ema={"generator": setting.ema})
    average = training.averages["generator"].module
    return Model(training, lambda n, rng: gan.sample(average, n, setting.noise, rng), lambda seed: {}, "generator")


def diffusion_model(terms: Terms, config: diffusion_reverse.Config, seed: int) -> Model:
    """Return the diffusion model, without classes; its likelihood has a bound."""
    levels = diffusion_reverse.schedule(config)
    net = unet(1, config.width, config.multipliers, blocks=config.blocks, rng=torch.Generator().manual_seed(seed))
    training = Training(
        {"denoiser": net}, ddpm_parts(levels, config.kind, lr=config.lr),
        source_of(terms, config.batch, seed, scaled), ema={"denoiser": config.ema}, clip=config.clip,
        precision=precision(pick(terms.device)) if config.mixed else torch.float32,
    )  # fmt: skip
    average, way = training.averages["denoiser"].module, (levels, config.sampler, config.sampler_steps)

    def draw(n: int, rng: torch.Generator) -> np.ndarray:
        return gan.pixels(sampling.sample(average, n, SHAPE, *way, rng=rng, kind=config.kind, quiet=True))

    def bound(seed: int) -> dict[str, float]:
        """Each seed's L_0 sees other images, so that the spread over the seeds has the chance of that choice too."""
        x, rng = images_of("test", terms.test), torch.Generator(terms.device).manual_seed(seed)
        x = scaled(x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))]).to(terms.device)
        return {"bits": bound_bits(denoiser(average, levels, config.kind), x, levels, rng, rows=config.rows).total}

    return Model(training, draw, bound, "denoiser")


def flow_model(terms: Terms, config: Flow, seed: int) -> Model:
    """Return the flow, with its exact bits and its codes."""
    sizes = {"scales": config.scales, "depth": config.depth, "hidden": config.hidden}
    net = FLOWS[config.kind](SHAPE, **sizes, rng=torch.Generator().manual_seed(seed))
    training = Training(
        {"flow": net}, coupling_images.flow_parts(config.lr), source_of(terms, config.batch, seed),
        ema={"flow": config.ema}, clip=config.clip,
    )  # fmt: skip
    average = training.averages["flow"].module.eval()

    def draw(n: int, rng: torch.Generator) -> np.ndarray:
        return average.quantised(average.sample(n, rng))[:, 0]

    return Model(training, draw, lambda seed: asked(terms, config, average, seed), "flow")


@torch.no_grad()
def asked(terms: Terms, config: Flow, flow: coupling_images.ImageFlow, seed: int) -> dict[str, float]:
    """Return a flow's bits on the test images, the error of going to the codes and back, and what the codes tell.

    ``probe_codes`` is the share of the test images whose class a linear rule reads off the codes, ``probe_pixels``
    off the images themselves.
    """
    rng = torch.Generator(terms.device).manual_seed(seed)
    x = {split: images_of(split, getattr(terms, split)).to(terms.device) for split in ("train", "test")}
    noisy = {key: (b + torch.rand(b.shape, generator=rng, device=b.device)) / 256 for key, b in x.items()}
    y = {split: fashion_mnist(split, len(x[split])).y for split in x}
    codes = {key: torch.cat([flow.encode(part) for part in u.split(ROWS)]) for key, u in noisy.items()}
    bits = torch.cat([flow.bits(part, rng) for part in x["test"].split(ROWS)])
    return {
        "bits": bits.mean().item(),
        "inverse_error": coupling_images.inverse_error(flow, noisy["test"][:ROWS]),
        "probe_codes": probe(codes, y, config.penalties),
        "probe_pixels": probe(noisy, y, config.penalties),
    }


def probe(x: Mapping[str, Tensor], y: Mapping[str, np.ndarray], penalties: Sequence[float]) -> float:
    """Return the share of test rows whose class ridge regression on the training rows finds.

    The penalty is that with which the first four fifths of the training rows say the most of the others.
    """
    rows = {split: each.flatten(1).double().cpu().numpy() for split, each in x.items()}
    cut = 4 * len(rows["train"]) // 5
    train, held, test = (rows["train"][:cut], y["train"][:cut]), (rows["train"][cut:], y["train"][cut:]), rows["test"]
    best = max(penalties, key=lambda penalty: (ridge(*train, held[0], penalty) == held[1]).mean())
    return float((ridge(rows["train"], y["train"], test, best) == y["test"]).mean())


def ridge(x: np.ndarray, y: np.ndarray, new: np.ndarray, penalty: float) -> np.ndarray:
    """Return the classes of new rows [m] by ridge regression of the classes' indicators on standardised rows [n, d]."""
    mean, std = x.mean(0), x.std(0) + 1e-6
    a, wanted = (x - mean) / std, np.eye(y.max() + 1)[y]
    middle = wanted.mean(0)
    w = np.linalg.solve(a.T @ a + penalty * np.eye(a.shape[1]), a.T @ (wanted - middle))
    return ((new - mean) / std @ w + middle).argmax(1)


def images_of(split: str, n: int) -> Tensor:
    """Return bytes [n, 1, 28, 28]."""
    return torch.from_numpy(fashion_mnist(split, n).x)[:, None]


def source_of(terms: Terms, batch: int, seed: int, prepare: Callable[[Tensor], Tensor] | None = None) -> Source:
    """Return batches of the training images without their classes."""
    return Source(images_of("train", terms.train), batch, seed=seed, prepare=prepare, here=Place(pick(terms.device)))


if __name__ == "__main__":
    command("flows", main, Config(), QUICK, {"gpu": GPU})
