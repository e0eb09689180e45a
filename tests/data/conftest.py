"""A data set small enough to write down, in all the forms in which the real ones come."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from pellucid.data.catalogue import DATA_SETS, DataSet
from pellucid.data.formats import Part, UInt8Array, mnist_parts
from pellucid.data.hashing import digest
from pellucid.data.sources import Source

SIDE = 5


@dataclass(frozen=True)
class Tiny:
    """Six training and four test images of random numbers."""

    parts: tuple[Part, ...]
    arrays: list[UInt8Array]

    def idx(self, key: str) -> bytes:
        index = [part.key for part in self.parts].index(key)
        shape = self.parts[index].shape
        header = bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape)
        return header + self.arrays[index].tobytes()

    def files(self, packed: bool) -> dict[str, bytes]:
        raw = {part.file: self.idx(part.key) for part in self.parts}
        if not packed:
            return raw
        return {f"{name}.gz": gzip.compress(content) for name, content in raw.items()}

    def write_folder(self, folder: Path, packed: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files(packed).items():
            (folder / name).write_bytes(content)
        return folder

    def write_npz(self, path: Path) -> Path:
        named = {part.key: array for part, array in zip(self.parts, self.arrays, strict=True)}
        np.savez(path, **named)
        return path

    def write_tar(self, path: Path, prefix: str = "package/data/", mode: str = "w:gz") -> Path:
        with tarfile.open(path, mode) as archive:
            for name, content in {**self.files(packed=False), "readme.md": b"hello"}.items():
                entry = tarfile.TarInfo(prefix + name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return path

    def write_wheel(self, path: Path) -> Path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, images, labels in (
                ("tiny/train.csv", *self.arrays[:2]),
                ("tiny/test.csv", *self.arrays[2:]),
            ):
                rows = np.column_stack((labels, images.reshape(len(labels), -1)))
                lines = ["label" + ",p" * SIDE**2, *(",".join(map(str, row)) for row in rows)]
                archive.writestr(name, "\n".join(lines) + "\n")
        return path


@pytest.fixture
def tiny() -> Tiny:
    parts = mnist_parts(train=6, test=4, side=SIDE)
    numbers = np.random.default_rng(0)
    return Tiny(parts, [numbers.integers(0, 256, part.shape, np.uint8) for part in parts])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of cached data sets, empty and this test's own."""
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


@pytest.fixture
def register(tiny: Tiny, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., DataSet]:
    """Make `tiny` a named data set that has the given sources."""

    def put(*sources: Source) -> DataSet:
        data_set = DataSet("tiny", "Tiny", tiny.parts, digest(tiny.arrays), sources)
        monkeypatch.setitem(DATA_SETS, "tiny", data_set)
        return data_set

    return put


@dataclass
class Web:
    """A web server on this machine, with the faults of real ones."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    resumes: bool = True
    """Whether it honours Range."""
    cuts: list[int] = field(default_factory=list)
    """After how many bytes it closes the line, for each answer to come."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """The path and the Range of each request."""
    hold: threading.Event | None = None
    """Where set, an answer that is cut waits for it before the line closes."""


@pytest.fixture
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, range_ = self.path.lstrip("/"), self.headers["Range"]
            web.asked.append((name, range_))
            if name not in web.files:
                self.send_error(404)
                return
            body, start = web.files[name], 0
            if range_ and web.resumes:
                start = int(range_.removeprefix("bytes=").removesuffix("-"))
                if start >= len(body):
                    self.send_error(416)
                    return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            cut = web.cuts.pop(0) if web.cuts else None
            self.wfile.write(body[start:][:cut])
            if cut is not None and web.hold is not None:
                web.hold.wait(30)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web = Web(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield web
    server.shutdown()
    thread.join()
    server.server_close()
