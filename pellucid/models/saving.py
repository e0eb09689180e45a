"""Saving models and weights, in the formats of Keras 3."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.errors import ArgumentError, TrainingError
from pellucid.files import access, archive, compilation, descriptions, hdf5, layout, optimizer
from pellucid.files.archive import Archive
from pellucid.files.descriptions import CONTAINERS
from pellucid.files.hdf5 import Variables
from pellucid.layers.base import Layer
from pellucid.models.configuration import describe
from pellucid.ops.base import Array

if TYPE_CHECKING:
    from pellucid.models.model import Model

_KERAS = "3.15.1"
"""The version of Keras whose format is written."""


def save_model(model: Model, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Save all of a model as one .keras file, which Keras 3 opens, too.

    It holds the layers, the weights and, of a compiled model, what `compile` was told and the
    state of training: `load_model` goes on to the same bits. The same model always gives the same
    bytes. The file is whole or not there, whatever happens.

    filepath: ends in .keras. overwrite: whether a file that is there is replaced.

    Raises ArgumentError for another ending, ShapeError for a model that has no weights yet,
    TrainingError for weights that are not finite, and ModelFileError if a file may not be
    replaced or written.
    """
    path = Path(filepath)
    if path.suffix != ".keras":
        raise ArgumentError(
            f"Models are saved as .keras files, for instance {path.stem or 'model'}.keras, got "
            f"{str(filepath)!r}. For the weights alone use save_weights('model.weights.h5')."
        )
    description = descriptions.written(describe(model))
    metadata: dict[str, Any] = {"keras_version": _KERAS}
    ours: dict[str, Any] = {"version": version("pellucid")}
    if model.compiled:
        state = model.training_state
        description["compile_config"] = compilation.written(model.get_compile_config())
        ours |= {"seed": state.seed, "epoch": state.epoch}
    weights = hdf5.packed(dict(_variables(model)))
    archive.write(path, Archive(description, {**metadata, "pellucid": ours}, weights), overwrite)


def save_weights(model: Model, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Save the weights of a model as a .weights.h5 file, which Keras 3 reads, too.

    Of a compiled model it also holds what the optimizer remembers, as Keras expects it.

    filepath: ends in .weights.h5. overwrite: whether a file that is there is replaced.
    Raises as `save_model` does.
    """
    path = Path(filepath)
    if not path.name.endswith(".weights.h5"):
        raise ArgumentError(
            f"Weights are saved as .weights.h5 files, for instance {path.stem or 'model'}"
            f".weights.h5, got {str(filepath)!r}. For the whole model use save('model.keras')."
        )
    content = hdf5.packed(dict(_variables(model)))
    with access.replaced(path, overwrite) as file:
        file.write(content)


def grouped(
    model: Model, description: dict[str, Any]
) -> Iterator[tuple[str, Layer, Sequence[Array]]]:
    """Every layer of a model with its group in Keras's files, and the weights that are its own.

    description: of the model, from which the groups follow; a model in it has no weights itself.
    """
    for names, group in layout.groups(description):
        layer: Layer = model
        for name in names:
            layer = layer.get_layer(name)  # type: ignore[attr-defined]
        yield group, layer, () if layer.kind in CONTAINERS else layer.weights


def _variables(model: Model) -> Iterator[tuple[str, Variables]]:
    """Every group of Keras's file of weights; TrainingError for weights that are not finite."""
    _ = model.wiring  # ShapeError if there are no weights yet
    yield "", Variables(model.name, ())
    for group, layer, arrays in grouped(model, describe(model)):
        if not all(np.isfinite(array).all() for array in arrays):
            raise TrainingError(
                f"The weights of layer {layer.name} are no longer finite, so they are not saved; a "
                "file that is there stays as it was. Train anew with a smaller learning rate."
            )
        yield group, Variables(layer.name, arrays)
    if model.compiled:
        state = model.training_state
        arrays = optimizer.variables(model.optimizer, state.step, state.slots)
        yield layout.OPTIMIZER, Variables(type(model.optimizer).__name__.lower(), arrays)
