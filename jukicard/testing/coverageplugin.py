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
        self._only: list[str] = config.getoption("--jukicard-cov-of")
        self._least: float | None = config.getoption("--jukicard-cov-fail-under")
        self._problems: list[str] = []

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
        self._judge()
        if path := self._config.getoption("--jukicard-cov-html"):
            try:
                Path(path).write_text(page(self._coverage), "utf-8")
            except OSError as error:
                self._problems.append(f"{path} cannot be written: {error.strerror}")
        if self._problems and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _judge(self) -> None:
        percent, least = self._coverage.percent, self._least
        if least is not None and percent < least:
            self._problems.append(
                f"{percent:.1f} % is less than the {least:g} % that --jukicard-cov-fail-under asks "
                "for; -v lists what is missing"
            )
        had = self._coverage.applications
        for name in self._only:
            if had and name not in had:
                self._problems.append(
                    f"--jukicard-cov-of {name}: no card of the tests has such an application; "
                    f"there is {', '.join(sorted(had))}"
                )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, with -v also what is missing."""
        terminalreporter.section("coverage of the terminal", sep="-")
        for line in table(self._coverage, missing=self._config.get_verbosity() > 0):
            terminalreporter.write_line(line)
        for problem in self._problems:
            terminalreporter.write_line(f"FAILED: {problem}", red=True)
