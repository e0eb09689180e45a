"""Convolutions that make images larger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.errors import ArgumentError
from pellucid.layers import activations, arguments
from pellucid.layers.base import Stage
from pellucid.layers.constraints import ConstraintLike
from pellucid.layers.initializers import InitializerLike
from pellucid.layers.kernel import KernelLayer, SlidingLayer
from pellucid.layers.regularizers import RegularizerLike
from pellucid.ops.transposed import Conv2DTranspose as Conv2DTransposeOp
from pellucid.shapes import Shape, image_size, resolve_transposed


class Conv2DTranspose(SlidingLayer, KernelLayer):
    """A convolution the other way round: every number stamps a kernel onto a larger image.

    Stamps are `strides` apart, and where they overlap they add up. Output size along one axis:
    n * s for padding 'same'; (n - 1) s + max(d(k - 1) + 1, s) for 'valid'.

    filters, kernel_size, strides, dilation_rate, activation: as for Conv2D. padding: what is cut
    away from the image, by the same words and numbers as for Conv2D. output_padding: a number or
    (rows, columns), below the strides, that make the output larger at its end than the smallest
    of the sizes of which a convolution makes the input's; see `shapes.resolve_transposed`.

    Weights: `kernel` (kernel height, kernel width, filter, input channel) and `bias` (filter,).

    Raises ArgumentError or UnknownNameError for arguments out of range, and ShapeError where it
    is put behind something that makes no images, or where padding cuts everything away.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: Any = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: None = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
        )
        self.filters = arguments.positive_integer(filters, "filters")
        self.slide(kernel_size, strides, padding, data_format, dilation_rate)
        self.output_padding = (
            None
            if output_padding is None
            else arguments.pair(output_padding, "output_padding", least=0)
        )
        extra = self.output_padding or (0, 0)
        if extra[0] >= self.strides[0] or extra[1] >= self.strides[1]:
            raise ArgumentError(
                f"output_padding must be below strides {self.strides}, got {output_padding!r}."
            )

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """A transposed convolution with its padding in numbers, and the activation."""
        height, width, _ = image_size(f"Layer {self.name}", sample_shape)
        padding, output_padding = resolve_transposed(
            self.padding,
            (height, width),
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            self.output_padding,
        )
        op = Conv2DTransposeOp(
            self.filters,
            self.kernel_size,
            self.strides,
            padding,
            self.dilation_rate,
            self.use_bias,
            output_padding,
        )
        return self.stages(op)
