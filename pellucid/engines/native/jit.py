"""From LLVM IR to callable machine code, through a cache on disk."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
from collections.abc import Callable

from llvmlite import binding

from pellucid.engines.native.machine import Machine
from pellucid.errors import EngineError
from pellucid.storage import atomic_file, cache_folder, make_private_folder

OPTIMIZATION = 2
_DIGEST_BYTES = 32


class Library:
    """Compiled functions that stay in memory for as long as this object lives."""

    def __init__(self, ir_text: str, machine: Machine) -> None:
        _initialize()
        target = _target_machine(machine)
        key = _key(ir_text, machine)
        code = _read(key)
        if code is None:
            code = _compile(ir_text, target)
            _write(key, code)
        empty = binding.parse_assembly("")
        empty.triple = binding.get_process_triple()
        self._engine = binding.create_mcjit_compiler(empty, target)
        self._engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where a function's code begins."""
        return int(self._engine.get_function_address(name))

    def function(self, name: str, *arguments: type) -> Callable[..., None]:
        """A callable for a function that returns nothing; it runs without Python's lock."""
        function: Callable[..., None] = ctypes.CFUNCTYPE(None, *arguments)(self.address(name))
        return function


@functools.cache
def _initialize() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def _target_machine(machine: Machine) -> binding.TargetMachine:
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=OPTIMIZATION, jit=True
    )


def _compile(ir_text: str, target: binding.TargetMachine) -> bytes:
    try:
        module = binding.parse_assembly(ir_text)
        module.verify()
    except RuntimeError as error:
        raise EngineError(
            f"The native engine emitted code that LLVM refuses ({error}). This is a bug of "
            "Pellucid: please report it; the engine 'reference' computes the network meanwhile."
        ) from error
    # The emitter writes what LLVM's optimisation passes would make of it; they only cost time.
    module.triple = target.triple
    module.data_layout = str(target.target_data)
    return bytes(target.emit_object(module))


def _key(ir_text: str, machine: Machine) -> str:
    versions = ".".join(map(str, binding.llvm_version_info))
    parts = [ir_text, machine.cpu, machine.features, versions, str(OPTIMIZATION)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _read(key: str) -> bytes | None:
    """Cached machine code, unless it is missing, not ours, or does not verify."""
    path = cache_folder("code") / f"{key}.o"
    try:
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return code if hashlib.sha256(key.encode() + code).digest() == digest else None


def _write(key: str, code: bytes) -> None:
    """Keep machine code for the next time; a cache that cannot be written is done without."""
    folder = cache_folder("code")
    try:
        make_private_folder(folder)
        digest = hashlib.sha256(key.encode() + code).digest()
        with atomic_file(folder / f"{key}.o") as file:
            file.write(digest + code)
    except OSError:
        return
