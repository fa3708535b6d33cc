"""What can go wrong between terminal and card, as types; one function reads the status words.

No text here holds a command's or an answer's data: PINs, keys and resident codes never show.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from jukicard.apdu import CommandApdu, Ins, StatusWord, ins_label
from jukicard.apdu.status import tries


class CardError(Exception):
    """Everything this library raises about a card; the text says what happened and what to do."""


class TerminalError(CardError):
    """What the terminal itself rests on cannot be used: its clock, database, register or ledger."""


class TransportError(CardError):
    """The bytes did not get there or back; nothing is known about what the card did."""


class PcscUnavailable(TransportError):
    """PC/SC cannot be used on this machine: no pyscard, or no pcscd."""


class ServiceNotRunning(PcscUnavailable):
    """The PC/SC service is not running; it may be started yet."""


class NoReader(TransportError):
    """No reader is attached, or none that was asked for, or more than one fits the name."""


class NotOffered(TransportError):
    """The connection, or a channel on it, cannot do what was asked; the text says what instead."""


class AmbiguousReader(NoReader):
    """More than one reader fits; waiting would not help."""


class ReaderGone(TransportError):
    """The reader was unplugged, or the service behind it stopped."""


class NoCard(TransportError):
    """No card is in the reader, or none came within the time limit."""


class CardRemoved(NoCard):
    """The card was pulled out, or the program that plays the card went away."""


class CardReset(TransportError):
    """Another program reset the card: whatever was verified or selected is lost."""


class CardBusy(TransportError):
    """Another program holds the card for itself."""


class CardMute(TransportError):
    """A card is there and does not answer: upside down, unpowered, or no card of this kind."""


class CardRemovedOrMute(CardRemoved, CardMute):
    """The exchange broke off: the card was pulled out, or lost its power in the middle of it.

    The virtual reader of vsmartcard and its protocol say the same for both.
    """


class AnswerTimeout(TransportError):
    """The card did not answer within the time limit; the connection is of no use any more."""


class CardHeldHere(CardBusy):
    """This very thread holds the card through another connection: waiting would never end."""


class CardBusyOrSilent(CardBusy, AnswerTimeout):
    """No answer within the time limit: another program holds the card, or the card is silent.

    PC/SC waits for both alike and does not say for which. The connection is of no use any more.
    """


class Unreachable(TransportError):
    """Nobody listens at the address, or nobody called within the time limit."""


class CommandNotCarried(TransportError):
    """The transport cannot carry this command; nothing was sent."""


class ConnectionNotOpen(TransportError):
    """The connection was used before `open` or after `close`."""


class CardRemovedOrNotOpen(CardRemoved, ConnectionNotOpen):
    """The connection was not opened, or not again since its card was changed."""


class ReplayMismatch(TransportError):
    """The program did not send what the recorded trace says."""


class ProtocolError(CardError):
    """The other side broke its protocol; its answer cannot be trusted or understood."""


class SecureMessagingError(CardError):
    """A protected answer did not prove where it came from; the secure session is over."""


class CardNotAuthentic(CardError):
    """The card did not prove that it holds the right key: foreign, copied, or something between."""


class PinFormatError(CardError):
    """The PIN is not of the form this application uses; nothing was sent, no try is lost."""


class StatusError(CardError):
    """The card refused: `status` is its answer, `ins` the instruction that was refused.

    A subclass says what was refused (`what`) and what to do next (`advice`).
    """

    what: ClassVar[str] = "the card refused the command"
    advice: ClassVar[str] = "see the manual of the card's application for this status"

    status: StatusWord
    ins: int
    proprietary: bool = False
    """Whether the command came with a proprietary class: the instruction then is another one."""

    def __init__(self, status: StatusWord, ins: int) -> None:
        super().__init__(status, ins)
        self.status = StatusWord(status)
        self.ins = ins

    def __str__(self) -> str:
        return f"{self.what}; {self.advice} ({self.command} answered {self.status.hex})"

    @property
    def command(self) -> str:
        """The name of the command that was refused."""
        return ins_label(self.ins, proprietary=self.proprietary)


class CardWarning(StatusError):
    """62XX or 63XX: the command was processed, with a remark."""

    what = "the card processed the command with a warning"
    advice = "read the status before relying on the answer"


class AppletNotFound(StatusError):
    """The card has no such application."""

    what = "the card has no such application"
    advice = "check that this is the right kind of card"


class CardSuspended(StatusError):
    """The application or the card is suspended."""

    what = "the card is suspended"
    advice = "it can be resumed at the counter that issued it"


class CardTerminated(StatusError):
    """The application or the card has ended for good."""

    what = "the card has been ended for good"
    advice = "collect it and issue a new one"


class SecurityStatusNotSatisfied(StatusError):
    """A PIN, an authentication or secure messaging is missing."""

    what = "the card wants more proof first"
    advice = "verify the PIN, authenticate the terminal, or use secure messaging"


class PinRejected(StatusError):
    """The PIN was wrong; `retries_left` says how many tries remain."""

    what = "the PIN is wrong"
    advice = "try again with care"

    @property
    def retries_left(self) -> int | None:
        """Tries left, 1 to 15; None when the card does not count them."""
        return self.status.retries_left

    def __str__(self) -> str:
        left = self.retries_left
        if left is None:
            return super().__str__()
        return f"{self.what}, {tries(left)} left; {self.advice} ({self.status.hex})"


class PinBlocked(StatusError):
    """No try is left: the PIN does not work any more, right or wrong."""

    what = "the PIN is blocked"
    advice = "it is set again at the counter that issued the card"
    retries_left: ClassVar[int] = 0


class AuthenticationRejected(StatusError):
    """The card did not accept the terminal's proof; `retries_left` where the card counts."""

    what = "the card did not accept the terminal's authentication"
    advice = "check which key this terminal uses for this card"

    @property
    def retries_left(self) -> int | None:
        """Tries left, 0 to 15; None when the card does not count them."""
        return self.status.retries_left

    def __str__(self) -> str:
        left = self.retries_left
        if left is None:
            return super().__str__()
        then = "the key is blocked now" if left == 0 else f"{tries(left)} of this key left"
        return f"{self.what}, {then}; {self.advice} ({self.command}, {self.status.hex})"


