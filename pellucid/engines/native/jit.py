"""From LLVM IR to callable machine code."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

from llvmlite import binding

from pellucid.engines.native.machine import Machine
from pellucid.errors import EngineError

OPTIMIZATION = 2


class Library:
    """Compiled functions that stay in memory for as long as this object lives."""

    def __init__(self, code: bytes, machine: Machine) -> None:
        empty = binding.parse_assembly("")
        empty.triple = binding.get_process_triple()
        self._engine = binding.create_mcjit_compiler(empty, _target_machine(machine))
        self._engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where a function's code begins."""
        return int(self._engine.get_function_address(name))

    def function(self, name: str, *arguments: type) -> Callable[..., None]:
        """A callable for a function that returns nothing; it runs without Python's lock."""
        function: Callable[..., None] = ctypes.CFUNCTYPE(None, *arguments)(self.address(name))
        return function


def compile_module(ir_text: str, machine: Machine) -> bytes:
    """The machine code of a module, as an object file."""
    target = _target_machine(machine)
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


@functools.cache
def _initialize() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def _target_machine(machine: Machine) -> binding.TargetMachine:
    _initialize()
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=OPTIMIZATION, jit=True
    )
