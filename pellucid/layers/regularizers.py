"""What keeps weights small: a part of the loss that grows with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.errors import ArgumentError
from pellucid.layers import arguments
from pellucid.layers.rules import Rule


@dataclass(frozen=True)
class Regularizer(Rule, kind="regularizer"):
    """Adds l1 * sum(|w|) + l2 * sum(w * w) to the loss that is trained.

    Raises ArgumentError unless both are finite and at least 0.
    """

    l1 = 0.0
    l2 = 0.0

    def __post_init__(self) -> None:
        for name in ("l1", "l2"):
            arguments.non_negative(getattr(self, name), name)

    def __call__(self, weights: ArrayLike) -> float:
        """What these weights add to the loss, summed in double precision."""
        values = np.asarray(weights, np.float64)
        return float(self.l1 * np.abs(values).sum() + self.l2 * np.square(values).sum())


@dataclass(frozen=True)
class L1(Regularizer):
    """Adds l1 * sum(|w|): it draws weights to exactly 0."""

    l1: float = 0.01


@dataclass(frozen=True)
class L2(Regularizer):
    """Adds l2 * sum(w * w): it shrinks weights in proportion to their size (weight decay)."""

    l2: float = 0.01


@dataclass(frozen=True)
class L1L2(Regularizer):
    """Adds both l1 * sum(|w|) and l2 * sum(w * w)."""

    l1: float = 0.0
    l2: float = 0.0


RegularizerLike = str | dict[str, Any] | Regularizer | None


def get(identifier: RegularizerLike) -> Regularizer | None:
    """A regularizer from its name ('l2', 'L2'), its configuration, or itself; None for None.

    Raises UnknownNameError, with the nearest known name, for any other.
    """
    return None if identifier is None else Regularizer.get(identifier)


def refuse_activity_regularizer(identifier: Any) -> None:
    """Raise ArgumentError for anything but None: outputs are not regularized here."""
    if identifier is not None:
        raise ArgumentError(
            f"activity_regularizer must be None, got {identifier!r}: what a layer gives is not "
            "regularized here. For its weights there are kernel_regularizer and bias_regularizer."
        )
