"""Does what a first page of the manual says, in an empty folder, as who reads it does.

A page's `{code-block}` with a caption is a file of that name, its `sh` blocks are typed into one
shell, one after the other, and each line of a `text` block has to appear among what was said since
the last `sh` block, in that order. What cannot be done offline is done otherwise: see `Stranger`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final

from tests.support.ports import kept_port
from tests.support.tree import ROOT

BLOCK: Final = re.compile(
    r"^```(?:\{code-block\} )?(?P<kind>\w+)\n(?::caption: (?P<file>\S+)\n)?(?P<text>.*?)^```$",
    re.M | re.S,
)
PORT: Final = "4000"
"""The one port that the pages name; a free one stands in for it."""
INSTALLED: Final = re.compile(
    r"python3 -m venv try\n\. try/bin/activate\npip install \./jukicard(?: pytest)?\n"
)
"""How each page begins. The walk has it all: whether a wheel can be installed, others test."""
PATIENCE = 120
"""Seconds until what a page promises must have appeared."""


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Return kind, name of the file where it is one, and text of every block of a page."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    found = [(one["kind"], one["file"] or "", one["text"]) for one in BLOCK.finditer(text)]
    assert len(found) == text.count("\n```") // 2, f"{page} has a block that nobody reads"
    return found


class Stranger:
    """Somebody with a shell in a folder, and nothing but a page.

    `pip install .` installs offline into a folder that Python looks into, and `make` looks whether
    there is such a target, without making it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._said = ""
        self._before = 0
        self._number = 0
        self._kept = ExitStack()
        self._port = str(self._kept.enter_context(kept_port()))
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"], cwd=folder, env=self._environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            encoding="utf-8", start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        offline = "--no-index --no-deps --no-build-isolation --quiet --target"
        self._type(
            f'pip() {{ {shlex.quote(sys.executable)} -m pip "$@" {offline} "$SITE"; }}\n'
            'make() { command make -n "$@" > /dev/null; }'
        )

    def _environment(self) -> dict[str, str]:
        site = self.folder.parent / "site"
        kept = {name: one for name, one in os.environ.items() if not name.startswith("PYTEST")}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SITE": str(site),
            "PYTHONPATH": str(site),
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "300",
        }

    def follow(self, page: str) -> int:
        """Do all that a page says; the number of lines that appeared as promised."""
        appeared = 0
        for kind, file, text in blocks(page):
            given = text.replace(f":{PORT}", f":{self._port}").replace(
                f" {PORT})", f" {self._port})"
            )
            if file:
                (self.folder / file).write_text(given, "utf-8")
            elif kind == "sh":
                if not INSTALLED.fullmatch(given):
                    self._type(given)
            elif kind == "text":
                appeared += self._see(given)
            else:
                raise AssertionError(f"{page}: nobody knows what to do with a block of {kind}")
        return appeared

    def close(self) -> None:
        """End the shell and what it has started."""
        assert self._shell.stdin is not None
        self._shell.stdin.write("kill $(jobs -p) 2> /dev/null; wait; exit\n")
        self._shell.stdin.close()
        try:
            self._shell.wait(60)
        finally:
            self._shell.kill()
            self._shell.wait()
            self._reader.join(60)
            assert self._shell.stdout is not None
            self._shell.stdout.close()
            self._kept.close()

    def _type(self, text: str) -> None:
        """Type a block, and wait until the shell is ready for the next."""
        self._number += 1
        self._before = len(self._said)
        script = self.folder.parent / f"typed-{self._number}.sh"
        script.write_text(text, "utf-8")
        done = f"<<{self._number}>>"
        assert self._shell.stdin is not None
        self._shell.stdin.write(f". {shlex.quote(str(script))} < /dev/null\necho '{done}'\n")
        self._shell.stdin.flush()
        self._wait(lambda said: done in said, f"the shell was not ready after:\n{text}")

    def _see(self, promised: str) -> int:
        wanted = [" ".join(line.split()) for line in promised.splitlines() if line.strip()]

        def shown(said: str) -> bool:
            lines = iter(" ".join(line.split()) for line in said.splitlines())
            return all(any(one in line for line in lines) for one in wanted)

        self._wait(shown, f"this did not appear:\n{promised}")
        return len(wanted)

    def _wait(self, satisfied: Callable[[str], bool], otherwise: str) -> None:
        until = time.monotonic() + PATIENCE
        while not satisfied(self._said[self._before :]):
            if time.monotonic() > until or self._shell.poll() is not None:
                raise AssertionError(f"{otherwise}\nbut:\n{self._said[self._before :]}")
            time.sleep(0.02)

    def _listen(self) -> None:
        told: IO[str] | None = self._shell.stdout
        assert told is not None
        for line in told:
            self._said += line
