"""The card's half of the pytest plugin: fixtures, the marker, what a failed test's report tells.

It is loaded at every start of pytest where this distribution is installed, so it imports nothing
until a test asks for a card.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import traceback
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from jukicard.testing.markers import Asked
    from jukicard.testing.transcripts import Transcripts
    from jukicard.testing.undertest import CardInTest

_MARKER: Final = "jukicard"
_PACKAGES: Final = ("jukicard", "jukihost")
_HIDE: Final = "__tracebackhide__"
_CARDS: Final = pytest.StashKey[list[Any]]()
"""The cards that a test had."""
_FAILED: Final = pytest.StashKey[bool]()
"""Whether anything of a test has failed so far."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the command line ask for coverage, recordings and transcripts."""
    group = parser.getgroup("jukicard")
    group.addoption(
        "--jukicard-cov",
        action="store_true",
        help="count what of the cards of the tests is exercised, and print a table",
    )
    group.addoption(
        "--jukicard-cov-of",
        action="append",
        default=[],
        metavar="APPLICATION",
        help="count this kind of application only (juki, jpki, ...); may be given again",
    )
    group.addoption(
        "--jukicard-cov-html", metavar="FILE", help="write coverage as a page for a browser"
    )
    group.addoption(
        "--jukicard-cov-fail-under",
        type=_percent,
        metavar="PERCENT",
        help="fail when less than this of all there is was exercised",
    )
    group.addoption(
        "--jukicard-record",
        action="store_true",
        help="keep the whole session of a failed test with its card, keys and PINs too, and say "
        "which command repeats it",
    )
    group.addoption(
        "--jukicard-record-dir",
        default="jukicard-recordings",
        metavar="DIRECTORY",
        help="where recordings are kept (default: %(default)s, beside the configuration)",
    )
    group.addoption(
        "--jukicard-update-transcripts",
        action="store_true",
        help="store the sessions of juki_transcript as they are now",
    )


def _percent(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (number := float(text)) <= 100:
            return number
    raise argparse.ArgumentTypeError(f"{text} is no percentage: 0 to 100")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known; count where that is asked for."""
    if any(config.getoption(f"--jukicard-cov{more}") for more in ("", "-html", "-fail-under")):
        from jukicard.testing.coverageplugin import CoveragePlugin

        config.pluginmanager.register(CoveragePlugin(config), "jukicard-coverage")
    config.addinivalue_line(
        "markers",
        "jukicard(profile=, state=, seed=, hazards=, applications=, ...): the card that juki_card "
        "is; takes what issue_card takes",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse markers that ask for what there is not, before any test runs."""
    if hasattr(config, "workerinput"):
        return  # a worker of xdist cannot refuse the whole run: there the test itself fails
    for item in items:
        if item.get_closest_marker(_MARKER) is not None:
            try:
                _asked(item)
            except ValueError as error:
                raise pytest.UsageError(f"{item.nodeid}: {error}") from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put into the report of a failed test what was said with its cards, and no PIN.

    The frames of card and terminal are left out of the traceback: their arguments are commands.
    """
    cards = item.stash.get(_CARDS, ())
    hidden = _hide(call.excinfo.value) if cards and call.excinfo is not None else []
    try:
        report = yield
    finally:
        for names in hidden:
            del names[_HIDE]
    if report.failed:
        for card in cards:
            report.sections.append((repr(card).strip("<>"), _told(item, card)))
        item.stash[_FAILED] = True
    return report


def _told(item: pytest.Item, card: CardInTest) -> str:
    if card.recording is None or not item.config.getoption("--jukicard-record"):
        return card.report()
    from jukicard.testing.transcripts import keep_recording

    number = item.stash[_CARDS].index(card)
    test = f"{item.nodeid}-{number}" if number else item.nodeid
    folder = item.config.rootpath / item.config.getoption("--jukicard-record-dir")
    return f"{card.report()}repeat it:\n  {keep_recording(card.recording, folder, test)}\n"


def _hide(error: BaseException | None) -> list[dict[str, Any]]:
    """Hide this project's frames from pytest, and return the modules in which that was said.

    Those of Python's own modules that it has called go with them: they say nothing to a tester.
    """
    said, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        within = False
        for frame, _ in traceback.walk_tb(error.__traceback__):
            names = frame.f_globals
            package = str(names.get("__name__", "")).partition(".")[0]
            within = within or package in _PACKAGES
            ours = package in _PACKAGES or (within and package in sys.stdlib_module_names)
            if ours and _HIDE not in names:
                names[_HIDE] = True
                said.append(names)
        error = error.__cause__ or error.__context__
    return said


def _asked(node: pytest.Item, profile: str | None = None) -> Asked:
    from jukicard.testing.markers import asked_for

    return asked_for(reversed(list(node.iter_markers(_MARKER))), profile)


def _recorded(request: pytest.FixtureRequest) -> bool:
    return bool(
        request.config.getoption("--jukicard-record") or "juki_transcript" in request.fixturenames
    )


def _card(request: pytest.FixtureRequest, profile: str | None = None) -> Iterator[CardInTest]:
    from jukicard.testing.markers import MarkerError, made

    try:
        card = made(_asked(request.node, profile), record=_recorded(request))
    except MarkerError as error:
        pytest.fail(str(error), pytrace=False)
    request.node.stash.setdefault(_CARDS, []).append(card)
    yield card
    card.close()
    if problems := card.expected.problems():
        pytest.fail("\n".join(["not as expected:", *problems]), pytrace=False)


@pytest.fixture
def juki_card(request: pytest.FixtureRequest) -> Iterator[CardInTest]:
    """A card (`jukicard.testing.CardInTest`), as the marker `jukicard` says; a Juki card without.

    It is without power. A reader with it in is `juki_card.reader`, an address that serves it
    `juki_card.serve()`; the fixture `juki_reader` is an open connection to it.
    """
    yield from _card(request)


@pytest.fixture
def juki_v1_card(request: pytest.FixtureRequest) -> Iterator[CardInTest]:
    """A Juki card as issued from 2003, in the state that the marker says."""
    yield from _card(request, "juki-v1")


@pytest.fixture
def juki_v2_card(request: pytest.FixtureRequest) -> Iterator[CardInTest]:
    """A Juki card as issued from 2009, in the state that the marker says."""
    yield from _card(request, "juki-v2")


@pytest.fixture
def mynumber_card(request: pytest.FixtureRequest) -> Iterator[CardInTest]:
    """A My Number card, in the state that the marker says."""
    yield from _card(request, "mynumber")


@pytest.fixture
def juki_transcript(request: pytest.FixtureRequest, juki_card: CardInTest) -> Iterator[Transcripts]:
    """Call it where the session with `juki_card` shall be as it is stored beside the test.

    `juki_transcript()`, or with names several in a test; `--jukicard-update-transcripts` stores
    what is said now. What chance decides is no difference.
    """
    from jukicard.testing.transcripts import Transcripts

    assert juki_card.recording is not None  # noqa: S101 - the fixture is what asked for it
    update = request.config.getoption("--jukicard-update-transcripts")
    made = Transcripts(juki_card.recording, request.path, request.node.name, update=update)
    yield made
    if not made.compared and not request.node.stash.get(_FAILED, False):
        pytest.fail("juki_transcript compared nothing: call it in the test", pytrace=False)
