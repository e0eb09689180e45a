"""Convolutions that look at every input channel by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.layers import activations, arguments, constraints, initializers, regularizers
from pellucid.layers.base import Stage
from pellucid.layers.constraints import ConstraintLike
from pellucid.layers.initializers import Initializer, InitializerLike
from pellucid.layers.kernel import KernelLayer, SlidingLayer
from pellucid.layers.regularizers import RegularizerLike
from pellucid.ops.base import Array
from pellucid.ops.convolution import Conv2D as Conv2DOp
from pellucid.ops.depthwise import DepthwiseConv2D as DepthwiseConv2DOp
from pellucid.shapes import Shape


class DepthwiseConv2D(SlidingLayer, KernelLayer):
    """Slides kernels over every channel of images (height, width, channels) by itself.

    Each of the `depth_multiplier` kernels of a channel makes one feature map, and no sum runs
    over channels: the output has channels * depth_multiplier. kernel_size, strides, padding,
    dilation_rate, activation: as for Conv2D.

    Weights: `kernel` (kernel height, kernel width, input channel, kernel of the channel) and
    `bias` (output channel,); kernel m of channel c makes output channel c * depth_multiplier + m.

    Raises what Conv2D raises.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: Any = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: None = None,
        depthwise_constraint: ConstraintLike = None,
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
            depthwise_initializer,
            bias_initializer,
            depthwise_regularizer,
            bias_regularizer,
            activity_regularizer,
            depthwise_constraint,
            bias_constraint,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
        )
        self.slide(kernel_size, strides, padding, data_format, dilation_rate)
        self.depth_multiplier = arguments.positive_integer(depth_multiplier, "depth_multiplier")
        self.depthwise_initializer = self.kernel_initializer
        self.depthwise_regularizer = self.kernel_regularizer
        self.depthwise_constraint = self.kernel_constraint

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """A depthwise convolution with its padding in numbers, and the activation."""
        op = DepthwiseConv2DOp(
            self.kernel_size,
            self.strides,
            self.padding_for(sample_shape),
            self.dilation_rate,
            self.depth_multiplier,
            self.use_bias,
        )
        return self.stages(op)


class SeparableConv2D(SlidingLayer):
    """A convolution in two parts: first over places, then over channels.

    A depthwise convolution without a bias, and `filters` filters of 1×1 on what it makes. It
    takes far fewer weights and multiplications than a Conv2D of the same size. Arguments: as for
    DepthwiseConv2D and Conv2D.

    Weights: `depthwise_kernel` (kernel height, kernel width, input channel, kernel of the
    channel), `pointwise_kernel` (1, 1, input channel * depth_multiplier, filter), `bias`
    (filter,). Chollet, "Xception: deep learning with depthwise separable convolutions" (2017).

    Raises what Conv2D raises.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        depth_multiplier: int = 1,
        activation: str | activations.Activation | None = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        pointwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: None = None,
        depthwise_constraint: ConstraintLike = None,
        pointwise_constraint: ConstraintLike = None,
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
            bias_initializer,
            bias_regularizer,
            activity_regularizer,
            bias_constraint,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
        )
        self.filters = arguments.positive_integer(filters, "filters")
        self.slide(kernel_size, strides, padding, data_format, dilation_rate)
        self.depth_multiplier = arguments.positive_integer(depth_multiplier, "depth_multiplier")
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)
        self.regularizers = {
            "depthwise_kernel": self.depthwise_regularizer,
            "pointwise_kernel": self.pointwise_regularizer,
            **self.regularizers,
        }
        self.constraints = {
            "depthwise_kernel": self.depthwise_constraint,
            "pointwise_kernel": self.pointwise_constraint,
            **self.constraints,
        }

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """A depthwise convolution, one with filters of 1×1, and the activation."""
        depthwise = DepthwiseConv2DOp(
            self.kernel_size,
            self.strides,
            self.padding_for(sample_shape),
            self.dilation_rate,
            self.depth_multiplier,
            use_bias=False,
        )
        pointwise = Conv2DOp(self.filters, (1, 1), use_bias=self.use_bias)
        return [
            Stage(depthwise, ("depthwise_kernel",)),
            *self.stages(pointwise, "pointwise_kernel"),
        ]

    def initializer(self, weight: str) -> Initializer:
        """How one of the kernels or the bias starts."""
        return {
            "depthwise_kernel": self.depthwise_initializer,
            "pointwise_kernel": self.pointwise_initializer,
            "bias": self.bias_initializer,
        }[weight]

    @property
    def depthwise_kernel(self) -> Array:
        """The kernels that slide over single channels."""
        return self.array("depthwise_kernel")

    @property
    def pointwise_kernel(self) -> Array:
        """The filters that mix the channels of one place."""
        return self.array("pointwise_kernel")
