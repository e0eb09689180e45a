"""Every rule about size, against counting on fingers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid import shapes
from pellucid.errors import ArgumentError, KernelSizeError, ShapeError, UnknownNameError
from pellucid.shapes import Pair, Window

sizes = st.integers(1, 40)
kernels = st.integers(1, 7)
strides = st.integers(1, 5)
dilations = st.integers(1, 4)
paddings = st.tuples(st.integers(0, 6), st.integers(0, 6))


def places(size: int, kernel: int, stride: int, dilation: int, padding: Pair) -> list[list[int]]:
    """The input cells under every place of a kernel; padding has numbers outside 0 .. size - 1."""
    before, after = padding
    found = []
    for first in range(-before, size + after, stride):
        cells = [first + dilation * number for number in range(kernel)]
        if cells[-1] < size + after:
            found.append(cells)
    return found


@given(sizes, kernels, strides, dilations, paddings)
def test_output_size_is_the_number_of_places(
    size: int, kernel: int, stride: int, dilation: int, padding: Pair
) -> None:
    expected = len(places(size, kernel, stride, dilation, padding))
    if expected:
        assert shapes.output_size(size, kernel, stride, dilation, padding) == expected
    else:
        with pytest.raises(ShapeError, match="does not fit"):
            shapes.output_size(size, kernel, stride, dilation, padding)


@given(sizes, kernels, strides, dilations)
def test_same_yields_size_over_stride_rounded_up_with_the_odd_zero_after(
    size: int, kernel: int, stride: int, dilation: int
) -> None:
    before, after = shapes.same_padding(size, kernel, stride, dilation)
    assert shapes.output_size(size, kernel, stride, dilation, (before, after)) == -(-size // stride)
    assert 0 <= after - before <= 1
    if after:  # one zero less would be too few
        smaller = len(places(size, kernel, stride, dilation, (before, after - 1)))
        assert smaller < -(-size // stride)


@given(sizes, kernels, dilations)
def test_full_yields_every_place_that_touches_the_input(
    size: int, kernel: int, dilation: int
) -> None:
    padding = shapes.resolve_padding(
        "full", (size, size), (kernel, kernel), (1, 1), (dilation, dilation)
    )
    span = dilation * (kernel - 1) + 1
    assert padding == ((span - 1, span - 1),) * 2
    assert shapes.output_size(size, kernel, 1, dilation, padding[0]) == size + span - 1


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        ("valid", ((0, 0), (0, 0))),
        ("same", ((0, 1), (1, 1))),
        ("half", ((0, 1), (1, 1))),
        ("zero", ((0, 1), (1, 1))),
        ("SAME", ((0, 1), (1, 1))),
        ("full", ((1, 1), (2, 2))),
        (2, ((2, 2), (2, 2))),
        ((1, 2), ((1, 1), (2, 2))),
        ([[1, 0], [2, 3]], ((1, 0), (2, 3))),
        ((1, (2, 3)), ((1, 1), (2, 3))),
    ],
)
def test_padding_has_these_names_and_forms(padding: object, expected: shapes.Padding) -> None:
    assert shapes.resolve_padding(padding, (8, 9), (2, 3), (1, 1), (1, 1)) == expected


def test_unknown_padding_names_the_nearest() -> None:
    message = (
        "Unknown padding 'sane'. Did you mean 'same'? "
        "Known are: 'full', 'half', 'same', 'valid', 'zero'."
    )
    with pytest.raises(UnknownNameError, match=f"^{re.escape(message)}$"):
        shapes.resolve_padding("sane", (8, 9), (2, 3), (1, 1), (1, 1))


@pytest.mark.parametrize("padding", [-1, 1.5, None, True, (1, 2, 3), ((1, 2), (3, -4)), ((1,), 2)])
def test_padding_of_another_kind_says_what_is_allowed(padding: object) -> None:
    message = (
        f"Cannot pad by {padding!r}. Give one of ['full', 'half', 'same', 'valid', 'zero'], "
        "a number >= 0, (rows, columns), or ((top, bottom), (left, right))."
    )
    with pytest.raises(ArgumentError, match=f"^{re.escape(message)}$"):
        shapes.resolve_padding(padding, (8, 9), (2, 3), (1, 1), (1, 1))


@given(sizes, kernels, strides, dilations, paddings, st.data())
def test_live_range_holds_exactly_the_cells_that_are_read(
    size: int, kernel: int, stride: int, dilation: int, padding: Pair, data: st.DataObject
) -> None:
    windows = places(size, kernel, stride, dilation, padding)
    lo = data.draw(st.integers(0, len(windows)))
    hi = data.draw(st.integers(lo, len(windows)))
    first, last = shapes.live_range(lo, hi, size, kernel, stride, dilation, padding[0])
    read = {cell for window in windows[lo:hi] for cell in window if 0 <= cell < size}
    assert read <= set(range(first, last))
    if hi - lo == 1 and dilation == 1:
        assert read == set(range(first, last))
    elif lo == hi:
        assert first == last


@given(st.lists(st.builds(Window, kernels, strides, dilations, st.integers(0, 3)), max_size=4))
def test_receptive_field_is_what_the_first_outputs_depend_on(windows: list[Window]) -> None:
    field = shapes.receptive_field(windows)
    for place in (0, 1):
        cells = {place}
        for window in reversed(windows):
            cells = {
                cell * window.stride - window.before + window.dilation * number
                for cell in cells
                for number in range(window.kernel)
            }
        assert min(cells) == place * field.stride - field.before
        assert max(cells) - min(cells) + 1 == field.kernel


def test_receptive_field_of_the_textbook_network() -> None:
    """3x3, pool 2, 3x3, pool 2, 3x3: worked out by hand."""
    windows = [Window(3), Window(2, 2), Window(3), Window(2, 2), Window(3)]
    assert shapes.receptive_field(windows) == Window(18, 4)


@given(kernels, kernels, strides, strides, paddings)
def test_smallest_input_fits_and_nothing_smaller_does(
    first: int, second: int, stride: int, step: int, padding: Pair
) -> None:
    def fits(size: Pair) -> bool:
        try:
            for _ in range(2):
                size = shapes.output_grid(
                    size, (first, second), (stride, step), (1, 1), (padding,) * 2
                )
        except ShapeError:
            return False
        return True

    smallest = shapes.smallest_input(fits)
    assert smallest is not None
    height, width = smallest
    assert fits((height, width))
    assert height == 1 or not fits((height - 1, width))
    assert width == 1 or not fits((height, width - 1))


def test_smallest_input_of_the_textbook_network_is_18() -> None:
    def fits(size: Pair) -> bool:
        try:
            for kernel, step in ((3, 1), (2, 2), (3, 1), (2, 2), (3, 1)):
                size = shapes.output_grid(size, (kernel, kernel), (step, step))
        except ShapeError:
            return False
        return True

    assert shapes.smallest_input(fits) == (18, 18)
    assert shapes.smallest_input(fits, limit=17) is None


def test_a_kernel_that_does_not_fit_carries_all_its_numbers() -> None:
    message = (
        "A kernel of 3×2 with dilation 2×1 does not fit into an input of 2×9 "
        "with padding ((1, 0), (0, 0)): it needs at least 4×2."
    )
    with pytest.raises(KernelSizeError, match=f"^{re.escape(message)}$") as caught:
        shapes.output_grid((2, 9), (3, 2), (1, 1), (2, 1), ((1, 0), (0, 0)))
    error = caught.value
    assert (error.window, error.input_size, error.kernel_size) == ("kernel", (2, 9), (3, 2))
    assert (error.dilation, error.padding) == ((2, 1), ((1, 0), (0, 0)))
    assert error.smallest_input == (4, 2)
