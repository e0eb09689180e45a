"""Optimizers where Keras has them."""

from pellucid.ops.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from pellucid.optimizers import schedules
from pellucid.training.lookup import get_optimizer as get
from pellucid.training.lookup import serialize

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "get", "schedules", "serialize"]
