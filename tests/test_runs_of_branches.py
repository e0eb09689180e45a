"""Runs of networks that are no chains, with weights that are frozen, shared, or only track."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small

import pellucid as keras
from pellucid import layers
from pellucid.errors import RunError
from pellucid.models import Model
from pellucid.runs import Run, SaveRun


def branching(prefix: str = "", swapped: bool = False) -> Model:
    """Branches called in an order that is not that of the graph, all of them random in training."""
    keras.set_seed(3)
    frozen = keras.Sequential(
        [layers.Conv2D(2, 3, name="c"), layers.BatchNormalization(name="b")], name=f"{prefix}frozen"
    )
    shared = layers.Conv2D(2, 3, padding="same", name=f"{prefix}shared")
    inputs = keras.Input((8, 8, 1), name=f"{prefix}inputs")
    x = frozen(layers.GaussianNoise(0.1, name=f"{prefix}noise")(inputs))
    x = layers.BatchNormalization(name=f"{prefix}norm")(x)
    late = layers.Dropout(0.3, name=f"{prefix}late")(shared(x))
    early = layers.Dropout(0.4, name=f"{prefix}early")(shared(late))
    pair = [late, early] if swapped else [early, late]
    x = layers.Subtract(name=f"{prefix}difference")(pair)
    x = layers.Flatten(name=f"{prefix}flat")(x)
    outputs = layers.Dense(small.CLASSES, "softmax", name=f"{prefix}out")(x)
    frozen.trainable = False
    model = Model(inputs, outputs, engine="reference")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
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


def test_going_on_ends_on_the_bits_of_an_uninterrupted_run(tmp_path: Path) -> None:
    whole, part = branching(), branching()
    fit(whole, Run.create(tmp_path / "whole", whole), 2)
    fit(part, Run.create(tmp_path / "part", part), 1)
    again = Run.open(tmp_path / "part")
    model = again.load()
    assert model.graph == whole.graph
    fit(model, again, 2)
    for one, other in zip(model.weights, whole.weights, strict=True):
        assert one.tobytes() == other.tobytes()
    assert len(model.weights) == 14
    assert len(again.checkpoint().training.slots) == len(model.trainable_weights) == 6


def test_a_run_goes_on_with_the_same_network_of_other_names_only(tmp_path: Path) -> None:
    model = branching()
    run = Run.create(tmp_path / "run", model)
    fit(model, run, 1)
    same = branching("other_")
    run.restore(same)
    fit(same, run, 2)
    with pytest.raises(RunError, match="is of another model"):
        run.check_model(branching(swapped=True))
