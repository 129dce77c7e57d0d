"""Images: the same on every machine, with the classes that belong to them, and read fast."""

import json
import subprocess
import sys

import numpy as np
import pytest

from teachkit.data import _archive, digits, fashion_mnist, images, mnist

full_set = pytest.mark.skipif(
    not all(_archive.present(images._FASHION, name) for name in images._FASHION.sums),
    reason="the full Fashion-MNIST is not on this machine",
)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TEACHKIT_DATA", str(tmp_path))


@pytest.mark.parametrize(("split", "n"), [("train", 8000), ("test", 2000)])
def test_package_holds_ten_thousand_images(split, n, cache):
    x, y, names = fashion_mnist(split)
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((n, 28, 28), np.uint8, (n,), np.uint8)
    assert len(names) == len(set(names)) == 10
    assert np.bincount(y).min() > 0.09 * n
    assert np.bincount(y).size == 10
    assert (x.min(), x.max()) == (0, 255)
    assert len(np.unique(x, axis=0)) > 0.99 * n
    assert x.flags.writeable  # torch warns of arrays that are not


@pytest.mark.parametrize("n", [1, 7.0, 2000])
def test_fewer_images_are_the_first(n, cache):
    some, every = fashion_mnist("test", n), fashion_mnist("test")
    np.testing.assert_array_equal(some.x, every.x[: int(n)])
    np.testing.assert_array_equal(some.y, every.y[: int(n)])


@full_set
@pytest.mark.parametrize(("split", "size"), [("train", 60_000), ("test", 10_000)])
def test_package_holds_the_first_rows_of_the_published_set(split, size):
    shipped, whole = fashion_mnist(split), fashion_mnist(split, full=True)
    n = len(shipped.x)
    assert (len(whole.x), len(whole.y)) == (size, size)
    np.testing.assert_array_equal(whole.x[:n], shipped.x)
    np.testing.assert_array_equal(whole.y[:n], shipped.y)
    assert np.bincount(whole.y).tolist() == [size // 10] * 10
    more = fashion_mnist(split, n + 1)
    np.testing.assert_array_equal(more.x, whole.x[: n + 1])


def nearest_mean(x, y, z):
    """Return the class of each row of z by the nearest mean of a class in x."""
    means = np.stack([x[y == k].reshape((y == k).sum(), -1).mean(0) for k in range(10)])
    return ((z.reshape(len(z), 1, -1) - means) ** 2).sum(-1).argmin(1)


def test_classes_of_the_clothes_belong_to_the_images(cache):
    train, test = fashion_mnist("train", 4000), fashion_mnist("test", 500)
    assert (nearest_mean(train.x, train.y, test.x) == test.y).mean() > 0.6


def test_digits_are_those_of_the_repository_of_irvine():
    x, y, names = digits()
    assert (x.shape, x.dtype, x.min(), x.max()) == ((1797, 8, 8), np.uint8, 0, 16)
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert names == tuple("0123456789")
    assert (nearest_mean(x[:1000], y[:1000], x[1000:]) == y[1000:]).mean() > 0.85


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fashion_mnist("valid"), "split: expected one of train, test, got 'valid'"),
        (lambda: mnist(None), "split: expected one of train, test, got None"),
        (lambda: mnist(["train"]), r"split: expected one of train, test, got \['train'\]"),
        (lambda: fashion_mnist("train", 0), "n: expected a whole number of at least 1, got 0"),
        (lambda: mnist("train", 2.5), "n: expected a whole number"),
        (lambda: fashion_mnist("train", 60_001), "n: expected at most 60000"),
        (lambda: mnist("test", 10_001), "n: expected at most 10000"),
    ],
)
def test_bad_input_names_the_argument(call, message, cache):
    with pytest.raises(ValueError, match=message):
        call()


MEASURE = """
import gzip, json, pathlib, time, tracemalloc
from teachkit.data import _archive, fashion_mnist, images
path = _archive.present(images._FASHION, "train-images-idx3-ubyte.gz")
def seconds(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
pairs = [(seconds(lambda: fashion_mnist(full=True)), seconds(lambda: gzip.decompress(path.read_bytes())))
         for _ in range(3)]
status = pathlib.Path("/proc/self/status").read_text()  # getrusage also counts the process that started this one
peak = int(status.partition("VmHWM:")[2].split()[0])
tracemalloc.start()
size = fashion_mnist(full=True).x.nbytes
print(json.dumps({
    "ratio": min(a for a, b in pairs) / min(b for a, b in pairs),
    "peak": peak * 1024,
    "traced": tracemalloc.get_traced_memory()[1] / size,
}))
"""


@full_set
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_sixty_thousand_images_are_read_fast_and_in_little_memory():
    """Next to unpacking alone, which takes about half a second on an idle core."""
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ratio"] < 3
    assert found["peak"] < 400e6
    assert found["traced"] < 4
