"""Models: layers put together, ready to be trained and asked."""

from pellucid.models.cloning import clone_model
from pellucid.models.loading import load_model
from pellucid.models.model import Model
from pellucid.models.reading import model_from_json
from pellucid.models.saving import save_model
from pellucid.models.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
