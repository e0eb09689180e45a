"""How the inputs or outputs of a model are handed over: one alone, a list, or by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from pellucid.errors import ArgumentError


@dataclass(frozen=True)
class Structure:
    """The form in which values are given and taken.

    names: what each value is called, in the order of the model. keys: of a dictionary, in the
    order in which it was written; None for a single value or a list.
    """

    names: tuple[str, ...]
    keys: tuple[str, ...] | None = None

    @classmethod
    def of(cls, given: Any) -> tuple[list[Any], Self]:
        """The values of a single tensor, a list or a dictionary of tensors, and its form.

        A dictionary's values are put in the order of its keys, sorted, as Keras does.
        """
        if isinstance(given, dict):
            ordered = sorted(given)
            return [given[key] for key in ordered], cls(tuple(ordered), tuple(given))
        values = list(given) if isinstance(given, list | tuple) else [given]
        return values, cls(tuple(getattr(value, "name", "") for value in values))

    def take(self, given: Any, what: str) -> list[Any]:
        """One by one, in the order of the model: what was given in this form, or by name.

        what: says in the message what it is that should be given.
        Raises ArgumentError if something is missing or too much.
        """
        if isinstance(given, dict):
            if sorted(given) != sorted(self.names):
                raise ArgumentError(
                    f"{what} takes {self._wanted()} by name, got {', '.join(map(str, given))}."
                )
            return [given[name] for name in self.names]
        several = isinstance(given, list | tuple) and (
            len(self.names) > 1 or (len(given) == 1 and hasattr(given[0], "shape"))
        )
        values = list(given) if several else [given]
        if len(values) != len(self.names):
            raise ArgumentError(
                f"{what} takes {len(self.names)}: {self._wanted()}, as a list in this order or as "
                f"a dictionary; got {len(values)}."
            )
        return values

    def pack(self, values: Sequence[Any]) -> Any:
        """Values in the order of the model, handed over in this form."""
        if self.keys is not None:
            by_name = dict(zip(self.names, values, strict=True))
            return {key: by_name[key] for key in self.keys}
        return values[0] if len(values) == 1 else list(values)

    def _wanted(self) -> str:
        return ", ".join(self.names)
