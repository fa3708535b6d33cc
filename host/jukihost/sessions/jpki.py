"""The JPKI application (公的個人認証): certificates, their PINs, and keys that sign in the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import ClassVar, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from jukicard.apdu import Aid, CommandApdu, Ins
from jukihost.conversation import keypair, pinfile
from jukihost.conversation.holder import HoldersOwn
from jukihost.conversation.protection import under_purpose
from jukihost.conversation.refusals import (
    NoCertificate,
    NoKeyPair,
    PasswordBlocked,
    PasswordRejected,
)
from jukihost.conversation.secrets import Pin, SignaturePassword
from jukihost.crypto.foreign import CertificateUnreadable, load_certificate
from jukihost.errors import (
    FileNotFound,
    PinBlocked,
    PinRejected,
    ProtocolError,
)
from jukihost.pinpad import PadNotUsable, PinPad

EF_TOKEN: Final = 0x0006
EF_AVAILABILITY: Final = 0x0008
TOKEN_BYTES: Final = 160
NAME_BYTES: Final = 32
_ABSENT: Final = 0x00
_MAX_INPUT: Final = 255


class JpkiKey(Enum):
    """The two key pairs, and where their parts are: certificate, its authority's, key and PIN."""

    SIGNATURE = (0x0001, 0x0002, 0x001A, 0x001B)
    """署名用: signs documents; its certificate names the holder and needs the password."""
    AUTHENTICATION = (0x000A, 0x000B, 0x0017, 0x0018)
    """利用者証明用: logs in; its certificate names nobody. Not on a Juki card."""

    def __init__(self, certificate: int, authority: int, key: int, pin: int) -> None:
        self.ef_certificate = certificate
        self.ef_authority = authority
        self.ef_key = key
        self.ef_pin = pin


class TokenKind(Enum):
    """What carries the application, by the name in EF 0006."""

    JUKI_CARD = "JPKIAPICCTOKEN"
    MY_NUMBER_CARD = "JPKIAPICCTOKEN2"
    ANDROID = "JPKIAPGPSETOKEN"
    IPHONE = "JPKIAPIOSTOKEN"


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """EF 0006: the token's name, its kind (None for a name that is not known), all its bytes."""

    name: str
    kind: TokenKind | None
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Availability:
    """Which certificates the card has."""

    signature: bool
    authentication: bool


class SignatureVariant(IntEnum):
    """What the card does with the data before it signs, by P1; cards of 2003 know the first."""

    DIGEST_INFO = 0x00
    """PKCS#1 v1.5 padding around the data as it is, which is a DigestInfo."""
    BARE_SHA256 = 0x01
    """The card hashes, and pads the hash without a DigestInfo."""
    PREHASHED = 0x02
    """The data is a SHA-256 hash; the card adds the DigestInfo."""
    HASHED = 0x03
    """The card hashes with SHA-256 and adds the DigestInfo."""
    PREHASHED_PSS = 0x04
    """RSASSA-PSS over a SHA-256 hash."""
    HASHED_PSS = 0x05
    """RSASSA-PSS; the card hashes."""


