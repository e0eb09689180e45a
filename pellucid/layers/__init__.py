"""The layers a network is put together from, with Keras's names and arguments."""

from pellucid.layers.activation_layers import ELU, LeakyReLU, PReLU, ReLU, Softmax
from pellucid.layers.adaptation import Normalization
from pellucid.layers.augmentation import (
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from pellucid.layers.base import Layer
from pellucid.layers.convolution import Conv2D, Filter
from pellucid.layers.core import Activation, Dense, Flatten
from pellucid.layers.inputs import Input, InputLayer
from pellucid.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    minimum,
    multiply,
    subtract,
)
from pellucid.layers.normalization import BatchNormalization, LayerNormalization
from pellucid.layers.pooling import AveragePooling2D, MaxPooling2D
from pellucid.layers.preprocessing import CenterCrop, Rescaling, Resizing
from pellucid.layers.regularization import Dropout, GaussianNoise, SpatialDropout2D

MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D

__all__ = [
    "ELU",
    "Activation",
    "Add",
    "Average",
    "AveragePooling2D",
    "AvgPool2D",
    "BatchNormalization",
    "CenterCrop",
    "Concatenate",
    "Conv2D",
    "Dense",
    "Dropout",
    "Filter",
    "Flatten",
    "GaussianNoise",
    "Input",
    "InputLayer",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool2D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "PReLU",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "Rescaling",
    "Resizing",
    "Softmax",
    "SpatialDropout2D",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]
