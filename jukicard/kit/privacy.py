"""PACE in an application: who knows the number on the card opens a session, and proves no more.

For use through the air: what a system says before it has proven itself, its certificates among it,
is then not said in plain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.authentication.pace import GENERIC_MAPPING_AES128, Pace, password_key
from jukicard.crypto.curves import BRAINPOOL_P256R1, Curve, curve_of_id
from jukicard.crypto.cvc import Authorization
from jukicard.errors import IsoError
from jukicard.kit.commands import GeneralAuthenticate, SetPassword
from jukicard.memory import ApplicationMemory
from jukicard.securemessaging.iso7816 import Iso7816Session
from jukicard.securemessaging.session import SecureMessagingSession

ACCESS_NUMBER: Final = 2
"""The reference of the number printed on a card, the CAN (BSI TR-03110-3, B.11.1)."""
PROTOCOL: Final = GENERIC_MAPPING_AES128
"""The card's one protocol: there is nothing to negotiate down to."""
ACCESS_ENTRY: Final = "access password"
"""Where the password stands, and what sessions from PACE rest on."""


class AccessPassword(NamedTuple):
    """What a terminal must know: its reference (1 to 4), the curve for PACE, its characters."""

    reference: int
    curve: Curve
    value: bytes

    def __repr__(self) -> str:
        return f"AccessPassword({self.reference}, {self.curve.name}, ...)"


class AccessPasswords:
    """The password that an application keeps for PACE; without one it offers no PACE.

    end_proofs: told of a password that is replaced, the context's; by default nobody is.
    """

    __slots__ = ("_end_proofs", "_memory")

    def __init__(
        self, memory: ApplicationMemory, end_proofs: Callable[[str], None] = lambda of: None
    ) -> None:
        self._memory = memory
        self._end_proofs = end_proofs

    def set(
        self, value: bytes, reference: int = ACCESS_NUMBER, curve: Curve = BRAINPOOL_P256R1
    ) -> None:
        """Keep a password; ValueError for an empty one or a reference that is none."""
        if not value or not 1 <= reference <= 4:
            raise ValueError("a password for PACE has characters and a reference from 1 to 4")
        self._end_proofs(ACCESS_ENTRY)
        self._memory.put(ACCESS_ENTRY, bytes((reference, curve.parameter_id)) + value)

    def get(self) -> AccessPassword | None:
        """Return the password, None when there is none."""
        raw = self._memory.get(ACCESS_ENTRY)
        return None if raw is None else AccessPassword(raw[0], curve_of_id(raw[1]), raw[2:])


class PrivateSession(NamedTuple):
    """A session that PACE has opened, in which no right is proven.

    identifier: ID.IC as long as it lasts, the x coordinate of the card's ephemeral key; a system
        signs it instead of the card number. limit: the rights that the terminal wants at most,
        None when it did not say.
    """

    messaging: SecureMessagingSession
    identifier: bytes
    limit: Authorization | None


class PaceDialogue:
    """One run of PACE, each step a command; the caller drops it when one fails."""

    __slots__ = ("_curve", "_identifier", "_pace", "limit", "session")

    def __init__(self, password: AccessPassword | None, wanted: SetPassword) -> None:
        """Take what the card has and what MSE: SET AT asked for; IsoError 6A88, 6A80."""
        if password is None or wanted.reference != password.reference:
            raise IsoError(
                StatusWord.REFERENCED_DATA_NOT_FOUND, f"PACE: no password {wanted.reference} here"
            )
        if wanted.algorithm != PROTOCOL:
            raise IsoError(StatusWord.INCORRECT_DATA, "PACE: no such protocol here")
        if wanted.curve not in (None, password.curve.parameter_id):
            raise IsoError(StatusWord.INCORRECT_DATA, "PACE: no such domain parameters here")
        self.limit = None if wanted.rights is None else _read_rights(wanted.rights)
        self.session: PrivateSession | None = None
        self._curve = password.curve
        self._identifier = b""
        self._pace = Pace(PROTOCOL, password.curve, password_key(PROTOCOL, password.value))

    def continues(self, command: CommandApdu) -> bool:
        """Tell whether a command may be the next step: GENERAL AUTHENTICATE, nothing between."""
        return command.ins == Ins.GENERAL_AUTHENTICATE and command.cla.interindustry

    def answer(self, step: GeneralAuthenticate, random: Callable[[int], bytes]) -> Tlv:
        """Answer one step; after the last one `session` is there.

        # BSI TR-03110-3, B.1; ICAO Doc 9303-11, 4.4.4.2: all but the last are links of one chain

        AuthenticationFailed, OutOfOrder; IsoError 6883 for a last step that is chained, 6985 for
        another one that is not.
        """
        last = step.tag == 0x85
        if step.chained and last:
            raise IsoError(StatusWord.LAST_COMMAND_EXPECTED, "PACE: the last step is not chained")
        if not (step.chained or last):
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED, "PACE: every step but the last is chained"
            )
        match step.tag:
            case None:
                return Tlv(0x80, self._pace.encrypted_nonce(random))
            case 0x81:
                return Tlv(0x82, self._pace.map_nonce(step.value, random))
            case 0x83:
                own = self._pace.agree(step.value, random)
                self._identifier = self._curve.compress(own)
                return Tlv(0x84, own)
            case _:
                token, keys = self._pace.confirm(step.value)
                self.session = PrivateSession(
                    Iso7816Session.start(keys), self._identifier, self.limit
                )
                return Tlv(0x86, token)

    def __repr__(self) -> str:
        return f"<PaceDialogue, {self._pace!r}>"


def _read_rights(raw: bytes) -> Authorization:
    try:
        return Authorization.read(raw)
    except ValueError:
        raise IsoError(StatusWord.INCORRECT_DATA, "PACE: malformed rights in 7F4C") from None
