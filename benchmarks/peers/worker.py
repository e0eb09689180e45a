"""The worker's side of the line protocol: one JSON request a line in, one JSON reply a line out.

A worker sleeps in `readline` between requests, so that only one process of a run works at a time.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from benchmarks.description import Array, Network
from benchmarks.networks import find
from benchmarks.peers.memory import peak_bytes, resident_bytes

Reply = dict[str, Any]
Handlers = Mapping[str, Callable[..., Reply]]


class Peer(Protocol):
    """What a framework must do to be measured. It holds the images and labels in its own layout."""

    versions: dict[str, str]
    """The versions of what does the work."""

    def restart(self, rule: str) -> None:
        """Start again from the weights of the setup, with a new optimizer ("sgd" or "rmsprop")."""

    def train(self, count: int, batch_size: int, shuffle: bool) -> float:
        """Train one epoch on the first `count` images; the seconds it took."""

    def predict(self, count: int, batch_size: int) -> Array:
        """Class probabilities of the first `count` images: (image, class)."""

    def predict_one(self, index: int) -> Array:
        """Class probabilities of one image, the shortest way there is: (1, class)."""

    def weights(self) -> list[Array]:
        """The weights now, in Keras's order and layout."""


MakePeer = Callable[[Network, Array, np.ndarray, Sequence[Array], int], Peer]


def serve(handlers: Handlers) -> None:
    """Answer requests until standard input closes.

    Each reply tells `idle_cpu`: the CPU seconds this process has burnt since its last reply.
    """
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not get between the replies
    rested = time.process_time()
    for line in sys.stdin:
        request = json.loads(line)
        idle_cpu = time.process_time() - rested
        try:
            reply = handlers[request.pop("do")](**request)
        except Exception:
            reply = {"error": traceback.format_exc()}
        rested = time.process_time()
        print(json.dumps(reply | {"idle_cpu": idle_cpu}), file=replies, flush=True)


def serve_peer(make_peer: MakePeer) -> None:
    """Serve a peer: setup, check, train, predict and latency."""
    serve(PeerHandlers(make_peer).table())


class PeerHandlers:
    """The requests that every peer answers."""

    def __init__(self, make_peer: MakePeer) -> None:
        self.make_peer = make_peer
        self.peer: Peer

    def table(self) -> Handlers:
        """Request names and what answers them."""
        return {
            "setup": self.setup,
            "restart": self.restart,
            "check": self.check,
            "train": self.train,
            "predict": self.predict,
            "latency": self.latency,
            "memory": self.memory,
        }

    def setup(self, network: str, arrays: str, threads: int) -> Reply:
        """Build the network with the weights and data of an .npz file."""
        with np.load(arrays) as file:
            weights = [file[name] for name in sorted(file.files) if name.startswith("weight_")]
            images, labels = file["images"], file["labels"]
        self.peer = self.make_peer(find(network), images, labels, weights, threads)
        return {"versions": self.peer.versions}

    def restart(self, rule: str) -> Reply:
        """Back to the first weights, with a new optimizer."""
        self.peer.restart(rule)
        return {}

    def check(self, count: int, batch_size: int, train: bool, to: str) -> Reply:
        """Write predictions and, after training on the same images in order, the weights."""
        arrays: dict[str, Array] = {"predictions": self.peer.predict(count, batch_size)}
        if train:
            self.peer.train(count, batch_size, shuffle=False)
            arrays |= {f"weight_{i:02}": w for i, w in enumerate(self.peer.weights())}
        np.savez(to, allow_pickle=False, **arrays)
        return {}

    def train(self, count: int, batch_size: int) -> Reply:
        """Time one epoch."""
        return {"seconds": self.peer.train(count, batch_size, shuffle=True)}

    def predict(self, count: int, batch_size: int) -> Reply:
        """Time the prediction of many images."""
        start = time.perf_counter()
        self.peer.predict(count, batch_size)
        return {"seconds": time.perf_counter() - start}

    def latency(self, count: int) -> Reply:
        """Time predictions of one image each."""
        start = time.perf_counter()
        for index in range(count):
            self.peer.predict_one(index)
        return {"seconds": time.perf_counter() - start}

    def memory(self) -> Reply:
        """The bytes of memory that this process has now, and the most it ever had."""
        return {"now": resident_bytes(), "most": peak_bytes()}
