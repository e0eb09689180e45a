"""Every rule about size, against counting on fingers."""

from __future__ import annotations

import re
from fractions import Fraction

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


def stamped(size: int, kernel: int, stride: int, dilation: int) -> list[list[int]]:
    """The places of the uncut output that each input of a transposed convolution reaches."""
    return [
        [place * stride + dilation * number for number in range(kernel)] for place in range(size)
    ]


@given(sizes, kernels, strides, dilations, paddings, st.integers(0, 4))
def test_a_transposed_convolution_makes_a_size_that_a_convolution_brings_back(
    size: int, kernel: int, stride: int, dilation: int, padding: Pair, extra: int
) -> None:
    settings = kernel, stride, dilation, padding
    last = max(max(places) for places in stamped(size, kernel, stride, dilation))
    if last + 1 + extra <= sum(padding):
        with pytest.raises(ShapeError, match="cuts all of them away"):
            shapes.transposed_size(size, *settings, extra)
        return
    outputs = shapes.transposed_size(size, *settings, extra)
    assert outputs == last + 1 + extra - sum(padding)
    if extra < stride:
        assert shapes.output_size(outputs, *settings) == size


@given(sizes, kernels, strides, dilations)
def test_transposed_same_makes_size_times_stride_and_cuts_the_odd_place_from_the_end(
    size: int, kernel: int, stride: int, dilation: int
) -> None:
    padding, extra = shapes.resolve_transposed(
        "half", (size, size), (kernel, kernel), (stride, stride), (dilation, dilation)
    )
    (before, after), down = padding[0], extra[0]
    assert padding[0] == padding[1]
    assert shapes.transposed_size(size, kernel, stride, dilation, padding[0], down) == size * stride
    assert 0 <= after - before <= 1
    assert not (before + after and down)


@pytest.mark.parametrize(
    ("padding", "output_padding", "expected"),
    [
        ("valid", None, (((0, 0), (0, 0)), (0, 1))),
        ("valid", (1, 2), (((0, 0), (0, 0)), (1, 2))),
        ("same", (0, 1), (((1, 1), (0, 1)), (0, 0))),
        ("same", (1, 2), (((0, 1), (0, 0)), (0, 0))),
        ("full", None, (((2, 2), (1, 1)), (0, 1))),
        (((0, 1), (2, 0)), (0, 0), (((0, 1), (2, 0)), (0, 0))),
    ],
)
def test_padding_of_a_transposed_convolution(
    padding: object, output_padding: Pair | None, expected: tuple[shapes.Padding, Pair]
) -> None:
    """A kernel of 3×2 at strides of 2×3."""
    assert (
        shapes.resolve_transposed(padding, (5, 6), (3, 2), (2, 3), (1, 1), output_padding)
        == expected
    )


@given(sizes, kernels, strides, dilations, st.integers(0, 6), st.data())
def test_transposed_live_range_holds_the_inputs_that_are_read(
    size: int, kernel: int, stride: int, dilation: int, before: int, data: st.DataObject
) -> None:
    outputs = max(1, shapes.reach(size, kernel, stride, dilation) - before)
    lo = data.draw(st.integers(0, outputs))
    hi = data.draw(st.integers(lo, outputs))
    first, last = shapes.transposed_live_range(lo, hi, size, kernel, stride, dilation, before)
    read = {
        place
        for place, reached in enumerate(stamped(size, kernel, stride, dilation))
        if any(lo + before <= cell < hi + before for cell in reached)
    }
    assert read <= set(range(first, last))
    assert 0 <= first <= last <= size
    if dilation == 1:
        assert read == set(range(first, last))


@given(sizes, st.integers(1, 6), st.data())
def test_linear_source_lies_where_the_centres_say(
    size: int, factor: int, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, size * factor - 1))
    before, behind, parts = shapes.linear_source(place, size, factor)
    centre = Fraction(2 * place + 1, 2 * factor) - Fraction(1, 2)
    assert before + Fraction(parts, 2 * factor) == min(max(centre, 0), size - 1)
    assert 0 <= before <= behind < size
    assert behind - before == (before + 1 < size)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.data())
def test_reshaped_holds_as_many_numbers(target: list[int], data: st.DataObject) -> None:
    shape = tuple(data.draw(st.permutations(target)))
    assert shapes.reshaped(tuple(target), shape) == tuple(target)
    place = data.draw(st.integers(0, len(target) - 1))
    unknown = (*target[:place], -1, *target[place + 1 :])
    assert shapes.reshaped(unknown, shape) == tuple(target)


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
