"""Tables of text."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Table:
    """A title, columns, rows, and notes below. words: the columns that hold no numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    words: Sequence[int] = (0, 1)


def table_text(table: Table, width: int = 80) -> str:
    """The table as plain text, no line longer than `width` characters."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(_renderable(table))
    return capture.get().rstrip("\n")


def print_table(table: Table, width: int | None = None) -> None:
    """Print the table: in colour to a terminal, of the characters that the output knows."""
    from rich.console import Console

    Console(width=width).print(_renderable(table))


def print_text(text: str) -> None:
    """Print a text; characters that the output does not know become question marks."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


def _renderable(table: Table) -> RenderableType:
    from rich import box
    from rich.console import Group
    from rich.table import Table as RichTable
    from rich.text import Text

    grid = RichTable(box=box.SQUARE, header_style="bold")
    for number, column in enumerate(table.columns):
        grid.add_column(
            Text(column), justify="left" if number in table.words else "right", overflow="fold"
        )
    for row in table.rows:
        grid.add_row(*map(Text, row))
    return Group(Text(table.title, "bold"), grid, *map(Text, table.notes))
