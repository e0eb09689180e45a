"""Every rule about size: output size, padding, receptive field, live region. Pure integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pellucid.errors import ArgumentError, KernelSizeError, ShapeError, unknown_name

Shape = tuple[int, ...]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
"""((top, bottom), (left, right))"""

NO_PADDING: Padding = ((0, 0), (0, 0))

_SAME = {"same", "half", "zero"}
_PADDINGS = {"valid", "full", *_SAME}


class Window(NamedTuple):
    """How a kernel slides along one axis: its length, step, spacing, and the padding before."""

    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0

    @property
    def span(self) -> int:
        """The number of cells from the first that the kernel touches to the last."""
        return self.dilation * (self.kernel - 1) + 1


def output_size(
    size: int, kernel: int, stride: int = 1, dilation: int = 1, padding: Pair = (0, 0)
) -> int:
    """How many places a kernel takes along one axis: floor((n + p - d(k - 1) - 1) / s) + 1.

    Raises ShapeError if it has no place at all.
    """
    span = Window(kernel, dilation=dilation).span
    room = size + sum(padding) - span
    if room < 0:
        raise ShapeError(
            f"A kernel that spans {span} does not fit into {size + sum(padding)} "
            f"({size} and padding {padding})."
        )
    return room // stride + 1


def output_grid(
    size: Pair,
    kernel: Pair,
    strides: Pair = (1, 1),
    dilation: Pair = (1, 1),
    padding: Padding = NO_PADDING,
    window: str = "kernel",
) -> Pair:
    """Height and width of what a kernel yields; `window` is the word for it in the error.

    Raises KernelSizeError, which carries all the numbers, if the kernel has no place at all.
    """
    try:
        rows, columns = (
            output_size(*axis)
            for axis in zip(size, kernel, strides, dilation, padding, strict=True)
        )
    except ShapeError:
        raise KernelSizeError(window, size, kernel, dilation, padding) from None
    return rows, columns


def image_size(operation: str, shape: Shape) -> tuple[int, int, int]:
    """Height, width and channels of an image; ShapeError if the shape is not one's."""
    if len(shape) != 3:
        raise ShapeError(
            f"{operation} needs images of the shape (height, width, channels), got {shape}."
        )
    return shape[0], shape[1], shape[2]


def same_padding(size: int, kernel: int, stride: int = 1, dilation: int = 1) -> Pair:
    """Just enough zeros for ceil(size / stride) outputs; the odd one comes after."""
    outputs = -(-size // stride)
    total = max(0, (outputs - 1) * stride + Window(kernel, dilation=dilation).span - size)
    return total // 2, total - total // 2


def resolve_padding(
    padding: object, sizes: Pair, kernel: Pair, strides: Pair, dilation: Pair
) -> Padding:
    """Padding as numbers, ((top, bottom), (left, right)), for an input of `sizes`.

    padding: 'valid' (none); 'same', also called 'half' and 'zero' (the size stays at stride 1);
    'full' (every place where the kernel touches the input at all); a number for all four sides;
    (rows, columns); or ((top, bottom), (left, right)).
    Raises UnknownNameError for another word and ArgumentError for anything else.
    """
    if not isinstance(padding, str):
        return _explicit_padding(padding)
    name = padding.lower()
    if name not in _PADDINGS:
        raise unknown_name("padding", padding, _PADDINGS)
    if name in _SAME:
        rows, columns = (
            same_padding(*axis) for axis in zip(sizes, kernel, strides, dilation, strict=True)
        )
        return rows, columns
    if name == "full":
        tall, wide = (d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
        return (tall, tall), (wide, wide)
    return NO_PADDING


def _explicit_padding(padding: object) -> Padding:
    """A number, a pair of numbers or a pair of pairs as a pair of pairs."""
    axes: Any = padding if _is_pair(padding) else (padding, padding)
    sides = [tuple(axis) if _is_pair(axis) else (axis, axis) for axis in axes]
    for side in (*sides[0], *sides[1]):
        if isinstance(side, bool) or not isinstance(side, int) or side < 0:
            raise ArgumentError(
                f"Cannot pad by {padding!r}. Give one of {sorted(_PADDINGS)}, a number >= 0, "
                "(rows, columns), or ((top, bottom), (left, right))."
            )
    (top, bottom), (left, right) = sides
    return (top, bottom), (left, right)


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2


def reach(outputs: int, kernel: int, stride: int = 1, dilation: int = 1) -> int:
    """How many places along one axis, padding included, the windows of `outputs` outputs cover."""
    return (outputs - 1) * stride + dilation * (kernel - 1) + 1


def live_range(
    lo: int, hi: int, size: int, kernel: int, stride: int, dilation: int, before: int
) -> Pair:
    """The inputs [lo, hi) of 0 .. size - 1 that the outputs [lo, hi) read along one axis."""
    if lo >= hi:
        return 0, 0
    first = max(0, lo * stride - before)
    return first, max(first, min(size, reach(hi, kernel, stride, dilation) - before))


def receptive_field(windows: Iterable[Window]) -> Window:
    """What one output of a stack can depend on along one axis, as one window over the input.

    windows: from the input upwards. The result's `kernel` is the number of input cells, its
    `stride` how far they move from one output to the next, its `before` where the first starts.
    Formula: Araujo et al., "Computing receptive fields of convolutional neural networks" (2019).
    """
    cells, jump, before = 1, 1, 0
    for window in windows:
        cells += (window.span - 1) * jump
        before += window.before * jump
        jump *= window.stride
    return Window(cells, jump, before=before)


def smallest_input(fits: Callable[[Pair], bool], limit: int = 1 << 15) -> Pair | None:
    """The smallest height and width that a whole network takes, or None above `limit`.

    fits: whether the network's own shape rules accept an input of this height and width. An
    input larger than one that fits must fit too, which holds for every rule here.
    """
    if not fits((limit, limit)):
        return None
    rows = _smallest(lambda size: fits((size, limit)), limit)
    columns = _smallest(lambda size: fits((limit, size)), limit)
    return rows, columns


def _smallest(fits: Callable[[int], bool], limit: int) -> int:
    """The smallest size that fits, by bisection; `limit` does."""
    low, high = 1, limit
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return low
