import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pellucid.data import cache as cache_module
from pellucid.data import data_set_digest, digest, loader
from pellucid.data.cache import FOLDER, download_folder
from pellucid.data.catalogue import DATA_SETS
from pellucid.data.formats import Part, UInt8Array
from pellucid.data.loader import load_data_set
from pellucid.data.sources import Mirror
from pellucid.datasets import fashion_mnist, mnist
from pellucid.errors import DataError, UnknownNameError
from pellucid.storage import cache_folder


class Given:
    """A source that does what it is told, and counts how often it is asked."""

    def __init__(self, answer: Sequence[UInt8Array] | Exception, label: str = "a test") -> None:
        self.answer, self.label, self.times = answer, label, 0

    def read(self, parts: Sequence[Part], folder: Path) -> list[UInt8Array]:
        self.times += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return list(self.answer)


def assert_is_tiny(loaded, tiny) -> None:
    (x_train, y_train), (x_test, y_test) = loaded
    for found, expected in zip((x_train, y_train, x_test, y_test), tiny.arrays, strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)


def test_what_is_fetched_once_comes_from_the_cache(tiny, register, cache, capsys) -> None:
    source = Given(tiny.arrays)
    register(source)
    for _ in range(3):
        assert_is_tiny(load_data_set("tiny"), tiny)
    assert source.times == 1
    assert capsys.readouterr() == ("", "")
    assert not (cache / "downloads" / "tiny").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the user's folder private by itself")
def test_the_cache_is_private_to_the_user(tiny, register, cache) -> None:
    register(Given(tiny.arrays))
    load_data_set("tiny")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(cache.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[:-100], "truncated"),
        (lambda content: content[:300] + b"?" + content[301:], "damaged"),
        (lambda content: b"", "truncated"),
    ],
)
def test_a_damaged_cache_is_told_and_fetched_again(
    damage, words: str, tiny, register, cache, capsys
) -> None:
    source = Given(tiny.arrays)
    register(source)
    load_data_set("tiny")
    path = cache / "tiny.npz"
    path.write_bytes(damage(path.read_bytes()))
    assert_is_tiny(load_data_set("tiny"), tiny)
    told = capsys.readouterr().err
    assert told.startswith("The cached Tiny cannot be used: tiny.npz is ")
    assert words in told
    assert told.endswith("Fetching it again.\n")
    assert told.count("\n") == 1
    load_data_set("tiny")
    assert source.times == 2


def test_a_cache_with_other_numbers_is_fetched_again(tiny, register, cache, capsys) -> None:
    source = Given(tiny.arrays)
    register(source)
    cache.mkdir(parents=True)
    tiny.arrays[1] ^= 1
    tiny.write_npz(cache / "tiny.npz")
    tiny.arrays[1] ^= 1
    assert_is_tiny(load_data_set("tiny"), tiny)
    assert "the arrays are not those of Tiny: their SHA-256 is" in capsys.readouterr().err


def test_sources_are_tried_in_turn_until_one_is_right(tiny, register) -> None:
    wrong = [array ^ 1 for array in tiny.arrays]
    sources = [
        Given(OSError("no connection")),
        Given(DataError("it is damaged.")),
        Given(wrong),
        Given(tiny.arrays),
        Given(tiny.arrays),
    ]
    register(*sources)
    assert_is_tiny(load_data_set("tiny"), tiny)
    assert [source.times for source in sources] == [1, 1, 1, 1, 0]


def test_no_source_lists_what_was_tried_and_what_to_do(tiny, register, cache) -> None:
    register(
        Given(OSError("no connection (no name)."), "the mirror one.example"),
        Given(PermissionError(errno.EACCES, "Permission denied"), "the mirror two.example"),
        Given(DataError("npm is not installed."), "the npm package tiny"),
        Given([array ^ 1 for array in tiny.arrays], "the Python package tiny"),
    )
    with pytest.raises(DataError) as caught:
        load_data_set("tiny")
    lines = str(caught.value).splitlines()
    assert lines[:4] == [
        "No source has given Tiny. Tried:",
        "  the mirror one.example: no connection (no name).",
        "  the mirror two.example: Permission denied",
        "  the npm package tiny: npm is not installed.",
    ]
    assert lines[4].startswith("  the Python package tiny: the arrays are not those of Tiny")
    assert lines[5].startswith("Connect to the internet and try again; or get the files elsewhere")
    assert "a folder with train-images-idx3-ubyte, " in lines[5]


def test_a_full_disk_is_one_message(tiny, register, cache) -> None:
    register(Given(OSError(errno.ENOSPC, "No space left on device")), Given(tiny.arrays))
    with pytest.raises(DataError, match=r"The disk is full: Tiny does not fit into .*downloads"):
        load_data_set("tiny")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_cache_that_cannot_be_written_is_one_line(
    code: int, tiny, register, capsys, monkeypatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(loader, "store_npz", fail)
    register(Given(tiny.arrays))
    assert_is_tiny(load_data_set("tiny"), tiny)
    told = capsys.readouterr().err
    assert told.startswith("Tiny could not be kept in ")
    assert f"({os.strerror(code)})" in told
    assert told.endswith("set PELLUCID_CACHE to a folder that can be written.\n")


def test_a_cache_folder_that_is_a_file_does_not_hinder(
    tiny, register, web, tmp_path: Path, monkeypatch, capsys
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "file"))
    web.files = tiny.files(packed=True)
    register(Mirror(web.url))
    assert_is_tiny(load_data_set("tiny"), tiny)
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("Downloading from the mirror 127.0.0.1")
    assert told[1].startswith("Tiny could not be kept in ")
    assert len(told) == 2


