import gzip
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pellucid.data.formats import (
    UInt8Array,
    read_csv_zip,
    read_idx,
    read_idx_file,
    read_idx_folder,
    read_idx_tar,
    read_npz,
    read_path,
)
from pellucid.errors import DataError

MEMBERS = ("tiny/train.csv", "tiny/test.csv")


def read_tar(path: Path, tiny) -> list[UInt8Array]:
    with open(path, "rb") as stream:
        return read_idx_tar(stream, tiny.parts, path.name)


@pytest.mark.parametrize(
    "read",
    [
        lambda tiny, tmp: read_path(tiny.write_folder(tmp / "raw"), tiny.parts),
        lambda tiny, tmp: read_path(tiny.write_folder(tmp / "gz", packed=True), tiny.parts),
        lambda tiny, tmp: read_path(tiny.write_npz(tmp / "a.npz"), tiny.parts),
        lambda tiny, tmp: read_tar(tiny.write_tar(tmp / "a.tgz"), tiny),
        lambda tiny, tmp: read_tar(tiny.write_tar(tmp / "a.tar", mode="w"), tiny),
        lambda tiny, tmp: read_csv_zip(tiny.write_wheel(tmp / "a.whl"), tiny.parts, MEMBERS),
    ],
    ids=["folder", "folder of .gz", "npz", "tgz", "tar", "wheel"],
)
def test_every_form_gives_the_same_arrays(read: Callable, tiny, tmp_path: Path) -> None:
    arrays = read(tiny, tmp_path)
    assert len(arrays) == len(tiny.arrays)
    for found, expected in zip(arrays, tiny.arrays, strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)
        assert found.flags.writeable
        assert found.flags.c_contiguous


def test_the_dotted_names_of_some_copies_are_known(tiny, tmp_path: Path) -> None:
    for path in tiny.write_folder(tmp_path).iterdir():
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    np.testing.assert_array_equal(read_idx_folder(tmp_path, tiny.parts)[0], tiny.arrays[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:-1], r"a is truncated: 149 of 150 values are there"),
        (lambda raw: raw[:7], r"a does not hold an array of shape \(6, 5, 5\)"),
        (lambda raw: b"", r"a is not an IDX file of 3-D unsigned bytes"),
        (lambda raw: raw + b"\0", r"a is damaged: it goes on after its 150 values"),
        (lambda raw: b"<html>No such page</html>", r"a is not an IDX file"),
        (lambda raw: raw[:7] + b"\7" + raw[8:], r"a does not hold an array of shape"),
        (lambda raw: raw[:2] + b"\x0d" + raw[3:], r"a is not an IDX file of 3-D unsigned bytes"),
    ],
    ids=["last byte gone", "half a header", "empty", "too long", "a web page", "size", "type"],
)
def test_a_damaged_idx_file_says_so(change: Callable, message: str, tiny) -> None:
    with pytest.raises(DataError, match=message):
        read_idx(io.BytesIO(change(tiny.idx("x_train"))), tiny.parts[0], "a")


