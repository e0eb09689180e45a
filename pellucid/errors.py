"""One family of exceptions. Every message says what is wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PellucidError(Exception):
    """The root of everything Pellucid raises on purpose."""


class ShapeError(PellucidError, ValueError):
    """Sizes that do not fit together: a kernel larger than its input, a layer without output."""


class DataError(PellucidError, ValueError):
    """Arrays, files or downloads that cannot be used as they are."""


class ArgumentError(PellucidError, ValueError):
    """An argument out of its range or of the wrong kind."""


class UnknownNameError(PellucidError, ValueError):
    """A name that nothing here has; the message gives the nearest known one."""


class TrainingError(PellucidError, RuntimeError):
    """Training that cannot go on, for instance because the loss is no longer finite."""


class EngineError(PellucidError, RuntimeError):
    """An engine that cannot run a network on this machine."""


class RunError(PellucidError, RuntimeError):
    """A run folder that is missing, damaged, or of another model."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that is not among `known`: it suggests the nearest and lists all."""
    names = sorted(known)
    nearest = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    suggestion = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return UnknownNameError(
        f"Unknown {kind} {name!r}.{suggestion} Known are: {', '.join(map(repr, names))}."
    )
