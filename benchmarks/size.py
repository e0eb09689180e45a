"""What Pellucid and its dependencies take on disk: `python -m benchmarks.size`."""

import json
import subprocess
import tempfile
import venv
from pathlib import Path

from benchmarks.environments import ROOT, interpreter
from benchmarks.report import table

FORBIDDEN = ("torch", "tensorflow", "tensorflow-cpu", "jax")


def measure() -> str:
    """A Markdown table of what a plain install into a fresh environment adds, in megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder) / "venv"
        venv.create(environment, with_pip=True)
        before = bytes_in(environment)
        pip(environment, "install", "--quiet", str(ROOT))
        added = bytes_in(environment) - before
        listed = json.loads(pip(environment, "list", "--format", "json"))
    names = sorted(package["name"] for package in listed)
    unwanted = [name for name in names if name.lower() in FORBIDDEN]
    rows = [
        ["installed size", f"{added / 1e6:.0f} MB"],
        ["torch, TensorFlow or JAX", ", ".join(unwanted) or "none"],
    ]
    return f"{table(['fresh environment', ''], rows)}\n\nPackages: {', '.join(names)}."


def pip(environment: Path, *arguments: str) -> str:
    """Run the environment's pip; what it printed."""
    command = [str(interpreter(environment)), "-m", "pip", "--disable-pip-version-check"]
    return subprocess.run(
        [*command, *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def bytes_in(folder: Path) -> int:
    """The size of all files below a folder, links not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


if __name__ == "__main__":
    print(measure())
