"""Threads that run compiled functions together.

A worker is a Python thread that spends its time in compiled code: it waits there for the next
call, spinning for a moment, and only when nothing comes does it go back to Python and sleep. So
calls that follow each other closely cost no more than a few memory accesses.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading

import numpy as np
from llvmlite import ir

from pellucid.engines.native import cache
from pellucid.engines.native.emit import I64, POINTER, Emitter, Module
from pellucid.engines.native.jit import Library, compile_module
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.synchronise import call_address, pause, wait_for
from pellucid.memory import aligned_zeros

# Places of the words that caller and workers share; each that changes has its own cache line.
EPOCH, DONE, ASLEEP = 0, 16, 32
FUNCTION, FRAME, WORKERS, YIELD = 48, 49, 50, 51
FIRST_WORKER = 64
PARKED, SEEN, WOKEN, STRIDE = 0, 1, 2, 16
PATIENCE = 2000  # turns that a worker waits for the next call before it sleeps: about 0.1 ms


class Team:
    """`threads` threads, of which the caller is number 0."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._words = aligned_zeros(FIRST_WORKER + STRIDE * threads, np.int64)
        self._words[WORKERS] = self._words[DONE] = threads - 1
        self._words[YIELD] = yield_address()
        # A lock that its worker waits for: unlike a semaphore, Ctrl-C cannot tear one apart.
        self._bells = [threading.Lock() for _ in range(threads - 1)]
        for bell in self._bells:
            bell.acquire()
        library = _library()
        self._publish = library.function("publish", ctypes.c_void_p)
        self._take_part = library.function("take_part", ctypes.c_void_p)
        self._serve = library.function("serve", ctypes.c_void_p, ctypes.c_int64)
        self._address = self._words.ctypes.data
        for number in range(1, threads):
            name = f"pellucid-{number}"
            threading.Thread(target=self._work, args=(number,), name=name, daemon=True).start()

    def run(self, function: int, frame: int) -> None:
        """Call the compiled `function(frame, worker)` on every thread; return when all have."""
        with self._lock:
            self._words[FUNCTION], self._words[FRAME] = function, frame
            self._words[ASLEEP] = 0
            try:
                self._publish(self._address)
            finally:  # Ctrl-C is heard after `publish`: what has been announced must be finished
                self._finish()

    def _finish(self) -> None:
        """Wake who sleeps and take part; if nobody did, `publish` has already taken part."""
        try:
            if self._words[ASLEEP]:
                for number in range(1, self.threads):
                    if self._words[FIRST_WORKER + STRIDE * number + WOKEN]:
                        self._ring(number)
                self._take_part(self._address)
        except BaseException:  # Ctrl-C again; a bell that rings twice does no harm
            self._finish()
            raise

    def _ring(self, number: int) -> None:
        bell = self._bells[number - 1]
        if bell.locked():
            bell.release()

    @property
    def broken(self) -> bool:
        """Whether an interrupt has torn a call apart, so that the workers cannot be trusted."""
        return not self._lock.locked() and bool(self._words[DONE] != self._words[WORKERS])

    def _work(self, number: int) -> None:
        while True:
            self._serve(self._address, number)
            self._bells[number - 1].acquire()


_teams: dict[tuple[int, int], Team] = {}


def team(threads: int) -> Team:
    """The team of so many threads, shared by all engines of this process."""
    key = os.getpid(), threads  # a forked child has none of its parent's threads
    known = _teams.get(key)
    if known is None or known.broken:
        known = _teams[key] = Team(threads)
    return known


@functools.cache
def yield_address() -> int:
    """The operating system's function that lets another thread run."""
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@functools.cache
def _library() -> Library:
    machine = Machine.detect()

    def make() -> bytes:
        module = Module("team")
        _emit_publish(module, machine)
        _emit_serve(module, machine)
        return compile_module(str(module), machine)

    return Library(cache.kept("team", machine, make), machine)


def _word(em: Emitter, words: ir.Value, *place: ir.Value | int) -> ir.Value:
    return em.at(words, *place, kind=I64)


