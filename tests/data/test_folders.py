from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from photographs import CLASSES, write_photographs
from PIL import Image

import pellucid
from pellucid.data.batches import Batches
from pellucid.data.pictures import resized
from pellucid.errors import ArgumentError, DataError, UnknownNameError
from pellucid.ops.base import Context
from pellucid.ops.resizing import INTERPOLATIONS, Resizing
from pellucid.utils import image_dataset_from_directory


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photographs(tmp_path_factory.mktemp("photographs"), 5)


def dataset(folder: Path, **options: Any) -> Any:
    return image_dataset_from_directory(folder, **{"verbose": False, "image_size": 8} | options)


def names(paths: list[str]) -> list[str]:
    return [Path(path).name for path in paths]


def test_batches_of_images_and_class_numbers(photographs: Path, capsys) -> None:
    found = image_dataset_from_directory(photographs, image_size=(8, 9), batch_size=4)
    assert capsys.readouterr().out == "Found 10 files belonging to 2 classes.\n"
    assert found.class_names == list(CLASSES)
    assert len(found) == 3
    batches = list(found)
    assert [images.shape for images, _ in batches] == [(4, 8, 9, 3), (4, 8, 9, 3), (2, 8, 9, 3)]
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert images.dtype == np.float32
    assert labels.dtype == np.int32
    assert sorted(labels) == [0] * 5 + [1] * 5
    # What the picture shows goes with its label.
    assert ((images[..., 2].mean((1, 2)) > images[..., 0].mean((1, 2))) == labels).all()


@pytest.mark.parametrize("color_mode", ["grayscale", "rgb", "rgba"])
def test_pictures_of_their_own_size_keep_their_pixels(photographs: Path, color_mode: str) -> None:
    found = dataset(photographs, image_size=(40, 48), shuffle=False, color_mode=color_mode)
    mode = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}[color_mode]
    for path, image in zip(found.file_paths, next(iter(found))[0], strict=True):
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert(mode)).reshape(40, 48, -1)
        np.testing.assert_array_equal(image, pixels)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_pictures_are_resized_as_keras_does(photographs: Path, interpolation: str) -> None:
    path = photographs / "cat" / "cat.000.jpg"
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    for size in ((17, 25), (56, 50), (8, 96)):
        expected = keras.ops.image.resize(pixels.astype(np.float32), size, interpolation)
        ours = resized(pixels, Resizing(size, interpolation))
        np.testing.assert_allclose(ours, np.asarray(expected), rtol=1e-4, atol=1e-3)


@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    wanted=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    interpolation=st.sampled_from(INTERPOLATIONS),
    aspect=st.sampled_from([{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}]),
)
def test_only_the_pixels_that_count_are_read(size, wanted, interpolation, aspect) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    resizing = Resizing(wanted, interpolation, **aspect)
    (expected,) = resizing.forward((pixels[None].astype(np.float64),), (), Context())
    np.testing.assert_allclose(resized(pixels, resizing), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("label_mode", "expected"),
    [
        ("int", np.repeat(np.int32([0, 1]), 5)),
        ("binary", np.repeat(np.float32([[0], [1]]), 5, axis=0)),
        ("categorical", np.repeat(np.eye(2, dtype=np.float32), 5, axis=0)),
    ],
)
def test_labels_as_the_loss_wants_them(photographs: Path, label_mode: str, expected) -> None:
    ((_, labels),) = dataset(photographs, label_mode=label_mode, shuffle=False)
    np.testing.assert_array_equal(labels, expected, strict=True)


@pytest.mark.parametrize("options", [{"labels": None}, {"label_mode": None}])
def test_without_labels_there_are_images_alone(photographs: Path, options: dict) -> None:
    found = dataset(photographs, **options)
    assert found.class_names is None
    (images,) = found
    assert images.shape == (10, 8, 8, 3)


def test_labels_can_be_given(photographs: Path) -> None:
    given = [0, 2, 1, 0, 2, 1, 0, 2, 1, 0]
    found = dataset(photographs, labels=given, shuffle=False)
    assert found.class_names == ["0", "1", "2"]
    assert next(iter(found))[1].tolist() == given


def test_class_names_choose_and_order_the_folders(photographs: Path) -> None:
    found = dataset(photographs, class_names=["dog"], shuffle=False)
    assert found.class_names == ["dog"]
    assert len(found.file_paths) == 5
    both = dataset(photographs, class_names=["dog", "cat"], shuffle=False)
    assert names(both.file_paths)[0] == "dog.000.jpg"


def test_samples_without_a_batch_axis(photographs: Path) -> None:
    found = dataset(photographs, batch_size=None)
    assert len(found) == 10
    image, label = next(iter(found))
    assert image.shape == (8, 8, 3)
    assert label.shape == ()


def test_every_pass_has_an_order_of_its_own_that_the_seed_fixes(photographs: Path) -> None:
    def passes(seed: int | None) -> list[list[float]]:
        found = dataset(photographs, seed=seed)
        return [np.concatenate([images for images, _ in found]).mean((1, 2, 3)) for _ in range(2)]

    first, second = passes(1)
    assert (first != second).any()
    np.testing.assert_array_equal(np.sort(first), np.sort(second))
    np.testing.assert_array_equal(passes(1), [first, second])
    assert (passes(2)[0] != first).any()
    pellucid.set_seed(1)
    np.testing.assert_array_equal(passes(None), [first, second])


