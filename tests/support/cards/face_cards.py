"""Cards with only the applications under test, personalised with the published specimen.

The person, the individual number and the code are those of a published test card; keys and
pictures are made here. Every card is a fork of one that was made once.
"""

from __future__ import annotations

import datetime
from functools import cache
from typing import Any, Final

from jukicard import Card, CardOptions
from jukicard.apdu import CommandApdu
from jukicard.applets.certificates import (
    CertificateBody,
    CvCertificate,
    KeyIdentifier,
    RecordSigner,
)
from jukicard.applets.common import AID as COMMON, CommonApplet
from jukicard.applets.common.personalisation import (
    CommonContents,
    personalise as personalise_common,
)
from jukicard.applets.surface import AID as SURFACE, SurfaceApplet
from jukicard.applets.surface.personalisation import (
    JukiPhoto,
    JukiSurfaceContents,
    SurfaceContents,
    personalise as personalise_surface,
)
from jukicard.applets.text import AID as TEXT, TextApplet
from jukicard.applets.text.personalisation import TextContents, personalise as personalise_text
from jukicard.crypto.asymmetric import RsaPrivateKey
from jukicard.crypto.rsa_generation import generate_rsa
from jukicard.environment import CardEnvironment, SeededRandom
from jukicard.kit.keys import KeyPair
from jukicard.memory import MemorySnapshot
from jukicard.runtime.applet import Applet
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.card import CARD_PARTITION, OPTIONS_KEY, PROFILE_KEY
from jukicard.runtime.placement import Placement
from jukicard.securemessaging.suites import Suite
from jukicard.testing.applets import FORBIDDEN_AID, ForbiddenApplet
from tests.support.naive.terminal import NaiveTerminal, keys_of

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

AIDS: Final = {"common": COMMON, "surface": SURFACE, "text": TEXT}


@cache
def key(name: str, bits: int = 2048) -> RsaPrivateKey:
    """A test key, the same for the same name; the first time takes half a second."""
    return generate_rsa(bits, SeededRandom(name).take)


@cache
def signer(bits: int = 2048) -> RecordSigner:
    """The municipality's key, certified by the test authority."""
    own = key(f"municipality {bits}", bits)
    body = CertificateBody(KeyIdentifier("6000033"), KeyIdentifier("1322121", "000"), own.public)
    return RecordSigner(own, CvCertificate.issue(body, key("authority")))


def counter_key(aid: bytes) -> KeyPair:
    """The counter's key of an application of this card."""
    pair = keys_of(CARD_NUMBER, "COUNTER", aid)
    return KeyPair(Suite.AES128, 1, pair.enc, pair.mac)


def text_contents(**changes: object) -> TextContents:
    """What the specimen's text application holds, with `changes`."""
    values: dict[str, object] = {
        "card_number": CARD_NUMBER,
        "my_number": MY_NUMBER,
        "name": NAME,
        "address": ADDRESS,
        "birth": BIRTH,
        "sex": "1",
        "expires": EXPIRES,
        "security_code": SECURITY_CODE,
        "pin": PIN,
        "signer": signer(),
        "card_key": key("card"),
        "session_key": key("authority").public,
        "counter": counter_key(TEXT),
        **changes,
    }
    return TextContents(**values)  # type: ignore[arg-type]


def surface_contents(**changes: object) -> SurfaceContents:
    """What the specimen's surface application holds, with `changes`."""
    values: dict[str, object] = {
        "card_number": CARD_NUMBER,
        "municipality": "13221",
        "my_number": MY_NUMBER,
        "birth": BIRTH,
        "sex": "1",
        "expires": EXPIRES,
        "security_code": SECURITY_CODE,
        "name_image": NAME_IMAGE,
        "address_image": ADDRESS_IMAGE,
        "photo": PHOTO,
        "number_image": NUMBER_IMAGE,
        "code_image": CODE_IMAGE,
        "signer": signer(),
        "card_key": key("card"),
        "counter": counter_key(SURFACE),
        **changes,
    }
    return SurfaceContents(**values)  # type: ignore[arg-type]


def juki_contents(kind: str, *, gregorian: bool = False) -> JukiSurfaceContents:
    """What a Juki card's surface application holds: `juki-a` or `juki-b`."""
    face = JukiPhoto(
        birth=BIRTH,
        sex="1",
        name_image=NAME_IMAGE,
        address_image=ADDRESS_IMAGE,
        photo=PHOTO,
        gregorian=gregorian,
    )
    return JukiSurfaceContents(
        card_number=CARD_NUMBER,
        municipality="13221",
        expires=JUKI_EXPIRES,
        signer=signer(1024),
        face=face if kind == "juki-b" else None,
        counter=counter_key(SURFACE),
    )


