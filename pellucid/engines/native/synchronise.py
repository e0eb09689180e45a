"""Compiled code that lets threads share work: tickets, and a barrier.

The control words lie on cache lines of their own: the next ticket, how many threads have arrived
at the barrier, and how often it has opened. Opening it also starts the tickets anew.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import binding, ir

from pellucid.engines.native.emit import I64, POINTER, VOID, Emitter, Index, kernel

TICKET, ARRIVED, GENERATION = 0, 16, 32  # places of the control words
CONTROL_WORDS = 48
SPINS = 4000  # turns of waiting before another thread is let run: a few tens of microseconds


def pause(em: Emitter) -> None:
    """Tell the CPU that this thread is waiting."""
    architecture = binding.get_process_triple().split("-")[0]
    if architecture in {"x86_64", "amd64", "i686"}:
        em.builder.call(em.intrinsic("llvm.x86.sse2.pause", VOID, []), [])
    elif architecture in {"aarch64", "arm64"}:
        hint = em.intrinsic("llvm.aarch64.hint", VOID, [ir.IntType(32)])
        em.builder.call(hint, [ir.Constant(ir.IntType(32), 1)])


def tickets(em: Emitter, control: ir.Value, count: Index, body: Callable[[ir.Value], None]) -> None:
    """`body(ticket)` for tickets 0 … count - 1, each taken by whichever thread comes first."""
    builder = em.builder
    head = em.function.append_basic_block("ticket")
    work = em.function.append_basic_block("work")
    done = em.function.append_basic_block("done")
    builder.branch(head)
    builder.position_at_end(head)
    place = em.at(control, TICKET, kind=I64)
    ticket = builder.atomic_rmw("add", place, ir.Constant(I64, 1), "monotonic")
    builder.cbranch(em.less(ticket, count), work, done)
    builder.position_at_end(work)
    body(ticket)
    builder.branch(head)
    builder.position_at_end(done)


@kernel(POINTER, I64, I64)
def barrier(em: Emitter) -> None:
    """Where threads wait until all have arrived. Called with (control, threads, yield)."""
    control, threads, let_run = em.arguments
    builder = em.builder
    generation_place = em.at(control, GENERATION, kind=I64)
    arrived_place = em.at(control, ARRIVED, kind=I64)
    one, zero = ir.Constant(I64, 1), ir.Constant(I64, 0)
    generation = builder.load_atomic(generation_place, "acquire", 8, typ=I64)
    before = builder.atomic_rmw("add", arrived_place, one, "acq_rel")

    def open_barrier() -> None:
        builder.atomic_rmw("xchg", arrived_place, zero, "monotonic")
        builder.atomic_rmw("xchg", em.at(control, TICKET, kind=I64), zero, "monotonic")
        builder.atomic_rmw("xchg", generation_place, builder.add(generation, one), "release")

    last = em.equal(builder.add(before, one), threads)
    em.choose(
        last, open_barrier, lambda: wait_for(em, generation_place, generation, let_run, equal=False)
    )


def wait_for(em: Emitter, place: ir.Value, known: ir.Value, let_run: ir.Value, equal: bool) -> None:
    """Wait until a word is `known` (if `equal`), or is no longer: spin, then let others run."""
    builder = em.builder
    head = em.function.append_basic_block("wait")
    again = em.function.append_basic_block("again")
    rest = em.function.append_basic_block("rest")
    done = em.function.append_basic_block("changed")
    start = builder.block
    builder.branch(head)
    builder.position_at_end(head)
    turns = builder.phi(I64)
    turns.add_incoming(ir.Constant(I64, 0), start)
    now = builder.load_atomic(place, "acquire", 8, typ=I64)
    builder.cbranch(builder.icmp_signed("==" if equal else "!=", now, known), done, again)
    builder.position_at_end(again)
    pause(em)
    more = builder.add(turns, ir.Constant(I64, 1))
    turns.add_incoming(more, again)
    builder.cbranch(builder.icmp_signed("<", more, ir.Constant(I64, SPINS)), head, rest)
    builder.position_at_end(rest)
    call_address(em, let_run, [])
    turns.add_incoming(more, rest)
    builder.branch(head)
    builder.position_at_end(done)


def call_address(em: Emitter, address: ir.Value, arguments: list[ir.Value]) -> None:
    """Call the function at an address, a 64-bit word; it returns nothing that is wanted."""
    kind = ir.FunctionType(VOID, [argument.type for argument in arguments])
    em.builder.call(em.builder.inttoptr(address, kind.as_pointer()), arguments)
