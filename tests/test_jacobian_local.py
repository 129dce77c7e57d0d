"""What a Jacobian says near a point: the scale of volume, a local inverse, and nothing about the whole."""

import numpy as np
import pytest

from teachkit.jacobian import jacobian
from teachkit.plots import cell_area


def wave(z):  # the running example
    return np.stack([z[:, 0] ** 2 + z[:, 1], np.sin(z[:, 0] * z[:, 1])], 1)


def det(z1, z2):
    return (2 * z1**2 - z2) * np.cos(z1 * z2)


@pytest.mark.law("local-volume-scale")
@pytest.mark.parametrize("z", [(1.0, 1.0), (0.3, -1.2), (-0.8, 0.4)])
def test_area_of_a_small_image_tends_to_the_determinant(z):
    size = abs(det(*z))
    gaps = [abs(cell_area(wave, np.array(z) - e / 2, e) / e**2 - size) for e in (0.1, 0.01)]
    assert gaps[1] < 2e-4
    assert gaps[1] < gaps[0] / 50


@pytest.mark.law("local-volume-scale")
def test_image_is_flat_where_the_determinant_is_zero():
    """At (1/2, 1/2) the image of a cell lies in a strip that gets thin faster than the cell gets small."""
    z = np.array([0.5, 0.5])
    J = jacobian(wave, z)
    assert np.linalg.det(J) == pytest.approx(0, abs=1e-11)
    along, _, _ = np.linalg.svd(J)  # columns: the direction of the image, and the one across
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 41)] * 2), -1).reshape(-1, 2)
    boxes = []
    for e in (0.1, 0.01, 0.001):
        length, width = np.ptp(wave(z + e * grid) @ along, axis=0) / e
        boxes.append(length * width)
    assert boxes[0] > 8 * boxes[1] > 64 * boxes[2]
    assert boxes[2] < 0.01


def spiral(z):
    return np.stack([z[:, 0] * np.exp(z[:, 1]), z[:, 1] * np.exp(z[:, 2]), z[:, 2]], 1)


def spiral_back(x):
    z2 = x[:, 1] * np.exp(-x[:, 2])
    return np.stack([x[:, 0] * np.exp(-z2), z2, x[:, 2]], 1)


@pytest.mark.law("local-volume-scale")
def test_volume_of_small_cubes_in_space_that_contain_the_point_anywhere(rng):
    """Count the points of a box whose preimage, known in closed form, lies in the cube; det J = e^(z2 + z3)."""
    z, gaps = np.array([0.7, -0.6, 0.4]), []
    middle = (np.stack(np.meshgrid(*[np.arange(60)] * 3), -1).reshape(-1, 3) + 0.5) / 60
    faces = np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * 3), -1).reshape(-1, 3)
    for e in (0.5, 0.02):
        foot = z - e * rng.uniform(0, 1, 3)
        image = spiral(foot + e * faces)
        low, size = image.min(0) - 1e-3 * e, np.ptp(image, axis=0) + 2e-3 * e
        back = (spiral_back(low + size * middle) - foot) / e
        share = ((back >= 0) & (back <= 1)).all(1).mean()
        gaps.append(abs(share * size.prod() / e**3 / np.exp(-0.6 + 0.4) - 1))
    assert gaps[1] < 0.02


@pytest.mark.law("local-volume-scale")
@pytest.mark.parametrize("offset", [0.0, 0.3, 1.0])
def test_area_with_overlaps_counted_once_falls_at_a_fold(offset):
    """The image of a square at (1/2, 1/2), where det = 0, by the pixels that it meets: nothing cancels."""
    shares = []
    for e in (0.2, 0.02):
        side = (np.arange(500) + 0.5) / 500 - offset
        x = wave(0.5 + e * np.stack(np.meshgrid(side, side), -1).reshape(-1, 2))
        along = np.linalg.svd(jacobian(wave, [0.5, 0.5]))[0]
        x = (x - x.mean(0)) @ along
        pixel = np.ptp(x, axis=0) / 100
        met = np.unique((x / pixel).round() @ [1, 1000])
        shares.append(len(met) * pixel.prod() / e**2)
    assert shares[1] < 0.2 * shares[0]
    assert shares[1] < 0.05


