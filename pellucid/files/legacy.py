"""The .h5 file of Keras 2, which Keras 3 still writes.

What the model is and how it was compiled are attributes, as JSON. The weights lie in a group for
each layer, by its name; the attribute `weight_names` says in which order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.errors import ModelFileError
from pellucid.files import access, hdf5
from pellucid.files.access import ANOTHER_COPY
from pellucid.files.hdf5 import Hdf5File, StoredArray


class LegacyFile(NamedTuple):
    """What an open .h5 file holds.

    model, training: what it says of the model and of `compile`, if it says so; a file of weights
    alone has neither. layers: the arrays of every layer that has some. optimizer: what the
    optimizer keeps, in Keras's order; none if it was saved without.
    """

    model: dict[str, Any] | None
    training: dict[str, Any] | None
    layers: list[tuple[str, list[StoredArray]]]
    optimizer: list[StoredArray]


@contextmanager
def opened(path: Path) -> Iterator[LegacyFile]:
    """Open the file; ModelFileError if it is not there, damaged, or no file of Keras."""
    with access.opened(path) as source, hdf5.opened(source, str(path)) as file:
        root = "model_weights" if "model_weights" in file else ""
        names = file.texts(root, "layer_names")
        if not names:
            raise ModelFileError(
                f"{path} lists no layers: it is no .h5 file of Keras, or a .weights.h5 file under "
                "another name."
            )
        stored = [(name, _arrays(file, f"{root}/{name}")) for name in names]
        yield LegacyFile(
            _json(file, "model_config", path),
            _json(file, "training_config", path),
            [(name, arrays) for name, arrays in stored if arrays],
            _arrays(file, "optimizer_weights") if "optimizer_weights" in file else [],
        )


def _arrays(file: Hdf5File, group: str) -> list[StoredArray]:
    return [file.array(f"{group}/{name}") for name in file.texts(group, "weight_names")]


def _json(file: Hdf5File, attribute: str, path: Path) -> dict[str, Any] | None:
    text = file.text(attribute)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{path} is damaged: its {attribute} is no JSON ({error}). {ANOTHER_COPY}"
        ) from error
    return value if isinstance(value, dict) else {}
