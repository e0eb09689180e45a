"""The machine that a network is compiled for: its vectors, its registers, its threads."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

from pellucid.errors import ArgumentError

WIDTHS = (4, 8, 16)


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
    @functools.cache
    def detect(vector: int | None = None) -> Machine:
        """This machine; `vector` lanes instead of the widest, if given.

        The default comes from the environment variable PELLUCID_VECTOR, then from the CPU.
        """
        from llvmlite import binding

        names = binding.get_host_cpu_features()
        cpu = binding.get_host_cpu_name()
        wide = bool(names.get("avx512f") and names.get("avx512vl"))
        many = wide or "neon" in names
        best = 16 if wide else 8 if names.get("avx2") else 4
        given = vector if vector is not None else _number("PELLUCID_VECTOR")
        width = best if given is None else given
        if width not in WIDTHS:
            raise ArgumentError(f"The vector width must be 4, 8 or 16 float32 lanes, got {width}.")
        return Machine(width, 32 if many else 16, cpu, names.flatten())


def thread_count(threads: int | None = None) -> int:
    """How many threads to use: the argument, else PELLUCID_THREADS, else every core we may use."""
    count = threads if threads is not None else _number("PELLUCID_THREADS")
    if count is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _cores()
    if not 1 <= count <= 1024:
        raise ArgumentError(f"The number of threads must be from 1 to 1024, got {count}.")
    return count


def _cores() -> int:
    return os.cpu_count() or 1


def _number(variable: str) -> int | None:
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    if not text.isdigit():
        raise ArgumentError(f"{variable} must be a whole number, got {text!r}.")
    return int(text)
