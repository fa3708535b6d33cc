"""What a command forgets first is forgotten, also where card or application is out of use.

docs/card.md, section 3: a table of the commands that forget, and what is left of each when it is
refused. Two PINs, each with a file that it opens; anybody may suspend, deactivate and resume.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import ClassVar

import pytest

from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.filesystem.access import ALWAYS, Verified
from jukicard.filesystem.files import AccessRules, DedicatedFile, FileTree, TransparentFile
from jukicard.kit.features.files import Files
from jukicard.kit.features.lifecycle import LifeCycle
from jukicard.kit.features.pins import Pins
from jukicard.kit.fileapplet import FileState
from jukicard.kit.pin import PinFile
from jukicard.memory import MemorySnapshot
from jukicard.runtime.applet import Applet, BasicState
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement, Privilege
from jukicard.testing.applets import with_forbidden
from tests.support.cards.juki_desk import CODE_RECORD, desk, issued
from tests.support.naive.terminal import JUKI, PURPOSES, RND_IFD, keys_of
from tests.support.published.transcript import play, send

AID = Aid("F0524546555345443031")
FREE = AccessRules(activate=ALWAYS, deactivate=ALWAYS, terminate=ALWAYS)
PIN, PASSWORD = 0x0011, 0x0012
TREE = FileTree(
    DedicatedFile(
        name=AID,
        access=FREE,
        files=(
            TransparentFile(fid=1, size=1, access=AccessRules(read=Verified(PIN))),
            TransparentFile(fid=2, size=1, access=AccessRules(read=Verified(PASSWORD))),
            PinFile(fid=PIN, access=FREE, change=Verified(PIN), unblock=Verified(PASSWORD)),
            PinFile(fid=PASSWORD, max_length=8, access=FREE, change=Verified(PASSWORD)),
        ),
    )
)


@offer_applet
class TwoPins(Files[FileState], Pins[FileState], LifeCycle[FileState]):
    """Two PINs, one of a fixed length, and a file behind each."""

    type_name = "test-refused-first"
    tree = TREE
    card_rules = FREE


@cache
def made() -> MemorySnapshot:
    base = PROFILES["juki-v1"]
    here = Placement(AID, TwoPins.type_name, privileges=frozenset({Privilege.CARD}))
    profile = dataclasses.replace(base, applications=(*base.applications, here))
    card = issue_card(with_forbidden(profile), seed=1, on_bug=raise_bug)
    found = card.applications.get(AID)
    assert found is not None
    applet = found.applet
    assert isinstance(applet, TwoPins)
    with card.environment.memory.transaction():
        for fid in (PIN, PASSWORD):
            applet.pins.set_value(TREE.ef(fid), b"1234")
    return card.snapshot()


@pytest.fixture
def card() -> Card:
    """Both PINs verified on the basic channel, the PIN's file current."""
    card = Card.restore(made(), on_bug=raise_bug)
    card.power_on()
    play(
        card,
        f"""
        00A4040C0A{AID.hex().upper()} -> 9000
        0020009204 31323334           -> 9000
        0020009104 31323334           -> 9000
        00B0810001                    -> FF 9000
        00B0820001                    -> FF 9000
        00A4020C020011                -> 9000
        """,
    )
    return card


OUT_OF_USE = {
    "card suspended": ("0004000002 3F00", "0044000002 3F00"),
    "application deactivated": ("00A40400 0A" + AID.hex() + " | 00040000", "00440000"),
}
"""How the state is reached and left, on the channel that keeps what it has proven."""


def bring(card: Card, commands: str) -> None:
    for command in commands.split("|"):
        assert send(card, command) == "9000"


ALL, NOT_PIN, NOT_PASSWORD = {1, 2}, {2}, {1}
LEFT = {
    "VERIFY, right": ("0020009104 31323334", NOT_PIN),
    "VERIFY, wrong": ("0020009104 39393939", NOT_PIN),
    "VERIFY of another length": ("0020009105 3132333435", NOT_PIN),
    "VERIFY with a useless Le field": ("0020009104 31323334 00", NOT_PIN),
    "VERIFY of the other PIN": ("0020009204 39393939", NOT_PASSWORD),
    "CHANGE REFERENCE DATA with the present value": ("0024009108 3132333435363738", NOT_PIN),
    "the query": ("00200091", ALL),
    "CHANGE REFERENCE DATA with the new value": ("0024019104 35363738", ALL),
    "no such change of the password": ("0024009208 3132333435363738", ALL),
    "RESET RETRY COUNTER": ("002C0391", ALL),
    "VERIFY with another P1": ("0020019104 31323334", ALL),
    "VERIFY that names nothing": ("002000FF04 31323334", ALL),
    "VERIFY of a file that is no PIN": ("0020008104 31323334", ALL),
    "VERIFY of a file that is not there": ("0020009E04 31323334", ALL),
    "a link of a chain": ("1020009104 31323334", ALL),
    "VERIFY of a proprietary class": ("8020009104 31323334", ALL),
    "VERIFY on a channel that is not open": ("0120009104 31323334", ALL),
}
"""Commands, and which files are open after them."""


