"""Data sets by name, their hashes, and the checks on the arrays that training is given."""

from pellucid.data.catalogue import DATA_SETS, data_set_digest
from pellucid.data.checks import as_dense_targets, as_images, as_sparse_targets
from pellucid.data.hashing import digest
from pellucid.data.loader import load_data_set

__all__ = [
    "DATA_SETS",
    "as_dense_targets",
    "as_images",
    "as_sparse_targets",
    "data_set_digest",
    "digest",
    "load_data_set",
]
