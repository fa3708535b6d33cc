"""How the text application gets its contents before the card is handed out."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from jukicard.applets.certificates import KeyIdentifier, RecordSigner
from jukicard.applets.counter import install_counter
from jukicard.applets.text import TextApplet, files as names
from jukicard.applets.text.objects import (
    Attributes,
    BasicInformation,
    IndividualNumber,
    IntegrityRecord,
    SessionPublicKey,
    SignedPublicKey,
)
from jukicard.crypto.asymmetric import RsaPrivateKey, RsaPublicKey
from jukicard.kit.keys import KeyPair
from jukicard.kit.verification import number_a, number_b

NAMED_KEY = KeyIdentifier("6000034")
"""The key that EF 0005 names, that of a test hierarchy; what it is for is not known."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TextContents:
    """All that the text application is personalised with; the repr shows nothing of it.

    my_number: the individual number, twelve digits. name, address: as they shall be read. sex: 1,
    2 or 9. pin: four digits. security_code: the four digits on the card's face.
    signer: the municipality's key of 2048 bits with its certificate. card_key: the card's own
    key, 2048 bits. session_key: what EF 0006 holds. counter: the key the counter gets in with.
    gregorian: the birth date on the face has a Gregorian year (foreign residents).
    """

    card_number: bytes
    my_number: str
    name: str
    address: str
    birth: datetime.date
    sex: str
    expires: datetime.date
    security_code: str
    pin: str
    signer: RecordSigner
    card_key: RsaPrivateKey
    session_key: RsaPublicKey
    counter: KeyPair | None = None
    gregorian: bool = False

    def __post_init__(self) -> None:
        if self.sex not in ("1", "2", "9"):
            raise ValueError("sex is 1, 2 or 9")

    def __repr__(self) -> str:
        return "<TextContents>"

    @property
    def number_a(self) -> str:
        """Verification number A: the individual number."""
        return number_a(self.my_number)

    @property
    def number_b(self) -> str:
        """Verification number B, fourteen digits."""
        return number_b(self.birth, self.expires, self.security_code, gregorian=self.gregorian)


def personalise(applet: TextApplet, contents: TextContents) -> None:
    """Write the contents, inside a transaction of the card's memory.

    IsoError for a PIN that is none, ValueError for anything else that does not fit its file.
    """
    _write_files(applet, contents)
    applet.signing.load(names.TREE.ef(names.CARD_KEY), contents.card_key.der, check=False)
    for fid, value in (
        (names.PIN, contents.pin),
        (names.NUMBER_A, contents.number_a),
        (names.NUMBER_B, contents.number_b),
    ):
        applet.pins.set_value(names.TREE.ef(fid), value.encode("ascii"))
    install_counter(applet, contents.card_number, contents.counter)


def _write_files(applet: TextApplet, contents: TextContents) -> None:
    files, signer = applet.files, contents.signer
    attributes = Attributes(contents.name, contents.address, contents.birth, contents.sex)
    number_ef = names.TREE.ef(names.INDIVIDUAL_NUMBER)
    files.put_content(number_ef, IndividualNumber(contents.my_number).encode())
    for fid, written in (
        (names.ATTRIBUTES, attributes),
        (names.INTEGRITY, IntegrityRecord.issue(files.content(number_ef), attributes, signer)),
        (names.CERTIFICATE, signer.certificate),
        (names.BASIC_INFORMATION, BasicInformation(NAMED_KEY)),
        (names.SESSION_KEY, SessionPublicKey(contents.session_key)),
        (names.SIGNED_KEY, SignedPublicKey.issue(contents.card_key.public, signer)),
    ):
        files.put_content(names.TREE.ef(fid), written.encode())
