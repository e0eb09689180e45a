"""The reference engine: whole networks against PyTorch, and what the protocol promises."""

from __future__ import annotations

from dataclasses import dataclass, replace

import networks
import numpy as np
import oracles
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from pellucid import engines
from pellucid.engines.reference import ReferenceEngine
from pellucid.errors import ArgumentError, ShapeError, UnknownNameError
from pellucid.graph import Graph, Node, Parameter, logits
from pellucid.ops.activations import Relu, Sigmoid, Softmax
from pellucid.ops.base import Array, Context, Gradients, Op
from pellucid.ops.dense import Dense
from pellucid.ops.dropout import Dropout
from pellucid.ops.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from pellucid.ops.optimizers import SGD, Adam, Optimizer
from pellucid.shapes import Shape

DOUBLE = ReferenceEngine(np.float64)
CROSSENTROPY = SparseCategoricalCrossentropy()
every_seed = pytest.mark.parametrize("seed", range(10))


def slots_for(parameters: list[Array], optimizer: Optimizer) -> list[list[Array]]:
    return [[np.zeros_like(p) for _ in range(optimizer.slot_count)] for p in parameters]


def gradients_of(engine: engines.Engine, example: networks.Example) -> list[Array]:
    """The gradient of the mean loss: what one step of plain momentum leaves in its slots."""
    optimizer = SGD(learning_rate=1.0, momentum=0.5)
    parameters = [parameter.copy() for parameter in example.parameters]
    slots = slots_for(parameters, optimizer)
    trainer = networks.trainer(
        engine, example.graph, parameters, CROSSENTROPY, optimizer, slots, seed=0
    )
    order = np.arange(len(example.images))
    trainer.run(example.images, example.targets, order, len(order), 0)
    return [-slot for (slot,) in slots]


def double(example: networks.Example) -> networks.Example:
    return replace(example, parameters=[p.astype(np.float64) for p in example.parameters])


@every_seed
def test_forward_and_gradients_agree_with_pytorch(seed: int) -> None:
    example = double(networks.example(networks.random_network(seed), seed))
    parameters = [oracles.tensor(parameter) for parameter in example.parameters]
    outputs = oracles.network(example.graph, oracles.tensor(example.images), parameters)
    predictor = networks.predictor(DOUBLE, example.graph, example.parameters)
    assert_allclose(predictor.run(example.images), outputs.detach(), rtol=1e-10, atol=1e-12)

    loss = torch.nn.functional.nll_loss(outputs.log(), torch.tensor(example.targets).long())
    loss.backward()
    for ours, theirs in zip(gradients_of(DOUBLE, example), parameters, strict=True):
        assert_allclose(ours, theirs.grad, rtol=1e-8, atol=1e-11)


@every_seed
@pytest.mark.parametrize("nesterov", [False, True])
def test_ten_training_steps_agree_with_pytorch(seed: int, nesterov: bool) -> None:
    example = double(networks.example(networks.random_network(seed), seed))
    optimizer = SGD(learning_rate=0.03125, momentum=0.75, nesterov=nesterov)
    theirs = [oracles.tensor(parameter) for parameter in example.parameters]
    peer = torch.optim.SGD(theirs, lr=0.03125, momentum=0.75, nesterov=nesterov)
    trainer = networks.trainer(
        DOUBLE,
        example.graph,
        example.parameters,
        CROSSENTROPY,
        optimizer,
        slots_for(example.parameters, optimizer),
        seed=0,
    )
    order = np.random.default_rng(seed).integers(0, len(example.images), 77)
    ours = trainer.run(example.images, example.targets, order, 8, 0)
    losses, predictions = [], []
    for start in range(0, len(order), 8):
        batch = order[start : start + 8]
        outputs = oracles.network(example.graph, oracles.tensor(example.images[batch]), theirs)
        wanted = torch.tensor(example.targets[batch]).long()
        by_sample = torch.nn.functional.nll_loss(outputs.log(), wanted, reduction="none")
        losses.append(by_sample.detach())
        predictions.append(outputs.detach())
        peer.zero_grad()
        by_sample.mean().backward()
        peer.step()
    assert_allclose(ours.losses, torch.cat(losses), rtol=1e-7, atol=1e-10)
    assert_allclose(ours.predictions, torch.cat(predictions), rtol=1e-7, atol=1e-10)
    for parameter, expected in zip(example.parameters, theirs, strict=True):
        assert_allclose(parameter, expected.detach(), rtol=1e-7, atol=1e-9)


@every_seed
def test_single_precision_is_near_double(seed: int) -> None:
    example = networks.example(networks.random_network(seed), seed)
    outputs = networks.predictor(ReferenceEngine(), example.graph, example.parameters).run(
        example.images
    )
    assert outputs.dtype == np.float32
    expected = networks.predictor(DOUBLE, example.graph, example.parameters).run(example.images)
    assert_allclose(outputs, expected, rtol=1e-4, atol=1e-6)
    singles, doubles = (gradients_of(engine, example) for engine in (ReferenceEngine(), DOUBLE))
    for single, reliable in zip(singles, doubles, strict=True):
        assert_allclose(single, reliable, rtol=1e-3, atol=1e-5)


