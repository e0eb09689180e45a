from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import small

import pellucid
from pellucid import cli
from pellucid.ops.base import Array
from pellucid.runs import Run


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code and what it said, white space made one."""

    code: int
    out: str
    err: str


class Shell:
    """A folder in which commands are run, with `data.npz` and `small.json` in it."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self.patch, self.capture = folder, patch, capture
        small.write_data(folder / "data.npz")
        (folder / "small.json").write_text(small.network().to_json())
        patch.chdir(folder)
        patch.setenv("COLUMNS", "200")

    def __call__(self, *arguments: str) -> Outcome:
        self.capture.readouterr()
        self.patch.setattr(sys, "argv", ["pellucid", *arguments])
        code = cli.main()
        said = self.capture.readouterr()
        return Outcome(code, said.out, " ".join(said.err.split()))

    def train(self, *arguments: str) -> Outcome:
        return self("train", *SMALL, *arguments)


SMALL = ("--data", "data.npz", "--network", "small.json", "--engine", "reference")


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    return Shell(tmp_path, monkeypatch, capsys)


@pytest.fixture
def trained(shell: Shell) -> Shell:
    """A shell whose folder has the run `run`, of three epochs."""
    settings = ("--epochs", "3", "--batch-size", "8", "--learning-rate", "0.01")
    assert shell.train("--out", "run", *settings).code == 0
    return shell


def test_version(shell: Shell) -> None:
    assert shell("--version") == Outcome(0, f"pellucid {pellucid.__version__}\n", "")


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "summary"])
def test_help_has_examples(shell: Shell, command: str) -> None:
    outcome = shell(command, "--help")
    assert outcome.code == 0
    assert outcome.out.count(f"pellucid {command}") >= 3
    assert "Examples" in outcome.out


def test_train_shows_the_network_its_progress_the_result_and_where_it_is(shell: Shell) -> None:
    outcome = shell.train("--epochs", "2")
    lines = outcome.out.splitlines()
    assert (outcome.code, outcome.err) == (0, "")
    assert lines[0] == 'Model: "small"'
    assert "(None, 6, 6, 3)" in outcome.out
    assert [line.split(" - ")[0] for line in lines if " images/s - " in line] == [
        "Epoch 1/2",
        "Epoch 2/2",
    ]
    assert lines[-2].startswith("Test on 20 samples: accuracy ")
    (folder,) = Path("runs").iterdir()
    assert folder.name.startswith("data-small-2")
    assert lines[-1] == f"The run is saved in {folder}"


def test_quiet_says_the_result_only(shell: Shell) -> None:
    assert len(shell.train("--quiet", "--epochs", "1").out.splitlines()) == 2


def test_every_setting_reaches_the_training(shell: Shell) -> None:
    options = {
        "epochs": "1",
        "batch-size": "7",
        "limit": "30",
        "optimizer": "sgd",
        "learning-rate": "0.5",
        "momentum": "0.25",
        "loss": "mse",
        "seed": "9",
        "out": "run",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    assert shell.train("--nesterov", *arguments).code == 0
    run = Run.open("run")
    optimizer = run.record["compile"]["optimizer"]
    given = {"learning_rate": 0.5, "momentum": 0.25, "nesterov": True}
    assert optimizer["config"].items() >= given.items()
    assert run.record["compile"]["loss"]["class_name"] == "MeanSquaredError"
    assert run.record["seed"] == 9
    assert run.checkpoint().training.step == 5  # 30 samples, 7 a step
    assert run.record["data"]["source"] == str(shell.folder / "data.npz")


def test_the_textbook_network_fits_itself_to_the_data(shell: Shell) -> None:
    images = np.zeros((6, 20, 18), np.uint8)
    labels = np.array([0, 1, 2, 3, 0, 1])
    np.savez("mine.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    arguments = ("--data", "mine.npz", "--engine", "reference", "--epochs", "1", "--out", "run")
    assert shell("train", *arguments).code == 0
    graph = Run.open("run").load().graph
    assert (graph.inputs, graph.output_shapes) == (((20, 18, 1),), ((4,),))


def test_train_learns(trained: Shell) -> None:
    assert trained("train", "--resume", "run", "--epochs", "40", "--quiet").code == 0
    assert json.loads(trained("evaluate", "run", "--format", "json").out)["accuracy"] > 0.9


def test_evaluate_says_the_same_in_every_format(trained: Shell) -> None:
    figures = json.loads(trained("evaluate", "run", "--format", "json").out)
    (row,) = csv.DictReader(io.StringIO(trained("evaluate", "run", "--format", "csv").out))
    assert {name: float(value) for name, value in row.items()} == figures
    assert trained("evaluate", "run").out == (
        f"Test on 20 samples: accuracy {figures['accuracy']:.2%}, loss {figures['loss']:.4f}\n"
    )


def test_predict_says_the_same_in_every_format(trained: Shell) -> None:
    which = ("predict", "run", "--index", "7", "--index", "2")
    records = json.loads(trained(*which, "--format", "json").out)
    assert [record["image"] for record in records] == [7, 2]
    for record in records:
        probabilities = record["probabilities"]
        assert record["class"] == int(np.argmax(probabilities))
        assert sum(probabilities) == pytest.approx(1)
    rows = list(csv.DictReader(io.StringIO(trained(*which, "--format", "csv").out)))
    assert [float(rows[0][f"p{i}"]) for i in range(3)] == records[0]["probabilities"]
    assert [int(row["class"]) for row in rows] == [record["class"] for record in records]
    text = trained(*which).out
    labels = small.samples(20, seed=1)[1]
    for record, label in zip(records, labels[[7, 2]], strict=True):
        cells = [cell.strip() for cell in line_of(text, record["image"]).split("│")[1:-1]]
        likely = f"{max(record['probabilities']):.2%}"
        assert cells[:3] == [str(record["image"]), str(record["class"]), likely]
        assert cells[-1] == str(label)


def line_of(text: str, image: int) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"│ {image} "))


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_predict_reads_a_file_of_images(trained: Shell, kind: str) -> None:
    images = small.samples(20, seed=1)[0]
    if kind == "npy":
        np.save("images.npy", images)
    else:
        np.savez("images.npz", images=images)
    by_index = trained("predict", "run", "--index", "3", "--format", "json").out
    from_file = trained("predict", "run", f"images.{kind}", "--index", "3", "--format", "json").out
    assert from_file == by_index
    everything = trained("predict", "run", f"images.{kind}", "--format", "json").out
    assert len(json.loads(everything)) == 20


