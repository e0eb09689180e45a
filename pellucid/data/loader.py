"""Loading a named data set: the user's path, the cache, then each source in turn.

Whatever the source, the decoded arrays must have the pinned SHA-256 before anybody sees them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pellucid.data.cache import FOLDER, download_folder, store_npz
from pellucid.data.catalogue import DataSet, find_data_set
from pellucid.data.formats import UInt8Array, read_npz
from pellucid.data.hashing import digest
from pellucid.data.notices import tell
from pellucid.data.sources import Source
from pellucid.errors import DataError
from pellucid.storage import DISK_FULL, cache_folder

Pair = tuple[UInt8Array, UInt8Array]


def load_data_set(name: str, path: str | os.PathLike[str] | None = None) -> tuple[Pair, Pair]:
    """Load a data set by name, as Keras returns it.

    Args:
        name: "mnist", "fashion_mnist" or "cifar10".
        path: an .npz file with the arrays x_train, y_train, x_test, y_test; of the first two, a
            folder of the four IDX files, raw or .gz; of CIFAR-10, its archive
            cifar-10-binary.tar.gz. None: the cache, or else the set is fetched and cached.
            The bare name of the cached file, "mnist.npz", means the same as None, as in Keras,
            where no such file is in the working folder.

    Returns:
        `(train_images, train_labels), (test_images, test_labels)`, all uint8: images of shape
        (sample, height, width), labels of shape (sample,); of CIFAR-10, (sample, height, width,
        channel) and (sample, 1).

    Raises:
        DataError: a damaged file, other numbers than the data set's, a full disk, or no source
            that could be reached.
        UnknownNameError: no data set has that name.
    """
    data_set = find_data_set(name)
    if path is None or (str(path) == f"{name}.npz" and not Path(path).exists()):
        arrays = _from_cache(data_set) or _fetch(data_set)
    else:
        arrays = _from_path(data_set, Path(path).expanduser())
    x_train, y_train, x_test, y_test = arrays
    return (x_train, y_train), (x_test, y_test)


def _check(data_set: DataSet, arrays: Sequence[UInt8Array]) -> None:
    found = digest(arrays)
    if found != data_set.sha256:
        raise DataError(
            f"the arrays are not those of {data_set.title}: "
            f"their SHA-256 is {found}, expected {data_set.sha256}."
        )


def _from_path(data_set: DataSet, path: Path) -> list[UInt8Array]:
    try:
        arrays = data_set.read_path(path, data_set.parts)
        _check(data_set, arrays)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; give {_path_advice(data_set)}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from error
    except DataError as error:
        raise DataError(
            f"{path} cannot be used as {data_set.title}: {error} Give another copy, or none to "
            "have it fetched. Data of your own: load it with NumPy and give the arrays to fit."
        ) from error
    return arrays


def _path_advice(data_set: DataSet) -> str:
    return (
        f"an .npz file with the arrays {', '.join(part.key for part in data_set.parts)}, "
        f"or {data_set.path_advice}."
    )


def _cache_path(data_set: DataSet) -> Path:
    return cache_folder(FOLDER) / f"{data_set.name}.npz"


def _from_cache(data_set: DataSet) -> list[UInt8Array] | None:
    path = _cache_path(data_set)
    try:
        arrays = read_npz(path, data_set.parts)
        _check(data_set, arrays)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (DataError, OSError) as error:
        tell(f"The cached {data_set.title} cannot be used: {error} Fetching it again.")
        return None
    return arrays


def _fetch(data_set: DataSet) -> list[UInt8Array]:
    """Get the data set from a source, and keep it for the next time."""
    arrays = _from_sources(data_set)
    _keep(data_set, arrays)
    return arrays


def _from_sources(data_set: DataSet) -> list[UInt8Array]:
    failures = []
    with download_folder(data_set.name) as folder:
        for number, source in enumerate(data_set.sources):
            try:
                return _from_source(data_set, source, folder / str(number))
            except DataError as error:
                failures.append(f"  {source.label}: {error}")
            except OSError as error:
                if error.errno in DISK_FULL:
                    raise DataError(
                        f"The disk is full: {data_set.title} does not fit into {folder}. Free "
                        "some 400 MB, or set PELLUCID_CACHE to a folder on another disk."
                    ) from error
                failures.append(f"  {source.label}: {error.strerror or error}")
    raise DataError(
        "\n".join((f"No source has given {data_set.title}. Tried:", *failures))
        + "\nConnect to the internet and try again; or get the files elsewhere and give their "
        f"path to load_data: {_path_advice(data_set)}"
    )


def _from_source(data_set: DataSet, source: Source, folder: Path) -> list[UInt8Array]:
    """Read one source and check what it gave, going on from what an earlier try has left.

    Should the leftovers turn out to be damaged, the source is tried once more without them.
    """
    resumes = folder.exists()
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        arrays = source.read(data_set.parts, folder)
        _check(data_set, arrays)
    except DataError:
        shutil.rmtree(folder)
        if not resumes:
            raise
        return _from_source(data_set, source, folder)
    return arrays


def _keep(data_set: DataSet, arrays: Sequence[UInt8Array]) -> None:
    """Store the arrays in the cache; where that cannot be, say so and go on without."""
    path = _cache_path(data_set)
    try:
        store_npz(path, data_set.parts, arrays)
    except OSError as error:
        tell(
            f"{data_set.title} could not be kept in {path.parent} ({error.strerror}) and will be "
            "fetched again next time; set PELLUCID_CACHE to a folder that can be written."
        )
    else:
        shutil.rmtree(cache_folder(FOLDER) / "downloads" / data_set.name, ignore_errors=True)
