"""Coverage of a terminal: what there is comes from the card's tables, what was seen from use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jukicard.apdu.ins import ins_label
from jukicard.filesystem.access import ALWAYS, NEVER
from jukicard.kit.fileapplet import FileApplet
from jukicard.profiles import PROFILES
from jukicard.testing import HazardousCard, Mute, card_in
from jukicard.testing.coverage import (
    ACCESS,
    CARD_STATES,
    COMMANDS,
    HAZARDS_MET,
    LIFE_CYCLE,
    SECTIONS,
    STATUS_WORDS,
    Coverage,
)
from jukicard.testing.coveragereport import page, table
from jukicard.testing.watching import WATCHERS
from jukicard.transport.inprocess import LocalReader
from jukihost import CardMute, JukiSession, PinRejected, PublishedKeys, Purpose, build_channel
from tests.support.cards.residents import RESIDENTS

pytest_plugins = ["pytester"]
READ_CODE = bytes.fromhex("00B2011400")


@pytest.fixture
def coverage() -> Iterator[Coverage]:
    counting = Coverage()
    WATCHERS.append(counting)
    yield counting
    WATCHERS.remove(counting)


def test_the_status_words_that_count_are_those_of_the_cards_code(coverage: Coverage) -> None:
    """And one that a card answers, whatever is done to it, is among them."""
    for status in ("9000", "6283", "6700", "6881", "6982", "6985", "6A82", "6A88", "6D00", "6F00"):
        assert (status,) in coverage.possible[STATUS_WORDS]
    assert ("6281",) not in coverage.possible[STATUS_WORDS], "no card here says so"
    with LocalReader(card_in()) as reader:
        for ins in range(256):
            for cla in (0x00, 0x80, 0x0C, 0x10, 0x03):
                reader.transmit(bytes((cla, ins, 0, 0)))
                reader.transmit(bytes((cla, ins, 4, 0, 2, 0, 1)))
    assert len(coverage.seen(STATUS_WORDS)) > 10
    assert coverage.export()[1][1][1] == sorted(coverage.seen(STATUS_WORDS)), "none is unknown"


@pytest.mark.parametrize("profile", PROFILES)
def test_what_there_is_are_the_tables_of_the_cards_that_were_used(
    coverage: Coverage, profile: str
) -> None:
    card = card_in(profile=profile)
    commands, rules = set(), set()
    for application in card.applications:
        applet, kind = application.applet, application.type_name
        commands |= {(kind, ins_label(ins)) for ins in applet.interindustry}
        assert isinstance(applet, FileApplet)
        for node in applet.tree.walk():
            access = node.spec.access
            for rule in (access.read, access.update, access.activate):
                if rule is not NEVER:
                    rules.add((kind, node.label, str(rule), "granted"))
                if rule not in (NEVER, ALWAYS):
                    rules.add((kind, node.label, str(rule), "refused"))
    assert len(commands) > (40 if profile in RESIDENTS else 30)
    assert len(rules) > 5
    for ending in ("done", "refused"):
        assert {(*one, ending) for one in commands} <= coverage.possible[COMMANDS]
    assert rules <= coverage.possible[ACCESS]
    assert not any(coverage.seen(section) for section in SECTIONS if section != CARD_STATES)
    assert coverage.seen(CARD_STATES) == {("issued",)}


def test_what_was_done_and_refused_is_seen(coverage: Coverage) -> None:
    with LocalReader(card_in()) as reader, JukiSession(build_channel(reader)) as juki:
        assert reader.transmit(READ_CODE) == b"\x69\x82"
        juki.authenticate(Purpose.COUNTER, PublishedKeys())
        with pytest.raises(PinRejected):
            juki.verify_pin("0000")
        juki.verify_pin("1234")
        juki.read_code()
        juki.suspend()
    hazardous = HazardousCard(card_in("suspended"), Mute(at=4))
    with LocalReader(hazardous) as reader:
        juki = JukiSession(build_channel(reader), allow_suspended=True)
        juki.open()
        juki.card_state()
        assert reader.transmit(READ_CODE) == b"\x69\x85"
        with pytest.raises(CardMute):
            juki.pin_retries()
    done = {("card", "SELECT"), ("juki", "VERIFY"), ("juki", "READ RECORD")}
    assert {(*one, "done") for one in done} <= coverage.seen(COMMANDS)
    refused = {("juki", "VERIFY"), ("juki", "READ RECORD")}
    assert {(*one, "refused") for one in refused} <= coverage.seen(COMMANDS)
    assert {("9000",), ("63CX",), ("6982",), ("6283",), ("6985",)} <= coverage.seen(STATUS_WORDS)
    assert {one[-1] for one in coverage.seen(ACCESS) if one[1] == "0002"} == {"granted", "refused"}
    assert ("juki", "card", "granted") in {(*one[:2], one[-1]) for one in coverage.seen(ACCESS)}
    assert coverage.seen(CARD_STATES) == {("issued",), ("suspended",)}
    assert coverage.seen(HAZARDS_MET) == {("Mute",)}
    assert {
        ("card", "activated", "use"),
        ("card", "activated", "deactivate"),
        ("card", "deactivated", "select"),
        ("card", "deactivated", "read state"),
        ("card", "deactivated", "use"),
        ("application", "activated", "select"),
        ("application", "activated", "use"),
        ("file", "activated", "use"),
        ("PIN", "activated", "use"),
        ("key", "activated", "use"),
    } <= coverage.seen(LIFE_CYCLE)
    assert not {one for one in coverage.seen(LIFE_CYCLE) if one[1] == "terminated"}


def test_only_the_applications_that_were_asked_for_count() -> None:
    of_juki = Coverage(["juki"])
    of_juki.has_card(card_in(), "issued")
    assert {one[0] for one in of_juki.possible[COMMANDS]} == {"card", "juki"}
    assert {one[0] for one in of_juki.possible[ACCESS]} == {"juki"}


def test_states_of_operator_cards_count_where_there_are_some(coverage: Coverage) -> None:
    over = ("password_expired",)
    coverage.has_card(card_in(), "issued")
    assert over not in coverage.possible[CARD_STATES]
    coverage.has_card(card_in(profile="operator"), "issued")
    assert over in coverage.possible[CARD_STATES] - coverage.seen(CARD_STATES)


def test_merged_is_what_both_have_counted(coverage: Coverage) -> None:
    other = Coverage()
    other.has_card(card_in(profile="mynumber"), "expired")
    merged = Coverage()
    card_in(profile="juki-v1")
    for one in (coverage, other):
        merged.merge(one.export())
    for section in SECTIONS:
        assert merged.seen(section) == coverage.seen(section) | other.seen(section)
        assert merged.possible[section] == coverage.possible[section] | other.possible[section]
    assert merged.seen(CARD_STATES) == {("issued",), ("expired",)}
    assert merged.percent > 0


def test_the_report_says_what_is_missing(coverage: Coverage) -> None:
    card_in("expired")
    lines = table(coverage, missing=True)
    assert "    not seen: juki VERIFY: done, refused" in lines
    assert "    not seen: card activated: activate, deactivate, read state, select, " in "\n".join(
        lines
    )
    assert not [line for line in table(coverage) if "not seen" in line]
    html = page(coverage)
    assert "<tr><td>expired<td class=yes>yes" in html
    assert html.count("<details>") == len(SECTIONS)


SUITE = """
import pytest
from jukihost import JpkiKey, PinRejected, PinBlocked

