"""The way in from a shell: `pellucid …` and `python -m pellucid …`."""

from __future__ import annotations


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    from pellucid.cli import main as run

    raise SystemExit(run())


if __name__ == "__main__":
    main()
