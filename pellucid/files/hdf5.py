"""Arrays in HDF5 files: written to the same bytes each time, and read without trusting the file.

Only what lies in the file itself is read: no link to another place, and nothing of a shape that
was not asked for, so that no file can ask for more memory than its model needs.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

import numpy as np

from pellucid.errors import ModelFileError
from pellucid.files.access import ANOTHER_COPY
from pellucid.ops.base import Array
from pellucid.shapes import Shape

# What HDF5 raises on bad bytes: mostly KeyError and OSError, whatever they mean elsewhere.
_DAMAGE = (KeyError, MemoryError, OSError, OverflowError, RuntimeError, TypeError, ValueError)


class Variables(NamedTuple):
    """The arrays of one thing in their order, and its name."""

    name: str
    arrays: Sequence[Array]


def packed(groups: Mapping[str, Variables]) -> bytes:
    """An HDF5 file as Keras 3 writes it: the arrays of a group are `<group>/vars/<number>`.

    groups: by their path, '' for the root. The same groups always give the same bytes.
    """
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for path, (name, arrays) in groups.items():
            group = file.create_group(f"{path}/vars")
            group.attrs["name"] = name
            for number, array in enumerate(arrays):
                group[str(number)] = array
    return memory.getvalue()


class StoredArray:
    """An array that is not read yet.

    name: what messages call it. shape, type: as the file says.
    """

    def __init__(self, dataset: Any, name: str) -> None:
        self.name = name
        self._dataset = dataset
        with _damage_in(name):
            self.shape: Shape = tuple(dataset.shape)
            self.type = str(dataset.attrs.get("dtype", dataset.dtype))

    def read(self, shape: Shape, owner: str = "") -> Array:
        """The values. owner: what they belong to, for messages.

        Raises ModelFileError if their shape is another one, or if they are no finite numbers.
        """
        title = f"{self.name} ({owner})" if owner else self.name
        if self.shape != shape:
            raise ModelFileError(
                f"{title} has the shape {self.shape}, needed is {shape}: it is of another model."
            )
        with _damage_in(self.name):
            values = np.asarray(self._dataset)
        if values.dtype.kind not in "iuf":
            raise ModelFileError(
                f"{title} holds values of the type {self.type}, which cannot be read here. "
                "Save the model with float32 weights."
            )
        if not np.isfinite(values).all():
            raise ModelFileError(
                f"{title} has values that are infinite or not a number: the training had gone "
                "wrong before it was saved. Take a file that was saved earlier."
            )
        return values


class Hdf5File:
    """An HDF5 file that is open for reading. `name` is what messages call it."""

    def __init__(self, file: Any, name: str) -> None:
        self.name = name
        self._file = file

    def __contains__(self, path: str) -> bool:
        return self._find(path) is not None

    def arrays(self, path: str) -> list[StoredArray]:
        """The arrays of a group that `packed` or Keras 3 wrote, in order; none without group."""
        group = self._find(f"{path}/vars")
        with _damage_in(self.name):
            count = 0 if group is None else len(group)
        return [self.array(f"{path}/vars/{number}") for number in range(count)]

    def array(self, path: str) -> StoredArray:
        """One array; ModelFileError if it is not there, or is not stored in this very file."""
        import h5py

        found = self._find(path)
        if not isinstance(found, h5py.Dataset):
            raise ModelFileError(f"{self.name} has no array {path}. {ANOTHER_COPY}")
        with _damage_in(self.name):
            elsewhere = found.external or found.is_virtual
        if elsewhere:
            raise ModelFileError(f"{self.name} keeps {path} in other files, which are not opened.")
        return StoredArray(found, f"{self.name}: {path}")

    def text(self, attribute: str) -> str | None:
        """An attribute of the file that is a text."""
        with _damage_in(self.name):
            value = self._file.attrs.get(attribute)
        return None if value is None else _text(value)

    def texts(self, path: str, attribute: str) -> list[str]:
        """An attribute of a group that is a list of texts, or lists `<attribute>0`, `...1`, ...

        Keras cuts lists that are too long for HDF5's headers.
        """
        group = self._find(path)
        if group is None:
            raise ModelFileError(f"{self.name} has no group {path}. {ANOTHER_COPY}")
        with _damage_in(self.name):
            if attribute in group.attrs:
                return [_text(value) for value in group.attrs[attribute]]
            values: list[str] = []
            for number in range(len(group.attrs)):
                values += map(_text, group.attrs.get(f"{attribute}{number}", ()))
            return values

    def _find(self, path: str) -> Any:
        """What lies at a path in this file; None if nothing does."""
        import h5py

        found = self._file
        with _damage_in(self.name):
            for part in filter(None, path.split("/")):
                if not isinstance(found, h5py.Group) or part not in found:
                    return None
                if not isinstance(found.get(part, getlink=True), h5py.HardLink):
                    raise ModelFileError(f"{self.name}: {path} is a link, which is not followed.")
                found = found[part]
        return found


@contextmanager
def opened(source: IO[bytes], name: str) -> Iterator[Hdf5File]:
    """What an open file holds, as HDF5; ModelFileError if it is none, or damaged."""
    import h5py

    with _damage_in(name):
        file = h5py.File(source, "r")
    with file:
        yield Hdf5File(file, name)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def _damage_in(name: str) -> Iterator[None]:
    try:
        yield
    except ModelFileError:
        raise
    except _DAMAGE as error:
        raise ModelFileError(
            f"{name} is no HDF5 file, or is damaged ({error}). {ANOTHER_COPY}"
        ) from error
