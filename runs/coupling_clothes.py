"""NICE, Real NVP and Glow on Fashion-MNIST: bits per dimension, with checkerboards on the first grid and without.

``python -m runs.coupling_clothes`` takes some twenty minutes on two cores and writes ``results/coupling_clothes``, with
sizes at which a step of Real NVP takes about as long as one of Glow; ``--profile gpu`` trains wide flows on all
images, and ``--quick`` takes seconds. What was cut off goes on with the same command.
"""

from __future__ import annotations

from dataclasses import replace

from runs import coupling_images
from runs._shared import command
from runs.coupling_images import CIFAR, Config, wide

# Learning rates by trials of 600 steps on 7,000 training images, judged by the other 1,000.
CPU = Config(
    data="fashion_mnist", train=8_000, test=2_000, steps=2_000, clip=50.0, draws=4,
    sizes={
        "nice": {"depth": 4, "hidden": 512, "hidden_layers": 3},
        "realnvp": {"scales": 2, "depth": 2, "hidden": 16, "blocks": 1},
        "glow": {"scales": 2, "depth": 4, "hidden": 64},
    },
    lr={"nice": 1e-3, "realnvp": 5e-3, "glow": 5e-3}, mixings=(), depths=(), boards=(2,), classes=(0, 3),
)  # fmt: skip
GPU = replace(
    CPU, train=60_000, test=10_000, sizes=wide(2), batch=128, steps=20_000, ema=0.999, clip=10.0, device="cuda",
    lr=CIFAR.lr,
)  # fmt: skip
QUICK = replace(coupling_images.QUICK, data="fashion_mnist", mixings=(), depths=(), checked=(1,))

if __name__ == "__main__":
    command("coupling_clothes", coupling_images.main, CPU, QUICK, {"gpu": GPU})
