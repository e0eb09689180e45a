"""Models of every kind out of JSON."""

from __future__ import annotations

import json

from pellucid.errors import ArgumentError, unknown_name
from pellucid.models.model import Model
from pellucid.models.sequential import Sequential

KINDS: dict[str, type[Model]] = {cls.kind: cls for cls in (Model, Sequential)}


def model_from_json(text: str) -> Model:
    """The model whose `to_json` gave this; its weights start anew.

    Raises ArgumentError for a text that is no model, UnknownNameError for a layer or kind of
    model that does not exist.
    """
    try:
        description = json.loads(text)
        kind, config = description["class_name"], description["config"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArgumentError(f"This is no model as JSON: {error!r}.") from error
    if kind not in list(KINDS):  # what a damaged file says may have no hash
        raise unknown_name("kind of model", kind, KINDS)
    return KINDS[kind].from_config(config)