@pytest.mark.parametrize(
    "change",
    [
        lambda packed: packed[:-9],
        lambda packed: packed[:90] + bytes((packed[90] ^ 255,)) + packed[91:],
        lambda packed: packed[:-8] + bytes(4) + packed[-4:],
        lambda packed: b"<html>No such page</html>",
    ],
    ids=["truncated", "a byte changed", "wrong checksum", "a web page"],
)
def test_a_damaged_gz_file_says_so(change: Callable, tiny, tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(change(gzip.compress(tiny.idx("x_train"))))
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz is (damaged|truncated)"):
        read_idx_file(path, tiny.parts[0])


def test_a_folder_without_a_file_says_which(tiny, tmp_path: Path) -> None:
    (tiny.write_folder(tmp_path) / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"holds no t10k-labels-idx1-ubyte or t10k-labels.*\.gz"):
        read_idx_folder(tmp_path, tiny.parts)


def test_a_tar_without_a_file_says_which(tiny, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.tar holds no train-images-idx3-ubyte, train-labels"):
        read_tar(tiny.write_tar(tmp_path / "a.tar", prefix="data/x", mode="w"), tiny)


def test_a_truncated_tar_says_so(tiny, tmp_path: Path) -> None:
    path = tiny.write_tar(tmp_path / "a.tgz")
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(DataError, match=r"a\.tgz holds no .*: truncated, or another archive"):
        read_tar(path, tiny)
    os.truncate(path, 30)
    with pytest.raises(DataError, match=r"a\.tgz is damaged or truncated"):
        read_tar(path, tiny)


def test_a_truncated_npz_says_so(tiny, tmp_path: Path) -> None:
    path = tiny.write_npz(tmp_path / "a.npz")
    os.truncate(path, path.stat().st_size - 30)
    with pytest.raises(DataError, match=r"a\.npz is not an \.npz file, or is truncated"):
        read_npz(path, tiny.parts)


def test_a_changed_byte_in_an_npz_is_noticed(tiny, tmp_path: Path) -> None:
    path = tiny.write_npz(tmp_path / "a.npz")
    content = bytearray(path.read_bytes())
    content[content.index(tiny.arrays[0].tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz is damaged or truncated \(Bad CRC-32"):
        read_npz(path, tiny.parts)


def test_an_npz_with_other_arrays_says_so(tiny, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x_train=tiny.arrays[0])
    with pytest.raises(DataError, match=r"a\.npz has no array y_train, x_test, y_test"):
        read_npz(path, tiny.parts)
    np.savez(path, x_train=np.zeros(3), y_train=[0], x_test=[0], y_test=[0])
    with pytest.raises(
        DataError, match=r"x_train is float64 of shape \(3,\), expected uint8 of shape \(6, 5, 5\)"
    ):
        read_npz(path, tiny.parts)


class Bomb:
    """What runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return os.mkdir, ("exploded",)


def test_nothing_is_unpickled(tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", **{part.key: [Bomb()] for part in tiny.parts})
    with pytest.raises(DataError, match="Object arrays cannot be loaded"):
        read_npz(Path("a.npz"), tiny.parts)
    Path("b.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match=r"not an \.npz file"):
        read_npz(Path("b.npz"), tiny.parts)
    assert not Path("exploded").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: text.rindex("\n", 0, -1) + 1], r"has \(3, 26\) numbers, exp.*\(4, 26"),
        (lambda text: text + text.splitlines()[-1], r"has \(5, 26\) numbers, expected \(4, 26\)"),
        (lambda text: text[:-9], r"tiny/test.csv is damaged or truncated"),
        (lambda text: text.replace(",", ",9999", 30), r"tiny/test.csv is damaged or truncated"),
        (lambda text: text.replace(",", ",é", 30), r"tiny/test.csv is damaged or truncated"),
    ],
    ids=["a row too few", "a row too many", "half a row", "no byte", "no number"],
)
def test_a_damaged_csv_says_so(change: Callable, message: str, tiny, tmp_path: Path) -> None:
    with zipfile.ZipFile(tiny.write_wheel(tmp_path / "a.whl")) as archive:
        train, test = (archive.read(member).decode() for member in MEMBERS)
    with zipfile.ZipFile(tmp_path / "b.whl", "w") as archive:
        archive.writestr(MEMBERS[0], train)
        archive.writestr(MEMBERS[1], change(test))
    with pytest.raises(DataError, match=message):
        read_csv_zip(tmp_path / "b.whl", tiny.parts, MEMBERS)


def test_a_wheel_without_the_file_says_so(tiny, tmp_path: Path) -> None:
    wheel = tiny.write_wheel(tmp_path / "a.whl")
    with pytest.raises(DataError, match=r"a\.whl is damaged .*no item named 'other.csv'"):
        read_csv_zip(wheel, tiny.parts, ("other.csv", "tiny/test.csv"))
