"""The README's code runs as it is printed, on fewer images, and its example of an error is real."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid as keras
from pellucid.errors import ShapeError
from pellucid.networks import textbook

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
TEXTBOOK, RUNS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_code_runs_as_it_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)

    def few() -> Any:
        train, test = random.integers(0, 256, (2, 40, 28, 28), np.uint8)
        return (train, np.arange(40) % 10), (test, np.arange(40) % 10)

    monkeypatch.setattr(keras.datasets.mnist, "load_data", few)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(re.sub("[16]0000", "40", TEXTBOOK), names)
    assert 0 <= names["test_accuracy"] <= 1
    assert "(Dense)" in capsys.readouterr().out
    names |= {"images": names["train_images"], "labels": names["train_labels"]}
    exec(RUNS, names)
    assert names["run"].checkpoint().training.epoch == 10


def test_the_example_of_an_error_is_what_is_said() -> None:
    with pytest.raises(ShapeError) as caught:
        textbook((10, 10, 1))
    said = re.sub(r"(conv2d|max_pooling2d)(_\d+)?", r"\1", str(caught.value))
    (printed,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    printed = re.sub(r"(conv2d|max_pooling2d)(_\d+)?", r"\1", printed)
    assert said.split() == printed.split()
