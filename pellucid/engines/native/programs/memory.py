"""Places in memory: one after the other, or handed on from one buffer to the next."""

from __future__ import annotations

from collections.abc import Hashable, Sequence, Set
from dataclasses import dataclass

from pellucid.engines.native.layout import aligned


@dataclass
class Memory:
    """Hands out places one after the other, in float32 numbers, on whole cache lines."""

    size: int = 0

    def take(self, count: int) -> int:
        """The offset of a new place of `count` numbers."""
        offset = self.size
        self.size += aligned(count)
        return offset

    def arrange(self, spans: Sequence[Span]) -> list[int]:
        """The offsets of many buffers; where no time is in common, they lie over each other."""
        offsets, end = _arrange(spans)
        start = self.take(end)
        return [start + offset for offset in offsets]


@dataclass(frozen=True)
class Span:
    """A buffer of `size` numbers and the times at which it is in use.

    kind: of what kind it is, if what it holds besides has to stay, as a border of zeros does:
    then its place is only ever shared with buffers of its kind.
    """

    size: int
    times: Set[int]
    kind: Hashable = None


def _arrange(spans: Sequence[Span]) -> tuple[list[int], int]:
    """Offsets, and the end of all: the largest first, each as low as it can lie.

    Source: "greedy by size", Y. Pisarchyk and J. Lee (2020), Efficient memory management for deep
    neural net inference.
    """
    slots = _slots(spans)
    order = sorted(range(len(slots)), key=lambda number: -slots[number].size)
    placed: list[tuple[int, Span]] = []
    offsets: dict[int, int] = {}
    for number in order:
        slot = slots[number]
        offset = 0
        for start, other in sorted(placed, key=lambda item: item[0]):
            apart = slot.kind is None and other.kind is None and slot.times.isdisjoint(other.times)
            if not apart and offset + slot.size > start:
                offset = max(offset, start + other.size)
        placed.append((offset, slot))
        for member in slot.members:
            offsets[member] = offset
    end = max((start + slot.size for start, slot in placed), default=0)
    return [offsets[number] for number in range(len(spans))], end


@dataclass(frozen=True)
class _Slot(Span):
    """A place for one buffer, or for several of a kind: their numbers."""

    members: tuple[int, ...] = ()


def _slots(spans: Sequence[Span]) -> list[_Slot]:
    """Buffers of a kind are put together where their times allow it."""
    slots: list[_Slot] = []
    for number, span in enumerate(spans):
        size = aligned(span.size)
        for place, slot in enumerate(slots):
            alike = span.kind is not None and slot.kind == span.kind
            if alike and slot.times.isdisjoint(span.times):
                times, members = slot.times | span.times, (*slot.members, number)
                slots[place] = _Slot(max(size, slot.size), times, span.kind, members)
                break
        else:
            slots.append(_Slot(size, span.times, span.kind, (number,)))
    return slots
