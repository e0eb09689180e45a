"""Networks that have a name, each a short function on the public API.

All take `input_shape` (height, width, channels), for instance (28, 28, 1), (32, 32, 3) or
(224, 224, 3), and `classes`, how many are told apart, and give a model that ends in a softmax.
"""

from __future__ import annotations

from collections.abc import Callable

from pellucid.models import Model
from pellucid.networks.classics import lenet5, textbook, vgg
from pellucid.networks.residual import resnet
from pellucid.networks.separable import mobilenet, xception_small
from pellucid.shapes import Shape

__all__ = ["NETWORKS", "lenet5", "mobilenet", "resnet", "textbook", "vgg", "xception_small"]

NETWORKS: dict[str, Callable[[Shape, int], Model]] = {
    "textbook": textbook,
    "lenet5": lenet5,
    "vgg": vgg,
    "resnet": resnet,
    "mobilenet": mobilenet,
    "xception_small": xception_small,
}
"""By name, as the command line knows them."""
