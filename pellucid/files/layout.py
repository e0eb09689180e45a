"""Where the weights of each layer lie in Keras 3's files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pellucid.files.descriptions import CONTAINERS
from pellucid.layers.naming import snake_case

OPTIMIZER = "optimizer"
"""The group of what the optimizer keeps."""


def groups(
    description: dict[str, Any],
    within: str = "",
    path: tuple[str, ...] = (),
    shared: dict[int, str] | None = None,
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each layer of a model, as the names that lead to it, and its group in the file.

    A group is called by the layer's class and a number, never by its name; the layers in a model
    lie in the model's own group. A Sequential does not count its input. A layer that stands in
    several models is kept once, where it comes first; `shared` has what came before.
    """
    counts: Counter[str] = Counter()
    shared = {} if shared is None else shared
    sequential = description["class_name"] == "Sequential"
    for layer in description["config"]["layers"]:
        kind = layer["class_name"]
        if sequential and kind == "InputLayer":
            continue
        word = snake_case(kind)
        group = f"{within}layers/{word}" + (f"_{counts[word]}" if counts[word] else "")
        counts[word] += 1
        if "shared_object_id" in layer:
            group = shared.setdefault(layer["shared_object_id"], group)
        names = (*path, layer["config"]["name"])
        yield names, group
        if kind in CONTAINERS:
            yield from groups(layer, f"{group}/", names, shared)