class JpkiSession(HoldersOwn):
    """A conversation with the JPKI application::

    with JpkiSession(channel) as jpki:
        jpki.verify_password(password)
        certificate = jpki.certificate(JpkiKey.SIGNATURE)
        signature = jpki.sign(JpkiKey.SIGNATURE, digest_info)
    """

    AID: ClassVar[Aid] = Aid("D392F000260100000001")

    # --- what it is ---

    def token(self) -> TokenInfo:
        """Return what carries the application. ProtocolError when the name is no text."""
        content = self.read_binary(EF_TOKEN, TOKEN_BYTES)
        try:
            name = content[:NAME_BYTES].decode("ascii").rstrip(" ")
        except UnicodeDecodeError:
            raise ProtocolError("the token's name is malformed") from None
        kinds = {kind.value: kind for kind in TokenKind}
        return TokenInfo(name, kinds.get(name), content)

    def availability(self) -> Availability:
        """Return which certificates the card has; on cards that do not say, which keys."""
        try:
            raw = self.read_binary(EF_AVAILABILITY, 3)
        except FileNotFound:
            return Availability(*(self._has(key.ef_key) for key in JpkiKey))
        if len(raw) < 2:
            raise ProtocolError("the card does not say which certificates it has")
        return Availability(raw[0] != _ABSENT, raw[1] != _ABSENT)

    def _has(self, identifier: int) -> bool:
        try:
            self.select_file(identifier)
        except FileNotFound:
            return False
        return True

    # --- certificates ---

    def certificate(self, key: JpkiKey) -> x509.Certificate:
        """Return the holder's certificate; that of the signature key after `verify_password`.

        NoKeyPair on a card without this pair, NoCertificate when none was issued, PinNotVerified,
        ProtocolError.
        """
        return self._certificate(key.ef_certificate)

    def authority_certificate(self, key: JpkiKey) -> x509.Certificate:
        """Return the certificate of the authority that issued the holder's; free to read."""
        return self._certificate(key.ef_authority)

    def _certificate(self, identifier: int) -> x509.Certificate:
        try:
            raw = self.read_object(identifier)
        except FileNotFound as refusal:
            raise NoKeyPair(refusal.status, refusal.ins) from None
        if not raw:
            raise NoCertificate("the card holds no such certificate; it is issued at the counter")
        try:
            return load_certificate(raw)
        except CertificateUnreadable as error:
            raise ProtocolError(
                f"the certificate in the card is malformed: {error.why}; have the card checked at "
                "the counter"
            ) from None

    # --- PINs ---

    def pin_retries(self, key: JpkiKey) -> int:
        """Return how many tries the key's PIN has left, 0 when it is blocked; costs no try."""
        return pinfile.retries_left(self, key.ef_pin)

    def verify_password(self, password: SignaturePassword | str | PinPad) -> None:
        """Verify the password of the signature key.

        PinFormatError, PasswordRejected with the tries left, PasswordBlocked. `PinPad()` has it
        typed on the reader, where it is of digits alone: PadError, PadOutcomeUnknown, PadNotUsable,
        NotOffered.
        """
        encoded = SignaturePassword.entered(password)
        try:
            pinfile.verify(self, JpkiKey.SIGNATURE.ef_pin, encoded)
        except PinRejected as refusal:
            raise PasswordRejected(refusal.status, refusal.ins) from None
        except PinBlocked as refusal:
            raise PasswordBlocked(refusal.status, refusal.ins) from None

    def verify_pin(self, pin: Pin | str | PinPad) -> None:
        """Verify the PIN of the authentication key. PinFormatError, PinRejected, PinBlocked.

        `PinPad()` has it typed on the reader: PadError, PadOutcomeUnknown, PadNotUsable,
        NotOffered.
        """
        pinfile.verify(self, JpkiKey.AUTHENTICATION.ef_pin, Pin.entered(pin))

    def change_password(self, new: SignaturePassword | str | PinPad) -> None:
        """Replace the password of the signature key, after `verify_password`.

        PinFormatError for one that is too short or has no letter or no digit; PinNotVerified.
        PadNotUsable for `PinPad()`: a pad has no letters, and a new password has one.
        """
        if isinstance(new, PinPad):
            raise PadNotUsable(
                "a new signature password has a letter, and a reader's pad has digits only: have "
                "it typed at the terminal; nothing was sent to the card"
            )
        password = SignaturePassword.of(new)
        password.check_new()
        pinfile.change(self, JpkiKey.SIGNATURE.ef_pin, password.encode())

    def change_pin(self, new: Pin | str | PinPad) -> None:
        """Replace the PIN of the authentication key, after `verify_pin`. PinFormatError.

        `PinPad()` has it typed twice on the reader; errors as those of `verify_pin`, and
        PadEntriesDiffer.
        """
        pinfile.change(self, JpkiKey.AUTHENTICATION.ef_pin, Pin.entered(new))

    # --- the counter (purpose COUNTER, after `authenticate`; TerminalNotAuthenticated) ---

    def unblock_password(self, new: SignaturePassword | str | None = None) -> None:
        """Give the password its tries back, and a new value unless it is to stay.

        PinFormatError for one that is too short or has no letter or no digit.
        """
        encoded = None
        if new is not None:
            password = SignaturePassword.of(new)
            password.check_new()
            encoded = password.encode()
        self._unblock(JpkiKey.SIGNATURE.ef_pin, encoded)

    def unblock_pin(self, new: Pin | str | None = None) -> None:
        """Give the PIN of the authentication key its tries back; a new value likewise."""
        encoded = None if new is None else Pin.of(new).encode()
        self._unblock(JpkiKey.AUTHENTICATION.ef_pin, encoded)

    def has_key(self, key: JpkiKey) -> bool:
        """Tell whether the card has a place for a key pair; free to ask."""
        return self._has(key.ef_key)

    @under_purpose(Ins.GENERATE_ASYMMETRIC_KEY_PAIR)
    def make_key_pair(self, key: JpkiKey) -> rsa.RSAPublicKey:
        """Have the card make a new key pair in place of the one it had; return its public half.

        The certificate on the card is the former pair's until `write_certificates`. NoKeyPair,
        ProtocolError.
        """
        try:
            made = keypair.generate(self, key.ef_key)
        except FileNotFound as refusal:
            raise NoKeyPair(refusal.status, refusal.ins) from None
        if not isinstance(made, rsa.RSAPublicKey):
            raise ProtocolError("the card told a key of another kind than RSA")
        return made

    @under_purpose(Ins.UPDATE_BINARY)
    def write_certificates(self, key: JpkiKey, certificate: bytes, authority: bytes) -> None:
        """Replace a key pair's certificate and its authority's, both in DER.

        In several commands: who is cut off in between does it again. NoKeyPair.
        """
        try:
            self.select_file(key.ef_certificate)
        except FileNotFound as refusal:
            raise NoKeyPair(refusal.status, refusal.ins) from None
        self._replace(key.ef_authority, authority)
        self._replace(key.ef_certificate, certificate)

    def _replace(self, identifier: int, content: bytes) -> None:
        """Write a file from its beginning, and erase what is left of a longer content."""
        self.select_file(identifier)
        for at in range(0, len(content), self.short_data):
            block = content[at : at + self.short_data]
            self.ask(CommandApdu(0x00, Ins.UPDATE_BINARY, at >> 8, at & 0xFF, block))
        # ISO/IEC 7816-4:2020, 11.3.7: without a data field, from the offset to the end of the file
        end = len(content)
        self.ask(CommandApdu(0x00, Ins.ERASE_BINARY, end >> 8, end & 0xFF))

    # --- signatures ---

    def sign(
        self, key: JpkiKey, data: bytes, variant: SignatureVariant = SignatureVariant.DIGEST_INFO
    ) -> bytes:
        """Let the card sign `data`, 1 to 255 bytes; return the signature, as long as the key.

        The key's PIN comes first (PinNotVerified). WrongParameters for a variant that the card
        does not know; ConditionsNotSatisfied or WrongLength for data that does not fit the key.
        """
        if not 1 <= len(data) <= _MAX_INPUT:
            raise ValueError(f"the card signs 1 to {_MAX_INPUT} bytes, not {len(data)}")
        self.select_file(key.ef_key)
        # JICSAP, COMPUTE DIGITAL SIGNATURE: P2 = 80, the key in the selected EF
        command = CommandApdu(0x80, Ins.PERFORM_SECURITY_OPERATION, variant, 0x80, data, 256)
        return self.ask(command).data

    def signing_key(self, key: JpkiKey) -> CardSigningKey:
        """Return a key that signs in the card, with its certificates; reads both.

        The PIN comes first, and the session must stay open while the key is used.
        """
        return CardSigningKey(
            self.certificate(key),
            (self.authority_certificate(key),),
            lambda digest_info: self.sign(key, digest_info),
        )


@dataclass(frozen=True, slots=True)
class CardSigningKey:
    """A key in the card: `sign` takes a DigestInfo and returns the RSA signature (PKCS#1 v1.5).

    `authorities` are the certificates above the holder's, as far as the card has them.
    """

    certificate: x509.Certificate
    authorities: tuple[x509.Certificate, ...]
    sign: Callable[[bytes], bytes] = field(repr=False)

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        """The public key in the certificate. ProtocolError when it is no RSA key."""
        key = self.certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise ProtocolError("the certificate's key is no RSA key")
        return key
