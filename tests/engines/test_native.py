"""The native engine against the definition, and against itself on other threads and vectors.

The checks run on several machines in one: four lanes and one thread, eight and two, sixteen and
four. They must agree to the bit. The reference engine adds in another order, so it is met within
a tolerance, which is stated as a share of an array's largest number.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import networks
import numpy as np
import pytest
from checklist import (
    ACTIVATIONS,
    AVERAGE_POOLINGS,
    CONVOLUTIONS,
    DENSES,
    DROPOUTS,
    ELEMENTWISE,
    MAX_POOLINGS,
    NOISES,
    Case,
    native_cases,
    one_op_graph,
)
from networks import Example
from numpy.testing import assert_allclose, assert_array_equal

from pellucid.engines.base import Engine
from pellucid.engines.native import NativeEngine
from pellucid.engines.native.machine import Machine
from pellucid.engines.native.programs.training import training
from pellucid.engines.reference import ReferenceEngine
from pellucid.errors import EngineError
from pellucid.graph import Graph, Node
from pellucid.ops.activations import Relu, Sigmoid, Softmax, Tanh
from pellucid.ops.base import Array, Op
from pellucid.ops.convolution import Conv2D
from pellucid.ops.dense import Dense
from pellucid.ops.dropout import Dropout
from pellucid.ops.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from pellucid.ops.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from pellucid.ops.pooling import MaxPooling2D
from pellucid.ops.reshape import Flatten
from pellucid.ops.scaling import Rescaling

REFERENCE = ReferenceEngine()
NATIVES = [NativeEngine(threads, vector) for threads, vector in ((1, 4), (2, 8), (4, 16))]
EXTREMES = NATIVES[::2]
CROSSENTROPY = SparseCategoricalCrossentropy()
SQUARES = MeanSquaredError()


def assert_near(ours: list[Array], reference: list[Array], tolerance: float) -> None:
    """Every number within `tolerance` of the reference, as a share of its array's largest."""
    for given, expected in zip(ours, reference, strict=True):
        assert given.dtype == np.float32
        largest = float(np.abs(expected).max())
        assert_allclose(given, expected, rtol=0, atol=tolerance * largest + 1e-7)


def same_everywhere(results: list[list[Array]]) -> list[Array]:
    """The results of one machine, after a look at those of the others: the same bits."""
    first, *others = results
    for other in others:
        for ours, theirs in zip(first, other, strict=True):
            assert_array_equal(ours, theirs)
    return first


def train(
    engine: Engine,
    example: Example,
    loss: Loss,
    optimizer: Optimizer,
    order: Array,
    batch_size: int,
) -> tuple[list[Array], list[Array]]:
    """Train copies of the weights from step 3 on: [losses, predictions, *weights], and slots."""
    parameters = [parameter.copy() for parameter in example.parameters]
    slots = [
        [np.full_like(p, 0.01) for _ in range(optimizer.slot_count)]
        for p, described in zip(parameters, example.graph.parameters, strict=True)
        if described.trainable
    ]
    trainer = networks.trainer(engine, example.graph, parameters, loss, optimizer, slots, seed=5)
    steps = trainer.run(example.images, example.targets, order, batch_size, 3)
    return [*steps, *parameters], [slot for kept in slots for slot in kept]


def gradients(engine: Engine, example: Example, loss: Loss) -> list[Array]:
    """Losses, predictions and the gradient of every weight, read from one step's slots."""
    parameters = [parameter.copy() for parameter in example.parameters]
    slots = [[np.zeros_like(parameter)] for parameter in parameters]
    optimizer = SGD(learning_rate=1.0, momentum=0.5)
    trainer = networks.trainer(engine, example.graph, parameters, loss, optimizer, slots, seed=5)
    count = len(example.images)
    steps = trainer.run(example.images, example.targets, np.arange(count), count, 3)
    return [*steps, *(-slot for (slot,) in slots)]


@pytest.mark.parametrize("case", native_cases(), ids=str)
def test_value_of_an_operation(case: Case) -> None:
    one = one_op_graph(case, ties=case in MAX_POOLINGS)
    outputs = [engine.predictor(one.graph, one.parameters).run(one.inputs) for engine in NATIVES]
    expected = REFERENCE.predictor(one.graph, one.parameters).run(one.inputs)
    assert_near(same_everywhere(outputs), expected, 5e-6)


