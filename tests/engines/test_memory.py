"""Places in memory: what is in use at one time never overlaps."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from pellucid.engines.native.programs.memory import Memory, Span

SPANS = st.lists(
    st.builds(
        Span,
        st.integers(1, 200),
        st.frozensets(st.integers(0, 6), min_size=1),
        st.sampled_from([None, None, "a", "b"]),
    ),
    max_size=12,
)


@given(SPANS)
def test_what_is_in_use_at_one_time_never_overlaps(spans: list[Span]) -> None:
    memory = Memory()
    before = memory.take(5)
    offsets = memory.arrange(spans)
    assert all(offset >= before + 16 and offset % 16 == 0 for offset in offsets)
    assert all(o + s.size <= memory.size for o, s in zip(offsets, spans, strict=True))
    for (a, start), (b, other) in combinations(zip(spans, offsets, strict=True), 2):
        apart = start + a.size <= other or other + b.size <= start
        handed_on = a.times.isdisjoint(b.times) and a.kind == b.kind
        assert apart or (handed_on and (a.kind is None or start == other))


def test_places_are_handed_on() -> None:
    first, second = Span(160, {0, 1}), Span(160, {2})
    assert Memory().arrange([first, second]) == [0, 0]
    assert Memory().arrange([first, Span(160, {1})]) == [0, 160]
    assert Memory().arrange([Span(160, {0}, "a"), Span(160, {1}, "b")]) == [0, 160]
