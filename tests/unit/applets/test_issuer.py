"""The card before any application: its data objects, its certificates, and its own key.

What each profile answers is written down here a second time, from docs/card.md, section 4.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from functools import cache
from typing import Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key

from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import CommandApdu
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from jukicard.synthetic.pki.keys import published_key
from tests.support.cards.issuing import issue
from tests.support.published.transcript import play, send, status

ISSUED: Final = {
    "juki-v1": datetime.date(2010, 3, 1),
    "juki-v2": datetime.date(2010, 3, 1),
    "mynumber": datetime.date(2024, 4, 1),
    "operator": datetime.date(2010, 3, 1),
}
JUKI: Final = ("juki-v1", "juki-v2")
SELECT_JUKI: Final = "00A4040C0AD3921000310001010401"
SELECT_OPERATOR: Final = "00A4040C0AF04F50455241544F5201"
SELECT_ISSUER: Final = "00A4040C07A0000001510000"
ISSUER: Final = "application A0000001510000"
JPKI: Final = "application D392F000260100000001"

every_profile = pytest.mark.parametrize("profile", PROFILES)
every_juki_card = pytest.mark.parametrize("profile", JUKI)


@cache
def _snapshot(profile: str, **options: object) -> MemorySnapshot:
    made = issue(
        profile,
        seed=1,
        municipality="13221",
        issued=ISSUED[profile],
        on_bug=raise_bug,
        **options,
    )
    return made.snapshot()


def fresh(profile: str, **options: object) -> Card:
    """A powered card on which nothing was selected by anyone."""
    card = Card.restore(_snapshot(profile, **options), on_bug=raise_bug)
    card.power_on()
    return card


def get(card: Card, tag: int) -> str:
    """GET DATA with the longest extended Le."""
    return send(card, f"00CA{tag:04X}000000")


# -- the objects ----------------------------------------------------------------------------------

RECOGNITION: Final = (
    "6631 732F"
    "0607 2A864886FC6B 01"
    "600C 060A 2A864886FC6B 02020301"
    "6309 0607 2A864886FC6B 03"
    "640B 0609 2A864886FC6B 040370"
).replace(" ", "")
"""GlobalPlatform Card Specification 2.3.1, H.2: 1.2.840.114283 is 2A864886FC6B."""
SUCCESSOR_ATR: Final = "DA13FF8131FB468012392F31C173C601C03B"
OPERATOR_ATR: Final = "EA00FF8131FE4580584F50455241544F52C6"
OF_EVERY_CARD: Final = {
    0x42: ("4210" + "39200000" + b"JUKICARD-TST".hex().upper(), 18),
    0x45: ("450F*", 17),
    0x5A: ("5A08813920*", 10),
    0x66: (RECOGNITION, 51),
    0x8A: ("8A0105", 3),
    0xE0: ("E012 C00401018810 C00402018810 C00403018810".replace(" ", ""), 20),
    0x9F7F: ("9F7F2A" + "00" * 10 + "*", 45),
    0xF0: (b"13221".hex(), 5),
}
OF_A_JUKI_CARD: Final = {
    **OF_EVERY_CARD,
    0xF2: (b"20200301".hex(), 8),
    0x5F51: ("E000FF8131FE4514", 8),
}
OF_THE_SUCCESSOR: Final = {
    **OF_EVERY_CARD,
    0xF2: ("*", 8),
    0xF7: (b"6000033".hex() + "0805" + b"001".hex() + "00000000", 16),
    0xF8: ("5F4E820129*", 563),
    0x5F51: (SUCCESSOR_ATR, 18),
    0x7F21: ("7F21820233" + "5F4E820129*", 568),
}
OBJECTS: Final = {
    "juki-v1": OF_A_JUKI_CARD,
    "juki-v2": OF_A_JUKI_CARD,
    "mynumber": OF_THE_SUCCESSOR,
    "operator": {**OF_A_JUKI_CARD, 0x5F51: (OPERATOR_ATR, 18)},
}
"""What is answered, `*` for a rest that is checked elsewhere, and how many bytes it has."""
NAMED: Final = (0x42, 0x45, 0x66, 0xF0, 0xF2, 0xF7, 0xF8, 0x7F21, 0x5F51)
"""The objects that were measured on cards, and that must be here or answer 6A88."""


@every_profile
def test_every_object_is_there_or_is_not(profile: str) -> None:
    card = fresh(profile)
    for tag in sorted({*NAMED, *OBJECTS[profile]}):
        answer = get(card, tag)
        if tag not in OBJECTS[profile]:
            assert answer == "6A88", f"{tag:X}"
            continue
        wanted, size = OBJECTS[profile][tag]
        begin, star, _ = wanted.upper().partition("*")
        assert answer[-4:] == "9000", f"{tag:X}: {answer}"
        assert len(answer) // 2 - 2 == size, f"{tag:X}"
        assert answer.startswith(begin), f"{tag:X}: {answer}"
        assert star or answer == begin + "9000", f"{tag:X}: {answer}"


def test_the_successor_has_all_that_was_measured() -> None:
    assert set(NAMED) <= set(OF_THE_SUCCESSOR)


@every_profile
def test_numbers_and_dates_are_digits(profile: str) -> None:
    card = fresh(profile)
    for tag, size in ((0x45, 15), (0xF0, 5), (0xF2, 8)):
        text = bytes.fromhex(get(card, tag)[:-4])[-size:].decode()
        assert text.isdigit(), f"{tag:X}: {text}"
    datetime.date.fromisoformat(bytes.fromhex(get(card, 0xF2)[:-4]).decode())


@every_profile
def test_where_and_when_a_card_was_made(profile: str) -> None:
    """The production life cycle as cards of the field have it: 42 bytes, dates as YDDD."""
    card = fresh(profile)
    value = bytes.fromhex(get(card, 0x9F7F)[:-4])[3:]
    number = bytes.fromhex(get(card, 0x5A)[:-4])[2:]
    day = {"juki-v1": "0060", "juki-v2": "0060", "mynumber": "4092", "operator": "0060"}[profile]
    assert [value[at : at + 2].hex() for at in (10, 20, 24, 28, 36)] == [day] * 5
    assert value[12:16] == number[-4:]
    assert send(card, "80CA9F7F00") == send(card, "00CA9F7F00")


@every_profile
def test_a_long_object_needs_an_extended_le(profile: str) -> None:
    """As measured on cards: whole or 6700, never 61XX or 6CXX."""
    card = fresh(profile)
    long = {tag: size for tag, (_, size) in OBJECTS[profile].items() if size > 256}
    assert len(long) == (2 if profile == "mynumber" else 0)
    for tag, size in long.items():
        whole = get(card, tag)
        for short in ("00", "01", "10", "FF"):
            assert send(card, f"00CA{tag:04X}{short}") == "6700"
        for ne in (1, 255, 256, 257, size - 1):
            assert send(card, f"00CA{tag:04X}00{ne:04X}") == "6700"
        for ne in (size, size + 1, 65_535):
            assert send(card, f"00CA{tag:04X}00{ne:04X}") == whole
        assert send(card, "00C0000000") == "6985", "nothing waits to be fetched"


@every_profile
def test_a_short_object_has_a_short_le(profile: str) -> None:
    card = fresh(profile)
    short = {tag: size for tag, (_, size) in OBJECTS[profile].items() if size <= 256}
    assert len(short) >= 8
    for tag, size in short.items():
        whole = get(card, tag)
        assert send(card, f"00CA{tag:04X}00") == whole
        assert send(card, f"00CA{tag:04X}{size:02X}") == whole
        assert send(card, f"00CA{tag:04X}{size - 1:02X}") == f"6C{size:02X}"
        assert send(card, f"00CA{tag:04X}") == "6700"
        assert send(card, f"00CA{tag:04X}01AA00") == "6700"


def wrong_tag(tag: int) -> str:
    """What a tag gets that the card does not have (ISO/IEC 7816-4:2020, 11.5.1, table 90).

    0040 to 00FE are tags of one byte, 0100 to 01FF for own use, 4000 and above tags of two bytes
    where the first says that a second follows and the second that none does. The rest is reserved
    or, 0200 to 02FF, for SIMPLE-TLV, which no object here is.
    """
    first, second = tag >> 8, tag & 0xFF
    of_one_byte = first == 0 and 0x40 <= second <= 0xFE
    of_two_bytes = first >= 0x40 and first % 32 == 31 and second < 0x80
    return "6A88" if of_one_byte or first == 1 or of_two_bytes else "6A86"


@every_profile
def test_every_other_tag_is_refused(profile: str) -> None:
    card = fresh(profile)
    refused = {
        tag: int.from_bytes(answer, "big")
        for tag in range(0x10000)
        if (answer := card.transmit(b"\x00\xca" + tag.to_bytes(2, "big") + b"\0\0\0"))
        and len(answer) == 2
    }
    assert set(range(0x10000)) - refused.keys() == OBJECTS[profile].keys()
    assert {tag: f"{found:04X}" for tag, found in refused.items()} == {
        tag: wrong_tag(tag) for tag in refused
    }


@every_profile
def test_the_objects_belong_to_the_card_and_not_to_its_applications(profile: str) -> None:
    card = fresh(profile)
    here = {tag: get(card, tag) for tag in OBJECTS[profile]}
    other = SELECT_OPERATOR if profile == "operator" else SELECT_JUKI
    play(card, f"{other} -> 9000")
    assert [tag for tag in here if get(card, tag)[-4:] == "9000"] == [0x5A, 0x8A]
    play(card, f"{SELECT_ISSUER} -> 9000")
    assert {tag: get(card, tag) for tag in here} == here
    play(card, "0070000001 -> 01 9000")
    assert {tag: send(card, f"01CA{tag:04X}000000") for tag in here} == here


# -- the certificates -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Read:
    """A certificate taken apart by its published offsets."""

    body: bytes
    signature: bytes

    @classmethod
    def of(cls, value: bytes) -> Read:
        """Read what is in a certificate: 5F4E, 297 bytes, and 5F37, 256 bytes."""
        assert value[:5] == bytes.fromhex("5F4E820129")
        assert value[302:307] == bytes.fromhex("5F37820100")
        assert len(value) == 563
        return cls(value[5:302], value[307:])

    @property
    def names(self) -> tuple[bytes, bytes]:
        return self.body[:16], self.body[16:32]

    @property
    def key(self) -> RSAPublicKey:
        assert self.body[32:41] == bytes.fromhex("9003 010001 91820100".replace(" ", ""))
        return RSAPublicNumbers(65537, int.from_bytes(self.body[41:], "big")).public_key()

    def verify(self, issuer: RSAPublicKey) -> None:
        issuer.verify(self.signature, self.body, PKCS1v15(), SHA256())


def _root() -> RSAPublicKey:
    return RSAPublicNumbers(65537, published_key("cv-root").public.modulus).public_key()


def test_the_lower_certificate_verifies_under_the_upper_one() -> None:
    card = fresh("mynumber")
    upper = Read.of(bytes.fromhex(get(card, 0xF8)[:-4]))
    lower = Read.of(bytes.fromhex(get(card, 0x7F21)[:-4])[5:])
    upper.verify(_root())
    lower.verify(upper.key)
    for wrong in (lower.key, _root()):
        with pytest.raises(InvalidSignature):
            lower.verify(wrong)
    with pytest.raises(InvalidSignature):
        upper.verify(upper.key)
    authority = bytes.fromhex(get(card, 0xF7)[:-4])
    assert upper.names == (b"6000031\x08\x05001\0\0\0\0", authority)
    assert lower.names == (authority, b"1322121\x08\x05000\0\0\0\0")


def test_the_lower_certificate_is_that_of_the_faces_records() -> None:
    card = fresh("mynumber")
    certificate = get(card, 0x7F21)
    for aid in ("D3921000310001010408", "D3921000310001010402"):
        play(card, f"00A4040C0A{aid} -> 9000 \n 00A4020C020004 -> 9000")
        assert send(card, "00B00000000238") == certificate
    play(card, f"00A4040C0AD3921000310001010408 -> 9000 \n {SELECT_ISSUER} -> 9000")
    signed = bytes.fromhex(_text_key(card))
    key = Read.of(bytes.fromhex(certificate[:-4])[5:]).key
    key.verify(signed[-256:], signed[:-261], PKCS1v15(), SHA256())


def _text_key(card: Card) -> str:
    """EF 0007 of text behind its template: DF51 with a public key, DF52 with a signature."""
    play(card, "00A4040C0AD3921000310001010408 -> 9000")
    answer = send(card, "00B08700000218")
    assert answer.startswith("FF50820213DF51820109")
    return answer[10:-4]


def test_every_municipality_has_its_own_certificate_under_the_same_authority() -> None:
    found = set()
    for municipality in ("13221", "01101", "47201"):
        card = issue_card("mynumber", seed=1, municipality=municipality, on_bug=raise_bug)
        card.power_on()
        upper = Read.of(bytes.fromhex(get(card, 0xF8)[:-4]))
        lower = Read.of(bytes.fromhex(get(card, 0x7F21)[:-4])[5:])
        lower.verify(upper.key)
        assert lower.names[1].startswith(municipality.encode())
        found.add((upper.body, lower.body))
    assert len({body for body, _ in found}) == 1
    assert len(found) == 3


# -- the card's own key ---------------------------------------------------------------------------


def _own_key(card: Card) -> RSAPublicKey:
    raw = dict(card.environment.memory.partition(ISSUER).items())["content/0019"]
    found = load_der_private_key(raw, None).public_key()
    assert isinstance(found, RSAPublicKey)
    return found


@every_juki_card
@pytest.mark.parametrize("bits", [1024, 2048])
def test_a_juki_card_proves_that_it_is_there(profile: str, bits: int) -> None:
    card = fresh(profile, rsa_bits=bits)
    key = _own_key(card)
    assert key.key_size == bits
    for challenge in (b"\x00", b"challenge", bytes(range(255))):
        answer = card.transmit(CommandApdu(0, 0x88, 0, 0x99, challenge, 256).encode())
        assert answer[-2:] == b"\x90\x00"
        key.verify(answer[:-2], challenge, PKCS1v15(), SHA256())
    current = send(card, "008800800401020304 00")
    assert current == send(card, "008800990401020304 00"), "the key is current, RSA repeats"
    play(card, "0070000001 -> 01 9000")
    assert send(card, "018800990401020304 00") == current
    play(card, "10880099020102 -> 9000")
    assert send(card, "00880099020304 00") == current, "the challenge in two links"


@every_juki_card
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00880199040102030400", "6A86"),
        ("008800190401020304 00", "6A88"),
        ("008800000401020304 00", "6A88"),
        ("008800BF0401020304 00", "6A86"),
        ("00880099", "6700"),
        ("0088009900", "6700"),
        ("008800990401020304", "6700"),
        ("00880099000100" + "00" * 256 + "0000", "6700"),
        ("008800980401020304 00", "6A82"),
        ("0088009A0401020304 00", "6A82"),
        ("008800800401020304 00", "6986"),
        ("808800990401020304 00", "6D00"),
        ("00890099040102030400", "6D00"),
        ("0022 41A4 03 840119".replace(" ", ""), "6D00"),
        ("00460000 00", "6D00"),
        ("802A0099 04 01020304 00".replace(" ", ""), "6D00"),
    ],
)
def test_nothing_else_is_done_with_the_key(profile: str, command: str, answer: str) -> None:
    assert send(fresh(profile), command) == answer


def test_the_successors_issuer_domain_has_no_key() -> None:
    play(fresh("mynumber"), "008800990401020304 00 -> 6D00")


@every_juki_card
def test_the_key_never_leaves_the_card(profile: str) -> None:
    card = fresh(profile)
    private = dict(card.environment.memory.partition(ISSUER).items())["content/0019"][-64:]
    for ins in range(256):
        for p1p2 in ("0000", "0080", "0099", "9900", "7F49", "3FFF"):
            for tail in ("", "00", "025C00", "000000"):
                assert private not in card.transmit(bytes.fromhex(f"00{ins:02X}{p1p2}{tail}"))
                play(card, f"{SELECT_ISSUER} -> 9000")


@pytest.mark.parametrize("options", [{}, {"compat": True}, {"rsa_bits": 2048, "compat": True}])
def test_the_key_is_none_that_signs_for_the_holder(options: dict[str, object]) -> None:
    keys = set()
    for seed in range(60):
        card = issue("juki-v2", seed=seed, **options)
        own = dict(card.environment.memory.partition(ISSUER).items())["content/0019"]
        holders = dict(card.environment.memory.partition(JPKI).items())
        signing = [holders[name] for name in ("content/001A", "content/0017") if name in holders]
        assert len(signing) == (2 if "compat" in options else 1)
        assert own not in signing
        keys.add(hashlib.sha256(own).digest())
    assert len(keys) == 4, "cards have different keys"


@every_juki_card
def test_the_key_is_chosen_without_drawing_anything(profile: str) -> None:
    """The same seed gives the same card, whatever is in its issuer domain."""
    other = dataclasses.replace(
        PROFILES[profile],
        applications=tuple(
            dataclasses.replace(one, kind="issuer") if one.kind == "issuer-juki" else one
            for one in PROFILES[profile].applications
        ),
    )
    for seed in range(60):  # there are 16 keys to choose from
        kept, challenges = [], []
        for each in (profile, other):
            card = issue(each, seed=seed, compat=True)
            parts = {name: dict(values) for name, values in card.snapshot().partitions.items()}
            assert parts.pop(ISSUER)
            assert parts.pop("card")
            kept.append(parts)
            card.power_on()
            play(card, f"{SELECT_JUKI} -> 9000")
            challenges.append(send(card, "0084000020"))
        assert kept[0] == kept[1]
        assert challenges[0] == challenges[1], "nor is what comes after"


@every_juki_card
def test_without_its_key_it_signs_nothing(profile: str) -> None:
    card = fresh(profile)
    partition = card.environment.memory.partition(ISSUER)
    with card.environment.memory.transaction():
        partition.delete("content/0019")
    assert status(card, "008800990401020304 00") == "6984"
