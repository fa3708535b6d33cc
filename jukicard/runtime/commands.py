"""Commands on PINs, challenges and channels, parsed once (ISO/IEC 7816-4:2020, 11.1, 11.6)."""

from __future__ import annotations

from typing import Final, NamedTuple

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.commands import CURRENT_EF, FileReference

_SPECIFIC: Final = 0x80


class VerifyQuery(NamedTuple):
    """VERIFY without data: how many tries are left; never counted."""

    pin: FileReference


class Verify(NamedTuple):
    """VERIFY with data, 11.6.6."""

    pin: FileReference
    value: bytes

    def __repr__(self) -> str:
        return f"Verify({self.pin}, ...)"


class ChangeReferenceData(NamedTuple):
    """CHANGE REFERENCE DATA, 11.6.7: `with_old` when the data starts with the old value."""

    pin: FileReference
    value: bytes
    with_old: bool

    def __repr__(self) -> str:
        return f"ChangeReferenceData({self.pin}, ...)"


class ResetRetryCounter(NamedTuple):
    """RESET RETRY COUNTER, 11.6.10: whether a resetting code and a new value come with it."""

    pin: FileReference
    data: bytes
    with_code: bool
    with_new: bool

    def __repr__(self) -> str:
        return f"ResetRetryCounter({self.pin}, ...)"


class GetChallenge(NamedTuple):
    """GET CHALLENGE, 11.6.3: `size` bytes."""

    size: int


class OpenChannel(NamedTuple):
    """MANAGE CHANNEL, open (11.1.2); None lets the card choose the number."""

    number: int | None


class CloseChannel(NamedTuple):
    """MANAGE CHANNEL, close."""

    number: int


def reference(p2: int, name: str) -> FileReference:
    """Return the internal EF that P2 of a security command means.

    80 is the current EF, 81 to 9E the one with that short identifier; the bit 80 says "of this
    application" (ISO/IEC 7816-4:2020, table 94). Global references (bit 8 clear) and 00 are
    answered 6A88: no card here has one.
    """
    if p2 & 0x60 or p2 & 0x1F == 0x1F:
        raise IsoError(StatusWord.INCORRECT_P1_P2, f"{name}: P2 names no reference")
    if not p2 & _SPECIFIC:
        raise IsoError(StatusWord.REFERENCED_DATA_NOT_FOUND, f"{name}: no global references here")
    sfi = p2 & 0x1F
    return FileReference(sfi) if sfi else CURRENT_EF


def parse_verify(command: CommandApdu, *, lenient: bool) -> VerifyQuery | Verify:
    """Read VERIFY; case 1 is the query, and with `lenient` case 2 as well, else 6700."""
    if command.p1:
        raise IsoError(StatusWord.INCORRECT_P1_P2, "VERIFY has P1 00")
    pin = reference(command.p2, "VERIFY")
    if command.data:
        return Verify(pin, command.data)
    if command.ne and not lenient:
        raise IsoError(StatusWord.WRONG_LENGTH, "VERIFY without data has no Le field either")
    return VerifyQuery(pin)


def parse_change_reference_data(command: CommandApdu) -> ChangeReferenceData:
    """Read CHANGE REFERENCE DATA: P1 00 old and new value, 01 the new one only."""
    if command.p1 > 1:
        raise IsoError(StatusWord.INCORRECT_P1_P2, "CHANGE REFERENCE DATA has P1 00 or 01")
    return _change(command, "CHANGE REFERENCE DATA", with_old=command.p1 == 0)


def parse_change_key(command: CommandApdu) -> ChangeReferenceData:
    """Read the card's own CHANGE KEY (JICSAP): P1 00, the new value only."""
    if command.p1:
        raise IsoError(StatusWord.INCORRECT_P1_P2, "CHANGE KEY has P1 00")
    return _change(command, "CHANGE KEY", with_old=False)


def _change(command: CommandApdu, name: str, *, with_old: bool) -> ChangeReferenceData:
    if not command.data:
        raise IsoError(StatusWord.WRONG_LENGTH, f"{name} needs a data field")
    return ChangeReferenceData(reference(command.p2, name), command.data, with_old)


def parse_reset_retry_counter(command: CommandApdu) -> ResetRetryCounter:
    """Read RESET RETRY COUNTER; P1 says what the data field holds (table 103)."""
    # P1: 00 code and new value, 01 code, 02 new value, 03 nothing
    if command.p1 > 3:
        raise IsoError(StatusWord.INCORRECT_P1_P2, "RESET RETRY COUNTER has P1 00 to 03")
    if bool(command.data) != (command.p1 != 3):
        raise IsoError(StatusWord.WRONG_LENGTH, "RESET RETRY COUNTER: data does not fit P1")
    return ResetRetryCounter(
        reference(command.p2, "RESET RETRY COUNTER"),
        command.data,
        with_code=command.p1 < 2,
        with_new=command.p1 in (0, 2),
    )


