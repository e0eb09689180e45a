"""The same bits for any number of threads and vector width: `python -m benchmarks.exactness`.

Each combination trains in a process of its own; the weights' SHA-256 must be one and the same.
"""

import hashlib
import os
import subprocess
import sys

import numpy as np

from benchmarks.environments import ROOT
from benchmarks.networks import TEXTBOOK
from benchmarks.peers.keras_api import build
from benchmarks.report import table

STEPS = 50
BATCH_SIZE = 64
THREADS = (1, 2, 3, 4)
VECTORS = (4, 8, 16)


def measure() -> str:
    """A Markdown table of hashes: a row for each number of threads, a column for each width."""
    hashes = {(t, v): train_apart(threads=t, vector=v) for t in THREADS for v in VECTORS}
    rows = [[f"{t} threads", *(hashes[t, v][:12] for v in VECTORS)] for t in THREADS]
    same = len(set(hashes.values())) == 1
    verdict = "Identical bits." if same else "**The bits differ.**"
    header = [f"weights after {STEPS} steps", *(f"vector {v}" for v in VECTORS)]
    return f"{table(header, rows)}\n\n{verdict}"


def train_apart(threads: int, vector: int) -> str:
    """Train in a new process; the hash of its weights."""
    settings = {"PELLUCID_THREADS": str(threads), "PELLUCID_VECTOR": str(vector)}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.exactness", "here"],
        cwd=ROOT,
        env=os.environ | settings,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()


def train_here() -> str:
    """Train on made-up images in this process; the hash of the weights."""
    import pellucid

    random = np.random.default_rng(0)
    images = random.random((STEPS * BATCH_SIZE, *TEXTBOOK.input_shape), np.float32)
    labels = random.integers(0, TEXTBOOK.classes, len(images))
    pellucid.set_seed(0)
    model = build(pellucid, TEXTBOOK)
    model.compile("rmsprop", "sparse_categorical_crossentropy")
    model.fit(images, labels, batch_size=BATCH_SIZE, epochs=1, verbose=0)
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    print(train_here() if sys.argv[1:] == ["here"] else measure())