@pytest.mark.law("inverse-function")
def test_local_inverse_has_the_inverse_jacobian(rng):
    """Solve f(z) = x near (1, 1) by Newton's method, and differentiate the solution map by differences."""
    z0 = np.array([1.0, 1.0])

    def solve(x):
        z = np.tile(z0, (len(x), 1))
        for _ in range(50):
            z = z - np.linalg.solve(jacobian(wave, z), (wave(z) - x)[..., None])[..., 0]
        return z

    image = wave(z0[None])
    np.testing.assert_allclose(solve(image), z0[None], atol=1e-12)
    inverse = jacobian(lambda x: solve(image + 1e-2 * x), [0.0, 0.0]) / 1e-2
    np.testing.assert_allclose(inverse, np.linalg.inv(jacobian(wave, z0)), rtol=1e-6)


def cubic(x):
    """The inverse of the running example near (1, 1): z1^3 - x1 z1 + arcsin x2 = 0."""
    p, a = x[:, 0] / 3, np.arcsin(x[:, 1])
    z1 = 2 * np.sqrt(p) * np.cos(np.arccos(-a / 2 / p**1.5) / 3)
    return np.stack([z1, x[:, 0] - z1**2], 1)


@pytest.mark.law("inverse-function")
def test_running_example_is_bijective_near_a_point_with_the_inverse_jacobian(rng):
    z = 1 + rng.uniform(-0.1, 0.1, (500, 2))
    np.testing.assert_allclose(cubic(wave(z)), z, atol=1e-13)
    x = wave(np.ones((1, 2))) + rng.uniform(-0.02, 0.02, (500, 2))
    np.testing.assert_allclose(wave(cubic(x)), x, atol=1e-13)
    np.testing.assert_allclose(jacobian(cubic, x), np.linalg.inv(jacobian(wave, cubic(x))), rtol=1e-8)


@pytest.mark.law("inverse-function")
def test_a_determinant_that_is_nowhere_zero_is_local_news_only(rng):
    """(e^z1 cos z2, e^z1 sin z2) has det e^(2 z1) > 0 on the whole plane."""
    polar = lambda z: np.exp(z[:, :1]) * np.stack([np.cos(z[:, 1]), np.sin(z[:, 1])], 1)  # noqa: E731
    z = 3 * rng.standard_normal((100, 2))
    np.testing.assert_allclose(np.linalg.det(jacobian(polar, z)), np.exp(2 * z[:, 0]), rtol=1e-8)
    np.testing.assert_allclose(polar(z + np.array([0, 2 * np.pi])), polar(z), atol=1e-13 * np.exp(z[:, 0].max()))


def test_polar_decompositions_of_the_worked_maps():
    """Which part is rotation: A = Q P with Q orthogonal and P symmetric with positive eigenvalues."""
    root = np.sqrt(10)
    for A, Q in (([[2, 1], [1, 3]], np.eye(2)), ([[1, 1], [2, 0]], np.array([[1, 3], [3, -1]]) / root)):
        P = Q.T @ A
        np.testing.assert_allclose(Q @ Q.T, np.eye(2), atol=1e-15)
        np.testing.assert_allclose(P, P.T, atol=1e-15)
        assert (np.linalg.eigvalsh(P) > 0).all()
        assert np.sign(np.linalg.det(Q)) == np.sign(np.linalg.det(A))
    np.testing.assert_allclose(P * root, [[7, 1], [1, 3]], atol=1e-14)
    np.testing.assert_allclose(np.linalg.eigvalsh([[2, 1], [1, 3]]), [(5 - 5**0.5) / 2, (5 + 5**0.5) / 2])
