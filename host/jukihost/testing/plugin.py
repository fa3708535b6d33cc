"""The terminal's half of the pytest plugin: connections and sessions with the card of a test.

The card is whatever the fixture `juki_card` is, known by its shape only. It is loaded at every
start of pytest where this distribution is installed, so it imports nothing until a test asks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from jukihost.channel import ApduChannel
    from jukihost.sessions.jpki import JpkiSession
    from jukihost.sessions.juki import JukiSession
    from jukihost.testing.pcscd import Pcscd
    from jukihost.transport.base import BaseConnection

_MARKER: Final = "juki_reader"
_HARMS: Final = "juki_harms"
_WAYS: Final = ("in-process", "tcp", "vpcd", "pcscd")
_SEVERAL: Final = {"both": _WAYS[:2], "all": _WAYS}
_PCSCD: Final = "pcscd"
_REAL: Final = "pcsc:"
_CARDS: Final = frozenset({"juki_card", "juki_v1_card", "juki_v2_card", "mynumber_card"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the command line say how cards are reached."""
    parser.getgroup("jukihost").addoption(
        "--juki-reader",
        type=_way,
        default=_WAYS[0],
        metavar="WAY",
        help=f"how juki_reader reaches the card of a test: {', '.join(_WAYS)}; both: in-process "
        "and tcp; all: each test once for each; pcsc:NAME (or its number): the card in that reader",
    )


def _way(text: str) -> str:
    if text not in (*_WAYS, *_SEVERAL) and not (text.startswith(_REAL) and text != _REAL):
        there = ", ".join((*_WAYS, *_SEVERAL, f"{_REAL}NAME"))
        raise argparse.ArgumentTypeError(f"there is no way {text!r} to a card; there is {there}")
    return text


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for line in (
        f"{_MARKER}(way, ...): reach the card in these ways: {', '.join(_WAYS)}",
        f"{_HARMS}(what): does this to a card that is real, and is skipped with such a card",
    ):
        config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each way to its card, where there is more than one or a marker."""
    if "juki_reader" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker(_MARKER)
    ways = _SEVERAL.get(metafunc.config.getoption("--juki-reader"))
    if mark is not None:
        _check(metafunc.definition.nodeid, mark)
        ways = mark.args
    if ways is not None:
        metafunc.parametrize("juki_reader", ways, indirect=True)


def _check(test: str, mark: pytest.Mark) -> None:
    unknown = [way for way in mark.args if way not in _WAYS]
    if unknown or mark.kwargs or not mark.args:
        wrong = f"has no {unknown[0]!r}" if unknown else "takes ways to a card, by position"
        raise pytest.UsageError(f"{test}: juki_reader {wrong}; there is {', '.join(_WAYS)}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep tests with one PC/SC reader on one worker, and from a real card what it cannot do."""
    for item in items:
        if "juki_reader" not in getattr(item, "fixturenames", ()):
            continue
        way = _way_of(item)
        if way.startswith((_PCSCD, _REAL)) and config.pluginmanager.has_plugin("xdist"):
            item.add_marker(pytest.mark.xdist_group(_PCSCD))
        if way.startswith(_REAL) and (why := _not_for_a_real_card(item)):
            item.add_marker(pytest.mark.skip(reason=f"not with a real card: {why}"))


def _way_of(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    way: str = getattr(callspec, "params", {}).get("juki_reader") or item.config.getoption(
        "--juki-reader"
    )
    return way


def _not_for_a_real_card(item: pytest.Item) -> str:
    harms = item.get_closest_marker(_HARMS)
    if harms is not None:
        return str(harms.args[0]) if harms.args else "it does harm to it"
    if item.get_closest_marker("jukicard") is not None:
        return "it asks for a card in a state"
    if _CARDS & set(getattr(item, "fixturenames", ())):
        return "it uses what only a software card can do"
    return ""


@pytest.fixture(scope="session")
def juki_pcscd(request: pytest.FixtureRequest) -> Iterator[Pcscd]:
    """A pcscd of the tests' own with one empty virtual reader (`jukihost.testing.Pcscd`).

    Skipped with what is missing where it cannot start, failed where the command line asked for it.
    """
    from jukihost.testing.pcscd import Pcscd, PcscdUnavailable, missing_for_pcscd

    missing = missing_for_pcscd()
    if missing and request.config.getoption("--juki-reader") != _PCSCD:
        pytest.skip(f"no pcscd of the tests' own, missing: {', '.join(missing)}")
    pcscd = Pcscd()
    refused = ""
    try:
        pcscd.start()
    except PcscdUnavailable as error:
        refused = str(error)
    if refused:
        pytest.fail(refused, pytrace=False)
    yield pcscd
    pcscd.stop()


@pytest.fixture
def juki_reader(request: pytest.FixtureRequest) -> Iterator[BaseConnection]:
    """An open connection to the card that `juki_card` is: every failure is a TransportError.

    `--juki-reader`, or the marker `juki_reader`, says how: in the same process, over TCP, as the
    virtual reader itself (vpcd), through PC/SC (pcscd), each with ports of its own; or the card in
    a real reader, `pcsc:NAME`.
    """
    from jukihost.testing.readers import in_pcscd, reach, real

    way = getattr(request, "param", None) or request.config.getoption("--juki-reader")
    making: AbstractContextManager[BaseConnection]
    if way.startswith(_REAL):
        making = real(way.removeprefix(_REAL))
    elif way == _PCSCD:
        pcscd = request.getfixturevalue("juki_pcscd")
        making = in_pcscd(request.getfixturevalue("juki_card"), pcscd)
    else:
        making = reach(request.getfixturevalue("juki_card"), way)
    with making as connection:
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
