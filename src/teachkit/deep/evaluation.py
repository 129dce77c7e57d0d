"""Inception-V3 as the judge of pictures, where its weights are on the machine or can be downloaded.

The file is the one that came with StyleGAN2-ADA, and many FIDs were published with it since: the network of 2015 as
TorchScript. Such a file is a program, so it is read only if its checksum is right. Its features compare with no other
network's.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from teachkit import _check

URL = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt"
SHA256 = "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4"


def inception(path: Path | str, sha256: str = SHA256, url: str | None = None) -> nn.Module:
    """Return the network in a TorchScript file, in evaluation mode; nothing is read if the checksum is another.

    Args:
        path: of the file, about 96 MB.
        sha256: its checksum, 64 hexadecimal digits.
        url: where it is downloaded from if it is not there, such as ``URL``; without it nothing is downloaded.

    Raises:
        FileNotFoundError: if there is no such file, and no address to download it from.
        ValueError: if the checksum is wrong, of the file that was there or of the one downloaded.

    >>> inception("no/such/file.pt")
    Traceback (most recent call last):
    ...
    FileNotFoundError: no/such/file.pt: not there; give url=teachkit.deep.evaluation.URL to download it
    """
    path = Path(path)
    if not path.is_file():
        if url is None:
            raise FileNotFoundError(f"{path}: not there; give url=teachkit.deep.evaluation.URL to download it")
        import pooch

        pooch.retrieve(url, f"sha256:{sha256}", path.name, path.parent, progressbar=True)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256.lower():
        raise ValueError(f"{path}: expected a file with the SHA-256 sum {sha256}, got {found}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the format is old; there is no newer file
        return torch.jit.load(path, map_location="cpu").eval()


@torch.no_grad()
def inception_features(net: nn.Module, images: np.ndarray, rows: int = 50) -> np.ndarray:
    """Return what the network says of images before its last layer, float64 [n, k], with k = 2048 for Inception-V3.

    The network itself brings images to its size; ours are bytes, and grey ones become three equal colours.

    Args:
        net: takes bytes [n, 3, h, w] and ``return_features=True``.
        images: uint8 [n, h, w] or [n, h, w, 3].
        rows: images at a time.

    Raises:
        ValueError: if the images are no bytes of such a shape, or there are none.

    >>> inception_features(nn.Identity(), np.zeros((2, 8, 8)))
    Traceback (most recent call last):
    ...
    ValueError: images: expected uint8 [n, h, w] or [n, h, w, 3], got float64 [2, 8, 8]
    """
    images, rows = np.asarray(images), _check.count("rows", rows)
    if images.dtype != np.uint8 or not (images.ndim == 3 or images.shape[3:] == (3,)) or images.size == 0:
        raise ValueError(f"images: expected uint8 [n, h, w] or [n, h, w, 3], got {images.dtype} {list(images.shape)}")
    device = next((x.device for x in net.parameters()), torch.device("cpu"))
    parts = torch.from_numpy(np.ascontiguousarray(images)).split(rows)
    found = [net(_three_colours(x).to(device), return_features=True) for x in parts]
    return torch.cat(found).flatten(1).double().cpu().numpy()


def _three_colours(x: Tensor) -> Tensor:
    """Return bytes [n, 3, h, w]."""
    return x[:, None].repeat(1, 3, 1, 1) if x.ndim == 3 else x.permute(0, 3, 1, 2).contiguous()
