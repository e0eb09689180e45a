"""A thin, typed layer over llvmlite's IR builder: loops, vectors and addresses, and nothing else.

Kernels are written against `Emitter`. Indices may be Python integers or IR values: arithmetic on
two integers happens at once, so that static offsets end in the addresses of the instructions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeAlias

from llvmlite import ir

from pellucid.engines.native.machine import Machine

I1 = ir.IntType(1)
I8 = ir.IntType(8)
I32 = ir.IntType(32)
I64 = ir.IntType(64)
F32 = ir.FloatType()
POINTER = ir.PointerType()
VOID = ir.VoidType()

Index: TypeAlias = int | ir.Value
Values: TypeAlias = list[ir.Value]
Sizes = ParamSpec("Sizes")


class Module(ir.Module):  # type: ignore[misc]
    """Functions that are compiled together, and the kernels among them by what they do."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.kernels: dict[str, ir.Function] = {}


class Emitter:
    """Emits one function. `vector` is the number of float32 lanes of a vector register."""

    def __init__(
        self, module: Module, machine: Machine, name: str, arguments: Sequence[ir.Type]
    ) -> None:
        self.module = module
        self.machine = machine
        self.vector = machine.vector
        self.function = ir.Function(module, ir.FunctionType(VOID, arguments), name)
        self.function.attributes.add("nounwind")
        self.arguments = list(self.function.args)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))

    def finish(self) -> ir.Function:
        """Return from the function, which is then complete."""
        self.builder.ret_void()
        return self.function

    # Integers

    def integer(self, value: Index) -> ir.Value:
        """A 64-bit integer as an IR value."""
        return ir.Constant(I64, value) if isinstance(value, int) else value

    def add(self, *terms: Index) -> Index:
        """The sum; the static part is added last, where addressing modes can take it in."""
        static = sum(term for term in terms if isinstance(term, int))
        total: ir.Value | None = None
        for term in terms:
            if not isinstance(term, int):
                total = term if total is None else self.builder.add(total, term)
        if total is None:
            return static
        return self.builder.add(total, ir.Constant(I64, static)) if static else total

    def multiply(self, a: Index, b: Index) -> Index:
        """The product of two indices."""
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if isinstance(a, int):
            a, b = b, a
        if isinstance(b, int) and b in (0, 1):
            return a if b else 0
        return self.builder.mul(self.integer(a), self.integer(b))

    def quotient(self, a: Index, b: int) -> Index:
        """`a // b` for non-negative `a`."""
        if isinstance(a, int):
            return a // b
        return a if b == 1 else self.builder.udiv(a, ir.Constant(I64, b))

    def subtract(self, a: Index, b: Index) -> Index:
        """`a - b`."""
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return self.builder.sub(self.integer(a), self.integer(b))

    def minimum(self, a: Index, b: Index) -> Index:
        """The smaller of two signed indices."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        left, right = self.integer(a), self.integer(b)
        return self.builder.select(self.builder.icmp_signed("<", left, right), left, right)

    def maximum(self, a: Index, b: Index) -> Index:
        """The larger of two signed indices."""
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        left, right = self.integer(a), self.integer(b)
        return self.builder.select(self.builder.icmp_signed(">", left, right), left, right)

    # Control flow

    def loop(
        self,
        low: Index,
        high: Index,
        body: Callable[..., Values | None],
        carried: Sequence[ir.Value] = (),
        step: int = 1,
    ) -> Values:
        """`for i in range(low, high, step): carried = body(i, *carried)`; returns what is carried.

        A loop of one known iteration is emitted straight, one of none not at all.
        """
        values = list(carried)
        if not (isinstance(low, int) and isinstance(high, int)):
            return self._guarded_loop(low, high, body, values, step)
        if low >= high:
            return values
        if low + step >= high:
            return body(low, *values) or []
        return self._rotated_loop(low, high, body, values, step)

    def _rotated_loop(
        self,
        low: Index,
        high: Index,
        body: Callable[..., Values | None],
        carried: Values,
        step: int,
    ) -> Values:
        builder = self.builder
        before = builder.block
        block = self.function.append_basic_block("loop")
        builder.branch(block)
        builder.position_at_end(block)
        index = builder.phi(I64)
        index.add_incoming(self.integer(low), before)
        phis = [builder.phi(value.type) for value in carried]
        for phi, value in zip(phis, carried, strict=True):
            phi.add_incoming(value, before)
        results = body(index, *phis) or []
        following = builder.add(index, ir.Constant(I64, step))
        index.add_incoming(following, builder.block)
        for phi, value in zip(phis, results, strict=True):
            phi.add_incoming(value, builder.block)
        after = self.function.append_basic_block("after")
        more = builder.icmp_signed("<", following, self.integer(high))
        builder.cbranch(more, block, after)
        builder.position_at_end(after)
        return list(results)

    def _guarded_loop(
        self,
        low: Index,
        high: Index,
        body: Callable[..., Values | None],
        carried: Values,
        step: int,
    ) -> Values:
        enter = self.builder.icmp_signed("<", self.integer(low), self.integer(high))
        return self.choose(
            enter, lambda: self._rotated_loop(low, high, body, carried, step), lambda: carried
        )

    def choose(
        self,
        condition: ir.Value,
        then: Callable[[], Values | None],
        otherwise: Callable[[], Values | None] | None = None,
    ) -> Values:
        """`then() if condition else otherwise()`; both give values of the same types."""
        builder = self.builder
        then_block = self.function.append_basic_block("then")
        else_block = self.function.append_basic_block("else")
        merge = self.function.append_basic_block("merge")
        builder.cbranch(condition, then_block, else_block)
        ends: list[tuple[Values, ir.Block]] = []
        for block, branch in ((then_block, then), (else_block, otherwise)):
            builder.position_at_end(block)
            values = (branch() or []) if branch else []
            ends.append((values, builder.block))
            builder.branch(merge)
        builder.position_at_end(merge)
        merged = []
        for left, right in zip(ends[0][0], ends[1][0], strict=True):
            phi = builder.phi(left.type)
            phi.add_incoming(left, ends[0][1])
            phi.add_incoming(right, ends[1][1])
            merged.append(phi)
        return merged

    def equal(self, a: Index, b: Index) -> ir.Value:
        """Whether two indices are equal."""
        return self.builder.icmp_signed("==", self.integer(a), self.integer(b))

    def less(self, a: Index, b: Index) -> ir.Value:
        """Whether `a < b`."""
        return self.builder.icmp_signed("<", self.integer(a), self.integer(b))

    # Addresses and memory

    def at(self, pointer: ir.Value, *offsets: Index, kind: ir.Type = F32) -> ir.Value:
        """The address `offsets` elements of `kind` further on."""
        offset = self.add(*offsets)
        if isinstance(offset, int) and offset == 0:
            return pointer
        return self.builder.gep(pointer, [self.integer(offset)], source_etype=kind)

    def float_at(self, pointer: ir.Value, *offsets: Index) -> ir.Value:
        """Load one float32."""
        return self.builder.load(self.at(pointer, *offsets), typ=F32, align=4)

    def put_float(self, value: ir.Value, pointer: ir.Value, *offsets: Index) -> None:
        """Store one float32."""
        self.builder.store(value, self.at(pointer, *offsets), align=4)

    def load(
        self, pointer: ir.Value, *offsets: Index, lanes: int | None = None, kind: ir.Type = F32
    ) -> ir.Value:
        """Load a vector; with fewer `lanes` than the vector has, the others are zero."""
        address = self.at(pointer, *offsets, kind=kind)
        align = kind.width // 8 if isinstance(kind, ir.IntType) else 4
        vector = ir.VectorType(kind, self.vector)
        if lanes is None or lanes == self.vector:
            return self.builder.load(address, typ=vector, align=align)
        load = self.intrinsic(
            f"llvm.masked.load.v{self.vector}{_suffix(kind)}.p0",
            vector,
            [POINTER, I32, self.mask_type, vector],
        )
        arguments = [address, ir.Constant(I32, align), self.mask(lanes), self.zero(kind)]
        return self.builder.call(load, arguments)

    def store(
        self,
        value: ir.Value,
        pointer: ir.Value,
        *offsets: Index,
        lanes: int | None = None,
        kind: ir.Type = F32,
    ) -> None:
        """Store a vector, or only its first `lanes`."""
        address = self.at(pointer, *offsets, kind=kind)
        align = kind.width // 8 if isinstance(kind, ir.IntType) else 4
        if lanes is None or lanes == self.vector:
            self.builder.store(value, address, align=align)
            return
        vector = ir.VectorType(kind, self.vector)
        store = self.intrinsic(
            f"llvm.masked.store.v{self.vector}{_suffix(kind)}.p0",
            VOID,
            [vector, POINTER, I32, self.mask_type],
        )
        self.builder.call(store, [value, address, ir.Constant(I32, align), self.mask(lanes)])

    def give(
        self, value: ir.Value, pointer: ir.Value, *offsets: Index, add: bool, lanes: int
    ) -> None:
        """Store a vector's first lanes, or add them to what lies there."""
        if add:
            value = self.builder.fadd(self.load(pointer, *offsets, lanes=lanes), value)
        self.store(value, pointer, *offsets, lanes=lanes)

    def load_row(self, pointer: ir.Value, lanes: Sequence[int], *offsets: Index) -> Values:
        """Load vectors that lie one after the other, of so many lanes each."""
        return [
            self.load(pointer, *offsets, number * self.vector, lanes=count)
            for number, count in enumerate(lanes)
        ]

    def store_row(
        self, row: Sequence[ir.Value], pointer: ir.Value, lanes: Sequence[int], *offsets: Index
    ) -> None:
        """Store vectors one after the other, of so many lanes each."""
        for number, (value, count) in enumerate(zip(row, lanes, strict=True)):
            self.store(value, pointer, *offsets, number * self.vector, lanes=count)

    def add_row(
        self, row: Sequence[ir.Value], pointer: ir.Value, lanes: Sequence[int], *offsets: Index
    ) -> None:
        """Add vectors to what lies there, one after the other."""
        before = self.load_row(pointer, lanes, *offsets)
        after = [self.builder.fadd(old, new) for old, new in zip(before, row, strict=True)]
        self.store_row(after, pointer, lanes, *offsets)

    def table(self, name: str, kind: ir.Type, values: Sequence[float]) -> ir.Value:
        """The address of constant numbers that lie beside this function's code."""
        numbers = ir.ArrayType(kind, len(values))
        table = ir.GlobalVariable(self.module, numbers, f"{self.function.name}_{name}")
        table.global_constant = True
        table.linkage = "internal"
        table.initializer = ir.Constant(numbers, list(values))
        return table

    # Vectors

    @property
    def float_vector(self) -> ir.Type:
        """The type of a vector of float32."""
        return ir.VectorType(F32, self.vector)

    @property
    def mask_type(self) -> ir.Type:
        """The type of a vector of truth values."""
        return ir.VectorType(I1, self.vector)

    def mask(self, lanes: int) -> ir.Constant:
        """True in the first `lanes` lanes."""
        return ir.Constant(self.mask_type, [int(lane < lanes) for lane in range(self.vector)])

    def zero(self, kind: ir.Type = F32) -> ir.Constant:
        """A vector of zeros."""
        return ir.Constant(ir.VectorType(kind, self.vector), [0] * self.vector)

    def constant(self, value: float) -> ir.Constant:
        """A vector with the same float32 in every lane."""
        return ir.Constant(self.float_vector, [value] * self.vector)

    def broadcast(self, scalar: ir.Value) -> ir.Value:
        """A vector with `scalar` in every lane."""
        vector = ir.VectorType(scalar.type, self.vector)
        first = self.builder.insert_element(
            ir.Constant(vector, ir.Undefined), scalar, ir.Constant(I32, 0)
        )
        lanes = ir.Constant(ir.VectorType(I32, self.vector), [0] * self.vector)
        return self.builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), lanes)

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """`a * b + c`, rounded once."""
        return self.call_math("fma", a, b, c)

    def call_math(self, name: str, *values: ir.Value) -> ir.Value:
        """A floating-point intrinsic of LLVM on vectors or scalars."""
        kind = values[0].type
        suffix = f"v{kind.count}f32" if isinstance(kind, ir.VectorType) else "f32"
        function = self.intrinsic(f"llvm.{name}.{suffix}", kind, [value.type for value in values])
        return self.builder.call(function, values)

    def intrinsic(self, name: str, returns: ir.Type, arguments: Sequence[ir.Type]) -> ir.Function:
        """The declaration of a function, made once per module."""
        known = self.module.globals.get(name)
        return known or ir.Function(self.module, ir.FunctionType(returns, arguments), name)


