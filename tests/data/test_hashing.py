import hashlib

import numpy as np
import pytest

from pellucid.data import digest
from pellucid.errors import DataError


def test_it_is_the_sha256_of_type_shape_and_numbers() -> None:
    expected = hashlib.sha256(b"|u1(2, 2)\x01\x02\x03\x04<f4(1,)\x00\x00\x80\x3f").hexdigest()
    arrays = [np.array([[1, 2], [3, 4]], np.uint8), np.array([1], np.float32)]
    assert digest(arrays) == expected


@pytest.mark.parametrize(
    "same",
    [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
        np.arange(12, dtype=np.int32)[::2].reshape(2, 3) // 2,
    ],
)
def test_memory_layout_does_not_matter(same: np.ndarray) -> None:
    assert digest([same]) == digest([np.arange(6, dtype=np.int32).reshape(2, 3)])


@pytest.mark.parametrize(
    "other",
    [
        [np.arange(6, dtype=np.int32).reshape(3, 2)],
        [np.arange(6, dtype=np.uint32).reshape(2, 3)],
        [np.arange(1, 7, dtype=np.int32).reshape(2, 3)],
        [np.arange(6, dtype=np.int32).reshape(2, 3), np.zeros(0)],
    ],
)
def test_everything_else_does(other: list[np.ndarray]) -> None:
    assert digest(other) != digest([np.arange(6, dtype=np.int32).reshape(2, 3)])


def test_a_single_number_and_no_number_have_a_digest() -> None:
    assert digest([np.float32(1)]) != digest([np.array([1], np.float32)])
    assert digest([np.zeros((0, 3), bool)]) != digest([np.zeros((3, 0), bool)])


def test_objects_have_none() -> None:
    with pytest.raises(DataError, match=r"Array 1 holds Python objects .* convert it to numbers"):
        digest([np.zeros(1), np.array([None])])