def parse_get_challenge(command: CommandApdu) -> GetChallenge:
    """Read GET CHALLENGE: 1 to 256 bytes."""
    if command.p1 or command.p2:
        raise IsoError(StatusWord.INCORRECT_P1_P2, "GET CHALLENGE has P1-P2 0000")
    if command.data or not 1 <= command.ne <= 256:
        raise IsoError(StatusWord.WRONG_LENGTH, "GET CHALLENGE asks for 1 to 256 bytes")
    return GetChallenge(command.ne)


def parse_manage_channel(command: CommandApdu) -> OpenChannel | CloseChannel:
    """Read MANAGE CHANNEL (ISO/IEC 7816-4:2020, 11.1.2)."""
    if command.data or command.p1 not in (0x00, 0x80):
        status = StatusWord.WRONG_LENGTH if command.data else StatusWord.INCORRECT_P1_P2
        raise IsoError(status, "MANAGE CHANNEL has P1 00 or 80 and no data")
    if command.p1 == 0x80:
        if command.ne:
            raise IsoError(StatusWord.WRONG_LENGTH, "closing a channel answers nothing")
        # P2 00 is the channel the command came on
        return CloseChannel(command.p2 or command.cla.channel)
    if command.p2 == 0:
        if not command.ne:
            raise IsoError(StatusWord.WRONG_LENGTH, "opening a channel answers one byte")
        return OpenChannel(None)
    return OpenChannel(command.p2)


class MutualAuthenticate(NamedTuple):
    """MUTUAL AUTHENTICATE (11.6.4): the key's reference, 0 the one MSE named, and the message."""

    key: int
    message: bytes

    def __repr__(self) -> str:
        return f"MutualAuthenticate(key {self.key}, ...)"


class ManageLifeCycle(NamedTuple):
    """ACTIVATE, DEACTIVATE and TERMINATE of a file (ISO/IEC 7816-9:2017, 6).

    `fid` None is the current file, 3F00 the card as a whole.
    """

    fid: int | None


MUTUAL_MESSAGE: Final = 40
"""The length of the message of MUTUAL AUTHENTICATE and of its answer, in bytes."""


def parse_mutual_authenticate(command: CommandApdu) -> MutualAuthenticate:
    """Read MUTUAL AUTHENTICATE: P2 81 to 9F names the key, 00 the one that MSE has set."""
    if command.p1 or command.p2 & 0x60 or command.p2 == 0x80 or 0 < command.p2 < 0x80:
        raise IsoError(
            StatusWord.INCORRECT_P1_P2, "MUTUAL AUTHENTICATE has P1 00 and a key reference in P2"
        )
    if len(command.data) != MUTUAL_MESSAGE or command.ne < MUTUAL_MESSAGE:
        raise IsoError(
            StatusWord.WRONG_LENGTH,
            f"MUTUAL AUTHENTICATE: {MUTUAL_MESSAGE} bytes in and {MUTUAL_MESSAGE} out",
        )
    return MutualAuthenticate(command.p2 & 0x1F, command.data)


def parse_manage_life_cycle(command: CommandApdu) -> ManageLifeCycle:
    """Read ACTIVATE FILE, DEACTIVATE FILE, TERMINATE EF and TERMINATE DF.

    P1 00 without data is the current file; 00 and 02 with a file identifier name an EF of the
    current DF, and 00 with 3F00 the card.
    """
    if command.p2 or command.p1 not in (0x00, 0x02):
        raise IsoError(StatusWord.INCORRECT_P1_P2, "life cycle: P1 00 or 02, P2 00")
    if command.ne or len(command.data) not in (0, 2) or (command.p1 and not command.data):
        raise IsoError(StatusWord.WRONG_LENGTH, "life cycle: a file identifier, or with P1 00 none")
    return ManageLifeCycle(int.from_bytes(command.data, "big") if command.data else None)


def parse_terminate_card_usage(command: CommandApdu) -> None:
    """Check TERMINATE CARD USAGE: P1-P2 0000, no data (ISO/IEC 7816-9:2017, 6.10)."""
    if command.p1 or command.p2:
        raise IsoError(StatusWord.INCORRECT_P1_P2, "TERMINATE CARD USAGE has P1-P2 0000")
    if command.data or command.ne:
        raise IsoError(StatusWord.WRONG_LENGTH, "TERMINATE CARD USAGE has no data")
