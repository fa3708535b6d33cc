"""Commands of the oracle that have to do with certificates, PACE, chains and rarely used files.

As a naive terminal sends them, on the basic channel.
"""

from __future__ import annotations

from functools import cache

from jukicard.apdu import CommandApdu, ResponseApdu, Tlv
from jukicard.memory import MemorySnapshot
from tests.support.cards.eac_desk import (
    AUTHORITY,
    AUTHORITY_KEY,
    CA_AES128,
    CHIP_KEY,
    DV_DRAFT,
    EPHEMERAL,
    ROOT,
    ROOT_DRAFT,
    SYSTEM,
    SYSTEM_DRAFT,
    SYSTEM_KEY,
    TERMINAL_TYPE,
    EacTerminal,
    certificate,
    der,
    point,
)
from tests.support.cards.juki_desk import CODE_RECORD, Desk, issued
from tests.support.naive import curve as naive_curve
from tests.support.naive.cvc_writer import ECDSA_SHA256, sign
from tests.support.naive.pace import (
    AGREEMENT_KEY,
    CAN,
    MAPPING_KEY,
    NUMBER,
    PACE,
    A,
    G,
    NaivePace,
    P,
    encode,
    set_password,
)
from tests.support.naive.sm_reader import NaiveReader
from tests.support.naive.terminal import JUKI
from tests.support.oracle.juki_commands import PINS, Player
from tests.support.oracle.rules import Command, Level

OTHER_SYSTEM = b"JPTERMINAL00002"
OTHER_DRAFT = SYSTEM_DRAFT.with_(holder=OTHER_SYSTEM, mask=bytes((0b10001,)))
"""A system that identifies residents and suspends cards: purposes 1 and 5."""
HOLDERS = {1: AUTHORITY, 2: SYSTEM, 3: OTHER_SYSTEM, 9: b"JPNOBODY0000001"}
ISSUERS = {1: ROOT, 2: AUTHORITY, 9: b"JPNOBODY0000001"}
WISHES = {1: 0b00000, 2: 0b01000, 3: 0b11111}
NO_POINT = b"\x04" + bytes(64)


def _broken(content: bytes) -> bytes:
    return content[:-1] + bytes((content[-1] ^ 1,))


@cache
def _shown(number: int) -> bytes:
    match number:
        case 1:
            return DV_DRAFT.content()
        case 2:
            return SYSTEM_DRAFT.content()
        case 3:
            return OTHER_DRAFT.content()
        case 4:
            return _broken(DV_DRAFT.content())
        case 5:
            return _broken(SYSTEM_DRAFT.content())
        case _:
            return bytes.fromhex("7F4E00")


@cache
def card_with_all() -> MemorySnapshot:
    """A card that takes certificates and offers PACE."""
    return issued(
        trust_anchors=[certificate(ROOT_DRAFT)], chip_key=der(CHIP_KEY), access_number=NUMBER
    )


@cache
def times(scalar: int, of: naive_curve.Affine) -> naive_curve.Affine:
    return naive_curve.multiply(P, A, scalar, of)


def _objects(*items: tuple[int, bytes]) -> bytes:
    return b"".join(Tlv(tag, value).encode() for tag, value in items)


def _set_terminal(holder: bytes, algorithm: bytes) -> CommandApdu:
    data = _objects((0x80, algorithm), (0x83, holder), (0x91, point(EPHEMERAL)[1:33]))
    return CommandApdu(0x00, 0x22, 0x81, 0xA4, data)


def _rare(text: str) -> CommandApdu:
    return CommandApdu.parse(bytes.fromhex(text.replace(" ", "")))


RARE = {
    "get response": _rare("00 C0 00 00 00"),
    "select long": CommandApdu(0x00, 0xA4, 0x04, 0x00, JUKI, 5),
    "append record": CommandApdu(0x00, 0xE2, 0x00, 0x10, CODE_RECORD),
    "write record": CommandApdu(0x00, 0xD2, 0x01, 0x14, CODE_RECORD),
    "erase record": _rare("00 0C 01 14"),
    "search record": _rare("00 A2 01 14 03 01 0B 31 00"),
    "write binary": _rare("00 D0 83 00 01 FF"),
    "erase binary": _rare("00 0E 83 00"),
    "internal authenticate": _rare("00 88 00 00 08 0001020304050607 00"),
    "deactivate ef": _rare("00 04 00 00 02 0003"),
    "activate ef": _rare("00 44 00 00 02 0003"),
    "terminate ef": _rare("00 E8 00 00 02 0003"),
    "deactivate key": _rare("00 04 00 00 02 0104"),
    "deactivate nothing": _rare("00 04 00 00 02 0042"),
    "deactivate application": _rare("00 04 00 00"),
    "activate application": _rare("00 44 00 00"),
    "terminate application": _rare("00 E6 00 00"),
    "manage otherwise": _rare("00 22 41 B8 03 840104"),
    "manage strangely": _rare("00 22 C1 A4 03 840104"),
    "set key as terminal": _rare("00 22 81 A4 03 830104"),
    "chain what cannot be": CommandApdu(0x10, 0x20, 0x00, 0x9C, PINS[0][:2]),
}


