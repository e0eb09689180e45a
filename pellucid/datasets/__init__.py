"""Data sets where Keras has them: `from pellucid.datasets import mnist`."""

from pellucid.datasets import fashion_mnist, mnist

__all__ = ["fashion_mnist", "mnist"]
