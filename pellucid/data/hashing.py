"""One SHA-256 for a set of arrays: it pins the data sets, and a run folder records it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from pellucid.errors import DataError


def digest(arrays: Iterable[ArrayLike]) -> str:
    """The SHA-256 of some arrays, in their order, as 64 hexadecimal digits.

    It covers each array's element type, shape and numbers (C order, little-endian), so that it
    does not depend on strides, on the machine's byte order, or on the file the arrays came from.

    Raises:
        DataError: an array holds Python objects, which have no bytes of their own.
    """
    sha256 = hashlib.sha256()
    for index, given in enumerate(arrays):
        array = np.asarray(given)
        if array.dtype.hasobject:
            raise DataError(
                f"Array {index} holds Python objects and cannot be hashed; "
                "convert it to numbers first, for instance with numpy.asarray(x, numpy.float32)."
            )
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        sha256.update(f"{array.dtype.str}{np.shape(given)}".encode())
        sha256.update(array.reshape(-1).view(np.uint8).data)
    return sha256.hexdigest()
