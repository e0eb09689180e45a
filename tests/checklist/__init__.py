"""Every operation in many configurations: the table that all checks of operations run over.

An operation is added to the project by adding its rows here, in the file of its family, and
PyTorch's word for it to `oracles`; the shape rule, the gradient, the agreement with PyTorch and
every engine are then checked without another line.
"""

from __future__ import annotations

from checklist.activations import ACTIVATIONS
from checklist.augmentation import AUGMENTATIONS
from checklist.borders import BORDERS
from checklist.case import SAMPLES, Case, OneOp, one_op_graph
from checklist.convolution import (
    CONVOLUTIONS,
    DEPTHWISE_CONVOLUTIONS,
    GROUPED_CONVOLUTIONS,
    TRANSPOSED_CONVOLUTIONS,
)
from checklist.dense import DENSES
from checklist.elementwise import DROPOUTS, ELEMENTWISE
from checklist.merging import MERGINGS
from checklist.noise import NOISES
from checklist.normalization import NORMALIZATIONS
from checklist.pooling import (
    AVERAGE_POOLINGS,
    GLOBAL_AVERAGE_POOLINGS,
    GLOBAL_MAX_POOLINGS,
    MAX_POOLINGS,
)
from checklist.reshape import PERMUTATIONS, RESHAPES
from checklist.resizing import RESIZINGS
from checklist.scaling import SCALINGS
from checklist.upsampling import UPSAMPLINGS

__all__ = [
    "ACTIVATIONS",
    "AUGMENTATIONS",
    "AVERAGE_POOLINGS",
    "BORDERS",
    "CASES",
    "CONVOLUTIONS",
    "DENSES",
    "DEPTHWISE_CONVOLUTIONS",
    "DROPOUTS",
    "ELEMENTWISE",
    "GLOBAL_AVERAGE_POOLINGS",
    "GLOBAL_MAX_POOLINGS",
    "GROUPED_CONVOLUTIONS",
    "MAX_POOLINGS",
    "MERGINGS",
    "NOISES",
    "NORMALIZATIONS",
    "PERMUTATIONS",
    "RESHAPES",
    "RESIZINGS",
    "SAMPLES",
    "SCALINGS",
    "TRANSPOSED_CONVOLUTIONS",
    "UPSAMPLINGS",
    "Case",
    "OneOp",
    "native_cases",
    "one_op_graph",
]

CASES = [
    *CONVOLUTIONS,
    *GROUPED_CONVOLUTIONS,
    *DEPTHWISE_CONVOLUTIONS,
    *TRANSPOSED_CONVOLUTIONS,
    *MAX_POOLINGS,
    *AVERAGE_POOLINGS,
    *GLOBAL_MAX_POOLINGS,
    *GLOBAL_AVERAGE_POOLINGS,
    *BORDERS,
    *UPSAMPLINGS,
    *RESHAPES,
    *PERMUTATIONS,
    *DENSES,
    *ELEMENTWISE,
    *DROPOUTS,
    *SCALINGS,
    *RESIZINGS,
    *AUGMENTATIONS,
    *ACTIVATIONS,
    *NORMALIZATIONS,
    *MERGINGS,
    *NOISES,
]


def native_cases() -> list[Case]:
    """The cases of which the native engine has a stage; asked only here, since ops know none."""
    from pellucid.engines.native.stages import computes

    return [case for case in CASES if computes(case.op)]
