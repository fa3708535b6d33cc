"""Signatures of the holder: made in the card, with keys that may have been made there too."""

from __future__ import annotations

from typing import Final, NamedTuple

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.commands import FileReference
from jukicard.kit.commands import reference
from jukicard.kit.fileapplet import FileApplet, State
from jukicard.kit.signing import SignatureScheme, SigningKeys
from jukicard.runtime.applet import AppletContext
from jukicard.runtime.handlers import command

_SCHEMES: Final = {int(scheme): scheme for scheme in SignatureScheme}


class ComputeSignature(NamedTuple):
    """COMPUTE DIGITAL SIGNATURE, `80 2A`: P1 the scheme, P2 80 the current key or 80 | SFI."""

    key: FileReference
    scheme: SignatureScheme
    data: bytes

    def __repr__(self) -> str:
        return f"ComputeSignature({self.key}, {self.scheme.name}, ...)"


class GenerateKeyPair(NamedTuple):
    """GENERATE ASYMMETRIC KEY PAIR (ISO/IEC 7816-8:2021, 9.2): make one, or only read it out."""

    key: FileReference
    make: bool


def parse_compute_signature(command: CommandApdu) -> ComputeSignature:
    """Read the signature command; 6A86 for a scheme there is not, 6700 without data or Le."""
    name = "COMPUTE DIGITAL SIGNATURE"
    scheme = _SCHEMES.get(command.p1)
    if scheme is None or not command.p2 & 0x80:
        raise IsoError(StatusWord.INCORRECT_P1_P2, f"{name}: no such scheme or key")
    key = reference(command.p2, name)
    if not command.data or not command.ne:
        raise IsoError(StatusWord.WRONG_LENGTH, f"{name} needs data and an Le field")
    return ComputeSignature(key, scheme, command.data)


def parse_generate_key_pair(command: CommandApdu) -> GenerateKeyPair:
    """Read GENERATE ASYMMETRIC KEY PAIR: P1 80 makes a pair, 81 reads the public key; P2: key."""
    name = "GENERATE ASYMMETRIC KEY PAIR"
    if command.p1 not in (0x80, 0x81):
        raise IsoError(StatusWord.INCORRECT_P1_P2, f"{name} has P1 80 or 81")
    key = reference(command.p2 or 0x80, name)
    if command.data or not command.ne:
        raise IsoError(StatusWord.WRONG_LENGTH, f"{name} has an Le field and no data")
    return GenerateKeyPair(key, command.p1 == 0x80)


class PrivateKeys(FileApplet[State]):
    """The private keys declared in the tree as `SigningKeyFile`; `signing` keeps them, no command
    uses them yet.
    """

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.signing = SigningKeys(self.files, context.random)


class Signing(PrivateKeys[State]):
    """Signatures with the card's own command, and key pairs made in the card."""

    @command(Ins.PERFORM_SECURITY_OPERATION, proprietary=True)
    def compute_signature(self, command: CommandApdu, state: State) -> ResponseApdu:
        """COMPUTE DIGITAL SIGNATURE with the key in the current EF, or in one by short name."""
        parsed = parse_compute_signature(command)
        return ResponseApdu(self.signing.sign(state, parsed.key, parsed.scheme, parsed.data))

    @command(Ins.GENERATE_ASYMMETRIC_KEY_PAIR)
    def generate_key_pair(self, command: CommandApdu, state: State) -> ResponseApdu:
        """GENERATE ASYMMETRIC KEY PAIR: the private key stays, the public one is answered."""
        parsed = parse_generate_key_pair(command)
        if parsed.make:
            return ResponseApdu(self.signing.generate(state, parsed.key))
        return ResponseApdu(self.signing.public(state, parsed.key))
