"""The network that a command is about: by name, from a model.json, or from a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.cli.data import Data
from pellucid.data.checks import as_real_array
from pellucid.errors import ArgumentError, DataError, ShapeError, unknown_name
from pellucid.models import Model, model_from_json
from pellucid.networks import NETWORKS
from pellucid.render.table import print_text
from pellucid.runs import Run
from pellucid.shapes import Shape


def build(network: str, data: Data) -> Model:
    """The network that `--network` names, new, for such data."""
    if network in NETWORKS:
        shape = data.train.images.shape[1:]
        if len(shape) == 2:
            shape = (*shape, 1)
        return NETWORKS[network](shape, _classes(data))
    return _read(network)


def summary(network: str, input_shape: str, classes: int) -> None:
    """Print the table of a network; of one that does not fit, the table up to there."""
    try:
        if network in NETWORKS:
            model = NETWORKS[network](_shape(input_shape), classes)
        elif Path(network).is_dir():
            model = Run.open(Path(network)).load()
        else:
            model = _read(network)
    except ShapeError as error:
        print_text(error.summary)
        raise
    model.summary()


def _read(network: str) -> Model:
    """A model from its description in a file."""
    path = Path(network)
    if not path.exists() and path.suffix != ".json":
        raise unknown_name("network", network, NETWORKS)
    try:
        return model_from_json(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}. Give the model.json of a run.") from error
    except ArgumentError as error:
        raise ArgumentError(f"{path}: {error} Give the model.json of a run.") from error


def _classes(data: Data) -> int:
    """How many classes the targets tell apart: the columns of one-hot rows, or the labels.

    Raises DataError for targets that are no numbers, and for a label so large that some class
    would have no sample at all.
    """
    if data.train.targets.ndim == 2:
        return int(data.train.targets.shape[1])
    targets = {"y_train": data.train.targets, "y_test": data.test.targets}
    labels = np.concatenate([as_real_array(y, name).ravel() for name, y in targets.items()])
    largest = float(np.fmax.reduce(labels, initial=0))
    if largest >= max(1, len(labels)):
        raise DataError(
            f"The largest label is {largest:.16g}, but there are only {len(labels)} samples. "
            "Labels count from 0 without gaps: numpy.unique(y, return_inverse=True) renumbers them."
        )
    return 1 + int(largest)


def _shape(text: str) -> Shape:
    """The shape that a person writes as 28,28,1."""
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise ArgumentError(
            f"--input-shape takes numbers with commas, for instance 28,28,1; got {text!r}."
        ) from None
