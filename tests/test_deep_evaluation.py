"""The loader of Inception-V3, with a small scripted network in its place: checksums, shapes, no network needed."""

import hashlib
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from teachkit.deep.evaluation import SHA256, URL, inception, inception_features


class Small(nn.Module):
    """The mean of each colour, and the mean of all; logits if no features are asked for."""

    def forward(self, img: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        colours = img.float().mean([2, 3])
        return torch.cat([colours, colours.mean(1, keepdim=True)], 1) if return_features else colours


@pytest.fixture
def scripted(tmp_path):
    """A scripted network in a file, and its checksum."""
    path = tmp_path / "small.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(Small()).save(path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_features_of_grey_and_coloured_images(scripted, rng):
    net = inception(*scripted)
    grey = rng.integers(0, 256, (7, 28, 28)).astype(np.uint8)
    got = inception_features(net, grey, rows=3)
    assert (got.shape, got.dtype) == ((7, 4), np.float64)
    np.testing.assert_allclose(got, np.repeat(grey.mean((1, 2))[:, None], 4, 1), rtol=1e-6)
    coloured = rng.integers(0, 256, (5, 8, 9, 3)).astype(np.uint8)
    np.testing.assert_allclose(inception_features(net, coloured)[:, :3], coloured.mean((1, 2)), rtol=1e-6)


def test_another_file_is_not_read(scripted):
    path, sha256 = scripted
    with pytest.raises(ValueError, match=f"expected a file with the SHA-256 sum {SHA256}, got {sha256}"):
        inception(path)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ValueError, match="expected a file with the SHA-256 sum"):
        inception(path, sha256)


def test_download_goes_through_the_checksum(scripted, tmp_path, monkeypatch):
    import pooch

    asked = []

    def retrieve(url, known_hash, fname, path, **_):
        asked.append((url, known_hash))
        (path / fname).write_bytes(scripted[0].read_bytes())

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert inception(tmp_path / "fetched.pt", scripted[1], URL) is not None
    assert asked == [(URL, f"sha256:{scripted[1]}")]
    inception(tmp_path / "fetched.pt", scripted[1], URL)
    assert len(asked) == 1  # it is there now


def test_without_an_address_nothing_is_downloaded(tmp_path):
    with pytest.raises(FileNotFoundError, match="not there; give url="):
        inception(tmp_path / "none.pt")


@pytest.mark.parametrize(
    ("shape", "kind"), [((2, 8, 8), float), ((2, 8), np.uint8), ((0, 8, 8), np.uint8), ((1, 8, 8, 4), np.uint8)]
)
def test_other_images_are_refused(shape, kind):
    with pytest.raises(ValueError, match="images: expected uint8"):
        inception_features(Small(), np.zeros(shape, kind))


def test_rows_is_a_count():
    with pytest.raises(ValueError, match="rows: expected a whole number"):
        inception_features(Small(), np.zeros((1, 8, 8), np.uint8), rows=0)
