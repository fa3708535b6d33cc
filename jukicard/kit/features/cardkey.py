"""The card's own key, which needs no credential: its signature proves that the card is there.

A copy of the card's files has no such key. The public half stands signed in those files
(docs/card.md, section 6).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Final, NamedTuple

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.commands import FileReference
from jukicard.kit.commands import reference
from jukicard.kit.features.signing import PrivateKeys, parse_generate_key_pair
from jukicard.kit.fileapplet import State
from jukicard.kit.signing import SIGN, SignatureScheme
from jukicard.runtime.handlers import command

MAX_CHALLENGE: Final = 255
"""The longest challenge of INTERNAL AUTHENTICATE, in bytes."""
_AUTHENTICATE: Final = SIGN.called("INTERNAL AUTHENTICATE")


class CardSignature(NamedTuple):
    """COMPUTE DIGITAL SIGNATURE: the key, None for the application's own, and a DigestInfo."""

    key: FileReference | None
    data: bytes

    def __repr__(self) -> str:
        return f"CardSignature({self.key}, ...)"


class InternalAuthenticate(NamedTuple):
    """INTERNAL AUTHENTICATE (ISO/IEC 7816-4:2020, 11.6.2): the key and the challenge."""

    key: FileReference
    challenge: bytes


def parse_card_signature(command: CommandApdu) -> CardSignature:
    """Read COMPUTE DIGITAL SIGNATURE, `80 2A 00`: P2 00 the application's own key, else 80 | SFI.

    IsoError 6A86, 6700.
    """
    name = "COMPUTE DIGITAL SIGNATURE"
    if command.p1:
        raise IsoError(StatusWord.INCORRECT_P1_P2, f"{name} has P1 00 here")
    key = reference(command.p2, name) if command.p2 else None
    if not command.data or not command.ne:
        raise IsoError(StatusWord.WRONG_LENGTH, f"{name} needs data and an Le field")
    return CardSignature(key, command.data)


def parse_internal_authenticate(command: CommandApdu) -> InternalAuthenticate:
    """Read INTERNAL AUTHENTICATE: P1 00, P2 80 | SFI, a challenge. IsoError 6A86, 6700."""
    name = "INTERNAL AUTHENTICATE"
    if command.p1:
        raise IsoError(StatusWord.INCORRECT_P1_P2, f"{name} has P1 00")
    key = reference(command.p2, name)
    if not 1 <= len(command.data) <= MAX_CHALLENGE or not command.ne:
        raise IsoError(
            StatusWord.WRONG_LENGTH,
            f"{name} has a challenge of 1 to {MAX_CHALLENGE} bytes and an Le field",
        )
    return InternalAuthenticate(key, command.data)


class Presence(PrivateKeys[State]):
    """The card proves with a key of its own that it is there."""

    @command(Ins.INTERNAL_AUTHENTICATE)
    def internal_authenticate(self, command: CommandApdu, state: State) -> ResponseApdu:
        """INTERNAL AUTHENTICATE: RSASSA-PKCS1-v1_5 with SHA-256 over the challenge."""
        parsed = parse_internal_authenticate(command)
        signature = self.signing.sign(
            state, parsed.key, SignatureScheme.HASHED, parsed.challenge, _AUTHENTICATE
        )
        return ResponseApdu(signature)


class CardKey(PrivateKeys[State]):
    """The card signs with a key of its own what a terminal gives it."""

    @property
    @abstractmethod
    def card_key(self) -> int:
        """The file identifier of the key's EF."""

    @command(Ins.PERFORM_SECURITY_OPERATION, proprietary=True)
    def compute_signature(self, command: CommandApdu, state: State) -> ResponseApdu:
        """COMPUTE DIGITAL SIGNATURE over what the terminal hashed (a DigestInfo, as a rule)."""
        parsed = parse_card_signature(command)
        if parsed.key is None and self.card_key not in self.tree.root.efs:
            raise IsoError(
                StatusWord.REFERENCED_DATA_NOT_FOUND,
                "COMPUTE DIGITAL SIGNATURE: the application has no key of the card here",
            )
        key = FileReference(0, self.card_key) if parsed.key is None else parsed.key
        return ResponseApdu(self.signing.sign(state, key, SignatureScheme.VERBATIM, parsed.data))

    @command(Ins.GENERATE_ASYMMETRIC_KEY_PAIR)
    def read_public_key(self, command: CommandApdu, state: State) -> ResponseApdu:
        """GENERATE ASYMMETRIC KEY PAIR, P1 81: the public half, for who signs it into the files.

        Nobody has the card make another key: P1 80 is IsoError 6982.
        """
        parsed = parse_generate_key_pair(command)
        make_or_tell = self.signing.generate if parsed.make else self.signing.public
        return ResponseApdu(make_or_tell(state, parsed.key))
