"""What training remembers besides the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pellucid.errors import DataError
from pellucid.graph import Parameter
from pellucid.memory import aligned_zeros
from pellucid.ops.base import Array
from pellucid.ops.optimizers import Optimizer


@dataclass
class TrainingState:
    """Together with the weights, all that a training goes on from to the same bits.

    seed: what the order of samples and dropout follow from. step: updates made so far. epoch:
    whole epochs trained so far. slots: for every trainable parameter, in order, the arrays that
    the optimizer keeps for it.
    """

    seed: int
    step: int = 0
    epoch: int = 0
    slots: list[list[Array]] = field(default_factory=list)

    @classmethod
    def start(
        cls, seed: int, optimizer: Optimizer, parameters: Sequence[Parameter]
    ) -> TrainingState:
        """The state before the first step: all slots zero."""
        slots: list[list[Array]] = [
            [aligned_zeros(parameter.shape) for _ in range(optimizer.slot_count)]
            for parameter in parameters
            if parameter.trainable
        ]
        return cls(seed, slots=slots)

    def copy_from(self, other: TrainingState) -> None:
        """Take over another state; the arrays stay the same and get new values.

        Raises DataError if it belongs to another network or optimizer.
        """
        needed = [[slot.shape for slot in slots] for slots in self.slots]
        given = [[slot.shape for slot in slots] for slots in other.slots]
        if needed != given:
            raise DataError(
                "This state of training belongs to another network or optimizer: its arrays have "
                f"the shapes {given}, needed are {needed}."
            )
        self.seed, self.step, self.epoch = other.seed, other.step, other.epoch
        for mine, others in zip(self.slots, other.slots, strict=True):
            for slot, value in zip(mine, others, strict=True):
                slot[...] = value
