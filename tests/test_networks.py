"""The networks with a name: their published sizes, and that each learns."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import small

import pellucid
from pellucid import cli
from pellucid.cli import data, networks
from pellucid.errors import ArgumentError
from pellucid.layers.starting import left_at_zero
from pellucid.networks import NETWORKS, lenet5, mobilenet, resnet, vgg


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        # LeCun et al. (1998) connect only some maps of the third layer: 1,000 weights less.
        (lambda: lenet5((32, 32, 1), 10), 61_706),
        (lambda: vgg((224, 224, 3), 1000, depth=16), 138_357_544),
        (lambda: vgg((224, 224, 3), 1000, depth=19), 143_667_240),
        (lambda: mobilenet((224, 224, 3), 1000), 4_253_864),
        (lambda: mobilenet((224, 224, 3), 1000, width=0.5), 1_342_536),
    ],
)
def test_published_numbers_of_weights(model, weights: int) -> None:
    with left_at_zero():
        assert model().count_params() == weights


@pytest.mark.parametrize(
    ("depth", "trained"), [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032)]
)
def test_published_numbers_of_trained_weights(depth: int, trained: int) -> None:
    with left_at_zero():
        model = resnet((224, 224, 3), 1000, depth)
    assert sum(weight.size for weight in model.trainable_weights) == trained


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("input_shape", [(28, 28, 1), (32, 32, 3), (224, 224, 3)])
def test_every_network_reads_small_and_large_pictures(name: str, input_shape) -> None:
    with left_at_zero():
        model = NETWORKS[name](input_shape, 7)
    assert model.input_shape == (None, *input_shape)
    assert model.output_shape == (None, 7)


def test_depths_of_small_residual_nets() -> None:
    for depth in (8, 14, 50):
        layers = resnet((32, 32, 3), 10, depth).layers
        projections = 2
        convolutions = [layer for layer in layers if isinstance(layer, pellucid.layers.Conv2D)]
        assert len(convolutions) + 1 - projections == depth


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vgg(depth=12), r"vgg has the depths 8, 11, 13, 16, 19; got depth=12\."),
        (lambda: resnet(depth=18), r"resnet for small pictures has the depths 8, 14, .*depth=18\."),
        (lambda: resnet((64, 64, 3), depth=20), r"resnet has the depths 18, 34, 50, 101, 152; got"),
    ],
)
def test_a_depth_that_there_is_not_is_told(make, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_learns(name: str) -> None:
    pellucid.set_seed(0)
    side = 18 if name == "textbook" else 16
    labels = np.arange(8) % 2
    images = np.random.default_rng(0).random((8, side, side, 1), np.float32)
    images[labels == 1, :8] += 1
    model = NETWORKS[name]((side, side, 1), 2)
    model.engine = "reference"
    model.compile(pellucid.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    losses = [model.train_on_batch(images, labels) for _ in range(6)]
    assert losses[-1] < losses[0]


def test_the_command_line_trains_them_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = small.samples(12)
    colored = np.repeat(images.repeat(2, 1).repeat(2, 2)[..., None], 3, axis=-1)
    arrays = {"x_train": colored, "y_train": labels[:, None]}
    np.savez(tmp_path / "data.npz", **arrays, x_test=colored, y_test=labels[:, None])
    monkeypatch.chdir(tmp_path)
    options = ("--data", "data.npz", "--network", "lenet5", "--engine", "reference", "--quiet")
    monkeypatch.setattr(sys, "argv", ["pellucid", "train", *options, "--epochs", "1"])
    assert cli.main() == 0
    assert capsys.readouterr().out.startswith("Test on 12 samples: accuracy")


def test_the_command_line_has_cifar10_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.zeros((5, 32, 32, 3), np.uint8)
    labels = np.arange(5, dtype=np.uint8)[:, None]
    monkeypatch.setattr(data, "load_data_set", lambda name: ((images, labels), (images, labels)))
    found = data.load("cifar10")
    assert found.name == "cifar10"
    assert found.train.targets.shape == (5,)
    assert networks.build("resnet", found).output_shape == (None, 5)
