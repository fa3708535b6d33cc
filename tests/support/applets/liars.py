"""Objects of an application's own that pass for others, and tell when they are asked.

A liar is of a subclass that equals everything, and of whose methods each call is noted: outside
the application's budget none may come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

_SPECIAL: Final = (
    "__eq__", "__ne__", "__hash__", "__lt__", "__le__", "__gt__", "__ge__", "__repr__", "__str__",
    "__format__", "__bool__", "__len__", "__iter__", "__getitem__", "__contains__", "__index__",
    "__int__", "__bytes__", "__add__", "__radd__", "__call__", "__reduce_ex__", "__instancecheck__",
    "__subclasscheck__", "to_bytes", "hex", "startswith", "encode", "isprintable", "get", "keys",
    "items", "pop", "update", "add", "discard", "copy",
)  # fmt: skip

Inside = Callable[[], bool]


class Notebook:
    """What was asked of liars, and of it what was asked where no application runs."""

    def __init__(self) -> None:
        self.inside: Inside = lambda: True
        self.asked: list[str] = []
        self.outside: list[str] = []

    def note(self, what: str) -> None:
        self.asked.append(what)
        if not self.inside():
            self.outside.append(what)


NOTEBOOK: Final = Notebook()


def _noted(kind: type, name: str) -> Callable[..., Any]:
    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        NOTEBOOK.note(f"{kind.__name__}.{name}")
        if name in ("__eq__", "__contains__", "__instancecheck__", "__subclasscheck__"):
            return True
        if name == "__ne__":
            return False
        return getattr(kind, name)(self, *arguments, **named)

    return method


def lying(kind: type) -> Any:
    """A subclass of a type that equals everything and notes what it is asked."""
    methods: dict[str, Any] = {name: _noted(kind, name) for name in _SPECIAL if hasattr(kind, name)}
    if kind is not type:
        methods["__class__"] = property(lambda self: kind)  # to isinstance it is the real one
    return type(f"Lying{kind.__name__}", (kind,), methods)


LyingClass: Final = lying(type)
"""A metaclass: classes that equal every other class."""


def class_that_equals(kind: type, **members: Any) -> Any:
    """An object whose class has nothing to do with `kind`, equals it, and is named like it."""
    made = LyingClass(kind.__name__, (), members)
    made.__name__ = lying(str)(kind.__name__)
    return object.__new__(made)
