"""The .keras container: whole or not there, and read with limits."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from pellucid.errors import ModelFileError
from pellucid.files import archive
from pellucid.files.archive import Archive

ARCHIVE = Archive({"class_name": "Sequential"}, {"keras_version": "3"}, b"weights")
MEMBERS = {"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": b"weights"}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.keras"
    archive.write(path, ARCHIVE, overwrite=False)
    assert archive.read(path) == ARCHIVE
    first = path.read_bytes()
    archive.write(path, ARCHIVE, overwrite=True)
    assert path.read_bytes() == first


def test_what_is_there_is_replaced_only_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_text("precious")
    with pytest.raises(ModelFileError, match=r"exists already .* overwrite=True does it"):
        archive.write(path, ARCHIVE, overwrite=False)
    assert path.read_text() == "precious"


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize("name", MEMBERS)
def test_a_missing_member_is_named(name: str, tmp_path: Path) -> None:
    members = {key: value for key, value in MEMBERS.items() if key != name}
    with pytest.raises(ModelFileError, match=f"model.keras has no {name}: it is no .keras file"):
        archive.read(zipped(tmp_path / "model.keras", members))


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_larger_than_it_can_be_is_not_unpacked(name: str, tmp_path: Path) -> None:
    members = {**MEMBERS, name: bytes(2**26 + 1)}
    path = zipped(tmp_path / "model.keras", members, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelFileError, match=rf"{name} unpacks to 67,108,865 bytes, allowed are"):
        archive.read(path)


@pytest.mark.parametrize("config", [b"", b"{", b"[]", b"\xff", b'{"a":' * 100_000])
def test_a_damaged_configuration_is_told(config: bytes, tmp_path: Path) -> None:
    path = zipped(tmp_path / "model.keras", {**MEMBERS, "config.json": config})
    with pytest.raises(ModelFileError, match=r"model.keras is no .keras file, or is damaged"):
        archive.read(path)


def test_any_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    archive.write(path, ARCHIVE, overwrite=False)
    content = path.read_bytes()
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        with pytest.raises(ModelFileError, match="damaged"):
            archive.read(path)
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        with suppress(ModelFileError):  # a byte that means nothing may change
            read = archive.read(path)
            assert (read.config, read.weights) == (ARCHIVE.config, ARCHIVE.weights)


def test_what_is_not_there_is_told_with_what_is(tmp_path: Path) -> None:
    archive.write(tmp_path / "flowers.keras", ARCHIVE, overwrite=False)
    with pytest.raises(ModelFileError, match=r"There is no file .* There are: flowers.keras\."):
        archive.read(tmp_path / "flower.keras")
    with pytest.raises(ModelFileError, match="is a folder, not a file"):
        archive.read(tmp_path)
