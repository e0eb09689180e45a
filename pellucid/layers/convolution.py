"""Convolution layers, and the filters that they learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.errors import ArgumentError
from pellucid.layers import activations, arguments
from pellucid.layers.base import Stage
from pellucid.layers.constraints import ConstraintLike
from pellucid.layers.initializers import InitializerLike
from pellucid.layers.kernel import KernelLayer, SlidingLayer
from pellucid.layers.regularizers import RegularizerLike
from pellucid.ops.base import Array
from pellucid.ops.convolution import Conv2D as Conv2DOp
from pellucid.shapes import Shape


@dataclass(frozen=True, eq=False)
class Filter:
    """One filter: a stack of kernels, one for each channel that it reads; makes one feature map.

    stack: (kernel height, kernel width, input channel), a view of the layer's own weights.
    bias: what is added to every sum, 0 for a layer without bias.
    """

    stack: Array
    bias: float

    @property
    def depth(self) -> int:
        """The number of kernels, which is the number of channels that it reads."""
        return int(self.stack.shape[-1])

    @property
    def kernels(self) -> Array:
        """All kernels: (input channel, kernel height, kernel width)."""
        return np.moveaxis(self.stack, -1, 0)

    def kernel(self, channel: int) -> Array:
        """The kernel that slides over one input channel: (kernel height, kernel width)."""
        if not -self.depth <= channel < self.depth:
            raise ArgumentError(
                f"There is no kernel for channel {channel}: the filter reads {self.depth} "
                f"channels, 0 to {self.depth - 1}."
            )
        return np.asarray(self.kernels[channel])


class Conv2D(SlidingLayer, KernelLayer):
    """Slides filters over images (height, width, channels): each yields one feature map.

    Output size along one axis: floor((n + p - d(k - 1) - 1) / s) + 1.

    filters: how many, the channels of the output. kernel_size, strides, dilation_rate: a number
    or (rows, columns). padding: 'valid' (none); 'same', also called 'half' and 'zero' (the size
    stays at stride 1); 'full'; a number; (rows, columns); or ((top, bottom), (left, right)).
    groups: cuts input channels and filters into as many equal parts; a filter reads its own part
    only. activation: a name, a function of `pellucid.activations`, or None.

    Weights: `kernel` (kernel height, kernel width, input channel, filter) and `bias` (filter,).
    With groups, the input channels of a kernel are counted within its group.
    `filter(i)` is one filter, a 3-D stack; `filter(i).kernel(c)` one kernel of it, a 2-D grid.

    Raises ArgumentError or UnknownNameError for arguments out of range, and ShapeError where it
    is put behind something that its kernel does not fit.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        groups: int = 1,
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
        self.groups = arguments.positive_integer(groups, "groups")
        if self.filters % self.groups:
            raise ArgumentError(
                f"groups must divide filters: {self.filters} filters cannot be cut into "
                f"{self.groups} equal groups."
            )

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """A convolution with its padding in numbers, and the activation."""
        op = Conv2DOp(
            self.filters,
            self.kernel_size,
            self.strides,
            self.padding_for(sample_shape),
            self.dilation_rate,
            self.use_bias,
            self.groups,
        )
        return self.stages(op)

    def filter(self, number: int) -> Filter:
        """One filter; ArgumentError if there is none of this number."""
        if not -self.filters <= number < self.filters:
            raise ArgumentError(
                f"Layer {self.name} has no filter {number}: it has {self.filters}, "
                f"0 to {self.filters - 1}."
            )
        bias = 0.0 if self.bias is None else float(self.bias[number])
        return Filter(self.kernel[..., number], bias)

    @property
    def filter_stacks(self) -> Array:
        """All filters: (filter, kernel height, kernel width, input channel), a view."""
        return np.moveaxis(self.kernel, -1, 0)
