"""The stages of a plan, one file for each family of operations."""

from __future__ import annotations

from pellucid.engines.native.kernels import pooled
from pellucid.engines.native.plan import ACTIVATIONS, Plan
from pellucid.engines.native.stages.base import Call, Stage
from pellucid.engines.native.stages.convolution import ConvolutionStage, PooledStage
from pellucid.engines.native.stages.dense import DenseStage
from pellucid.engines.native.stages.elementwise import (
    DropoutStage,
    ElementwiseStage,
    SoftmaxStage,
    ViewStage,
)
from pellucid.engines.native.stages.pooling import PoolingStage
from pellucid.errors import EngineError
from pellucid.ops.activations import Softmax
from pellucid.ops.base import Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.dropout import Dropout
from pellucid.ops.pooling import AveragePooling2D, MaxPooling2D
from pellucid.ops.reshape import Flatten
from pellucid.ops.scaling import Rescaling

__all__ = ["Call", "DropoutStage", "Stage", "ViewStage", "computes", "make_stages"]

KINDS: dict[type, type[Stage]] = {
    Conv2D: ConvolutionStage,
    Dense: DenseStage,
    MaxPooling2D: PoolingStage,
    AveragePooling2D: PoolingStage,
    Rescaling: ElementwiseStage,
    Dropout: DropoutStage,
    Softmax: SoftmaxStage,
    Flatten: ViewStage,
    **dict.fromkeys(ACTIVATIONS, ElementwiseStage),
}


def computes(op: Op) -> bool:
    """Whether there is a stage for an operation."""
    return type(op) in KINDS and not (isinstance(op, Conv2D) and op.groups > 1)


def make_stages(plan: Plan, trainable: tuple[bool, ...]) -> list[Stage]:
    """The stages of a plan; gradients are computed down to the first parameter that learns."""
    stages: list[Stage] = []
    learning = False
    for place, step in enumerate(plan.steps):
        node = step.node
        if not computes(node.op):
            raise EngineError(
                f"The native engine has no {type(node.op).__name__} (layer {node.layer}); "
                "the engine 'reference' computes every operation."
            )
        mine = tuple(trainable[number] for number in node.parameters)
        source, target = plan.layouts[place], plan.layouts[place + 1]
        stage = KINDS[type(node.op)](place, step, source, target, learning, mine)
        if isinstance(stage, ConvolutionStage) and pooled.worth_while(stage.conv):
            stage = PooledStage(place, step, source, target, learning, mine)
        elif isinstance(stage, DenseStage) and not (stage.on_rows and target.plain):
            stage = ConvolutionStage(place, step, source, target, learning, mine)
        elif isinstance(stage, DropoutStage):
            stage.full_columns = plan.shapes[place][-2] if len(plan.shapes[place]) > 1 else 1
        learning = learning or any(mine)
        stages.append(stage)
    return stages
