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
from pellucid.layers.borders import Cropping2D, ZeroPadding2D
from pellucid.layers.convolution import Conv2D, Filter
from pellucid.layers.core import Activation, Dense
from pellucid.layers.depthwise import DepthwiseConv2D, SeparableConv2D
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
from pellucid.layers.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from pellucid.layers.preprocessing import CenterCrop, Rescaling, Resizing
from pellucid.layers.regularization import Dropout, GaussianNoise, SpatialDropout2D
from pellucid.layers.reshape import Flatten, Permute, Reshape
from pellucid.layers.transposed import Conv2DTranspose
from pellucid.layers.upsampling import UpSampling2D

MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalAvgPool2D = GlobalAveragePooling2D

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
    "Conv2DTranspose",
    "Cropping2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Filter",
    "Flatten",
    "GaussianNoise",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
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
    "Permute",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Resizing",
    "SeparableConv2D",
    "Softmax",
    "SpatialDropout2D",
    "Subtract",
    "UpSampling2D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]
