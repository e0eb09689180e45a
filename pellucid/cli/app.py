"""The commands and their options. What they do is in the modules beside; nothing heavy is here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from pellucid.cli.formats import Format
from pellucid.errors import InterruptedRunError


class _Group(typer.core.TyperGroup):
    """Hears Ctrl-C itself: what Typer makes of it depends on Typer's version."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise InterruptedRunError("Stopped.") from None


app = typer.Typer(
    cls=_Group,
    name="pellucid",
    help="Convolutional networks you can see through.",
    epilog="Begin with: pellucid train",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

DATA_HELP = (
    "A data set by name (mnist, fashion_mnist, cifar10), or the path of an .npz file of your own."
)
LIMIT_HELP = "Use only the first samples of each part."
THREADS_HELP = "Threads of the native engine; they never change a result."

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]
DataOption = Annotated[
    str | None, typer.Option(metavar="NAME|FILE", help=DATA_HELP, show_default="the run's own")
]
EngineOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="native or reference.", show_default="the run's own"),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help=THREADS_HELP, show_default="all cores")
]
LimitOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="SAMPLES", help=LIMIT_HELP),
]


def _examples(*lines: str) -> str:
    """The end of a help text: each example on a line of its own."""
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"  {line}" for line in lines)


def _show_version(wanted: bool) -> None:
    if wanted:
        from pellucid import __version__

        typer.echo(f"pellucid {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog=_examples(
        "pellucid train",
        "pellucid train --data cifar10 --network resnet --epochs 10",
        "pellucid train --data fashion_mnist --epochs 10 --optimizer adam --learning-rate 0.0005",
        "pellucid train --data mine.npz --network mine.json --out runs/mine",
        "pellucid train --resume runs/mine --epochs 20",
    )
)
def train(
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help=DATA_HELP, show_default="mnist", rich_help_panel="What"
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="A network by name (textbook, lenet5, vgg, resnet, mobilenet, xception_small), "
            "or the model.json of a run.",
            show_default="textbook",
            rich_help_panel="What",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="SAMPLES", help=LIMIT_HELP, rich_help_panel="What"),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Passes over the data.", show_default="5", rich_help_panel="Training"
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Samples a step.", show_default="64", rich_help_panel="Training"),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="sgd, rmsprop, adam or adamw.",
            show_default="rmsprop",
            rich_help_panel="Training",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(show_default="the optimizer's", rich_help_panel="Training"),
    ] = None,
    momentum: Annotated[
        float | None,
        typer.Option(help="Of sgd and rmsprop.", show_default="0", rich_help_panel="Training"),
    ] = None,
    nesterov: Annotated[
        bool | None,
        typer.Option("--nesterov", help="With sgd's momentum.", rich_help_panel="Training"),
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option(help="Of adamw.", show_default="0.004", rich_help_panel="Training"),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="sparse_categorical_crossentropy, categorical_crossentropy, "
            "binary_crossentropy or mean_squared_error.",
            show_default="sparse_categorical_crossentropy",
            rich_help_panel="Training",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Fixes every random number.", show_default="0", rich_help_panel="Training"
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="native or reference.",
            show_default="native",
            rich_help_panel="Engine",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help=THREADS_HELP, show_default="all cores", rich_help_panel="Engine"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where the run is saved; the folder must be new.",
            show_default="runs/<data>-<network>-<time>",
            rich_help_panel="Run",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with a run after its last whole epoch. Its settings stay; only --epochs, "
            "--threads and --quiet may be given.",
            rich_help_panel="Run",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say only the result.", rich_help_panel="Run")
    ] = False,
) -> None:
    """Train a network, tell its accuracy on the test samples, and save the run."""
    from pellucid.cli import training

    given: dict[str, Any] = {
        "data": data,
        "network": network,
        "limit": limit,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "momentum": momentum,
        "nesterov": nesterov,
        "weight_decay": weight_decay,
        "loss": loss,
        "seed": seed,
        "engine": engine,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if resume is None:
        if epochs is not None:
            given["epochs"] = epochs
        settings = training.Settings(**given)
        training.train(settings, out=out, threads=threads, quiet=quiet)
        return
    if out is not None:
        given["out"] = out
    if given:
        options = ", ".join("--" + name.replace("_", "-") for name in given)
        raise typer.BadParameter(
            f"{options} cannot be given: the settings are those of the run {resume}.",
            param_hint="--resume",
        )
    training.resume(resume, epochs=epochs, threads=threads, quiet=quiet)


@app.command(
    epilog=_examples(
        "pellucid evaluate runs/mine",
        "pellucid evaluate runs/mine --data other.npz --format json",
    )
)
def evaluate(
    run: RunArgument,
    data: DataOption = None,
    limit: LimitOption = None,
    format: Annotated[Format, typer.Option(help="How to write the figures.")] = Format.text,
    engine: EngineOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Tell the loss and the accuracy of a trained network on the test samples."""
    from pellucid.cli import answers

    answers.evaluate(run, data, limit, format, engine, threads)


@app.command(
    epilog=_examples(
        "pellucid predict runs/mine --index 7 --index 8",
        "pellucid predict runs/mine pictures.npy --format csv > answers.csv",
    )
)
def predict(
    run: RunArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="An .npy file of images (image, height, width, channel), or an .npz file with "
            "one such array; bytes are read as 0 to 1.",
        ),
    ] = None,
    index: Annotated[
        list[int] | None,
        typer.Option(help="The number of an image; may be given again.", show_default="all"),
    ] = None,
    data: DataOption = None,
    format: Annotated[Format, typer.Option(help="How to write the answers.")] = Format.text,
    engine: EngineOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Tell the class of images: those in FILE, or test samples of the run's data by --index."""
    from pellucid.cli import answers

    answers.predict(run, file, index or [], data, format, engine, threads)


@app.command(
    epilog=_examples(
        "pellucid summary",
        "pellucid summary textbook --input-shape 64,64,3 --classes 2",
        "pellucid summary runs/mine",
    )
)
def summary(
    network: Annotated[
        str, typer.Argument(help="A network by name, a model.json, or the folder of a run.")
    ] = "textbook",
    input_shape: Annotated[
        str,
        typer.Option(metavar="H,W,C", help="What a named network reads: height, width, channels."),
    ] = "28,28,1",
    classes: Annotated[int, typer.Option(min=1, help="What a named network tells apart.")] = 10,
) -> None:
    """Show the shape table of a network: every layer's feature map, weights and cost."""
    from pellucid.cli import networks

    networks.summary(network, input_shape, classes)
