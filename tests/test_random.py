"""Random numbers from counters: the published ones, and the same ones every time."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from pellucid import random
from pellucid.errors import ArgumentError


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        (0x00000000, (0x00000000, 0x00000000), (0xFF1DAE59, 0x6CD10DF2)),
        (0xFFFFFFFF, (0xFFFFFFFF, 0xFFFFFFFF), (0x2C3F628B, 0xAB4FD7AD)),
        (0x13198A2E, (0x243F6A88, 0x85A308D3), (0xDD7CE038, 0xF62A4C12)),
    ],
)
def test_philox_gives_the_known_answers(
    key: int, counter: tuple[int, int], words: tuple[int, int]
) -> None:
    """The known-answer tests of the authors' Random123 library."""
    assert tuple(int(word) for word in random.philox(key, *counter)) == words


def test_philox_is_the_same_one_by_one_and_all_at_once() -> None:
    first, second = np.meshgrid(np.arange(5), np.arange(4))
    together = random.uniform((1, 2), first, second)
    alone = [[random.uniform((1, 2), x, y) for x in range(5)] for y in range(4)]
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together, alone)


def test_uniform_numbers_are_uniform() -> None:
    numbers = random.uniform((3,), np.arange(100_000))
    assert 0 <= numbers.min() < 1e-4
    assert 1 - 1e-4 < numbers.max() < 1
    counts, _ = np.histogram(numbers, bins=10, range=(0, 1))
    assert abs(counts - 10_000).max() < 500
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.01


def test_keys_that_differ_in_one_word_give_other_numbers() -> None:
    keys = {random.hash32(*words) for words in np.ndindex(12, 12, 12)}
    assert len(keys) == 12**3
    assert random.hash32(1, 2) != random.hash32(2, 1)
    assert random.hash32(1) != random.hash32(1, 0)


def test_permutation_holds_every_number_once_and_depends_on_seed_and_epoch() -> None:
    order = random.permutation(5, 0, 1000)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    np.testing.assert_array_equal(order, random.permutation(5, 0, 1000))
    assert (order != random.permutation(5, 1, 1000)).mean() > 0.9
    assert (order != random.permutation(6, 0, 1000)).mean() > 0.9


def test_set_seed_starts_the_streams_again() -> None:
    random.set_seed(12)
    first = [random.next_stream() for _ in range(3)]
    random.set_seed(12)
    assert random.current_seed() == 12
    assert [random.next_stream() for _ in range(3)] == first
    assert len(set(first)) == 3


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "1", None, True])
def test_a_seed_that_is_none_says_what_one_is(seed: object) -> None:
    with pytest.raises(
        ArgumentError, match=r"^A seed must be an integer from 0 to 4294967295, got"
    ):
        random.set_seed(seed)  # type: ignore[arg-type]


def test_numpy_integers_are_seeds() -> None:
    random.set_seed(np.int64(4))  # type: ignore[arg-type]
    assert random.current_seed() == 4


def test_normal_numbers_are_the_quantiles_of_the_uniform_ones() -> None:
    chances = random.uniform((1, 2), np.arange(2001)).astype(np.float64) + 2.0**-25
    expected = [NormalDist().inv_cdf(chance) for chance in chances]
    numbers = random.normal((1, 2), np.arange(2001))
    np.testing.assert_allclose(numbers, expected, rtol=2e-7, atol=1e-9)


def test_normal_numbers_are_known_to_the_ends() -> None:
    chances = np.linspace(2**-25, 1 - 2**-25, 2001)
    expected = [NormalDist().inv_cdf(chance) for chance in chances]
    np.testing.assert_allclose(random.normal_quantile(chances), expected, rtol=2e-7, atol=1e-9)
