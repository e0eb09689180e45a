"""The command line: `pellucid train`, `evaluate`, `predict`, `summary`."""

from __future__ import annotations

import os
import sys

from pellucid.errors import InterruptedRunError, PellucidError

OK, FAILED, INTERRUPTED = 0, 1, 130


def main() -> int:
    """Run the command that the arguments name; returns the exit code.

    0: done. 1: something is wrong, said in one message on stderr. 2: arguments that make no sense.
    130: Ctrl-C.
    """
    from pellucid.cli.app import app

    try:
        app(standalone_mode=True)
    except SystemExit as end:
        return _flushed(end.code if isinstance(end.code, int) else OK)
    except InterruptedRunError as stop:
        return _complain(str(stop), INTERRUPTED)
    except PellucidError as error:
        return _complain(f"pellucid: {error}", FAILED)
    except MemoryError as error:
        return _complain(
            f"pellucid: There is not enough memory ({error}). A smaller network, smaller images, a "
            "smaller --batch-size or fewer samples (--limit) need less.",
            FAILED,
        )
    except KeyboardInterrupt:
        return _complain("Stopped.", INTERRUPTED)
    except BrokenPipeError:
        return _flushed(OK)
    return OK


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr)
    return _flushed(code)


def _flushed(code: int) -> int:
    """Flush what was printed, and be silent if nobody reads it any more (`| head`)."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
