"""Convolutional networks you can see through: build, train and open them up.

Its names are Keras's, so that a textbook's code runs with `import pellucid as keras`.
"""

from pellucid import (
    activations,
    callbacks,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    saving,
    utils,
)
from pellucid.layers import Input
from pellucid.models import Model, Sequential
from pellucid.random import set_seed

__version__ = "0.1.0"

__all__ = [
    "Input",
    "Model",
    "Sequential",
    "__version__",
    "activations",
    "callbacks",
    "constraints",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "saving",
    "set_seed",
    "utils",
]