class AuthenticationBlocked(StatusError):
    """The key or other reference is blocked."""

    what = "the key is blocked"
    advice = "it serves no terminal any more; this is a matter for the issuer of the card"


class ReferenceNotUsable(StatusError):
    """The key or other reference is deactivated."""

    what = "the key is deactivated"
    advice = "this card is not to be used for this purpose any more"


class ConditionsNotSatisfied(StatusError):
    """The command came in the wrong order or state."""

    what = "the conditions of use are not met"
    advice = "check the order of the commands and the state of the card"


class CommandNotAllowed(StatusError):
    """The command does not fit the file or the state (69XX)."""

    what = "the command is not allowed here"
    advice = "check which file is selected and of which kind it is"


class SecureMessagingRefused(StatusError):
    """The card could not accept the protection of the command; the secure session is over."""

    what = "the card refused the protection of the command"
    advice = "authenticate again, the secure session is over"


class FileNotFound(StatusError):
    """The file is not there."""

    what = "the card has no such file"
    advice = "check the file identifier and the generation of the card"


class RecordNotFound(StatusError):
    """The record is not there."""

    what = "the file has no such record"
    advice = "check the record number"


class ReferenceNotFound(StatusError):
    """The key, PIN or data object is not there."""

    what = "the card has no such key, PIN or data object"
    advice = "check the reference and the generation of the card"


class AlreadyExists(StatusError):
    """The file or the application is there already."""

    what = "the card has a file or an application of this name already"
    advice = "choose another name or delete the old one"


class CardFull(StatusError):
    """No room is left for what should be written."""

    what = "the card has not enough memory"
    advice = "remove an application that is not used any more"


class IncorrectData(StatusError):
    """The data field is not what the card expects."""

    what = "the card does not accept the data"
    advice = "check the format of what was to be written or proven"


class WrongLength(StatusError):
    """The number of bytes sent or asked for is wrong."""

    what = "the length is wrong"
    advice = "check the lengths, also whether the card takes extended ones"


class WrongParameters(StatusError):
    """P1 or P2 is wrong, or the offset is outside the file."""

    what = "the parameters are wrong"
    advice = "check P1, P2 and the size of the file"


class NotSupported(StatusError):
    """The card does not know the instruction, the class, or this use of them."""

    what = "the card does not support this"
    advice = "check the generation of the card"


class ChannelNotSupported(NotSupported):
    """The logical channel is not open or not possible."""

    what = "the card has no such logical channel"
    advice = "open it first, or work on the basic channel"


class CardFailure(StatusError):
    """The card failed inside (64XX, 65XX, 66XX, 6FXX)."""

    what = "the card failed inside"
    advice = "read back what should have changed; if it happens again, replace the card"


