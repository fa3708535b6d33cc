"""What tests count, shown at the end of a run, a line each: pytest hides what is printed.

Nobody reads what a worker of pytest-xdist says, so it hands its lines to who started it.
"""

from __future__ import annotations

from typing import Final

import pytest

_LINES: Final[list[str]] = []
_KEY: Final = "counted"


def tell(line: str) -> None:
    """Have a line shown at the end of the run, whatever becomes of the test."""
    _LINES.append(line)


def hand_over(config: pytest.Config) -> None:
    """At the end of a worker: give its lines to who started it; elsewhere nothing happens."""
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[_KEY] = _LINES


def take_over(worker: object) -> None:
    """Take the lines of a worker that has ended; one that crashed has none."""
    _LINES.extend(getattr(worker, "workeroutput", {}).get(_KEY, ()))


def show(reporter: pytest.TerminalReporter) -> None:
    """Show all lines, if there are any."""
    if _LINES:
        reporter.section("counted", sep="-")
        for line in sorted(_LINES):
            reporter.write_line(line)
