"""The card's own commands of the JPKI application, parsed once."""

from __future__ import annotations

from typing import Final, NamedTuple

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.commands import FileReference
from jukicard.kit.commands import reference
from jukicard.kit.signing import SignatureScheme

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
