"""Set up the peers' environments: `python -m benchmarks.environments`.

TensorFlow pins packages that others need newer, so it has an environment to itself.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
FOLDER = ROOT / ".venv-peers"
MAIN = "main"
"""The environment that runs the driver: Pellucid's own."""

PEERS = ("torch", "tensorflow")


def python_of(environment: str) -> Path:
    """The interpreter of an environment."""
    return Path(sys.executable) if environment == MAIN else interpreter(FOLDER / environment)


def interpreter(folder: Path) -> Path:
    """The interpreter inside a virtual environment's folder."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def set_up(environment: str) -> None:
    """Create an environment, unless it already holds exactly what its requirements file says."""
    folder = FOLDER / environment
    wanted = (HERE / f"requirements-{environment}.txt").read_text()
    stamp = folder / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Setting up the peers' environment {environment} (about 1.6 GB)", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    requirements = HERE / f"requirements-{environment}.txt"
    subprocess.run(
        [python_of(environment), "-m", "pip", "install", "--quiet", "-r", requirements], check=True
    )
    stamp.write_text(wanted)


if __name__ == "__main__":
    for name in PEERS:
        set_up(name)
