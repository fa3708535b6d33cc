"""How the JPKI application gets its keys, certificates and PINs before the card is handed out."""

from __future__ import annotations

from dataclasses import dataclass, field

from jukicard.applets.counter import install_counter
from jukicard.applets.jpki import JpkiApplet
from jukicard.applets.jpki.files import (
    AUTH_CA_CERTIFICATE,
    AUTH_CERTIFICATE,
    AUTH_KEY,
    AUTH_PIN,
    AVAILABILITY,
    SIGN_CA_CERTIFICATE,
    SIGN_CERTIFICATE,
    SIGN_KEY,
    SIGN_PIN,
    TOKEN,
    TOKEN_SIZE,
)
from jukicard.filesystem.files import EfNode
from jukicard.kit.keys import KeyPair

_PRESENT = 0x8F
_ABSENT = 0x00


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedKey:
    """One pair as the card holds it: certificate and its authority's, key (PKCS #8), PIN.

    `check` False says that the key is known to be one, which saves some time.
    """

    certificate: bytes = field(repr=False)
    authority: bytes = field(repr=False)
    key: bytes = field(repr=False)
    pin: str = field(repr=False)
    check: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class JpkiContents:
    """All that the JPKI application is personalised with; no `authentication` pair on Juki cards.

    token: the name clients tell the generations apart by, up to 32 ASCII characters.
    """

    token: str
    card_number: bytes
    signature: CertifiedKey
    authentication: CertifiedKey | None = None
    counter: KeyPair | None = field(default=None, repr=False)


def personalise(applet: JpkiApplet, contents: JpkiContents) -> None:
    """Write the contents, inside a transaction of the card's memory.

    IsoError for a PIN that cannot be, ValueError for a certificate or token that does not fit.
    """
    files = applet.files
    root = applet.tree.root
    files.put_content(root.efs[TOKEN], token_information(contents.token))
    _write_pair(
        applet, contents.signature, SIGN_CERTIFICATE, SIGN_CA_CERTIFICATE, SIGN_KEY, SIGN_PIN
    )
    pair = contents.authentication
    if pair is not None:
        _write_pair(applet, pair, AUTH_CERTIFICATE, AUTH_CA_CERTIFICATE, AUTH_KEY, AUTH_PIN)
    availability = root.efs.get(AVAILABILITY)
    if availability is not None:
        files.put_content(availability, bytes((_PRESENT, _PRESENT if pair else _ABSENT, 0x00)))
    install_counter(applet, contents.card_number, contents.counter)


def token_information(name: str) -> bytes:
    """Return EF 0006: the token's name in 32 bytes, the rest spaces (docs/card.md, JPKI)."""
    raw = name.encode("ascii")
    if len(raw) > 32:
        raise ValueError("a token's name has at most 32 characters")
    return raw.ljust(TOKEN_SIZE, b" ")


def _write_pair(applet: JpkiApplet, pair: CertifiedKey, *fids: int) -> None:
    certificate, authority, key, pin = (_ef(applet, fid) for fid in fids)
    applet.files.put_content(certificate, pair.certificate)
    applet.files.put_content(authority, pair.authority)
    applet.signing.load(key, pair.key, check=pair.check)
    applet.pins.set_value(pin, pair.pin.encode("ascii"))


def _ef(applet: JpkiApplet, fid: int) -> EfNode:
    return applet.tree.root.efs[fid]
