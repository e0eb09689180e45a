"""The driver's side of the line protocol: start workers, ask one at a time, end them."""

import json
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.environments import ROOT, python_of

PAUSE = 0.1
"""Seconds after each reply for a library's threads to stop spinning and fall asleep."""


class WorkerError(RuntimeError):
    """A worker failed, died, or cannot be started."""


class Worker:
    """One process, asleep unless it is asked something. `with` ends it."""

    def __init__(
        self,
        name: str,
        environment: str,
        module: str,
        log: Path,
        arguments: Sequence[str] = (),
        variables: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self.idle_cpu = 0.0
        python = python_of(environment)
        if not python.exists():
            raise WorkerError(
                f"{name} needs the environment {environment!r}, which does not exist; "
                "create it with: python -m benchmarks.environments"
            )
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [python, "-m", module, *arguments],
                cwd=ROOT,
                env=os.environ | (variables or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Send one request, wait for its reply, and let the worker's threads fall asleep."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            print(json.dumps({"do": do, **request}), file=stdin, flush=True)
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            lines = self.log.read_text(errors="replace").splitlines()
            raise WorkerError("\n".join([f"{self.name} died at {do!r}:", *lines[-20:]]))
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise WorkerError(f"{self.name} failed at {do!r}:\n{reply['error']}")
        self.idle_cpu += reply["idle_cpu"]
        time.sleep(PAUSE)
        return reply

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.process.terminate()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                with suppress(BrokenPipeError):
                    pipe.close()