def test_summary_of_a_name_a_file_and_a_run(trained: Shell) -> None:
    assert "Total params: 104,202" in trained("summary").out
    assert "(None, 64, 64, 3)" in trained("summary", "--input-shape", "64,64,3").out
    assert trained("summary", "small.json").out == trained("summary", "run").out


def test_summary_of_a_network_that_does_not_fit_goes_up_to_the_layer(shell: Shell) -> None:
    outcome = shell("summary", "--input-shape", "10,10,1")
    assert outcome.code == 1
    assert "(None, 1, 1, 64)" in outcome.out
    assert "(None, 10)" not in outcome.out
    assert "it must be at least 18×18" in outcome.err


KILLER = """
import os, signal, sys
from pellucid import cli
from pellucid.runs import Run, SaveRun
from pellucid.training.learner import Learner

owner, name = globals()[sys.argv[1]], sys.argv[2]
calls, original = int(sys.argv[3]), getattr(owner, name)

def kill_at_last(*arguments):
    global calls
    calls -= 1
    if not calls:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)

setattr(owner, name, kill_at_last)
sys.argv[1:] = sys.argv[4:]
cli.main()
"""
"""Runs a command, and kills itself at the n-th call of a function."""

MOMENTS = [
    ("reference", "Learner", "train", "2", 0),  # inside the first epoch
    ("reference", "SaveRun", "on_epoch_end", "2", 1),  # an epoch is done and not yet saved
    ("native", "SaveRun", "on_epoch_end", "2", 1),
    ("reference", "os", "fsync", "6", 1),  # half a checkpoint is there
    ("reference", "Run", "write_history", "3", 2),  # the checkpoint is there, the history not yet
]


@pytest.mark.parametrize(("engine", "owner", "function", "call", "kept"), MOMENTS)
def test_a_killed_run_ends_on_the_bits_of_an_uninterrupted_one(
    shell: Shell, engine: str, owner: str, function: str, call: str, kept: int
) -> None:
    settings = (*SMALL, "--engine", engine, "--epochs", "4", "--batch-size", "10", "--quiet")
    killer = (sys.executable, "-c", KILLER, owner, function, call)
    done = subprocess.run((*killer, "train", *settings, "--out", "killed"), check=False)
    assert done.returncode == -signal.SIGKILL
    assert Run.open("killed").checkpoint().training.epoch == kept

    assert shell("train", "--resume", "killed", "--quiet").code == 0
    assert shell("train", *settings, "--out", "whole").code == 0
    killed, whole = (Run.open(name).checkpoint() for name in ("killed", "whole"))
    assert killed.training.step == whole.training.step == 4 * 5
    for mine, other in zip(killed.weights, whole.weights, strict=True):
        assert mine.tobytes() == other.tobytes()
    assert Path("killed/history.csv").read_text() == Path("whole/history.csv").read_text()


