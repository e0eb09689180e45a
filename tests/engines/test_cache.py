"""Compiled programs on disk: found again, made anew when damaged, and never mistaken."""

from __future__ import annotations

from pathlib import Path

import networks
import pytest
from numpy.testing import assert_array_equal

from pellucid.engines.native import NativeEngine, runtime
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.reshape import Flatten

GRAPH = networks.chain((6, 6, 2), [Conv2D(5, (3, 3)), Flatten(), Dense(3)])
EXAMPLE = networks.example(GRAPH, 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))
    return tmp_path / "code"


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows by one whenever a program is emitted."""
    seen: list[object] = []
    emit = runtime.prediction

    def counted(*arguments: object) -> object:
        seen.append(arguments)
        return emit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(runtime, "prediction", counted)
    return seen


def answers(engine: NativeEngine) -> object:
    return networks.predictor(engine, GRAPH, EXAMPLE.parameters).run(EXAMPLE.images)


def test_a_network_is_compiled_once_for_a_machine(folder: Path, emitted: list[object]) -> None:
    first = answers(NativeEngine(1))
    assert_array_equal(first, answers(NativeEngine(2)))
    assert len(emitted) == 1
    assert_array_equal(first, answers(NativeEngine(1, vector=4)))
    assert len(emitted) == 2, "another machine has another program"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_damaged_program_is_made_anew(folder: Path, emitted: list[object]) -> None:
    first = answers(NativeEngine(1))
    for path in folder.iterdir():
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    assert_array_equal(first, answers(NativeEngine(1)))
    assert len(emitted) == 2
    for path in folder.iterdir():
        path.write_bytes(b"")
    assert_array_equal(first, answers(NativeEngine(1)))
    assert len(emitted) == 3


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emitted: list[object]
) -> None:
    (tmp_path / "taken").write_text("a file where the folder would be")
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "taken"))
    assert_array_equal(answers(NativeEngine(1)), answers(NativeEngine(1)))
    assert len(emitted) == 2
