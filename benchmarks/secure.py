"""Mutual authentication, reading under secure messaging, and a whole transaction; both ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks import layers, pcsc
from benchmarks.tasks import FILE_BYTES, Transmit
from benchmarks.timing import Effort, micro, rate, table
from jukicard import issue_card
from jukicard.apdu import CommandApdu, ResponseApdu
from jukicard.applets.counter import COUNTER_REFERENCE
from jukicard.applets.jpki.files import SIGN_CA_CERTIFICATE
from jukicard.applets.names import ISSUER as ISSUER_AID, JPKI as JPKI_AID, JUKI as JUKI_AID
from jukicard.profiles.masters import TEST_MASTERS
from jukihost.authentication import scp03
from jukihost.authentication.mutual import authenticate
from jukihost.keys.custody import CardKeys
from jukihost.keys.diversification import derive_card_keys
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.securemessaging.secure_channel import SecureChannel

PROTECTION: Final = 40e-6
TRANSACTION: Final = 250e-6
ISSUER_SESSION: Final = 2.0
ISSUER_COMMAND: Final = 1.5
"""How many times as long as mutual authentication, and as a command protected as ISO has it."""
_IDENTIFICATION: Final = 1


class Terminal:
    """The host's end of a conversation: commands to bytes, answers back; nothing else."""

    def __init__(self, transmit: Transmit) -> None:
        self._transmit = transmit

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        """Send one command; RuntimeError for a refusal, which would spoil the measurement."""
        answer = ResponseApdu.parse(self._transmit(command.encode()))
        if answer.status.is_error:
            raise RuntimeError(f"{command}: {answer.status.hex}")
        return answer

    def select(self, aid: bytes) -> None:
        """Select an application."""
        self.transmit(CommandApdu(0x00, 0xA4, 0x04, 0x0C, aid))

    def keys(self, aid: bytes, purpose: str) -> CardKeys:
        """Return this card's keys for a purpose, derived from the public test master."""
        number = self.transmit(CommandApdu(0x00, 0xCA, 0x00, 0x5A, ne=256)).data[2:]
        return derive_card_keys("MA-AES128", TEST_MASTERS[purpose], number, aid, 1)


def measure(effort: Effort) -> None:
    """Measure in this process, then over PC/SC where there is a reader."""
    card = issue_card("juki-v1", seed=1, pin="1234")
    card.power_on()
    _show("In process, both ends", _works(card.transmit), effort, targets=True)
    works = _works(card.transmit)
    for name in ("mutual authentication", "protected READ BINARY 256", "whole transaction"):
        layers.show(name, works[name], calls=500, most=12)
    with pcsc.daemon() as running:
        if running is None:
            return
        with pcsc.cards(running, pcsc.OURS) as (transmit,):
            _show("Over PC/SC", _works(transmit), effort, targets=False)


def _works(transmit: Transmit) -> dict[str, Callable[[], object]]:
    """Return what is measured; the protected read comes last, plain commands end its session."""
    terminal = Terminal(transmit)
    terminal.select(JUKI_AID)
    keys = terminal.keys(JUKI_AID, "RESIDENT_IDENTIFICATION")
    terminal.select(JPKI_AID)
    counter = terminal.keys(JPKI_AID, "COUNTER")
    select_file = CommandApdu(0x00, 0xA4, 0x02, 0x0C, SIGN_CA_CERTIFICATE.to_bytes(2, "big"))
    read = CommandApdu(0x00, 0xB0, 0, 0, ne=FILE_BYTES, extended=True)

    def authenticated() -> SecureChannel:
        terminal.select(JPKI_AID)
        return authenticate(terminal, COUNTER_REFERENCE, counter)

    def authentication() -> Callable[[], object]:
        terminal.select(JUKI_AID)
        return lambda: authenticate(terminal, _IDENTIFICATION, keys)

    def plain_read() -> Callable[[], object]:
        terminal.select(JPKI_AID)
        terminal.transmit(select_file)
        return lambda: terminal.transmit(read)

    number = CommandApdu(0x00, 0xCA, 0x00, 0x5A, ne=256)

    def issuer() -> SecureChannel:
        terminal.select(ISSUER_AID)
        return SecureChannel(terminal, scp03.authenticate(terminal, ISSUER_TEST_KEYS))

    def issuer_authentication() -> Callable[[], object]:
        terminal.select(ISSUER_AID)
        return lambda: scp03.authenticate(terminal, ISSUER_TEST_KEYS)

    return {
        "mutual authentication": _Prepared(authentication),
        "session of the issuer (SCP03)": _Prepared(issuer_authentication),
        "protected GET DATA": _Prepared(lambda: _protected(authenticated, number)),
        "protected GET DATA of the issuer": _Prepared(lambda: _protected(issuer, number)),
        "whole transaction": lambda: transaction(terminal, keys),
        "plain READ BINARY 256": _Prepared(plain_read),
        "protected READ BINARY 256": _Prepared(
            lambda: _protected(authenticated, read, select_file)
        ),
    }


