"""The book's feature network: a small classifier of Fashion-MNIST, and how often it is right.

``python -m runs.features`` takes about ten minutes on one core and writes ``results/features``; ``--quick`` takes
seconds. It needs all 60,000 training images. What was cut off goes on with the same command.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from runs._shared import SCRATCH, Outcome, command, peak_memory_mb, save_arrays, side_by_side, write_record
from teachkit.data import fashion_mnist
from teachkit.deep import features
from teachkit.deep.device import Place, describe, pick
from teachkit.deep.recording import CURVES, read_rows
from teachkit.deep.recording import train as record
from teachkit.deep.source import Source, scaled
from teachkit.deep.train import Training
from teachkit.metrics import fid


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        train: training images, the first of Fashion-MNIST.
        test: test images.
        batch: images in a batch.
        epochs: how often each image is seen.
        lr: learning rate of Adam.
        ema: decay of the average of the weights, which is what is kept.
        thin: steps from one point of the loss curve to the next.
        seed: of weights and order.
        device: where it runs.
    """

    train: int = 60_000
    test: int = 10_000
    batch: int = 128
    epochs: int = 6
    lr: float = 2e-3
    ema: float = 0.998
    thin: int = 20
    seed: int = 0
    device: str = "cpu"


GPU = replace(Config(), epochs=12, device="cuda")
QUICK = replace(Config(), train=100, test=80, batch=20, epochs=1, ema=0.5, thin=1)


def main(config: Config, out: Path, workers: int = 1) -> Path:
    """Train the network, and write the manifest, the loss curve and the weights to ``out``."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    (outcome,) = side_by_side(train, [(config, out)], workers)
    save_arrays(out / "curves.npz", outcome.arrays)
    device = describe(pick(config.device))
    return write_record(out, config, [config.seed], outcome.numbers, [outcome], started, device)


def train(config: Config, out: Path) -> Outcome:
    """Train, write down the averaged weights, and judge them as they will be read."""
    torch.set_num_threads(1)
    device, (x, y, _) = pick(config.device), fashion_mnist("train", config.train)
    data = torch.from_numpy(x)[:, None], torch.from_numpy(y)
    source = Source(data, config.batch, seed=config.seed, prepare=scaled, here=Place(device))
    net = features.network(rng=torch.Generator().manual_seed(config.seed))
    training = Training({"features": net}, [features.part(config.lr)], source, ema={"features": config.ema})
    steps, began = config.epochs * (config.train // config.batch), time.perf_counter()
    folder, done = out / SCRATCH, 0
    for _ in record(training, steps, folder=folder, config=asdict(config), log_every=config.thin):
        done += 1
    seconds = time.perf_counter() - began
    features.save(out / "weights.npz", training.averages["features"].module)
    rows = read_rows(folder / CURVES)
    curves = {"step": np.array([r["step"] for r in rows]), "loss": np.array([r["loss_features"] for r in rows])}
    numbers = _judge(config, features.load(out / "weights.npz").to(device), x, y)
    if done:  # nothing was left to time if it was cut off at its end
        numbers["images_per_second"] = done * config.batch / seconds
    return Outcome("features", config.seed, numbers, curves, peak_memory_mb())


def _judge(config: Config, net: torch.nn.Sequential, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return the share of images in the right class, and the FID between as many training and test images."""
    test, wanted, _ = fashion_mnist("test", config.test)
    x, y = x[: len(test)], y[: len(test)]
    return {
        "accuracy_train": float((features.probabilities(net, x).argmax(1) == y).mean()),
        "accuracy_test": float((features.probabilities(net, test).argmax(1) == wanted).mean()),
        "fid_train_test": fid(features.features(net, x), features.features(net, test)),
        "weights": float(sum(p.numel() for p in net.parameters())),
    }


if __name__ == "__main__":
    command("features", main, Config(), QUICK, {"gpu": GPU})
