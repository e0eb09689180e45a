"""Pellucid, by the same code as Keras: only the import differs."""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

import pellucid as keras
from benchmarks.networks import Array, Network
from benchmarks.peers.keras_api import KerasApiPeer
from benchmarks.peers.worker import serve_peer


def make_peer(
    network: Network, images: Array, labels: np.ndarray, weights: Sequence[Array], threads: int
) -> KerasApiPeer:
    """Pellucid, on as many threads as the driver set in PELLUCID_THREADS."""
    return KerasApiPeer(keras, {"pellucid": version("pellucid")}, network, images, labels, weights)


if __name__ == "__main__":
    serve_peer(make_peer)
