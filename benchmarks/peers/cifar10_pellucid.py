"""Pellucid's worker for `benchmarks.cifar10`."""

from importlib.metadata import version
from time import perf_counter
from typing import Any

import pellucid as keras
from benchmarks import recipe
from benchmarks.networks import RESIDUAL
from benchmarks.peers.keras_api import Builder
from benchmarks.peers.worker import Reply, serve


def train(arrays: str, seed: int, limit: int | None, threads: int) -> Reply:
    """Train by the recipe; the test accuracy after each epoch, and the seconds it took."""
    (images, labels), test = recipe.read(arrays, limit)
    keras.set_seed(seed)
    steps = recipe.EPOCHS * -(-len(images) // recipe.BATCH_SIZE)
    rising = recipe.warm_up_steps(steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - rising, warmup_target=recipe.PEAK_RATE, warmup_steps=rising
    )
    model = build()
    model.compile(
        keras.optimizers.SGD(
            rate, recipe.MOMENTUM, nesterov=True, weight_decay=recipe.WEIGHT_DECAY
        ),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    start = perf_counter()
    history = model.fit(
        images,
        labels,
        batch_size=recipe.BATCH_SIZE,
        epochs=recipe.EPOCHS,
        validation_data=test,
        verbose=0,
    )
    return {
        "seconds": perf_counter() - start,
        "accuracies": history.history["val_accuracy"],
        "versions": {"pellucid": version("pellucid")},
    }


def build() -> Any:
    """The residual net behind flips and shifts."""
    share = recipe.LARGEST_SHIFT / RESIDUAL.input_shape[0]
    inputs = keras.Input(shape=RESIDUAL.input_shape)
    x = keras.layers.RandomFlip("horizontal")(inputs)
    x = keras.layers.RandomTranslation(share, share, fill_mode="constant", interpolation="nearest")(
        x
    )
    builder = Builder(keras, explicit_padding=True)
    return keras.Model(inputs, builder.stack(RESIDUAL.layers, x))


if __name__ == "__main__":
    serve({"train": train})
