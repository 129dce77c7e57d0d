"""What the book samples from, fits and checks against: laws with a known density, and images.

Every law has ``sample(n, rng) -> [n, d]`` and ``log_prob(x [n, d]) -> [n]`` in nats. The smooth ones
also have ``score(x) -> [n, d]``, the gradient of log p, and ``hessian(x) -> [n, d, d]``, its second
derivatives. Randomness comes in as a generator; nothing here touches a global state.

``fashion_mnist``, ``mnist`` and ``digits`` return ``Images``.

>>> import numpy as np
>>> ring(8).sample(3, np.random.default_rng(0)).shape
(3, 2)
"""

from teachkit.data.curved import Banana, TwoMoons, banana, two_moons
from teachkit.data.flat import Checkerboard, Uniform, checkerboard
from teachkit.data.gaussian import Gaussian, Mixture, grid, ring, standard_normal
from teachkit.data.images import Images, digits, fashion_mnist, mnist
from teachkit.data.law import FastLaw, Law, SmoothLaw

__all__ = [
    "Banana",
    "Checkerboard",
    "FastLaw",
    "Gaussian",
    "Images",
    "Law",
    "Mixture",
    "SmoothLaw",
    "TwoMoons",
    "Uniform",
    "banana",
    "checkerboard",
    "digits",
    "fashion_mnist",
    "grid",
    "mnist",
    "ring",
    "standard_normal",
    "two_moons",
]
