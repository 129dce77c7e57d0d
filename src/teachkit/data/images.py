"""Grey images of things and of digits, [n, h, w] in whole numbers, with a class each.

The library holds the first 8,000 training and 2,000 test images of Fashion-MNIST and all of the small digits, so these
need no network. What it does not hold is looked for in the cache (the folder that the environment variable
TEACHKIT_DATA names, else the user's cache folder), then where Debian's package dataset-fashion-mnist puts it, and is
then downloaded into the cache with pooch. No file is read unless its SHA-256 sum is known.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from teachkit import _check
from teachkit.data import _archive
from teachkit.data._archive import Archive

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_PREFIX = {"train": "train", "test": "t10k"}
_PUBLISHED = {"train": 60_000, "test": 10_000}
_SHIPPED = {"train": 8_000, "test": 2_000}

# Each file as published, then as Debian packs it: the same images, without a name in the header.
_FASHION = Archive(
    "Fashion-MNIST",
    "fashion-mnist",
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
    {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
        ),
    },
    Path("/usr/share/datasets/fashion-mnist"),
)
_MNIST = Archive(
    "MNIST",
    "mnist",
    ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
    {
        "train-images-idx3-ubyte.gz": ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",),
        "train-labels-idx1-ubyte.gz": ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",),
        "t10k-images-idx3-ubyte.gz": ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",),
        "t10k-labels-idx1-ubyte.gz": ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",),
    },
)
_PACKAGE = {
    "fashion-mnist/train-images-idx3-ubyte.gz": "917b004a76424eab917d345e1f8d282cfea930d3e5c200f0ab74a3ebf27955ca",
    "fashion-mnist/train-labels-idx1-ubyte.gz": "a59b43c66c31edddc6e9fabf7db936ac85f30df164430dd8c6ca2c3816a950fd",
    "fashion-mnist/t10k-images-idx3-ubyte.gz": "34b6848fb35a59e5287bf485522433dfd8bd017eb126fde6f02e96123c8ff741",
    "fashion-mnist/t10k-labels-idx1-ubyte.gz": "6a1ad38ad7d33240e59f70a44ddce4e9483e573ffad983d287064bd467dcbd4e",
    "digits/images-idx3-ubyte.gz": "c41c947a1014aa9bb82e371b01f16724f9ef929893351173edcc47aa0fc03930",
    "digits/labels-idx1-ubyte.gz": "147c9192405199869317e6d9c62ea444f9770c3f8c6dd65035ba3a3690cc5460",
}


class Images(NamedTuple):
    """Images with a class each.

    ``x`` is uint8 [n, h, w], 0 where nothing is drawn; ``y`` is uint8 [n], the number of the class;
    ``names`` has the classes' names.
    """

    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...]


def fashion_mnist(split: str = "train", n: int | None = None, *, full: bool = False) -> Images:
    """Return the first n images of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): clothes, 28 x 28, grey levels 0..255.

    The same call gives the same images on every machine. Up to 8,000 training and 2,000 test images come with the
    library; more are looked for on this machine and then downloaded (31 MB).

    Args:
        split: "train" (60,000 images) or "test" (10,000).
        n: how many images, from the first on; None means all that the library holds.
        full: let None mean all of the split.

    Raises:
        ValueError: if split is neither, n is not from 1 to the number of images, or a file is not the published one.
        FileNotFoundError: if more images are asked for than the library holds, and there is no way to get them.

    >>> x, y, names = fashion_mnist("train", 100)
    >>> x.shape, x.dtype.name, names[y[0]]
    ((100, 28, 28), 'uint8', 'Ankle boot')
    """
    size, shipped = _size(split), _SHIPPED[split]
    n = _rows(n, split, size, size if full else shipped)
    if n <= shipped and (_archive.PACKAGE / _FASHION.folder).is_dir():
        return _shipped(_FASHION.folder, f"{_PREFIX[split]}-", n, CLOTHES)
    return _published(_FASHION, split, n, CLOTHES, tried=(_why_not_shipped(split, n),))


def mnist(split: str = "train", n: int | None = None) -> Images:
    """Return the first n images of MNIST (LeCun, Cortes and Burges 1998): digits, 28 x 28, grey levels 0..255.

    The library holds none of them: they are looked for in the cache and then downloaded (12 MB).

    Args:
        split: "train" (60,000 images) or "test" (10,000).
        n: how many images, from the first on; None means all of the split.

    Raises:
        ValueError: if split is neither, n is not from 1 to the number of images, or a file is not the published one.
        FileNotFoundError: if the files are not in the cache and can't be downloaded.

    >>> mnist("train", 60_001)
    Traceback (most recent call last):
    ...
    ValueError: n: expected at most 60000, the images of the split "train", got 60001
    """
    size = _size(split)
    return _published(_MNIST, split, _rows(n, split, size, size), DIGITS)


def digits() -> Images:
    """Return the 1797 small digits that scikit-learn has too (Alpaydin and Kaynak 1998): 8 x 8, grey levels 0..16.

    A level counts the black dots in a 4 x 4 block of the scanned digit, and is kept as it is.

    >>> x, y, names = digits()
    >>> x.shape, int(x.max()), names[y[0]]
    ((1797, 8, 8), 16, '0')
    """
    return _shipped("digits", "", 1797, DIGITS)


def _size(split: str) -> int:
    if split not in tuple(_PUBLISHED):  # a list has no hash
        raise ValueError(f"split: expected one of {', '.join(_PUBLISHED)}, got {split!r}")
    return _PUBLISHED[split]


def _rows(n: int | None, split: str, size: int, usual: int) -> int:
    n = usual if n is None else _check.count("n", n)
    if n > size:
        raise ValueError(f'n: expected at most {size}, the images of the split "{split}", got {n}')
    return n


def _why_not_shipped(split: str, n: int) -> str:
    if n > _SHIPPED[split]:
        return f"package: holds the first {_SHIPPED[split]} images of this split, and {n} were asked for"
    return f"package: {_archive.PACKAGE / _FASHION.folder}: not there; this copy of the library comes without images"


def _shipped(folder: str, prefix: str, n: int, names: tuple[str, ...]) -> Images:
    files = [f"{folder}/{prefix}{part}-ubyte.gz" for part in ("images-idx3", "labels-idx1")]
    x, y = (_archive.read(_archive.PACKAGE / file, (_PACKAGE[file],)) for file in files)
    return Images(x[:n], y[:n], names)


def _published(archive: Archive, split: str, n: int, names: tuple[str, ...], tried: tuple[str, ...] = ()) -> Images:
    files = [f"{_PREFIX[split]}-{part}-ubyte.gz" for part in ("images-idx3", "labels-idx1")]
    x, y = (_archive.read(_archive.find(archive, file, tried), archive.sums[file]) for file in files)
    return Images(x[:n], y[:n], names)
