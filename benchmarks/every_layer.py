"""One network with every layer that there is, for what must hold for all of them."""

from typing import Any


def every_layer(keras: Any) -> Any:
    """A classifier of 32×32×3 pictures into ten classes, in Keras's words."""
    inputs = keras.Input(shape=(32, 32, 3))
    x = body(keras, augmented(keras, inputs))
    x = joined(keras, x)
    outputs = head(keras, x)
    return keras.Model(inputs, outputs)


def augmented(keras: Any, x: Any) -> Any:
    """What changes pictures in training, and what prepares them always."""
    layers = keras.layers
    x = layers.Rescaling(2.0, offset=-1.0)(x)
    x = layers.Normalization(mean=0.1, variance=0.9)(x)
    for augmentation in (
        layers.RandomFlip("horizontal_and_vertical"),
        layers.RandomRotation(0.1),
        layers.RandomZoom(0.2),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomContrast(0.2),
        layers.RandomBrightness(0.2, value_range=(-1.0, 1.0)),
        layers.RandomCrop(30, 29),
        layers.Resizing(28, 27),
        layers.CenterCrop(26, 25),
        layers.GaussianNoise(0.1),
    ):
        x = augmentation(x)
    return x


def body(keras: Any, x: Any) -> Any:
    """Convolutions of every kind, each with another activation."""
    layers = keras.layers
    x = layers.Conv2D(12, 3, padding="same", kernel_regularizer="l2", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu6")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)
    x = layers.LeakyReLU()(x)
    x = layers.SeparableConv2D(20, 3, strides=2, padding="same", activation="silu")(x)
    x = layers.Conv2D(18, 3, groups=2, padding="same", activation="elu")(x)
    x = layers.LayerNormalization()(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.SpatialDropout2D(0.2)(x)
    x = layers.Conv2DTranspose(10, 3, strides=2, padding="same", activation="gelu")(x)
    x = layers.Cropping2D(((1, 0), (0, 2)))(x)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Activation("hard_sigmoid")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    return layers.AveragePooling2D(2)(x)


def joined(keras: Any, x: Any) -> Any:
    """Branches, brought together in every way."""
    layers = keras.layers

    def branch(activation: str) -> Any:
        return layers.Conv2D(8, 1, activation=activation)(x)

    total = layers.Add()([branch("selu"), branch("hard_swish")])
    total = layers.Subtract()([total, branch("tanh")])
    total = layers.Multiply()([total, branch("sigmoid")])
    total = layers.Average()([total, branch("softplus")])
    total = layers.Maximum()([total, branch("linear")])
    total = layers.Minimum()([total, branch("elu")])
    return layers.Concatenate()([total, branch("relu")])


def head(keras: Any, x: Any) -> Any:
    """From feature maps to probabilities."""
    layers = keras.layers
    left = layers.GlobalAveragePooling2D()(x)
    right = layers.GlobalMaxPooling2D()(x)
    _, height, width, channels = x.shape
    x = layers.Permute((2, 1, 3))(x)
    x = layers.Reshape((width * height, channels))(x)
    x = layers.Flatten()(x)
    x = layers.Dense(16, kernel_constraint=keras.constraints.MaxNorm(2.0))(x)
    x = layers.ReLU()(x)
    x = layers.Dropout(0.3)(layers.Concatenate()([x, left, right]))
    return layers.Softmax()(layers.Dense(10)(x))
