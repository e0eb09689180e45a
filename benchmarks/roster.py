"""Who is measured, at what, and in which environment."""

from dataclasses import dataclass, field

PELLUCID = "Pellucid"
TRAIN, PREDICT, LATENCY = "train", "predict", "latency"


@dataclass(frozen=True)
class Entrant:
    """One worker program and the tasks that it is timed at."""

    name: str
    module: str
    environment: str
    tasks: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    keras_rmsprop: bool = False
    """Whether its RMSprop is Keras's formula, so that the weights after it can be compared."""


def keras(backend: str, environment: str, *tasks: str) -> Entrant:
    """Keras on one of its backends."""
    name = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "torch"}[backend]
    return Entrant(
        f"Keras on {name}",
        "benchmarks.peers.keras",
        environment,
        tasks,
        variables={"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"},
        keras_rmsprop=True,
    )


def pytorch(name: str, variant: str) -> Entrant:
    """PyTorch, one way of using it."""
    return Entrant(name, "benchmarks.peers.pytorch", "torch", (TRAIN, PREDICT, LATENCY), (variant,))


ROSTER = (
    Entrant(
        PELLUCID, "benchmarks.peers.pellucid", "main", (TRAIN, PREDICT, LATENCY), keras_rmsprop=True
    ),
    pytorch("PyTorch", "default"),
    pytorch("PyTorch channels-last", "channels-last"),
    pytorch("PyTorch torch.compile", "compile"),
    keras("tensorflow", "tensorflow", TRAIN, PREDICT, LATENCY),
    keras("jax", "torch", TRAIN, PREDICT, LATENCY),
    keras("torch", "torch", TRAIN, PREDICT, LATENCY),
    Entrant("ONNX Runtime", "benchmarks.peers.onnx_runtime", "torch", (PREDICT, LATENCY)),
)
