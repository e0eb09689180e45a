"""Memory for weights: aligned to cache lines, so that vectors never straddle two."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pellucid.shapes import Shape

CACHE_LINE = 64


def aligned_zeros(shape: Shape) -> NDArray[np.float32]:
    """Zeros, float32, C-contiguous, at an address that is a multiple of a cache line."""
    size = math.prod(shape)
    spare = CACHE_LINE // 4
    memory = np.zeros(size + spare, np.float32)
    start = -memory.ctypes.data % CACHE_LINE // 4
    return memory[start : start + size].reshape(shape)
