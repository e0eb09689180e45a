"""One family of exceptions. Every message says what is wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class PellucidError(Exception):
    """The root of everything Pellucid raises on purpose."""


class ShapeError(PellucidError, ValueError):
    """Sizes that do not fit together: a kernel larger than its input, a layer without output.

    summary: the table of the network up to the layer that does not fit, if there is one.
    """

    summary: str = ""


class KernelSizeError(ShapeError):
    """A kernel or pooling window that is larger than what it should slide over.

    window: what does not fit, "kernel" or "pooling window". input_size, kernel_size, dilation:
    height and width. padding: ((top, bottom), (left, right)). smallest_input: the smallest
    height and width that this operation takes with the same padding.
    """

    def __init__(
        self,
        window: str,
        input_size: tuple[int, int],
        kernel_size: tuple[int, int],
        dilation: tuple[int, int],
        padding: tuple[tuple[int, int], tuple[int, int]],
    ) -> None:
        self.window = window
        self.input_size = input_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True))
        needs = [
            max(1, span - before - after)
            for span, (before, after) in zip(spans, padding, strict=True)
        ]
        self.smallest_input = (needs[0], needs[1])
        dilated = f" with dilation {_size(dilation)}" if dilation != (1, 1) else ""
        padded = f" with padding {padding}" if padding != ((0, 0), (0, 0)) else ""
        super().__init__(
            f"A {window} of {_size(kernel_size)}{dilated} does not fit into an input of "
            f"{_size(input_size)}{padded}: it needs at least {_size(self.smallest_input)}."
        )


def _size(pair: tuple[int, int]) -> str:
    return f"{pair[0]}×{pair[1]}"


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


class ModelFileError(PellucidError, ValueError):
    """A file of a model that is missing, damaged, or asks for what there is not here."""


class RunError(PellucidError, RuntimeError):
    """A run folder that is missing, damaged, or of another model."""


class InterruptedRunError(PellucidError):
    """Ctrl-C in a command, with what is saved and how to go on."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """The error for a name that is not among `known`: it suggests the nearest and lists all."""
    names = sorted(known)
    return UnknownNameError(
        f"Unknown {kind} {name!r}.{suggestion(name, names)} "
        f"Known are: {', '.join(map(repr, names))}."
    )


def suggestion(name: object, known: Sequence[str]) -> str:
    """A sentence with the nearest known name, to be put behind another; empty if none is near."""
    nearest = difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=0.5)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
