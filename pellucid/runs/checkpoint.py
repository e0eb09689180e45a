"""The one file that a run goes on from: everything that training changes, after a whole epoch.

It is an .npz: `state` holds a JSON text (as bytes), `weight_<i>` the model's weights in their
order, `slot_<i>_<j>` the j-th array that the optimizer keeps for the i-th trainable weight.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.formats import DAMAGE
from pellucid.errors import RunError
from pellucid.ops.base import Array
from pellucid.storage import atomic_file
from pellucid.training.state import TrainingState

FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """What a run has come to.

    network: the SHA-256 of the model's description, so that weights never meet another model.
    weights: the model's, in their order. learning_rate: the optimizer's, which may change as it
    goes; None if it follows a schedule. history: one list a figure, one number an epoch.
    """

    network: str
    weights: Sequence[Array]
    training: TrainingState
    learning_rate: float | None
    history: Mapping[str, list[float]]

    def write(self, path: Path) -> None:
        """Write the file whole or not at all.

        Raises:
            OSError: the folder cannot be written, or the disk is full.
        """
        state = {
            "format": FORMAT,
            "network": self.network,
            "seed": self.training.seed,
            "step": self.training.step,
            "epoch": self.training.epoch,
            "learning_rate": self.learning_rate,
            "history": self.history,
            "weights": len(self.weights),
            "slots": [len(slots) for slots in self.training.slots],
        }
        arrays: dict[str, Any] = {"state": np.frombuffer(json.dumps(state).encode(), np.uint8)}
        arrays |= {f"weight_{i}": weight for i, weight in enumerate(self.weights)}
        for i, slots in enumerate(self.training.slots):
            arrays |= {f"slot_{i}_{j}": slot for j, slot in enumerate(slots)}
        with atomic_file(path) as file:
            np.savez(file, **arrays)

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read the file; nothing in it is unpickled.

        Raises:
            RunError: it is damaged, or of a newer Pellucid.
            OSError: it is not there, or may not be read.
        """
        content = path.read_bytes()
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return cls._from_archive(archive, path)
        except RunError:
            raise
        except (*DAMAGE, TypeError, OSError) as error:
            raise RunError(
                f"{path} is damaged ({error}). Nothing can go on from it: start the run again, "
                "or put back a copy of the file."
            ) from error

    @classmethod
    def _from_archive(cls, archive: Mapping[str, Array], path: Path) -> Checkpoint:
        state: dict[str, Any] = json.loads(archive["state"].tobytes())
        if state["format"] > FORMAT:
            raise RunError(f"{path} was written by a newer Pellucid: update this one.")
        slots = [
            [archive[f"slot_{i}_{j}"] for j in range(count)]
            for i, count in enumerate(state["slots"])
        ]
        return cls(
            network=state["network"],
            weights=[archive[f"weight_{i}"] for i in range(state["weights"])],
            training=TrainingState(state["seed"], state["step"], state["epoch"], slots),
            learning_rate=state["learning_rate"],
            history=state["history"],
        )