def common_contents(**changes: object) -> CommonContents:
    """What the specimen's common application holds, with `changes`."""
    values: dict[str, object] = {
        "card_number": CARD_NUMBER,
        "serial": "400000012719843",
        "municipality": "13221",
        "expires": EXPIRES,
        "pin": PIN,
        "card_key": key("card"),
        "counter": counter_key(COMMON),
        **changes,
    }
    return CommonContents(**values)  # type: ignore[arg-type]


def blank_card(
    *applications: Placement,
    options: CardOptions | None = None,
    atr: str = "3BDA13FF8131FB468012392F31C173C601C03B",
) -> Card:
    """A card with these applications and nothing in them."""
    environment = CardEnvironment(random=SeededRandom("face card"))
    chosen = options or CardOptions(atr=bytes.fromhex(atr))
    memory = environment.memory
    with memory.transaction():
        own = memory.partition(CARD_PARTITION)
        own.put(OPTIONS_KEY, chosen.to_bytes())
        own.put(PROFILE_KEY, b"test")
        card = Card(environment, on_bug=raise_bug)
        for placement in applications:
            card.applications.install(placement)
    return card


def applet_on(card: Card, aid: bytes) -> Applet[Any]:
    """The application of a card."""
    found = card.applications.get(aid)
    assert found is not None
    return found.applet


def personalise(card: Card, contents: object) -> None:
    """Write contents into the application they are for, in one transaction."""
    with card.environment.memory.transaction():
        match contents:
            case TextContents():
                text = applet_on(card, TEXT)
                assert isinstance(text, TextApplet)
                personalise_text(text, contents)
            case SurfaceContents() | JukiSurfaceContents():
                surface = applet_on(card, SURFACE)
                assert isinstance(surface, SurfaceApplet)
                personalise_surface(surface, contents)
            case CommonContents():
                common = applet_on(card, COMMON)
                assert isinstance(common, CommonApplet)
                personalise_common(common, contents)
            case _:
                raise TypeError(contents)


_SUCCESSOR: Final = {"layout": "mynumber"}
FORBIDDEN: Final = Placement(FORBIDDEN_AID, ForbiddenApplet.type_name)


@cache
def _snapshot(kind: str, *, forbidden: bool) -> MemorySnapshot:
    last = (FORBIDDEN,) if forbidden else ()
    if kind.startswith("juki"):
        card = blank_card(
            Placement(SURFACE, "surface", {"layout": "juki"}),
            Placement(COMMON, "common"),
            *last,
            atr="3BE000FF8131FE4514",
        )
        personalise(card, juki_contents(kind))
        return card.snapshot()
    card = blank_card(
        Placement(COMMON, "common"),
        Placement(SURFACE, "surface", _SUCCESSOR),
        Placement(TEXT, "text"),
        *last,
    )
    personalise(card, text_contents())
    personalise(card, surface_contents())
    personalise(card, common_contents())
    return card.snapshot()


def face_card(kind: str = "successor", *, forbidden: bool = True) -> Card:
    """A powered card: `successor`, or a Juki card `juki-a` or `juki-b`; nothing is selected yet.

    The successor has the common, surface and text applications, a Juki card surface and, to have
    another one to select, an empty common. `forbidden`: it has a `ForbiddenApplet` too.
    """
    card = Card.restore(_snapshot(kind, forbidden=forbidden), on_bug=raise_bug)
    card.power_on()
    return card


def selected(application: str, kind: str = "successor", *, forbidden: bool = True) -> Card:
    """A powered card with `common`, `surface` or `text` selected."""
    card = face_card(kind, forbidden=forbidden)
    answer = card.transmit(CommandApdu(0, 0xA4, 0x04, 0x0C, AIDS[application]).encode())
    assert answer == b"\x90\x00"
    return card


def at_the_counter(application: str, kind: str = "successor") -> tuple[Card, NaiveTerminal]:
    """A card and a terminal of the counter that has authenticated to an application of it."""
    card = selected(application, kind)
    terminal = NaiveTerminal(card.transmit, CARD_NUMBER)
    assert terminal.get_challenge().status == 0x9000
    keys = keys_of(CARD_NUMBER, "COUNTER", AIDS[application])
    assert terminal.mutual_authenticate(keys, 0x84).status == 0x9000
    return card, terminal


def verify(fid: int, value: str) -> str:
    """SELECT of a credential and VERIFY, as a script of `tests.support.published.transcript`."""
    return f"00A4020C02{fid:04X} -> 9000\n00200080{len(value):02X}{value.encode().hex()} -> 9000\n"


def read_file(card: Card, fid: int) -> tuple[bytes, int]:
    """Read an EF as the naive clients do: blocks of 256 until a short one; bytes and status."""
    card.transmit(bytes.fromhex(f"00A4020C02{fid:04X}"))
    content = b""
    while True:
        answer = card.transmit(CommandApdu(0, 0xB0, *divmod(len(content), 256), ne=256).encode())
        content += answer[:-2]
        status = int.from_bytes(answer[-2:], "big")
        if status != 0x9000 or len(answer) < 258:
            return content, status
