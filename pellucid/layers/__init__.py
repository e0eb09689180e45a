"""The layers a network is put together from, with Keras's names and arguments."""

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
from pellucid.layers.pooling import AveragePooling2D, MaxPooling2D
from pellucid.layers.preprocessing import CenterCrop, Rescaling, Resizing
from pellucid.layers.regularization import Dropout

MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D

__all__ = [
    "Activation",
    "AveragePooling2D",
    "AvgPool2D",
    "CenterCrop",
    "Conv2D",
    "Dense",
    "Dropout",
    "Filter",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "MaxPool2D",
    "MaxPooling2D",
    "Normalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Rescaling",
    "Resizing",
]
