"""What of an exchange chance has decided: challenges, cryptograms, MACs, ciphertext, signatures.

Two sessions mean the same when they differ in nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.tlv import Tlv, TlvError, encode_length, encode_tag
from jukicard.apdu.trace.dump import DumpCommand, DumpEvent, DumpReset, DumpResponse
from jukicard.apdu.trace.redaction import BytePattern, data_start, parse_pattern

_AUTHENTICATIONS: Final = frozenset(
    {
        Ins.MUTUAL_AUTHENTICATE,
        Ins.INTERNAL_AUTHENTICATE,
        Ins.GENERAL_AUTHENTICATE,
        Ins.GENERAL_AUTHENTICATE_ODD,
    }
)
_SIGNATURES: Final = frozenset({0x9E, 0x8E})
"""P1 of PERFORM SECURITY OPERATION where a signature or a MAC comes out (ISO/IEC 7816-8, 5)."""
_OWN_SIGNATURE: Final = 0x2A
_SESSION_KEYS: Final = frozenset({0x50, 0x82, 0x84, 0xAE})
"""Of proprietary commands those that exchange random numbers or what is made of them."""
# ISO/IEC 7816-4:2020, 10.2, table 54: cryptograms, in which only the padding indicator is not
# chance, and checksums and signatures. What is plain beside them stays.
_CRYPTOGRAMS: Final = frozenset({0x82, 0x83, 0x84, 0x85, 0x86, 0x87})
_CHECKSUMS: Final = frozenset({0x8E, 0x9E})


def depends_on_chance(command: CommandApdu) -> bool:
    """Tell whether a command carries what was made of random numbers, the card's among them."""
    return command.cla.secure or (bool(command.data) and _authenticates(command))


def without_chance(events: Iterable[DumpEvent]) -> list[DumpEvent]:
    """Return the events with everything hidden that chance has decided; lengths stay."""
    made: list[DumpEvent] = []
    command: CommandApdu | None = None
    for event in events:
        match event:
            case DumpReset():
                made.append(event)
            case DumpCommand(pattern):
                sent = parse_pattern(pattern)
                if sent is None or sent.ins != Ins.GET_RESPONSE:
                    command = sent  # what GET RESPONSE brings belongs to the command before it
                made.append(DumpCommand(_command(pattern, sent)))
            case DumpResponse(pattern):
                made.append(DumpResponse(answer_without_chance(pattern, command)))
    return made


def _command(pattern: BytePattern, command: CommandApdu | None) -> BytePattern:
    if command is None or not command.data or not depends_on_chance(command):
        return pattern
    start = data_start(command)
    end = start + len(command.data)
    return pattern.part(0, start) + _data(pattern.part(start, end), command) + pattern.part(end)


def answer_without_chance(pattern: BytePattern, command: CommandApdu | None) -> BytePattern:
    """Return an answer with what chance has decided hidden; `command` is what it answers."""
    if command is None or len(pattern) <= 2 or not _answers_with_chance(command):
        return pattern
    return _data(pattern.part(0, -2), command) + pattern.part(-2)


def _authenticates(command: CommandApdu) -> bool:
    if not command.cla.interindustry:
        return command.ins in _SESSION_KEYS
    return command.ins in _AUTHENTICATIONS


def _answers_with_chance(command: CommandApdu) -> bool:
    if command.cla.secure or _authenticates(command):
        return True
    if not command.cla.interindustry:
        return command.ins == _OWN_SIGNATURE
    if command.ins == Ins.PERFORM_SECURITY_OPERATION:
        return command.p1 in _SIGNATURES
    return command.ins == Ins.GET_CHALLENGE


def _data(pattern: BytePattern, command: CommandApdu) -> BytePattern:
    """Hide a data field, but for the data objects of secure messaging that are plain."""
    if not command.cla.secure or not pattern.is_exact:
        return BytePattern.hidden(len(pattern))
    try:
        objects = Tlv.parse_all(pattern.raw)
    except TlvError:  # a link of a chain, or another kind of secure messaging
        return BytePattern.hidden(len(pattern))
    made = BytePattern(())
    for one in objects:
        # the lowest bit of a tag says whether the MAC covers it: 84 is 85, 86 is 87
        shown = {0x86: 1, 0x87: 1}.get(one.tag, 0)
        if one.tag not in _CRYPTOGRAMS | _CHECKSUMS:
            shown = len(one.value)
        head = encode_tag(one.tag) + encode_length(len(one.value)) + one.value[:shown]
        made += BytePattern.of(head) + BytePattern.hidden(len(one.value[shown:]))
    return made
