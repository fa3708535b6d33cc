"""Writes what the manual prints from the code when it is built: a page for each face, and tables.

Docstrings here are Markdown, as the rest of the manual, so they are put into a page as they stand.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import tablepages

FACES = {
    "jukicard": "The card",
    "jukicard.kit": "For authors of an application",
    "jukicard.testing": "For tests",
    "jukihost": "The terminal's side",
    "jukihost.tokens": "Tokens for keys",
    "jukihost.database": "The terminal's database and clock",
    "jukihost.issuing": "Where cards and certificates come from",
    "jukihost.exports": "What leaves a database",
    "jukihost.ledger": "The ledger of cards and operators",
    "jukihost.log": "The log of uses",
    "jukihost.paper": "Documents on paper",
    "jukihost.receipts": "Receipts of cards",
    "jukihost.readers": "Readers",
    "jukihost.register": "The register of residents",
    "jukihost.testing": "For tests of terminals",
    "jukihost.workflows": "Procedures of the counter",
}
"""The modules that users import from, and what their pages are called."""
_LONGEST_VALUE = 60


def pages() -> dict[str, str]:
    """Return each page of the reference by its name, as Markdown."""
    return {f"api-{face}": page(face, title) for face, title in FACES.items()} | tablepages.pages()


def write(folder: Path) -> None:
    """Write the pages into a folder, those that changed only."""
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def page(face: str, title: str) -> str:
    """Return the page of one face: its own words, then every name in it by kind."""
    module = importlib.import_module(face)
    parts = [f"# {title}: `{face}`", _doc(module)]
    for heading, names in _grouped(module):
        parts.append(f"## {heading}")
        parts += [entry(name, getattr(module, name)) for name in names]
    return "\n\n".join(parts) + "\n"


def _grouped(module: ModuleType) -> Iterator[tuple[str, list[str]]]:
    kinds: dict[str, list[str]] = {"Classes": [], "Functions": [], "Errors": [], "Values": []}
    for name in sorted(module.__all__, key=str.lower):
        value = getattr(module, name)
        if inspect.isclass(value):
            kinds["Errors" if issubclass(value, BaseException) else "Classes"].append(name)
        else:
            kinds["Functions" if inspect.isroutine(value) else "Values"].append(name)
    return ((heading, names) for heading, names in kinds.items() if names)


def entry(name: str, value: object) -> str:
    """Return the section of one name: how it is called, what it says, what it has."""
    if inspect.isclass(value):
        return "\n\n".join([f"### {name}", *_class_parts(name, value)])
    if inspect.isroutine(value):
        return f"### {name}\n\n{_code(f'{name}{_signature(value)}')}\n\n{_doc(value)}"
    shown = repr(value)
    kept = shown if len(shown) <= _LONGEST_VALUE else type(value).__name__
    return f"### {name}\n\n{_code(f'{name} = {kept}')}"


def _class_parts(name: str, value: type) -> Iterator[str]:
    if issubclass(value, enum.Enum):
        yield _doc(value)
        members = [f"`{name}.{member.name}`" for member in value]
        yield "One of: " + ", ".join(members) + "."
        return
    if not getattr(value, "_is_protocol", False) and not issubclass(value, BaseException):
        yield _code(f"{name}{_signature(value)}")
    bases = [base.__name__ for base in value.__bases__ if base is not object]
    if issubclass(value, BaseException):
        yield f"A kind of `{bases[0]}`."
    yield _doc(value)
    for member, found in sorted(_members(value).items()):
        yield from _member(member, found)


def _members(value: type) -> dict[str, object]:
    """Return the public members of a class, those of our own bases too."""
    found: dict[str, object] = {}
    for base in reversed(value.__mro__):
        if base.__module__.partition(".")[0] in {"jukicard", "jukihost"}:
            own = {name: one for name, one in vars(base).items() if not name.startswith("_")}
            found |= {name: one for name, one in own.items() if _says(one) or name not in found}
    return found


def _says(member: object) -> bool:
    """Tell whether a member has words of its own; one without keeps those it overrides."""
    if isinstance(member, (classmethod, staticmethod)):
        member = member.__func__
    return bool(getattr(member, "__doc__", None))


def _member(name: str, found: object) -> Iterator[str]:
    if isinstance(found, (classmethod, staticmethod)):
        found = found.__func__
    if isinstance(found, property):
        yield f"`{name}`\n: {_first(found.fget)}"
    elif inspect.isfunction(found):
        yield f"`{name}{_signature(found, method=True)}`\n: {_first(found)}"


def _signature(value: object, *, method: bool = False) -> str:
    try:
        signature = inspect.signature(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return "(...)"
    parameters = list(signature.parameters.values())
    if method and parameters and parameters[0].name in {"self", "cls"}:
        parameters = parameters[1:]
    plain = [one.replace(default=_shown_default(one)) for one in parameters]
    text = str(signature.replace(parameters=plain)).replace("'", "")
    return re.sub(
        r"\b(?:jukicard|jukihost|collections|typing|datetime)\.(?:\w+\.)*(?=\w)", "", text
    )


class _Shown:
    """A default value as the reader needs it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _shown_default(parameter: inspect.Parameter) -> object:
    default = parameter.default
    if default is inspect.Parameter.empty or default is None:
        return default
    if default is dataclasses.MISSING or type(default).__name__ == "_HAS_DEFAULT_FACTORY_CLASS":
        return _Shown("...")
    if inspect.isroutine(default) or inspect.isclass(default):
        return _Shown(default.__name__)
    if isinstance(default, enum.Enum):
        return _Shown(str(default.name))
    shown = repr(default)
    return _Shown(shown if len(shown) <= _LONGEST_VALUE and " at 0x" not in shown else "...")


def _code(text: str) -> str:
    return f"```text\n{text}\n```"


_ITEM = re.compile(r"([A-Za-z_]\w*(?:, \w+)*): ")


def _doc(value: object) -> str:
    """Return a docstring as Markdown: examples fenced, lists of parameters as lists."""
    done: list[str] = []
    example: list[str] = []
    before = ""
    for line in [*(inspect.getdoc(value) or "").splitlines(), ""]:
        if line.startswith("    ") and not before.startswith("- "):
            example.append(line[4:])
            continue
        if example and line.strip():
            done += ["```text", *example, "```"]
            example = []
        elif example:
            example.append(line)
            continue
        item = _ITEM.match(line)
        if item and (not before or before.startswith("- ")):
            shown = f"- `{item[1]}`: {line[item.end() :]}"
        else:
            shown = "  " + line.strip() if line.startswith("    ") else line
        done.append(shown)
        before = before if shown.startswith("  ") else shown
    if example:
        done += ["```text", *example, "```"]
    return "\n".join(done).strip()


def _first(value: object) -> str:
    return _doc(value).replace("\n", "\n  ") or "..."
