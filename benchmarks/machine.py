"""Describe the machine that measured, in general terms."""

import os
import platform
from pathlib import Path

import llvmlite.binding as llvm


def describe() -> dict[str, str]:
    """Processor, cores, caches, memory and system."""
    return {
        "CPU": f"{cpu_model()} (LLVM calls it {llvm.get_host_cpu_name()})",
        "vector instructions": ", ".join(vector_instructions()),
        "cores": str(os.cpu_count()),
        "caches": caches(),
        "memory": memory(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }


def cpu_model() -> str:
    """The processor's name, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def vector_instructions() -> list[str]:
    """The extensions that matter for float32."""
    known = ("fma", "avx2", "avx512f", "avx512_bf16", "avx512bf16", "amx-bf16", "neon", "sve")
    features = llvm.get_host_cpu_features()
    return [name for name in known if features.get(name)]


def caches() -> str:
    """Sizes of one core's caches, from the smallest level up."""
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (
            (index / name).read_text().strip() for name in ("level", "type", "size")
        )
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return ", ".join(found) or "unknown"


def memory() -> str:
    """Physical memory in GiB."""
    if not hasattr(os, "sysconf"):
        return "unknown"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
