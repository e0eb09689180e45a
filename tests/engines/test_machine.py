"""How many threads and lanes are used, and what is no such number."""

from __future__ import annotations

import pytest

from pellucid.engines.native.machine import Machine, thread_count
from pellucid.errors import ArgumentError


def test_a_vector_width_that_does_not_exist_is_refused() -> None:
    assert Machine.detect(8).vector == 8
    with pytest.raises(
        ArgumentError, match=r"^The vector width must be 4, 8 or 16 float32 lanes, got 0\.$"
    ):
        Machine.detect(0)


def test_threads_come_from_the_argument_then_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PELLUCID_THREADS", " 3 ")
    assert thread_count() == 3
    assert thread_count(2) == 2
    with pytest.raises(
        ArgumentError, match=r"^The number of threads must be from 1 to 1024, got 0\.$"
    ):
        thread_count(0)
    monkeypatch.setenv("PELLUCID_THREADS", "many")
    with pytest.raises(
        ArgumentError, match=r"^PELLUCID_THREADS must be a whole number, got 'many'\.$"
    ):
        thread_count()
