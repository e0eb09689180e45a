"""Checks on the arrays that training and prediction are given.

Each check returns what the engines read, contiguous and of one element type, copying only what
is not so yet; or raises a DataError that says what came, what was expected, and what to do.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import DataError

Float32Array = NDArray[np.float32]
Int32Array = NDArray[np.int32]


def as_images(x: ArrayLike, expected_shape: tuple[int, ...], name: str = "x") -> Float32Array:
    """Check the samples that a model reads.

    Args:
        x: samples along the first axis: a list, a NumPy array of any real type, or anything
            with `__array__`. Values may lie outside 0 to 1.
        expected_shape: the shape of one sample in the model, without the batch axis; for
            images (height, width, channel).
        name: what messages call the array.

    Returns:
        A C-contiguous float32 array (sample, *expected_shape).

    Raises:
        DataError: another shape, no sample, no real numbers, or values that are not finite.
    """
    array = as_real_array(x, name)
    if array.shape[1:] != expected_shape or array.ndim == 0:
        raise DataError(_shape_message(array.shape, expected_shape, name))
    _check_not_empty(array, name)
    return _as_finite_float32(array, name)


def as_sparse_targets(
    y: ArrayLike, count: int, classes: int, positions: tuple[int, ...] = (), name: str = "y"
) -> Int32Array:
    """Check class labels: one whole number from 0 to classes - 1 per sample.

    Args:
        y: the labels, of shape (sample,) or (sample, 1); integers, or floats that are whole.
        count: the number of samples in x.
        classes: the size of the model's last axis.
        positions: the model's output axes between the batch and the classes, if any.
        name: what messages call the array.

    Returns:
        A C-contiguous int32 array (sample, *positions).

    Raises:
        DataError: another number of samples, another shape (one-hot rows, for instance), or a
            label that is no whole number or out of range.
    """
    array = as_real_array(y, name)
    _check_count(array, count, name)
    if array.shape == (count, *positions, 1):
        array = array[..., 0]
    if array.shape != (count, *positions):
        raise DataError(_sparse_shape_message(array.shape, (count, *positions), classes, name))
    _check_whole(array, name)
    _check_range(array, classes, name)
    return np.ascontiguousarray(array, np.int32)


def as_dense_targets(
    y: ArrayLike, count: int, shape: tuple[int, ...], name: str = "y"
) -> Float32Array:
    """Check targets that have the shape of the model's output.

    Args:
        y: the targets, of shape (sample, *shape); (sample,) where the model gives one number.
        count: the number of samples in x.
        shape: the shape of one output of the model, without the batch axis.
        name: what messages call the array.

    Returns:
        A C-contiguous float32 array (sample, *shape).

    Raises:
        DataError: another number of samples, another shape (class labels, for instance), no
            real numbers, or values that are not finite.
    """
    array = as_real_array(y, name)
    _check_count(array, count, name)
    if shape[-1:] == (1,) and array.shape == (count, *shape[:-1]):
        array = array[..., None]
    if array.shape != (count, *shape):
        raise DataError(_dense_shape_message(array.shape, (count, *shape), name))
    return _as_finite_float32(array, name)


def check_probabilities(targets: Float32Array, name: str = "y") -> None:
    """Check that targets lie from 0 to 1, as every crossentropy needs; DataError if not."""
    # A softmax of another network may exceed 1 by a rounding.
    wrong = (targets < 0) | (targets > 1 + 1e-6)
    if wrong.any():
        where = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise DataError(
            f"{name} has {targets[where]:g} for sample {int(where[0])}, but a crossentropy "
            "compares probabilities: its targets go from 0 to 1. Labels of two classes are 0 and "
            f"1, pixels are divided by 255 ({name} / 255); for other numbers, use the loss "
            "mean_squared_error."
        )


def as_real_array(given: ArrayLike, name: str) -> NDArray[Any]:
    """The given thing as a NumPy array of booleans, integers or floats; DataError if it is none."""
    if given is None:
        raise DataError(f"{name} is None, expected an array of numbers. Give one.")
    try:
        array = np.asarray(given)
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(
            f"{name} cannot be made an array of numbers: {error}. "
            "Give a NumPy array in which all samples have one shape."
        ) from error
    if array.dtype.kind in "biuf":
        return array
    advice = {
        "O": "all samples need one shape and a numeric type: try numpy.stack(samples)",
        "c": "take its real part or its magnitude",
        "U": f"turn names into labels: names, {name} = numpy.unique({name}, return_inverse=True)",
        "S": f"turn names into labels: names, {name} = numpy.unique({name}, return_inverse=True)",
    }.get(array.dtype.kind, "convert it first")
    raise DataError(f"{name} has the type {array.dtype}, expected real numbers; {advice}.")


def _check_not_empty(array: NDArray[Any], name: str) -> None:
    if len(array) == 0:
        raise DataError(f"{name} is empty: its shape is {array.shape}. Give at least one sample.")


def _check_count(array: NDArray[Any], count: int, name: str) -> None:
    if array.ndim == 0:
        raise DataError(f"{name} is a single number, expected one target for each sample.")
    _check_not_empty(array, name)
    if len(array) != count:
        raise DataError(
            f"x has {count} samples and {name} has {len(array)}: give one target for each sample."
        )


def _shape_message(found: tuple[int, ...], expected: tuple[int, ...], name: str) -> str:
    axes = ", ".join(map(str, ("sample", *expected)))
    hint = _shape_hint(found, expected, name)
    return f"{name} has shape {found}, but the model expects ({axes})." + (
        f" {hint}" if hint else ""
    )


def _shape_hint(found: tuple[int, ...], expected: tuple[int, ...], name: str) -> str:
    """What a reader most likely forgot, or nothing."""
    sample = found[1:]
    if found == expected:
        return f"This is one sample without the batch axis: give {name}[None]."
    if (*sample, 1) == expected:
        return f"The channel axis is missing: give {name}[..., None]."
    if (*found, 1) == expected:
        return f"This is one sample without batch and channel axis: give {name}[None, ..., None]."
    if len(expected) == 3 and sample == (expected[2], *expected[:2]):
        return (
            f"The channels come first; Pellucid has them last: give {name}.transpose(0, 2, 3, 1)."
        )
    if found and math.prod(sample) == math.prod(expected):
        sizes = ", ".join(map(str, expected))
        return f"The number of values fits: give {name}.reshape(-1, {sizes})."
    return ""


def _sparse_shape_message(
    found: tuple[int, ...], expected: tuple[int, ...], classes: int, name: str
) -> str:
    place = "sample" if len(expected) == 1 else "position"
    hint = ""
    if found == (*expected, classes):
        hint = (
            " These look like one-hot rows: use the loss categorical_crossentropy, "
            f"or give labels with {name}.argmax(-1)."
        )
    return (
        f"{name} has shape {found}; the sparse loss expects one class label per {place}, "
        f"shape {expected}.{hint}"
    )


def _dense_shape_message(found: tuple[int, ...], expected: tuple[int, ...], name: str) -> str:
    hint = ""
    if found in (expected[:-1], (*expected[:-1], 1)):
        labels = name if found == expected[:-1] else f"{name}[..., 0]"
        hint = (
            " If these are class labels, use the loss sparse_categorical_crossentropy, "
            f"or give one-hot rows with numpy.eye({expected[-1]})[{labels}]."
        )
    return (
        f"{name} has shape {found}; the model's output and so the loss has shape {expected}.{hint}"
    )


def _as_finite_float32(array: NDArray[Any], name: str) -> Float32Array:
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.ascontiguousarray(array, np.float32)
        # One sum tells quickly: it is finite only if every value is (or, seldom, overflows).
        if array.dtype.kind != "f" or np.isfinite(result.sum()):
            return result
    finite = np.isfinite(result)
    if not finite.all():
        raise DataError(_not_finite_message(array, ~finite, name))
    return result


def _not_finite_message(array: NDArray[Any], bad: NDArray[np.bool_], name: str) -> str:
    count = int(bad.sum())
    sample, *position = (int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
    where = f"sample {sample}" + (f", position {tuple(position)}" if position else "")
    first = array[(sample, *position)]
    return (
        f"{name} has {count} value{'s' if count > 1 else ''} that "
        f"{'are' if count > 1 else 'is'} not finite in float32; the first is {first} in {where}. "
        f"Remove such samples, or replace the values, for instance with numpy.nan_to_num({name})."
    )


def _check_whole(array: NDArray[Any], name: str) -> None:
    if array.dtype.kind != "f":
        return
    broken = array != np.floor(array)  # also true for NaN
    broken |= np.isinf(array)
    if broken.any():
        where = np.unravel_index(int(broken.argmax()), array.shape)
        raise DataError(
            f"{name} has {array[where]} for sample {int(where[0])}, expected whole class labels. "
            "For targets that are no labels, use the loss mean_squared_error."
        )


def _check_range(array: NDArray[Any], classes: int, name: str) -> None:
    least, most = array.min(), array.max()
    if least >= 0 and most < classes:
        return
    wrong = (array < 0) | (array >= classes)
    where = np.unravel_index(int(wrong.argmax()), array.shape)
    hint = f"The model needs {int(most) + 1} units in its last layer, or labels from 0."
    if least < 0:
        hint = f"Labels count from 0: numpy.unique({name}, return_inverse=True) renumbers them."
    elif least == 1 and most == classes:
        hint = f"These labels look as if they count from 1: give {name} - 1."
    raise DataError(
        f"{name} has the label {int(array[where])} for sample {int(where[0])}, but the model's "
        f"last layer has {classes} units: labels go from 0 to {classes - 1}. {hint}"
    )