@every_seed
def test_an_answer_depends_on_its_own_image_only(seed: int) -> None:
    example = networks.example(networks.random_network(seed), seed, samples=70)
    predictor = networks.predictor(ReferenceEngine(), example.graph, example.parameters)
    together = predictor.run(example.images)
    for place in (0, 5, 69):
        assert_array_equal(predictor.run(example.images[place : place + 1])[0], together[place])


def test_steps_are_told_as_they_are_taken() -> None:
    """Several steps in one call are as many calls, dropout and a short last batch included."""
    graph = networks.chain((6,), [Dense(8), Relu(), Dropout(0.5), Dense(3), Softmax()])
    together, apart = (networks.example(graph, 0, samples=10) for _ in range(2))
    order = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3])
    told = []
    for example, parts in ((together, [(0, 10)]), (apart, [(0, 4), (4, 8), (8, 10)])):
        optimizer = Adam()
        slots = slots_for(example.parameters, optimizer)
        trainer = networks.trainer(
            ReferenceEngine(), graph, example.parameters, CROSSENTROPY, optimizer, slots, seed=1
        )
        told.append(
            [
                trainer.run(example.images, example.targets, order[first:last], 4, first // 4)
                for first, last in parts
            ]
        )
    assert_array_equal(told[0][0].losses, np.concatenate([steps.losses for steps in told[1]]))
    for parameter, expected in zip(together.parameters, apart.parameters, strict=True):
        assert_array_equal(parameter, expected)
    assert told[0][0].losses.dtype == told[0][0].predictions.dtype == np.float32
    assert told[0][0].predictions.shape == (10, 3)


def test_every_dropout_of_a_network_drops_for_itself() -> None:
    """Its own number in the graph is part of its key, on the way forward and on the way back."""
    graph = networks.chain((500,), [Dropout(0.5), Dropout(0.5)])
    images = np.ones((2, 500), np.float32)
    trainer = networks.trainer(ReferenceEngine(), graph, [], MeanSquaredError(), SGD(), [], seed=9)
    output = trainer.run(images, images, np.arange(2), 2, 4).predictions
    expected = images
    for node in range(2):
        context = Context(training=True, seed=9, step=4, node=node)
        expected = Dropout(0.5).forward((expected,), (), context)
    assert_array_equal(output, expected)
    assert 0.2 < (output > 0).mean() < 0.3

    weights = np.zeros((500, 1), np.float32)
    graph = networks.chain((500,), [Dropout(0.5), Dropout(0.5), Dense(1, use_bias=False)])
    optimizer = SGD(learning_rate=1.0, momentum=0.5)
    slots = slots_for([weights], optimizer)
    loss = MeanSquaredError()
    trainer = networks.trainer(ReferenceEngine(), graph, [weights], loss, optimizer, slots, seed=9)
    trainer.run(images, np.ones((2, 1), np.float32), np.arange(1), 1, 4)
    assert_array_equal(slots[0][0][:, 0], 2 * expected[0])


def test_only_what_is_trainable_changes() -> None:
    example = networks.example(networks.chain((6,), [Dense(4), Relu(), Dense(5)]), 0)
    first, *others = example.graph.parameters
    graph = replace(example.graph, parameters=(replace(first, trainable=False), *others))
    before = [parameter.copy() for parameter in example.parameters]
    optimizer = SGD()
    slots = slots_for(example.parameters[1:], optimizer)
    trainer = networks.trainer(
        ReferenceEngine(), graph, example.parameters, MeanSquaredError(), optimizer, slots, seed=0
    )
    targets = np.ones((24, 5), np.float32)
    trainer.run(example.images, targets, np.arange(24), 24, 0)
    changed = [bool((a != b).any()) for a, b in zip(before, example.parameters, strict=True)]
    assert changed == [False, True, True, True]


@dataclass(frozen=True)
class Product(Op):
    """The product of two values: an operation with two inputs, for a graph that is no chain."""

    def output_shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def forward(
        self, inputs: tuple[Array, ...], parameters: tuple[Array, ...], context: Context
    ) -> Array:
        return inputs[0] * inputs[1]

    def backward(
        self,
        gradient: Array,
        inputs: tuple[Array, ...],
        parameters: tuple[Array, ...],
        output: Array,
        context: Context,
    ) -> Gradients:
        return Gradients((gradient * inputs[1], gradient * inputs[0]))


def test_gradients_that_meet_are_summed() -> None:
    """y = (x w)(x w) with one weight, used twice, and one value, read three times: 4 times x w."""
    dense = Dense(1, use_bias=False)
    graph = Graph(
        ((1,),),
        (
            Node(dense, (0,), (0,), "a"),
            Node(dense, (0,), (0,), "b"),
            Node(Product(), (1, 2), (), "product"),
            Node(Product(), (3, 1), (), "cube"),
        ),
        (Parameter("weight", (1, 1)),),
        (4,),
    )
    graph.verify()
    weight, images = np.array([[2.0]]), np.array([[3.0]])
    optimizer = SGD(learning_rate=1.0, momentum=0.5)
    slots = slots_for([weight], optimizer)
    trainer = networks.trainer(
        DOUBLE, graph, [weight], MeanSquaredError(), optimizer, slots, seed=0
    )
    steps = trainer.run(images, np.array([[215.0]]), np.array([0]), 1, 0)
    assert steps.predictions == 6.0**3
    # d/dw ((x w)^3 - t)^2 = 2 ((x w)^3 - t) * 3 (x w)^2 * x
    assert slots[0][0] == -2 * (216 - 215) * 3 * 36 * 3


@pytest.mark.parametrize(
    ("last", "loss", "trained"),
    [
        (Softmax(), SparseCategoricalCrossentropy(), SparseCategoricalCrossentropy(True)),
        (Softmax(), CategoricalCrossentropy(), CategoricalCrossentropy(True)),
        (Sigmoid(), BinaryCrossentropy(), BinaryCrossentropy(True)),
    ],
)
def test_probabilities_are_trained_on_their_logits(last, loss, trained) -> None:  # type: ignore[no-untyped-def]
    graph = networks.chain((4,), [Dense(3), last])
    shorter, (fused,), finishing = logits(graph, [loss])
    assert shorter == networks.chain((4,), [Dense(3)])
    assert (fused, finishing) == (trained, (last,))
    images, weights = np.full((1, 4), 100.0, np.float32), np.ones((4, 3), np.float32)
    weights[:, 1] = -1
    targets = np.array([1] if loss.target_dtype is np.int32 else [[0, 1, 0]], loss.target_dtype)
    parameters, optimizer = [weights, np.zeros(3, np.float32)], SGD()
    trainer = networks.trainer(
        ReferenceEngine(),
        graph,
        parameters,
        loss,
        optimizer,
        slots_for(parameters, optimizer),
        seed=0,
    )
    steps = trainer.run(images, targets, np.array([0]), 1, 0)
    assert steps.predictions.max() <= 1
    assert steps.losses[0] > 100, "a clipped probability could cost 16 at most"
    assert parameters[1][1] > 0, "a clipped probability would have no gradient"


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        (Softmax(), SparseCategoricalCrossentropy(from_logits=True)),
        (Softmax(), BinaryCrossentropy()),
        (Softmax(), MeanSquaredError()),
        (Sigmoid(), CategoricalCrossentropy()),
        (Relu(), BinaryCrossentropy()),
    ],
)
def test_other_pairs_are_trained_as_they_are(last, loss) -> None:  # type: ignore[no-untyped-def]
    graph = networks.chain((4,), [Dense(3), last])
    assert logits(graph, [loss]) == (graph, (loss,), (None,))