def test_the_parts_of_a_split_have_nothing_in_common(photographs: Path) -> None:
    split = {"validation_split": 0.3, "seed": 3}
    training, validation = dataset(photographs, subset="both", **split)
    assert len(validation.file_paths) == 3
    assert sorted(training.file_paths + validation.file_paths) == sorted(
        dataset(photographs).file_paths
    )
    for subset, part in (("training", training), ("validation", validation)):
        assert dataset(photographs, subset=subset, **split).file_paths == part.file_paths
    order = [labels.tolist() for _ in range(2) for _, labels in validation]
    assert order[0] == order[1]


def test_take_and_map(photographs: Path) -> None:
    found = dataset(photographs, batch_size=4, shuffle=False)
    some = found.take(2).map(lambda images, labels: (images / 255, labels + 1))
    assert len(some) == 2
    for _ in range(2):
        assert [labels.tolist() for _, labels in some] == [[1] * 4, [1, 2, 2, 2]]
    assert len(found.take(9)) == 3
    doubled = Batches(lambda: iter([1, 2]), 2).map(lambda number: 2 * number)
    assert list(doubled) == [2, 4]
    with pytest.raises(ArgumentError, match="count must be a whole number of at least 1, got 0"):
        found.take(0)


def test_a_pass_that_is_left_early_leaves_no_thread(photographs: Path) -> None:
    import threading

    iterator = iter(dataset(photographs, batch_size=1))
    assert len(list(itertools.islice(iterator, 2))) == 2
    iterator.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("pellucid-pictures")]


def test_other_files_and_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path / "all", 2)
    (folder / "cat" / "notes.txt").write_text("none")
    (folder / "cat" / "more").mkdir()
    Image.new("P", (3, 3)).save(folder / "cat" / "more" / "last.GIF")
    (folder / ".hidden").mkdir()
    found = dataset(folder, shuffle=False)
    assert found.class_names == list(CLASSES)
    assert names(found.file_paths)[:3] == ["cat.000.jpg", "cat.001.png", "last.GIF"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is no picture in BMP, GIF, JPEG, PNG format\. Remove it from the folder"),
        (b"GIF89a" + bytes(10), r"bad\.png (is|has)"),
        ("truncated", r"bad\.png is damaged or truncated \(.*\)\. Remove it from the folder, or"),
        (9_000, r"bad\.png has more than 67,108,864 pixels\. Remove it from the folder, or put an"),
        (20_000, r"bad\.png has more than 67,108,864 pixels"),
    ],
)
def test_a_picture_that_cannot_be_read_is_named(content, message: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "bad.png"
    if content == "truncated":
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)).save(path)
        content = path.read_bytes()[:-200]
    elif isinstance(content, int):
        Image.new("1", (content, content)).save(path)
        content = path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(dataset(tmp_path))


def test_a_picture_that_went_away_is_named(tmp_path: Path) -> None:
    found = dataset(write_photographs(tmp_path, 1))
    (tmp_path / "cat" / "cat.000.jpg").unlink()
    with pytest.raises(DataError, match=r"cat\.000\.jpg cannot be read \(No such file"):
        list(found)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"label_mode": "ints"}, UnknownNameError, r"label_mode 'ints'\. Did you mean 'int'"),
        ({"color_mode": "rbg"}, UnknownNameError, r"color_mode 'rbg'\. Did you mean 'rgb'"),
        ({"interpolation": "linear"}, UnknownNameError, r"interpolation 'linear'\."),
        ({"subset": "train", "validation_split": 0.2}, UnknownNameError, "subset 'train'"),
        ({"subset": "training"}, ArgumentError, "validation_split and subset belong together"),
        ({"validation_split": 0.2}, ArgumentError, "for instance validation_split=0.2, subset="),
        (
            {"validation_split": 1.5, "subset": "both"},
            ArgumentError,
            r"validation_split must be between 0 and 1, got 1\.5",
        ),
        (
            {"validation_split": 0.01, "subset": "validation"},
            DataError,
            r"No picture is left for validation: .* has 10 in all, and validation_split is 0\.01",
        ),
        ({"image_size": (8, 0)}, ArgumentError, "image_size must be a whole number of at least 1"),
        ({"batch_size": 0}, ArgumentError, "batch_size must be a whole number of at least 1"),
        ({"data_format": "channels_first"}, ArgumentError, "data_format must be 'channels_last'"),
        ({"class_names": ["bird"]}, ArgumentError, r"'bird', but .* There are: 'cat', 'dog'"),
        ({"class_names": ["cat"], "labels": None}, ArgumentError, "only be given with labels='inf"),
        ({"class_names": ["cat"], "label_mode": "binary"}, ArgumentError, "two classes apart, but"),
        ({"labels": [0, 1]}, DataError, "There are 2 labels and 10 pictures: give one for each"),
        ({"labels": "infer"}, ArgumentError, "labels must be 'inferred', None, or a list of whole"),
        ({"labels": [-1] * 10}, DataError, "labels has -1: class numbers count from 0"),
        (
            {"labels": [0, 3] * 5, "label_mode": "categorical"},
            DataError,
            "labels has 3, but only 2 classes",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_told(
    options: dict, error: type, message: str, photographs: Path
) -> None:
    with pytest.raises(error, match=message):
        dataset(photographs, **options)


def test_folders_without_pictures_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none is no folder\. Give one with a subfolder for each"):
        dataset(tmp_path / "none")
    with pytest.raises(DataError, match=r"has no pictures for this: files that end in \.bmp"):
        dataset(tmp_path)