def test_ctrl_c_says_what_is_saved_and_how_to_go_on(shell: Shell) -> None:
    with start("train", *SMALL, "--epochs", "100000", "--out", "run") as process:
        wait_for_epoch(Path("run"), 1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    epoch = Run.open("run").checkpoint().training.epoch
    assert said == (
        f"Stopped. The run is saved up to epoch {epoch}; go on with:\n"
        "  pellucid train --resume run\n"
    )
    assert shell("train", "--resume", "run", "--epochs", str(epoch + 1)).code == 0


def test_ctrl_c_anywhere_ends_with_130(shell: Shell) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    shell.patch.setattr("pellucid.cli.networks.summary", interrupt)
    assert shell("summary") == Outcome(130, "", "Stopped.")


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pellucid", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_epoch(folder: Path, epoch: int) -> None:
    """Return as soon as the run has so many whole epochs; pytest's time limit ends a vain wait."""
    while not folder.exists() or Run.open(folder).checkpoint().training.epoch < epoch:
        time.sleep(0.02)


def test_nobody_reads_to_the_end(shell: Shell) -> None:
    command = f"{sys.executable} -m pellucid summary | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ('Model: "textbook"\n', "")


WRONG = [
    (("train", "--data", "mnst"), r"Unknown data set 'mnst'. Did you mean 'mnist'?"),
    (("train", "--data", "none.npz"), "none.npz cannot be read (No such file or directory)."),
    (("train", "--data", "small.json"), "of numbers, or is damaged. numpy.save and numpy.savez"),
    (("train", "--data", "one.npy"), "one.npy has no array x_train, y_train, x_test, y_test."),
    ((*("train", *SMALL[:2]), "--network", "textbok"), "Did you mean 'textbook'?"),
    ((*("train", *SMALL[:2]), "--network", "data.npz"), "cannot be read: 'utf-8' codec"),
    ((*("train", *SMALL[:2]), "--network", "no.json"), "Give the model.json of a run."),
    (("summary", "text.json"), "text.json: This is no model as JSON"),
    (("train", *SMALL, "--optimizer", "rmsprob"), "Did you mean 'rmsprop'?"),
    (("train", *SMALL, "--loss", "mean"), "Unknown loss 'mean'."),
    (("train", *SMALL, "--learning-rate", "-1"), "must be a number 0 or larger, got -1.0."),
    (
        ("train", *SMALL, "--optimizer", "adam", "--momentum", "0.9"),
        "The optimizer adam has no momentum: leave --momentum out",
    ),
    (("train", *SMALL, "--seed", "-1"), "A seed must be an integer from 0 to 4294967295"),
    (("train", *SMALL, "--threads", "2"), "The engine reference runs in one thread"),
    (("train", *SMALL, "--engine", "refrence"), "Did you mean 'reference'?"),
    (("train", *SMALL, "--out", "run"), "run exists already and is not overwritten."),
    (("train", "--resume", "nowhere"), "There is no run nowhere: no such folder."),
    (("train", "--resume", "run"), "to train on, ask for more: pellucid train --resume run"),
    (("evaluate", "nowhere"), "There is no run nowhere: no such folder."),
    (("evaluate", "run", "--data", "other.npz"), "has the label 7 for sample 0"),
    (("predict", "run"), "Which images? Give a FILE"),
    (("predict", "run", "--index", "99"), "There is no image 99: the numbers go from 0 to 19."),
    (("predict", "run", "one.npy"), "x has shape (4,), but the model expects (sample, 8, 8, 1)."),
    (("predict", "run", "data.npz"), "data.npz has 4 arrays"),
    (("predict", "run", "one.npy", "--data", "mnist"), "Give a FILE of images or --data, not both"),
    (("summary", "--input-shape", "a,b"), "takes numbers with commas, for instance 28,28,1"),
]


def test_what_is_wrong_is_said_in_one_message(trained: Shell) -> None:
    np.save("one.npy", np.zeros(4))
    Path("text.json").write_text("hello")
    (x_train, _), labels = small.samples(20), np.full(20, 7)
    np.savez("other.npz", x_train=x_train, y_train=labels, x_test=x_train, y_test=labels)
    for arguments, message in WRONG:
        outcome = trained(*arguments)
        assert outcome.code == 1, arguments
        assert outcome.err.startswith("pellucid: "), arguments
        assert message in outcome.err, arguments
        assert "Traceback" not in outcome.err


BROKEN = [
    ("x_train", lambda x: np.where(x > 200, np.nan, x), "x_train has"),
    ("x_test", lambda x: np.where(x > 200, np.nan, x), "x_test has"),
    ("x_test", lambda x: x[:, :5], "x_test has shape (20, 5, 8), but the model expects"),
    ("x_test", lambda x: x[:0], "x_test is empty"),
    ("y_train", lambda y: y[1:], "x has 48 samples and y_train has 47"),
    ("y_test", lambda y: y + 1, "y_test has the label 3 for sample"),
    ("y_train", lambda y: y.astype(str), "y_train has the type <U3, expected real numbers"),
]


@pytest.mark.parametrize(("name", "damage", "message"), BROKEN)
def test_data_that_cannot_be_used_are_told_before_there_is_a_run(
    shell: Shell, name: str, damage: Callable[[Array], Array], message: str
) -> None:
    change_data(name, damage)
    outcome = shell.train("--out", "run")
    assert (outcome.code, outcome.out) == (1, "")
    assert message in outcome.err
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda y: y.astype("U3"), "y_train has the type <U3, expected real numbers"),
        (lambda y: y * 10**12, "The largest label is 2000000000000, but there are only 68 samples"),
        (lambda y: np.where(y == 1, np.nan, y), "y_train has nan for sample"),
    ],
)
def test_labels_that_no_network_can_be_made_for(
    shell: Shell, damage: Callable[[Array], Array], message: str
) -> None:
    change_data("y_train", lambda y: damage(y.astype(np.int64)))
    for part, samples in (("x_train", 48), ("x_test", 20)):
        change_data(part, lambda _, samples=samples: np.zeros((samples, 18, 18), np.uint8))
    outcome = shell("train", "--data", "data.npz", "--engine", "reference")
    assert outcome.code == 1
    assert message in outcome.err


