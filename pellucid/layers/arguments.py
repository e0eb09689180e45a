"""Arguments of layers: checked once, at construction, and kept in one form."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np

from pellucid.errors import ArgumentError
from pellucid.shapes import Pair, Shape, resolve_padding


def positive_integer(value: SupportsIndex, name: str) -> int:
    """A whole number of at least 1."""
    return integer(value, name, least=1)


def integer(value: SupportsIndex, name: str, least: int) -> int:
    """A whole number of at least `least`."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise ArgumentError(f"{name} must be a whole number of at least {least}, got {value!r}.")
    return number


def positive_pair(value: SupportsIndex | Sequence[SupportsIndex], name: str) -> Pair:
    """(rows, columns), both at least 1; one number stands for both."""
    return pair(value, name, least=1)


def pair(value: SupportsIndex | Sequence[SupportsIndex], name: str, least: int) -> Pair:
    """(rows, columns), both at least `least`; one number stands for both."""
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise ArgumentError(f"{name} must be one number or (rows, columns), got {value!r}.")
        return integer(value[0], name, least), integer(value[1], name, least)
    number = integer(value, name, least)  # type: ignore[arg-type]
    return number, number


def padding(value: Any) -> Any:
    """Padding that `shapes.resolve_padding` understands: a word in lower case, or tuples."""
    resolve_padding(value, (1, 1), (1, 1), (1, 1), (1, 1))
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list | tuple):
        return tuple(tuple(side) if isinstance(side, list | tuple) else side for side in value)
    return value


def channels_last(data_format: str | None) -> str:
    """The one order of axes that there is here."""
    if data_format not in (None, "channels_last"):
        raise ArgumentError(
            f"data_format must be 'channels_last', got {data_format!r}. Arrange the images as "
            "(sample, height, width, channel): images.transpose(0, 2, 3, 1) does it."
        )
    return "channels_last"


def float32(dtype: Any) -> str:
    """The one kind of numbers that there is here: by name, as a NumPy type or as Keras's policy."""
    name = dtype.get("config", {}).get("name") if isinstance(dtype, dict) else dtype
    if name not in (None, "float32", np.float32, np.dtype(np.float32)):
        raise ArgumentError(f"dtype must be 'float32', or None for the same; got {dtype!r}.")
    return "float32"


def sample_shape(shape: Sequence[Any], name: str = "shape") -> Shape:
    """The shape of one sample, without the batch, every size known."""
    sizes = tuple(shape) if isinstance(shape, list | tuple) else ()
    if not sizes or not all(_is_size(size) for size in sizes):
        raise ArgumentError(
            f"{name} must give every size of one sample, for instance (28, 28, 1) for "
            f"(height, width, channel), without the batch; got {shape!r}."
        )
    return tuple(operator.index(size) for size in sizes)


def target_shape(shape: Sequence[Any], name: str) -> Shape:
    """The shape of one sample, of which one size may be -1."""
    sizes = tuple(shape) if isinstance(shape, list | tuple) else ()
    known = [size for size in sizes if size != -1]
    if not sizes or len(sizes) > len(known) + 1 or not all(map(_is_size, known)):
        raise ArgumentError(
            f"{name} must give the sizes of one sample, at most one of them -1 for what is left, "
            f"without the batch; got {shape!r}."
        )
    return tuple(operator.index(size) for size in sizes)


def batch_shape(shape: Sequence[int | None]) -> Shape:
    """The shape of one sample out of that of a batch, such as (None, 28, 28, 1)."""
    if not isinstance(shape, list | tuple):
        raise ArgumentError(f"input_shape must be like (None, 28, 28, 1), got {shape!r}.")
    return sample_shape(shape[1:], "input_shape, after its first axis, the batch,")


def finite(value: float, name: str) -> float:
    """A finite number."""
    number = _number(value)
    if not math.isfinite(number):
        raise ArgumentError(f"{name} must be a finite number, got {value!r}.")
    return number


def non_negative(value: float, name: str) -> float:
    """A finite number of at least 0."""
    number = _number(value)
    if not 0 <= number < math.inf:
        raise ArgumentError(f"{name} must be a finite number of at least 0, got {value!r}.")
    return number


def share(value: float, name: str) -> float:
    """A number from 0 to 1."""
    number = _number(value)
    if not 0 <= number <= 1:
        raise ArgumentError(f"{name} must be from 0 to 1, got {value!r}.")
    return number


def whole(value: SupportsIndex, name: str) -> int:
    """A whole number, negative or not."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgumentError(f"{name} must be a whole number, got {value!r}.")
    return operator.index(value)


def fraction(value: float, name: str) -> float:
    """A number from 0 up to, but not including, 1."""
    number = _number(value)
    if not 0 <= number < 1:
        raise ArgumentError(f"{name} must be at least 0 and less than 1, got {value!r}.")
    return number


def _number(value: Any) -> float:
    """The value as a float; NaN, which no check lets pass, if it is no number."""
    try:
        return math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        return math.nan


def _is_size(size: Any) -> bool:
    return not isinstance(size, bool) and hasattr(size, "__index__") and operator.index(size) >= 1
