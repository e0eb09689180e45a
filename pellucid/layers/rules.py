"""Rules about weights that layers take as arguments: by name, as a configuration, or themselves."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from pellucid.errors import ArgumentError, unknown_name
from pellucid.layers.naming import snake_case


@dataclass(frozen=True)
class Rule:
    """A rule that is its class and its arguments, and nothing else.

    A kind of rules, such as the initializers, is a subclass that says its word for errors; the
    rules of this kind are the subclasses of that, known by their names.
    """

    kind: ClassVar[str]
    known: ClassVar[dict[str, type[Any]]]

    def __init_subclass__(cls, kind: str | None = None) -> None:
        if kind is not None:
            cls.kind, cls.known = kind, {}
        elif not cls.__name__.startswith("_"):
            cls.known[snake_case(cls.__name__)] = cls

    @classmethod
    def get(cls, identifier: Any) -> Self:
        """A rule of this kind from its name ('he_normal', 'HeNormal'), configuration, or itself.

        Raises UnknownNameError, with the nearest known name, for any other, and ArgumentError for
        arguments that it does not have.
        """
        if isinstance(identifier, cls):
            return identifier
        name: Any = identifier
        config: dict[str, Any] = {}
        if isinstance(identifier, dict):
            name, config = identifier.get("class_name"), identifier.get("config") or {}
        rule = cls.known.get(snake_case(str(name)))
        if rule is None:
            raise unknown_name(cls.kind, name, cls.known)
        wrong = set(config) - {field.name for field in fields(rule)}
        if wrong:
            raise ArgumentError(f"{rule.__name__} has no argument {', '.join(sorted(wrong))}.")
        made: Self = rule(**config)
        return made

    def get_config(self) -> dict[str, Any]:
        """The class and its arguments as plain JSON."""
        return {"class_name": type(self).__name__, "config": asdict(self)}
