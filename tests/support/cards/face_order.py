"""What the specimen's card is made with: an order of contents, with anything changed that may be.

The person, the individual number and the code are those of a published test card; keys and
pictures are made here.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from jukicard.apdu import Aid
from jukicard.applets.certificates import RecordSigner, record_signer
from jukicard.applets.common import AID as COMMON
from jukicard.applets.surface import AID as SURFACE
from jukicard.applets.text import AID as TEXT
from jukicard.crypto.asymmetric import RsaPrivateKey
from jukicard.crypto.rsa_generation import generate_rsa
from jukicard.environment import SeededRandom
from jukicard.kit.keys import KeyPair
from jukicard.kit.personalisation import CertifiedKey, Holder, Numbers
from jukicard.securemessaging.suites import Suite
from tests.support.naive.terminal import keys_of

CARD_NUMBER: Final = bytes.fromhex("8139200102030405")
MY_NUMBER: Final = "537686677188"
NAME: Final = "黒桐　幹也"
ADDRESS: Final = "東京都清瀬市観布子南１２－７－２０２"
BIRTH: Final = datetime.date(1980, 2, 17)
EXPIRES: Final = datetime.date(2035, 2, 17)
SECURITY_CODE: Final = "2285"
PIN: Final = "1234"
BIRTH_CODE: Final = "550217"
NUMBER_A: Final = MY_NUMBER
NUMBER_B: Final = "55021720352285"
JUKI_EXPIRES: Final = datetime.date(2019, 3, 31)
JUKI_NUMBER: Final = {"juki-a": "20190331", "juki-b": "20190331550217"}

PNG: Final = b"\x89PNG\r\n\x1a\n"
NAME_IMAGE: Final = PNG + b"name" * 30
ADDRESS_IMAGE: Final = PNG + b"address" * 40
NUMBER_IMAGE: Final = PNG + b"number" * 20
CODE_IMAGE: Final = PNG + b"code" * 15
PHOTO: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(range(256)) * 9


HOLDER: Final = Holder(
    name=NAME,
    address=ADDRESS,
    birth=BIRTH,
    sex="1",
    municipality="13221",
    security_code=SECURITY_CODE,
)


@cache
def key(name: str, bits: int = 2048) -> RsaPrivateKey:
    """A test key, the same for the same name; the first time takes half a second."""
    return generate_rsa(bits, SeededRandom(name).take)


def issuer_key(bits: int = 2048) -> RsaPrivateKey:
    """The municipality's key, which signs records."""
    return key(f"municipality {bits}", bits)


def counter_key(aid: bytes) -> KeyPair:
    """The counter's key of an application of this card."""
    pair = keys_of(CARD_NUMBER, "COUNTER", aid)
    return KeyPair(Suite.AES128, 1, pair.enc, pair.mac)


@dataclass(frozen=True, kw_only=True)
class FaceOrder:
    """The order of one application, `aid`, of the specimen's card.

    own_keys: by place, the card's key where none is named. systems: the purposes that have a key.
    pictures: how texts are shown; the text itself where none is named.
    """

    aid: Aid
    holder: Holder = HOLDER
    my_number: str = MY_NUMBER
    the_pin: str = PIN
    issued: datetime.date = datetime.date(2025, 2, 17)
    expires: datetime.date = EXPIRES
    form: int = 2
    serial: str = "400000012719843"
    card_number: bytes = CARD_NUMBER
    contact_atr: bytes = b"\x3b\x00"
    access_number: str | None = None
    trust_anchors: tuple[Any, ...] = ()
    chip_key: bytes | None = None
    chip_certificate: bytes | None = None
    systems: tuple[str, ...] = ("COUNTER",)
    issuer: RsaPrivateKey = field(default_factory=issuer_key)
    own_keys: Mapping[int, RsaPrivateKey] = field(default_factory=dict)
    the_photo: bytes = PHOTO
    number_image: bytes = NUMBER_IMAGE

    def numbers(self) -> Numbers:
        return Numbers(resident_code="12345678903", individual_number=self.my_number)

    def domain_keys(self) -> tuple[bytes, bytes, bytes]:
        raise AssertionError("nobody asks for them")

    def pin(self, name: str) -> str:
        assert name in ("text", "common")
        return self.the_pin

    def keys_for(self, purpose: str) -> KeyPair | None:
        return counter_key(self.aid) if purpose in self.systems else None

    def own_key(self, place: int = 0) -> bytes:
        return self.own_keys.get(place, key("card")).der

    def certified_key(self, use: str) -> CertifiedKey:
        raise AssertionError("nobody asks for one")

    def authority_key(self, name: str) -> bytes:
        return {"issuer": self.issuer, "cv-authority": key("authority")}[name].der

    def text_image(self, text: str, columns: int) -> bytes:
        pictures = {
            (self.holder.name, 20): NAME_IMAGE,
            (self.holder.address, 24): ADDRESS_IMAGE,
            ("5376 8667 7188", 14): self.number_image,
            (self.holder.security_code, 4): CODE_IMAGE,
        }
        return pictures.get((text, columns), PNG + text.encode())

    def photo(self) -> bytes:
        return self.the_photo


_OF_THE_HOLDER: Final = {"name", "address", "birth", "sex", "municipality", "security_code",
                         "gregorian"}  # fmt: skip


def _order(aid: Aid, **changes: Any) -> FaceOrder:
    holder = {name: changes.pop(name) for name in _OF_THE_HOLDER & changes.keys()}
    return FaceOrder(aid=aid, holder=replace(HOLDER, **holder), **changes)


def text_contents(**changes: Any) -> FaceOrder:
    """What the specimen's text application holds, with `changes`; places 1 and 2 are its keys."""
    return _order(TEXT, **{"own_keys": {2: key("authority")}, **changes})


def surface_contents(**changes: Any) -> FaceOrder:
    """What the specimen's surface application holds, with `changes`."""
    return _order(SURFACE, **changes)


def juki_contents(kind: str, **changes: Any) -> FaceOrder:
    """What a Juki card's surface application holds: `juki-a` or `juki-b`."""
    values = {"expires": JUKI_EXPIRES, "issuer": issuer_key(1024), **changes}
    return _order(SURFACE, form=1 if kind == "juki-a" else 2, **values)


def common_contents(**changes: Any) -> FaceOrder:
    """What the specimen's common application holds, with `changes`."""
    return _order(COMMON, **changes)


def signer(bits: int = 2048) -> RecordSigner:
    """The municipality's key, certified by the test authority."""
    return record_signer(text_contents(issuer=issuer_key(bits)))
