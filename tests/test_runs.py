from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small

import pellucid as keras
from pellucid import layers
from pellucid.errors import RunError, TrainingError
from pellucid.models import Model
from pellucid.runs import Run, SaveRun, free_name
from pellucid.runs.checkpoint import Checkpoint


def compiled(optimizer: Any = "rmsprop", seed: int = 0) -> Model:
    keras.set_seed(seed)
    model = small.network()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(model: Model, run: Run, epochs: int) -> None:
    images, labels = small.samples(48)
    model.fit(
        images[..., None] / np.float32(255),
        labels,
        batch_size=10,
        epochs=epochs,
        verbose=0,
        callbacks=[SaveRun(run)],
        initial_epoch=model.training_state.epoch,
    )


def new_run(folder: Path, model: Model) -> Run:
    return Run.create(folder, model, {"batch_size": 10}, {"sha256": "of the data"})


def contents(run: Run) -> dict[str, Any]:
    """All that a run has come to, in a form that compares bit for bit."""
    checkpoint = run.checkpoint()
    arrays = [*checkpoint.weights, *(slot for slots in checkpoint.training.slots for slot in slots)]
    return {
        "arrays": [array.tobytes() for array in arrays],
        "progress": (checkpoint.training.step, checkpoint.training.epoch),
        "history": (run.folder / "history.csv").read_text(),
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of one whole epoch."""
    model = compiled()
    run = new_run(tmp_path / "run", model)
    fit(model, run, 1)
    return run


def test_a_run_holds_the_model_the_record_the_history_and_one_checkpoint(run: Run) -> None:
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "checkpoint.npz",
        "history.csv",
        "model.json",
        "run.json",
    ]
    record = json.loads((run.folder / "run.json").read_text())
    assert record["settings"] == {"batch_size": 10}
    assert record["data"] == {"sha256": "of the data"}
    assert (record["seed"], record["engine"]) == (0, "reference")
    assert set(record["versions"]) == {"python", "pellucid", "numpy", "llvmlite"}
    assert record["compile"]["optimizer"]["class_name"] == "RMSprop"
    header, first = (run.folder / "history.csv").read_text().splitlines()
    assert header == "epoch,loss,accuracy"
    assert [float(number) for number in first.split(",")] == [
        1,
        *(column[0] for column in run.checkpoint().history.values()),
    ]


def test_a_new_run_can_be_loaded_before_its_first_epoch(tmp_path: Path) -> None:
    model = compiled()
    run = new_run(tmp_path / "run", model)
    loaded = run.load()
    assert loaded.training_state.epoch == 0
    for mine, other in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(mine, other)


OPTIMIZERS = [
    "sgd",
    keras.optimizers.SGD(momentum=0.9, nesterov=True),
    keras.optimizers.RMSprop(momentum=0.5, centered=True),
    "adam",
    "adamw",
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_going_on_ends_on_the_bits_of_an_uninterrupted_run(tmp_path: Path, optimizer: Any) -> None:
    model = compiled(optimizer)
    whole = new_run(tmp_path / "whole", model)
    fit(model, whole, 3)

    model = compiled(optimizer)
    part = new_run(tmp_path / "part", model)
    fit(model, part, 2)
    keras.set_seed(77)
    again = Run.open(tmp_path / "part")
    fit(again.load(), again, 3)

    assert contents(again) == contents(whole)


def test_a_changed_learning_rate_stays_changed(tmp_path: Path) -> None:
    model = compiled("sgd")
    run = new_run(tmp_path / "run", model)
    model.optimizer.learning_rate = 0.125
    fit(model, run, 1)
    assert run.load().optimizer.learning_rate == 0.125


def test_restore_gives_a_model_made_anew_the_state_of_the_run(run: Run) -> None:
    model = compiled(seed=5)
    run.restore(model)
    assert model.training_state.step == 5
    for mine, other in zip(model.weights, run.checkpoint().weights, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_stop_between_checkpoint_and_history_is_mended(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Run, "write_history", lambda *_: exit_as_if_killed())
        with pytest.raises(KeyboardInterrupt):
            run.save(run.load(), {"loss": [1.0, 0.5]})
    going_on = SaveRun(run)
    going_on.model = run.load()
    going_on.on_train_begin()
    assert (run.folder / "history.csv").read_text() == "epoch,loss\n1,1.0\n2,0.5\n"


def exit_as_if_killed() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_last_whole_epoch(
    run: Run, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(run)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(
            RunError,
            match=r"cannot be read or written: No space left on device\. Free some space; what was "
            r"saved before is whole\. .* pellucid train --resume",
        ):
            fit(run.load(), run, 2)
    assert contents(run) == before
    assert len(list(run.folder.iterdir())) == 4
    fit(run.load(), run, 2)
    assert run.checkpoint().training.epoch == 2


def test_weights_that_are_not_finite_are_not_saved(run: Run) -> None:
    before, model = contents(run), run.load()
    model.weights[0][0] = np.nan
    with pytest.raises(TrainingError, match=r"no longer finite, so they are not saved"):
        run.save(model, {})
    assert contents(run) == before


def test_an_existing_folder_is_not_overwritten(run: Run) -> None:
    with pytest.raises(RunError, match=r"exists already and is not overwritten\. Choose another"):
        new_run(run.folder, compiled())


def test_nothing_is_left_of_a_run_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"^The run \S*/run cannot be .*: No space left on device\."):
        new_run(tmp_path / "run", compiled())
    assert list(tmp_path.iterdir()) == []


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot be read or written: (Not a directory|File exists)"):
        new_run(tmp_path / "file" / "run", compiled())


def test_a_folder_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(RunError, match=r"Permission denied\. Choose a folder of your own \(--out"):
        new_run(tmp_path / "run", compiled())


def test_a_run_that_is_not_there_names_those_that_are(run: Run) -> None:
    with pytest.raises(RunError, match=rf"no such folder\. Runs there: {run.folder}\.$"):
        Run.open(run.folder.with_name("nowhere"))


@pytest.mark.parametrize("name", ["model.json", "run.json", "checkpoint.npz"])
def test_a_missing_file_is_named(run: Run, name: str) -> None:
    (run.folder / name).unlink()
    with pytest.raises(RunError, match=rf"is no whole run: it has no {name}\."):
        Run.open(run.folder)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("model.json", r"checkpoint\.npz belongs to another model than the model\.json beside it"),
        ("run.json", r"run\.json is damaged \(.*\)\. Put back a copy"),
        ("checkpoint.npz", r"checkpoint\.npz is damaged \(.*\)\. Nothing can go on from it"),
    ],
)
@pytest.mark.parametrize("kept", [0, 0.5])
def test_a_damaged_file_is_named(run: Run, name: str, match: str, kept: float) -> None:
    path = run.folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(RunError, match=match):
        Run.open(run.folder).load()


def test_a_wrong_byte_in_a_checkpoint_is_noticed_or_means_nothing(run: Run) -> None:
    before, path = contents(run), run.folder / "checkpoint.npz"
    whole, noticed = path.read_bytes(), 0
    for place in range(0, len(whole), 41):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        found = contents_or_error(run)
        assert found == before or "is damaged" in found
        noticed += found != before
    assert noticed > 10


def contents_or_error(run: Run) -> Any:
    try:
        return contents(run)
    except RunError as error:
        return str(error)


def test_no_pickle_is_ever_read(run: Run) -> None:
    path = run.folder / "checkpoint.npz"
    np.savez(path, state=np.array([{"a": "dictionary"}], dtype=object))
    with pytest.raises(RunError, match=r"is damaged \(Object arrays cannot be loaded"):
        Run.open(run.folder).load()


def test_a_record_without_its_entries_is_damaged(run: Run) -> None:
    (run.folder / "run.json").write_text("{}")
    with pytest.raises(RunError, match=r"run\.json is damaged \(KeyError\('engine'\)\)"):
        Run.open(run.folder).load()


def test_the_checkpoint_of_another_run_is_refused(run: Run, tmp_path: Path) -> None:
    keras.set_seed(0)
    other = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)])
    other.compile("rmsprop", "mse")
    stranger = new_run(tmp_path / "other", other)
    os.replace(stranger.folder / "checkpoint.npz", run.folder / "checkpoint.npz")
    with pytest.raises(RunError, match=r"belongs to another model than the model\.json beside it"):
        Run.open(run.folder).load()


def test_a_run_is_not_restored_into_another_model(run: Run) -> None:
    other = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)])
    other.compile("rmsprop", "mse")
    with pytest.raises(RunError, match=r"is of another model\. .* has 2 arrays of weights, got 4"):
        run.restore(other)


def test_files_of_a_newer_version_are_refused(run: Run) -> None:
    record = json.loads((run.folder / "run.json").read_text())
    (run.folder / "run.json").write_text(json.dumps(record | {"format": 99}))
    with pytest.raises(RunError, match=r"was written by a newer Pellucid: update this one"):
        Run.open(run.folder)


def test_a_checkpoint_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    state = np.frombuffer(b'{"format": 99}', np.uint8)
    np.savez(tmp_path / "checkpoint.npz", state=state)
    with pytest.raises(RunError, match=r"was written by a newer Pellucid: update this one"):
        Checkpoint.read(tmp_path / "checkpoint.npz")


def test_free_name_counts_on(tmp_path: Path) -> None:
    assert free_name(tmp_path / "run") == tmp_path / "run"
    (tmp_path / "run").mkdir()
    (tmp_path / "run-2").mkdir()
    assert free_name(tmp_path / "run") == tmp_path / "run-3"


def test_another_model_is_not_saved_over_a_run(run: Run) -> None:
    before = contents(run)
    other = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)], name="o")
    other.compile("rmsprop", "mse")
    with pytest.raises(RunError, match=r"is of another model than o: .* other layers\. It stays"):
        other.fit(np.zeros((4, 8, 8, 1)), np.zeros((4, 3)), callbacks=[SaveRun(run)], verbose=0)
    assert contents(run) == before


def test_a_model_that_starts_anew_is_not_saved_over_a_run(run: Run) -> None:
    before = contents(run)
    with pytest.raises(RunError, match=r"has 1 whole epochs, model small has 0: it would replace"):
        fit(compiled(), run, epochs=2)
    assert contents(run) == before
