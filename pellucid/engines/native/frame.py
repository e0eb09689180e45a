"""The frame: how the caller's arrays and numbers reach compiled code, as a row of 64-bit words."""

from __future__ import annotations

from llvmlite import ir

from pellucid.engines.native.emit import I64, POINTER, Emitter

FIELDS = (
    "inputs",  # addresses of float32 (any, *input shape), one for each input
    "targets",  # addresses of what the losses take, one for each output
    "weights",  # addresses of float32 (any,), one for each output; 0 where all samples count alike
    "order",  # int64 (samples,): which samples, in which order
    "outputs",  # addresses of float32 (samples, *output shape), one for each output
    "losses",  # addresses of float32 (samples,), one for each output
    "scalars",  # float32 (steps, numbers of the optimizer)
    "keys",  # uint32 (steps, random nodes)
    "samples",  # how many
    "batch",  # samples a step
    "capacity",  # samples that the shared memory has room for
    "threads",  # workers that take part
    "arenas",  # memory of the workers, one after the other
    "shared",  # memory of the whole batch
    "partials",  # gradients, partition after partition
    "whole",  # gradients that are summed over the whole batch at once
    "packed",  # weights in the forms that kernels read, and statistics of the batch
    "control",  # int64: see `team`
    "parameters",  # addresses of the parameters
    "slots",  # addresses of the optimizer's slots, SLOTS for each parameter
    "yield",  # a function of the operating system that lets another thread run
)


def field(em: Emitter, frame: ir.Value, name: str) -> ir.Value:
    """Load a field: an address or a number."""
    numbers = {"samples", "batch", "capacity", "threads", "yield"}
    place = em.at(frame, FIELDS.index(name), kind=I64)
    return em.builder.load(place, typ=I64 if name in numbers else POINTER, align=8)


def entry(em: Emitter, table: ir.Value, number: int) -> ir.Value:
    """Load an address from a table of addresses."""
    return em.builder.load(em.at(table, number, kind=I64), typ=POINTER, align=8)