def test_verify_finds_what_is_wrong_with_a_graph() -> None:
    node = Node(Dense(2), (0,), (0, 1), "dense")
    parameters = (Parameter("kernel", (3, 2)), Parameter("bias", (2,)))
    Graph(((3,),), (node,), parameters, (1,)).verify()
    with pytest.raises(ShapeError, match=r"^Node 0 \(dense\) reads a value that comes later\.$"):
        Graph(((3,),), (replace(node, inputs=(1,)),), parameters, (1,)).verify()
    with pytest.raises(
        ShapeError,
        match=r"^Layer dense needs parameters of the shapes \(\(4, 2\), \(2,\)\), "
        r"got \(\(3, 2\), \(2,\)\)\.$",
    ):
        Graph(((4,),), (node,), parameters, (1,)).verify()
    with pytest.raises(ShapeError, match=r"^The values \[1\] are computed but never read\.$"):
        Graph(((3,),), (node, node), parameters, (2,)).verify()
    with pytest.raises(ShapeError, match=r"^The outputs \(2,\) are not all among the 2 values\.$"):
        Graph(((3,),), (node,), parameters, (2,)).verify()


def test_an_engine_has_a_name() -> None:
    engine = ReferenceEngine()
    assert engines.get(engine) is engine
    assert engines.get("reference").name == "reference"
    with pytest.raises(
        UnknownNameError,
        match=r"^Unknown engine 'nativ'\. Did you mean 'native'\? Known are: 'native', 'reference'",
    ):
        engines.get("nativ")
    with pytest.raises(ArgumentError, match=r"^An engine is a name or an Engine, got 3\.$"):
        engines.get(3)  # type: ignore[arg-type]


def test_a_training_that_diverges_is_told_by_its_loss_alone() -> None:
    """Warnings are errors here: NumPy must not speak of overflows besides."""
    example = networks.example(networks.chain((4,), [Dense(5), Dense(5), Softmax()]), 0)
    slots: list[list[Array]] = [[] for _ in example.parameters]
    optimizer = SGD(learning_rate=1e30)
    trainer = networks.trainer(
        ReferenceEngine(), example.graph, example.parameters, CROSSENTROPY, optimizer, slots, seed=0
    )
    losses, _ = trainer.run(example.images, example.targets, np.arange(24), 4, 0)
    assert not np.isfinite(losses).all()
