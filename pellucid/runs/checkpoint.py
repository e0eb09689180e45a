"""The one file that a run goes on from: everything that training changes, after a whole epoch.

It is an .npz: `state` holds a JSON text (as bytes), `weight_<i>` the model's weights in their
order, `slot_<i>_<j>` the j-th array that the optimizer keeps for the i-th trainable weight.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.atomic import atomic_file
from pellucid.errors import RunError
from pellucid.ops.base import Array

FORMAT = 1

_DAMAGE = (EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after `epoch` whole epochs.

    network: the SHA-256 of the model's description, so that weights never meet another model.
    step: updates made so far. learning_rate: the optimizer's, which may change as it goes.
    history: one list a figure, one number an epoch.
    """

    network: str
    epoch: int
    step: int
    learning_rate: float
    history: Mapping[str, list[float]]
    weights: list[Array]
    slots: list[list[Array]]

    def write(self, path: Path) -> None:
        """Write the file whole or not at all.

        Raises:
            OSError: the folder cannot be written, or the disk is full.
        """
        state = {
            "format": FORMAT,
            "network": self.network,
            "epoch": self.epoch,
            "step": self.step,
            "learning_rate": self.learning_rate,
            "history": self.history,
            "weights": len(self.weights),
            "slots": [len(arrays) for arrays in self.slots],
        }
        arrays = {"state": np.frombuffer(json.dumps(state).encode(), np.uint8)}
        arrays |= {f"weight_{i}": weight for i, weight in enumerate(self.weights)}
        arrays |= {
            f"slot_{i}_{j}": slot
            for i, slots in enumerate(self.slots)
            for j, slot in enumerate(slots)
        }
        with atomic_file(path) as file:
            np.savez(file, **arrays)

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read the file; nothing in it is unpickled.

        Raises:
            RunError: it is damaged, or of a newer Pellucid.
            OSError: it is not there, or may not be read.
        """
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
                return cls._from_archive(archive, path)
        except _DAMAGE as error:
            raise RunError(
                f"{path} is damaged ({error}). Nothing can go on from it: start the run again, "
                "or put back a copy of the file."
            ) from error

    @classmethod
    def _from_archive(cls, archive: Mapping[str, Array], path: Path) -> Checkpoint:
        state: dict[str, Any] = json.loads(archive["state"].tobytes())
        if state["format"] > FORMAT:
            raise RunError(f"{path} was written by a newer Pellucid: update this one.")
        return cls(
            network=state["network"],
            epoch=state["epoch"],
            step=state["step"],
            learning_rate=state["learning_rate"],
            history=state["history"],
            weights=[archive[f"weight_{i}"] for i in range(state["weights"])],
            slots=[
                [archive[f"slot_{i}_{j}"] for j in range(count)]
                for i, count in enumerate(state["slots"])
            ],
        )
