"""Commands on PINs, keys, certificates and challenges, parsed once (ISO/IEC 7816-4:2020, 11.6)."""

from __future__ import annotations

from typing import Final, NamedTuple

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv, TlvError
from jukicard.errors import IsoError
from jukicard.filesystem.commands import SHORT, FileReference, made
from jukicard.filesystem.files import EfNode
from jukicard.filesystem.selection import Selection

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
    return SHORT[p2 & 0x1F]


def pin_of_present_value(command: CommandApdu, selection: Selection) -> EfNode | None:
    """Return the EF that a command means whose data begins with a PIN's present value.

    VERIFY, and CHANGE REFERENCE DATA with P1 00; None for others and where P2 means none. Nothing
    is selected by that: the command is not carried out.
    """
    cla = command.cla
    with_value = command.ins in (Ins.VERIFY, Ins.CHANGE_REFERENCE_DATA) and command.data
    if not with_value or command.p1 or cla.chained or not cla.interindustry:
        return None
    try:
        sfi = reference(command.p2, "").sfi
    except IsoError:
        return None
    return selection.df.short.get(sfi) if sfi else selection.ef


def parse_verify(command: CommandApdu, *, lenient: bool) -> VerifyQuery | Verify:
    """Read VERIFY; case 1 is the query, and with `lenient` case 2 as well, else 6700."""
    if command.p1:
        raise IsoError(StatusWord.INCORRECT_P1_P2, "VERIFY has P1 00")
    pin = reference(command.p2, "VERIFY")
    if command.data:
        return made(Verify, (pin, command.data))
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
    return made(GetChallenge, (command.ne,))


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


class SetKey(NamedTuple):
    """MANAGE SECURITY ENVIRONMENT, SET AT for mutual authentication: the key's reference."""

    key: int


class SetCertificateIssuer(NamedTuple):
    """MANAGE SECURITY ENVIRONMENT, SET DST: whose key verifies the next certificate."""

    reference: bytes


class SetTerminal(NamedTuple):
    """MANAGE SECURITY ENVIRONMENT, SET AT for terminal authentication."""

    algorithm: bytes
    reference: bytes
    ephemeral: bytes


class SetChip(NamedTuple):
    """MANAGE SECURITY ENVIRONMENT, SET AT for chip authentication."""

    algorithm: bytes


class SetPassword(NamedTuple):
    """MANAGE SECURITY ENVIRONMENT, SET AT for PACE.

    curve: the number of the domain parameters; rights: the value of 7F4C; None when not said.
    """

    algorithm: bytes
    reference: int
    curve: int | None
    rights: bytes | None


class VerifyCertificate(NamedTuple):
    """PERFORM SECURITY OPERATION, VERIFY CERTIFICATE: the content of 7F21."""

    content: bytes


class ExternalAuthenticate(NamedTuple):
    """EXTERNAL AUTHENTICATE of terminal authentication: a signature."""

    signature: bytes


class GeneralAuthenticate(NamedTuple):
    """GENERAL AUTHENTICATE: the one object of the dynamic data, tag None when there is none.

    80 is the key of chip authentication; none, 81, 83 and 85 are the steps of PACE. `chained` says
    that the dialogue goes on.
    """

    tag: int | None
    value: bytes
    chained: bool


SecurityEnvironment = SetKey | SetCertificateIssuer | SetTerminal | SetChip | SetPassword


def parse_manage_security_environment(command: CommandApdu) -> SecurityEnvironment:
    """Read MSE: SET (ISO/IEC 7816-4:2020, 11.6.11; BSI TR-03110-3, B.11.1 for its objects)."""
    name = "MANAGE SECURITY ENVIRONMENT"
    if command.ne or not command.data:
        raise IsoError(StatusWord.WRONG_LENGTH, f"{name} has data and no Le field")
    objects = _security_objects(command.data, name)
    match command.p1, command.p2:
        case 0xC1, 0xA4 if set(objects) == {0x83} and _is_reference(objects[0x83]):
            return SetKey(objects[0x83][0] & 0x1F)
        case 0xC1, 0xA4 if {0x80, 0x83} <= set(objects) <= {0x80, 0x83, 0x84, 0x7F4C}:
            return _set_password(objects, name)
        case 0x81, 0xB6 if set(objects) == {0x83}:
            return SetCertificateIssuer(objects[0x83])
        case 0x81, 0xA4 if set(objects) == {0x80, 0x83, 0x91}:
            return SetTerminal(objects[0x80], objects[0x83], objects[0x91])
        case 0x41, 0xA4 if {0x80} <= set(objects) <= {0x80, 0x84}:
            return SetChip(objects[0x80])
        case (0xC1 | 0x81 | 0x41, 0xA4) | (0x81, 0xB6):
            raise IsoError(StatusWord.INCORRECT_DATA, f"{name}: other objects than this needs")
        case _:
            raise IsoError(StatusWord.INCORRECT_P1_P2, f"{name}: no such environment here")


