"""The pytest plugin as its users have it: suites in a process of their own, and what they print."""

from __future__ import annotations

import ast
import sys

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import datetime
import pytest
from jukicard.testing import Mute, StatusInstead
from jukihost import CardError, CardMute, JukiSession, PinBlocked, TcpConnection
from jukihost.testing import InProcess

def test_plain(juki_card, juki_session):
    assert juki_session.pin_retries() == 3
    assert juki_card.card.profile == "juki-v1"
    assert juki_card.today == datetime.date(2016, 4, 1)

@pytest.mark.jukicard(state="pin_blocked", seed=5, pin="7777")
def test_state(juki_session):
    with pytest.raises(PinBlocked):
        juki_session.verify_pin("7777")

@pytest.mark.jukicard(seed="other", pin="7777", municipality="13221")
class TestMarks:
    @pytest.mark.jukicard(state="one_try_left")
    def test_nearer_ones_are_added(self, juki_card, juki_session):
        assert juki_session.pin_retries() == 1
        juki_session.verify_pin("7777")
        assert "one_try_left, seed 'other'" in repr(juki_card)

    def test_each_test_has_a_card_of_its_own(self, juki_session):
        assert juki_session.pin_retries() == 3

@pytest.mark.jukicard(hazards=[Mute(at=2)])
def test_hazard(juki_card, juki_channel):
    with pytest.raises(CardMute), JukiSession(juki_channel) as session:
        session.pin_retries()
    assert juki_card.happened == (Mute(at=2),)

def test_hazard_later(juki_card, juki_session):
    juki_card.hazard(StatusInstead(status=0x6F00))
    with pytest.raises(CardError):
        juki_session.pin_retries()
    assert juki_session.pin_retries() == 3

def test_profiles(juki_v1_card, juki_v2_card, mynumber_card):
    names = [card.card.profile for card in (juki_v1_card, juki_v2_card, mynumber_card)]
    assert names == ["juki-v1", "juki-v2", "mynumber"]

@pytest.mark.jukicard(state="suspended")
def test_state_in_words(mynumber_card):
    assert mynumber_card.state == {"card": "suspended"}

@pytest.mark.juki_reader("in-process", "tcp")
def test_ways(request, juki_reader, juki_session, jpki_session):
    kind = InProcess if "in-process" in request.node.name else TcpConnection
    assert type(juki_reader) is kind

def test_one_card_for_all(juki_card, juki_session):
    assert "VERIFY" not in juki_card.trace
    juki_session.pin_retries()
    assert "VERIFY" in juki_card.trace
"""
PASSED = 11


def lines(result: pytest.RunResult) -> str:
    return "\n".join(result.outlines + result.errlines)


@pytest.mark.parametrize(
    "arguments", [(), ("-n", "2"), ("--juki-reader", "tcp"), ("--juki-reader", "vpcd")]
)
def test_cards_by_fixture_and_marker(pytester: pytest.Pytester, arguments: tuple[str, ...]) -> None:
    pytester.makepyfile(SUITE)
    pytester.runpytest_subprocess("--strict-markers", *arguments).assert_outcomes(passed=PASSED)


def test_both_ways_are_two_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(juki_session): assert juki_session.pin_retries() == 3")
    result = pytester.runpytest_subprocess("--juki-reader", "both", "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*test_it?in-process? PASSED*", "*test_it?tcp? PASSED*"])


WRONG = {
    "state='lost'": "there is no state 'lost'; there is issued, one_try_left",
    "profile='juki-v9'": "there is no profile 'juki-v9'; there is juki-v1, juki-v2, mynumber",
    "stat='suspended'": "jukicard has no 'stat'; there is profile, state, seed, hazards",
    "'suspended'": "jukicard takes arguments by name only: profile, state",
    "hazards=['pulled']": "hazards is a list of Hazard",
    "seed=1.5": "a seed is a number, text or bytes",
}


@pytest.mark.parametrize("argument", WRONG)
def test_a_wrong_marker_is_a_usage_error(pytester: pytest.Pytester, argument: str) -> None:
    pytester.makepyfile(
        f"import pytest\n@pytest.mark.jukicard({argument})\ndef test_it(juki_card): pass\n"
    )
    result = pytester.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = lines(result)
    assert f"test_a_wrong_marker_is_a_usage_error.py::test_it: {WRONG[argument]}" in told
    assert "Traceback" not in told


def test_a_worker_says_so_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import pytest\n@pytest.mark.jukicard(state='lost')\ndef test_it(juki_card): pass\n"
    )
    result = pytester.runpytest_subprocess("-n", "1")
    result.assert_outcomes(errors=1)
    assert "there is no state 'lost'; there is issued" in lines(result)
    assert "Traceback" not in lines(result)


def test_what_cannot_be_issued_is_said_in_a_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest
        @pytest.mark.jukicard(pin="12345")
        def test_pin(juki_card): pass
        @pytest.mark.jukicard(profile="mynumber")
        def test_profile(juki_v1_card): pass
        @pytest.mark.juki_reader("usb")
        def test_way(juki_session): pass
    """)
    for name, told in (
        ("test_pin", "the juki PIN is four digits"),
        ("test_profile", "this fixture is a juki-v1 card"),
    ):
        result = pytester.runpytest_subprocess("-k", name)
        if name == "test_pin":
            assert "juki_reader has no 'usb'; there is in-process, tcp" in lines(result)
            path = pytester.path / "test_what_cannot_be_issued_is_said_in_a_line.py"
            text = path.read_text("utf-8")
            path.write_text(text.replace('"usb"', '"tcp"'), "utf-8")
            result = pytester.runpytest_subprocess("-k", name)
        result.assert_outcomes(errors=1, deselected=2)
        assert told in lines(result)


