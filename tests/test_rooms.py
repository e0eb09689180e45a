"""The house: imports run downwards only, and what is slow to load is loaded when it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pellucid

PACKAGE = Path(pellucid.__file__).parent
LADDER = [
    "errors",
    "memory random render storage",
    "shapes",
    "ops",
    "graph",
    "engines",
    "layers",
    "data",
    "training",
    "files",
    "models",
    "runs",
    "activations callbacks constraints datasets initializers losses metrics optimizers "
    "regularizers saving utils",
    "__init__",
    "networks",
    "cli",
    "__main__",
]
"""Bottom to top. Rooms of one rung do not know each other."""

RUNGS = {room: rung for rung, rooms in enumerate(LADDER) for room in rooms.split()}
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[str]:
    """The room of everything of Pellucid's that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _room(name.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports name their module in full."
            for name in node.names:
                yield from _room(f"{node.module}.{name.name}")


def _room(module: str) -> Iterator[str]:
    package, *rest = module.split(".")
    if package == "pellucid":
        yield rest[0] if rest and rest[0] in RUNGS else "__init__"


def test_every_room_has_its_rung() -> None:
    assert {room_of(path) for path in MODULES} <= RUNGS.keys()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_downwards(path: Path) -> None:
    room = room_of(path)
    for other in imported_rooms(path):
        assert other == room or RUNGS[other] < RUNGS[room], (
            f"pellucid/{name_of(path)} must not import from pellucid.{other}: it lies above."
        )


def test_importing_pellucid_loads_nothing_slow() -> None:
    slow = {"h5py", "llvmlite", "rich", "typer", "torch", "keras", "tensorflow", "urllib.request"}
    program = f"import sys, pellucid; print(*sorted({slow!r} & sys.modules.keys()))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []
