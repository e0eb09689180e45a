"""Copying the weights in a file into a model: all of them, or none."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pellucid.errors import ArgumentError, ModelFileError, PellucidError
from pellucid.files import access, archive, hdf5, legacy
from pellucid.files.access import ANOTHER_COPY
from pellucid.files.hdf5 import Hdf5File, StoredArray
from pellucid.models.configuration import describe
from pellucid.models.saving import grouped
from pellucid.ops.base import Array

if TYPE_CHECKING:
    from pellucid.models.model import Model

LEGACY = (".h5", ".hdf5")
"""The endings of Keras 2's files."""

# What code runs into that trusts a description: wrong types, missing keys, sizes beyond all memory.
_DAMAGE = (
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


class Weights(NamedTuple):
    """The weights of a layer, and what a file has for them."""

    name: str
    arrays: Sequence[Array]
    stored: Sequence[StoredArray]


def load_weights(model: Model, filepath: str | os.PathLike[str]) -> None:
    """Copy the weights in a file into a model of the same layers, all or none.

    filepath: .weights.h5 or .keras of Keras 3 and of Pellucid, or .h5 of Keras 2. Names of layers
    do not count. What the optimizer remembers stays as it is.

    Raises ShapeError for a model that has no weights yet, and otherwise as `load_model` does.
    """
    path = Path(filepath)
    _ = model.wiring  # ShapeError if there are no weights yet
    description = describe(model)
    if path.suffix not in (".keras", *LEGACY):
        raise ArgumentError(
            f"Weights are loaded from .weights.h5, .keras and .h5 files; {path.name} is none."
        )
    with refusals(path):
        if path.suffix == ".keras":
            content = io.BytesIO(archive.read(path).weights)
            with hdf5.opened(content, str(path)) as file:
                copy(by_group(model, description, file), path)
        elif path.name.endswith(".weights.h5"):
            with access.opened(path) as source, hdf5.opened(source, str(path)) as file:
                copy(by_group(model, description, file), path)
        else:
            with legacy.opened(path) as old:
                copy(by_order(model, old.layers, path), path)


def by_group(model: Model, description: dict[str, Any], file: Hdf5File) -> Iterator[Weights]:
    """The weights of every layer, and their arrays in a file of Keras 3."""
    for group, layer, arrays in grouped(model, description):
        yield Weights(layer.name, arrays, file.arrays(group))


def by_order(
    model: Model, layers: Sequence[tuple[str, Sequence[StoredArray]]], path: Path
) -> Iterator[Weights]:
    """The weights of every layer that has some, and their arrays in a file of Keras 2."""
    ours = [layer for layer in model.layers if layer.weights]
    if len(ours) != len(layers):
        raise ModelFileError(
            f"{path} has weights for {len(layers)} layers, needed are {len(ours)}: "
            f"{', '.join(layer.name for layer in ours)}. It is of another model."
        )
    for layer, (_, arrays) in zip(ours, layers, strict=True):
        yield Weights(layer.name, layer.trainable_weights + layer.non_trainable_weights, arrays)


def copy(weights: Iterable[Weights], path: Path) -> None:
    """Read all arrays, then copy them; ModelFileError, and nothing copied, if one does not fit."""
    read: list[tuple[Array, Array]] = []
    for name, targets, stored in weights:
        if len(targets) != len(stored):
            raise ModelFileError(
                f"{path} has {len(stored)} arrays of weights for layer {name}, needed are "
                f"{len(targets)}: it is of another model."
            )
        read += [
            (array, kept.read(array.shape, f"layer {name}"))
            for array, kept in zip(targets, stored, strict=True)
        ]
    for array, values in read:
        array[...] = values


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what a description of a model runs into here into one error that names the file."""
    try:
        yield
    except ModelFileError:
        raise
    except PellucidError as error:
        raise ModelFileError(f"{path} cannot be loaded: {error}") from error
    except _DAMAGE as error:
        raise ModelFileError(
            f"{path} is damaged, or of a Keras that is not known here ({error!r}). {ANOTHER_COPY}"
        ) from error