def behind_weights(case: Case, between: list[Op], unchanged: bool) -> Example:
    """The operation behind one whose weights learn from what comes back through it.

    unchanged: whole numbers, which those weights pass as they are, so that many are equal.
    """
    channels = case.input_shape[-1]
    first = Conv2D(channels, (1, 1)) if len(case.input_shape) == 3 else Dense(channels)
    graph = networks.chain(case.input_shape, [first, *between, case.op])
    example = networks.example(graph, 0, samples=5)
    if unchanged:
        example.images.round(out=example.images)
        example.parameters[0][...] = np.eye(channels)
        example.parameters[1][...] = 0
    targets = np.random.default_rng(1).normal(size=(5, *graph.output_shapes[0])).astype(np.float32)
    return replace(example, targets=targets)


LEARNING = [
    *CONVOLUTIONS,
    *AVERAGE_POOLINGS,
    *DENSES,
    *(
        case
        for case in (*ELEMENTWISE, *DROPOUTS, *ACTIVATIONS, *NOISES)
        if case.input_shape == (7, 3, 20) and case in native_cases()
    ),
]


@pytest.mark.parametrize("case", LEARNING, ids=str)
def test_gradient_of_an_operation(case: Case) -> None:
    example = behind_weights(case, [], unchanged=False)
    ours = same_everywhere([gradients(engine, example, SQUARES) for engine in EXTREMES])
    assert_near(ours, gradients(REFERENCE, example, SQUARES), 2e-5)


@pytest.mark.parametrize(
    ("case", "between"),
    [
        *((case, (None, Relu())[number % 2]) for number, case in enumerate(MAX_POOLINGS)),
        *((case, Rescaling(1.0)) for case in MAX_POOLINGS),
    ],
    ids=str,
)
def test_gradient_of_max_pooling_goes_to_the_first_of_equals(
    case: Case, between: Op | None
) -> None:
    """Right behind a convolution, behind its activation, and on its own."""
    example = behind_weights(case, [between] if between else [], unchanged=True)
    ours = same_everywhere([gradients(engine, example, SQUARES) for engine in EXTREMES])
    assert_near(ours, gradients(REFERENCE, example, SQUARES), 2e-5)


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        (None, SQUARES),
        (None, BinaryCrossentropy(from_logits=True)),
        (None, CategoricalCrossentropy(from_logits=True)),
        (None, SparseCategoricalCrossentropy(from_logits=True)),
        (Softmax(), CategoricalCrossentropy()),
        (Softmax(), SparseCategoricalCrossentropy()),
        (Softmax(), SQUARES),
        (Softmax(), BinaryCrossentropy()),
        (Sigmoid(), BinaryCrossentropy()),
        (Sigmoid(), CategoricalCrossentropy()),
        (Sigmoid(), SparseCategoricalCrossentropy()),
        (Softmax(), CategoricalCrossentropy(label_smoothing=0.2)),
        (Sigmoid(), BinaryCrossentropy(label_smoothing=0.2)),
    ],
)
def test_losses_and_their_gradients(last: Op | None, loss: Loss) -> None:
    graph = networks.chain((2, 3, 6), [Dense(11), *([last] if last else [])])
    generator = np.random.default_rng(3)
    targets = generator.uniform(size=(7, *graph.output_shapes[0])).astype(np.float32)
    if isinstance(loss, SparseCategoricalCrossentropy):
        targets = generator.integers(0, 11, (7, *graph.output_shapes[0][:-1]), np.int32)
    example = replace(networks.example(graph, 0, samples=7), targets=targets)
    ours = same_everywhere([gradients(engine, example, loss) for engine in EXTREMES])
    assert_near(ours, gradients(REFERENCE, example, loss), 2e-5)


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.1),
        SGD(0.1, momentum=0.9),
        SGD(0.1, momentum=0.9, nesterov=True),
        RMSprop(),
        RMSprop(centered=True),
        RMSprop(momentum=0.7),
        RMSprop(0.02, rho=0.7, momentum=0.7, epsilon=1e-4, centered=True),
        Adam(),
        Adam(0.02, 0.8, 0.9, 1e-4),
        AdamW(),
        AdamW(0.02, weight_decay=0.2),
        Adam(amsgrad=True),
        SGD(0.1, weight_decay=0.3, clipvalue=0.02),
        RMSprop(momentum=0.7, centered=True, use_ema=True, ema_momentum=0.8),
        AdamW(amsgrad=True, use_ema=True),
    ],
    ids=str,
)
def test_an_update_is_the_definition_bit_for_bit(optimizer: Optimizer) -> None:
    example = networks.example(networks.chain((21,), [Dense(13), Softmax()]), 0, samples=9)
    order = np.arange(9)
    engine = NATIVES[0]
    (_, _, *weights), slots = train(engine, example, CROSSENTROPY, optimizer, order, 9)
    kept = iter(slots)
    for parameter, gradient, weight in zip(
        example.parameters, gradients(engine, example, CROSSENTROPY)[2:], weights, strict=True
    ):
        expected = [np.full_like(parameter, 0.01) for _ in range(optimizer.slot_count)]
        optimizer.update(parameter, *optimizer.clip([gradient]), expected, optimizer.scalars(3))
        assert_array_equal(weight, parameter)
        for slot in expected:
            assert_array_equal(next(kept), slot)


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(1.0),
        SGD(1.0, clipvalue=0.01),
        SGD(1.0, clipnorm=0.03),
        SGD(1.0, clipnorm=9),
        SGD(1.0, global_clipnorm=0.05),
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(2))
def test_gradients_are_penalized_and_clipped(optimizer: Optimizer, seed: int) -> None:
    graph = networks.chain((21,), [Dense(533), Dense(7), Softmax()])
    if seed:
        graph = networks.random_network(seed)
    parameters = tuple(replace(one, l1=1e-3, l2=1e-2) for one in graph.parameters)
    example = networks.example(replace(graph, parameters=parameters), 0, samples=9)
    order = np.arange(9)
    trained = [train(e, example, CROSSENTROPY, optimizer, order, 4) for e in EXTREMES]
    ours = same_everywhere([[*values, *slots] for values, slots in trained])
    values, slots = train(REFERENCE, example, CROSSENTROPY, optimizer, order, 4)
    assert_near(ours, [*values, *slots], 2e-5)


