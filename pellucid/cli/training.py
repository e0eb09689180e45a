"""`pellucid train`: from the options to a run, and on with a run that was stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pellucid
from pellucid.cli.data import Data, Part, load, prepared
from pellucid.cli.engines import choose_engine
from pellucid.cli.networks import build
from pellucid.errors import ArgumentError, InterruptedRunError, RunError, TrainingError
from pellucid.layers.arguments import positive_integer
from pellucid.models import Model
from pellucid.runs import Run, SaveRun, free_name
from pellucid.training.lookup import get_optimizer

RUNS = Path("runs")
OPTIMIZER_OPTIONS = ("learning_rate", "momentum", "nesterov", "weight_decay")


@dataclass(frozen=True)
class Settings:
    """What a person may choose about a training; None leaves a choice to the optimizer.

    Raises ArgumentError for counts that are none, as a run's damaged record may have them.
    """

    data: str = "mnist"
    network: str = "textbook"
    limit: int | None = None
    epochs: int = 5
    batch_size: int = 64
    optimizer: str = "rmsprop"
    learning_rate: float | None = None
    momentum: float | None = None
    nesterov: bool | None = None
    weight_decay: float | None = None
    loss: str = "sparse_categorical_crossentropy"
    seed: int = 0
    engine: str = "native"

    def __post_init__(self) -> None:
        positive_integer(self.epochs, "epochs")
        positive_integer(self.batch_size, "batch_size")
        if self.limit is not None:
            positive_integer(self.limit, "limit")


def train(settings: Settings, out: Path | None, threads: int | None, quiet: bool) -> None:
    """Make a new run and train it to its end."""
    pellucid.set_seed(settings.seed)
    engine = choose_engine(settings.engine, threads)
    whole = load(settings.data)
    model = build(settings.network, whole)
    model.engine = engine
    model.compile(_optimizer(settings), settings.loss, metrics=["accuracy"])
    data = _ready(whole.limited(settings.limit), model)
    folder = out or free_name(RUNS / _run_name(settings, data))
    source = settings.data if settings.data == data.name else str(Path(settings.data).resolve())
    run = Run.create(folder, model, asdict(settings), {"source": source, "sha256": data.sha256})
    if not quiet:
        model.summary()
    _continue(run, model, data, settings.epochs, quiet)


def resume(folder: Path, epochs: int | None, threads: int | None, quiet: bool) -> None:
    """Go on with a run after its last whole epoch."""
    run = Run.open(folder)
    try:
        settings = Settings(**run.record["settings"])
        source, sha256 = str(run.record["data"]["source"]), run.record["data"]["sha256"]
    except (KeyError, TypeError, ArgumentError) as error:
        raise RunError(
            f"{folder} was not made by `pellucid train`: its run.json has no whole settings "
            f"({error}). Go on with it from Python: pellucid.runs.Run."
        ) from error
    model = run.load(choose_engine(settings.engine, threads))
    done, wanted = model.training_state.epoch, epochs or settings.epochs
    if done >= wanted:
        raise ArgumentError(
            f"The run {folder} has {done} whole epochs already; to train on, ask for more: "
            f"pellucid train --resume {folder} --epochs {done + settings.epochs}"
        )
    data = load(source)
    if data.sha256 != sha256:
        raise RunError(
            f"The data in {source} are not those that {folder} was trained on: their SHA-256 is "
            f"{data.sha256}, that of the run {sha256}. Put the file back, or begin a new run."
        )
    if not quiet:
        print(f"Going on with {folder} after epoch {done} of {wanted}.")
    _continue(run, model, _ready(data.limited(settings.limit), model), wanted, quiet)


def _continue(run: Run, model: Model, data: Data, epochs: int, quiet: bool) -> None:
    """Train to the epoch that is wanted, saving each, and tell how good the network is."""
    with _stops(run, epochs):
        model.fit(
            data.train.images,
            data.train.targets,
            batch_size=run.record["settings"]["batch_size"],
            epochs=epochs,
            verbose=0 if quiet else "auto",
            callbacks=[SaveRun(run)],
            initial_epoch=model.training_state.epoch,
        )
    figures = test(model, data.test)
    print(f"Test on {len(data.test.images):,} samples: {describe(figures)}")
    print(f"The run is saved in {run.folder}")


def _ready(data: Data, model: Model) -> Data:
    """Both parts as the model reads them: what is wrong is told before anything is trained."""
    return replace(
        data,
        train=prepared(data.train, model, "train"),
        test=prepared(data.test, model, "test"),
    )


def test(model: Model, part: Part) -> dict[str, float]:
    """The loss and the accuracy on prepared samples."""
    figures: Any = model.evaluate(
        part.images, part.targets, batch_size=256, verbose=0, return_dict=True
    )
    return dict(figures)


def describe(figures: dict[str, float]) -> str:
    """Figures as a person reads them: shares in percent."""
    return ", ".join(
        f"{name} {value:.2%}" if name == "accuracy" else f"{name} {value:.4f}"
        for name, value in reversed(figures.items())
    )


def _optimizer(settings: Settings) -> Any:
    """The optimizer with the options that were given; ArgumentError for one it does not have."""
    options = {name: getattr(settings, name) for name in OPTIMIZER_OPTIONS}
    given = {name: value for name, value in options.items() if value is not None}
    plain = get_optimizer(settings.optimizer)
    for name in given:
        if not hasattr(plain, name):
            raise ArgumentError(
                f"The optimizer {settings.optimizer} has no {name.replace('_', ' ')}: leave "
                f"--{name.replace('_', '-')} out, or choose another optimizer."
            )
    return type(plain)(**given)


def _run_name(settings: Settings, data: Data) -> str:
    network = Path(settings.network).stem
    return f"{data.name}-{network}-{datetime.now():%Y%m%d-%H%M%S}"


@contextmanager
def _stops(run: Run, epochs: int) -> Iterator[None]:
    """Say what is saved when training stops before its end, and after Ctrl-C how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        more = "" if epochs == run.record["settings"]["epochs"] else f" --epochs {epochs}"
        raise InterruptedRunError(
            f"Stopped. The run is {_saved(run)}; go on with:\n"
            f"  pellucid train --resume {run.folder}{more}"
        ) from None
    except TrainingError as error:
        raise TrainingError(f"{error} The run {run.folder} stays {_saved(run)}.") from error


def _saved(run: Run) -> str:
    epoch = run.checkpoint().training.epoch
    return f"saved up to epoch {epoch}" if epoch else "saved as it was before its first epoch"
