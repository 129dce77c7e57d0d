"""The plots draw what they are given, into the axes they are given, and touch nothing else."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from teachkit import plots
from teachkit.data import banana, standard_normal

B = np.array([[2.0, 1.0], [0.0, 3.0]])
LINEAR = {"I": np.eye(2), "B": B, "turned": [[0, -1], [1, 0]], "flipped": [[0, 2], [1, 0]], "flat": [[1, 2], [2, 4]]}
EXTENT = (-1.0, 2.0, -3.0, 0.5)
DRAW = {
    "density": (lambda ax: plots.density(ax, banana().log_prob, EXTENT, n=8), QuadMesh),
    "contours": (lambda ax: plots.contours(ax, banana().log_prob, EXTENT, n=32), ContourSet),
    "samples": (lambda ax: plots.samples(ax, [[0.0, 1.0]]), PathCollection),
    "images": (lambda ax: plots.images(ax, np.ones((3, 4, 5)), 2), AxesImage),
    "warped_grid": (lambda ax: plots.warped_grid(ax, lambda z: z @ B.T, EXTENT), LineCollection),
    "cell": (lambda ax: plots.cell(ax, lambda z: z, [0, 0], 1.0), PolyCollection),
    "path": (lambda ax: plots.path(ax, [[0, 0], [1, 1]])[0], Line2D),
    "convergence": (lambda ax: plots.convergence(ax, [1.0, 0.1])[0], Line2D),
}


@pytest.fixture
def ax():
    return Figure().add_subplot()


@pytest.mark.parametrize("name", DRAW)
def test_returns_the_artist_in_these_axes_and_changes_no_setting(name, ax):
    import matplotlib.pyplot as plt

    draw, kind = DRAW[name]
    before = dict(mpl.rcParams)
    artist = draw(ax)
    assert isinstance(artist, kind)
    assert artist in ax.get_children()
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", ["density", "contours"])
def test_extent_is_what_is_seen(name, ax):
    DRAW[name][0](ax)
    assert (*ax.get_xlim(), *ax.get_ylim()) == EXTENT


def test_density_is_shaded_where_it_is(ax):
    mesh = plots.density(ax, lambda x: standard_normal(2).log_prob(x - [1.5, -2.0]), EXTENT, n=36)
    values = np.asarray(mesh.get_array()).reshape(36, 36)
    x, y = np.linspace(*EXTENT[:2], 36), np.linspace(*EXTENT[2:], 36)
    row, column = np.unravel_index(values.argmax(), values.shape)
    assert (x[column], y[row]) == (pytest.approx(1.5, abs=0.05), pytest.approx(-2.0, abs=0.06))
    assert values.max() == pytest.approx(1 / (2 * np.pi), rel=1e-2)


def test_contours_of_a_normal_are_its_sigma_circles(ax):
    drawn = plots.contours(ax, standard_normal(2).log_prob, n=401)
    radii = [np.linalg.norm(path.vertices, axis=1).mean() for path in drawn.get_paths()]
    np.testing.assert_allclose(radii, [3, 2, 1], atol=1e-3)


def test_warped_grid_follows_the_map(ax):
    plain = plots.warped_grid(ax, lambda z: z, EXTENT, lines=5).get_segments()
    bent = plots.warped_grid(ax, lambda z: z @ B.T + 1, EXTENT, lines=5).get_segments()
    assert len(plain) == len(bent) == 10
    for line, image in zip(plain, bent, strict=True):
        np.testing.assert_allclose(image, line @ B.T + 1, atol=1e-14)
    every = np.concatenate(plain)
    assert (*every.min(0), *every.max(0)) == (-1.0, -3.0, 2.0, 0.5)


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (5, 2), (4, 2), (3, 8)])
def test_images_stand_in_rows_one_pixel_apart(n, columns, ax, rng):
    x = rng.integers(0, 256, (n, 3, 5), dtype=np.uint8)
    seen = np.ma.filled(plots.images(ax, x, columns).get_array().astype(float), np.nan)
    assert seen.shape == (-(-n // columns) * 4 - 1, columns * 6 - 1)
    for i in range(n):
        row, column = divmod(i, columns)
        part = (slice(4 * row, 4 * row + 3), slice(6 * column, 6 * column + 5))
        np.testing.assert_array_equal(seen[part], x[i])
        seen[part] = np.nan
    assert np.isnan(seen).all()


def test_images_are_white_at_zero_and_black_at_the_top(ax):
    def shades(x, **options):
        return plots.images(ax, [[x]], 1, **options).to_rgba([-1, *x])[:, 0].tolist()

    assert shades([0, 100]) == [1, 1, 0]
    assert shades([0, 8, 16], high=8) == [1, 1, 0, 0]
    assert shades([0, 0]) == [1, 1, 1]


def test_convergence_leaves_zeros_out(ax):
    [line] = plots.convergence(ax, [1.0, 0.0, 0.01])
    np.testing.assert_array_equal(line.get_xydata(), [[0, 1.0], [2, 0.01]])
    assert ax.get_yscale() == "log"


def test_title_each_needs_a_title_for_each(ax):
    with pytest.raises(ValueError, match="shorter"):
        plots.title_each([ax], [])


def test_use_style_is_the_only_one_that_sets_defaults():
    with mpl.rc_context():
        plots.use_style()
        assert mpl.rcParams["axes.spines.top"] is False
        assert mpl.rcParams["axes.spines.left"] is True


@pytest.mark.parametrize(("book", "background", "transparent"), [("1", "none", True), ("", "white", False)])
def test_figures_have_a_background_everywhere_but_in_the_book(monkeypatch, book, background, transparent):
    monkeypatch.setenv("TEACHKIT_BOOK", book)
    with mpl.rc_context():
        plots.use_style()
        assert mpl.rcParams["figure.facecolor"] == background
        assert mpl.rcParams["savefig.transparent"] is transparent


@pytest.mark.parametrize("M", LINEAR.values(), ids=LINEAR.keys())
@pytest.mark.parametrize(("corner", "error"), [((0, 0), 1e-12), ((-3.0, 2.0), 1e-10), ((1e6, -1e6), 1e-5)], ids=str)
@pytest.mark.parametrize("size", [1.0, 1e-3])
def test_area_of_a_cell_is_exact_for_linear_maps(M, corner, error, size):
    """But for the digits that the corner leaves to the border."""
    area = plots.cell_area(lambda z: z @ np.transpose(M), corner, size)
    assert area == pytest.approx(abs(np.linalg.det(M)) * size**2, abs=error * size**2)


def test_folded_parts_of_a_cell_cancel():
    assert plots.cell_area(lambda z: np.abs(z), [-0.5, 0], 1.0) == pytest.approx(0, abs=1e-12)
    assert plots.cell_area(lambda z: np.abs(z), [0, 0], 1.0) == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ax: plots.samples(ax, [[0.0, 1.0, 2.0]]), r"x: expected shape \[n, 2\]"),
        (lambda ax: plots.samples(ax, [[0.0, np.nan]]), "x: expected finite"),
        (lambda ax: plots.images(ax, np.zeros((2, 2))), r"x: expected shape \[any, any, any\]"),
        (lambda ax: plots.images(ax, np.zeros((1, 2, 2)), 0), "columns: expected a whole number"),
        (lambda ax: plots.images(ax, np.zeros((1, 2, 2)), high=0), "high: expected a finite number above 0"),
        (lambda ax: plots.cell(ax, np.sin, [0, 0, 0], 1.0), "corner: expected a vector of 2"),
        (lambda ax: plots.cell(ax, np.sin, [0, 0], 0.0), "size: expected a finite number above 0"),
        (lambda ax: plots.cell_area(np.sin, [0, 0], -1.0), "size: expected a finite number above 0"),
        (lambda ax: plots.path(ax, [0.0, 1.0]), r"points: expected shape \[n, 2\]"),
        (lambda ax: plots.convergence(ax, [[1.0]]), "errors: expected a vector"),
    ],
)
def test_bad_input_names_the_argument(call, message, ax):
    with pytest.raises(ValueError, match=message):
        call(ax)
    assert not ax.has_data()
