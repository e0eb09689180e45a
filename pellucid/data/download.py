"""Downloading one file: it resumes where an earlier try stopped, or starts afresh."""

from __future__ import annotations

import os
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from pellucid.data.notices import transfer

# Long enough for a slow line's handshake, short enough to try the next mirror before one gives up.
TIMEOUT_SECONDS = 5.0
_CHUNK = 1 << 16


class _InterruptedTransferError(OSError):
    """The line broke before the whole file was there."""


def download(url: str, target: Path) -> None:
    """Fetch `url` into the file `target`, which appears only when it is whole.

    What has arrived lies in `target` + ".part": a later call asks the server for the rest alone.
    A broken line is tried again as long as each try brings something.

    Raises:
        OSError: no connection, a refusal, a line that broke for good, or a full disk.
    """
    part = target.with_name(target.name + ".part")
    part.touch()
    while True:
        before = part.stat().st_size
        try:
            _fetch_rest(url, part)
            break
        except HTTPError as error:
            if error.code != 416 or not before:
                answer = f"{error.code} {error.reason}"
                raise OSError(f"{target.name}: the server answered {answer}.") from error
            part.write_bytes(b"")  # there is no such rest: what is here is of another file
        except URLError as error:
            raise OSError(f"no connection ({error.reason}).") from error
        except (_InterruptedTransferError, TimeoutError):
            if part.stat().st_size <= before:
                raise
    os.replace(part, target)


def _fetch_rest(url: str, part: Path) -> None:
    """Append to `part` what is missing, or start it again if the server sends the whole."""
    start = part.stat().st_size
    headers = {"User-Agent": "pellucid"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        with urlopen(Request(url, headers=headers), timeout=TIMEOUT_SECONDS) as response:
            _receive(response, part, start if response.status == 206 else 0)
    except (ConnectionError, HTTPException) as error:
        raise _InterruptedTransferError(f"the connection broke ({error})") from error


def _receive(response: HTTPResponse, part: Path, start: int) -> None:
    """Write the body of a response into `part`, from the byte `start` on."""
    total = None if response.length is None else start + response.length
    label = part.name.removesuffix(".part")
    with (
        transfer(label, start, total) as advance,
        open(part, "ab" if start else "wb") as file,
    ):
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            file.flush()  # after a kill, all that has arrived is there to resume from
            advance(len(chunk))
    size = part.stat().st_size
    if total is not None and size < total:
        raise ConnectionError(f"it closed after {size} of {total} bytes")
