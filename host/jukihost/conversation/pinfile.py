"""PINs that live in an EF of their own, the way the Japanese cards keep them (JICSAP V1.1)."""

from __future__ import annotations

from typing import Final

from jukicard.apdu import CommandApdu, Ins, StatusWord
from jukihost.conversation.session import AppletSession
from jukihost.errors import ProtocolError

_CURRENT_EF: Final = 0x80
"""P2: the reference data of the selected EF."""
_BLOCKED: Final = frozenset(
    {StatusWord.AUTHENTICATION_METHOD_BLOCKED, StatusWord.REFERENCE_DATA_NOT_USABLE}
)
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


def verify(session: AppletSession, identifier: int, encoded: bytes) -> None:
    """Verify the PIN in EF `identifier`. PinRejected, PinBlocked."""
    session.select_file(identifier)
    session.ask(CommandApdu(0x00, Ins.VERIFY, 0x00, _CURRENT_EF, encoded))


def change(session: AppletSession, identifier: int, new: bytes) -> None:
    """Replace the PIN in EF `identifier`, which must have been verified.

    ISO/IEC 7816-4:2020, 11.6.7, with P1 = 01: the data is the new value alone.
    SecurityStatusNotSatisfied before `verify`.
    """
    session.select_file(identifier)
    session.ask(CommandApdu(0x00, Ins.CHANGE_REFERENCE_DATA, 0x01, _CURRENT_EF, new))


def exchange(session: AppletSession, identifier: int, old: bytes, new: bytes) -> None:
    """Verify and replace the PIN in EF `identifier` in one command. PinRejected, PinBlocked.

    ISO/IEC 7816-4:2020, 11.6.7, with P1 = 00: the old value, then the new one. Where values have no
    fixed length nobody knows where the new one begins: WrongParameters.
    """
    session.select_file(identifier)
    session.ask(CommandApdu(0x00, Ins.CHANGE_REFERENCE_DATA, 0x00, _CURRENT_EF, old + new))


def change_key(session: AppletSession, identifier: int, new: bytes) -> None:
    """Replace the PIN in EF `identifier`, verified before, in the form of JICSAP's CHANGE KEY.

    The common application of the successor card takes its PIN this way.
    """
    session.select_file(identifier)
    session.ask(CommandApdu(0x80, Ins.CHANGE_KEY, 0x00, _CURRENT_EF, new))


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
