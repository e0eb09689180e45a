"""The stages of a plan, one file for each family of operations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pellucid.engines.native.kernels import pooled
from pellucid.engines.native.plan import FUSED, GATES, Plan
from pellucid.engines.native.stages.augmentation import AugmentationStage, ResizingStage
from pellucid.engines.native.stages.base import Call, GatheringStage, Stage
from pellucid.engines.native.stages.convolution import (
    ConvolutionStage,
    DepthwiseStage,
    PooledStage,
)
from pellucid.engines.native.stages.copying import BorderStage, PermuteStage, UpsamplingStage
from pellucid.engines.native.stages.dense import DenseStage
from pellucid.engines.native.stages.elementwise import (
    DropoutStage,
    ElementwiseStage,
    GateStage,
    NoiseStage,
    SoftmaxStage,
    ViewStage,
)
from pellucid.engines.native.stages.layer_normalization import LayerNormalizationStage
from pellucid.engines.native.stages.merging import ConcatenateStage, MergingStage, PReluStage
from pellucid.engines.native.stages.normalization import NormalizationStage, ScalingStage
from pellucid.engines.native.stages.pooling import PoolingStage
from pellucid.engines.native.stages.scaling import AdaptedStage
from pellucid.engines.native.stages.transposed import TransposedStage
from pellucid.errors import EngineError
from pellucid.graph import Parameter
from pellucid.ops.activations import PRelu, Softmax
from pellucid.ops.base import Op
from pellucid.ops.borders import Cropping2D, ZeroPadding2D
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.depthwise import DepthwiseConv2D
from pellucid.ops.dropout import Dropout, SpatialDropout2D
from pellucid.ops.geometry import (
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from pellucid.ops.light import RandomBrightness, RandomContrast
from pellucid.ops.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from pellucid.ops.noise import GaussianNoise
from pellucid.ops.normalization import BatchNormalization, LayerNormalization
from pellucid.ops.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from pellucid.ops.reshape import Flatten, Permute, Reshape
from pellucid.ops.resizing import Resizing
from pellucid.ops.scaling import Normalization, Rescaling
from pellucid.ops.transposed import Conv2DTranspose
from pellucid.ops.upsampling import UpSampling2D

__all__ = ["Call", "GatheringStage", "Stage", "computes", "make_stages"]

KINDS: dict[type, type[Stage]] = {
    Conv2D: ConvolutionStage,
    DepthwiseConv2D: DepthwiseStage,
    Conv2DTranspose: TransposedStage,
    Dense: DenseStage,
    MaxPooling2D: PoolingStage,
    AveragePooling2D: PoolingStage,
    GlobalMaxPooling2D: PoolingStage,
    GlobalAveragePooling2D: PoolingStage,
    ZeroPadding2D: BorderStage,
    Cropping2D: BorderStage,
    Permute: PermuteStage,
    UpSampling2D: UpsamplingStage,
    PRelu: PReluStage,
    LayerNormalization: LayerNormalizationStage,
    Concatenate: ConcatenateStage,
    **dict.fromkeys((Add, Subtract, Multiply, Average, Maximum, Minimum), MergingStage),
    Rescaling: ElementwiseStage,
    Dropout: DropoutStage,
    SpatialDropout2D: DropoutStage,
    GaussianNoise: NoiseStage,
    Softmax: SoftmaxStage,
    Flatten: ViewStage,
    Reshape: ViewStage,
    BatchNormalization: ScalingStage,
    Resizing: ResizingStage,
    Normalization: AdaptedStage,
    **dict.fromkeys(FUSED, ElementwiseStage),
    **dict.fromkeys(GATES, GateStage),
    **dict.fromkeys(
        (
            RandomFlip,
            RandomCrop,
            RandomRotation,
            RandomZoom,
            RandomTranslation,
            RandomContrast,
            RandomBrightness,
        ),
        AugmentationStage,
    ),
}


_SHAPED = AdaptedStage, PermuteStage, LayerNormalizationStage, PReluStage, ConcatenateStage
"""Stages that have to know the shape of their input."""


def computes(op: Op) -> bool:
    """Whether there is a stage for an operation."""
    return type(op) in KINDS


def make_stages(plan: Plan, parameters: Sequence[Parameter]) -> list[Stage]:
    """The stages of a plan; gradients are computed for what parameters that learn depend on."""
    stages: list[Stage] = []
    learning: set[int] = set()  # the values that depend on such a parameter
    uses = Counter(number for step in plan.steps for number in step.parameters)
    readers = Counter([*(value for step in plan.steps for value in step.reads), *plan.outputs])
    for place, step in enumerate(plan.steps):
        needed = tuple(value in learning for value in step.reads)
        trainable = tuple(parameters[number].trainable for number in step.parameters)
        sources = tuple(plan.layouts[value] for value in step.reads)
        output = plan.value(place)
        shared = any(uses[number] > 1 for number in step.parameters)
        stage = _kind(plan, place, shared)(
            place,
            step,
            step.reads,
            output,
            sources,
            plan.layouts[output],
            needed,
            (False,) * len(needed),
            trainable,
        )
        if isinstance(stage, DropoutStage):
            shape = plan.shapes[step.inputs[0]]
            stage.full_columns = shape[-2] if len(shape) > 1 else 1
        if isinstance(stage, _SHAPED):
            stage.shape = plan.shapes[step.inputs[0]]
        if isinstance(stage, ViewStage):
            stage.alone = readers[step.inputs[0]] == 1
        if isinstance(stage, ConvolutionStage) and not shared and pooled.worth_while(stage.conv):
            stage = PooledStage(**vars(stage))
        if stage.learns:
            learning.add(output)
        stages.append(stage)
    return stages


def _kind(plan: Plan, place: int, shared: bool) -> type[Stage]:
    """The kind of stage that computes a step; `shared` if another one uses its parameters too."""
    step, target = plan.steps[place], plan.layouts[plan.value(place)]
    op = step.node.op
    if not computes(op):
        raise EngineError(
            f"The native engine has no {type(op).__name__} (layer {step.node.layer}); "
            "the engine 'reference' computes every operation."
        )
    kind = KINDS[type(op)]
    if isinstance(op, DepthwiseConv2D) and op.depth_multiplier > 1:
        return ConvolutionStage
    if kind is DenseStage:
        source = plan.layouts[step.inputs[0]]
        rows = source.rows * source.columns * target.rows * target.columns
        if shared or rows > 1 or not (source.plain and target.plain):
            return ConvolutionStage
    if isinstance(op, BatchNormalization) and plan.training and not op.frozen:
        return NormalizationStage
    return kind
