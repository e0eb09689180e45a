"""Every rule about size: output size, padding, receptive field, live region. Pure integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
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


def transposed_size(
    size: int,
    kernel: int,
    stride: int = 1,
    dilation: int = 1,
    padding: Pair = (0, 0),
    output_padding: int = 0,
) -> int:
    """What a transposed convolution makes of one axis: (n - 1) s + d(k - 1) + 1 - p + e.

    It is a size of which a convolution with the same kernel makes `size` places. padding: what is
    cut away before and after. output_padding: e, places added behind that no kernel may reach.
    Raises ShapeError if nothing is left.
    """
    outputs = reach(size, kernel, stride, dilation) - sum(padding) + output_padding
    if outputs < 1:
        raise ShapeError(
            f"A transposed convolution of {size} places makes {outputs + sum(padding)}, and "
            f"padding {padding} cuts all of them away. Pad by less."
        )
    return outputs


def padded_grid(size: Pair, padding: Padding) -> Pair:
    """Height and width with ((top, bottom), (left, right)) around them."""
    (top, bottom), (left, right) = padding
    return size[0] + top + bottom, size[1] + left + right


def upsampled_grid(size: Pair, factors: Pair) -> Pair:
    """Height and width when every pixel becomes (rows, columns) of them."""
    return size[0] * factors[0], size[1] * factors[1]


def cropped_grid(size: Pair, cropping: Padding) -> Pair:
    """Height and width without ((top, bottom), (left, right)); ShapeError if nothing is left."""
    rows, columns = (length - sum(sides) for length, sides in zip(size, cropping, strict=True))
    if rows < 1 or columns < 1:
        raise ShapeError(
            f"Cropping {cropping} leaves nothing of {size[0]}×{size[1]}: crop less than the "
            "height and the width."
        )
    return rows, columns


def reshaped(target: Shape, shape: Shape) -> Shape:
    """The target shape, where one size may be -1, for as many numbers as `shape` holds.

    Raises ShapeError if the numbers do not fill it.
    """
    numbers = math.prod(shape)
    known = math.prod(size for size in target if size != -1)
    missing = numbers // known
    if missing * known != numbers or (-1 not in target and known != numbers):
        raise ShapeError(
            f"Reshape cannot put the {numbers} numbers of {shape} into {target}, which holds "
            f"{'a multiple of ' if -1 in target else ''}{known}."
        )
    return tuple(missing if size == -1 else size for size in target)


def permuted(dims: Shape, shape: Shape) -> Shape:
    """The sizes in the order of `dims`, numbers of axes from 1; ShapeError if they differ."""
    if len(dims) != len(shape):
        raise ShapeError(
            f"Permute orders {len(dims)} axes, {dims}, but got samples of the shape {shape}."
        )
    return tuple(shape[axis - 1] for axis in dims)


def image_size(operation: str, shape: Shape) -> tuple[int, int, int]:
    """Height, width and channels of an image; ShapeError if the shape is not one's."""
    if len(shape) != 3:
        raise ShapeError(
            f"{operation} needs images of the shape (height, width, channels), got {shape}."
        )
    return shape[0], shape[1], shape[2]


def repeated_shape(operation: str, shapes: Sequence[Shape]) -> Shape:
    """The common shape of values that are merged place by place.

    Along each axis a size of 1 is repeated to the size of the others, and missing first axes
    count as 1. Raises ShapeError for sizes that differ otherwise.
    """
    sizes: list[int] = []
    for axis in zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1):
        if len(set(axis) - {1}) > 1:
            images = all(len(shape) == 3 for shape in shapes)
            raise ShapeError(
                f"{operation} needs inputs of one shape, where a size of 1 fits any other; got "
                f"{_listed(shapes)}."
                + (" A Conv2D with kernel_size=1 brings images to another depth." if images else "")
            )
        sizes.append(max(axis))
    return tuple(reversed(sizes))


def concatenated_shape(shapes: Sequence[Shape], axis: int) -> Shape:
    """The shape of values one behind the other along an axis that counts from the end, from -1.

    Raises ShapeError if there is no such axis, or if the sizes along another differ.
    """
    if any(not -len(shape) <= axis < 0 for shape in shapes):
        raise ShapeError(
            f"Concatenate needs inputs with at least {-axis} axes to join along axis {axis}, "
            f"counted from the end; got {_listed(shapes)}."
        )
    others = {(*shape[:axis], *shape[len(shape) + axis + 1 :]) for shape in shapes}
    if len(others) > 1:
        raise ShapeError(
            f"Concatenate along axis {axis} needs inputs that have the same sizes along all other "
            f"axes, got {_listed(shapes)}."
        )
    joined = list(shapes[0])
    joined[axis] = sum(shape[axis] for shape in shapes)
    return tuple(joined)


