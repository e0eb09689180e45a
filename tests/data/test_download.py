import errno
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pellucid.data import download as module
from pellucid.data.download import download

BODY = bytes(range(256)) * 2000


def test_a_file_arrives_whole(web, tmp_path: Path) -> None:
    web.files["a"] = BODY
    download(web.url + "a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("resumes", [True, False])
def test_an_interrupted_transfer_goes_on(resumes: bool, web, tmp_path: Path) -> None:
    web.files["a"], web.resumes, web.cuts = BODY, resumes, [100_000, 200_000]
    download(web.url + "a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    second_start = 300_000 if resumes else 200_000
    assert [range_ for _, range_ in web.asked] == [None, "bytes=100000-", f"bytes={second_start}-"]


def test_a_line_that_brings_nothing_more_is_given_up_and_its_bytes_are_kept(
    web, tmp_path: Path
) -> None:
    web.files["a"], web.cuts = BODY, [100_000, 0]
    with pytest.raises(OSError, match=r"the connection broke \(it closed after 100000 of 512000"):
        download(web.url + "a", tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.part"]
    assert (tmp_path / "a.part").read_bytes() == BODY[:100_000]


def test_a_killed_download_is_resumed(web, tmp_path: Path) -> None:
    web.files["a"], web.cuts, web.hold = BODY, [300_000], threading.Event()
    code = (
        "import sys; from pathlib import Path; from pellucid.data.download import download;"
        "download(sys.argv[1], Path(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, web.url + "a", str(tmp_path / "a")])
    part = tmp_path / "a.part"
    while process.poll() is None and not (part.exists() and part.stat().st_size > 100_000):
        time.sleep(0.01)
    process.kill()
    process.wait()
    web.hold.set()
    kept = part.stat().st_size
    assert 100_000 < kept <= 300_000
    assert not (tmp_path / "a").exists()

    download(web.url + "a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert web.asked[-1] == ("a", f"bytes={kept}-")


def test_a_rest_that_the_server_does_not_have_starts_afresh(web, tmp_path: Path) -> None:
    web.files["a"] = BODY
    (tmp_path / "a.part").write_bytes(BODY + b"more")
    download(web.url + "a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_refusal_says_what_the_server_said(web, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"^a: the server answered 404 Not Found\.$"):
        download(web.url + "a", tmp_path / "a")


def test_no_server_says_so(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a"
        with pytest.raises(OSError, match=r"^no connection \(.*refused\)\.$"):
            download(url, tmp_path / "a")


def test_a_server_that_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        with pytest.raises(OSError, match="timed out"):
            download(url, tmp_path / "a")


def test_a_full_disk_is_told_as_one(web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def receive(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "_receive", receive)
    web.files["a"] = BODY
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:
        download(web.url + "a", tmp_path / "a")
    assert caught.value.errno == errno.ENOSPC
