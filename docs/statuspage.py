"""Every status word by name, and what the terminal's library makes of it: a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final

import errorpages

from jukicard.apdu import CommandApdu, StatusWord
from jukihost.errors import error_for

FAMILIES: Final = {
    "61XX": (StatusWord(0x6110), "done, XX more bytes wait for GET RESPONSE"),
    "63CX": (StatusWord(0x63C2), "the comparison failed, X tries are left"),
    "6CXX": (StatusWord(0x6C10), "wrong Le, XX is the right one"),
}
"""Those whose last digits are a number, each with one of them."""
ASKED: Final = {
    "SELECT by name": CommandApdu.parse(bytes.fromhex("00A40400")),
    "VERIFY": CommandApdu.parse(bytes.fromhex("00200080")),
    "an authentication": CommandApdu.parse(bytes.fromhex("00820000")),
    "any other command": CommandApdu.parse(bytes.fromhex("00B0000000")),
}
"""A command of each kind for which an answer means something of its own."""


def named() -> list[StatusWord]:
    """Return the fixed ones, in their order."""
    names = [name for name in StatusWord.__annotations__ if name.isupper()]
    return sorted(getattr(StatusWord, name) for name in names)


def page() -> str:
    """Return the page, as Markdown."""
    rows = [(f"{one.hex}", one, one.meaning) for one in named()]
    rows += [(text, one, meaning) for text, (one, meaning) in FAMILIES.items()]
    head = ("status", "means", *(f"`jukihost`, after {what}" for what in ASKED))
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(_row(*row)) for row in sorted(rows)]
    return (
        "\n\n".join(
            (
                "# Status words",
                "Printed from the code. What a status word says is ISO/IEC 7816-4:2020's (tables "
                "6 and 7), in a few words; behind it stands the error that `jukihost` raises. "
                "Sessions say more where they know more: `PinNotVerified` in place of "
                "`SecurityStatusNotSatisfied`, say. A channel collects what 61XX and 6CXX announce "
                "by itself. What to do stands below, in the words of the page of "
                "[`jukicard bench`](../bench.md), which shows the card's own reason beside them.",
                "\n".join(f"| {line} |" for line in lines),
                *_rules(),
            )
        )
        + "\n"
    )


def _rules() -> Iterator[str]:
    """Yield what to do about each, at an anchor of its own: `#status-6982`."""
    read = resources.files("jukicard.cli.bench") / "page" / "rules.json"
    rules: dict[str, Any] = json.loads(read.read_text("utf-8"))
    for status, rule in sorted(rules.items()):
        (title, todo), (titled, japanese) = rule["en"], rule["ja"]
        page = f"[{rule['manual'].removesuffix('.md')}](../{rule['manual']})"
        yield f"(status-{status.lower()})=\n## `{status}`: {title}\n\n{todo}"
        yield f"{titled}：{japanese}\n\nMore on the page {page}."


def _row(shown: str, status: StatusWord, meaning: str) -> Iterator[str]:
    yield f"`{shown}`"
    yield meaning
    for command in ASKED.values():
        error = error_for(command, status)
        if error is None:
            yield ""
        else:
            kind = type(error)
            yield f"[`{kind.__name__}`](errors.md#error-{errorpages.code(kind)})"
