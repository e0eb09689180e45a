"""The FMA peak of all threads at once: independent chains of fused multiply-adds in registers.

The kernel is emitted with llvmlite, so that it needs no compiler and no assembly for each CPU.
"""

import ctypes
import time
from concurrent.futures import ThreadPoolExecutor

import llvmlite
import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from benchmarks.peers.worker import Reply, serve

SHAPES = [(4, 24), (8, 12), (16, 24), (16, 12)]
"""(floats in a vector, chains) to try: enough chains to hide the latency, few enough registers."""


class PeakWorker:
    """Answers setup and peak."""

    def setup(self, threads: int, **_unused: str) -> Reply:
        """Compile a kernel for each shape and keep the fastest."""
        self.threads = threads
        self.pool = ThreadPoolExecutor(threads)
        self.kernels = {shape: Compiled(*shape) for shape in SHAPES}
        self.shape = max(SHAPES, key=lambda shape: self._flop_rate(shape, 0.02))
        return {"versions": {"llvmlite": llvmlite.__version__}}

    def peak(self, seconds: float) -> Reply:
        """Floating-point operations per second over about so many seconds."""
        return {"flop_per_second": self._flop_rate(self.shape, seconds)}

    def _flop_rate(self, shape: tuple[int, int], seconds: float) -> float:
        iterations = 100_000
        elapsed = self._time(shape, iterations)
        iterations = int(iterations * seconds / elapsed)
        elapsed = self._time(shape, iterations)
        lanes, chains = shape
        return 2 * lanes * chains * iterations * self.threads / elapsed

    def _time(self, shape: tuple[int, int], iterations: int) -> float:
        kernel = self.kernels[shape]
        start = time.perf_counter()
        list(self.pool.map(kernel.run, [iterations] * self.threads))
        return time.perf_counter() - start


class Compiled:
    """One kernel as machine code, and the engine that owns it."""

    def __init__(self, lanes: int, chains: int) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        module = llvm.parse_assembly(str(emit(lanes, chains)))
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=3,
        )
        self.lanes = lanes
        self.engine = llvm.create_mcjit_compiler(module, machine)
        self.engine.finalize_object()
        signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
        self.function = signature(self.engine.get_function_address("chains"))

    def run(self, iterations: int) -> None:
        """Run the loop; ctypes releases the interpreter's lock meanwhile."""
        result = np.empty(self.lanes, np.float32)
        self.function(result.ctypes.data, iterations)


def emit(lanes: int, chains: int) -> ir.Module:
    """`for i in range(iterations): every chain += 0.5 * 0.5`, then the chains' sum."""
    vector = ir.VectorType(ir.FloatType(), lanes)
    integer = ir.IntType(64)
    module = ir.Module("peak")
    fma = ir.Function(module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f32")
    signature = ir.FunctionType(ir.VoidType(), [vector.as_pointer(), integer])
    function = ir.Function(module, signature, "chains")
    result, iterations = function.args
    entry, loop, done = (function.append_basic_block(name) for name in ("entry", "loop", "done"))

    builder = ir.IRBuilder(entry)
    builder.branch(loop)

    builder.position_at_end(loop)
    counter = builder.phi(integer)
    counter.add_incoming(ir.Constant(integer, 0), entry)
    half = ir.Constant(vector, [0.5] * lanes)
    before = [builder.phi(vector) for _ in range(chains)]
    after = [builder.call(fma, [half, half, value]) for value in before]
    for chain in range(chains):
        # Different starts, or an optimizer could see that all chains are one.
        before[chain].add_incoming(ir.Constant(vector, [float(chain)] * lanes), entry)
        before[chain].add_incoming(after[chain], loop)
    following = builder.add(counter, ir.Constant(integer, 1))
    counter.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, iterations), loop, done)

    builder.position_at_end(done)
    total = after[0]
    for value in after[1:]:
        total = builder.fadd(total, value)
    builder.store(total, result).align = 4
    builder.ret_void()
    return module


if __name__ == "__main__":
    worker = PeakWorker()
    serve({"setup": worker.setup, "peak": worker.peak})
