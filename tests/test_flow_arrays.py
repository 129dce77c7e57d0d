"""The arrays of a trained flow: what NumPy's and torch's loaders refuse, both with the name of the array."""

import numpy as np
import pytest

from teachkit.coupling import flow_from_arrays
from teachkit.deep.coupling import bijections, from_arrays

SHAPES = {"W0": (2, 3, 2), "b0": (2, 3), "W1": (2, 3, 3), "b1": (2, 3), "W2": (2, 4, 3), "b2": (2, 4)}
AFFINE = {"mask": [[1, 0], [0, 1]], "bound": 2.0} | {name: np.ones(shape) for name, shape in SHAPES.items()}
ADDITIVE = {name: x for name, x in AFFINE.items() if name != "bound"} | {
    "log_scale": [0.0, 0.1],
    "W2": np.ones((2, 2, 3)),
    "b2": np.ones((2, 2)),
}

loaders = pytest.mark.parametrize("load", [flow_from_arrays, from_arrays], ids=["numpy", "torch"])


@loaders
@pytest.mark.parametrize("arrays", [AFFINE, ADDITIVE], ids=["affine", "additive"])
def test_sound_arrays_give_one_layer_for_each_mask(load, arrays):
    loaded = load(arrays)
    layers = loaded if isinstance(loaded, list) else bijections(loaded)
    assert len(layers) == len(arrays["mask"]) + ("log_scale" in arrays)


@loaders
@pytest.mark.parametrize(
    ("whole", "changes", "message"),
    [
        (AFFINE, {"mask": None}, "arrays: missing mask"),
        (AFFINE, {"b1": None}, "arrays: missing b1"),
        (AFFINE, {"W1": None, "b1": None}, "arrays: missing W1, b1"),
        (AFFINE, {"W0": None, "b0": None, "W1": None, "b1": None, "W2": None, "b2": None}, "arrays: missing W0, b0"),
        (AFFINE, {"bound": None}, "arrays: expected either bound .* or log_scale .*, got neither"),
        (AFFINE, {"log_scale": [0.0, 0.0]}, "arrays: expected either bound .* or log_scale .*, got both"),
        (AFFINE, {"bound": -1.0}, "bound: expected a finite number above 0"),
        (AFFINE, {"bound": None, "log_scale": [0.0, 0.0]}, r"W2: expected shape \[2, 2, 3\], got \[2, 4, 3\]"),
        (ADDITIVE, {"log_scale": None, "bound": 2.0}, r"W2: expected shape \[2, 4, 3\], got \[2, 2, 3\]"),
        (ADDITIVE, {"log_scale": [0.0, 0.0, 0.0]}, r"log_scale: expected shape \[2\], got \[3\]"),
        (ADDITIVE, {"log_scale": 0.0}, r"log_scale: expected shape \[2\], got \[\]"),
        (AFFINE, {"mask": [1, 0]}, r"mask: expected shape \[any, any\], got \[2\]"),
        (AFFINE, {"mask": [[1, 0]] * 3}, r"W0: expected shape \[3, any, 2\], got \[2, 3, 2\]"),
        (AFFINE, {"W0": np.ones((2, 3, 5))}, r"W0: expected shape \[2, any, 2\]"),
        (AFFINE, {"W1": np.ones((2, 3, 4))}, r"W1: expected shape \[2, any, 3\]"),
        (AFFINE, {"W1": np.ones((3, 3))}, "W1: expected shape"),
        (AFFINE, {"b1": np.ones((2, 4))}, r"b1: expected shape \[2, 3\], got \[2, 4\]"),
        (AFFINE, {"b2": np.ones(4)}, r"b2: expected shape \[2, 4\], got \[4\]"),
        (AFFINE, {"W1": np.full((2, 3, 3), np.nan)}, "W1: expected finite numbers"),
        (AFFINE, {"W1": "abc"}, "W1: expected an array of numbers"),
    ],
)
def test_what_does_not_fit_is_named(load, whole, changes, message):
    arrays = {name: x for name, x in (whole | changes).items() if x is not None}
    with pytest.raises(ValueError, match=message):
        load(arrays)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"W3": np.ones((2, 4, 4)), "b3": np.ones((2, 4))}, "arrays: expected W0 to W2"),
        ({"W1": np.ones((2, 5, 3)), "b1": np.ones((2, 5)), "W2": np.ones((2, 4, 5))}, "hidden layers of one size"),
        ({"mask": [[0, 1], [1, 0]]}, "arrays: expected alternating masks"),
    ],
)
def test_torch_reads_only_flows_that_it_could_have_trained(changes, message):
    assert len(flow_from_arrays(AFFINE | changes)) == 2
    with pytest.raises(ValueError, match=message):
        from_arrays(AFFINE | changes)
