"""Learning-rate schedules: against Keras and PyTorch at many steps, and what they refuse."""

from __future__ import annotations

import json
import re
from typing import Any

import keras
import pytest
import torch

from pellucid.errors import ArgumentError, UnknownNameError
from pellucid.optimizers import SGD, Adam, get, schedules, serialize

SCHEDULES = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.8}),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 1.0, "decay_steps": 7, "decay_rate": 0.5, "staircase": True},
    ),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.8}),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 1.0, "decay_steps": 7, "decay_rate": 2, "staircase": True},
    ),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 30}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 30, "power": 0.5}),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 9, "power": 2.0, "cycle": True},
    ),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 30}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 30, "alpha": 0.2}),
    (
        "CosineDecay",
        {"initial_learning_rate": 0.01, "decay_steps": 30, "warmup_target": 0.4, "warmup_steps": 8},
    ),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 7}),
    (
        "CosineDecayRestarts",
        {
            "initial_learning_rate": 0.1,
            "first_decay_steps": 7,
            "t_mul": 1.0,
            "m_mul": 0.9,
            "alpha": 0.1,
        },
    ),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 7, "t_mul": 1.7, "m_mul": 0.9},
    ),
    ("PiecewiseConstantDecay", {"boundaries": [3, 10, 11], "values": [1.0, 0.5, 0.1, 0.01]}),
]
OURS = [*SCHEDULES, ("OneCycle", {"max_learning_rate": 0.1, "total_steps": 30})]


@pytest.mark.parametrize(("name", "arguments"), SCHEDULES)
def test_a_schedule_is_that_of_keras(name: str, arguments: dict[str, Any]) -> None:
    ours = getattr(schedules, name)(**arguments)
    theirs = getattr(keras.optimizers.schedules, name)(**arguments)
    # Where Keras restarts is rounded to float32: a step before or behind it is compared instead.
    restarts = {7, 21, 49} if name == "CosineDecayRestarts" else set()
    for step in [*range(60), 500]:
        if step not in restarts:
            assert ours(step) == pytest.approx(float(theirs(step)), rel=2e-4, abs=1e-7)
    assert ours.get_config() == theirs.get_config()


@pytest.mark.parametrize("warmup_fraction", [0.3, 0.5, 0.75])
def test_one_cycle_is_that_of_pytorch(warmup_fraction: float) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        0.4,
        total_steps=40,
        pct_start=warmup_fraction,
        div_factor=10,
        final_div_factor=100,
        cycle_momentum=False,
    )
    ours = schedules.OneCycle(0.4, 40, warmup_fraction, 10, 100)
    for step in range(40):
        assert ours(step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        if step < 39:
            optimizer.step()
            theirs.step()
    assert ours(1000) == pytest.approx(0.4 / 1000)


def test_restarts_begin_at_the_top() -> None:
    schedule = schedules.CosineDecayRestarts(0.5, 7, m_mul=0.5)
    assert [schedule(step) for step in (0, 7, 21, 49)] == [0.5, 0.25, 0.125, 0.0625]


def test_an_optimizer_follows_its_schedule() -> None:
    rate = schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    optimizer = SGD(rate, weight_decay=0.5)
    assert [optimizer.scalars(step) for step in (0, 1, 2)] == [(0.5, 0.25)] * 2 + [(0.25, 0.125)]
    message = (
        "The learning rate of this SGD follows its schedule PiecewiseConstantDecay and cannot be "
        "set. Make the optimizer with a number, or leave out what sets it (a callback, for "
        "instance)."
    )
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        optimizer.learning_rate = 0.1


@pytest.mark.parametrize(("name", "arguments"), OURS)
def test_a_schedule_comes_back_from_plain_json(name: str, arguments: dict[str, Any]) -> None:
    schedule = getattr(schedules, name)(**arguments)
    optimizer = Adam(schedule, clipnorm=1.0)
    assert get(json.loads(json.dumps(serialize(optimizer)))) == optimizer
    assert schedules.deserialize(json.loads(json.dumps(schedules.serialize(schedule)))) == schedule


def test_a_schedule_that_is_unknown_says_which_there_are() -> None:
    with pytest.raises(UnknownNameError, match="Unknown learning-rate schedule 'Cosine'"):
        schedules.deserialize({"class_name": "Cosine", "config": {}})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: schedules.CosineDecay(0.1, 0),
            "CosineDecay: decay_steps must be a number larger than 0, got 0.",
        ),
        (
            lambda: schedules.CosineDecay(-0.1, 5),
            "CosineDecay: initial_learning_rate must be a number 0 or larger, got -0.1.",
        ),
        (
            lambda: schedules.ExponentialDecay(0.1, 5, 0.5, staircase=1),
            "ExponentialDecay: staircase must be True or False, got 1.",
        ),
        (
            lambda: schedules.CosineDecayRestarts(0.1, 5, t_mul=0.5),
            "CosineDecayRestarts: t_mul must be a number of at least 1, got 0.5.",
        ),
        (
            lambda: schedules.OneCycle(0.1, 5, 1.5),
            "OneCycle: warmup_fraction must be a number from 0 to 1, got 1.5.",
        ),
        (
            lambda: schedules.PiecewiseConstantDecay([5, 5], [1.0, 0.1, 0.01]),
            "PiecewiseConstantDecay: boundaries must grow from one to the next, got [5, 5].",
        ),
        (
            lambda: schedules.PiecewiseConstantDecay([5], [1.0]),
            "PiecewiseConstantDecay: 1 boundaries need 2 values, got 1.",
        ),
    ],
)
def test_arguments_that_cannot_be_meant_say_so(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        make()
