"""Networks that are no chains, the same lines run with Keras and with Pellucid."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from dags import NETWORKS

import pellucid
from pellucid.files import descriptions
from pellucid.models import Model, clone_model, model_from_json

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Make = Callable[[Any], Any]

every_network = pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)


@pytest.fixture(autouse=True)
def _fresh_names() -> None:
    keras.utils.clear_session()
    pellucid.utils.clear_session()


def inputs_of(model: Model) -> Any:
    """Random batches in the form that the model takes."""
    generator = np.random.default_rng(4)
    arrays = [
        generator.standard_normal((3, *tensor.sample_shape)).astype(np.float32)
        for tensor in model.inputs
    ]
    return model.input_form.pack(arrays)


def flat(outputs: Any) -> list[np.ndarray]:
    """Outputs one by one, in the order of their names if they have any."""
    if isinstance(outputs, dict):
        outputs = [outputs[name] for name in sorted(outputs)]
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return [keras.ops.convert_to_numpy(output) for output in outputs]


def assert_same_answers(ours: Model, theirs: Any) -> None:
    generator = np.random.default_rng(5)
    weights = [generator.uniform(0.1, 1, array.shape) for array in theirs.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    data = inputs_of(ours)
    for mine, other in zip(flat(ours(data)), flat(theirs(data)), strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-5, atol=2e-5)


@every_network
def test_names_weights_and_counts(make: Make) -> None:
    def seen(library: Any) -> dict[str, Any]:
        model = make(library)
        return {
            "name": model.name,
            "layers": [
                layer.name for layer in model.layers if type(layer).__name__ != "InputLayer"
            ],
            "inputs": len(model.inputs),
            "weights": [tuple(array.shape) for array in model.weights],
            "trained": [tuple(array.shape) for array in model.trainable_weights],
            "fixed": [tuple(array.shape) for array in model.non_trainable_weights],
            "params": [layer.count_params() for layer in model.layers],
            "total": model.count_params(),
            "input": model.input_shape,
            "output": model.output_shape,
            "trainable": [layer.trainable for layer in model.layers],
        }

    assert seen(pellucid) == seen(keras)


@every_network
def test_the_same_weights_give_the_same_answers(make: Make) -> None:
    assert_same_answers(make(pellucid), make(keras))


@every_network
def test_weights_have_the_paths_of_keras(make: Make) -> None:
    paths = [variable.path for variable in make(pellucid).variables()]
    theirs = [variable.path for variable in make(keras).weights]
    # Keras names a weight by the model in which it was built, which is not always the whole way.
    assert [path.split("/")[-2:] for path in paths] == [path.split("/")[-2:] for path in theirs]


@every_network
def test_a_configuration_makes_the_same_network(make: Make) -> None:
    model = make(pellucid)
    text = model.to_json()
    again = model_from_json(text)
    assert again.to_json() == text
    assert again.graph == model.graph
    again.set_weights(model.get_weights())
    for one, other in zip(
        flat(again(inputs_of(model))), flat(model(inputs_of(model))), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@every_network
def test_keras_reads_our_configuration(make: Make) -> None:
    model = make(pellucid)
    written = descriptions.written(json.loads(model.to_json()))
    theirs = keras.models.model_from_json(json.dumps(written))
    assert [layer.name for layer in theirs.layers] == [layer.name for layer in model.layers]
    assert_same_answers(model, theirs)


@every_network
def test_we_read_the_configuration_of_keras(make: Make) -> None:
    theirs = make(keras)
    model = model_from_json(
        json.dumps(descriptions.read(json.loads(theirs.to_json()), "model.keras"))
    )
    assert [layer.name for layer in model.layers] == [layer.name for layer in theirs.layers]
    assert_same_answers(model, theirs)


@every_network
def test_a_clone_is_the_same_network_with_weights_of_its_own(make: Make) -> None:
    model = make(pellucid)
    clone = clone_model(model)
    assert clone.to_json() == model.to_json()
    assert clone.graph == model.graph
    assert not {id(array) for array in clone.weights} & {id(array) for array in model.weights}
