"""How many threads and lanes are used, and what is no such number."""

from __future__ import annotations

import re

import pytest

from pellucid.engines.native.machine import Machine, thread_count
from pellucid.errors import ArgumentError


def test_the_vector_width_comes_from_the_argument_then_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PELLUCID_VECTOR", "4")
    assert Machine.detect().vector == 4
    assert Machine.detect(8).vector == 8


def test_the_number_of_threads_comes_from_the_argument_then_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PELLUCID_THREADS", " 3 ")
    assert thread_count() == 3
    assert thread_count(2) == 2


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        (
            "PELLUCID_VECTOR",
            "5",
            "PELLUCID_VECTOR, the float32 numbers in a vector, must be 4, 8 or 16, got 5. "
            "Leave it away for the widest of this CPU.",
        ),
        (
            "PELLUCID_THREADS",
            "0",
            "PELLUCID_THREADS must be from 1 to 1024, got 0. Leave it away to use every core.",
        ),
        (
            "PELLUCID_THREADS",
            "many",
            "PELLUCID_THREADS must be a whole number, got 'many'. Unset it for the default.",
        ),
    ],
)
def test_a_setting_out_of_range_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, message: str
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        Machine.detect() if variable == "PELLUCID_VECTOR" else thread_count()


def test_an_argument_out_of_range_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"^vector, the float32 numbers .*, got 0\."):
        Machine.detect(0)
    with pytest.raises(ArgumentError, match=r"^threads must be from 1 to 1024, got 0\."):
        thread_count(0)