@pytest.mark.parametrize("pin", ["0000", "1111", "2222"])
def test_wrong(juki_session, pin):
    with pytest.raises(PinRejected):
        juki_session.verify_pin(pin)

@pytest.mark.jukicard(state="pin_blocked")
def test_blocked(juki_session):
    with pytest.raises(PinBlocked):
        juki_session.verify_pin("1234")

def test_right(jpki_session, mynumber_card):
    assert jpki_session.pin_retries(JpkiKey.SIGNATURE) == 5
"""


def counted(result: pytest.RunResult) -> list[str]:
    at = next(at for at, line in enumerate(result.outlines) if "coverage of the terminal" in line)
    return [line for line in result.outlines[at + 1 : at + 10] if line.endswith(" %")]


def test_workers_count_together(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    alone = pytester.runpytest_subprocess("--jukicard-cov", "--jukicard-cov-html", "page.html")
    alone.assert_outcomes(passed=5)
    assert len(counted(alone)) == len(SECTIONS) + 1
    assert counted(alone)[2].split() == ["states", "8", "2", "25.0", "%"]
    written = (pytester.path / "page.html").read_text("utf-8")
    together = pytester.runpytest_subprocess(
        "-n", "2", "--jukicard-cov", "--jukicard-cov-html", "page.html"
    )
    together.assert_outcomes(passed=5)
    assert counted(together) == counted(alone)
    assert (pytester.path / "page.html").read_text("utf-8") == written


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_too_little_fails_the_run(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("--jukicard-cov-fail-under", "99.5", *workers)
    result.assert_outcomes(passed=5)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED: * % is less than the 99.5 % that *-cov-fail-under asks*"])
    enough = pytester.runpytest_subprocess("--jukicard-cov-fail-under", "1", *workers)
    assert enough.ret == pytest.ExitCode.OK


def test_mistakes_are_told_in_words(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    for arguments, said in {
        ("--jukicard-cov", "--jukicard-cov-of", "juky"): (
            "FAILED: --jukicard-cov-of juky: no card of the tests has such an application; there "
            "is common, issuer, issuer-juki, jpki, juki, surface, text"
        ),
        ("--jukicard-cov-html", "missing/page.html"): (
            "FAILED: missing/page.html cannot be written: No such file or directory"
        ),
        ("--jukicard-cov-fail-under", "101"): "101 is no percentage: 0 to 100",
        ("--jukicard-cov-fail-under", "most"): "most is no percentage: 0 to 100",
    }.items():
        result = pytester.runpytest_subprocess(*arguments)
        told = " ".join([*result.outlines, *result.errlines])
        assert result.ret in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR), arguments
        assert said in told
        assert "Traceback" not in told


def test_nobody_counts_unless_asked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=5)
    assert "coverage of the terminal" not in "\n".join(result.outlines)
