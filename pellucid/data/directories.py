"""`image_dataset_from_directory`: which pictures there are, of which class, and for which part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.data.folders import Labels, PictureFolder, Reading
from pellucid.data.pictures import ENDINGS, MODES
from pellucid.errors import ArgumentError, DataError, unknown_name
from pellucid.layers import arguments
from pellucid.ops.resizing import INTERPOLATIONS, Resizing
from pellucid.random import check_seed, current_seed, permutation

LABEL_MODES = ("int", "categorical", "binary")
SUBSETS = ("training", "validation", "both")


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    verbose: bool = True,
) -> Any:
    """The pictures in a folder that has a subfolder for each class, in batches.

    Args:
        directory: the folder. Pictures are the files that end in .jpg, .jpeg, .png, .bmp or .gif
            (of these, the first frame), in subfolders of subfolders, too.
        labels: 'inferred' from the subfolders; None for none; or one whole number for each
            picture, in the order of the sorted paths.
        label_mode: 'int': class numbers (sample,), int32. 'categorical': one-hot rows (sample,
            class), float32. 'binary': 0 or 1 (sample, 1), float32. None: no labels.
        class_names: which subfolders, in the order of their numbers; None: all, sorted.
        color_mode: 'grayscale', 'rgb' or 'rgba': 1, 3 or 4 channels.
        batch_size: pictures in a batch; None: one by one, without the batch axis.
        image_size: (height, width), or one number for both, to which pictures are resized.
        shuffle: whether the pictures come in random order, another one in each pass.
        seed: of the random order; None: what `pellucid.set_seed` was given.
        validation_split: the share of the pictures, the last ones of the random order, that
            is kept back for validation.
        subset: which part: 'training', 'validation', or 'both' for a list of the two. The same
            seed is needed to get the second part in another call.
        interpolation: 'bilinear', 'nearest', 'bicubic', 'lanczos3' or 'lanczos5'.
        follow_links: whether links to folders are followed.
        crop_to_aspect_ratio: whether to cut off what does not fit instead of changing the
            proportions of a picture.
        pad_to_aspect_ratio: whether to add zeros instead of it.
        data_format: 'channels_last' or None.
        verbose: whether to print how many pictures there are.

    Returns:
        An iterable of batches `(images, labels)`, or `images` without labels, with `len()`,
        `take`, `map`, `class_names` and `file_paths`. Images are float32 from 0 to 255, (sample,
        height, width, channel). A few threads decode them ahead of use.

    Raises:
        ArgumentError or UnknownNameError: arguments that make no sense.
        DataError: no such folder, no pictures in it, labels that do not fit; and in a pass over
            the batches, a picture that cannot be read.
    """
    arguments.channels_last(data_format)
    _check_names(label_mode, color_mode, interpolation)
    _check_split(validation_split, subset)
    if batch_size is not None:
        batch_size = arguments.positive_integer(batch_size, "batch_size")
    seed = current_seed() if seed is None else check_seed(seed)
    resizing = Resizing(
        arguments.positive_pair(image_size, "image_size"),
        interpolation,
        crop_to_aspect_ratio=crop_to_aspect_ratio,
        pad_to_aspect_ratio=pad_to_aspect_ratio,
    )
    index = _index(Path(directory), labels, class_names, follow_links)
    if verbose:
        belonging = "" if index.names is None else f" belonging to {len(index.names)} classes"
        print(f"Found {len(index.paths)} files{belonging}.")
    names = None if label_mode is None else index.names
    targets = None if names is None else _targets(index.numbers, names, label_mode)
    order = np.arange(len(index.paths))
    if shuffle:
        order = permutation(seed, 0, len(order))
    parts = []
    for which, part in _split(order, validation_split, subset):
        if not len(part):
            raise DataError(
                f"No picture is left for {which}: {directory} has {len(order)} in all, and "
                f"validation_split is {validation_split}."
            )
        order_seed = seed if shuffle and which == "training" else None
        parts.append(
            PictureFolder(
                [index.paths[number] for number in part],
                None if targets is None else targets[part],
                names,
                Reading(color_mode, resizing, batch_size, order_seed),
            )
        )
    return parts if subset == "both" else parts[0]


class _Index(NamedTuple):
    """The pictures of a folder. numbers: of their classes, and names of these, where labelled."""

    paths: list[Path]
    numbers: NDArray[np.int32]
    names: list[str] | None


def _index(
    directory: Path,
    labels: str | Sequence[int] | None,
    class_names: Sequence[str] | None,
    follow_links: bool,
) -> _Index:
    """Find the pictures, and say of which class each is."""
    if not directory.is_dir():
        raise DataError(f"{directory} is no folder. Give one with a subfolder for each class.")
    if class_names is not None and labels != "inferred":
        raise ArgumentError("class_names can only be given with labels='inferred'.")
    if labels == "inferred":
        names = _subfolders(directory, class_names)
        found = [_pictures(directory / name, follow_links) for name in names]
        paths = [path for of_class in found for path in of_class]
        _check_any(paths, directory)
        numbers = np.repeat(np.arange(len(names), dtype=np.int32), [len(c) for c in found])
        return _Index(paths, numbers, names)
    paths = _pictures(directory, follow_links)
    _check_any(paths, directory)
    if labels is None:
        return _Index(paths, np.zeros(len(paths), np.int32), None)
    return _Index(paths, *_given(labels, len(paths)))


def _subfolders(directory: Path, class_names: Sequence[str] | None) -> list[str]:
    """The names of the classes: those given, or of all folders that are not hidden."""
    there = sorted(
        path.name for path in directory.iterdir() if path.is_dir() and path.name[0] != "."
    )
    if class_names is None:
        return there
    missing = [name for name in class_names if name not in there]
    if missing:
        raise ArgumentError(
            f"class_names has {', '.join(map(repr, missing))}, but {directory} has no such folder. "
            f"There are: {', '.join(map(repr, there))}."
        )
    return list(class_names)


def _pictures(directory: Path, follow_links: bool) -> list[Path]:
    """All pictures in a folder and in those below it, sorted."""
    walk = sorted(os.walk(directory, followlinks=follow_links))
    return [
        Path(root, name)
        for root, _, names in walk
        for name in sorted(names)
        if name.lower().endswith(ENDINGS)
    ]


def _check_any(paths: Sequence[Path], directory: Path) -> None:
    if not paths:
        raise DataError(
            f"{directory} has no pictures for this: files that end in {', '.join(ENDINGS)}, in a "
            "subfolder for each class, or anywhere in it with labels=None."
        )


def _given(labels: str | Sequence[int], count: int) -> tuple[NDArray[np.int32], list[str]]:
    """Labels that were given one by one, as class numbers from 0, and the names of the classes."""
    if not isinstance(labels, list | tuple) or not all(isinstance(n, Integral) for n in labels):
        raise ArgumentError(
            f"labels must be 'inferred', None, or a list of whole numbers, got {labels!r}."
        )
    if len(labels) != count:
        raise DataError(
            f"There are {len(labels)} labels and {count} pictures: give one for each picture, in "
            "the order of the sorted paths."
        )
    if min(labels) < 0:
        raise DataError(f"labels has {min(labels)}: class numbers count from 0.")
    return np.array(labels, np.int32), [str(label) for label in sorted(set(labels))]


def _targets(numbers: NDArray[np.int32], names: Sequence[str], label_mode: str | None) -> Labels:
    """Class numbers as the loss wants them."""
    if label_mode == "int":
        return numbers
    if label_mode == "binary":
        if len(names) != 2:
            raise ArgumentError(
                f"label_mode='binary' tells two classes apart, but there are {len(names)}: "
                f"{', '.join(names)}. Use 'int' or 'categorical'."
            )
        return numbers.astype(np.float32)[:, None]
    if numbers.max() >= len(names):
        raise DataError(
            f"labels has {numbers.max()}, but only {len(names)} classes: they count from 0 without "
            "gaps."
        )
    return np.eye(len(names), dtype=np.float32)[numbers]


def _check_names(label_mode: str | None, color_mode: str, interpolation: str) -> None:
    for kind, name, known in (
        ("label_mode", label_mode or "int", LABEL_MODES),
        ("color_mode", color_mode, MODES),
        ("interpolation", interpolation, INTERPOLATIONS),
    ):
        if name not in known:
            raise unknown_name(kind, name, known)


def _check_split(validation_split: float | None, subset: str | None) -> None:
    if subset is not None and subset not in SUBSETS:
        raise unknown_name("subset", subset, SUBSETS)
    if (validation_split is None) != (subset is None):
        raise ArgumentError(
            "validation_split and subset belong together: for instance validation_split=0.2, "
            "subset='both'."
        )
    if validation_split is not None and not 0 < validation_split < 1:
        raise ArgumentError(f"validation_split must be between 0 and 1, got {validation_split!r}.")


def _split(
    order: NDArray[np.int64], validation_split: float | None, subset: str | None
) -> list[tuple[str, NDArray[np.int64]]]:
    """The numbers of the pictures in each part that is wanted: the last ones are for validation."""
    if validation_split is None:
        return [("training", order)]
    cut = len(order) - int(validation_split * len(order))
    parts = {"training": order[:cut], "validation": order[cut:]}
    return [(which, part) for which, part in parts.items() if subset in (which, "both")]
