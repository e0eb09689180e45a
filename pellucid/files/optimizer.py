"""What an optimizer remembers, in the order in which Keras keeps it.

Keras's variables are the number of steps; the learning rate, unless it follows a schedule; the
averages of all weights, if there are any; and the arrays of the formula, one kind after the other,
each for all weights. Only Adam's two means lie weight by weight.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from pellucid.errors import ModelFileError
from pellucid.files.hdf5 import StoredArray
from pellucid.ops.base import Array
from pellucid.ops.optimizers import Optimizer, RMSprop
from pellucid.ops.schedules import LearningRateSchedule
from pellucid.shapes import Shape


class Memory(NamedTuple):
    """The number of steps, the learning rate if it is a number, and the slots of every weight.

    slots: None if none were kept, since there was no training yet.
    """

    step: int
    learning_rate: float | None
    slots: list[list[Array]] | None


def variables(optimizer: Optimizer, step: int, slots: Sequence[Sequence[Array]]) -> list[Array]:
    """What Keras would keep after so many steps. slots: those of every trainable weight."""
    rate = optimizer.learning_rate
    scalars = [np.asarray(step, np.int32)]
    if not isinstance(rate, LearningRateSchedule):
        scalars.append(np.asarray(rate, np.float32))
    return scalars + [slots[weight][slot] for weight, slot in _order(optimizer, len(slots))]


def memory(optimizer: Optimizer, stored: Sequence[StoredArray], shapes: Sequence[Shape]) -> Memory:
    """What Keras kept. shapes: of every trainable weight.

    Raises ModelFileError if it belongs to another optimizer, or to other weights.
    """
    numbers = list(itertools.takewhile(lambda array: array.shape == (), stored))
    arrays = stored[len(numbers) :]
    # Before Keras 2.11 the steps were called iter, and nothing was kept weight by weight.
    old = bool(numbers) and numbers[0].name.endswith("/iter:0")
    order = list(_order(optimizer, len(shapes), old))
    if not numbers or len(arrays) not in (0, len(order)):
        raise ModelFileError(
            f"{stored[0].name.rpartition(': ')[0]} keeps {len(arrays)} arrays of the optimizer "
            f"{type(optimizer).__name__}, needed are {len(order)}: it was compiled when other "
            "layers were trainable. Load it with compile=False, and compile it anew."
        )
    step, *rate = (float(number.read(())) for number in numbers[:2])
    slots = None
    if arrays:
        slots = [[np.empty(0)] * optimizer.slot_count for _ in shapes]
        for (weight, slot), array in zip(order, arrays, strict=True):
            slots[weight][slot] = array.read(shapes[weight])
    return Memory(int(step), rate[0] if rate else None, slots)


def _order(optimizer: Optimizer, weights: int, old: bool = False) -> Iterator[tuple[int, int]]:
    """The weight and the slot of each of Keras's arrays."""
    for together in _blocks(optimizer):
        for block in [(slot,) for slot in together] if old else [together]:
            for weight in range(weights):
                for slot in block:
                    yield weight, slot


def _blocks(optimizer: Optimizer) -> list[tuple[int, ...]]:
    """The slots in Keras's order; those that it keeps weight by weight are together."""
    own = range(optimizer.own_slots)
    averages = [(optimizer.own_slots,)] if optimizer.use_ema else []
    if isinstance(optimizer, RMSprop):
        velocity, *others = own  # here: the mean gradient, then the momentum; in Keras after it
        return [*averages, (velocity,), *((slot,) for slot in reversed(others))]
    together, alone = tuple(own[:2]), own[2:]
    return [*averages, together, *((slot,) for slot in alone)]
