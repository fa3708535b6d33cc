"""Says at the end of a run what the long suites have done: power cuts, states, answers compared."""

from __future__ import annotations

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add up what the tests have recorded; the workers of a parallel run included."""
    totals: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        if report.when == "call":
            for name, value in report.user_properties:
                if name in ("cut points", "access states", "access pairs", "access checks"):
                    totals[name] += int(str(value))
    if totals["cut points"]:
        terminalreporter.write_line(f"tearing: the power was cut at {totals['cut points']} points")
    if totals["access checks"]:
        terminalreporter.write_line(
            f"access: {totals['access states']} states, {totals['access pairs']} pairs of commands,"
            f" {totals['access checks']} answers as the rules say"
        )
