"""Networks of every shape, the same lines for Keras and for Pellucid."""

from __future__ import annotations

from typing import Any


def residual(keras: Any) -> Any:
    """Blocks with a shortcut, one of them with a projection; batch normalization."""
    layers = keras.layers
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    shortcut = x
    x = layers.Conv2D(4, 3, padding="same")(x)
    x = layers.add([x, shortcut])
    shortcut = layers.Conv2D(6, 1, strides=2)(x)
    x = layers.Conv2D(6, 3, padding="same")(x)
    x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Add()([x, shortcut])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def several(keras: Any) -> Any:
    """Three inputs, two outputs: listing 7.9 of the textbook, with smaller numbers."""
    layers = keras.layers
    title = keras.Input(shape=(6,), name="title")
    text_body = keras.Input(shape=(6,), name="text_body")
    tags = keras.Input(shape=(3,), name="tags")
    features = layers.Concatenate()([title, text_body, tags])
    features = layers.Dense(5, activation="relu")(features)
    priority = layers.Dense(1, activation="sigmoid", name="priority")(features)
    department = layers.Dense(4, activation="softmax", name="department")(features)
    return keras.Model(inputs=[title, text_body, tags], outputs=[priority, department])


def by_name(keras: Any) -> Any:
    """Inputs and outputs in dictionaries, whose keys are not in the order of the alphabet."""
    layers = keras.layers
    right = keras.Input((4,), name="right")
    left = keras.Input((3,), name="left")
    y = layers.Dense(2)(right)
    z = layers.Dense(2)(left)
    return keras.Model(
        {"right": right, "left": left}, {"sum": layers.add([y, z]), "far": layers.Dense(1)(z)}
    )


def shared(keras: Any) -> Any:
    """One convolution that stands at three places, one of them deeper than the others."""
    layers = keras.layers
    one, other = keras.Input((6, 6, 2)), keras.Input((6, 6, 2))
    twice = layers.Conv2D(2, 3, padding="same", name="twice")
    a, b = twice(one), twice(other)
    b = twice(layers.Activation("relu")(b))
    x = layers.Flatten()(layers.subtract([a, b]))
    return keras.Model([one, other], layers.Dense(2)(x))


def nested(keras: Any) -> Any:
    """Models in models: a Sequential in a functional one, that in a Sequential, and so on."""
    layers = keras.layers
    stem = keras.Sequential([layers.Conv2D(3, 3), layers.BatchNormalization()], name="stem")
    inputs = keras.Input((9, 9, 1))
    x = stem(inputs)
    x = layers.maximum([x, layers.Conv2D(3, 3)(inputs)])
    body = keras.Model(inputs, x, name="body")
    return keras.Sequential(
        [keras.Input((9, 9, 1)), body, layers.Flatten(), layers.Dense(2)], name="whole"
    )


def two_from_one(keras: Any) -> Any:
    """A model inside with two inputs and two outputs, used twice, one output never."""
    layers = keras.layers
    a, b = keras.Input((4,)), keras.Input((4,))
    inner = keras.Model([a, b], [layers.Dense(4)(a), layers.Dense(2)(b)], name="inner")
    one, other = keras.Input((4,), name="one"), keras.Input((4,), name="other")
    first, second = inner([one, other])
    again, _ = inner([other, first])
    return keras.Model([one, other], [second, layers.Dense(3)(again)])


def frozen(keras: Any) -> Any:
    """A frozen part, and a batch normalization that stands outside of training."""
    layers = keras.layers
    base = keras.Sequential(
        [keras.Input((6, 6, 2)), layers.Conv2D(3, 3), layers.BatchNormalization()], name="base"
    )
    base.trainable = False
    inputs = keras.Input((6, 6, 2))
    x = base(inputs, training=False)
    x = layers.BatchNormalization(name="still")(x, training=False)
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(2)(x), name="tuned")


def middle(keras: Any) -> Any:
    """A model from an intermediate output to another."""
    layers = keras.layers
    inputs = keras.Input((8,))
    x = layers.Dense(6, name="first")(inputs)
    y = layers.Dense(5, name="second")(x)
    whole = keras.Model(inputs, layers.Dense(4, name="third")(y))
    return keras.Model(whole.get_layer("second").input, whole.output, name="middle")


NETWORKS = [residual, several, by_name, shared, nested, two_from_one, frozen, middle]