def kernel(
    *arguments: ir.Type,
) -> Callable[
    [Callable[Concatenate[Emitter, Sizes], None]],
    Callable[Concatenate[Module, Machine, Sizes], ir.Function],
]:
    """Make a kernel of what emits its body: a function of `arguments`, for certain sizes.

    `kernel(module, machine, *sizes)` emits it once in a module for sizes that read the same, and
    returns the function that is there from then on.
    """
    return kernel_of(lambda *sizes, **named: arguments)


def kernel_of(
    arguments: Callable[..., Sequence[ir.Type]],
) -> Callable[
    [Callable[Concatenate[Emitter, Sizes], None]],
    Callable[Concatenate[Module, Machine, Sizes], ir.Function],
]:
    """Like `kernel`, where the arguments depend on the sizes."""

    def decorate(
        body: Callable[Concatenate[Emitter, Sizes], None],
    ) -> Callable[Concatenate[Module, Machine, Sizes], ir.Function]:
        family = f"{body.__module__.rpartition('.')[2]}_{body.__name__}"

        def emitted(
            module: Module, machine: Machine, /, *sizes: Sizes.args, **named: Sizes.kwargs
        ) -> ir.Function:
            key = f"{family} {sizes} {named}"
            if key not in module.kernels:
                name = f"{family}_{len(module.kernels)}"
                em = Emitter(module, machine, name, arguments(*sizes, **named))
                body(em, *sizes, **named)
                module.kernels[key] = em.finish()
            return module.kernels[key]

        functools.update_wrapper(emitted, body)
        return emitted

    return decorate


def vectors(channels: int, vector: int) -> list[int]:
    """How many lanes each vector over `channels` uses: full ones, then the tail."""
    full, tail = divmod(channels, vector)
    return [vector] * full + ([tail] if tail else [])


def _suffix(kind: ir.Type) -> str:
    return "f32" if kind == F32 else f"i{kind.width}"
