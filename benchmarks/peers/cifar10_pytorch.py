"""PyTorch's worker for `benchmarks.cifar10`."""

from time import perf_counter

import torch
from torch import nn
from torch.nn import functional

from benchmarks import recipe
from benchmarks.networks import RESIDUALS
from benchmarks.peers.pytorch import build
from benchmarks.peers.worker import Reply, serve


def train(network: str, arrays: str, seed: int, limit: int | None, threads: int) -> Reply:
    """Train by the recipe; the test accuracy after each epoch, and the seconds it took."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    (images, labels), test = (
        (torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(y))
        for x, y in recipe.read(arrays, limit)
    )
    layers, shape = RESIDUALS[network].layers, RESIDUALS[network].input_shape
    model = build(layers, shape).to(memory_format=torch.channels_last)
    initialize(model)
    optimizer = torch.optim.SGD(model.parameters(), 1.0, recipe.MOMENTUM, nesterov=True)
    batches = -(-len(images) // recipe.BATCH_SIZE)
    accuracies = []
    start = perf_counter()
    for epoch in range(recipe.EPOCHS):
        model.train()
        order = torch.randperm(len(images))
        for number, batch in enumerate(order.split(recipe.BATCH_SIZE)):
            rate = recipe.rate(epoch * batches + number, recipe.EPOCHS * batches)
            step(model, optimizer, rate, augmented(images[batch]), labels[batch])
        accuracies.append(accuracy(model, *test))
    return {
        "seconds": perf_counter() - start,
        "accuracies": accuracies,
        "versions": {"torch": torch.__version__},
    }


def initialize(model: nn.Module) -> None:
    """The first values that Keras gives: Glorot's uniform kernels, and no bias."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rate: float,
    images: torch.Tensor,
    labels: torch.Tensor,
) -> None:
    """One step, its weight decay apart from the gradient, as Keras has it."""
    functional.cross_entropy(model(images), labels).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1 - rate * recipe.WEIGHT_DECAY)
    optimizer.param_groups[0]["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def augmented(images: torch.Tensor) -> torch.Tensor:
    """Each picture flipped or not, and cropped at random out of zeros around it."""
    count, _, height, width = images.shape
    most = recipe.LARGEST_SHIFT
    flipped = torch.rand(count, 1, 1, 1) < 0.5
    images = functional.pad(torch.where(flipped, images.flip(3), images), (most,) * 4)
    down, right = torch.randint(0, 2 * most + 1, (2, count, 1))
    rows = (down + torch.arange(height))[:, :, None]
    columns = (right + torch.arange(width))[:, None, :]
    cropped = images[torch.arange(count)[:, None, None], :, rows, columns]
    return cropped.permute(0, 3, 1, 2)


def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of images whose class is told right."""
    model.eval()
    with torch.inference_mode():
        answers = torch.cat([model(batch).argmax(1) for batch in images.split(256)])
    return float((answers == labels).double().mean())


if __name__ == "__main__":
    serve({"train": train})
