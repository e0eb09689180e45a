"""Pellucid, by the same code as Keras: the import differs, and that its padding can be a number."""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

import pellucid as keras
from benchmarks.description import Array, Network
from benchmarks.peers.keras_api import KerasApiPeer
from benchmarks.peers.worker import serve_peer


def make_peer(
    network: Network, images: Array, labels: np.ndarray, weights: Sequence[Array], threads: int
) -> KerasApiPeer:
    """Pellucid, on as many threads as the driver set in PELLUCID_THREADS."""
    versions = {"pellucid": version("pellucid")}
    return KerasApiPeer(keras, versions, network, images, labels, weights, explicit_padding=True)


if __name__ == "__main__":
    serve_peer(make_peer)
