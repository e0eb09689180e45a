"""What a benchmark's verdict rests on: the description of networks, the checks, the sums."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.description import (
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Network,
    Rescaling,
)
from benchmarks.layouts import to_channels_first, to_channels_last
from benchmarks.networks import CATS_AND_DOGS, RESIDUAL, TEXTBOOK, basic_block
from benchmarks.peers.keras_api import Builder
from benchmarks.report import timing_table, verdict
from benchmarks.roster import PELLUCID, TRAIN
from benchmarks.timing import Scenario, Timing
from benchmarks.validate import Agreement, DisagreementError, judge, weight_difference
from benchmarks.workers import Worker, WorkerError

SAME_PADDED = Network(
    (9, 7, 3),
    (Conv2D(4, 5, padding=2), MaxPooling2D(), Flatten(), Dense(6), Dense(2, "softmax")),
)
SMALL_RESIDUAL = Network(
    (9, 7, 3),
    (
        Rescaling(0.1),
        DepthwiseConv2D(strides=2),
        *basic_block(5, strides=2, projected=True),
        *basic_block(5),
        GlobalAveragePooling2D(),
        Dense(1, "sigmoid"),
    ),
)
DESCRIBED = [TEXTBOOK, SAME_PADDED, SMALL_RESIDUAL]


def test_the_textbook_network_is_counted_by_hand() -> None:
    first = 26 * 26 * 32 * 9
    second = 11 * 11 * 64 * 9 * 32
    third = 3 * 3 * 128 * 9 * 64
    assert TEXTBOOK.multiply_adds == first + second + third + 1152 * 10
    assert TEXTBOOK.classes == 10


def test_the_larger_networks_are_counted_by_hand() -> None:
    sides, channels = (178, 87, 41, 18, 7), (3, 32, 64, 128, 256, 256)
    expected = sum(
        side**2 * 9 * before * after
        for side, before, after in zip(sides, channels, channels[1:], strict=False)
    )
    assert CATS_AND_DOGS.multiply_adds == expected + 7 * 7 * 256
    assert CATS_AND_DOGS.binary
    stem, stage = 32**2 * 9 * 3 * 32, 32**2 * 9 * 32 * 32
    strided = (16**2 * 64 * 32 + 8**2 * 128 * 64) * (9 + 1)
    assert RESIDUAL.multiply_adds == stem + stage * (4 + 3 + 3) + strided + 128 * 10


@pytest.mark.parametrize("network", DESCRIBED)
def test_a_model_of_the_same_shapes_is_built(network: Network) -> None:
    import pellucid

    builder = Builder(pellucid, explicit_padding=True)
    model = builder.build(network)
    assert model.output_shape == (None, *network.output_shape)
    expected = [weight.shape for weight in network.initial_weights(seed=0)]
    weights = [weight for layer in builder.weighted for weight in layer.get_weights()]
    assert [weight.shape for weight in weights] == expected


@pytest.mark.parametrize("network", DESCRIBED)
def test_layouts_are_each_others_inverse(network: Network) -> None:
    weights = network.initial_weights(seed=0)
    there = to_channels_first(network, weights)
    back = to_channels_last(network, there)
    for weight, returned in zip(weights, back, strict=True):
        np.testing.assert_array_equal(weight, returned)


def test_kernels_are_laid_out_as_pytorch_has_them() -> None:
    shapes = [
        weight.shape
        for weight in to_channels_first(SMALL_RESIDUAL, SMALL_RESIDUAL.initial_weights(seed=0))
    ]
    assert shapes[:2] == [(3, 1, 3, 3), (5, 3, 3, 3)]
    assert shapes[-2:] == [(1, 5), (1,)]


def test_a_weight_is_judged_by_how_far_it_moved() -> None:
    first = [np.zeros(2, np.float32)]
    reference = {"weight_00": np.array([0.5, 0.1], np.float32)}
    other = {"weight_00": np.array([0.5, 0.4], np.float32)}
    assert weight_difference(other, reference, first) == pytest.approx(0.3 / 0.26**0.5)


@pytest.mark.parametrize("difference", [2e-3, float("nan")])
def test_another_function_is_not_timed(difference: float) -> None:
    judge(Agreement("A peer", predictions=1e-6, weights={"sgd": 1e-6}), 1e-3)
    with pytest.raises(DisagreementError, match="A peer: weights after 3 steps of sgd differ"):
        judge(Agreement("A peer", predictions=1e-6, weights={"sgd": difference}), 1e-3)


def test_the_verdict_compares_medians_with_the_fastest_other() -> None:
    rates = {PELLUCID: [90.0, 100.0, 300.0], "Slow": [10.0] * 3, "Fast": [40.0, 50.0, 50.0]}
    timing = Timing(Scenario(TRAIN, 64, 640), rates, peak=[12e3] * 3)
    assert verdict(timing) == "Fastest of the others: Fast. Pellucid's speed over it: **2.00**."
    ours = timing_table(timing, forward_flop=20).splitlines()[2]
    assert [cell.strip() for cell in ours.split("|")[1:-1]] == [
        PELLUCID,
        "100",
        "90–300",
        "1.00",
        "50.0%",
    ]


def test_a_worker_that_dies_tells_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        Worker("The peer", "main", "benchmarks.no_such_peer", log) as worker,
        pytest.raises(WorkerError, match=r"(?s)The peer died at 'setup':.*no_such_peer"),
    ):
        worker.ask("setup")


def test_a_worker_that_fails_tells_why(tmp_path: Path) -> None:
    with (
        Worker("The peer", "main", "benchmarks.peers.peak", tmp_path / "log") as worker,
        pytest.raises(WorkerError, match=r"(?s)The peer failed at 'no such request':.*KeyError"),
    ):
        worker.ask("no such request")
