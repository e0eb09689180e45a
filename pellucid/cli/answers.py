"""`pellucid evaluate` and `pellucid predict`: what a trained network says."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.cli.data import as_input, load, pick, prepared, read_arrays
from pellucid.cli.engines import choose_engine
from pellucid.cli.formats import Format
from pellucid.cli.training import describe, test
from pellucid.errors import ArgumentError, DataError, RunError
from pellucid.ops.base import Array
from pellucid.render.table import Table, print_table
from pellucid.runs import Run


@dataclass(frozen=True)
class Query:
    """Images to tell the class of, their numbers, and their true labels where those are known."""

    numbers: list[int]
    images: Array
    labels: Array | None = None


def evaluate(
    folder: Path,
    data: str | None,
    limit: int | None,
    format: Format,
    engine: str | None,
    threads: int | None,
) -> None:
    """Print the loss and the accuracy on the test samples."""
    run = Run.open(folder)
    model = run.load(choose_engine(engine or run.record.get("engine"), threads))
    samples = prepared(load(data or _source(run)).limited(limit).test, model, "test")
    figures = test(model, samples)
    if format is Format.text:
        print(f"Test on {len(samples.images):,} samples: {describe(figures)}")
    elif format is Format.json:
        print(json.dumps(figures))
    else:
        _print_csv([figures])


def predict(
    folder: Path,
    file: Path | None,
    index: list[int],
    data: str | None,
    format: Format,
    engine: str | None,
    threads: int | None,
) -> None:
    """Print the class and the probabilities of each image."""
    run = Run.open(folder)
    query = _query(run, file, index, data)
    model = run.load(choose_engine(engine or run.record.get("engine"), threads))
    images = as_input(query.images, model.graph.inputs[0])
    answers = model.predict(images, batch_size=256, verbose=0)
    if format is Format.text:
        _print_text(query, answers)
    elif format is Format.json:
        print(json.dumps(_records(query, answers), indent=2))
    else:
        _print_csv(
            [
                {"image": record["image"], "class": record["class"]}
                | {f"p{i}": value for i, value in enumerate(record["probabilities"])}
                for record in _records(query, answers)
            ]
        )


def _query(run: Run, file: Path | None, index: list[int], data: str | None) -> Query:
    """The images that the arguments point to."""
    if file is not None:
        if data is not None:
            raise ArgumentError("Give a FILE of images or --data, not both.")
        images = _only_array(file)
        numbers = index or list(range(len(images)))
        return Query(numbers, pick(images, numbers))
    if not index:
        raise ArgumentError(
            "Which images? Give a FILE with an array of images, or --index with the number of a "
            "test sample, for instance --index 7."
        )
    part = load(data or _source(run)).test
    return Query(index, pick(part.images, index), pick(part.targets, index))


def _source(run: Run) -> str:
    """What the run was trained on; RunError if it does not say."""
    try:
        return str(run.record["data"]["source"])
    except (KeyError, TypeError):
        raise RunError(
            f"{run.folder} does not say what data it was trained on: name them with --data."
        ) from None


def _only_array(file: Path) -> Array:
    arrays = read_arrays(file)
    if len(arrays) != 1:
        raise DataError(
            f"{file} has {len(arrays)} arrays ({', '.join(arrays)}), expected one with images. "
            "Write them alone, with numpy.save; or give a data set with --data and --index."
        )
    (images,) = arrays.values()
    if images.ndim == 0:
        raise DataError(f"{file} holds a single number, expected images.")
    return images


def _records(query: Query, answers: Array) -> list[dict[str, Any]]:
    return [
        {
            "image": number,
            "class": int(answer.argmax()),
            "probabilities": [float(value) for value in answer],
        }
        for number, answer in zip(query.numbers, answers, strict=True)
    ]


def _print_text(query: Query, answers: Array) -> None:
    labels = query.labels if query.labels is not None and query.labels.ndim == 1 else None
    columns = ["Image", "Class", "Probability", "Next likely"]
    rows = []
    for number, answer in zip(query.numbers, answers, strict=True):
        first, *others = answer.argsort()[::-1][:4]
        next_likely = ", ".join(f"{other}: {answer[other]:.2%}" for other in others)
        rows.append([str(number), str(first), f"{answer[first]:.2%}", next_likely])
    if labels is not None:
        columns.append("Label")
        rows = [[*row, str(label)] for row, label in zip(rows, labels, strict=True)]
    print_table(Table("The class of each image", columns, rows))


def _print_csv(records: list[dict[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
