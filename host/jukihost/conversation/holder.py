"""What the holder proves in several applications alike: a PIN, and numbers printed on the card."""

from __future__ import annotations

from typing import ClassVar

from jukihost.conversation import pinfile
from jukihost.conversation.refusals import PinNotVerified
from jukihost.conversation.secrets import NumberA, NumberB, Pin
from jukihost.conversation.secured import SecuredSession
from jukihost.errors import SecurityStatusNotSatisfied, StatusError
from jukihost.pinpad import PinPad


class WithPin(SecuredSession):
    """A session in an application with a PIN of four digits, in the EF `PIN`."""

    PIN: ClassVar[int]

    def pin_retries(self) -> int:
        """Return how many tries the PIN has left, 0 when it is blocked; costs no try."""
        return pinfile.retries_left(self, self.PIN)

    def verify_pin(self, pin: Pin | str | PinPad) -> None:
        """Verify the PIN. PinFormatError, PinRejected, PinBlocked.

        `PinPad()` has it typed on the reader: PadError, PadOutcomeUnknown, PadNotUsable,
        NotOffered.
        """
        pinfile.verify(self, self.PIN, Pin.entered(pin))

    def unblock_pin(self, new: Pin | str | None = None) -> None:
        """Give the PIN its tries back, and a new value unless it is to stay, at the counter.

        After `authenticate` for the purpose COUNTER; TerminalNotAuthenticated, PinFormatError.
        """
        self._unblock(self.PIN, None if new is None else Pin.of(new).encode())


class HoldersOwn(SecuredSession):
    """A session in an application whose contents are the holder's: no purpose opens them."""

    def explain(self, refusal: StatusError) -> StatusError:
        """Return what a refusal means here: only a PIN, password or number can be missing."""
        if isinstance(refusal, SecurityStatusNotSatisfied):
            return PinNotVerified(refusal.status, refusal.ins)
        return refusal


class WithNumbers(HoldersOwn):
    """A session in an application that shows what is printed on the card, signed.

    The verification numbers open it, in the EFs `NUMBER_A` and `NUMBER_B`; the key that signed it
    is certified in the EF `CERTIFICATE`.
    """

    NUMBER_A: ClassVar[int]
    NUMBER_B: ClassVar[int]
    CERTIFICATE: ClassVar[int] = 0x0004

    def number_a_retries(self) -> int:
        """Return how many tries verification number A has left, 0 when blocked; costs none."""
        return pinfile.retries_left(self, self.NUMBER_A)

    def number_b_retries(self) -> int:
        """Return how many tries verification number B has left; costs none."""
        return pinfile.retries_left(self, self.NUMBER_B)

    def verify_number_a(self, number: NumberA | str | PinPad) -> None:
        """Verify number A, the My Number. PinFormatError, PinRejected, PinBlocked; with a pad more.

        `PinPad()` has it typed on the reader: PadError, PadOutcomeUnknown, PadNotUsable,
        NotOffered.
        """
        pinfile.verify(self, self.NUMBER_A, NumberA.entered(number))

    def verify_number_b(self, number: NumberB | str | PinPad) -> None:
        """Verify number B, or a Juki card's only one; errors as those of `verify_number_a`."""
        pinfile.verify(self, self.NUMBER_B, NumberB.entered(number))

    def unblock_number_a(self) -> None:
        """Give verification number A its tries back, at the counter; its value never changes.

        After `authenticate` for the purpose COUNTER; TerminalNotAuthenticated.
        """
        self._unblock(self.NUMBER_A)

    def unblock_number_b(self) -> None:
        """Give verification number B its tries back, as `unblock_number_a` does."""
        self._unblock(self.NUMBER_B)

    def certificate(self) -> bytes:
        """Return the card verifiable certificate of the key that signed the contents, as it is."""
        return self.read_object(self.CERTIFICATE)
