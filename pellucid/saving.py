"""Saving and loading models, where Keras has it."""

from pellucid.models.loading import load_model
from pellucid.models.restoring import load_weights
from pellucid.models.saving import save_model, save_weights

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]