def test_an_interrupted_load_goes_on_where_it_was(tiny, register, web) -> None:
    web.files, web.cuts = tiny.files(packed=True), [1_000_000, 20, 0]
    register(Mirror(web.url))
    with pytest.raises(DataError, match=r"the mirror 127\.0\.0\.1:\d+: the connection broke"):
        load_data_set("tiny")
    del web.asked[:]
    assert_is_tiny(load_data_set("tiny"), tiny)
    assert web.asked[0] == ("train-labels-idx1-ubyte.gz", "bytes=20-")


def test_damaged_leftovers_are_thrown_away_and_fetched_again(tiny, register, web, cache) -> None:
    web.files = tiny.files(packed=True)
    register(Mirror(web.url))
    leftovers = cache / "downloads" / "tiny" / "0"
    leftovers.mkdir(parents=True)
    (leftovers / "train-images-idx3-ubyte.gz").write_bytes(b"half")
    assert_is_tiny(load_data_set("tiny"), tiny)
    assert web.asked[0] == ("train-images-idx3-ubyte.gz", None)


def test_a_truncated_file_on_a_mirror_is_named(tiny, register, web, cache) -> None:
    web.files = tiny.files(packed=True)
    web.files["t10k-images-idx3-ubyte.gz"] = web.files["t10k-images-idx3-ubyte.gz"][:-20]
    register(Mirror(web.url))
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz is (damaged or )?truncated"):
        load_data_set("tiny")
    assert not any((cache / "downloads" / "tiny").iterdir())


def test_two_processes_do_not_write_into_one_download(cache) -> None:
    with download_folder("tiny") as first, download_folder("tiny") as second:
        assert first == cache / "downloads" / "tiny"
        assert second.is_dir()
        assert cache not in second.parents
    assert not second.exists()
    with download_folder("tiny") as third:
        assert third == first


@pytest.mark.parametrize("form", ["npz", "raw", "gz"])
def test_a_path_comes_first_and_touches_nothing_else(
    form: str, tiny, register, cache, tmp_path: Path
) -> None:
    register(Given(OSError("not to be asked")))
    if form == "npz":
        path = tiny.write_npz(tmp_path / "mine.npz")
    else:
        path = tiny.write_folder(tmp_path / "mine", packed=form == "gz")
    assert_is_tiny(load_data_set("tiny", path), tiny)
    assert_is_tiny(load_data_set("tiny", str(path)), tiny)
    assert not cache.exists()


def test_keras_name_of_the_cached_file_means_the_cache(
    tiny, register, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = Given(tiny.arrays)
    register(source)
    assert_is_tiny(load_data_set("tiny", path="tiny.npz"), tiny)
    assert source.times == 1
    tiny.arrays[0] ^= 1
    tiny.write_npz(tmp_path / "tiny.npz")
    with pytest.raises(DataError, match=r"tiny\.npz cannot be used as Tiny"):
        load_data_set("tiny", path="tiny.npz")


def test_a_path_that_is_wrong_says_what_to_do(tiny, register, tmp_path: Path) -> None:
    register()
    with pytest.raises(
        DataError, match=r"none\.npz does not exist; give an \.npz file with the arrays x_train, y_"
    ):
        load_data_set("tiny", tmp_path / "none.npz")
    path = tiny.write_npz(tmp_path / "half.npz")
    os.truncate(path, 100)
    with pytest.raises(
        DataError, match=r"half\.npz cannot be used as Tiny: .*truncated\. Give another copy, or n"
    ):
        load_data_set("tiny", path)


def test_other_data_under_a_name_is_refused(tiny, register, tmp_path: Path) -> None:
    data_set = register()
    tiny.arrays[3] ^= 1
    with pytest.raises(
        DataError, match=rf"the arrays are not those of Tiny: .*{data_set.sha256}\. .* of your own"
    ):
        load_data_set("tiny", tiny.write_npz(tmp_path / "a.npz"))


def test_a_path_that_cannot_be_read_says_so(tiny, register, tmp_path: Path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setitem(DATA_SETS, "tiny", replace(register(), read_path=fail))
    with pytest.raises(DataError, match=r"a\.npz cannot be read \(Permission denied\)"):
        load_data_set("tiny", tmp_path / "a.npz")


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown data set 'mnits'\. Did you mean 'mnist'"):
        load_data_set("mnits")


def test_the_pinned_digest_is_told_by_name(tiny, register) -> None:
    register()
    assert data_set_digest("tiny") == digest(tiny.arrays)
    assert data_set_digest("mnist") != data_set_digest("fashion_mnist")


def test_the_user_s_own_cache_folder_is_the_default(monkeypatch) -> None:
    monkeypatch.delenv("PELLUCID_CACHE")
    assert cache_folder(FOLDER).parts[-2:] == ("pellucid", "datasets")


def test_keras_places_load_by_name(monkeypatch) -> None:
    asked = []
    for module in (mnist, fashion_mnist):
        monkeypatch.setattr(module, "load_data_set", lambda *given: asked.append(given))
    mnist.load_data()
    mnist.load_data(path="mnist.npz")
    fashion_mnist.load_data()
    assert asked == [("mnist", None), ("mnist", "mnist.npz"), ("fashion_mnist", None)]


def test_a_kill_while_the_cache_is_written_leaves_nothing_half(
    tiny, register, cache, monkeypatch
) -> None:
    def killed(file, **arrays: UInt8Array) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    register(Given(tiny.arrays))
    with monkeypatch.context() as patch:
        patch.setattr(cache_module.np, "savez", killed)
        with pytest.raises(KeyboardInterrupt):
            load_data_set("tiny")
    assert not (cache / "tiny.npz").exists()
    assert_is_tiny(load_data_set("tiny"), tiny)
