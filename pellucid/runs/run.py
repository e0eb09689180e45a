"""A run: the folder that a training is kept in, so that it can be gone on with, and asked."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np

from pellucid.engines.base import Engine
from pellucid.errors import PellucidError, RunError, TrainingError
from pellucid.models import Model, model_from_json
from pellucid.ops.schedules import LearningRateSchedule
from pellucid.runs.checkpoint import Checkpoint
from pellucid.storage import DISK_FULL, write_atomically
from pellucid.training.callbacks import Callback, Logs

MODEL = "model.json"
RECORD = "run.json"
HISTORY = "history.csv"
CHECKPOINT = "checkpoint.npz"

FORMAT = 1

History = Mapping[str, list[float]]


@dataclass(frozen=True)
class Run:
    """A folder with the model, the record of how it is trained, its history and its state.

    `model.json` is the network; `run.json` the record: settings, seed, engine, data, versions;
    `checkpoint.npz` the state after the last whole epoch; `history.csv` the figures of every
    epoch, written from the checkpoint. Each file is whole at any moment.
    """

    folder: Path

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike[str],
        model: Model,
        settings: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make the folder of a new run, all of it or nothing, in the state before training.

        model: compiled. settings, data: plain JSON, kept in the record: how `fit` is called, and
        what it is called with.

        Raises:
            RunError: something is at `folder` already, or it cannot be written.
            TrainingError: a weight is not finite.
        """
        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(
                f"{folder} exists already and is not overwritten. Choose another folder "
                f"(--out), or go on with it: pellucid train --resume {folder}"
            )
        record = {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "settings": dict(settings or {}),
            "data": dict(data or {}),
            "compile": model.get_compile_config(),
            "seed": model.training_state.seed,
            "engine": model.engine.name,
            "versions": _versions(),
            "platform": platform.platform(),
        }
        _check_finite(model, folder)
        with _os_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            draft = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
            draft.mkdir()
            try:
                (draft / MODEL).write_text(_pretty(json.loads(model.to_json())), "utf-8")
                (draft / RECORD).write_text(_pretty(record), "utf-8")
                cls(draft)._state(model, {}).write(draft / CHECKPOINT)
                write_atomically(draft / HISTORY, _table({}))
                os.replace(draft, folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return cls(folder)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Self:
        """The run in a folder.

        Raises:
            RunError: it is not there, is no run, or is damaged.
        """
        folder = Path(folder)
        run = cls(folder)
        if not folder.is_dir():
            raise RunError(f"There is no run {folder}: no such folder.{_runs_beside(folder)}")
        missing = [name for name in (MODEL, RECORD, CHECKPOINT) if not (folder / name).is_file()]
        if missing:
            raise RunError(
                f"{folder} is no whole run: it has no {' and no '.join(missing)}."
                f"{_runs_beside(folder / 'a run')}"
            )
        format = run.record.get("format", 0)
        if isinstance(format, int) and format > FORMAT:
            raise RunError(f"{folder} was written by a newer Pellucid: update this one.")
        return run

    @cached_property
    def record(self) -> dict[str, Any]:
        """What `run.json` says."""
        path = self.folder / RECORD
        with _os_errors(self.folder):
            text = path.read_bytes()
        try:
            record = json.loads(text)
            if not isinstance(record, dict):
                raise ValueError("it is no object")
            return record
        except ValueError as error:
            raise RunError(f"{path} is damaged ({error}). Put back a copy of the file.") from error

    def checkpoint(self) -> Checkpoint:
        """The state after the last whole epoch.

        Raises:
            RunError: the file is damaged, or of another model.
        """
        with _os_errors(self.folder):
            checkpoint = Checkpoint.read(self.folder / CHECKPOINT)
            network = self._network()
        if checkpoint.network != network:
            raise RunError(
                f"{self.folder / CHECKPOINT} belongs to another model than the {MODEL} beside it. "
                "Put back the files that belong together."
            )
        return checkpoint

    def load(self, engine: str | Engine | None = None) -> Model:
        """The model as it was after the last whole epoch, ready to be asked or to be trained on.

        engine: the run's own if None.

        Raises:
            RunError: a file is damaged.
        """
        text, checkpoint = self._description(), self.checkpoint()
        try:
            model = model_from_json(text)
            model.engine = engine or self.record["engine"]
            model.compile_from_config(self.record["compile"])
        except (KeyError, TypeError, AttributeError) as error:
            raise RunError(
                f"{self.folder / RECORD} is damaged ({error!r}). Put back a copy of the file."
            ) from error
        self._restore(model, checkpoint)
        return model

    def restore(self, model: Model) -> None:
        """Give a compiled model the weights and the state of training of this run.

        Raises:
            RunError: the run is of another model, or a file is damaged.
        """
        self._restore(model, self.checkpoint())

    def save(self, model: Model, history: History) -> None:
        """Keep the state after a whole epoch; `history` is that of the whole run.

        Raises:
            RunError: the disk is full, or the folder cannot be written; what was saved stays.
            TrainingError: a weight is no longer finite; what was saved stays.
        """
        _check_finite(model, self.folder)
        with _os_errors(self.folder):
            self._state(model, history).write(self.folder / CHECKPOINT)
            self.write_history(history)

    def check_model(self, model: Model) -> None:
        """Check that the run may be kept up to date with a model.

        Raises:
            RunError: the model has other layers (their names do not count), or fewer whole epochs
                behind it, so that it would replace what was saved by less.
        """
        if _layers(self._description()) != _layers(model.to_json()):
            raise RunError(
                f"The run {self.folder} is of another model than {model.name}: its {MODEL} has "
                "other layers. It stays as it was. Choose another folder, or train the model that "
                "the run's own load() gives."
            )
        saved, trained = self.checkpoint().training.epoch, model.training_state.epoch
        if trained < saved:
            raise RunError(
                f"The run {self.folder} has {saved} whole epochs, model {model.name} has "
                f"{trained}: it would replace what was saved. Go on with the model that the run's "
                "own load() gives, or make a new run."
            )

    def write_history(self, history: History) -> None:
        """Write `history.csv`: one row an epoch, numbers in full precision."""
        with _os_errors(self.folder):
            write_atomically(self.folder / HISTORY, _table(history))

    def _state(self, model: Model, history: History) -> Checkpoint:
        rate = model.optimizer.learning_rate
        return Checkpoint(
            network=self._network(),
            weights=model.weights,
            training=model.training_state,
            learning_rate=None if isinstance(rate, LearningRateSchedule) else rate,
            history=history,
        )

    def _description(self) -> str:
        """What `model.json` says."""
        with _os_errors(self.folder):
            return (self.folder / MODEL).read_text("utf-8", errors="replace")

    def _network(self) -> str:
        """The SHA-256 of the model's description."""
        return hashlib.sha256((self.folder / MODEL).read_bytes()).hexdigest()

    def _restore(self, model: Model, checkpoint: Checkpoint) -> None:
        try:
            model.set_weights(checkpoint.weights)
            model.training_state = checkpoint.training
            if checkpoint.learning_rate is not None:
                model.optimizer.learning_rate = checkpoint.learning_rate
        except PellucidError as error:
            raise RunError(f"The run {self.folder} is of another model. {error}") from error


class SaveRun(Callback):
    """Keeps the run up to date: after every epoch, all that training goes on from is saved."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.history = {name: list(column) for name, column in run.checkpoint().history.items()}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Write the history anew: a kill may have come between the checkpoint and it.

        Raises RunError, before anything is replaced, for a model that the run is not of.
        """
        self.run.check_model(self.model)
        self.run.write_history(self.history)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save the model and the history so far."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.run.save(self.model, self.history)


def free_name(folder: Path) -> Path:
    """The folder, or the next one with a number behind its name that does not exist yet."""
    number, free = 2, folder
    while free.exists():
        number, free = number + 1, folder.with_name(f"{folder.name}-{number}")
    return free


@contextmanager
def _os_errors(folder: Path) -> Iterator[None]:
    """Turn what the system says about files into a RunError that says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in DISK_FULL:
            advice = (
                f"Free some space; what was saved before is whole. Once a run is there, it goes on "
                f"with: pellucid train --resume {folder}"
            )
        elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            advice = "Choose a folder of your own (--out), or change its permissions."
        else:
            advice = "What was saved before is whole."
        raise RunError(f"The run {folder} cannot be read or written: {reason}. {advice}") from error


def _check_finite(model: Model, folder: Path) -> None:
    """Raise TrainingError if a weight is infinite or not a number."""
    if not all(np.isfinite(weight).all() for weight in model.weights):
        raise TrainingError(
            f"After epoch {model.training_state.epoch} the weights are no longer finite, so they "
            f"are not saved: {folder} stays as it was. Train anew with a smaller learning rate."
        )


def _layers(text: str) -> Any:
    """The layers that a model's description lists, without their names; none if it is damaged."""
    try:
        return _unnamed(json.loads(text)["config"], {})
    except (ValueError, KeyError, TypeError):
        return []


def _unnamed(value: Any, numbers: Mapping[str, int]) -> Any:
    """A description with the numbers of layers, in their model, in place of their names."""
    if isinstance(value, dict):
        if "layers" in value:
            names = [layer["config"]["name"] for layer in value["layers"]]
            numbers = {name: number for number, name in enumerate(names)}
        return {key: _unnamed(item, numbers) for key, item in value.items() if key != "name"}
    if isinstance(value, list):
        # A list that begins with a layer's name says where a tensor comes from.
        return [
            numbers.get(item, item) if isinstance(item, str) else _unnamed(item, numbers)
            for item in value
        ]
    return value


def _table(history: History) -> str:
    """The text of `history.csv`."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["epoch", *history])
    rows = zip(*history.values(), strict=True)
    writer.writerows([epoch, *map(repr, row)] for epoch, row in enumerate(rows, start=1))
    return table.getvalue()


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("pellucid", "numpy", "llvmlite")}
    return {"python": platform.python_version(), **packages}


def _runs_beside(folder: Path) -> str:
    """A sentence with the runs that are where one was looked for, the newest last."""
    found = sorted(path.parent for path in folder.parent.glob(f"*/{RECORD}"))
    return f" Runs there: {', '.join(map(str, found[-5:]))}." if found else ""