def still_open(card: Card) -> set[int]:
    return {fid for fid in (1, 2) if send(card, f"00B0{0x80 | fid:02X}0001") == "FF9000"}


@pytest.mark.parametrize("state", OUT_OF_USE)
@pytest.mark.parametrize("name", LEFT)
def test_what_a_refused_command_forgets_first_is_forgotten(
    card: Card, state: str, name: str
) -> None:
    command, left = LEFT[name]
    there, back = OUT_OF_USE[state]
    bring(card, there)
    answer = send(card, command)
    assert answer in ("6985", "6881", "6884", "6E00")
    bring(card, back)
    assert still_open(card) == left


def test_the_current_file_may_be_the_pin_that_is_meant_and_stays_current(card: Card) -> None:
    bring(card, "0004000002 3F00")
    assert send(card, "0020009204 31323334") == "6985"
    assert send(card, "0020008004 31323334") == "6985"
    bring(card, "0044000002 3F00")
    assert send(card, "00200080") == "63C3", "0011 is current: nothing was selected"
    assert still_open(card) == set()


def test_the_counters_are_left_alone(card: Card) -> None:
    bring(card, "0004000002 3F00")
    for _ in range(5):
        assert send(card, "0020009104 39393939") == "6985"
    bring(card, "0044000002 3F00")
    play(card, "00200091 -> 63C3")


def test_the_same_command_in_use_forgets_the_same(card: Card) -> None:
    """In use VERIFY forgets first as well, and so does a PIN that is out of use itself."""
    assert send(card, "0020009104 39393939") == "63C2"
    assert still_open(card) == {2}
    assert send(card, "0020009104 31323334") == "9000"
    assert send(card, "0024009108 39393939 35363738") == "63C2"
    assert still_open(card) == {2}


def test_what_wants_a_right_forgets_first_too() -> None:
    """The present value in a change that nobody may make in plain: 6982, and forgotten."""
    terminal = desk(issued()).terminal
    terminal.select(JUKI)
    terminal.authenticate(4)
    verify = CommandApdu(0, 0x20, 0, 0x9C, b"1234")
    change = CommandApdu(0, 0x24, 0, 0x9C, b"12348765")
    read = CommandApdu(0, 0xB2, 1, 0x14, ne=256)
    assert terminal.protected(verify).status == 0x9000
    assert terminal.protected(read).data == CODE_RECORD
    assert terminal.protected(change, readable=True).status == 0x6982
    assert terminal.protected(read).status == 0x6982
    assert terminal.protected(verify).status == 0x9000, "the value has not changed"


# -- other commands that forget -------------------------------------------------------------------

SUSPEND, RESUME = (CommandApdu(0, ins, 0, 0, b"\x3f\x00") for ins in (0x04, 0x44))
VERIFY = CommandApdu(0, 0x20, 0, 0x9C, b"1234")
READ = CommandApdu(0, 0xB2, 1, 0x14, ne=256)


def counter_in_a_suspended_card() -> tuple[Card, Callable[[CommandApdu], ResponseApdu]]:
    """The counter and the holder have proven themselves, then the card was suspended."""
    at = desk(issued())
    at.terminal.select(JUKI)
    at.terminal.authenticate(4)
    assert at.terminal.protected(VERIFY).status == 0x9000
    assert at.terminal.protected(SUSPEND).status == 0x9000
    return at.card, at.terminal.protected