def _set_password(objects: dict[int, bytes], name: str) -> SetPassword:
    reference, curve = objects[0x83], objects.get(0x84)
    if len(reference) != 1 or (curve is not None and len(curve) != 1):
        raise IsoError(StatusWord.INCORRECT_DATA, f"{name}: 83 and 84 have one byte")
    number = None if curve is None else curve[0]
    return SetPassword(objects[0x80], reference[0], number, objects.get(0x7F4C))


def _is_reference(value: bytes) -> bool:
    """Tell whether a value is one byte that P2 could name a key with, bit 8 set or not."""
    return len(value) == 1 and not value[0] & 0x60


def _security_objects(data: bytes, name: str) -> dict[int, bytes]:
    try:
        found = Tlv.parse_all(data)
    except TlvError:
        raise IsoError(StatusWord.INCORRECT_DATA, f"{name}: malformed data objects") from None
    objects = {tlv.tag: tlv.value for tlv in found}
    if len(objects) != len(found):
        raise IsoError(StatusWord.INCORRECT_DATA, f"{name}: an object comes twice")
    return objects


def parse_verify_certificate(command: CommandApdu) -> VerifyCertificate:
    """Read PSO: VERIFY CERTIFICATE (ISO/IEC 7816-8:2021, 11.13): P1-P2 00BE."""
    name = "VERIFY CERTIFICATE"
    if (command.p1, command.p2) != (0x00, 0xBE):
        raise IsoError(StatusWord.INCORRECT_P1_P2, f"{name} has P1-P2 00BE")
    if command.ne or not command.data:
        raise IsoError(StatusWord.WRONG_LENGTH, f"{name} has data and no Le field")
    return VerifyCertificate(command.data)


def parse_external_authenticate(command: CommandApdu) -> ExternalAuthenticate:
    """Read EXTERNAL AUTHENTICATE (11.6.4): P1-P2 0000, a signature, no Le field."""
    if command.p1 or command.p2:
        raise IsoError(StatusWord.INCORRECT_P1_P2, "EXTERNAL AUTHENTICATE has P1-P2 0000")
    if not command.data:
        raise IsoError(StatusWord.WRONG_LENGTH, "EXTERNAL AUTHENTICATE needs a signature")
    return ExternalAuthenticate(command.data)


def parse_general_authenticate(command: CommandApdu) -> GeneralAuthenticate:
    """Read GENERAL AUTHENTICATE (11.6.5): 7C with one object, or with none to begin PACE."""
    name = "GENERAL AUTHENTICATE"
    if command.p1 or command.p2:
        raise IsoError(StatusWord.INCORRECT_P1_P2, f"{name} has P1-P2 0000")
    if not command.ne or not command.data:
        raise IsoError(StatusWord.WRONG_LENGTH, f"{name} has data and an Le field")
    dynamic = _security_objects(command.data, name)
    if set(dynamic) != {0x7C}:
        raise IsoError(StatusWord.INCORRECT_DATA, f"{name}: one data object 7C")
    inner = _security_objects(dynamic[0x7C], name)
    if not inner:
        return GeneralAuthenticate(None, b"", command.cla.chained)
    [(tag, value), *others] = inner.items()
    if others or tag not in (0x80, 0x81, 0x83, 0x85):
        raise IsoError(StatusWord.INCORRECT_DATA, f"{name}: one object, 80, 81, 83 or 85")
    return GeneralAuthenticate(tag, value, command.cla.chained)
