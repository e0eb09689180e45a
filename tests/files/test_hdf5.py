"""Arrays in HDF5: back as they were, and nothing else than what was asked for."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from pellucid.errors import ModelFileError
from pellucid.files import hdf5
from pellucid.files.hdf5 import Variables

ARRAYS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(3, np.float32)]
GROUPS = {"": Variables("net", []), "layers/dense": Variables("top", ARRAYS)}


def content(write: Callable[[h5py.File], object]) -> bytes:
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        write(file)
    return memory.getvalue()


def read(data: bytes, path: str, shape: tuple[int, ...]) -> np.ndarray:
    with hdf5.opened(io.BytesIO(data), "some.h5") as file:
        return file.array(path).read(shape)


def test_arrays_come_back() -> None:
    with hdf5.opened(io.BytesIO(hdf5.packed(GROUPS)), "some.h5") as file:
        for stored, array in zip(file.arrays("layers/dense"), ARRAYS, strict=True):
            assert np.array_equal(stored.read(array.shape), array)
        assert file.arrays("") == file.arrays("layers/none") == []
        assert "layers/dense" in file
        assert "layers/conv" not in file


def test_the_same_arrays_give_the_same_bytes() -> None:
    assert hdf5.packed(GROUPS) == hdf5.packed(GROUPS)


def test_long_lists_of_texts_are_cut_as_keras_cuts_them() -> None:
    def write(file: h5py.File) -> None:
        group = file.create_group("model_weights")
        group.attrs["names0"], group.attrs["names1"] = [b"a", b"b"], ["c"]
        group.attrs["whole"] = [b"a"]

    with hdf5.opened(io.BytesIO(content(write)), "some.h5") as file:
        assert file.texts("model_weights", "names") == ["a", "b", "c"]
        assert file.texts("model_weights", "whole") == ["a"]
        assert file.texts("model_weights", "none") == []


def _external(file: h5py.File) -> None:
    file.create_dataset("0", (3,), np.float32, external=[("/etc/hostname", 0, 12)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3,), np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "0", (3,))
    file.create_virtual_dataset("0", layout)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda file: None, "some.h5 has no array 0. Save it again"),
        (lambda file: file.create_group("0"), "some.h5 has no array 0."),
        (
            lambda file: file.create_dataset("0", (10**12,), np.float32, chunks=(1024,)),
            r"some.h5: 0 has the shape \(1000000000000,\), needed is \(3,\)",
        ),
        (lambda file: file.create_dataset("0", data=[b"a", b"b", b"c"]), "of the type"),
        (lambda file: file.create_dataset("0", data=[1.0, np.nan, 2.0]), "not a number"),
        (lambda file: file.__setitem__("0", h5py.SoftLink("/1")), "a link, which is not followed"),
        (lambda file: file.__setitem__("0", h5py.ExternalLink("a.h5", "/1")), "is a link"),
        (_external, "keeps 0 in other files, which are not opened"),
        (_virtual, "keeps 0 in other files"),
    ],
)
def test_what_cannot_be_used_is_told(write: Callable[[h5py.File], object], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        read(content(write), "0", (3,))


def test_any_damage_is_told() -> None:
    """Bytes cut off or changed give right numbers or one kind of error, never anything else."""
    data = content(lambda file: file.create_dataset("a/b/0", data=np.ones(3, np.float32)))
    random = np.random.default_rng(0)
    told = 0
    for number in range(300):
        damaged = bytearray(data)
        if number % 2:
            del damaged[random.integers(len(data)) :]
        else:
            for place in random.integers(0, len(data), 10):
                damaged[place] = random.integers(256)
        try:
            read(bytes(damaged), "a/b/0", (3,))
        except ModelFileError as error:
            told += "some.h5" in str(error)
    assert told > 200


def test_reading_needs_no_more_than_the_file(tmp_path: Path) -> None:
    """An array that is stored as nothing but its shape."""
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("0", (2**20, 2**20), np.float32, chunks=(1, 1024), fillvalue=1)
    with path.open("rb") as source, hdf5.opened(source, "bomb.h5") as file:
        assert file.array("0").shape == (2**20, 2**20)
        with pytest.raises(ModelFileError, match="of another model"):
            file.array("0").read((2, 2))