def _listed(shapes: Sequence[Shape]) -> str:
    return " and ".join(map(str, shapes))


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
        return border(padding, "pad", sorted(_PADDINGS))
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


def resolve_transposed(
    padding: object,
    sizes: Pair,
    kernel: Pair,
    strides: Pair,
    dilation: Pair,
    output_padding: Pair | None = None,
) -> tuple[Padding, Pair]:
    """Padding and output padding of a transposed convolution as numbers, by Keras's rules.

    padding: as for `resolve_padding`; it is cut away from the output. output_padding: with 'same'
    it makes (n - 1) s + (span modulo 2) + output_padding places, and n * s if it is None. With
    any other padding it is places added behind; None adds what a span lacks to reach the stride.
    """
    spans = [Window(k, dilation=d).span for k, d in zip(kernel, dilation, strict=True)]
    if isinstance(padding, str) and padding.lower() in _SAME:
        rows, columns = (
            _same_transposed(span, stride, extra)
            for span, stride, extra in zip(
                spans, strides, output_padding or (None, None), strict=True
            )
        )
        return (rows[0], columns[0]), (rows[1], columns[1])
    down, across = (max(0, stride - span) for span, stride in zip(spans, strides, strict=True))
    return resolve_padding(padding, sizes, kernel, strides, dilation), (
        output_padding or (down, across)
    )


def _same_transposed(span: int, stride: int, output_padding: int | None) -> tuple[Pair, int]:
    """Padding and output padding along one axis; the odd place is cut from the end."""
    if output_padding is None:
        surplus = span - stride
    else:
        surplus = span - span % 2 - output_padding
    cut = max(0, surplus)
    return (cut // 2, cut - cut // 2), max(0, -surplus)


def border(sides: object, action: str, words: Sequence[str] = ()) -> Padding:
    """((top, bottom), (left, right)), from a number for all, (rows, columns), or just these.

    action, words: what is to be done with them, and what is allowed besides, for the error.
    Raises ArgumentError for anything else.
    """
    axes: Any = sides if _is_pair(sides) else (sides, sides)
    (top, bottom), (left, right) = (
        tuple(axis) if _is_pair(axis) else (axis, axis) for axis in axes
    )
    for side in (top, bottom, left, right):
        if isinstance(side, bool) or not isinstance(side, int) or side < 0:
            allowed = f"one of {list(words)}, " if words else ""
            raise ArgumentError(
                f"Cannot {action} by {sides!r}. Give {allowed}a number >= 0, "
                "(rows, columns), or ((top, bottom), (left, right))."
            )
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


def transposed_live_range(
    lo: int, hi: int, size: int, kernel: int, stride: int, dilation: int, before: int
) -> Pair:
    """The inputs [lo, hi) that the outputs [lo, hi) of a transposed convolution read."""
    if lo >= hi:
        return 0, 0
    span = Window(kernel, dilation=dilation).span
    first = min(size, max(0, -((span - 1 - lo - before) // stride)))
    return first, max(first, min(size, (hi - 1 + before) // stride + 1))


def linear_source(place: int, size: int, factor: int) -> tuple[int, int, int]:
    """Between which two of `size` inputs a place lies where each is stretched to `factor` places.

    (one before, one after, how far from the first to the second, in parts of 2 * factor). Places
    count from centre to centre; outside of the first and the last centre, these are all.
    """
    parts = 2 * factor
    at = min(max(0, 2 * place + 1 - factor), parts * (size - 1))
    return at // parts, min(at // parts + 1, size - 1), at % parts


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


def window_of_aspect(size: Pair, target: Pair) -> tuple[Pair, Pair]:
    """The largest window in the middle of an image that has the proportions of `target`.

    ((first row, rows), (first column, columns)); both sizes are (height, width).
    """
    (height, width), (tall, wide) = size, target
    rows = max(1, min(height, width * tall // wide))
    columns = max(1, min(width, height * wide // tall))
    return ((height - rows) // 2, rows), ((width - columns) // 2, columns)


def padding_to_aspect(size: Pair, target: Pair) -> Pair:
    """Rows to add above and below, and columns on both sides, for the proportions of `target`."""
    (height, width), (tall, wide) = size, target
    rows, columns = max(height, width * tall // wide), max(width, height * wide // tall)
    return (rows - height) // 2, (columns - width) // 2
