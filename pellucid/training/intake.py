"""From what a user gives to `fit`, `evaluate` and `predict` to what engines read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.data.checks import as_images, as_real_array
from pellucid.errors import ArgumentError, DataError
from pellucid.ops.base import Array
from pellucid.shapes import Shape
from pellucid.training.objective import Objective
from pellucid.training.samples import Samples

Take = Callable[[Any, str], list[Any]]
ClassWeight = Mapping[int, float]


def is_stream(x: Any) -> bool:
    """Whether something gives batches one after the other, and is no array or list of arrays."""
    if x is None or isinstance(x, str | list | tuple | dict) or hasattr(x, "__array__"):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


class Intake:
    """Checks data against a network, and brings them into the form that engines read.

    shapes, names: of the inputs. take_inputs, take_outputs: take apart what is given for several
    inputs or outputs. objectives: of the outputs; none where nothing is compared.
    """

    def __init__(
        self,
        shapes: Sequence[Shape],
        names: Sequence[str],
        take_inputs: Take,
        take_outputs: Take,
        objectives: Sequence[Objective] = (),
    ) -> None:
        self._shapes = shapes
        self._names = names
        self._take_inputs = take_inputs
        self._take_outputs = take_outputs
        self._objectives = objectives

    def inputs(self, x: Any, called: str = "x") -> list[Array]:
        """The samples for each input; DataError if they do not fit it, or each other."""
        if len(self._shapes) == 1 and not isinstance(x, dict):
            return [as_images(x, self._shapes[0], called)]
        given = self._take_inputs(x, called)
        arrays: list[Array] = [
            as_images(array, shape, f"{called}[{name!r}]")
            for array, shape, name in zip(given, self._shapes, self._names, strict=True)
        ]
        counts = [len(array) for array in arrays]
        if len(set(counts)) > 1:
            raise DataError(
                f"The inputs in {called} have {', '.join(map(str, counts))} samples: give as many "
                "of each."
            )
        return arrays

    def samples(self, x: Any, y: Any, sample_weight: Any = None, suffix: str = "") -> Samples:
        """Samples with their targets and weights; DataError for what does not fit.

        suffix: what messages put behind x and y, for instance _val.
        """
        inputs = self.inputs(x, f"x{suffix}")
        count, called = len(inputs[0]), f"y{suffix}"
        if len(self._objectives) == 1 and not isinstance(y, dict):
            targets = [self._objectives[0].as_targets(y, count, called)]
        else:
            given = self._take_outputs(y, called)
            targets = [
                objective.as_targets(
                    part, count, f"{called}[{objective.name!r}]" if objective.name else called
                )
                for objective, part in zip(self._objectives, given, strict=True)
            ]
        return Samples(inputs, targets, self._weights(sample_weight, count))

    def by_class(self, samples: Samples, class_weight: ClassWeight | None) -> Samples:
        """The samples, each with the weight of its class; as they are if there are none."""
        if class_weight is None:
            return samples
        if len(samples.weights) > 1 or samples.weights[0] is not None:
            raise ArgumentError(
                "class_weight goes with a model of one output, and not together with "
                "sample_weight: give sample_weight alone, with all that is meant in it."
            )
        weights = _of_classes(samples.targets[0], self._objectives[0], class_weight)
        return replace(samples, weights=[weights])

    def batch(self, batch: Any, class_weight: ClassWeight | None = None) -> Samples:
        """Samples out of one batch of a stream: (x, y) or (x, y, sample_weight)."""
        if not isinstance(batch, tuple | list) or not 2 <= len(batch) <= 3:
            raise DataError(
                "Each batch must be (x, y) or (x, y, sample_weight), got "
                f"{type(batch).__name__}"
                + (f" of {len(batch)}." if isinstance(batch, tuple | list) else ".")
            )
        weights = batch[2] if len(batch) == 3 else None
        return self.by_class(self.samples(batch[0], batch[1], weights), class_weight)

    def asked(self, batch: Any) -> Samples:
        """The inputs out of one batch of a stream: x, or a tuple that begins with it."""
        return Samples(self.inputs(batch[0] if isinstance(batch, tuple) else batch), [], [])

    def _weights(self, given: Any, count: int) -> list[Array | None]:
        """How much every sample counts, for each output."""
        if given is None:
            return [None] * len(self._objectives)
        if isinstance(given, dict):
            parts = [given.get(objective.name) for objective in self._objectives]
        elif isinstance(given, list | tuple) and len(self._objectives) > 1:
            parts = self._take_outputs(given, "sample_weight")
        else:
            parts = [given] * len(self._objectives)
        return [None if part is None else _as_weights(part, count) for part in parts]


def _as_weights(given: ArrayLike, count: int) -> Array:
    weights = as_real_array(given, "sample_weight")
    if weights.shape == (count, 1):
        weights = weights[:, 0]
    if weights.shape != (count,):
        raise DataError(
            f"sample_weight has shape {weights.shape}, expected is one number for each sample: "
            f"({count},)."
        )
    weights = np.ascontiguousarray(weights, np.float32)
    if not np.isfinite(weights).all():
        raise DataError("sample_weight has values that are not finite: give numbers only.")
    return weights


def _of_classes(targets: Array, objective: Objective, class_weight: ClassWeight) -> Array:
    """The weight of each sample's class; 1 for classes that have none."""
    one_hot = targets.ndim == 2 and targets.shape[1] > 1
    numbers = targets.argmax(axis=1) if one_hot else targets.reshape(len(targets), -1)
    if numbers.ndim == 2:
        if numbers.shape[1] != 1:
            raise ArgumentError(
                f"class_weight needs one class a sample, but targets have the shape "
                f"{objective.target_shape}: give sample_weight."
            )
        numbers = numbers[:, 0].round()
    return np.array([class_weight.get(int(number), 1.0) for number in numbers], np.float32)
