"""Models and weights out of files: Keras 3's, Keras 2's and our own."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import random
from pellucid.engines.base import Engine
from pellucid.errors import ArgumentError, ModelFileError, PellucidError
from pellucid.files import archive, compilation, descriptions, hdf5, layout, legacy, optimizer
from pellucid.files.hdf5 import StoredArray
from pellucid.layers.starting import left_at_zero
from pellucid.models.model import Model
from pellucid.models.reading import KINDS
from pellucid.models.restoring import LEGACY, by_group, by_order, copy, refusals
from pellucid.training.state import TrainingState


def load_model(
    filepath: str | os.PathLike[str], *, compile: bool = True, engine: str | Engine | None = None
) -> Model:
    """The model in a file: .keras of Keras 3 and of `save`, or .h5 of Keras 2.

    A compiled one comes back compiled and with the state of its training, if the file has it, so
    that `fit` goes on. Nothing in a file is executed: layers are looked up by name among those
    that there are here, and there is no Lambda and no pickle.

    compile: whether to compile the model as it was. engine: as for Model.

    Raises ArgumentError for another ending, and ModelFileError for a file that is missing or
    damaged, or that asks for what there is not here; the message says what it is.
    """
    path = Path(filepath)
    if path.suffix not in (".keras", *LEGACY):
        raise ArgumentError(
            f"Models are loaded from .keras files, and from .h5 files of Keras 2; {path.name} is "
            "neither. Load it where it comes from, and save it as .keras there."
        )
    if path.name.endswith(".weights.h5"):
        raise ArgumentError(f"{path.name} holds weights alone. {_build_first(path)}")
    with refusals(path):
        read = _from_archive if path.suffix == ".keras" else _from_legacy
        model = read(path, compile)
    if engine is not None:
        model.engine = engine
    return model


def _from_archive(path: Path, compile: bool) -> Model:
    content = archive.read(path)
    description, model = _made(content.config, path)
    with hdf5.opened(io.BytesIO(content.weights), str(path)) as file:
        copy(by_group(model, description, file), path)
        if compile and content.config.get("compile_config"):
            _compile(model, content.config["compile_config"], path)
            _go_on(model, file.arrays(layout.OPTIMIZER), content.metadata.get("pellucid") or {})
    return model


def _from_legacy(path: Path, compile: bool) -> Model:
    with legacy.opened(path) as old:
        if old.model is None:
            raise ModelFileError(f"{path} holds weights alone. {_build_first(path)}")
        _, model = _made(old.model, path)
        copy(by_order(model, old.layers, path), path)
        if compile and old.training:
            _compile(model, old.training, path)
            _go_on(model, old.optimizer, {})
    return model


def _made(config: dict[str, Any], path: Path) -> tuple[dict[str, Any], Model]:
    """What a file says of a model, as Keras 3 would say it, and that model with zero weights."""
    description = descriptions.read(config, str(path))
    kind = description["class_name"]
    if kind not in KINDS:
        raise ModelFileError(f"{path} holds a layer of the kind {kind}, and no model.")
    with left_at_zero():
        return description, KINDS[kind].from_config(description["config"])


def _compile(model: Model, config: dict[str, Any], path: Path) -> None:
    try:
        model.compile_from_config(compilation.read(config, str(path)))
    except ModelFileError:
        raise
    except PellucidError as error:
        raise ModelFileError(
            f"{path} cannot be compiled as it was: {error} Load it with compile=False, and compile "
            "it anew."
        ) from error


def _go_on(model: Model, stored: Sequence[StoredArray], ours: dict[str, Any]) -> None:
    """Give a compiled model the state of training that a file has."""
    if not stored:
        return
    state = model.training_state
    shapes = [parameter.shape for parameter in model.graph.parameters if parameter.trainable]
    kept = optimizer.memory(model.optimizer, stored, shapes)
    # Kept as float32: where the configuration says the same number, it says more digits of it.
    if kept.learning_rate not in (None, np.float32(model.optimizer.rate(kept.step))):
        model.optimizer.learning_rate = kept.learning_rate
    model.training_state = TrainingState(
        random.check_seed(ours.get("seed", state.seed)),
        kept.step,
        int(ours.get("epoch", 0)),
        state.slots if kept.slots is None else kept.slots,
    )


def _build_first(path: Path) -> str:
    return f"Build the model, then call model.load_weights({path.name!r})."
