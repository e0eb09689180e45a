"""Layers that bring what they read to a mean of 0 and a variance of 1, and then to learned ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.errors import ArgumentError, ShapeError
from pellucid.layers import arguments, constraints, initializers, regularizers
from pellucid.layers.base import Layer, Stage
from pellucid.layers.constraints import ConstraintLike
from pellucid.layers.initializers import Initializer, InitializerLike
from pellucid.layers.regularizers import RegularizerLike
from pellucid.ops import normalization as ops
from pellucid.ops.base import Array
from pellucid.shapes import Shape


class _NormalizationLayer(Layer, abstract=True):
    """Multiplies what is normalized by `gamma` with `scale`, and adds `beta` with `center`."""

    def __init__(
        self,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: InitializerLike,
        gamma_initializer: InitializerLike,
        beta_regularizer: RegularizerLike,
        gamma_regularizer: RegularizerLike,
        beta_constraint: ConstraintLike,
        gamma_constraint: ConstraintLike,
        *,
        name: str | None,
        trainable: bool,
        dtype: Any,
        input_shape: Sequence[int] | None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape)
        self.epsilon = arguments.non_negative(epsilon, "epsilon")
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.regularizers = {"beta": self.beta_regularizer, "gamma": self.gamma_regularizer}
        self.constraints = {"beta": self.beta_constraint, "gamma": self.gamma_constraint}

    @property
    def learned(self) -> tuple[str, ...]:
        """The names of the weights that a gradient changes."""
        return ("gamma",) * self.scale + ("beta",) * self.center

    def initializer(self, weight: str) -> Initializer:
        """How gamma or beta starts."""
        return self.gamma_initializer if weight == "gamma" else self.beta_initializer

    @property
    def gamma(self) -> Array | None:
        """What is multiplied by, or None without `scale`."""
        return self.array("gamma") if self.scale else None

    @property
    def beta(self) -> Array | None:
        """What is added, or None without `center`."""
        return self.array("beta") if self.center else None


class BatchNormalization(_NormalizationLayer):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, for every channel.

    In training mean and variance are those of the batch. Outside, and also in training if
    `trainable` is False, they are the moving ones, which follow the batches of training:
    moving * momentum + batch * (1 - momentum).

    axis: the channels, which are the last axis. center, scale: whether there are beta and gamma.
    synchronized: makes no difference on one machine. renorm, and the two arguments of it, is not
    known here. Weights: `gamma`, `beta`, `moving_mean` and `moving_variance`, (channels,) each.

    Raises ArgumentError for numbers out of range and for renorm, UnknownNameError for rules that
    do not exist, and ShapeError where `axis` is not the last.
    """

    tracked_weights = frozenset({"moving_mean", "moving_variance"})
    inference_when_frozen = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        renorm: bool = False,
        renorm_clipping: None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
        )
        # Keras 2 wrote the axis as a list of one.
        channels: Any = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
        self.axis = arguments.whole(channels, "axis")
        self.momentum = arguments.share(momentum, "momentum")
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        if renorm or renorm_clipping:
            raise ArgumentError(
                "renorm must be False, and renorm_clipping None: BatchNormalization does not "
                "renormalize here."
            )
        self.renorm = False
        self.renorm_clipping = None
        self.renorm_momentum = renorm_momentum
        self.synchronized = bool(synchronized)

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The normalization."""
        last = len(sample_shape)
        if self.axis not in (-1, last):
            raise ShapeError(
                f"BatchNormalization normalizes channels, which are the last axis: axis must be "
                f"-1 or {last} here, got {self.axis}."
            )
        op = ops.BatchNormalization(self.momentum, self.epsilon, self.center, self.scale)
        return [Stage(op, (*self.learned, "moving_mean", "moving_variance"))]

    def initializer(self, weight: str) -> Initializer:
        """How the weights of this name start."""
        if weight == "moving_mean":
            return self.moving_mean_initializer
        if weight == "moving_variance":
            return self.moving_variance_initializer
        return super().initializer(weight)

    @property
    def moving_mean(self) -> Array:
        """The mean that is subtracted outside of training: (channels,)."""
        return self.array("moving_mean")

    @property
    def moving_variance(self) -> Array:
        """The variance that is divided by outside of training: (channels,)."""
        return self.array("moving_variance")


class LayerNormalization(_NormalizationLayer):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, for every sample by itself.

    axis: one axis or several, over which mean and variance are taken: the last one, or so many of
    the last ones. The batch is axis 0. center, scale: whether there are beta and gamma.
    rms_scaling: False. Weights: `gamma` and `beta`, of the sizes of these axes.

    Raises ArgumentError for numbers out of range and for rms_scaling, UnknownNameError for rules
    that do not exist, and ShapeError where the axes are not the last ones.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        *,
        rms_scaling: bool = False,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
        )
        self.axis: int | tuple[int, ...]
        if isinstance(axis, list | tuple):
            self.axis = tuple(arguments.whole(one, "axis") for one in axis)
        else:
            self.axis = arguments.whole(axis, "axis")  # type: ignore[arg-type]
        if rms_scaling:
            raise ArgumentError("rms_scaling must be False: it is not known here.")
        self.rms_scaling = False

    def lower(self, sample_shape: Shape) -> list[Stage]:
        """The normalization."""
        count = len(sample_shape)
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        from_end = sorted(axis if axis < 0 else axis - count - 1 for axis in axes)
        if from_end != list(range(-len(axes), 0)) or len(axes) > count:
            raise ShapeError(
                f"LayerNormalization takes mean and variance over the last axes, for instance "
                f"axis=-1 or axis=[{count - 1}, {count}]; samples of the shape {sample_shape} "
                f"have the axes 1 to {count}, got axis={self.axis}."
            )
        op = ops.LayerNormalization(self.epsilon, self.center, self.scale, len(axes))
        return [Stage(op, self.learned)]
