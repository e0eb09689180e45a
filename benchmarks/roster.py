"""Who is measured, at what, and in which environment."""

from dataclasses import dataclass, field

PELLUCID = "Pellucid"
TRAIN, PREDICT, LATENCY = "train", "predict", "latency"
EVERYTHING = (TRAIN, PREDICT, LATENCY)
SGD, RMSPROP = "sgd", "rmsprop"


@dataclass(frozen=True)
class Entrant:
    """One worker program and the tasks that it is timed at."""

    name: str
    module: str
    environment: str
    tasks: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    comparable_rules: tuple[str, ...] = ()
    """The optimizers after whose steps the weights can be compared: those of one formula."""


def keras(backend: str, environment: str) -> Entrant:
    """Keras on one of its backends."""
    name = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "torch"}[backend]
    return Entrant(
        f"Keras on {name}",
        "benchmarks.peers.keras",
        environment,
        EVERYTHING,
        variables={"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"},
        comparable_rules=(SGD, RMSPROP),
    )


def pytorch(name: str, variant: str) -> Entrant:
    """PyTorch, one way of using it. Its RMSprop is not Keras's: epsilon is outside the root."""
    return Entrant(
        name,
        "benchmarks.peers.pytorch",
        "torch",
        EVERYTHING,
        (variant,),
        comparable_rules=(SGD,),
    )


ROSTER = (
    Entrant(
        PELLUCID,
        "benchmarks.peers.pellucid",
        "main",
        EVERYTHING,
        comparable_rules=(SGD, RMSPROP),
    ),
    pytorch("PyTorch", "default"),
    pytorch("PyTorch channels-last", "channels-last"),
    pytorch("PyTorch torch.compile", "compile"),
    keras("tensorflow", "tensorflow"),
    keras("jax", "torch"),
    keras("torch", "torch"),
    Entrant("ONNX Runtime", "benchmarks.peers.onnx_runtime", "torch", (PREDICT, LATENCY)),
)
