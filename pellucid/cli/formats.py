"""The ways in which a command can write what it found."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """How `predict` and `evaluate` write what they found."""

    text = "text"
    csv = "csv"
    json = "json"
