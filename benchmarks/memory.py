"""Whether memory grows from epoch to epoch: `python -m benchmarks.memory`."""

from typing import Any

import numpy as np

import pellucid
from benchmarks.networks import TEXTBOOK
from benchmarks.peers.keras_api import Builder
from benchmarks.peers.memory import resident_bytes
from benchmarks.report import table

EPOCHS = 10
IMAGES = 6400


class MemoryLog(pellucid.callbacks.Callback):
    """Keeps the resident memory after each epoch, in megabytes."""

    def __init__(self) -> None:
        self.megabytes: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.megabytes.append(resident_bytes() / 1e6)


def measure() -> str:
    """A Markdown table of the resident memory after each epoch."""
    random = np.random.default_rng(0)
    images = random.random((IMAGES, *TEXTBOOK.input_shape), np.float32)
    labels = random.integers(0, TEXTBOOK.classes, IMAGES)
    model = Builder(pellucid, explicit_padding=True).build(TEXTBOOK)
    model.compile("rmsprop", "sparse_categorical_crossentropy")
    log = MemoryLog()
    model.fit(images, labels, batch_size=64, epochs=EPOCHS, verbose=0, callbacks=[log])
    rows = [[str(epoch), f"{size:.1f}"] for epoch, size in enumerate(log.megabytes, start=1)]
    growth = log.megabytes[-1] - log.megabytes[1]
    return f"{table(['after epoch', 'MB'], rows)}\n\nGrowth since the second: {growth:+.1f} MB."


if __name__ == "__main__":
    print(measure())
