"""The files of the JPKI application on every kind of card: which, how large, for whom, to the byte.

Expected is what docs/card.md says (JPKI) and public clients rely on, not what is declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from jukicard.apdu import CommandApdu
from tests.support.cards.face_cards import read_file
from tests.support.cards.jpki_worlds import (
    ALL,
    AUTHENTICATION,
    LAYOUTS,
    PASSWORD,
    SELECT,
    SIGNATURE,
    WORLDS,
    Credential,
    Desk,
    World,
    public_of,
    selected,
    verifying,
)
from tests.support.published.transcript import play, send, status

TOKENS: Final = {
    False: b"JPKIAPICCTOKEN".ljust(32, b" "),
    True: b"JPKIAPICCTOKEN2".ljust(32, b" "),
}
"""By generation: what clients tell a Juki card and its successor apart by."""


def name_of(value: object) -> str:
    if isinstance(value, World):
        return value.name
    if isinstance(value, tuple):
        return "+".join(f"{credential.fid:04X}" for credential in value) or "nothing"
    return str(value)


every_world = pytest.mark.parametrize("world", ALL, ids=name_of)
every_layout = pytest.mark.parametrize("world", LAYOUTS, ids=name_of)


# -- which files there are -------------------------------------------------------------------------


def test_all_kinds_of_cards_are_looked_at() -> None:
    assert len(WORLDS) == len(ALL) == 18
    assert len({world.files for world in LAYOUTS}) == 3
    assert {(world.files, world.bits) for world in LAYOUTS} == {
        (world.files, world.bits) for world in ALL
    }


@every_layout
def test_of_all_identifiers_only_those_files_are_there(world: World) -> None:
    card = selected(world)
    there = set()
    for fid in range(0x10000):
        answer = card.transmit(b"\x00\xa4\x02\x0c\x02" + fid.to_bytes(2, "big"))
        if answer != b"\x6a\x82":
            assert answer == b"\x90\x00", f"{fid:04X}"
            there.add(fid)
    assert there == world.files


@every_world
def test_the_same_files_are_there_on_each_card_of_a_layout(world: World) -> None:
    card = selected(world)
    for fid in (*range(0x0200), 0x3F00, 0x3FFF, 0xFFFF):
        wanted = "9000" if fid in world.files else "6A82"
        assert send(card, f"00A4020C02{fid:04X}") == wanted, f"{fid:04X}"


@every_layout
def test_of_all_short_identifiers_only_those_files_are_there(world: World) -> None:
    card = selected(world)
    play(card, f"002000{0x80 | SIGNATURE.fid:02X}08{PASSWORD.encode().hex()} -> 9000")
    for sfi in range(1, 31):
        wanted = "6A82"
        if sfi in world.files:
            wanted = "9000" if sfi in world.sizes.keys() - {5} else "6981"
        wanted = "6982" if sfi == 5 and world.successor else wanted
        assert status(card, f"00B0{0x80 | sfi:02X}0000") == wanted, f"{sfi:02X}"
        wanted = "6981" if sfi in world.files else "6A82"
        tries = {credential.fid: f"63C{credential.tries}" for credential in world.credentials}
        assert status(card, f"002000{0x80 | sfi:02X}") == tries.get(sfi, wanted), f"{sfi:02X}"


def test_p1_of_a_read_names_a_short_identifier_or_is_an_offset() -> None:
    """P1 bit 8: the low five bits are the identifier, the two between them must be 0."""
    world = WORLDS["mynumber"]
    card = selected(world)
    for p1 in range(256):
        play(card, "00A4020C020006 -> 9000")
        sfi = p1 & 0x1F
        if p1 < 0x80:
            wanted = "6B00" if p1 else "9000"  # a file of 160 bytes
        elif p1 & 0x60 or sfi == 0x1F:
            wanted = "6A86"
        elif sfi == 0:
            wanted = "9000"  # the current file (ISO/IEC 7816-4:2020, 7.2.4)
        elif sfi in world.sizes:
            wanted = "6982" if sfi in (0x01, 0x05) else "9000"
        else:
            wanted = "6981" if sfi in world.files else "6A82"
        assert status(card, f"00B0{p1:02X}0001") == wanted, f"{p1:02X}"


# -- sizes and contents ----------------------------------------------------------------------------


@every_layout
def test_a_file_has_its_size_and_reading_ends_with_it(world: World) -> None:
    card = selected(world)
    card.transmit(verifying(SIGNATURE).encode())
    for fid, size in world.sizes.items():
        if fid == 0x05:
            continue
        whole = card.transmit(CommandApdu(0, 0xB0, 0x80 | fid, 0, ne=65536).encode())
        assert len(whole) == size + 2, f"{fid:04X}"
        assert whole.endswith(b"\x90\x00")
        play(card, f"00A4020C02{fid:04X} -> 9000")
        for command in ("00B00000000000", f"00B0000000{size:04X}", f"00B0000000{size + 1:04X}"):
            assert card.transmit(bytes.fromhex(command)) == whole, "extended lengths"
        for offset in {0, 1, size // 2, size - 1}:
            short = card.transmit(bytes((0, 0xB0, *divmod(offset, 256), 0)))
            assert short == whole[offset:-2][:256] + b"\x90\x00", "the last block may be short"
            if offset < 256:
                again = card.transmit(bytes((0, 0xB0, 0x80 | fid, offset, 0)))
                assert again == short, "by short identifier"
        for offset in (size, size + 1, 0x7FFF):
            for body in ("00", "01", "000000", "000100"):
                assert send(card, f"00B0{offset:04X}{body}") == "6B00"
        one = whole[:1].hex().upper()
        play(card, f"00B0000001 -> {one}9000\n00B00000000001 -> {one}9000\n00B00000 -> 6700")


@every_layout
def test_reading_as_clients_do_gives_each_certificate_whole(world: World) -> None:
    """4 bytes 30 82 hh ll, then the rest; blocks of 256; blocks of E0: the same certificate."""
    desk = Desk(world)
    desk.verify(SIGNATURE)
    for fid in world.sizes.keys() & {0x01, 0x02, 0x0A, 0x0B}:
        blocks, _ = read_file(desk.card, fid)
        assert blocks[:2] == b"\x30\x82"
        length = int.from_bytes(blocks[2:4], "big") + 4
        assert 500 < length < len(blocks) == world.sizes[fid]
        assert set(blocks[length:]) == {0xFF}, "filled up with FF"
        assert desk.content(fid) == blocks
        parts = b""
        while answer := desk.card.transmit(bytes((0, 0xB0, *divmod(len(parts), 256), 0xE0)))[:-2]:
            parts += answer
        assert parts == blocks


@every_world
def test_a_certificate_is_of_the_card_s_key_and_its_authority_is_beside_it(world: World) -> None:
    desk = Desk(world)
    desk.verify(SIGNATURE)
    for credential in world.credentials:
        certificate = desk.certificate(credential)
        authority = desk.certificate(credential._replace(certificate=credential.certificate + 1))
        assert public_of(certificate).key_size == world.bits
        assert certificate.issuer == authority.subject
        hash_of = certificate.signature_hash_algorithm
        assert hash_of is not None
        public_of(authority).verify(
            certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), hash_of
        )


@every_world
def test_the_token_says_the_generation_in_160_bytes_padded_with_spaces(world: World) -> None:
    card = selected(world)
    token = TOKENS[world.successor]
    whole = token.ljust(160, b" ").hex().upper()
    play(
        card,
        f"""
        00A4020C020006  -> 9000
        00B0000020      -> {whole[:64]}9000
        00B0000014      -> {whole[:40]}9000
        00B00000A0      -> {whole}9000
        00B0000000      -> {whole}9000
        """,
    )


def test_the_small_files_of_the_successor() -> None:
    card = selected(WORLDS["mynumber"])
    play(
        card,
        f"""
        00A4020C020008  -> 9000
        00B0000003      -> 8F8F009000
        00A4020C020009  -> 9000
        00B0000010      -> {"FF" * 16}9000
        00A4020C020005  -> 9000
        00B0000010      -> 6982
        """,
    )


# -- who may do what -------------------------------------------------------------------------------

Proven = tuple[Credential, ...]
Operation = tuple[str, CommandApdu, Callable[[World, int, Proven, str], int]]
NOBODY, MAC, ENCRYPTED = "nobody", "counter under a MAC", "counter encrypted"


def _is_read(world: World, fid: int, proven: Proven, who: str) -> int:
    del who
    if fid not in world.sizes:
        return 0x6981
    if fid == 0x05 or (fid == 0x01 and SIGNATURE not in proven):
        return 0x6982
    return 0x9000


def _is_erased(world: World, fid: int, proven: Proven, who: str) -> int:
    del proven
    if fid not in world.sizes:
        return 0x6981
    return 0x9000 if who != NOBODY and fid in {0x01, 0x02, 0x08, 0x0A, 0x0B} else 0x6982


def _is_written(world: World, fid: int, proven: Proven, who: str) -> int:
    if fid == 0x01 and who == MAC:
        return 0x6982  # name and address of the holder come encrypted
    return _is_erased(world, fid, proven, who)


def _is_never_written(world: World, fid: int, proven: Proven, who: str) -> int:
    del proven, who
    return 0x6982 if fid in world.sizes else 0x6981


def _has_no_records(world: World, fid: int, proven: Proven, who: str) -> int:
    del world, fid, proven, who
    return 0x6981


def _tells_tries(world: World, fid: int, proven: Proven, who: str) -> int:
    del proven, who
    return 0x63C0 + world.pins[fid].tries if fid in world.pins else 0x6981


def _changes(world: World, fid: int, proven: Proven, who: str) -> int:
    del who
    if fid not in world.pins:
        return 0x6981
    return 0x6700 if world.pins[fid] in proven else 0x6982


def _signs(world: World, fid: int, proven: Proven, who: str) -> int:
    del who
    if fid not in world.keys:
        return 0x6981
    return 0x9000 if world.keys[fid] in proven else 0x6982


def _tells_public_key(world: World, fid: int, proven: Proven, who: str) -> int:
    del who
    if fid not in world.keys:
        return 0x6981
    # the signature key's public half tells its holder apart, as the certificate does
    return 0x6982 if fid == SIGNATURE.key and SIGNATURE not in proven else 0x9000


def _generates(world: World, fid: int, proven: Proven, who: str) -> int:
    del proven, who  # the counter generates in tests of its own
    return 0x6982 if fid in world.keys else 0x6981


def _never(world: World, fid: int, proven: Proven, who: str) -> int:
    del world, fid, proven, who
    return 0x6982


DIGEST_INFO: Final = bytes.fromhex("3031300D060960864801650304020105000420") + bytes(32)
LONG: Final = 65536
OPERATIONS: Final[tuple[Operation, ...]] = (
    ("READ BINARY", CommandApdu(0, 0xB0, 0, 0, ne=1), _is_read),
    ("UPDATE BINARY", CommandApdu(0, 0xD6, 0, 0, b"\x30"), _is_written),
    ("WRITE BINARY", CommandApdu(0, 0xD0, 0, 0, b"\x30"), _is_never_written),
    ("ERASE BINARY", CommandApdu(0, 0x0E, 0, 0), _is_erased),
    ("READ RECORD", CommandApdu(0, 0xB2, 1, 4, ne=256), _has_no_records),
    ("UPDATE RECORD", CommandApdu(0, 0xDC, 1, 4, b"\x01\x01\x00"), _has_no_records),
    ("VERIFY without data", CommandApdu(0, 0x20, 0, 0x80), _tells_tries),
    ("CHANGE REFERENCE DATA", CommandApdu(0, 0x24, 1, 0x80, b"1"), _changes),
    ("CHANGE KEY", CommandApdu(0x80, 0x32, 0, 0x80, b"1"), _changes),
    ("SIGN", CommandApdu(0x80, 0x2A, 0, 0x80, DIGEST_INFO, LONG), _signs),
    ("PUBLIC KEY", CommandApdu(0, 0x46, 0x81, 0x80, ne=LONG), _tells_public_key),
    ("GENERATE", CommandApdu(0, 0x46, 0x80, 0x80, ne=LONG), _generates),
    ("ACTIVATE", CommandApdu(0, 0x44, 0, 0), _never),
    ("DEACTIVATE", CommandApdu(0, 0x04, 0, 0), _never),
    ("TERMINATE EF", CommandApdu(0, 0xE8, 0, 0), _never),
    ("TERMINATE DF", CommandApdu(0, 0xE6, 0, 0), _never),
)


def sets(world: World) -> Iterator[Proven]:
    for count in range(len(world.credentials) + 1):
        yield from combinations(world.credentials, count)


MATRIX: Final = [
    (world, proven, who)
    for world in LAYOUTS
    for proven in sets(world)
    for who in (NOBODY, MAC, ENCRYPTED)
]


@pytest.mark.parametrize(("world", "proven", "who"), MATRIX, ids=name_of)
def test_every_file_under_every_operation(world: World, proven: Proven, who: str) -> None:
    desk = Desk(world, counter=who != NOBODY)
    for credential in proven:
        desk.verify(credential)
    done = 0
    for fid in sorted(world.files):
        for name, command, expected in OPERATIONS:
            if name == "GENERATE" and who != NOBODY and fid in world.keys:
                continue
            desk.choose(fid)
            wanted = expected(world, fid, proven, who)
            answer = desk.status(command, readable=who == MAC)
            assert answer == wanted, f"{name} of {fid:04X}: {answer:04X}, not {wanted:04X}"
            done += 1
    assert done >= len(world.files) * (len(OPERATIONS) - 1)


PIN_OPERATIONS: Final = ("VERIFY", "CHANGE", "CHANGE KEY", "OLD AND NEW", "RESET", "RESET NEW")


def _pin_command(name: str, credential: Credential) -> CommandApdu:
    value = credential.value.encode()
    return {
        "VERIFY": CommandApdu(0, 0x20, 0, 0x80, value),
        "CHANGE": CommandApdu(0, 0x24, 1, 0x80, value),
        "CHANGE KEY": CommandApdu(0x80, 0x32, 0, 0x80, value),
        "OLD AND NEW": CommandApdu(0, 0x24, 0, 0x80, value + value),
        "RESET": CommandApdu(0, 0x2C, 3, 0x80),
        "RESET NEW": CommandApdu(0, 0x2C, 2, 0x80, value),
    }[name]


def _pin_status(name: str, credential: Credential, proven: Proven, who: str) -> int:
    if name == "VERIFY":
        return 0x9000
    if name == "OLD AND NEW":  # where the length varies nothing says where the old value ends
        return 0x9000 if credential == AUTHENTICATION else 0x6A86
    if name == "RESET":
        return 0x6982 if who == NOBODY else 0x9000  # without data nothing could be read
    if name == "RESET NEW":
        return 0x9000 if who == ENCRYPTED else 0x6982
    return 0x9000 if credential in proven else 0x6982


@pytest.mark.parametrize(("world", "proven", "who"), MATRIX, ids=name_of)
def test_every_file_under_every_operation_on_pins(world: World, proven: Proven, who: str) -> None:
    for name in PIN_OPERATIONS:
        for fid in sorted(world.files):
            if fid not in world.pins and (proven or who != NOBODY):
                continue
            desk = Desk(world, counter=who != NOBODY)
            for credential in proven:
                desk.verify(credential)
            desk.choose(fid)
            credential = world.pins.get(fid, AUTHENTICATION)
            answer = desk.status(_pin_command(name, credential), readable=who == MAC)
            wanted = _pin_status(name, credential, proven, who) if fid in world.pins else 0x6981
            assert answer == wanted, f"{name} of {fid:04X}: {answer:04X}, not {wanted:04X}"


@every_layout
def test_what_was_proven_ends_with_the_application_and_not_with_an_ef(world: World) -> None:
    card = selected(world)
    card.transmit(verifying(SIGNATURE).encode())
    play(card, "00A4020C020002 -> 9000\n00B0810004 -> *9000")
    play(card, f"{SELECT} -> 9000\n00B0810004 -> *9000")
    play(card, f"00A4040C0AD3921000310001010401 -> 9000\n{SELECT} -> 9000\n00B0810004 -> 6982")


@pytest.mark.parametrize("name", ["mynumber", "mynumber-air"])
def test_a_warm_reset_keeps_a_password_through_the_air_only(name: str) -> None:
    card = selected(WORLDS[name])
    card.transmit(verifying(SIGNATURE).encode())
    card.reset()
    play(card, f"{SELECT} -> 9000\n00B0810004 -> {'*9000' if name.endswith('air') else '6982'}")
    card.transmit(verifying(SIGNATURE).encode())
    card.power_off()
    card.power_on()
    play(card, f"{SELECT} -> 9000\n00B0810004 -> 6982")
