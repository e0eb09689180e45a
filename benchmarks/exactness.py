"""The same bits for any number of threads and vector width: `python -m benchmarks.exactness`.

Each combination trains in a process of its own; the weights' SHA-256 must be one and the same.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.environments import ROOT
from benchmarks.every_layer import every_layer
from benchmarks.networks import NETWORKS
from benchmarks.peers.keras_api import Builder
from benchmarks.report import table

IMAGES = {"textbook": 3200, "cats-and-dogs": 64, "residual": 256, "every layer": 64}
"""How many made-up images each network is trained on, once."""

THREADS = (1, 2, 3, 4)
VECTORS = (4, 8, 16)


def measure() -> str:
    """A Markdown table of hashes for each network."""
    return "\n\n".join(f"### {name}\n\n{compare(name)}" for name in IMAGES)


def compare(name: str) -> str:
    """A row of hashes for each number of threads, a column for each width."""
    hashes = {(t, v): train_apart(name, threads=t, vector=v) for t in THREADS for v in VECTORS}
    rows = [[f"{t} threads", *(hashes[t, v][:12] for v in VECTORS)] for t in THREADS]
    same = len(set(hashes.values())) == 1
    verdict = "Identical bits." if same else "**The bits differ.**"
    header = [f"weights after {IMAGES[name]:,} images", *(f"vector {v}" for v in VECTORS)]
    return f"{table(header, rows)}\n\n{verdict}"


def train_apart(name: str, threads: int, vector: int) -> str:
    """Train in a new process; the hash of its weights."""
    settings = {"PELLUCID_THREADS": str(threads), "PELLUCID_VECTOR": str(vector)}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.exactness", name],
        cwd=ROOT,
        env=os.environ | settings,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()


def train_here(name: str) -> str:
    """Train on made-up images in this process; the hash of the weights."""
    import pellucid

    pellucid.set_seed(0)
    model = BUILDERS[name](pellucid)
    (*_, classes) = model.output_shape
    random = np.random.default_rng(0)
    images = random.random((IMAGES[name], *model.input_shape[1:]), np.float32)
    labels = random.integers(0, max(2, classes), len(images))
    loss = "binary_crossentropy" if classes == 1 else "sparse_categorical_crossentropy"
    model.compile("rmsprop", loss)
    model.fit(images, labels, batch_size=32, epochs=1, verbose=0)
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()


def builder(name: str) -> Callable[[Any], Any]:
    """What builds a network of the benchmarks."""
    return lambda keras: Builder(keras, explicit_padding=True).build(NETWORKS[name])


BUILDERS: dict[str, Callable[[Any], Any]] = {
    **{name: builder(name) for name in NETWORKS},
    "every layer": every_layer,
}

if __name__ == "__main__":
    print(train_here(sys.argv[1]) if sys.argv[1:] else measure())
