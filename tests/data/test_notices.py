import sys

import pytest

from pellucid.data.notices import busy, tell, transfer


def watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have somebody look at stderr."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")


def test_a_line_goes_to_stderr(capsys: pytest.CaptureFixture) -> None:
    tell("one line")
    assert capsys.readouterr() == ("", "one line\n")


def test_nothing_moves_where_nobody_watches(capsys: pytest.CaptureFixture) -> None:
    with transfer("a.gz", 0, 10) as advance, busy("Fetching"):
        advance(5)
    assert capsys.readouterr() == ("", "")


def test_a_watched_download_shows_its_bytes(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(monkeypatch)
    with transfer("a.gz", 2_000_000, 4_000_000) as advance:
        advance(1_000_000)
    out, err = capsys.readouterr()
    assert out == ""
    assert "a.gz" in err
    assert "3.0/4.0 MB" in err


def test_a_watched_program_shows_what_it_is(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(monkeypatch)
    with busy("Fetching a package"):
        pass
    out, err = capsys.readouterr()
    assert out == ""
    assert "Fetching a package" in err
