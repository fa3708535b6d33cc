"""Text, surface and common in any order of commands, against a model written from docs/card.md."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jukicard.apdu import CommandApdu
from tests.support.cards.face_cards import AIDS, face_card
from tests.support.cards.face_order import (
    BIRTH_CODE,
    NUMBER_A,
    NUMBER_B,
    PIN,
)

CREDENTIALS: Final = {
    ("text", 0x11): (PIN, 3),
    ("text", 0x14): (NUMBER_A, 10),
    ("text", 0x15): (NUMBER_B, 10),
    ("surface", 0x11): (BIRTH_CODE, 10),
    ("surface", 0x12): (NUMBER_B, 10),
    ("surface", 0x13): (NUMBER_A, 10),
    ("common", 0x1C): (PIN, 3),
}
"""Value and tries of each credential."""
OPENED_BY: Final = {
    ("text", 1): {0x11, 0x14},
    ("text", 2): {0x11, 0x15},
    ("text", 3): {0x11, 0x14, 0x15},
    ("surface", 1): {0x11},
    ("surface", 2): {0x12, 0x13},
    ("surface", 5): {0x13},
}
FREE: Final = {
    **{("text", fid): set[int]() for fid in (4, 5, 6, 7, 8)},
    **{("surface", fid): set[int]() for fid in (3, 4, 6)},
}
FIDS: Final = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8])
REFERENCES: Final = st.sampled_from([0x11, 0x12, 0x13, 0x14, 0x15, 0x1C])
NEW_PINS: Final = st.sampled_from([PIN, "8765"])


class FaceMachine(RuleBasedStateMachine):
    """What the card must answer follows from four things: they are the whole model."""

    def __init__(self) -> None:
        super().__init__()
        self.card = face_card()
        self.application = "common"  # the first on the card is selected after a reset
        self.verified: set[int] = set()
        self.values = {name: value for name, (value, _) in CREDENTIALS.items()}
        self.left = {name: tries for name, (_, tries) in CREDENTIALS.items()}

    def send(self, cla: int, ins: int, p1: int, p2: int, data: bytes = b"", ne: int = 0) -> bytes:
        return self.card.transmit(CommandApdu(cla, ins, p1, p2, data, ne).encode())

    def status(self, *command: int, data: bytes = b"") -> int:
        cla, ins, p1, p2 = command
        return int.from_bytes(self.send(cla, ins, p1, p2, data)[-2:], "big")

    @rule(name=st.sampled_from(sorted(AIDS)))
    def select(self, name: str) -> None:
        assert self.status(0, 0xA4, 4, 0x0C, data=AIDS[name]) == 0x9000
        if name != self.application:
            self.verified = set()
        self.application = name

    @rule(reference=REFERENCES, right=st.booleans(), cut=st.booleans())
    def verify(self, reference: int, right: bool, cut: bool) -> None:
        name = (self.application, reference)
        answer = self.status(
            0, 0x20, 0, 0x80 | reference, data=self.guess(name, right, cut).encode()
        )
        if name not in CREDENTIALS:
            assert answer == self.no_credential(reference)
        elif not self.left[name]:
            assert answer == 0x6984
        elif right and not cut:
            assert answer == 0x9000
            self.verified.add(reference)
            self.left[name] = CREDENTIALS[name][1]
        else:
            self.left[name] -= 1
            self.verified.discard(reference)
            assert answer == 0x63C0 | self.left[name]

    def guess(self, name: tuple[str, int], right: bool, cut: bool) -> str:
        value = self.values.get(name, PIN)
        guess = value if right else "9" * len(value)
        return guess[:-1] if cut else guess

    def no_credential(self, reference: int) -> int:
        """What VERIFY answers where the model has no credential."""
        if self.application == "text" and reference == 0x12:
            return 0x6984  # the blocked reference
        exists = {"text": {0x13, 0x1C}, "surface": {0x1C}, "common": set()}
        return 0x6981 if reference in exists[self.application] else 0x6A82

    @rule(reference=REFERENCES, new=NEW_PINS, own=st.booleans())
    def change(self, reference: int, new: str, own: bool) -> None:
        name = (self.application, reference)
        if name not in CREDENTIALS:
            return
        command = (0x80, 0x32, 0x00) if own else (0x00, 0x24, 0x01)
        answer = self.status(*command, 0x80 | reference, data=new.encode())
        if reference in self.verified and CREDENTIALS[name][0] == PIN:
            assert answer == 0x9000
            self.values[name] = new
        else:
            assert answer == 0x6982

    @rule(fid=FIDS)
    def read(self, fid: int) -> None:
        name = (self.application, fid)
        answer = self.send(0, 0xB0, 0x80 | fid, 0, ne=256)
        if self.application == "common":
            assert answer == bytes.fromhex("6981" if fid in (1, 2) else "6A82")
        elif name in FREE or OPENED_BY.get(name, set()) & self.verified:
            assert answer.endswith(b"\x90\x00")
            assert len(answer) > 2
        else:
            assert answer == bytes.fromhex("6982" if name in OPENED_BY else "6A82")

    @rule()
    def read_the_cards_number(self) -> None:
        answer = self.send(0, 0xB2, 1, 0x0C, ne=256)
        if self.application == "common":
            assert answer[:2] + answer[-2:] == bytes.fromhex("011C9000")
        else:
            assert answer == b"\x69\x81", "SFI 1 holds no records elsewhere"

    @rule(warm=st.booleans())
    def start_again(self, warm: bool) -> None:
        if warm:
            self.card.reset()
        else:
            self.card.power_off()
            self.card.power_on()
        self.application = "common"
        self.verified = set()

    @invariant()
    def a_query_tells_what_is_left_and_never_counts(self) -> None:
        for (application, reference), left in self.left.items():
            if application == self.application:
                assert self.status(0, 0x20, 0, 0x80 | reference) == 0x63C0 | left


TestFaceMachine = FaceMachine.TestCase
