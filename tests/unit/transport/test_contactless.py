"""Class FF is a contactless reader's own: every instruction, length and kind of card."""

from __future__ import annotations

import pytest

from jukicard.apdu.status import StatusWord
from jukicard.environment import SeededRandom
from jukicard.transport.contactless import Contactless, ContactlessPort, as_found
from jukicard.transport.inprocess import LocalReader
from tests.support.readers.echo_card import EchoCard

TYPE_B = bytes.fromhex("3B888001000014E0B38191005E")
TYPE_A = bytes.fromhex("3B8A800180584F50455241544F52D3")
TYPE_A_SILENT = bytes.fromhex("3B80800101")
CONTACT = bytes.fromhex("3BE000FF8131FE4514")
HISTORICAL = bytes.fromhex("80584F50455241544F52")


def found(atr: bytes, **options: object) -> ContactlessPort:
    port = ContactlessPort(EchoCard(atr), Contactless(**options))  # type: ignore[arg-type]
    port.power_on()
    return port


def ask(port: ContactlessPort, command: str) -> str:
    return port.transmit(bytes.fromhex(command)).hex().upper()


@pytest.mark.parametrize(
    ("atr", "uid"),
    [
        (TYPE_B, "01020304"),
        (TYPE_A, "01020304"),
        (TYPE_A, "04010203040506"),
        (TYPE_A, "04010203040506070809"),
    ],
)
def test_every_le_for_every_uid(atr: bytes, uid: str) -> None:
    size = len(uid) // 2
    pads, exact = (found(atr, uid=bytes.fromhex(uid), pads=choice) for choice in (True, False))
    for le in range(256):
        short, whole = f"6C{size:02X}", f"{uid}9000"
        if le in (0, size):
            wanted = (whole, whole)
        else:
            wanted = (short, short) if le < size else (f"{uid}6282", short)
        command = f"FFCA0000{le:02X}"
        assert (ask(pads, command), ask(exact, command)) == wanted
    assert ask(pads, "FFCA0000000000") == f"{uid}9000"
    assert ask(pads, "FFCA0000") == ask(pads, "FFCA00000100") == "6700"
    assert ask(pads, "FFCA000001") == f"6C{size:02X}"
    assert ask(pads, "FFCA00000500") == "6700", "five bytes announced, one there"


def test_historical_bytes_are_type_a_s() -> None:
    assert ask(found(TYPE_A), "FFCA010000") == HISTORICAL.hex().upper() + "9000"
    assert ask(found(TYPE_A_SILENT), "FFCA010000") == "9000"
    assert ask(found(TYPE_B), "FFCA010000") == "6A81"


def test_every_other_instruction_is_refused_and_reaches_no_card() -> None:
    port, strict = found(TYPE_B), found(TYPE_B, refusal=StatusWord(0x6981))
    for ins in set(range(256)) - {0xCA}:
        memory = ins in (0x82, 0x86, 0x88, 0xB0, 0xD6)
        assert ask(port, f"FF{ins:02X}000004") == ("6A81" if memory else "6D00")
        assert ask(strict, f"FF{ins:02X}000004") == ("6981" if memory else "6D00")
    for p1_p2 in ("0200", "0001", "FFFF"):
        assert ask(port, f"FFCA{p1_p2}00") == "6A86"
    assert ask(port, "FF") == ask(port, "FFCA00") == "6700"


def test_every_other_class_is_the_card_s() -> None:
    port = found(TYPE_B)
    for cla in set(range(255)) - {0xB0, 0xEE, 0xEF, 0x5C}:  # what an EchoCard does more with
        assert port.transmit(bytes((cla, 0xCA, 0, 0, 0))) == bytes((cla, 0xCA, 0, 0, 0, 0x90, 0))


@pytest.mark.parametrize(("atr", "begins"), [(TYPE_A, "08"), (TYPE_B, "")])
def test_a_uid_is_drawn_with_the_field_and_stays_as_long(atr: bytes, begins: str) -> None:
    port = ContactlessPort(EchoCard(atr), Contactless(random=SeededRandom(1)))
    seen = []
    for _ in range(5):
        port.power_on()
        first = ask(port, "FFCA000000")
        port.reset()
        assert ask(port, "FFCA000000") == first
        port.power_off()
        assert len(first) == 12
        assert first.startswith(begins)
        seen.append(first)
    assert len(set(seen)) == 5
    again = ContactlessPort(EchoCard(atr), Contactless(random=SeededRandom(1)))
    again.power_on()
    assert ask(again, "FFCA000000") == seen[0]


@pytest.mark.parametrize(
    ("atr", "uid"), [(TYPE_B, 7), (TYPE_B, 0), (TYPE_A, 0), (TYPE_A, 5), (TYPE_A, 11)]
)
def test_a_uid_of_no_length_is_refused(atr: bytes, uid: int) -> None:
    with pytest.raises(ValueError, match=rf"not {uid}$"):
        ContactlessPort(EchoCard(atr), Contactless(uid=bytes(uid)))


def test_a_contact_card_is_not_found_in_the_field() -> None:
    with pytest.raises(ValueError, match="contactless=True"):
        ContactlessPort(EchoCard(CONTACT))
    contact = EchoCard(CONTACT)
    assert as_found(contact) is contact
    assert isinstance(as_found(EchoCard(TYPE_A)), ContactlessPort)


def test_local_reader_finds_every_card_that_is_put_in() -> None:
    card = EchoCard(TYPE_B)
    reader = LocalReader(card, contactless=Contactless(uid=b"\1\2\3\4"))
    with reader:
        assert reader.transmit(bytes.fromhex("FFCA000000")) == bytes.fromhex("010203049000")
    assert reader.remove() is card
    with pytest.raises(ValueError, match="contactless=True"):
        reader.insert(EchoCard(CONTACT))
    own = ContactlessPort(EchoCard(TYPE_A))
    plain = LocalReader(own)
    assert plain.remove() is own
