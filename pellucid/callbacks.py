"""Callbacks where Keras has them."""

from pellucid.training.callbacks import Callback, History

__all__ = ["Callback", "History"]
