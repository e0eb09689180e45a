"""PyTorch: `python -m benchmarks.peers.pytorch default|channels-last|compile`."""

import sys
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.networks import (
    Array,
    Conv2D,
    Dense,
    Flatten,
    MaxPooling2D,
    Network,
    to_channels_first,
    to_channels_last,
)
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
        self.model = build(network).to(memory_format=self.layout)
        self.loss = self._loss
        self.infer = self._infer
        if variant == "compile":
            self.loss = torch.compile(self._loss, dynamic=False)
            self.infer = torch.compile(self._infer, dynamic=False)
        self.restart("rmsprop")

    def restart(self, rule: str) -> None:
        with torch.no_grad():
            for parameter, value in zip(self.model.parameters(), self.first_weights, strict=True):
                parameter.copy_(torch.from_numpy(value))
        parameters = self.model.parameters()
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.SGD(parameters, lr=0.01)
            if rule == "sgd"
            else torch.optim.RMSprop(parameters, lr=1e-3, alpha=0.9, eps=1e-7)
        )

    def train(self, count: int, batch_size: int, shuffle: bool) -> float:
        start = time.perf_counter()
        order = torch.randperm(count) if shuffle else torch.arange(count)
        for batch in order.split(batch_size):
            images = self._laid_out(self.images.index_select(0, batch))
            self.loss(images, self.labels.index_select(0, batch)).backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - start

    def predict(self, count: int, batch_size: int) -> Array:
        with torch.inference_mode():
            batches = self.images[:count].split(batch_size)
            return torch.cat([self.infer(images) for images in batches]).numpy()

    def predict_one(self, index: int) -> Array:
        with torch.inference_mode():
            return self.infer(self.images[index : index + 1]).numpy()

    def weights(self) -> list[Array]:
        values = [parameter.detach().numpy() for parameter in self.model.parameters()]
        return to_channels_last(self.network, values)

    def _laid_out(self, images: torch.Tensor) -> torch.Tensor:
        return images.contiguous(memory_format=self.layout)

    def _loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(self.model(images), labels)

    def _infer(self, images: torch.Tensor) -> torch.Tensor:
        return functional.softmax(self.model(images), dim=1)


def build(network: Network) -> nn.Sequential:
    """The network up to its logits (the loss holds the softmax)."""
    modules: list[nn.Module] = []
    for layer, before in zip(network.layers, network.shapes, strict=False):
        match layer:
            case Conv2D(filters, kernel_size, padding):
                modules += [nn.Conv2d(before[-1], filters, kernel_size, padding=padding), nn.ReLU()]
            case MaxPooling2D(pool_size):
                modules.append(nn.MaxPool2d(pool_size))
            case Flatten():
                modules.append(nn.Flatten())
            case Dense(units, activation):
                modules.append(nn.Linear(before[0], units))
                if activation == "relu":
                    modules.append(nn.ReLU())
    return nn.Sequential(*modules)


if __name__ == "__main__":
    serve_peer(lambda *arguments: PyTorchPeer(*arguments, variant=sys.argv[1]))