@pytest.mark.parametrize("seed", range(6))
def test_a_network_and_its_training(seed: int) -> None:
    example = networks.example(networks.random_network(seed), seed)
    predictors = [
        networks.predictor(e, example.graph, example.parameters) for e in (NATIVES[1], REFERENCE)
    ]
    ours, expected = ([predictor.run(example.images)] for predictor in predictors)
    assert_near(ours, expected, 2e-5)
    order = np.random.default_rng(seed).integers(0, 24, 75)
    optimizer = SGD(0.03, momentum=0.5)
    trained = [train(e, example, CROSSENTROPY, optimizer, order, 8) for e in EXTREMES]
    ours = same_everywhere([[*values, *slots] for values, slots in trained])
    values, slots = train(REFERENCE, example, CROSSENTROPY, optimizer, order, 8)
    assert_near(ours, [*values, *slots], 1e-3)


DIGITS = networks.chain(
    (14, 13, 1),
    [
        Conv2D(20, (3, 3)),
        Relu(),
        MaxPooling2D((2, 2), (2, 2)),
        Dropout(0.3),
        Conv2D(33, (3, 3), padding=((1, 1), (1, 1))),
        Relu(),
        Flatten(),
        Dropout(0.5),
        Dense(10),
        Softmax(),
    ],
)


def test_fifty_steps_leave_the_same_bits_on_every_machine() -> None:
    """With dropout, Adam and a last batch that is short."""
    example = networks.example(DIGITS, 0, samples=40)
    order = np.random.default_rng(0).integers(0, 40, 49 * 7 + 3)
    results = [
        train(NativeEngine(threads, vector), example, CROSSENTROPY, Adam(), order, 7)
        for threads, vector in product((1, 2, 3, 4), (4, 8, 16))
    ]
    same_everywhere([[*values, *slots] for values, slots in results])
    assert results[0][0][0][-50:].mean() < results[0][0][0][:50].mean()


