"""Models: layers put together, ready to be trained and asked."""

from pellucid.models.model import Model
from pellucid.models.reading import model_from_json
from pellucid.models.sequential import Sequential

__all__ = ["Model", "Sequential", "model_from_json"]
