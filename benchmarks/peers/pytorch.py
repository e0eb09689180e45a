"""PyTorch: `python -m benchmarks.peers.pytorch default|channels-last|compile`."""

import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.description import (
    Array,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    Network,
    Relu,
    Rescaling,
    Residual,
    Shape,
    output_shape,
)
from benchmarks.layouts import to_channels_first, to_channels_last
from benchmarks.peers.worker import serve_peer


class PyTorchPeer:
    """A plain training loop, in one of two memory layouts, compiled or not."""

    def __init__(
        self,
        network: Network,
        images: Array,
        labels: np.ndarray,
        weights: Sequence[Array],
        threads: int,
        *,
        variant: str,
    ) -> None:
        torch.set_num_threads(threads)
        self.versions = {"torch": torch.__version__}
        self.network = network
        self.layout = torch.contiguous_format if variant == "default" else torch.channels_last
        self.first_weights = to_channels_first(network, weights)
        self.images = self._laid_out(torch.from_numpy(images).permute(0, 3, 1, 2))
        self.labels = torch.from_numpy(labels)
        self.model = build(network.layers, network.input_shape).to(memory_format=self.layout)
        self.loss = self._loss
        self.infer = self._infer
        if variant == "compile":
            self.loss = torch.compile(self._loss, dynamic=False)
            self.infer = torch.compile(self._infer, dynamic=False)
        self.restart("rmsprop")

    def restart(self, rule: str) -> None:
        with torch.no_grad():
            for tensor, value in zip(self._tensors(), self.first_weights, strict=True):
                tensor.copy_(torch.from_numpy(value))
        parameters = self.model.parameters()
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.SGD(parameters, lr=0.01)
            if rule == "sgd"
            else torch.optim.RMSprop(parameters, lr=1e-3, alpha=0.9, eps=1e-7)
        )

    def train(self, count: int, batch_size: int, shuffle: bool) -> float:
        self.model.train()
        start = time.perf_counter()
        order = torch.randperm(count) if shuffle else torch.arange(count)
        for batch in order.split(batch_size):
            images = self._laid_out(self.images.index_select(0, batch))
            self.loss(images, self.labels.index_select(0, batch)).backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - start

    def predict(self, count: int, batch_size: int) -> Array:
        self.model.eval()
        with torch.inference_mode():
            batches = self.images[:count].split(batch_size)
            return torch.cat([self.infer(images) for images in batches]).numpy()

    def predict_one(self, index: int) -> Array:
        self.model.eval()
        with torch.inference_mode():
            return self.infer(self.images[index : index + 1]).numpy()

    def weights(self) -> list[Array]:
        return to_channels_last(self.network, [tensor.numpy() for tensor in self._tensors()])

    def _tensors(self) -> Iterator[torch.Tensor]:
        """What Keras calls weights: parameters, and the statistics of batch normalization."""
        for module in self.model.modules():
            for name in ("weight", "bias", "running_mean", "running_var"):
                tensor = getattr(module, name, None)
                if tensor is not None:
                    yield tensor.detach()

    def _laid_out(self, images: torch.Tensor) -> torch.Tensor:
        return images.contiguous(memory_format=self.layout)

    def _loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits = self.model(images)
        if self.network.binary:
            return functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float())
        return functional.cross_entropy(logits, labels)

    def _infer(self, images: torch.Tensor) -> torch.Tensor:
        logits = self.model(images)
        return logits.sigmoid() if self.network.binary else functional.softmax(logits, dim=1)


class Scaled(nn.Module):
    """Every number times a constant."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The scaled numbers."""
        return images * self.scale


class Sum(nn.Module):
    """A residual connection: the body's output plus the shortcut's."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The sum."""
        return self.body(images) + self.shortcut(images)


def build(layers: Sequence[Layer], shape: Shape) -> nn.Sequential:
    """A row of layers, up to logits where they end a network (the loss holds their activation)."""
    modules: list[nn.Module] = []
    for layer in layers:
        modules += counterparts(layer, shape)
        shape = output_shape(layer, shape)
    return nn.Sequential(*modules)


def counterparts(layer: Layer, shape: Shape) -> list[nn.Module]:
    """The modules for one layer, which reads images of this shape (height, width, channels)."""
    channels = shape[-1]
    match layer:
        case Rescaling(scale):
            return [Scaled(scale)]
        case Conv2D(filters, size, strides, padding, use_bias, activation):
            convolution = nn.Conv2d(channels, filters, size, strides, padding, bias=use_bias)
            return [convolution, nn.ReLU()] if activation == "relu" else [convolution]
        case DepthwiseConv2D(size, strides, padding):
            return [
                nn.Conv2d(channels, channels, size, strides, padding, groups=channels, bias=False)
            ]
        case BatchNormalization(momentum, epsilon):
            return [nn.BatchNorm2d(channels, eps=epsilon, momentum=1 - momentum)]
        case Relu():
            return [nn.ReLU()]
        case MaxPooling2D(pool_size):
            return [nn.MaxPool2d(pool_size)]
        case GlobalAveragePooling2D():
            return [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        case Flatten():
            return [nn.Flatten()]
        case Dense(units, activation):
            linear = nn.Linear(channels, units)
            return [linear, nn.ReLU()] if activation == "relu" else [linear]
        case Residual(body, shortcut):
            return [Sum(build(body, shape), build(shortcut, shape))]


if __name__ == "__main__":
    serve_peer(lambda *arguments: PyTorchPeer(*arguments, variant=sys.argv[1]))
