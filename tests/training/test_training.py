"""The loop: what it trains, reports, keeps, and refuses."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import pellucid
from pellucid import layers
from pellucid.callbacks import Callback, History
from pellucid.engines.base import Steps
from pellucid.errors import ArgumentError, DataError, PellucidError, TrainingError
from pellucid.losses import MeanSquaredError
from pellucid.metrics import BinaryAccuracy, CategoricalAccuracy
from pellucid.models import Model, Sequential
from pellucid.optimizers import SGD, Adam
from pellucid.training import samples
from pellucid.training.callbacks import Logs
from pellucid.training.state import TrainingState

GENERATOR = np.random.default_rng(0)
X = GENERATOR.random((50, 6), np.float32)
Y = (X[:, 0] > X[:, 1]).astype(np.int64)


def classifier(optimizer: str | SGD | Adam = "adam", loss: str = "sparse") -> Model:
    """A small network with dropout; the same bits every time."""
    pellucid.set_seed(11)
    model = Sequential(
        [
            layers.Input((6,)),
            layers.Dense(8, "relu"),
            layers.Dropout(0.2),
            layers.Dense(2, "softmax"),
        ],
        engine="reference",
    )
    model.compile(optimizer, f"{loss}_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_training_learns_and_history_tells() -> None:
    model = classifier(Adam(0.02))
    history = model.fit(X, Y, batch_size=10, epochs=20, verbose=0)
    assert history is model.history
    assert history.epoch == list(range(20))
    assert list(history.history) == ["loss", "accuracy"]
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    loss, accuracy = model.evaluate(X, Y, verbose=0)
    assert accuracy > 0.9
    assert model.evaluate(X, Y, verbose=0, return_dict=True) == {
        "loss": loss,
        "accuracy": accuracy,
    }
    answers = model.predict(X)
    assert accuracy == np.mean(answers.argmax(1) == Y)
    assert loss == pytest.approx(-np.log(answers[np.arange(50), Y]).mean(), rel=1e-5)


def test_how_many_batches_a_call_takes_never_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for seconds in (0.0, 1e9):
        monkeypatch.setattr(samples, "_SECONDS_PER_CALL", seconds)
        model = classifier()
        history = model.fit(X, Y, batch_size=4, epochs=3, verbose=0)
        results.append((history.history, model.get_weights(), model.evaluate(X, Y, verbose=0)))
    (one_history, one_weights, one_figures), (history, weights, figures) = results
    assert one_history == history
    assert one_figures == figures
    assert all(map(np.array_equal, one_weights, weights))


def test_batches_are_paced_by_time_and_cover_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_SECONDS_PER_CALL", 1e9)
    parts = list(samples.paced(100, 3))
    assert parts == [slice(0, 3), slice(3, 15), slice(15, 63), slice(63, 100)]


def test_a_resumed_training_ends_on_the_same_bits() -> None:
    whole = classifier()
    whole.fit(X, Y, batch_size=8, epochs=4, verbose=0)

    first = classifier()
    first.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    state, weights = first.training_state, first.get_weights()
    assert (state.step, state.epoch) == (14, 2)

    second = classifier()
    pellucid.set_seed(99)
    second.set_weights(weights)
    second.training_state = state
    second.fit(X, Y, batch_size=8, epochs=4, initial_epoch=2, verbose=0)
    assert all(map(np.array_equal, second.get_weights(), whole.get_weights()))
    assert second.history.epoch == [2, 3]


def test_a_state_of_another_network_is_refused() -> None:
    with pytest.raises(DataError, match="belongs to another network or optimizer"):
        classifier().training_state = TrainingState(0)


def test_fitting_again_goes_on_and_compiling_again_starts_anew() -> None:
    model = classifier()
    model.fit(X, Y, epochs=2, verbose=0)
    model.fit(X, Y, epochs=1, verbose=0)
    assert (model.training_state.epoch, model.training_state.step) == (3, 6)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert (model.training_state.epoch, model.training_state.step) == (0, 0)


def test_shuffling_follows_the_seed_and_may_be_left_out() -> None:
    class Orders:
        name = "orders"

        def __init__(self) -> None:
            self.seen: list[list[int]] = []

        def predictor(self, *arguments: object) -> object:
            raise AssertionError("Nobody asked for an answer.")

        def trainer(self, *arguments: object) -> Orders:
            return self

        def run(
            self, inputs: object, targets: object, weights: object, order: np.ndarray, *_: int
        ) -> Steps:
            self.seen.append(order.tolist())
            return Steps([np.zeros(len(order))], [np.zeros((len(order), 2))])

    orders = Orders()
    model = classifier()
    model.engine = orders
    model.fit(X, Y, 50, epochs=2, verbose=0)
    model.fit(X, Y, 50, verbose=0, shuffle=False)
    first, second, third = orders.seen
    assert sorted(first) == sorted(second) == third == list(range(50))
    assert first != second


@pytest.mark.parametrize("metrics", [None, ["accuracy"]])
def test_one_batch_can_be_trained(metrics: list[str] | None) -> None:
    model = Sequential([layers.Input((6,)), layers.Dense(2)], engine="reference")
    model.compile(SGD(0.1), MeanSquaredError(), metrics=metrics)
    targets = np.eye(2)[Y]
    before = model.evaluate(X, targets, verbose=0)
    assert model.train_on_batch(X, targets) == before
    after = model.evaluate(X, targets, verbose=0, return_dict=True)
    assert model.train_on_batch(X, targets, return_dict=True) == after
    assert after["loss"] < (before[0] if isinstance(before, list) else before)
    assert model.training_state.step == 2


@pytest.mark.parametrize(
    ("units", "activation", "loss", "targets", "name", "kind"),
    [
        (2, "softmax", "sparse_categorical_crossentropy", Y, "acc", None),
        (2, "softmax", "categorical_crossentropy", np.eye(2)[Y], "accuracy", None),
        (1, "sigmoid", "binary_crossentropy", Y, "accuracy", BinaryAccuracy()),
        (1, "sigmoid", "mse", Y[:, None], "BinaryAccuracy", BinaryAccuracy()),
        (2, "linear", "MSE", np.eye(2)[Y], "accuracy", CategoricalAccuracy()),
    ],
)
def test_accuracy_is_the_one_that_fits(
    units: int,
    activation: str,
    loss: str,
    targets: np.ndarray,
    name: str,
    kind: BinaryAccuracy | CategoricalAccuracy | None,
) -> None:
    model = Sequential([layers.Dense(units, activation)], engine="reference")
    model.compile("sgd", loss, metrics=[name] if kind is None else [name, kind])
    figures = model.evaluate(X, targets, verbose=0)
    answers = model.predict(X)
    given = answers.argmax(1) if units == 2 else (answers[:, 0] > 0.5)
    assert figures[1:] == [pytest.approx(np.mean(given == Y))] * (len(figures) - 1)


def test_callbacks_are_told_everything_in_order() -> None:
    told: list[object] = []

    class Listener(Callback):
        def on_train_begin(self, logs: Logs | None = None) -> None:
            told.append(("begin", self.params["epochs"], self.params["steps"]))

        def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
            told.append(("epoch", epoch))

        def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
            told.append(("batch", batch))

        def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
            told.append(("ends", epoch, *(logs or {})))
            self.model.optimizer.learning_rate = 0.5

        def on_train_end(self, logs: Logs | None = None) -> None:
            told.append("end")

    model = classifier()
    model.fit(X, Y, batch_size=25, epochs=1, verbose=0, callbacks=[Listener()])
    assert told == [
        ("begin", 1, 2),
        ("epoch", 0),
        ("batch", 0),
        ("batch", 1),
        ("ends", 0, "loss", "accuracy"),
        "end",
    ]
    assert model.optimizer.learning_rate == 0.5


def test_an_interrupt_keeps_the_history_of_whole_epochs() -> None:
    class Interrupt(Callback):
        def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
            if self.model.training_state.epoch == 2:
                raise KeyboardInterrupt

    model = classifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=5, verbose=0, callbacks=Interrupt())
    assert model.history.epoch == [0, 1]
    assert len(model.history.history["loss"]) == 2


def test_a_loss_that_is_no_longer_finite_stops_with_advice() -> None:
    model = Sequential([layers.Dense(1)], engine="reference")
    model.compile(SGD(1e30), "mse")
    with np.errstate(all="ignore"), pytest.raises(TrainingError) as caught:
        model.fit(X, Y, batch_size=10, epochs=3, verbose=0, shuffle=False)
    message = str(caught.value)
    assert message.startswith("The loss became ")
    assert "in epoch 1, step " in message
    assert "learning rate ten times smaller" in message
    assert "layers.Rescaling(1 / 255)" in message


@pytest.mark.parametrize(
    ("do", "error", "message"),
    [
        (lambda m: m.fit(X, Y, batch_size=0), ArgumentError, "batch_size must be a whole number"),
        (lambda m: m.evaluate(X, Y, batch_size=0), ArgumentError, "batch_size must be"),
        (lambda m: m.predict(X, batch_size=-1), ArgumentError, "batch_size must be"),
        (lambda m: m.fit(X, Y, epochs=0), ArgumentError, "epochs must be a whole number"),
        (lambda m: m.fit(X, Y, epochs=2, initial_epoch=3), ArgumentError, r"0 to epochs \(2\)"),
        (
            lambda m: m.fit(X, Y, initial_epoch="1"),
            ArgumentError,
            "a whole number from 0 .* got '1'",
        ),
        (lambda m: m.fit(X, Y, verbose=3), ArgumentError, "verbose must be 0, 1, 2 or 'auto'"),
        (lambda m: m.fit(X, Y, callbacks=[print]), ArgumentError, "pellucid.callbacks.Callback"),
        (lambda m: m.fit(X, Y, callbacks=3), ArgumentError, "pellucid.callbacks.Callback"),
        (lambda m: m.fit(X, Y[:9]), DataError, "x has 50 samples and y has 9"),
        (lambda m: m.fit(X, Y + 1), DataError, "give y - 1"),
        (lambda m: m.fit(X[:, :3], Y), DataError, "x has shape"),
        (lambda m: m.compile("rmsprob", "mse"), PellucidError, "Did you mean 'rmsprop'"),
        (lambda m: m.compile(SGD, "mse"), ArgumentError, r"is the class SGD, .* write SGD\(\)"),
        (lambda m: m.compile("sgd", "mean_square"), PellucidError, "mean 'mean_squared_error'"),
        (lambda m: m.compile("sgd", "mse", metrics=["acuracy"]), PellucidError, "'accuracy'"),
        (lambda m: m.compile("sgd"), ArgumentError, "compile needs a loss"),
        (
            lambda m: m.compile({"class_name": "SGD", "config": {"rate": 1}}, "mse"),
            ArgumentError,
            "SGD cannot be made from",
        ),
        (lambda m: m.compile(SGD(-1), "mse"), ArgumentError, "learning_rate must be a number"),
    ],
)
def test_what_cannot_be_trained_is_told(
    do: Callable[[Model], object], error: type[PellucidError], message: str
) -> None:
    with pytest.raises(error, match=message):
        do(classifier())


@pytest.mark.parametrize("do", ["fit", "evaluate", "train_on_batch"])
def test_training_needs_compiling_first(do: str) -> None:
    model = Sequential([layers.Dense(1)], name="m", engine="reference")
    with pytest.raises(TrainingError, match=r"m does not know yet .* Call model\.compile"):
        getattr(model, do)(X, Y)


def test_what_was_compiled_can_be_written_down() -> None:
    model = classifier(Adam(0.02))
    config = model.get_compile_config()
    other = classifier("sgd")
    other.compile_from_config(config)
    assert other.optimizer == model.optimizer
    assert other.loss == model.loss
    assert other.get_compile_config() == config


def test_one_line_an_epoch_when_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    model = classifier()
    model.fit(X, Y, epochs=2)
    model.evaluate(X, Y, verbose=2)
    model.predict(X)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2", "Evaluation"]
    assert all("images/s - loss: " in line and "accuracy: " in line for line in lines)


def test_a_silent_training_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    model = classifier()
    model.fit(X, Y, verbose=0)
    model.evaluate(X, Y, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_history_is_a_callback_of_its_own() -> None:
    history = History()
    history.on_epoch_end(4, {"loss": math.pi})
    assert (history.epoch, history.history) == ([4], {"loss": [math.pi]})