def change_data(name: str, change: Callable[[Array], Array]) -> None:
    with np.load("data.npz") as archive:
        arrays = dict(archive)
    arrays[name] = change(arrays[name])
    np.savez("data.npz", **arrays)


def test_too_little_memory_is_told(shell: Shell) -> None:
    outcome = shell("summary", "--input-shape", "1000000,1000000,3")
    assert outcome.code == 1
    assert outcome.err.startswith("pellucid: There is not enough memory (Unable to allocate")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trian",), "Did you mean 'train'?"),
        (("train", "--batch-size", "0"), "--batch-size"),
        (("train", "--epochs", "many"), "--epochs"),
        (("train", "--resume", "run", "--seed", "3"), "--seed cannot be given"),
        (("train", "--resume", "run", "--out", "other"), "--out cannot be given"),
        (("evaluate",), "RUN"),
    ],
)
def test_arguments_that_make_no_sense_end_with_2(
    shell: Shell, arguments: tuple[str, ...], message: str
) -> None:
    outcome = shell(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


def test_other_data_than_the_runs_are_refused(trained: Shell) -> None:
    change_data("x_train", np.flip)
    outcome = trained("train", "--resume", "run", "--epochs", "9")
    assert outcome.code == 1
    assert "are not those that run was trained on: their SHA-256 is" in outcome.err


def test_a_run_made_in_python_is_not_resumed_from_the_shell(shell: Shell) -> None:
    model = small.network()
    model.compile("sgd", "mse")
    Run.create("run", model)
    outcome = shell("train", "--resume", "run")
    assert outcome.code == 1
    assert "was not made by `pellucid train`" in outcome.err


def test_a_run_made_in_python_is_asked_with_its_data(shell: Shell) -> None:
    model = small.network()
    model.compile("sgd", "mse", metrics=["accuracy"])
    Run.create("run", model)
    outcome = shell("evaluate", "run")
    assert outcome.code == 1
    assert "does not say what data it was trained on: name them with --data." in outcome.err
    assert "Test on 20 samples: accuracy " in shell("evaluate", "run", "--data", "data.npz").out


def test_a_record_without_what_it_needs_is_told(trained: Shell) -> None:
    record = json.loads(Path("run/run.json").read_text())
    for name in ("epochs", "batch_size", "limit"):
        changed = record | {"settings": record["settings"] | {name: "many"}}
        Path("run/run.json").write_text(json.dumps(changed))
        outcome = trained("train", "--resume", "run", "--epochs", "9")
        assert (outcome.code, outcome.out) == (1, "")
        assert "run.json has no whole settings" in outcome.err
    Path("run/run.json").write_text('{"format": []}')
    outcome = trained("evaluate", "run")
    assert outcome.code == 1
    assert "run.json is damaged" in outcome.err


def test_a_loss_that_is_no_longer_finite_keeps_what_was_saved(shell: Shell) -> None:
    large = ("--optimizer", "sgd", "--learning-rate", "1e38", "--batch-size", "4")
    outcome = shell.train(*large, "--engine", "native", "--out", "run")
    assert outcome.code == 1
    assert "no longer" in outcome.err
    assert outcome.err.endswith("The run run stays saved as it was before its first epoch.")
    assert Run.open("run").checkpoint().training.epoch == 0
