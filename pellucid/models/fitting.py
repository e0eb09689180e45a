"""How a model learns and answers: `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid.engines.base import Engine
from pellucid.errors import ArgumentError
from pellucid.layers.arguments import positive_integer
from pellucid.models.compiling import Compiling
from pellucid.training import learner, loop
from pellucid.training.callbacks import Callback, History, Listeners, Logs, checked
from pellucid.training.intake import ClassWeight, Intake, is_stream
from pellucid.training.loop import Schedule
from pellucid.training.progress import check_verbose
from pellucid.training.samples import ArraySource, Samples, Source, StreamSource

_FLOAT32 = np.dtype(np.float32)

Callbacks = Callback | Sequence[Callback] | None
Figures = float | list[float] | dict[str, float]


class Fitting(Compiling):
    """What every model can do with its network, whatever it is made of: learn and answer.

    stop_training: set by a callback, ends `fit`. history: of the last `fit`.
    """

    def __init__(self, engine: str | Engine | None) -> None:
        super().__init__(engine)
        self.history: History | None = None
        self.stop_training = False

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: ClassWeight | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train the model.

        x: samples (N, *input shape), for instance images (N, height, width, channels); a list or
        a dictionary by name of them for several inputs; or, without y, anything to iterate over
        that gives batches (x, y) or (x, y, sample_weight). y: their targets, for instance class
        numbers (N,); a list or a dictionary for several outputs. batch_size: samples a step, 32 if
        None. epochs: the number of the last epoch, counted from `initial_epoch`. verbose: 0
        silent, 2 a line an epoch, 1 and 'auto' a live bar too, in a terminal.

        validation_data: (x, y), (x, y, sample_weight) or batches, that are evaluated after epochs;
        validation_split: the share of samples, the last ones, that are kept for it instead.
        validation_batch_size, validation_steps: of these data, as batch_size and steps_per_epoch.
        validation_freq: after how many epochs, or a list of epochs, counted from 1.

        shuffle: whether each epoch has its own order, which follows from `pellucid.set_seed`.
        class_weight: how much samples count in the loss, by the number of their class; 1 for
        others. sample_weight: the same, (N,), for each sample, and of several outputs a list or a
        dictionary. steps_per_epoch: how many batches an epoch has; the next one goes on from there.

        Returns the history of loss and metrics. Raises TrainingError before `compile` or when the
        loss is no longer finite; DataError and ArgumentError for what cannot be used.
        """
        size = 32 if batch_size is None else batch_size
        schedule = Schedule(size, epochs, initial_epoch, verbose, validation_freq)
        callbacks = checked(callbacks)
        x = self._meet(x)
        if validation_split and validation_data is None:
            if is_stream(x):
                raise ArgumentError(
                    "validation_split takes the last samples of arrays, and x gives batches: give "
                    "validation_data."
                )
            intake = self._intake()
            training, held_out = _split(intake.samples(x, y, sample_weight), validation_split)
            training = intake.by_class(training, class_weight)
            source: Source = ArraySource(training, size, shuffle, steps_per_epoch)
            validation: Source | None = ArraySource(
                held_out, validation_batch_size or size, steps=validation_steps
            )
        else:
            source = self._source(
                x, y, sample_weight, batch_size, shuffle, steps_per_epoch, class_weight
            )
            validation = self._validation(
                validation_data, validation_batch_size or size, validation_steps
            )
        self.history = History()
        params = {"verbose": verbose, "epochs": epochs, "steps": source.steps}
        listeners = Listeners([*callbacks, self.history], self, params)
        validate = None if validation is None else self._validating(validation, listeners)
        loop.fit(self._learning(), source, schedule, listeners, validate)
        return self.history

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: ClassWeight | None = None,
        *,
        return_dict: bool = False,
    ) -> Figures:
        """One step on one batch. Returns loss and metrics of the moment before the step."""
        x = self._meet(x)
        intake = self._intake()
        samples = intake.by_class(intake.samples(x, y, sample_weight), class_weight)
        return _figures(loop.train_on_batch(self._learning(), samples), return_dict)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        *,
        return_dict: bool = False,
    ) -> Figures:
        """The loss and the metrics on data, without training.

        Returns [loss, metric, ...], or the loss alone without metrics, or a dictionary. x, y,
        sample_weight, verbose and errors as for `fit`; batch_size: how many samples are computed
        at once at the least, which never changes the result. steps: how many batches at most.
        """
        check_verbose(verbose)
        source = self._source(self._meet(x), y, sample_weight, batch_size, steps=steps)
        listeners = Listeners(checked(callbacks), self, {"steps": source.steps})
        return _figures(self._evaluated(source, listeners, verbose), return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
    ) -> Any:
        """The answers (N, *output shape), float32, to samples (N, *input shape).

        x: as for `fit`; of batches (x, ...) only x is read. Several outputs come in the form in
        which the model was made. batch_size: how many samples are computed at once at the least,
        which never changes an answer. verbose: 0 silent, otherwise a live bar in a terminal.
        steps: how many batches at most. Raises DataError for what cannot be used.
        """
        check_verbose(verbose)
        size = positive_integer(32 if batch_size is None else batch_size, "batch_size")
        x, intake = self._meet(x), self._intake(compared=False)
        source: Source
        if is_stream(x):
            source = StreamSource(x, intake.asked, steps)
        else:
            source = ArraySource(Samples(intake.inputs(x), [], []), size, steps=steps)
        listeners = Listeners(checked(callbacks), self, {"steps": source.steps})
        listeners.tell("on_predict_begin", {})
        answers = loop.predict(self._answering(), source, verbose)
        listeners.tell("on_predict_end", {})
        return self.output_form.pack(answers)

    def predict_on_batch(self, x: ArrayLike) -> Any:
        """The answers to a few samples with the least delay.

        A C-contiguous float32 array of the right shape goes to the engine as it is, if the sum of
        its squares is finite; anything else is checked and converted as in `predict`.
        """
        predictor = self._predictor
        if (
            predictor is not None
            and type(x) is np.ndarray
            and x.dtype == _FLOAT32
            and len(self.graph.inputs) == 1
            and x.shape[1:] == self.graph.inputs[0]
            and x.flags.c_contiguous
            and len(x)
            and math.isfinite(np.vdot(x, x))
        ):
            return self.output_form.pack(predictor.run([x]))
        x = self._meet(x)
        inputs = self._intake(compared=False).inputs(x)
        return self.output_form.pack(self._answering().run(inputs))

    # Data

    def _meet(self, x: Any) -> Any:
        """Get to know the shape of the input from data, if need be; the data, all there."""
        if self.built:
            return x
        if not is_stream(x):
            self._build_from(x)
            return x
        batches = iter(x)
        first = next(batches, None)
        if first is not None:
            self._build_from(first[0] if isinstance(first, tuple | list) else first)
        # An iterator has given its first batch away; anything else begins anew.
        return chain([first], batches) if batches is x and first is not None else x

    def _build_from(self, x: Any) -> None:
        """Build the network for samples such as these."""

    def _intake(self, *, compared: bool = True) -> Intake:
        """What checks data; compared: whether they come with targets."""
        graph = self.graph
        return Intake(
            graph.inputs,
            self.input_form.names,
            self.input_form.take,
            self.output_form.take,
            self._aiming() if compared else (),
        )

    def _source(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int | None,
        shuffle: bool = False,
        steps: int | None = None,
        class_weight: ClassWeight | None = None,
        suffix: str = "",
    ) -> Source:
        """Where samples come from: arrays, or batches."""
        intake = self._intake()
        if steps is not None:
            positive_integer(steps, "steps")
        if not is_stream(x):
            size = positive_integer(32 if batch_size is None else batch_size, "batch_size")
            samples = intake.samples(x, y, sample_weight, suffix)
            return ArraySource(intake.by_class(samples, class_weight), size, shuffle, steps)
        if y is not None or sample_weight is not None or batch_size is not None:
            raise ArgumentError(
                "x gives batches, and they come with their targets and weights: leave out y, "
                "sample_weight and batch_size."
            )
        return StreamSource(x, lambda batch: intake.batch(batch, class_weight), steps)

    def _validation(self, given: Any, batch_size: int, steps: int | None) -> Source | None:
        """Where the samples come from that are evaluated after epochs."""
        if given is None:
            return None
        if is_stream(given):
            return self._source(given, None, None, None, steps=steps)
        if not isinstance(given, tuple | list) or not 2 <= len(given) <= 3:
            raise ArgumentError(
                "validation_data must be (x, y), (x, y, sample_weight) or something that gives "
                f"batches, got {type(given).__name__}."
            )
        weights = given[2] if len(given) == 3 else None
        return self._source(given[0], given[1], weights, batch_size, steps=steps, suffix="_val")

    def _validating(self, source: Source, listeners: Listeners) -> Callable[[], Logs]:
        return lambda: self._evaluated(source, listeners, 0)

    def _evaluated(self, source: Source, listeners: Listeners, verbose: int | str) -> Logs:
        listeners.tell("on_test_begin", {})
        penalty = learner.penalty(*self._lowered())
        logs = loop.evaluate(self._answering(), self._aiming(), source, verbose, penalty)
        listeners.tell("on_test_end", logs)
        return logs


def _split(samples: Samples, share: float) -> tuple[Samples, Samples]:
    """The samples that are trained on, and the last ones, which are held out."""
    at = math.floor(len(samples) * (1 - share)) if 0 < share < 1 else 0
    if not 0 < at < len(samples):
        raise ArgumentError(
            f"validation_split must be between 0 and 1 and leave samples on both sides, got "
            f"{share!r} for {len(samples)} samples."
        )
    return samples.at(slice(at)), samples.at(slice(at, None))


def _figures(logs: dict[str, float], return_dict: bool) -> Figures:
    """Loss and metrics as Keras returns them."""
    if return_dict:
        return logs
    values = list(logs.values())
    return values if len(values) > 1 else values[0]
