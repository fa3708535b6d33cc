"""The page's second view: plain data that another package gives by name, looked at in a thread.

A package offers in the entry-point group `jukicard.views` what makes a view of an address. This
side knows nothing of what is seen, and imports nobody: it asks as long as a page is open, and hands
on what it is told. `docs/architecture.md` says what the data is.
"""

from __future__ import annotations

import json
import threading
import time
from importlib.metadata import entry_points
from types import TracebackType
from typing import Any, Final, Protocol, Self

GROUP: Final = "jukicard.views"
"""The entry-point group of views; each names what makes one: called with an address, a text."""
EVERY: Final = 1.0
"""So many seconds pass between two looks,"""
SHARE: Final = 10
"""or so many times as long as the last one took,"""
LONGEST: Final = 60.0
"""but no more than so many seconds."""
LARGEST: Final = 1_000_000
"""The longest text that a view may give, in characters."""


class View(Protocol):
    """What can be looked at: plain data, anew each time; what goes wrong is in the data."""

    def look(self) -> dict[str, Any]:
        """Return what is there now, of types that JSON has; `problem` where it cannot be seen.

        A problem has `code`, and the words for it in `en` and `ja`.
        """
        ...


class NoView(LookupError):
    """No package offers a view of this name, or it cannot be made; the text says what to do."""


def find_view(name: str, address: str) -> View:
    """Return the view of a name, of what is at an address. NoView."""
    points = list(entry_points(group=GROUP, name=name))
    if not points:
        raise NoView(
            f"no package here offers the view {name!r} (group {GROUP!r}); install jukicard again"
        )
    try:
        view: View = points[0].load()(address)
    except Exception as failure:
        raise NoView(
            f"the view {name!r} cannot be made ({type(failure).__name__}); update or repair the "
            "package that offers it"
        ) from failure
    return view


class Pane:
    """A view that is looked at while somebody has a page open, in a thread that waits for nobody.

    `text` is the last look as JSON, empty before the first. Used in a `with` block.
    """

    def __init__(self, view: View) -> None:
        self.text = ""
        self._view = view
        self._looking = 0
        self._over = False
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="bench-pane", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._turn:
            self._over = True
            self._turn.notify_all()

    def look(self) -> dict[str, Any]:
        """Look now, and return what was told."""
        found, self.text = _told(self._view)
        return found

    def begin_looking(self) -> None:
        """Somebody looks from now on."""
        with self._turn:
            self._looking += 1
            self._turn.notify_all()

    def end_looking(self) -> None:
        """Somebody looks no more."""
        with self._turn:
            self._looking -= 1

    def _run(self) -> None:
        pause = 0.0
        while self._wait(pause):
            begun = time.monotonic()
            self.look()
            took = time.monotonic() - begun
            pause = min(max(EVERY, SHARE * took), LONGEST)

    def _wait(self, pause: float) -> bool:
        """Wait until it is time and somebody looks; False when all is over."""
        with self._turn:
            self._turn.wait_for(lambda: self._over, pause)
            self._turn.wait_for(lambda: self._over or self._looking > 0)
            return not self._over


def _told(view: View) -> tuple[dict[str, Any], str]:
    """Return what a view tells, and the same as JSON; whatever goes wrong is a problem in it."""
    try:
        found: object = view.look()
        text = json.dumps(found, separators=(",", ":"), allow_nan=False)
        if isinstance(found, dict) and len(text) <= LARGEST:
            return found, text
        words = f"this cannot be shown: it is none that a page shows, or more than {LARGEST} bytes"
    except Exception as failure:  # noqa: BLE001 - a stranger's code; its text may hold anything
        words = f"this cannot be shown ({type(failure).__name__}); see the package that offers it"
    problem = {"problem": {"code": "view", "en": words, "ja": words}}
    return problem, json.dumps(problem, separators=(",", ":"))
