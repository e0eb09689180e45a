"""The machine that a network is compiled for: its vectors, its registers, its threads."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, replace

from pellucid.errors import ArgumentError

WIDTHS = (4, 8, 16)
MOST_THREADS = 1024


@dataclass(frozen=True)
class Machine:
    """What the compiler has to know of a CPU.

    vector: float32 lanes of a register (4, 8 or 16). registers: how many vector registers there
    are. cpu, features: LLVM's names for the CPU and for what it can do.
    """

    vector: int
    registers: int
    cpu: str
    features: str

    @staticmethod
    def detect(vector: int | None = None) -> Machine:
        """This machine; `vector` lanes instead of the widest, if given.

        The default comes from the environment variable PELLUCID_VECTOR, then from the CPU.
        """
        widest = _host()
        width = _setting(vector, "PELLUCID_VECTOR")
        if width is None:
            return widest
        if width not in WIDTHS:
            raise ArgumentError(
                f"{_named(vector, 'vector', 'PELLUCID_VECTOR')}, the float32 numbers in a vector, "
                f"must be 4, 8 or 16, got {width}. Leave it away for the widest of this CPU."
            )
        return replace(widest, vector=width)


def thread_count(threads: int | None = None) -> int:
    """How many threads to use: the argument, else PELLUCID_THREADS, else every core we may use."""
    count = _setting(threads, "PELLUCID_THREADS")
    if count is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _cores()
    if not 1 <= count <= MOST_THREADS:
        raise ArgumentError(
            f"{_named(threads, 'threads', 'PELLUCID_THREADS')} must be from 1 to {MOST_THREADS}, "
            f"got {count}. Leave it away to use every core."
        )
    return count


@functools.cache
def _host() -> Machine:
    """This machine with its widest vectors."""
    from llvmlite import binding

    names = binding.get_host_cpu_features()
    wide = bool(names.get("avx512f") and names.get("avx512vl"))
    many = wide or "neon" in names
    vector = 16 if wide else 8 if names.get("avx2") else 4
    return Machine(vector, 32 if many else 16, binding.get_host_cpu_name(), names.flatten())


def _cores() -> int:
    return os.cpu_count() or 1


def _named(argument: int | None, name: str, variable: str) -> str:
    """Where a setting came from: the argument or the environment variable."""
    return variable if argument is None else name


def _setting(argument: int | None, variable: str) -> int | None:
    """The argument, or else the environment variable's number, if it is set."""
    if argument is not None:
        return argument
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    if not text.isdecimal():
        raise ArgumentError(
            f"{variable} must be a whole number, got {text!r}. Unset it for the default."
        )
    return int(text)
