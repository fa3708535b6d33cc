"""Says at the end of a run how many power cuts the tearing suite has made."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add up what the tests have recorded; the workers of a parallel run included."""
    cuts = sum(
        int(str(value))
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "cut points" and report.when == "call"
    )
    if cuts:
        terminalreporter.write_line(f"tearing: the power was cut at {cuts} points")
