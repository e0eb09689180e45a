"""What PyTorch's word for an operation looks like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

Word = Callable[[Any, Sequence[Tensor], Sequence[Tensor]], Tensor]
"""From an operation, its inputs and its parameters to its output."""
