"""The samples that a command works on: a data set by name, or arrays in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.data import DATA_SETS, data_set_digest, digest, load_data_set
from pellucid.data.checks import as_images
from pellucid.data.formats import DAMAGE
from pellucid.errors import ArgumentError, DataError, unknown_name
from pellucid.models import Model
from pellucid.ops.base import Array
from pellucid.ops.losses import Loss, SparseCategoricalCrossentropy
from pellucid.training.objective import Objective

KEYS = ("x_train", "y_train", "x_test", "y_test")


class Part(NamedTuple):
    """Samples and their targets, as they lie in the file."""

    images: Array
    targets: Array


@dataclass(frozen=True)
class Data:
    """A data set: what it is called, the SHA-256 of its arrays, and its two parts."""

    name: str
    sha256: str
    train: Part
    test: Part

    def limited(self, limit: int | None) -> Data:
        """The same data with at most `limit` samples in each part."""
        if limit is None:
            return self
        cut = [Part(part.images[:limit], part.targets[:limit]) for part in (self.train, self.test)]
        return replace(self, train=cut[0], test=cut[1])


def load(source: str) -> Data:
    """Load a data set by its name, or from the .npz file that `source` is the path of.

    Raises:
        DataError: the file is damaged, or has not the four arrays that Keras's .npz files have.
        UnknownNameError: `source` is neither the name of a data set nor a path.
    """
    if source in DATA_SETS:
        train, test = load_data_set(source)
        return Data(source, data_set_digest(source), _part(*train), _part(*test))
    path = Path(source).expanduser()
    if not path.exists() and path.suffix != ".npz":
        raise unknown_name("data set", source, DATA_SETS)
    arrays = read_arrays(path)
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise DataError(
            f"{path} has no array {', '.join(missing)}. A data set is an .npz file with the arrays "
            f"{', '.join(KEYS)}: numpy.savez({path.name!r}, x_train=…, y_train=…, …) writes one."
        )
    x_train, y_train, x_test, y_test = (arrays[key] for key in KEYS)
    sha256 = digest((x_train, y_train, x_test, y_test))
    return Data(path.stem, sha256, _part(x_train, y_train), _part(x_test, y_test))


def _part(images: Array, targets: Array) -> Part:
    """Samples and targets; class numbers (N, 1), as those of CIFAR-10 come, as (N,)."""
    whole = targets.dtype.kind in "iu" and targets.shape[1:] == (1,)
    return Part(images, targets[:, 0] if whole else targets)


def read_arrays(path: Path) -> dict[str, Array]:
    """All arrays of an .npz file, or the one of an .npy file under its name.

    Raises:
        DataError: no such file, another kind of file, or a damaged one.
    """
    try:
        with open(path, "rb") as file:
            content: Array | Mapping[str, Any] = np.load(file, allow_pickle=False)
            if isinstance(content, np.ndarray):
                return {path.stem: content}
            return dict(content)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}). Give the path of a file that "
            "numpy.save or numpy.savez has written."
        ) from error
    except DAMAGE as error:
        # NumPy takes whatever it does not know for a pickle, and advises to load it unsafely.
        reason = "" if "pickle" in str(error) else f" ({error})"
        raise DataError(
            f"{path} is no .npy or .npz file of numbers, or is damaged{reason}. numpy.save and "
            "numpy.savez write such files."
        ) from error


def prepared(part: Part, model: Model, which: str) -> Part:
    """A part of the data as the compiled model reads it.

    which: 'train' or 'test'. Raises DataError, with the name of the array in the file, for what
    the model cannot read.
    """
    shape = model.graph.inputs[0]
    images = as_images(as_input(part.images, shape), shape, f"x_{which}")
    objective = Objective(model.loss, (), model.graph.output_shapes[0])
    labels = as_targets(part.targets, model.loss, model.graph.output_shapes[0])
    return Part(images, objective.as_targets(labels, len(images), f"y_{which}"))


def as_input(images: Array, input_shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Samples as the network reads them: bytes become 0 to 1, and grey pictures get a channel.

    images: (N, *input_shape), or without the last axis where that is 1. float32 and other numbers
    keep their values; only unsigned bytes are divided by 255. Shapes that do not fit are left for
    the model to refuse.
    """
    if images.dtype == np.uint8:
        images = images.astype(np.float32) / np.float32(255)
    if input_shape[-1:] == (1,) and images.shape[1:] == input_shape[:-1]:
        images = images[..., None]
    return images


def as_targets(labels: Array, loss: Loss, output_shape: tuple[int, ...]) -> Array:
    """Targets as the loss takes them: class labels become one-hot rows for a dense loss."""
    classes = output_shape[-1]
    dense = not isinstance(loss, SparseCategoricalCrossentropy)
    if dense and labels.ndim == 1 and labels.dtype.kind in "iu" and classes > 1:
        if labels.size and not 0 <= labels.min() <= labels.max() < classes:
            raise DataError(
                f"The labels go from {labels.min()} to {labels.max()}, but the network tells "
                f"{classes} classes apart: labels go from 0 to {classes - 1}."
            )
        return np.eye(classes, dtype=np.float32)[labels]
    return labels


def pick(images: Array, numbers: list[int]) -> Array:
    """The images with these numbers; ArgumentError for one that is not there."""
    for number in numbers:
        if not 0 <= number < len(images):
            raise ArgumentError(
                f"There is no image {number}: the numbers go from 0 to {len(images) - 1}."
            )
    return images[numbers]
