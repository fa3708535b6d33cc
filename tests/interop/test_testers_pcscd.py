"""The testers' pcscd: cards of tests through PC/SC, real readers, and who may not have it."""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

import pytest
from filelock import FileLock

from jukihost.testing import missing_for_pcscd
from tests.support.interop.missing import require

pytest_plugins = ["pytester"]
pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("pcscd")]

SUITE = """
import pytest
from jukicard.testing import Mute, Pulled
from jukihost import CardMute, NoCard, JukiSession, PcscConnection, PinBlocked, PinRejected
from jukihost.testing import Pcscd

WAYS = pytest.mark.juki_reader("in-process", "tcp", "vpcd", "pcscd")

@WAYS
@pytest.mark.parametrize("again", range(2))
def test_each_test_has_a_card_of_its_own(juki_reader, juki_session, again):
    with pytest.raises(PinRejected) as refusal:
        juki_session.verify_pin("0000")
    assert refusal.value.retries_left == 2

@WAYS
@pytest.mark.jukicard(state="pin_blocked")
def test_states(juki_session):
    with pytest.raises(PinBlocked):
        juki_session.verify_pin("1234")

@WAYS
@pytest.mark.jukicard(hazards=[Pulled(ins=0x20)])
def test_pulled_out(juki_card, juki_session):
    with pytest.raises(NoCard):
        juki_session.verify_pin("1234")
    assert juki_card.happened == (Pulled(ins=0x20),)

@pytest.mark.juki_reader("pcscd")
def test_one_a_process(juki_reader):
    assert isinstance(juki_reader, PcscConnection)
    with pytest.raises(RuntimeError, match="there is one a process; use the fixture juki_pcscd"):
        Pcscd().start()
"""
PASSED = 17


@pytest.fixture(autouse=True)
def _there() -> None:
    require("pcscd of the testers", missing_for_pcscd())


def lines(result: pytest.RunResult) -> str:
    return "\n".join(result.outlines + result.errlines)


def test_cards_of_tests_through_pcsc(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    pytester.runpytest_subprocess("--strict-markers").assert_outcomes(passed=PASSED)


def test_one_worker_has_all_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-n", "2", "--dist", "loadgroup", "-v")
    result.assert_outcomes(passed=PASSED)
    workers = re.findall(r"\[(gw\d)\].*PASSED.*@pcscd", lines(result))
    assert len(workers) == 5
    assert len(set(workers)) == 1


def test_a_second_one_is_refused_in_words(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_it(juki_session): pass
    """)
    with FileLock(Path(tempfile.gettempdir()) / "jukihost-pcscd.lock"):
        result = pytester.runpytest_subprocess("--juki-reader", "pcscd")
    result.assert_outcomes(errors=1)
    told = lines(result)
    assert "another process of this machine has the tests' pcscd: with pytest-xdist add" in told
    assert "Traceback" not in told
    pytester.runpytest_subprocess("--juki-reader", "pcscd").assert_outcomes(passed=1)


def test_a_real_reader_keeps_harm_away(pytester: pytest.Pytester) -> None:
    """What is real here is another program's card in a reader, for all that the suite knows."""
    pytester.makeconftest("""
        import contextlib
        from jukicard.testing import CardInTest, card_in, today_in
        from jukihost.testing import Pcscd

        ENDING = contextlib.ExitStack()

        def pytest_sessionstart():
            pcscd = ENDING.enter_context(Pcscd())
            card = CardInTest(card_in("one_try_left"), today=today_in("issued"))
            ENDING.enter_context(card.dial_vpcd(*pcscd.address))
            ENDING.callback(lambda: print("TRIES", card.state["PIN"]))

        def pytest_sessionfinish():
            ENDING.close()
    """)
    pytester.makepyfile("""
        import pytest
        import time
        from jukihost import PinRejected

        @pytest.fixture(scope="session", autouse=True)
        def there():
            time.sleep(1)

        def test_asks(juki_session):
            assert juki_session.pin_retries() == 1

        @pytest.mark.juki_harms("it uses up a try")
        def test_wrong_pin(juki_session):
            with pytest.raises(PinRejected):
                juki_session.verify_pin("0000")

        @pytest.mark.jukicard(state="pin_blocked")
        def test_state(juki_session):
            assert juki_session.pin_retries() == 0

        def test_card(juki_card, juki_session):
            assert juki_session.pin_retries() == 3
    """)
    result = pytester.runpytest_subprocess("--juki-reader", "pcsc:Tests PCD 00 00", "-rs", "-s")
    result.assert_outcomes(passed=1, skipped=3)
    told = lines(result)
    assert "TRIES tries left 1" in told
    for why in (
        "it uses up a try",
        "it asks for a card in a state",
        "it uses what only a software card can do",
    ):
        assert f"not with a real card: {why}" in told


def test_it_goes_with_the_process_that_was_killed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import os, signal

        def test_it(juki_pcscd):
            print("PID", juki_pcscd._process.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    result = pytester.runpytest_subprocess("--juki-reader", "pcscd", "-s")
    assert result.ret == -9
    (pid,) = re.findall(r"PID (\d+)", lines(result))
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
