"""What a file says of `compile`: the optimizer, the loss and the metrics, in Keras's words."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pellucid.errors import ModelFileError
from pellucid.files.descriptions import check_origin, short
from pellucid.ops.schedules import SCHEDULES
from pellucid.training import lookup
from pellucid.training.metrics import METRICS

_KINDS = {
    "optimizer": "optimizers",
    "loss": "losses",
    "metrics": "metrics",
    "weighted_metrics": "metrics",
    "learning_rate": "optimizers.schedules",
}
_ONLY_OURS = {"OneCycle"}
# Whatever these are, they change no number that is computed here.
_MEANINGLESS = {"dtype", "is_legacy_optimizer", "jit_compile", "name"}
_DEFAULTS = {"axis": (-1,), "decay": (0.0,), "reduction": ("auto", "sum_over_batch_size")}


def written(config: Mapping[str, Any]) -> dict[str, Any]:
    """What `get_compile_config` gave, as Keras 3 writes it."""
    return {key: _written(value, _KINDS.get(key, "")) for key, value in config.items()}


def read(config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What `compile_from_config` takes, out of what any Keras says.

    Raises ModelFileError for a class of another program, or a setting that cannot be kept.
    """
    given = {"optimizer": config.get("optimizer_config"), **config}
    return {
        key: _read(given.get(key), f"{where}: {key}")
        for key in ("optimizer", "loss", "metrics", "loss_weights", "weighted_metrics")
    }


def _written(value: Any, kind: str) -> Any:
    if isinstance(value, list):
        return [_written(item, kind) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {key: _written(item, kind) for key, item in value.items()}
    name = value["class_name"]
    package = "pellucid" if name in _ONLY_OURS else "keras"
    config = {key: _written(item, _KINDS.get(key, "")) for key, item in value["config"].items()}
    return {
        "module": f"{package}.{kind}",
        "class_name": name,
        "config": config,
        "registered_name": f"pellucid>{name}" if name in _ONLY_OURS else None,
    }


def _read(value: Any, title: str) -> Any:
    if isinstance(value, list):
        return [_read(item, title) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {key: _read(item, title) for key, item in value.items()}
    name, config = value["class_name"].removeprefix("Custom>"), value.get("config") or {}
    check_origin(value, f"{title} {name}")
    if name == "function":
        return config
    if name == "MeanMetricWrapper":  # Keras 2's for metrics by name; "accuracy" is one of them
        return {"class_name": config.get("fn"), "config": {"name": config.get("name")}}
    return {"class_name": name, "config": _settings(name, config, f"{title} {name}")}


def _settings(name: str, config: Mapping[str, Any], title: str) -> dict[str, Any]:
    """The settings that the class knows; ModelFileError for another that means something."""
    known = _classes().get(name)
    accepted = None if known is None else inspect.signature(known).parameters
    settings: dict[str, Any] = {}
    for key, value in config.items():
        if accepted is None or key in accepted:
            settings[key] = _read(value, f"{title}: {key}")
        elif key not in _MEANINGLESS and value not in (None, False, *_DEFAULTS.get(key, ())):
            raise ModelFileError(
                f"{title} has {key}={short(value)}, which there is not in Pellucid. Load the model "
                "with compile=False, and compile it anew."
            )
    return settings


def _classes() -> dict[str, type]:
    """All that a file may name for `compile`, by the names of their classes."""
    tables: tuple[Mapping[str, type], ...] = (
        lookup.LOSSES,
        lookup.OPTIMIZERS,
        SCHEDULES,
        METRICS,
    )
    return {cls.__name__: cls for table in tables for cls in table.values()}
