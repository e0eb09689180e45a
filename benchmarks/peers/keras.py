"""Keras on the backend that the environment variable KERAS_BACKEND names."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import keras
import numpy as np

from benchmarks.description import Array, Network
from benchmarks.peers.keras_api import KerasApiPeer
from benchmarks.peers.worker import serve_peer

FASTEST_OPTIONS: dict[str, dict[str, Any]] = {
    "tensorflow": {"steps_per_execution": 16, "jit_compile": False},
    "jax": {},
    "torch": {},
}
"""Options of `compile` that trained this kind of network fastest (see README.md)."""


def make_peer(
    network: Network, images: Array, labels: np.ndarray, weights: Sequence[Array], threads: int
) -> KerasApiPeer:
    """Keras, its backend held to as many threads as the others have."""
    limit_threads(threads)
    options = FASTEST_OPTIONS[keras.backend.backend()]
    versions = {"keras": keras.__version__, **backend_version()}
    return KerasApiPeer(keras, versions, network, images, labels, weights, **options)


def limit_threads(threads: int) -> None:
    """Hold the backend to `threads` threads. JAX has no setting: it takes the cores it sees."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
    elif keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(threads)


def backend_version() -> dict[str, str]:
    """Name and version of the library that does the work."""
    name = keras.backend.backend()
    return {name: import_module(name).__version__}


if __name__ == "__main__":
    serve_peer(make_peer)