def _protected(
    authenticated: Callable[[], SecureChannel], read: CommandApdu, *before: CommandApdu
) -> Callable[[], object]:
    def opened() -> SecureChannel:
        session = authenticated()
        for command in before:
            session.transmit(command)
        return session

    session, sent = opened(), 0

    def again() -> object:
        nonlocal session, sent
        sent += 1
        if sent > 60_000:  # a session ends after 65,536 commands
            session, sent = opened(), 0
        answer = session.transmit(read)
        assert len(answer.data) in (FILE_BYTES, 10)
        return answer

    return again


class _Prepared:
    """A work with a situation of its own, brought about when it is first called in a series."""

    _current: _Prepared | None = None

    def __init__(self, prepare: Callable[[], Callable[[], object]]) -> None:
        self._prepare = prepare
        self._work: Callable[[], object] = lambda: None

    def __call__(self) -> object:
        if _Prepared._current is not self:
            self._work = self._prepare()
            _Prepared._current = self
        return self._work()


def transaction(terminal: Terminal, keys: CardKeys) -> bytes:
    """Select, authenticate, verify the PIN and read the resident record code."""
    terminal.select(JUKI_AID)
    session = authenticate(terminal, _IDENTIFICATION, keys)
    session.transmit(CommandApdu(0x00, 0xA4, 0x02, 0x0C, b"\x00\x1c"))
    session.transmit(CommandApdu(0x00, 0x20, 0x00, 0x80, b"1234"))
    session.transmit(CommandApdu(0x00, 0xA4, 0x02, 0x0C, b"\x00\x02"))
    record = session.transmit(CommandApdu(0x00, 0xB2, 0x01, 0x04, ne=256)).data
    assert record[:2] == b"\x01\x0b"
    return record


def _show(
    title: str, works: dict[str, Callable[[], object]], effort: Effort, *, targets: bool
) -> None:
    seconds = {}
    for name, work in works.items():
        _Prepared._current = None
        seconds[name] = effort.best(work)
    above = seconds["protected READ BINARY 256"] - seconds["plain READ BINARY 256"]
    rows = [(name, micro(taken), rate(taken), "") for name, taken in seconds.items()]
    rows.append(("protection of a read, above the plain one", micro(above), "", ""))
    if targets:
        met = {
            "whole transaction": seconds["whole transaction"] <= TRANSACTION,
            "protection of a read, above the plain one": above <= PROTECTION,
            "session of the issuer (SCP03)": seconds["session of the issuer (SCP03)"]
            <= ISSUER_SESSION * seconds["mutual authentication"],
            "protected GET DATA of the issuer": seconds["protected GET DATA of the issuer"]
            <= ISSUER_COMMAND * seconds["protected GET DATA"],
        }
        rows = [
            (*row[:3], ("met" if met[row[0]] else "NOT met") if row[0] in met else "")
            for row in rows
        ]
    wanted = f" (wanted: {TRANSACTION * 1e6:.0f} µs; {PROTECTION * 1e6:.0f} µs above)"
    table(title + (wanted if targets else ""), ("what", "time", "rate", "target"), rows)
