"""Every error of the terminal's side, by the code that programs and the log know it by: a table."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from inspect import getdoc
from pkgutil import walk_packages

import jukihost
from jukihost import CardError
from jukihost.texts import said_of_error
from jukihost.workflows import code_of, retry_after

_LEFT_OUT = (".migrations", "__main__", ".testing")


def errors() -> list[type[CardError]]:
    """Return every error that there is, by its code; those that only others derive from are not."""
    for module in walk_packages(jukihost.__path__, "jukihost."):
        if not any(part in module.name for part in _LEFT_OUT):
            import_module(module.name)
    found = {kind for kind in _below(CardError) if kind.__module__.startswith("jukihost.")}
    named = {kind for kind in found if not kind.__name__.startswith("_")}
    return sorted(named, key=code)


def code(kind: type[CardError]) -> str:
    """Return the code of a kind of error."""
    return code_of(kind.__new__(kind))


def _below(kind: type[CardError]) -> Iterator[type[CardError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def page() -> str:
    """Return the page, as Markdown."""
    parts = [
        "# Errors",
        "Printed from the code. `code` is what `jukihost counter --json` and the log say, `retry` "
        "what may help: `same_card` (put the same card back, type again, try again), `other_card`, "
        "`counter` (something has to be done at a counter, or by whoever looks after the system, "
        "first), `never`. What to do stands in the text of each error itself.",
    ]
    for kind in errors():
        meaning = (getdoc(kind) or "").partition("\n")[0]
        japanese = said_of_error(code(kind), "ja") or ""
        parts.append(f"(error-{code(kind)})=\n## `{code(kind)}`")
        parts.append(
            f"{meaning}\n\n{japanese}\n\n`{kind.__name__}`, retry `{retry_after(kind).value}`"
        )
    return "\n\n".join(parts) + "\n"
