from pathlib import Path

import pytest

from pellucid.storage import atomic_file, write_atomically


def test_a_file_appears_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.txt", "합성곱")
    assert (tmp_path / "a.txt").read_text("utf-8") == "합성곱"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_nothing_of_the_new_is_seen_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    with atomic_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_an_error_leaves_the_old_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    with pytest.raises(TypeError), atomic_file(path) as file:
        file.writelines([b"half", "no bytes"])
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "none" / "a.txt", "text")
