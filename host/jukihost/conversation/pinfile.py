"""PINs that live in an EF of their own, the way the Japanese cards keep them (JICSAP V1.1)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

from jukicard.apdu import CommandApdu, Ins, StatusWord
from jukihost.conversation.session import AppletSession
from jukihost.errors import CardError, CardMute, ProtocolError
from jukihost.pinpad import PadEntry, PadOutcomeUnknown, pad_error

_CURRENT_EF: Final = 0x80
"""P2: the reference data of the selected EF."""
_BLOCKED: Final = frozenset(
    {StatusWord.AUTHENTICATION_METHOD_BLOCKED, StatusWord.REFERENCE_DATA_NOT_USABLE}
)
_ASKED: Final = 3
_TELL_NOTHING: Final = frozenset({StatusWord.OK, StatusWord(0x6300)})


def retries_left(session: AppletSession, identifier: int) -> int:
    """Return how many tries the PIN in EF `identifier` has left, 0 when it is blocked.

    Costs no try. The question is VERIFY without data, exactly four bytes: with Lc = 00 real cards
    answer 6700. ProtocolError when the card does not count.
    """
    session.select_file(identifier)
    command = CommandApdu(0x00, Ins.VERIFY, 0x00, _CURRENT_EF)
    status = session.transmit(command).status
    if status.retries_left is not None:
        return status.retries_left
    if status in _BLOCKED:
        return 0
    if status not in _TELL_NOTHING:
        session.check(command, status)
    raise ProtocolError(f"the card does not tell how many tries are left ({status.hex})")


def verify(session: AppletSession, identifier: int, value: bytes | PadEntry) -> None:
    """Verify the PIN in EF `identifier`. PinRejected, PinBlocked.

    What is typed on a reader's pad: NotOffered, PadNotUsable; PadError, PadOutcomeUnknown.
    """
    _send(session, identifier, CommandApdu(0x00, Ins.VERIFY, 0x00, _CURRENT_EF), value)


def change(session: AppletSession, identifier: int, new: bytes | PadEntry) -> None:
    """Replace the PIN in EF `identifier`, which must have been verified.

    ISO/IEC 7816-4:2020, 11.6.7, with P1 = 01: the data is the new value alone.
    SecurityStatusNotSatisfied before `verify`.
    """
    command = CommandApdu(0x00, Ins.CHANGE_REFERENCE_DATA, 0x01, _CURRENT_EF)
    _send(session, identifier, command, _twice(new))


def exchange(session: AppletSession, identifier: int, old: bytes, new: bytes) -> None:
    """Verify and replace the PIN in EF `identifier` in one command. PinRejected, PinBlocked.

    ISO/IEC 7816-4:2020, 11.6.7, with P1 = 00: the old value, then the new one. Where values have no
    fixed length nobody knows where the new one begins: WrongParameters.
    """
    session.select_file(identifier)
    session.ask(CommandApdu(0x00, Ins.CHANGE_REFERENCE_DATA, 0x00, _CURRENT_EF, old + new))


def change_key(session: AppletSession, identifier: int, new: bytes | PadEntry) -> None:
    """Replace the PIN in EF `identifier`, verified before, in the form of JICSAP's CHANGE KEY.

    The common application of the successor card takes its PIN this way.
    """
    _send(session, identifier, CommandApdu(0x80, Ins.CHANGE_KEY, 0x00, _CURRENT_EF), _twice(new))


def reset(session: AppletSession, identifier: int, new: bytes | None) -> None:
    """Give the PIN in EF `identifier` all its tries back, and a `new` value unless it is None.

    ISO/IEC 7816-4:2020, 11.6.10: P1 = 02 with new reference data, P1 = 03 without any. It needs the
    issuer's right. SecurityStatusNotSatisfied; ConditionsNotSatisfied for a new value of a number
    that is printed on the card, which only the issuer writes.
    """
    session.select_file(identifier)
    if new is None:
        session.ask(CommandApdu(0x00, Ins.RESET_RETRY_COUNTER, 0x03, _CURRENT_EF))
    else:
        session.ask(CommandApdu(0x00, Ins.RESET_RETRY_COUNTER, 0x02, _CURRENT_EF, new))


def _twice(new: bytes | PadEntry) -> bytes | PadEntry:
    """Return a new value; one that is typed on a pad is typed twice."""
    return replace(new, new=True) if isinstance(new, PadEntry) else new


def _send(
    session: AppletSession, identifier: int, command: CommandApdu, value: bytes | PadEntry
) -> None:
    """Send a command with a value that is known, or that is typed on the reader."""
    if isinstance(value, bytes):
        session.select_file(identifier)
        session.ask(command.replace(data=value))
        return
    enter = session.pin_entry(value)  # refused, where it is, before anything is sent
    session.select_file(identifier)

    def ask() -> int | None:
        return _left_now(session, identifier)

    try:
        answer = enter(command)
    except CardMute as error:  # the driver gave up half-way, the connection goes on
        raise PadOutcomeUnknown.after(f"the exchange broke off ({error})", ask()) from None
    if len(answer) != 2:
        # Some drivers say success where the card asked for time, or for a block again.
        raise PadOutcomeUnknown.after(f"the reader answered {len(answer)} bytes, no status", ask())
    status = StatusWord(int.from_bytes(answer, "big"))
    refusal = pad_error(status, ask)
    if refusal is not None:
        raise refusal
    session.check(command, status)


def _left_now(session: AppletSession, identifier: int) -> int | None:
    """Ask after an entry on a pad how many tries are left; None when the card does not say.

    The driver may be out of step with the card and lose a command, or change it, before it is in
    step again; asking costs no try.
    """
    for _ in range(_ASKED):
        with suppress(CardError):
            return retries_left(session, identifier)
    return None