_PIN_COMMANDS: Final = frozenset(
    {Ins.VERIFY, Ins.VERIFY_ODD, Ins.CHANGE_REFERENCE_DATA, Ins.RESET_RETRY_COUNTER}
)
_AUTHENTICATION_COMMANDS: Final = frozenset(
    {
        Ins.MUTUAL_AUTHENTICATE,
        Ins.GENERAL_AUTHENTICATE,
        Ins.GENERAL_AUTHENTICATE_ODD,
        Ins.INTERNAL_AUTHENTICATE,
        Ins.PERFORM_SECURITY_OPERATION,
    }
)

# ISO/IEC 7816-4:2020, 5.6, tables 6 and 7
_BY_STATUS: Final[Mapping[int, type[StatusError]]] = {
    0x6881: ChannelNotSupported,
    0x6982: SecurityStatusNotSatisfied,
    0x6983: AuthenticationBlocked,
    0x6984: ReferenceNotUsable,
    0x6985: ConditionsNotSatisfied,
    0x6987: SecureMessagingRefused,
    0x6988: SecureMessagingRefused,
    0x6A80: IncorrectData,
    0x6A81: NotSupported,
    0x6A82: FileNotFound,
    0x6A83: RecordNotFound,
    0x6A84: CardFull,
    0x6A85: WrongLength,
    0x6A87: WrongLength,
    0x6A88: ReferenceNotFound,
    0x6A89: AlreadyExists,
    0x6A8A: AlreadyExists,
}
_BY_SW1: Final[Mapping[int, type[StatusError]]] = {
    0x62: CardWarning,
    0x63: CardWarning,
    0x64: CardFailure,
    0x65: CardFailure,
    0x66: CardFailure,
    0x67: WrongLength,
    0x68: NotSupported,
    0x69: CommandNotAllowed,
    0x6A: WrongParameters,
    0x6B: WrongParameters,
    0x6C: WrongLength,
    0x6D: NotSupported,
    0x6E: NotSupported,
    0x6F: CardFailure,
}
# GlobalPlatform Card Specification 2.3.1, 11.9.3: 6283 and 6A81 say that the card is locked.
_SELECT_BY_NAME: Final[Mapping[int, type[StatusError]]] = {
    0x6283: CardSuspended,
    0x6285: CardTerminated,
    0x6A81: CardSuspended,
    0x6A82: AppletNotFound,
}
# 6984 is what the real cards answer to a blocked PIN (JICSAP V1.1, 5.2.2), 6983 the ISO status.
_PIN: Final[Mapping[int, type[StatusError]]] = {
    0x6300: PinRejected,
    0x63C0: PinBlocked,
    0x6983: PinBlocked,
    0x6984: PinBlocked,
}


def error_for(command: CommandApdu, status: StatusWord) -> CardError | None:
    """Return what `status` means as the answer to `command`; None for 9000, which is success.

    Every other status is an error here, warnings too: who expects one asks for it by name. 61XX is
    a ProtocolError, because the answer is not complete (a channel collects it before), and so is a
    value that is no status at all (ISO/IEC 7816-4:2020, 5.6: SW1 is 61 to 6F or 90 to 9F).
    """
    if status == StatusWord.OK:
        return None
    if status.sw1 == 0x61:
        return ProtocolError(
            "the answer is not complete; use a channel that collects the rest "
            "with GET RESPONSE (see build_channel)"
        )
    if not 0x62 <= status.sw1 <= 0x6F and status.sw1 >> 4 != 0x9:
        return ProtocolError(
            f"{status.hex} is no status of ISO/IEC 7816-4; check the reader, "
            "clean the card, and try again"
        )
    error = _kind_of(command, status)(status, command.ins)
    error.proprietary = not command.cla.interindustry
    return error


def _kind_of(command: CommandApdu, status: StatusWord) -> type[StatusError]:
    """Choose the type: first by what was asked, then by the status, then by its first byte."""
    counted = status.retries_left is not None
    special: Mapping[int, type[StatusError]] = {}
    if command.ins in _PIN_COMMANDS:
        special = _PIN
        if counted and status != 0x63C0:
            return PinRejected
    elif command.ins in _AUTHENTICATION_COMMANDS and (counted or status == 0x6300):
        return AuthenticationRejected
    elif command.ins == Ins.SELECT and command.p1 == 0x04:
        special = _SELECT_BY_NAME
    return special.get(status) or _BY_STATUS.get(status) or _BY_SW1.get(status.sw1) or StatusError


def check(command: CommandApdu, status: StatusWord) -> None:
    """Raise what `status` means as the answer to `command`, see `error_for`."""
    error = error_for(command, status)
    if error is not None:
        raise error