FAILING = """
import pytest
from jukicard.testing import Mute, PowerCut, StatusInstead
from jukihost import Purpose, PublishedKeys

SECRET = "".join(["83", "14"])
CODE = "".join(["1234567", "8903"])

@pytest.mark.jukicard(pin=SECRET, code=CODE, seed=42, hazards=[Mute(at=2, ins=0x20)])
def test_mute(juki_session):
    juki_session.verify_pin("0000") if juki_session.pin_retries() == 0 else None
    juki_session.verify_pin(SECRET)

@pytest.mark.jukicard(pin=SECRET, code=CODE, hazards=[PowerCut(at=1)])
def test_cut(juki_session):
    juki_session.verify_pin(SECRET)

@pytest.mark.jukicard(pin=SECRET, code=CODE)
def test_code(juki_card, juki_session):
    juki_session.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublishedKeys())
    juki_session.verify_pin(SECRET)
    code = juki_session.read_code()
    juki_card.hazard(StatusInstead(status=0x6581))
    juki_session.read_code()

@pytest.mark.jukicard(pin=SECRET, state="one_try_left")
def test_refused(juki_session):
    juki_session.verify_pin(SECRET[::-1])
"""


@pytest.mark.parametrize(
    ("way", "arguments"),
    [("in-process", ("-l", "-vv")), ("tcp", ()), ("tcp", ("-n", "1", "--tb=short"))],
)
def test_a_report_tells_everything_but_secrets(
    pytester: pytest.Pytester, way: str, arguments: tuple[str, ...]
) -> None:
    pytester.makepyfile(FAILING)
    result = pytester.runpytest_subprocess("--juki-reader", way, *arguments)
    result.assert_outcomes(failed=4)
    told = lines(result)
    for secret in ("8314", "4138", "38333134", "34313338", "12345678903", "3132333435363738393033"):
        assert secret not in told
    for expected in (
        "CardInTest juki-v1 issued, seed 42",
        "  PIN: tries left 1 -> blocked",
        "  VERIFY 63C0: VERIFY of 001C: wrong value, 0 tries left",
        "  # why: VERIFY of 001C: wrong value, 0 tries left",
        "  > VERIFY, reference 00 of the application",
        "  # hazard: Mute(at=2, ins=32, mid_chain=False, done=False)",
        "  # no answer: CardFault",
        "  # no answer: PowerLoss",
        "  holder: resident",
    ):
        assert expected in told
    assert "contextlib" not in told, "Python's own frames between the project's say nothing"


def test_a_test_that_passes_or_has_no_card_gets_no_section(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_good(juki_session): pass
        def test_bad(): assert not "this fails"
    """)
    result = pytester.runpytest_subprocess("-rA")
    result.assert_outcomes(passed=1, failed=1)
    assert "CardInTest" not in lines(result)


def test_a_start_without_cards_loads_the_two_plugins_and_nothing_else(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest("""
        import sys
        def pytest_sessionfinish():
            names = [name for name in sys.modules if name.startswith(("juki", "cryptography"))]
            print("LOADED", sorted(names))
    """)
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_subprocess("-s")
    result.assert_outcomes(passed=1)
    (found,) = (line for line in result.outlines if "LOADED" in line)
    assert ast.literal_eval(found.partition("LOADED ")[2]) == [
        "jukicard",
        "jukicard.testing",
        "jukicard.testing.plugin",
        "jukihost",
        "jukihost.testing",
        "jukihost.testing.plugin",
    ]


def test_hypothesis_is_not_needed(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import sys\nsys.modules['hypothesis'] = None")
    pytester.makepyfile("def test_it(juki_session): assert juki_session.pin_retries() == 3")
    result = pytester.runpytest_subprocess("-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)
    assert sys.modules["hypothesis"] is not None
