"""Threads that run compiled functions together, and Ctrl-C between them."""

from __future__ import annotations

import time

import networks
import pytest
from numpy.testing import assert_array_equal

from pellucid.engines.native import NativeEngine
from pellucid.engines.native.team import Team, team
from pellucid.ops.convolution import Conv2D


def test_an_interrupt_while_threads_are_woken_leaves_nothing_half_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    example = networks.example(networks.chain((6, 6, 2), [Conv2D(40, (3, 3))]), 0)
    predictor = networks.predictor(NativeEngine(3), example.graph, example.parameters)
    expected = predictor.run(example.images)
    ring, interrupts = Team._ring, iter([KeyboardInterrupt] * 2)

    def interrupted(self: Team, number: int) -> None:
        ring(self, number)
        for interrupt in interrupts:
            raise interrupt

    def call_sleepers() -> None:
        """A call that comes late enough finds the workers asleep."""
        for _ in range(1000):
            time.sleep(0.01)
            predictor.run(example.images)

    monkeypatch.setattr(Team, "_ring", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_sleepers()
    assert not team(3).broken
    for count in (24, 1, 9):
        assert_array_equal(predictor.run(example.images[:count]), expected[:count])
