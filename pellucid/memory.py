"""Memory that begins on a cache line, so that vectors never straddle two of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

CACHE_LINE = 64  # bytes


def aligned_zeros(shape: int | tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Zeros, C-contiguous, at an address that is a multiple of a cache line."""
    kind = np.dtype(dtype)
    sizes = (shape,) if isinstance(shape, int) else shape
    count = math.prod(sizes)
    memory = np.zeros(count + CACHE_LINE // kind.itemsize, kind)
    start = -memory.ctypes.data % CACHE_LINE // kind.itemsize
    return memory[start : start + count].reshape(sizes)
