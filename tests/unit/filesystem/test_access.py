"""Every access condition against every security status, and on the wire; closed by default."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, combinations, product

import pytest

from jukicard import Card
from jukicard.filesystem.access import (
    ALWAYS,
    NEVER,
    AccessCondition,
    AllOf,
    AnyOf,
    Authenticated,
    MessagingLevel,
    SecureMessaging,
    SecurityStatus,
    Verified,
)
from jukicard.filesystem.files import AccessRules, DataObject, TransparentFile
from jukicard.kit.pin import PinFile
from tests.support.applets.iso_applet import CONDITIONS, ONE_RIGHT, PASSWORD, PIN, selected_iso_card
from tests.support.published.transcript import play, send, status

PROOFS = ("pin", "password", "right", "mac", "encrypted")


def status_with(proofs: tuple[str, ...]) -> SecurityStatus:
    security = SecurityStatus()
    if "pin" in proofs:
        security.verified.add(PIN)
    if "password" in proofs:
        security.verified.add(PASSWORD)
    if "right" in proofs:
        security.authenticated.add("RIGHT")
    if "mac" in proofs:
        security.messaging = MessagingLevel.MAC
    if "encrypted" in proofs:
        security.messaging = MessagingLevel.ENCRYPTED
    return security


def subsets() -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(PROOFS, size) for size in range(6)))


EXPECTED: dict[int, Callable[[frozenset[str]], bool]] = {
    0x4F01: lambda p: True,
    0x4F02: lambda p: False,
    0x4F03: lambda p: "pin" in p,
    0x4F04: lambda p: "right" in p,
    0x4F05: lambda p: {"pin", "password"} <= p,
    0x4F06: lambda p: "pin" in p or "password" in p,
    0x4F07: lambda p: "pin" in p and ("right" in p or "password" in p),
    0x4F08: lambda p: "mac" in p or "encrypted" in p,
    0x4F09: lambda p: {"pin", "encrypted"} <= p,
}


@pytest.mark.parametrize("fid", CONDITIONS, ids=lambda fid: str(CONDITIONS[fid]))
def test_every_status(fid: int) -> None:
    assert EXPECTED.keys() == CONDITIONS.keys()
    condition = CONDITIONS[fid]
    for proofs in subsets():
        security = status_with(proofs)
        holds = EXPECTED[fid](frozenset(proofs))
        assert condition.holds(security) is holds, proofs
        if not holds and not isinstance(condition, AnyOf):
            assert condition.missing(security), "a refusal says what was missing"


def test_deeper_compositions_are_boolean_algebra() -> None:
    a, b, c = Verified(1), Authenticated("X"), SecureMessaging(MessagingLevel.MAC)
    for proven in product((False, True), repeat=3):
        security = SecurityStatus()
        security.verified.update({1} if proven[0] else set())
        security.authenticated.update({"X"} if proven[1] else set())
        security.messaging = MessagingLevel.MAC if proven[2] else MessagingLevel.NONE
        x, y, z = proven
        cases: list[tuple[AccessCondition, bool]] = [
            (AllOf(a, AnyOf(b, c)), x and (y or z)),
            (AnyOf(a, AllOf(b, c)), x or (y and z)),
            (AllOf(AllOf(a, b), c), x and y and z),
            (AnyOf(AnyOf(a, b), c), x or y or z),
            (AllOf(a), x),
            (AnyOf(a), x),
            (AllOf(a, NEVER), False),
            (AnyOf(a, NEVER), x),
            (AllOf(a, ALWAYS), x),
            (AnyOf(a, ALWAYS), True),
            (AnyOf(), False),
        ]
        for condition, wanted in cases:
            assert condition.holds(security) is wanted, (condition, proven)


def test_all_of_nothing_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="name the conditions"):
        AllOf()


def test_messaging_levels_are_ordered() -> None:
    for wanted, given in product(MessagingLevel, repeat=2):
        security = SecurityStatus()
        security.messaging = given
        assert SecureMessaging(wanted).holds(security) is (given >= wanted)


def test_what_has_no_condition_is_closed() -> None:
    assert set(vars_of(AccessRules())) == {NEVER}
    assert TransparentFile(fid=1, size=1).access == AccessRules()
    assert (DataObject(tag=0xC1).read, DataObject(tag=0xC1).write) == (NEVER, NEVER)
    assert (PinFile(fid=1).change, PinFile(fid=1).unblock) == (NEVER, NEVER)


def vars_of(rules: AccessRules) -> list[AccessCondition]:
    names = ("read", "update", "write", "activate", "deactivate", "terminate")
    return [getattr(rules, name) for name in names]


OPERATIONS = {
    "READ": "00B0000001",
    "READ odd": "00B1000003 540100 00",
    "SEARCH": "00A0000001 FF 00",
    "SEARCH odd": "00A1000006 540100 5301FF 00",
    "UPDATE": "00D6000001 AA",
    "UPDATE odd": "00D7000006 540100 5301AA",
    "WRITE": "00D0000001 AA",
    "WRITE odd": "00D1000006 540100 5301AA",
    "ERASE": "000E0000",
    "ERASE odd": "000F0000",
}


@pytest.mark.parametrize("fid", [0x4F00, *CONDITIONS], ids=lambda fid: f"{fid:04X}")
def test_on_the_wire_after_everything_that_can_be_proven_plainly(fid: int) -> None:
    card = selected_iso_card()
    prove = {
        "pin": "00200091 04 31323334",
        "password": "00200093 08 5345435245543939",
        "right": "80100000",
    }
    for size in range(4):
        for proofs in combinations(prove, size):
            forked = card.fork()
            play(forked_on(forked), f"00A4020C02{fid:04X} -> 9000")
            for proof in proofs:
                assert status(forked, prove[proof]) == "9000"
            holds = fid != 0x4F00 and EXPECTED[fid](frozenset(proofs))
            for name, command in OPERATIONS.items():
                again = f"00A4020C02{fid:04X}"
                assert status(forked, again) == "9000"
                answer = status(forked, command)
                wanted = {"9000", "6282"} if holds else {"6982"}
                assert answer in wanted, (name, proofs)


GROUPS = {
    "00B0000001": "read",
    "00B1000003 540100 00": "read",
    "00A0000001 FF 00": "read",
    "00A1000006 540100 5301FF 00": "read",
    "00D6000001 FF": "update",
    "00D7000006 540100 5301FF": "update",
    "000E0000": "update",
    "000F0000": "update",
    "00D0000001 FF": "write",
    "00D1000006 540100 5301FF": "write",
    "00B2010400": "read",
    "00B3010403 540100 00": "read",
    "00A2010401 61 00": "read",
    "00DC010404 61626364": "update",
    "00DD010406 540100 530161": "update",
    "000C0104": "update",
    "00D2010404 61626364": "write",
    "00E2000004 61626364": "write",
}
"""Every command on bytes and on records, and the group of table 24 that it belongs to."""


@pytest.mark.parametrize("command", GROUPS)
@pytest.mark.parametrize("allowed", ONE_RIGHT)
def test_each_command_asks_for_its_own_right(command: str, allowed: str) -> None:
    card = selected_iso_card()
    on_records = command[2:4] in ("B2", "B3", "A2", "DC", "DD", "0C", "D2", "E2")
    fid = (0x4F21 if on_records else 0x4F11) + list(ONE_RIGHT).index(allowed)
    play(card, f"00A4020C02{fid:04X} -> 9000")
    assert status(card, command) == ("9000" if GROUPS[command] == allowed else "6982")


def test_data_objects_have_a_right_to_read_and_one_to_write() -> None:
    play(
        selected_iso_card(),
        """
        00CA00C400 -> 44 9000
        00DA00C401 AA -> 6982
        00DB3FFF03 C401AA -> 6982
        00CA00C500 -> 6982
        00CB3FFF03 5C01C5 00 -> 6982
        00DA00C501 AA -> 9000
        00DB3FFF03 C501AA -> 9000
        00CA00C400 -> 44 9000
        """,
    )


def forked_on(card: Card) -> Card:
    card.power_on()
    play(card, "00A4040C09F049534F5445535401 -> 9000")
    return card


def test_a_refusal_says_what_was_missing_and_nothing_goes_over_the_wire() -> None:
    card = selected_iso_card()
    play(card, "00200091 04 31323334 -> 9000")
    play(card, "00A4020C024F05 -> 9000")
    assert send(card, "00B0000001") == "6982"
    refusal = card.last_refusal
    assert refusal is not None
    assert "needs Verified(0013);" in refusal.reason
    assert "PIN verified: 0011" in refusal.reason


def test_refusals_come_before_what_they_would_tell() -> None:
    """Whether an offset or a record exists is for those to know who may read."""
    card = selected_iso_card()
    play(
        card,
        """
        00A4020C024F02 -> 9000
        00B0FFFF01 -> 6A86
        00B07FFF01 -> 6982
        00D67FFF01 AA -> 6982
        00A07FFF01 AA 00 -> 6982
        000E7FFF -> 6982
        """,
    )
