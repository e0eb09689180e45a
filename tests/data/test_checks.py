import re
from collections.abc import Callable

import numpy as np
import pytest

from pellucid.data import as_dense_targets, as_images, as_sparse_targets
from pellucid.data.checks import check_probabilities
from pellucid.errors import DataError

SHAPE = (4, 5, 3)


def images(count: int = 2, dtype: type = np.float32) -> np.ndarray:
    return np.arange(count * 60).reshape(count, *SHAPE).astype(dtype)


class Tensor:
    """Anything of another library that turns into an array."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.array


# What is accepted


@pytest.mark.parametrize("dtype", ["bool", "i1", "u1", "i8", "u8", "f2", "f4", ">f4", "f8", "g"])
def test_images_of_every_real_type_become_float32(dtype: str) -> None:
    x = images().astype(dtype)
    found = as_images(x, SHAPE)
    np.testing.assert_array_equal(found, x.astype(np.float32), strict=True)
    assert found.flags.c_contiguous


def test_what_is_right_already_is_not_copied() -> None:
    x = images()
    assert as_images(x, SHAPE) is x
    assert as_dense_targets(x, 2, SHAPE) is x
    y = np.array([0, 2], np.int32)
    assert as_sparse_targets(y, 2, 3) is y


def test_views_are_made_contiguous() -> None:
    x = np.asfortranarray(images(4))[::2]
    found = as_images(x, SHAPE)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, x)


@pytest.mark.parametrize("wrap", [Tensor, np.ndarray.tolist])
def test_lists_and_foreign_arrays_are_read(wrap: Callable) -> None:
    np.testing.assert_array_equal(as_images(wrap(images()), SHAPE), images(), strict=True)
    labels = as_sparse_targets(wrap(np.array([1, 0])), 2, 2)
    np.testing.assert_array_equal(labels, np.array([1, 0], np.int32), strict=True)


def test_values_outside_0_to_1_are_legal_however_large() -> None:
    x = np.full((1, *SHAPE), 3e38, np.float32)  # finite, although their sum is not
    assert as_images(x, SHAPE) is x


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, bool])
def test_labels_become_int32_of_one_axis(shape: tuple[int, ...], dtype: type) -> None:
    y = np.array([0, 1, 1], dtype).reshape(shape)
    found = as_sparse_targets(y, 3, 2)
    np.testing.assert_array_equal(found, np.array([0, 1, 1], np.int32), strict=True)


def test_labels_at_several_positions() -> None:
    y = np.arange(6).reshape(2, 3)
    found = as_sparse_targets(y, 2, 6, positions=(3,))
    np.testing.assert_array_equal(found, y.astype(np.int32), strict=True)


def test_one_target_per_sample_gets_the_model_s_last_axis() -> None:
    found = as_dense_targets([0, 1, 1], 3, (1,))
    np.testing.assert_array_equal(found, np.array([[0], [1], [1]], np.float32), strict=True)


# What is refused, and in which words


def refused(message: str):
    return pytest.raises(DataError, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize(
    ("shape", "expected", "hint"),
    [
        ((9, 28, 28), (28, 28, 1), "The channel axis is missing: give x[..., None]."),
        ((28, 28, 1), (28, 28, 1), "This is one sample without the batch axis: give x[None]."),
        (
            (28, 28),
            (28, 28, 1),
            "This is one sample without batch and channel axis: give x[None, ..., None].",
        ),
        (
            (9, 3, 4, 5),
            (4, 5, 3),
            "The channels come first; Pellucid has them last: give x.transpose(0, 2, 3, 1).",
        ),
        (
            (9, 784),
            (28, 28, 1),
            "The number of values fits: give x.reshape(-1, 28, 28, 1).",
        ),
        ((9, 28, 28), (784,), "The number of values fits: give x.reshape(-1, 784)."),
    ],
)
def test_a_wrong_shape_says_what_was_forgotten(
    shape: tuple[int, ...], expected: tuple[int, ...], hint: str
) -> None:
    axes = ", ".join(map(str, expected))
    with refused(f"x has shape {shape}, but the model expects (sample, {axes}). {hint}"):
        as_images(np.zeros(shape), expected)


@pytest.mark.parametrize("shape", [(), (9,), (9, 32, 32, 3), (9, 28, 28, 1, 2)])
def test_another_wrong_shape_says_what_came_and_what_was_expected(shape: tuple[int, ...]) -> None:
    with refused(f"images has shape {shape}, but the model expects (sample, 28, 28, 1)."):
        as_images(np.zeros(shape), (28, 28, 1), "images")


@pytest.mark.parametrize("check", [as_images, lambda x, shape: as_dense_targets(x, 2, shape)])
def test_an_empty_array_says_so(check: Callable) -> None:
    with pytest.raises(DataError, match=r"is empty: its shape is \(0, 4, 5, 3\)\. Give at least"):
        check(np.zeros((0, *SHAPE)), SHAPE)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.array(["cat", "dog"]), "has the type <U3, expected real numbers; turn names into la"),
        (np.array([b"cat"]), "has the type |S3, expected real numbers; turn names into labels: "),
        (np.array([1j]), "has the type complex128, expected real numbers; take its real part"),
        (np.array([None]), "has the type object, expected real numbers; all samples need one sh"),
        (np.array(["2024-01-01"], "M8[D]"), "has the type datetime64[D], expected real numbers;"),
        ([[1, 2], [3]], "cannot be made an array of numbers: "),
    ],
)
@pytest.mark.parametrize(
    "check",
    [
        lambda y: as_images(y, (2,), "y"),
        lambda y: as_sparse_targets(y, 2, 2),
        lambda y: as_dense_targets(y, 2, (2,)),
    ],
)
def test_what_is_no_real_number_says_what_to_do(
    check: Callable, given: object, message: str
) -> None:
    with pytest.raises(DataError, match=f"^y {re.escape(message)}"):
        check(given)


def test_a_foreign_array_that_cannot_be_read_is_quoted() -> None:
    class OnAnotherDevice:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            raise TypeError("copy the tensor to host memory first")

    with pytest.raises(DataError, match="copy the tensor to host memory first"):
        as_images(OnAnotherDevice(), SHAPE)


@pytest.mark.parametrize(
    ("value", "dtype", "shown"),
    [
        (np.nan, np.float32, "nan"),
        (np.inf, np.float32, "inf"),
        (-np.inf, np.float16, "-inf"),
        (1e300, np.float64, "1e+300"),
    ],
)
def test_a_value_that_is_not_finite_is_located(value: float, dtype: type, shown: str) -> None:
    x = images(3).astype(dtype)
    x[1, 2, 0, 1] = value
    with refused(
        f"x has 1 value that is not finite in float32; the first is {shown} in sample 1, position "
        "(2, 0, 1). Remove such samples, or replace the values, for instance with "
        "numpy.nan_to_num(x)."
    ):
        as_images(x, SHAPE)


def test_all_values_that_are_not_finite_are_counted() -> None:
    x = images(3)
    x[1, 0, 0, 0], x[2] = np.inf, np.nan
    with pytest.raises(DataError, match=r"x has 61 values that are not finite .* inf in sample 1"):
        as_images(x, SHAPE)
    x[1] = -np.inf
    with pytest.raises(DataError, match=r"y has 120 values"):
        as_dense_targets(x, 3, SHAPE)


@pytest.mark.parametrize("check", [as_sparse_targets, lambda y, n, k: as_dense_targets(y, n, (k,))])
def test_another_number_of_targets_says_both(check: Callable) -> None:
    with refused("x has 5 samples and y has 4: give one target for each sample."):
        check(np.zeros((4, 3)), 5, 3)
    with refused("y is a single number, expected one target for each sample."):
        check(3, 5, 3)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            [0, 1, 2, 3],
            "y has the label 3 for sample 3, but the model's last layer has 3 units: labels go "
            "from 0 to 2. The model needs 4 units in its last layer, or labels from 0.",
        ),
        (
            [1, 3, 2, 1],
            "y has the label 3 for sample 1, but the model's last layer has 3 units: labels go "
            "from 0 to 2. These labels look as if they count from 1: give y - 1.",
        ),
        (
            [0, -1, 2, 1],
            "y has the label -1 for sample 1, but the model's last layer has 3 units: labels go "
            "from 0 to 2. Labels count from 0: numpy.unique(y, return_inverse=True) renumbers "
            "them.",
        ),
        (
            [0, 1.5, 2, 1],
            "y has 1.5 for sample 1, expected whole class labels. For targets that are no "
            "labels, use the loss mean_squared_error.",
        ),
        (
            [0, 1, np.nan, np.inf],
            "y has nan for sample 2, expected whole class labels. For targets that are no "
            "labels, use the loss mean_squared_error.",
        ),
        (
            [0, np.inf, 1, 1],
            "y has inf for sample 1, expected whole class labels. For targets that are no "
            "labels, use the loss mean_squared_error.",
        ),
        (
            np.eye(3)[[0, 1, 2, 0]],
            "y has shape (4, 3); the sparse loss expects one class label per sample, shape (4,). "
            "These look like one-hot rows: use the loss categorical_crossentropy, or give labels "
            "with y.argmax(-1).",
        ),
        (
            np.zeros((4, 2)),
            "y has shape (4, 2); the sparse loss expects one class label per sample, shape (4,).",
        ),
    ],
)
def test_wrong_labels_say_which_and_why(y: object, message: str) -> None:
    with refused(message):
        as_sparse_targets(y, 4, 3)


def test_labels_at_the_wrong_positions_say_the_shape() -> None:
    with refused(
        "y has shape (2, 4); the sparse loss expects one class label per position, shape (2, 3)."
    ):
        as_sparse_targets(np.zeros((2, 4)), 2, 5, positions=(3,))


@pytest.mark.parametrize("y", [[0, 1, 2, 0], [[0], [1], [2], [0]]])
def test_labels_for_a_dense_loss_name_the_other_loss(y: list) -> None:
    shape = np.shape(y)
    with refused(
        f"y has shape {shape}; the model's output and so the loss has shape (4, 3). If these are "
        "class labels, use the loss sparse_categorical_crossentropy, or give one-hot rows with "
        f"numpy.eye(3)[y{'[..., 0]' if len(shape) > 1 else ''}]."
    ):
        as_dense_targets(y, 4, (3,))


def test_dense_targets_of_another_shape_say_both() -> None:
    with refused("y has shape (4, 2); the model's output and so the loss has shape (4, 3)."):
        as_dense_targets(np.zeros((4, 2)), 4, (3,))


@pytest.mark.parametrize("wrong", [-1, 2, 255])
def test_targets_of_a_crossentropy_are_probabilities(wrong: int) -> None:
    check_probabilities(np.float32([[0, 1 + 1e-7]]))
    with refused(
        f"y has {wrong} for sample 1, but a crossentropy compares probabilities: its targets go "
        "from 0 to 1. Labels of two classes are 0 and 1, pixels are divided by 255 (y / 255); for "
        "other numbers, use the loss mean_squared_error."
    ):
        check_probabilities(np.float32([[0.5], [wrong]]))


def test_nothing_is_no_array() -> None:
    with refused("x is None, expected an array of numbers. Give one."):
        as_images(None, SHAPE)
