"""CIFAR-10's archives, in small: what is in them, and what is wrong with damaged ones."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.data.cifar import (
    cifar_parts,
    read_binary_tar,
    read_cifar_path,
    read_png_tar,
)
from pellucid.data.formats import UInt8Array
from pellucid.data.loader import load_data_set
from pellucid.datasets import cifar10
from pellucid.errors import DataError

PARTS = cifar_parts(train=10, test=3, side=4)
Files = dict[str, bytes]


def arrays() -> list[UInt8Array]:
    generator = np.random.default_rng(0)
    return [
        generator.integers(0, 256 if len(part.shape) == 4 else 10, part.shape, np.uint8)
        for part in PARTS
    ]


def batches() -> dict[str, tuple[UInt8Array, UInt8Array]]:
    """Pictures and labels of each file, by its name less the ending."""
    x_train, y_train, x_test, y_test = arrays()
    cut = {
        f"data_batch_{i + 1}": (x_train[2 * i : 2 * i + 2], y_train[2 * i : 2 * i + 2])
        for i in range(5)
    }
    return cut | {"test_batch": (x_test, y_test)}


def binary_files() -> Files:
    """One byte of label and the pixels, channels first, for each picture."""
    return {
        f"{name}.bin": np.hstack([y, x.transpose(0, 3, 1, 2).reshape(len(x), -1)]).tobytes()
        for name, (x, y) in batches().items()
    }


def png(pixels: UInt8Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def png_files() -> Files:
    """A picture with a row of pixels for each image, and lists of labels."""
    _, y_train, _, y_test = arrays()
    files = {f"{name}.png": png(x.reshape(len(x), 16, 3)) for name, (x, _) in batches().items()}
    files["train_lables.json"] = json.dumps(y_train.ravel().tolist()).encode()
    files["test_lables.json"] = json.dumps(y_test.ravel().tolist()).encode()
    return files


def packed(files: Files) -> io.BytesIO:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in {**files, "readme.html": b"hello"}.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    archive.seek(0)
    return archive


@pytest.mark.parametrize(
    ("read", "files"), [(read_binary_tar, binary_files), (read_png_tar, png_files)]
)
def test_both_archives_hold_the_same_arrays(read: Callable, files: Callable[[], Files]) -> None:
    found = read(packed(files()), PARTS, "a.tgz")
    for array, expected in zip(found, arrays(), strict=True):
        np.testing.assert_array_equal(array, expected, strict=True)
        assert array.flags.writeable
        assert array.flags.c_contiguous


def test_a_path_is_the_archive_or_an_npz(tmp_path: Path) -> None:
    archive = tmp_path / "cifar-10-binary.tar.gz"
    archive.write_bytes(packed(binary_files()).getvalue())
    stored = tmp_path / "mine.npz"
    np.savez(stored, **{part.key: array for part, array in zip(PARTS, arrays(), strict=True)})
    for path in (archive, stored):
        for array, expected in zip(read_cifar_path(path, PARTS), arrays(), strict=True):
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("test_batch.bin", lambda data: data[:-1], r"test_batch\.bin has 146 bytes, expected 147"),
        ("data_batch_3.bin", lambda data: data + b"?", r"_3\.bin has more bytes, expected 98"),
        ("data_batch_1.bin", None, r"a\.tgz holds no data_batch_1\.bin: truncated, or another"),
        ("test_batch.png", lambda data: data[:-30], r"test_batch\.png is damaged or truncated"),
        (
            "test_batch.png",
            lambda data: data[:90] + b"?" + data[91:],
            r"test_batch\.png is damaged",
        ),
        ("test_batch.png", lambda data: b"<html>", r"test_batch\.png is no picture in PNG format"),
        ("test_batch.png", lambda data: bytes(9999), r"test_batch\.png has more than 4254 bytes"),
        (
            "test_batch.png",
            lambda data: png(np.zeros((2, 16, 3), np.uint8)),
            r"test_batch\.png has 16×2 pixels of the kind RGB, expected 16×3 RGB",
        ),
        ("data_batch_2.png", None, r"a\.tgz holds no data_batch_2\.png"),
        ("test_lables.json", lambda data: b"[1, 2", r"test_lables\.json is damaged or truncated"),
        ("test_lables.json", lambda data: b"[1, 2]", r"test_lables\.json is no list of 3 labels"),
        ("test_lables.json", lambda data: b"[1, 2, 10]", r"whole numbers from 0 to 9"),
        ("test_lables.json", lambda data: b"[1, 2, true]", r"whole numbers from 0 to 9"),
        ("test_lables.json", lambda data: b" " * 99, r"more than 40 bytes, expected 3 labels"),
    ],
)
def test_a_damaged_archive_says_so(name: str, change: Callable | None, message: str) -> None:
    files, read = (
        (binary_files(), read_binary_tar) if name.endswith(".bin") else (png_files(), read_png_tar)
    )
    content = files.pop(name)
    if change is not None:
        files[name] = change(content)
    with pytest.raises(DataError, match=message):
        read(packed(files), PARTS, "a.tgz")


def test_an_archive_that_is_none_says_so() -> None:
    with pytest.raises(DataError, match=r"a\.tgz is damaged or truncated"):
        read_binary_tar(io.BytesIO(b"<html>"), PARTS, "a.tgz")


def test_a_wrong_path_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"none does not exist; give an \.npz file .*, or the archive cifar-10-bin"
    ):
        load_data_set("cifar10", tmp_path / "none")


def test_keras_place_loads_it_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(cifar10, "load_data_set", lambda *given: asked.append(given))
    cifar10.load_data()
    assert asked == [("cifar10", None)]
