"""Coverage in a run of pytest: counted in each process, merged over the workers of pytest-xdist."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from jukicard.testing.coverage import Coverage
from jukicard.testing.coveragereport import page, table
from jukicard.testing.watching import WATCHERS

_KEY: Final = "jukicard-coverage"


class CoveragePlugin:
    """Counts from the start of a run to its end, and reports; registered where it is asked for."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._coverage = Coverage(config.getoption("--jukicard-cov-of"))
        self._least: float | None = config.getoption("--jukicard-cov-fail-under")

    def pytest_sessionstart(self) -> None:
        """Watch the cards from here on."""
        WATCHERS.append(self._coverage)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker has counted; one that crashed has told nothing."""
        told = getattr(node, "workeroutput", {}).get(_KEY)
        if told is not None:
            self._coverage.merge(told)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand over what was counted, or see whether it is enough and write the page."""
        WATCHERS.remove(self._coverage)
        output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if output is not None:
            output[_KEY] = self._coverage.export()
            return
        if self._is_too_little and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if path := self._config.getoption("--jukicard-cov-html"):
            Path(path).write_text(page(self._coverage), "utf-8")

    @property
    def _is_too_little(self) -> bool:
        return self._least is not None and self._coverage.percent < self._least

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, with -v also what is missing."""
        terminalreporter.section("coverage of the terminal", sep="-")
        for line in table(self._coverage, missing=self._config.get_verbosity() > 0):
            terminalreporter.write_line(line)
        if self._is_too_little:
            terminalreporter.write_line(
                f"FAILED: {self._coverage.percent:.1f} % is less than the {self._least:g} % that "
                "--jukicard-cov-fail-under asks for; -v lists what is missing",
                red=True,
            )