@pytest.mark.parametrize("batch_size", [1, 16, 33, 200])
def test_any_batch_size_trains_alike(batch_size: int) -> None:
    example = networks.example(DIGITS, 1, samples=40)
    order = np.random.default_rng(0).integers(0, 40, 2 * batch_size + batch_size // 2)
    trained = [train(e, example, CROSSENTROPY, SGD(), order, batch_size) for e in EXTREMES]
    (ours, _), _ = trained
    same_everywhere([values for values, _ in trained])
    expected, _ = train(REFERENCE, example, CROSSENTROPY, SGD(), order, batch_size)
    assert_near(ours, expected, 1e-4)


# A head with so many weights that it runs on many samples at once, behind padding.
HEADED = networks.chain(
    (9, 10, 2),
    [
        Conv2D(8, (3, 3), padding=((1, 1), (1, 1))),
        Relu(),
        Conv2D(8, (3, 3), padding=((1, 1), (1, 1))),
        MaxPooling2D((2, 2), (2, 2)),
        Dropout(0.2),
        Flatten(),
        Dense(400),
        Tanh(),
        Dropout(0.5),
        Dense(150),
        Relu(),
        Dense(5),
        Softmax(),
    ],
)


@pytest.mark.parametrize("batch_size", [1, 9, 40])
def test_a_large_head_trains_alike(batch_size: int) -> None:
    example = networks.example(HEADED, 3, samples=40)
    order = np.random.default_rng(0).integers(0, 40, 2 * batch_size + batch_size // 2)
    trained = [train(e, example, CROSSENTROPY, SGD(), order, batch_size) for e in EXTREMES]
    ours = same_everywhere([values for values, _ in trained])
    expected, _ = train(REFERENCE, example, CROSSENTROPY, SGD(), order, batch_size)
    assert_near(ours, expected, 1e-4)
    answers = [
        networks.predictor(e, HEADED, example.parameters).run(example.images) for e in NATIVES
    ]
    same_everywhere([[answer] for answer in answers])
    assert_array_equal(
        networks.predictor(NATIVES[2], HEADED, example.parameters).run(example.images[7:10]),
        answers[0][7:10],
    )


# Kernels so wide that they are cut into panels, with tails at every vector width.
WIDE = networks.chain(
    (6, 5, 3),
    [
        Conv2D(197, (3, 3), padding=((1, 1), (1, 1))),
        Relu(),
        Conv2D(203, (2, 2)),
        MaxPooling2D((2, 2), (2, 2)),
        Relu(),
        Conv2D(194, (1, 1)),
        Flatten(),
        Dense(5),
        Softmax(),
    ],
)


def test_wide_kernels_are_read_in_panels() -> None:
    example = networks.example(WIDE, 5, samples=11)
    order = np.arange(11)
    trained = [train(e, example, CROSSENTROPY, SGD(), order, 4) for e in NATIVES]
    ours = same_everywhere([values for values, _ in trained])
    expected, _ = train(REFERENCE, example, CROSSENTROPY, SGD(), order, 4)
    assert_near(ours, expected, 1e-4)
    answers = [networks.predictor(e, WIDE, example.parameters).run(example.images) for e in NATIVES]
    same_everywhere([[answer] for answer in answers])
    one = networks.predictor(NATIVES[2], WIDE, example.parameters).run(example.images[3:4])
    assert_array_equal(one, answers[0][3:4])
    expected = networks.predictor(REFERENCE, WIDE, example.parameters).run(example.images)
    assert_near([answers[0]], [expected], 2e-5)


def test_batches_of_changing_size_leave_the_padding_zero() -> None:
    example = networks.example(HEADED, 4, samples=40)
    trained = []
    for engine in (NATIVES[1], REFERENCE):
        parameters = [parameter.copy() for parameter in example.parameters]
        slots: list[list[Array]] = [[] for _ in parameters]
        trainer = networks.trainer(engine, HEADED, parameters, CROSSENTROPY, SGD(), slots, seed=1)
        for step, size in enumerate((20, 7, 31, 2, 9)):
            trainer.run(example.images, example.targets, np.arange(size), size, step)
        trained.append(parameters)
    assert_near(*trained, 1e-4)


def test_an_answer_depends_on_its_own_image_only() -> None:
    example = networks.example(DIGITS, 0, samples=70)
    for engine in NATIVES:
        predictor = networks.predictor(engine, DIGITS, example.parameters)
        together = predictor.run(example.images)
        for place in (0, 1, 37, 69):
            assert_array_equal(predictor.run(example.images[place : place + 1])[0], together[place])
        assert_array_equal(predictor.run(example.images[5:38]), together[5:38])


def test_a_large_head_answers_alike_however_many_threads_and_images_there_are() -> None:
    example = networks.example(HEADED, 0, samples=300)
    engines = [NativeEngine(threads) for threads in (1, 2, 3, 70)]
    predictors = [networks.predictor(engine, HEADED, example.parameters) for engine in engines]
    together = predictors[0].run(example.images)
    for predictor in predictors:
        for count in (1, 7, 17, 64, 257, 300):
            assert_array_equal(predictor.run(example.images[:count]), together[:count])


def test_a_batch_may_be_larger_than_the_data() -> None:
    example = networks.example(HEADED, 0)
    trained = [
        train(NATIVES[1], example, CROSSENTROPY, SGD(), np.arange(24), size)[0]
        for size in (24, 10**12)
    ]
    same_everywhere(trained)


def test_several_steps_in_one_call_are_as_many_calls() -> None:
    example = networks.example(DIGITS, 0, samples=40)
    order, engine = np.random.default_rng(0).integers(0, 40, 30), NATIVES[1]
    runs = []
    for parts in ([(0, 30)], [(0, 8), (8, 24), (24, 30)]):
        parameters = [parameter.copy() for parameter in example.parameters]
        slots = [[np.zeros_like(p)] for p in parameters]
        trainer = networks.trainer(
            engine, DIGITS, parameters, CROSSENTROPY, RMSprop(), slots, seed=2
        )
        told = [
            trainer.run(example.images, example.targets, order[lo:hi], 8, lo // 8)
            for lo, hi in parts
        ]
        losses = np.concatenate([steps.losses for steps in told])
        predictions = np.concatenate([steps.predictions for steps in told])
        runs.append([losses, predictions, *parameters])
    same_everywhere(runs)


def test_what_is_not_trainable_stays() -> None:
    example = networks.example(DIGITS, 0)
    kernel, *others = DIGITS.parameters
    frozen = replace(DIGITS, parameters=(replace(kernel, trainable=False), *others))
    example = replace(example, graph=frozen)
    order = np.arange(24)
    values, _ = train(NATIVES[1], example, CROSSENTROPY, SGD(), order, 8)
    expected, _ = train(REFERENCE, example, CROSSENTROPY, SGD(), order, 8)
    assert_array_equal(values[2], example.parameters[0])
    assert_near(values, expected, 1e-4)


@pytest.mark.parametrize(
    "last",
    [
        [Conv2D(6, (1, 1))],
        [Conv2D(6, (2, 2), padding=((1, 1), (1, 1))), MaxPooling2D((2, 2), (2, 2))],
    ],
    ids=["one pixel", "padded"],
)
def test_a_convolution_behind_a_large_dense_layer(last: list[Op]) -> None:
    ops = [Dense(512), Relu(), *last, Flatten(), Dense(5), Softmax()]
    example = networks.example(networks.chain((1, 1, 128), ops), 0)
    order = np.arange(24)
    trained = [train(e, example, CROSSENTROPY, SGD(), order, 24)[0] for e in EXTREMES]
    expected, _ = train(REFERENCE, example, CROSSENTROPY, SGD(), order, 24)
    assert_near(same_everywhere(trained), expected, 1e-4)


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        (Softmax(), SparseCategoricalCrossentropy()),
        (Tanh(), SparseCategoricalCrossentropy()),
        (Tanh(), BinaryCrossentropy()),
        (Sigmoid(), BinaryCrossentropy()),
    ],
    ids=str,
)
def test_a_loss_does_not_hide_what_is_not_a_number(last: Op, loss: Loss) -> None:
    example = networks.example(networks.chain((4,), [Dense(5), last]), 0, samples=3)
    if isinstance(loss, BinaryCrossentropy):
        example = replace(example, targets=np.ones((3, 5), np.float32))
    example.parameters[0][...] = np.nan
    (losses, *_), _ = train(NATIVES[1], example, loss, SGD(), np.arange(3), 3)
    assert np.isnan(losses).all()


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("before", [[], [Conv2D(1, (1, 1), use_bias=False), Relu()]], ids=str)
def test_max_pooling_keeps_what_is_not_a_number(before: list[Op], place: int) -> None:
    image = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    image.flat[place] = np.nan
    graph = networks.chain((2, 2, 1), [*before, MaxPooling2D((2, 2), (2, 2))])
    weights = [np.ones(parameter.shape, np.float32) for parameter in graph.parameters]
    for engine in (*NATIVES, REFERENCE):
        assert np.isnan(networks.predictor(engine, graph, weights).run(image)).all()


def test_the_code_of_a_wide_layer_is_no_longer_than_that_of_a_narrow_one() -> None:
    narrow, wide = (
        training(
            networks.chain((4,), [Dense(units)]), Machine.detect(4), [SQUARES], [1.0], Adam()
        ).code
        for units in (800, 80000)
    )
    assert len(wide) < 1.2 * len(narrow)


class Unheard(Op):
    """An operation that no compiler knows."""

    def output_shape(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:
        return inputs[0]


def test_what_cannot_be_compiled_says_what_can() -> None:
    unheard = Graph(((3,),), (Node(Unheard(), (0,), (), "strange"),), (), (1,))
    with pytest.raises(
        EngineError,
        match=r"^The native engine has no Unheard \(layer strange\); the engine 'reference' "
        r"computes every operation\.$",
    ):
        networks.predictor(NATIVES[0], unheard, [])
