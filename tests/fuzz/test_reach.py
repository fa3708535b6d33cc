"""What is behind an authentication is fuzzed as well: a fuzz that reaches nothing fails.

Counted is where a handler carried a command out (9000), in which kind of session; a link of a
chain does not count.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Set

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from jukicard.apdu import Ins, StatusWord
from tests.fuzz.cards import ALL_FILES, NAMES, card
from tests.fuzz.inside import sequences
from tests.fuzz.steps import Run, Step
from tests.fuzz.target import run_input, seeds
from tests.fuzz.terminal import CERTIFICATE, ISSUER, LEVELS, PLAIN, PRIVATE, Reached

COUNTER = "COUNTER"
READER = "another purpose"
READERS = {"RESIDENT_IDENTIFICATION", "WIDE_AREA_ISSUANCE", "MOVE_IN"}
BEHIND_THE_COUNTER = {
    Ins.VERIFY,
    Ins.RESET_RETRY_COUNTER,
    Ins.READ_BINARY,
    Ins.READ_RECORD,
    Ins.UPDATE_BINARY,
    Ins.UPDATE_RECORD,
    Ins.PUT_DATA,
    Ins.PUT_DATA_ODD,
    Ins.DEACTIVATE_FILE,
    Ins.ACTIVATE_FILE,
    Ins.TERMINATE_CARD_USAGE,
}
"""What nobody but the counter, or nobody without a session, may have done."""
IN_ANY_SESSION = {Ins.VERIFY, Ins.CHANGE_REFERENCE_DATA, Ins.GET_DATA}
ON_THE_WAY_IN = {
    Ins.MANAGE_SECURITY_ENVIRONMENT,
    Ins.PERFORM_SECURITY_OPERATION,
    Ins.GENERAL_AUTHENTICATE,
}
AS_ISSUER = {
    Ins.GET_DATA,
    Ins.GET_STATUS,
    Ins.SET_STATUS,
    Ins.PUT_KEY,
    Ins.APPEND_RECORD,
    Ins.INSTALL,
    Ins.DELETE_FILE,
}
"""What nobody but the issuer may have done; APPEND RECORD is STORE DATA."""
MUST_REACH = {
    COUNTER: BEHIND_THE_COUNTER,
    READER: {Ins.VERIFY, Ins.READ_BINARY, Ins.READ_RECORD},
    PRIVATE: IN_ANY_SESSION,
    CERTIFICATE: {Ins.UPDATE_BINARY, Ins.RESET_RETRY_COUNTER, Ins.PUT_DATA},
    PLAIN: ON_THE_WAY_IN,
    ISSUER: AS_ISSUER,
}


def carried_out(reached: Counter[Reached]) -> dict[str, set[int]]:
    """The instructions that were carried out, by the kind of session."""
    found: dict[str, set[int]] = {}
    for session, ins, status in reached:
        if status == StatusWord.OK:
            found.setdefault(READER if session in READERS else session, set()).add(ins)
    return found


def check(reached: Counter[Reached], must: dict[str, Set[Ins]]) -> None:
    found = carried_out(reached)
    missing = {name: sorted(wanted - found.get(name, set())) for name, wanted in must.items()}
    assert not any(missing.values()), f"never reached: {missing}"


@pytest.fixture(scope="module")
def drawn() -> list[list[Step]]:
    """Sequences as hypothesis draws them, the same on every run."""
    found: list[list[Step]] = []

    @settings(
        derandomize=True,
        database=None,
        max_examples=400,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(sequences)
    def keep(steps: list[Step]) -> None:
        found.append(steps)

    keep()
    return found


def test_random_sequences_reach_what_is_behind(drawn: list[list[Step]]) -> None:
    reached: Counter[Reached] = Counter()
    for steps in drawn:
        run = Run(card("juki-v1"))
        for step in steps:
            run.do(step)
        run.finish()
        reached.update(run.reached)
    check(reached, MUST_REACH)  # type: ignore[arg-type]


def test_random_sequences_without_a_way_in_do_not(drawn: list[list[Step]]) -> None:
    """The counters count what they say: nobody who proves nothing gets there."""
    reached: Counter[Reached] = Counter()
    for steps in drawn[:60]:
        run = Run(card("juki-v1"))
        for step in steps:
            if step.command or step.kind < 0xF4:
                run.do(step)
        reached.update(run.reached)
    assert set(carried_out(reached)) == {PLAIN}


def inputs(rounds: int) -> Iterable[bytes]:
    """The seeds, and the seeds with bytes changed as a fuzzer changes them."""
    draw = random.Random(7)
    for seed in seeds().values():
        yield seed
        for _ in range(rounds):
            changed = bytearray(seed)
            for _ in range(draw.randint(1, 3)):
                changed[draw.randrange(1, len(seed))] = draw.randrange(256)
            yield bytes(changed)


@pytest.mark.parametrize("rounds", [0, 5])
def test_the_seeds_of_coverage_guided_fuzzing_reach_it(rounds: int) -> None:
    reached: Counter[Reached] = Counter()
    for data in inputs(rounds):
        run = run_input(data)
        assert run is not None
        reached.update(run.reached)
    check(reached, MUST_REACH)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_every_card_lets_the_terminal_in(name: str) -> None:
    """Each way in opens its session on a card just issued, where the card offers it."""
    known = Run(card(name)).terminal.known
    for number in range(len(known.keys)):
        terminal = Run(card(name)).terminal
        terminal.authenticate(number)
        assert terminal.session != PLAIN
    terminal = Run(card(name)).terminal
    terminal.open_private()
    others = name not in (ALL_FILES, "operator")  # these have keys only
    assert terminal.session == (PRIVATE if others else PLAIN)
    terminal.authenticate(0x80)
    assert terminal.session in ({"OPERATOR_LOGIN"} if name == "operator" else READERS)
    for level in range(len(LEVELS)):
        terminal = Run(card(name)).terminal
        terminal.open_issuer(level)
        assert terminal.session == ISSUER
        assert terminal.send(bytes.fromhex("80CA00E000"))[-2:] == b"\x90\x00"
        assert terminal.session == ISSUER
        terminal.send_plain(bytes.fromhex("80CA00E000"))
        assert terminal.session == PLAIN
    for first in (False, True):
        terminal = Run(card(name)).terminal
        if first:
            terminal.open_private()
        terminal.show_certificates(3)
        assert terminal.session == (CERTIFICATE if others else PLAIN)


def test_an_input_of_no_bytes_is_none() -> None:
    assert run_input(b"") is None