class EacPlayer(Player):
    """A terminal with certificates that knows the number on the card."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.eac = EacTerminal(desk)
        self.known: dict[str, object] = {}
        """What came out of the steps of PACE so far; the values are never changed."""

    def _more(self) -> object:
        return tuple(self.known.items())

    def _recall_more(self, more: object) -> None:
        assert isinstance(more, tuple)
        self.known = dict(more)

    def status(self, command: Command) -> int:
        assert not command.channel or command.do not in RARE
        if command.do.startswith("pace "):
            return int(self._pace(command).status)
        if command.do in ("prove", "prove wrongly"):
            return self._send(CommandApdu(0x00, 0x82, 0, 0, self._signature(command)), command)
        if command.do in ("agree", "agree otherwise"):
            return self._agree(command)
        apdu = self._apdu(command)
        return super().status(command) if apdu is None else self._send(apdu, command)

    @staticmethod
    def _apdu(command: Command) -> CommandApdu | None:
        match command.do:
            case "name issuer":
                data = _objects((0x83, ISSUERS[command.arg]))
                return CommandApdu(0x00, 0x22, 0x81, 0xB6, data)
            case "show":
                return CommandApdu(0x00, 0x2A, 0x00, 0xBE, _shown(command.arg))
            case "set terminal":
                return _set_terminal(HOLDERS[command.arg], ECDSA_SHA256)
            case "set terminal strangely":
                return _set_terminal(HOLDERS[command.arg], CA_AES128)
            case "set chip":
                return CommandApdu(0x00, 0x22, 0x41, 0xA4, _objects((0x80, CA_AES128)))
            case "set chip strangely":
                return CommandApdu(0x00, 0x22, 0x41, 0xA4, _objects((0x80, ECDSA_SHA256)))
            case "change pin from":
                return CommandApdu(0x00, 0x24, 0x00, 0x9C, PINS[command.arg] * 2)
            case _:
                return RARE.get(command.do)

    def _answer(self, apdu: CommandApdu, command: Command) -> ResponseApdu:
        secure = command.level is not Level.PLAIN
        return self.terminal.send(apdu, secure=secure, readable=command.level is Level.MAC)

    def _send(self, apdu: CommandApdu, command: Command) -> int:
        answer = self._answer(apdu, command)
        if command.do.startswith("prove"):
            self._after_proof(int(answer.status))
        return int(answer.status)

    def _after_proof(self, status: int) -> None:
        """A new authentication ends a session, but not a private one."""
        if status in (0x9000, 0x6300) and not self._in_private():
            self.terminal.sessions.pop(0, None)

    def _in_private(self) -> bool:
        session = self.terminal.sessions.get(0)
        return session is not None and session.enc == self.known.get("private")

    def _signature(self, command: Command) -> bytes:
        """For the card's ephemeral key in a private session, else for its number."""
        identifier = self.terminal.card_number
        if self._in_private() and command.level is not Level.PLAIN:
            cards = self.known["cards"]
            assert isinstance(cards, bytes)
            identifier = cards[1:33]
        challenge = self.terminal.challenges.get(0, bytes(8))
        signer = SYSTEM_KEY if command.do == "prove" else CHIP_KEY
        return sign(signer, identifier + challenge + self.eac.compressed)

    def _agree(self, command: Command) -> int:
        ephemeral = EPHEMERAL if command.do == "agree" else AUTHORITY_KEY
        eac = EacTerminal(Desk(self.card, self.terminal), ephemeral)
        vars(eac)["_answer"] = lambda apdu: self._answer(apdu, command)
        return eac.general_authenticate()

    # -- PACE ------------------------------------------------------------------------------------

    def _pace(self, command: Command) -> ResponseApdu:
        name = command.do.removeprefix("pace ")
        if name == "set":
            wish = Tlv(0x06, TERMINAL_TYPE), Tlv(0x53, bytes((WISHES.get(command.arg, 0),)))
            more = [Tlv(0x7F4C, wish)] if command.arg else []
            self.known.clear()
            return self._answer(set_password(PACE, CAN, *more), command)
        steps = NaivePace(self.terminal)
        vars(steps).update(self.known)
        sent = self._sent(steps, name)
        data = Tlv(0x7C, sent).encode()
        chained = 0x00 if name.startswith("confirm") else 0x10
        answer = self._answer(CommandApdu(chained, 0x86, 0, 0, data, 256), command)
        if answer.status == 0x9000:
            vars(steps)["step"] = lambda *sent, chained=True: answer
            self._understand(steps, name)
        return answer

    def _sent(self, steps: NaivePace, name: str) -> list[Tlv]:
        match name:
            case "nonce":
                return []
            case "map" | "map wrongly":
                right = encode(times(MAPPING_KEY, G))
                return [Tlv(0x81, right if name == "map" else NO_POINT)]
            case "agree" | "agree wrongly":
                generator = self.known.get("generator", G)
                right = encode(times(AGREEMENT_KEY, generator))
                return [Tlv(0x83, right if name == "agree" else NO_POINT)]
            case _:
                known = name == "confirm" and "mac" in self.known
                return [Tlv(0x85, steps.token(steps.cards) if known else bytes(8))]

    def _understand(self, steps: NaivePace, name: str) -> None:
        before = set(vars(steps))
        if name == "confirm":
            steps.confirm()
            self.terminal.sessions[0] = NaiveReader(steps.enc, steps.mac, 0)
            self.known["private"] = steps.enc
            return
        getattr(steps, name)()
        for what in ("secret", "generator", "own", "cards", "enc", "mac"):
            if what in vars(steps) or what in before:
                self.known[what] = vars(steps)[what]


__all__ = ["EacPlayer", "card_with_all"]