def _read(em: Emitter, words: ir.Value, place: int) -> ir.Value:
    return em.builder.load(_word(em, words, place), typ=I64, align=8)


def _emit_publish(module: Module, machine: Machine) -> None:
    """publish(words): announce the call; if nobody sleeps, take_part(words), which also waits."""
    part = Emitter(module, machine, "take_part", [POINTER])
    (words,) = part.arguments
    _run_job(part, words, part.integer(0))
    workers = _read(part, words, WORKERS)
    wait_for(part, _word(part, words, DONE), workers, _read(part, words, YIELD), equal=True)
    part.builder.store(part.integer(0), _word(part, words, ASLEEP), align=8)
    part.finish()

    em = Emitter(module, machine, "publish", [POINTER])
    (words,) = em.arguments
    builder = em.builder
    builder.atomic_rmw("xchg", _word(em, words, DONE), em.integer(0), "monotonic")
    builder.atomic_rmw("add", _word(em, words, EPOCH), em.integer(1), "seq_cst")
    limit = builder.add(_read(em, words, WORKERS), em.integer(1))

    def wake(number: ir.Value, asleep: ir.Value) -> list[ir.Value]:
        parked = _word(em, words, em.multiply(number, STRIDE), FIRST_WORKER + PARKED)
        was = builder.atomic_rmw("xchg", parked, em.integer(0), "seq_cst")
        builder.store(was, em.at(parked, WOKEN, kind=I64), align=8)
        return [builder.or_(asleep, was)]

    (asleep,) = em.loop(em.integer(1), limit, wake, [em.integer(0)])
    builder.store(asleep, _word(em, words, ASLEEP), align=8)
    em.choose(em.equal(asleep, 0), lambda: builder.call(part.function, [words]) and None)
    em.finish()


def _emit_serve(module: Module, machine: Machine) -> None:
    """serve(words, worker): take part in every call until none has come for a while."""
    em = Emitter(module, machine, "serve", [POINTER, I64])
    words, worker = em.arguments
    builder = em.builder
    mine = _word(em, words, em.multiply(worker, STRIDE), FIRST_WORKER)
    seen, parked, epoch = em.at(mine, SEEN, kind=I64), mine, _word(em, words, EPOCH)
    head, again, job, park, claim = (
        em.function.append_basic_block(name) for name in ("head", "again", "job", "park", "claim")
    )
    leave = em.function.append_basic_block("leave")
    builder.branch(head)
    start = builder.block

    builder.position_at_end(head)
    turns = builder.phi(I64)
    turns.add_incoming(em.integer(0), start)
    now = builder.load_atomic(epoch, "acquire", 8, typ=I64)
    known = builder.load(seen, typ=I64, align=8)
    builder.cbranch(em.equal(now, known), again, job)

    builder.position_at_end(again)
    pause(em)
    more = builder.add(turns, em.integer(1))
    turns.add_incoming(more, again)
    builder.cbranch(em.less(more, PATIENCE), head, park)

    builder.position_at_end(job)
    builder.store(now, seen, align=8)
    _run_job(em, words, worker)
    builder.atomic_rmw("add", _word(em, words, DONE), em.integer(1), "acq_rel")
    turns.add_incoming(em.integer(0), builder.block)
    builder.branch(head)

    # Going to sleep and a new call may cross: whoever clears `parked` decides who rings the bell.
    builder.position_at_end(park)
    builder.atomic_rmw("xchg", parked, em.integer(1), "seq_cst")
    latest = builder.load_atomic(epoch, "seq_cst", 8, typ=I64)
    builder.cbranch(em.equal(latest, known), leave, claim)
    builder.position_at_end(claim)
    was = builder.atomic_rmw("xchg", parked, em.integer(0), "seq_cst")
    turns.add_incoming(em.integer(0), claim)
    builder.cbranch(em.equal(was, 1), head, leave)

    builder.position_at_end(leave)
    em.finish()


def _run_job(em: Emitter, words: ir.Value, worker: ir.Value) -> None:
    builder = em.builder
    function = _read(em, words, FUNCTION)
    frame = builder.load(_word(em, words, FRAME), typ=POINTER, align=8)
    call_address(em, function, [frame, worker])
