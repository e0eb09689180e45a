"""The live bar, on something that looks like a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from pellucid.training import progress
from pellucid.training.progress import Progress


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """No fixture: pytest puts its own output in place once more before a test begins."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_DRAWINGS", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return screen


@pytest.mark.parametrize("verbose", [1, "auto"])
def test_a_bar_shows_figures_speed_and_time_left(
    monkeypatch: pytest.MonkeyPatch, verbose: int | str
) -> None:
    terminal = a_terminal(monkeypatch)
    with Progress("Epoch 1/2", 200, verbose) as bar:
        bar.show(100, {"loss": 0.25})
        assert "loss: 0.2500" in terminal.getvalue()
        assert "images/s" in terminal.getvalue()
        assert "s left" in terminal.getvalue()
    last = terminal.getvalue().splitlines()[-1]
    assert "Epoch 1/2 - " in last
    assert last.endswith(" - loss: 0.2500")


@pytest.mark.parametrize("verbose", [0, 2])
def test_no_bar_unless_it_is_wanted(monkeypatch: pytest.MonkeyPatch, verbose: int) -> None:
    terminal = a_terminal(monkeypatch)
    with Progress("Epoch 1/2", 200, verbose) as bar:
        bar.show(100, {"loss": 0.25})
        assert terminal.getvalue() == ""


def test_an_error_leaves_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)
    with pytest.raises(KeyboardInterrupt), Progress("Epoch 1/2", 200, 2):
        raise KeyboardInterrupt
    assert terminal.getvalue() == ""
