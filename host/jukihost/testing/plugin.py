"""The terminal's half of the pytest plugin: connections and sessions with the card of a test.

The card is whatever the fixture `juki_card` is, known by its shape only. It is loaded at every
start of pytest where this distribution is installed, so it imports nothing until a test asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from jukihost.channel import ApduChannel
    from jukihost.sessions.jpki import JpkiSession
    from jukihost.sessions.juki import JukiSession
    from jukihost.testing.readers import OfferedCard
    from jukihost.transport.base import BaseConnection

_MARKER: Final = "juki_reader"
_WAYS: Final = ("in-process", "tcp")
_BOTH: Final = "both"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the command line say how cards are reached."""
    parser.getgroup("jukihost").addoption(
        "--juki-reader",
        choices=(*_WAYS, _BOTH),
        default=_WAYS[0],
        help="how juki_reader reaches the card of a test; both: each test twice",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "juki_reader(way, ...): reach the card in these ways, in-process or tcp"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each way to its card, where there is more than one or a marker."""
    if "juki_reader" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker(_MARKER)
    if mark is not None:
        _check(metafunc.definition.nodeid, mark)
        ways = mark.args
    elif metafunc.config.getoption("--juki-reader") == _BOTH:
        ways = _WAYS
    else:
        return
    metafunc.parametrize("juki_reader", ways, indirect=True)


def _check(test: str, mark: pytest.Mark) -> None:
    unknown = [way for way in mark.args if way not in _WAYS]
    if unknown or mark.kwargs or not mark.args:
        wrong = f"has no {unknown[0]!r}" if unknown else "takes ways to a card, by position"
        raise pytest.UsageError(f"{test}: juki_reader {wrong}; there is {', '.join(_WAYS)}")


@pytest.fixture
def juki_reader(request: pytest.FixtureRequest, juki_card: OfferedCard) -> Iterator[BaseConnection]:
    """An open connection to the card that `juki_card` is: every failure is a TransportError.

    In the same process, or over TCP on a free port: `--juki-reader`, or the marker `juki_reader`.
    """
    from jukihost.testing.readers import reach

    way: Any = getattr(request, "param", None) or request.config.getoption("--juki-reader")
    with reach(juki_card, way) as connection:
        yield connection


@pytest.fixture
def juki_channel(juki_reader: BaseConnection) -> ApduChannel:
    """A channel on `juki_reader`: what `build_channel` makes."""
    from jukihost.channel import build_channel

    return build_channel(juki_reader)


@pytest.fixture
def juki_session(juki_channel: ApduChannel) -> Iterator[JukiSession]:
    """An open session with the Juki application; a suspended or ended card refuses it at setup."""
    from jukihost.sessions.juki import JukiSession

    with JukiSession(juki_channel) as session:
        yield session


@pytest.fixture
def jpki_session(juki_channel: ApduChannel) -> Iterator[JpkiSession]:
    """An open session with the JPKI application (signatures)."""
    from jukihost.sessions.jpki import JpkiSession

    with JpkiSession(juki_channel) as session:
        yield session
