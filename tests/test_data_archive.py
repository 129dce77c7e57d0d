"""Files of images: found, or downloaded, and read if their sum is known; else a message says where they were sought."""

import gzip
import hashlib
import importlib.util
import struct
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from teachkit.data import _archive, fashion_mnist, images, mnist
from teachkit.data._archive import Archive

FILES = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]


def idx(array):
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes(), mtime=0)


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TEACHKIT_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache/mnist"


@pytest.fixture
def small(rng):
    """A published set of three images: the arrays and their files."""
    x, y = rng.integers(0, 256, (3, 4, 5), dtype=np.uint8), np.array([7, 0, 9], np.uint8)
    return x, y, dict(zip(FILES, (idx(x), idx(y)), strict=True))


class Handler(SimpleHTTPRequestHandler):
    """Counts what it is asked for, and breaks off in the middle of a file below /cut/."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if not self.path.startswith("/cut/"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"half")
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server on this machine: its folder "www" is empty."""
    monkeypatch.setenv("NO_PROXY", "*")
    (tmp_path / "www").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path / "www")) as running:
        running.asked, running.folder = [], tmp_path / "www"
        running.url = f"http://127.0.0.1:{running.server_port}/"
        thread = Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def publish(monkeypatch, small, cache, tmp_path):
    """Let MNIST be the small set, published in these folders."""

    def set_up(*urls):
        sums = {name: (digest(data),) for name, data in small[2].items()}
        monkeypatch.setattr(images, "_MNIST", Archive("MNIST", "mnist", urls, sums, tmp_path / "system"))

    return set_up


def fill(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def test_download_stays_in_the_cache(small, server, publish, cache):
    x, y, files = small
    fill(server.folder, files)
    publish(server.url)
    for _ in range(2):
        got = mnist("train", 2)
        np.testing.assert_array_equal(got.x, x[:2])
        np.testing.assert_array_equal(got.y, y[:2])
    assert server.asked == [f"/{name}" for name in FILES]
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == files


@pytest.mark.parametrize("first", ["wrong/", "cut/", "missing/"])
def test_second_address_helps_where_the_first_fails(first, small, server, publish, cache):
    x, _, files = small
    fill(server.folder, files)
    fill(server.folder / "wrong", dict.fromkeys(files, b"another file"))
    publish(server.url + first, server.url)
    np.testing.assert_array_equal(mnist("train", 3).x, x)
    assert server.asked[:2] == [f"/{first}{FILES[0]}", f"/{FILES[0]}"]
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == files


@pytest.mark.parametrize("kind", ["wrong/", "cut/"])
def test_bad_download_never_takes_the_name(kind, small, server, publish, cache):
    fill(server.folder / "wrong", dict.fromkeys(FILES, b"another file"))
    publish(server.url + kind)
    with pytest.raises(FileNotFoundError) as caught:
        mnist("train", 3)
    if kind == "wrong/":
        expected = [FILES[0], digest(small[2][FILES[0]]), digest(b"another file")]
        assert [text for text in expected if text not in str(caught.value)] == []
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("bad", [b"another file", b""], ids=["foreign", "empty"])
@pytest.mark.parametrize("place", ["cache", "system"])
def test_wrong_file_is_named_and_left_alone(bad, place, small, server, publish, cache):
    fill(server.folder, small[2])
    publish(server.url)
    folder = cache if place == "cache" else cache.parents[1] / "system"
    fill(folder, {FILES[0]: bad})
    with pytest.raises(ValueError, match="damaged, or another file") as caught:
        mnist("train", 3)
    expected = [str(folder / FILES[0]), digest(small[2][FILES[0]]), digest(bad)]
    assert [text for text in expected if text not in str(caught.value)] == []
    assert (folder / FILES[0]).read_bytes() == bad
    assert server.asked == []


def test_cut_file_is_damaged(small, publish, cache):
    publish()
    fill(cache, {name: data[:-9] for name, data in small[2].items()})
    with pytest.raises(ValueError, match="damaged"):
        mnist("train", 3)


def test_cache_comes_before_the_system_and_that_before_the_network(small, server, publish, cache):
    x, _, files = small
    publish(server.url)
    fill(cache.parents[1] / "system", files)
    np.testing.assert_array_equal(mnist("train", 3).x, x)
    other = idx(255 - x)
    images._MNIST.sums[FILES[0]] += (digest(other),)
    fill(cache, {FILES[0]: other})
    np.testing.assert_array_equal(mnist("train", 3).x, 255 - x)
    assert server.asked == []


def test_message_says_why_each_way_failed(server, monkeypatch, cache):
    empty = images._FASHION._replace(urls=(f"{server.url}a/", f"{server.url}b/"), system=cache / "system")
    monkeypatch.setattr(images, "_FASHION", empty)
    with pytest.raises(FileNotFoundError) as caught:
        fashion_mnist("train", 8001)
    title, *reasons = str(caught.value).split("\n  ")
    assert title == f"Fashion-MNIST: no way led to {FILES[0]}:"
    assert reasons[0] == "package: holds the first 8000 images of this split, and 8001 were asked for"
    assert reasons[1] == f"cache: {cache.parent / 'fashion-mnist' / FILES[0]}: not there"
    assert reasons[2] == f"system: {cache / 'system' / FILES[0]}: not there"
    for way, reason in zip("ab", reasons[3:], strict=True):
        assert reason.startswith(f"download from {server.url}{way}/: 404")


def test_cache_that_can_not_be_written_is_a_reason(small, server, publish, cache):
    fill(server.folder, small[2])
    publish(server.url)
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(FileNotFoundError, match="download from") as caught:
        mnist("train", 1)
    assert str(cache.parent) in str(caught.value).splitlines()[-1]


def test_library_without_its_images_says_so_and_takes_the_published_ones(monkeypatch, small, publish, cache, tmp_path):
    publish()
    monkeypatch.setattr(_archive, "PACKAGE", tmp_path / "none")
    monkeypatch.setattr(images, "_FASHION", images._MNIST)
    with pytest.raises(FileNotFoundError, match="this copy of the library comes without images"):
        fashion_mnist("train", 2)
    fill(cache, small[2])
    np.testing.assert_array_equal(fashion_mnist("train", 2).x, small[0][:2])


@pytest.mark.parametrize("named", [True, False])
def test_without_pooch_the_message_names_it(named, monkeypatch, publish):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    if not named:
        monkeypatch.delenv("TEACHKIT_DATA")
    publish("http://unused/")
    with pytest.raises(FileNotFoundError, match="pip install pooch") as caught:
        mnist("train", 1)
    assert ("cache: no folder is known" in str(caught.value)) is not named


def test_without_the_variable_the_users_cache_is_taken(monkeypatch, small, publish, tmp_path):
    monkeypatch.delenv("TEACHKIT_DATA")
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "user" / project)
    publish()
    fill(tmp_path / "user/teachkit/mnist", small[2])
    np.testing.assert_array_equal(mnist("train", 3).y, small[1])
