"""What the JPKI application is personalised with: key pairs with certificates, and their PINs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
    TREES,
)

if TYPE_CHECKING:
    from jukicard.applets.jpki import JpkiApplet
    from jukicard.kit.personalisation import Order

_JUKI_NAME: Final = "JPKIAPICCTOKEN"
_SUCCESSOR_NAME: Final = "JPKIAPICCTOKEN2"
"""What clients tell the generations apart by."""
_PRESENT: Final = 0x8F


def prepare(applet: JpkiApplet) -> None:
    """Write the token's name, by which clients tell the generations apart."""
    successor = applet.tree is TREES["mynumber"]
    name = _SUCCESSOR_NAME if successor else _JUKI_NAME
    applet.files.put_content(applet.tree.ef(TOKEN), token_information(name))


def personalise(applet: JpkiApplet, order: Order) -> None:
    """Write the pairs that the layout has files for.

    ValueError for a certificate that does not fit its file.
    """
    files, efs = applet.files, applet.tree.root.efs
    _write_pair(
        applet, order, "signature", SIGN_CERTIFICATE, SIGN_CA_CERTIFICATE, SIGN_KEY, SIGN_PIN
    )
    if AUTH_KEY in efs:
        _write_pair(
            applet,
            order,
            "authentication",
            AUTH_CERTIFICATE,
            AUTH_CA_CERTIFICATE,
            AUTH_KEY,
            AUTH_PIN,
        )
    if AVAILABILITY in efs:
        files.put_content(efs[AVAILABILITY], bytes((_PRESENT, _PRESENT, 0x00)))


def token_information(name: str) -> bytes:
    """Return EF 0006: the token's name in 32 bytes, the rest spaces (docs/card.md, JPKI)."""
    raw = name.encode("ascii")
    if len(raw) > 32:
        raise ValueError("a token's name has at most 32 characters")
    return raw.ljust(TOKEN_SIZE, b" ")


def _write_pair(applet: JpkiApplet, order: Order, use: str, *fids: int) -> None:
    certificate, authority, key, pin = (applet.tree.root.efs[fid] for fid in fids)
    pair = order.certified_key(use)
    applet.files.put_content(certificate, pair.certificate)
    applet.files.put_content(authority, pair.authority)
    applet.signing.load(key, pair.key, check=False)
    applet.pins.set_value(pin, order.pin(use).encode("ascii"))