REFUSED = {
    "an authentication for another purpose": CommandApdu(0, 0x82, 0, 0x81, bytes(40), 40),
    "an authentication without a challenge": CommandApdu(0, 0x82, 0, 0x84, bytes(40), 40),
    "an authentication by signature": CommandApdu(0, 0x82, 0, 0, bytes(64)),
    "a step of another authentication": CommandApdu(0, 0x86, 0, 0, b"\x7c\x00", 256),
    "a key by name": CommandApdu(0, 0x22, 0xC1, 0xA4, b"\x83\x01\x04"),
    "an issuer by name": CommandApdu(0, 0x22, 0x81, 0xB6, b"\x83\x01\x39"),
    "a certificate": CommandApdu(0, 0x2A, 0, 0xBE, bytes(8)),
    "unblocking": CommandApdu(0, 0x2C, 3, 0x9C),
    "a file": CommandApdu(0, 0xA4, 2, 0x0C, b"\x00\x03"),
    "the application again": CommandApdu(0, 0xA4, 4, 0x0C, JUKI),
    "a channel": CommandApdu(0, 0x70, 0, 1),
}
"""What is refused by the state, or not, and has not begun what would forget anything."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_not_begun_forgets_nothing(name: str) -> None:
    _, protected = counter_in_a_suspended_card()
    protected(REFUSED[name])
    assert protected(RESUME).status == 0x9000
    assert protected(READ).data == CODE_RECORD


def test_another_application_is_left_for_good_in_any_state() -> None:
    card, protected = counter_in_a_suspended_card()
    assert protected(CommandApdu(0, 0xA4, 4, 0x0C, bytes.fromhex("A000000151000000"))).status
    assert send(card, f"00A4040C0A{JUKI.hex().upper()}") == "6283"
    assert send(card, "0044000002 3F00") == "6982"


@pytest.mark.parametrize("between", ["0020009C04 31323334", "0020009C", "00B0830001"])
def test_a_refused_command_ends_a_chain_and_the_challenge_that_it_answers(between: str) -> None:
    """The links of one MUTUAL AUTHENTICATE are one command: nothing comes between them."""
    at = desk(issued())
    at.terminal.select(JUKI)
    at.terminal.authenticate(4)
    assert at.terminal.protected(SUSPEND).status == 0x9000
    card = at.card
    for disturbed in (False, True):
        assert send(card, f"00A4040C0A{JUKI.hex().upper()}") == "6283"
        challenge = bytes.fromhex(send(card, "0084000008"))[:8]
        number = bytes.fromhex(send(card, "00CA005A00"))[2:10]
        challenge = bytes.fromhex(send(card, "0084000008"))[:8]
        message = keys_of(number, PURPOSES[4]).message(challenge, RND_IFD)
        assert send(card, f"10820084 14 {message[:20].hex()}") == "9000"
        if disturbed:
            assert send(card, between) == "6985"
        last = send(card, f"00820084 14 {message[20:].hex()} 28")
        assert last.endswith("9000") is not disturbed


# -- applications from elsewhere ------------------------------------------------------------------

STRANGE = Aid("F0524546555345443032")


class Stranger(Applet[BasicState]):
    """From elsewhere: told of what is refused, and does what it wants."""

    type_name = "test-refused-stranger"
    told: ClassVar[list[int]] = []
    act: ClassVar[Callable[[], object]] = staticmethod(lambda: None)

    def new_state(self) -> BasicState:
        return BasicState()

    def select(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu()

    def process(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu()

    def refused(self, command: CommandApdu, state: BasicState) -> None:
        self.told.append(command.ins)
        type(self).act()


offer_applet(Stranger)


def _for_ever() -> None:
    while True:
        pass


def _fails() -> None:
    raise ValueError("what it says is its own")


@pytest.mark.parametrize("act", [_for_ever, _fails])
def test_one_from_elsewhere_that_fails_to_forget_is_taken_off(
    act: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = PROFILES["juki-v1"]
    profile = dataclasses.replace(
        base, applications=(*base.applications, Placement(STRANGE, Stranger.type_name))
    )
    bugs: list[Exception] = []
    card = issue_card(with_forbidden(profile), seed=1, on_bug=bugs.append)
    card.power_on()
    monkeypatch.setattr(Stranger, "told", [])
    with card.environment.memory.transaction():
        card.environment.memory.partition("card").put("state", b"\x04")
    select = f"00A4040C0A{STRANGE.hex().upper()}"
    assert send(card, select) == "6283"
    assert send(card, "0020009104 31323334") == "6985"
    assert Stranger.told == [0x20]
    assert not bugs
    monkeypatch.setattr(Stranger, "act", staticmethod(act))
    assert send(card, "0020009104 31323334") == "6985"
    assert len(bugs) == 1
    assert send(card, "0084000008") == "6985", "no application is selected"
    monkeypatch.setattr(Stranger, "act", staticmethod(lambda: None))
    assert send(card, select) == "6283"
