"""Every operation in many configurations: the table that all checks of operations run over.

An operation is added to the project by adding its rows here, in the file of its family, and
PyTorch's word for it to `oracles`; the shape rule, the gradient, the agreement with PyTorch and
every engine are then checked without another line.
"""

from __future__ import annotations

from checklist.activations import ACTIVATIONS
from checklist.case import SAMPLES, Case, OneOp, one_op_graph
from checklist.convolution import CONVOLUTIONS
from checklist.dense import DENSES
from checklist.elementwise import DROPOUTS, ELEMENTWISE
from checklist.merging import MERGINGS
from checklist.noise import NOISES
from checklist.normalization import NORMALIZATIONS
from checklist.pooling import AVERAGE_POOLINGS, MAX_POOLINGS

__all__ = [
    "ACTIVATIONS",
    "AVERAGE_POOLINGS",
    "CASES",
    "CONVOLUTIONS",
    "DENSES",
    "DROPOUTS",
    "ELEMENTWISE",
    "MAX_POOLINGS",
    "MERGINGS",
    "NOISES",
    "NORMALIZATIONS",
    "SAMPLES",
    "Case",
    "OneOp",
    "native_cases",
    "one_op_graph",
]

CASES = [
    *CONVOLUTIONS,
    *MAX_POOLINGS,
    *AVERAGE_POOLINGS,
    *DENSES,
    *ELEMENTWISE,
    *DROPOUTS,
    *ACTIVATIONS,
    *NORMALIZATIONS,
    *MERGINGS,
    *NOISES,
]


def native_cases() -> list[Case]:
    """The cases of which the native engine has a stage; asked only here, since ops know none."""
    from pellucid.engines.native.stages import KINDS

    return [case for case in CASES if type(case.op) in KINDS]
