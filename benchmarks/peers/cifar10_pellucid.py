"""Pellucid's worker for `benchmarks.cifar10`."""

from importlib.metadata import version
from time import perf_counter
from typing import Any

import pellucid as keras
from benchmarks import recipe
from benchmarks.networks import RESIDUALS
from benchmarks.peers.keras_api import Builder
from benchmarks.peers.worker import Reply, serve


def train(network: str, arrays: str, seed: int, limit: int | None, threads: int) -> Reply:
    """Train by the recipe; the test accuracy after each epoch, and the seconds it took."""
    (images, labels), test = recipe.read(arrays, limit)
    keras.set_seed(seed)
    steps = recipe.EPOCHS * -(-len(images) // recipe.BATCH_SIZE)
    rising = recipe.warm_up_steps(steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - rising, warmup_target=recipe.PEAK_RATE, warmup_steps=rising
    )
    model = build(network)
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


def build(network: str) -> Any:
    """A residual net behind flips and shifts."""
    layers, shape = RESIDUALS[network].layers, RESIDUALS[network].input_shape
    share = recipe.LARGEST_SHIFT / shape[0]
    inputs = keras.Input(shape=shape)
    x = keras.layers.RandomFlip("horizontal")(inputs)
    x = keras.layers.RandomTranslation(share, share, fill_mode="constant", interpolation="nearest")(
        x
    )
    builder = Builder(keras, explicit_padding=True)
    return keras.Model(inputs, builder.stack(layers, x))


if __name__ == "__main__":
    serve({"train": train})
