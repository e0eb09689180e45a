"""Data sets where Keras has them: `from pellucid.datasets import mnist`."""

from pellucid.datasets import cifar10, fashion_mnist, mnist

__all__ = ["cifar10", "fashion_mnist", "mnist"]
