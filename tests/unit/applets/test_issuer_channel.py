"""The secure channel of the issuer domain on a card: who gets in, at which level, and who not."""

from __future__ import annotations

import dataclasses
from functools import cache
from itertools import product
from typing import Any, Final

import pytest

from jukicard import PROFILES, Card, CardKeys, issue_card
from jukicard.memory import MemorySnapshot
from jukicard.profiles.order import ProfileError
from jukicard.runtime.boundary import raise_bug
from tests.support.naive.scp03_host import TEST_KEYS, Host, derive
from tests.support.published.transcript import send
from tests.support.published.vectors import load

ISSUER: Final = bytes.fromhex("A0000001510000")
PARTITION: Final = "application A0000001510000"
SELECT_ISSUER: Final = "00A4040C07A0000001510000"
SELECT_JUKI: Final = "00A4040C0AD3921000310001010401"
NUMBER: Final = "00CA005A00"
LEVELS: Final = (0x01, 0x03, 0x11, 0x13, 0x33)
KEYS: Final = {
    size: tuple(bytes(range(n, n + size)) for n in (16, 80, 144)) for size in (16, 24, 32)
}


@cache
def _snapshot(profile: str, variant: int, keys: tuple[bytes, ...]) -> MemorySnapshot:
    chosen = dataclasses.replace(PROFILES[profile], secure_channel=variant)
    return issue_card(chosen, seed=1, keys=CardKeys(issuer=keys), on_bug=raise_bug).snapshot()


def fresh(
    profile: str = "juki-v1", variant: int = 0x70, keys: tuple[bytes, ...] = TEST_KEYS
) -> Card:
    card = Card.restore(_snapshot(profile, variant, keys), on_bug=raise_bug)
    card.power_on()
    return card


def host(card: Card, **changes: Any) -> Host:
    return Host(card.transmit, **changes)


# -- who gets in ----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("variant", [0x60, 0x70, 0x71])
@pytest.mark.parametrize("size", KEYS)
def test_every_level_and_length_opens(level: int, variant: int, size: int) -> None:
    card = fresh(variant=variant, keys=KEYS[size])
    plain = send(card, NUMBER)
    opened = host(card, keys=KEYS[size], level=level, size=16 if variant == 0x71 else 8).open()
    for _ in range(3):
        assert opened.send(NUMBER) == plain
        assert opened.send("80CA006600")[-4:] == "9000"
    assert opened.send("00CA00C100") == "6A88", "a refusal is a status word alone"
    assert opened.send(NUMBER) == plain, "and the session goes on"


@pytest.mark.parametrize("profile", PROFILES)
def test_synthetic_cards_open_with_the_well_known_keys(profile: str) -> None:
    card = fresh(profile)
    assert host(card).open().send(NUMBER)[-4:] == "9000"
    said = dict(next(iter(card.applications)).description)
    assert said["secure channel"] == "SCP03, i = 70"
    assert "anybody" in said["keys 01"]


def test_keys_of_ones_own_are_secret() -> None:
    card = fresh(keys=KEYS[32])
    said = dict(next(iter(card.applications)).description)
    assert said["keys 01"] == "AES-256, secret"
    assert KEYS[32][0].hex() not in repr((said, CardKeys(issuer=KEYS[32]))).lower()
    refused = host(card)
    with pytest.raises(AssertionError):
        refused.initialize()


@pytest.mark.parametrize("variant", [0x60, 0x70, 0x71])
def test_the_recognition_data_say_which(variant: int) -> None:
    card = fresh(variant=variant)
    assert send(card, "00CA006600").endswith(f"0403{variant:02X}9000")
    opened = host(card, size=16 if variant == 0x71 else 8).open()
    assert opened.answer[10:13] == bytes((1, 3, variant))
    assert opened.answer[:10] == b"\0\0" + bytes.fromhex(send(card, NUMBER))[2:10]


def test_a_challenge_is_counted_and_never_comes_twice() -> None:
    card = fresh()
    for count in range(1, 5):
        asked = host(card)
        assert asked.initialize() == b"\x90\0"
        counter = asked.answer[29:]
        assert counter == count.to_bytes(3)
        assert asked.answer[13:21] == derive(TEST_KEYS[0], 2, 64, counter + ISSUER)
        card.power_off()
        card.power_on()


def test_a_drawn_challenge_has_no_counter() -> None:
    card = fresh(variant=0x60)
    drawn = set()
    for _ in range(4):
        asked = host(card)
        asked.initialize()
        assert len(asked.answer) == 29
        drawn.add(asked.answer[13:21])
    assert len(drawn) == 4


def test_a_counter_at_its_end_opens_nothing() -> None:
    card = fresh()
    with card.environment.memory.transaction():
        card.environment.memory.partition(PARTITION).put("counter", b"\xff\xff\xfe")
    assert host(card).open().counter == 0
    assert host(card).initialize().hex() == "6985"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("8050000007 01020304050607 00", "6700"),
        ("8050000010 000102030405060708090A0B0C0D0E0F 00", "6700"),
        ("80500000", "6700"),
        ("8050000108 0102030405060708 00", "6A86"),
        ("8050020008 0102030405060708 00", "6A88"),
        ("8050FF0008 0102030405060708 00", "6A88"),
        ("9050000008 0102030405060708 00", "6884"),
        ("0050000008 0102030405060708 00", "6D00"),
        ("8450000008 0102030405060708 00", "6882"),
        ("8082330010" + "00" * 16, "6985"),
        ("8482330010" + "00" * 16, "6882"),
    ],
)
def test_what_asks_for_no_session(command: str, status: str) -> None:
    assert send(fresh(), command) == status


def test_a_profile_or_keys_that_cannot_be() -> None:
    chosen = dataclasses.replace(PROFILES["juki-v1"], secure_channel=0x10)
    with pytest.raises(ProfileError, match="i = 60, 70 or 71"):
        issue_card(chosen, seed=1)
    for keys in ((), TEST_KEYS[:2], (*TEST_KEYS[:2], bytes(24)), (bytes(8),) * 3):
        with pytest.raises(ProfileError, match="of one length: 16, 24 or 32 bytes"):
            issue_card("juki-v1", seed=1, keys=CardKeys(issuer=keys))


# -- who does not ---------------------------------------------------------------------------------


def wrong_proofs(asked: Host) -> list[bytes]:
    right = asked.external()
    flipped = [
        right[:at] + bytes((right[at] ^ 1,)) + right[at + 1 :] for at in range(5, len(right))
    ]
    other_levels = [right[:2] + bytes((level,)) + right[3:] for level in LEVELS if level != 0x33]
    lengths = [right[:4] + b"\x08" + right[5:13], right[:4] + b"\x11" + right[5:] + b"\0"]
    return [*flipped, *other_levels, *lengths]


def test_a_wrong_proof_is_refused_in_one_way_and_closes() -> None:
    card = fresh()
    asked = host(card)
    asked.initialize()
    count = len(wrong_proofs(asked))
    assert count == 22
    for number in range(count):
        asked = host(card)
        asked.initialize()
        right = asked.external()
        assert card.transmit(wrong_proofs(asked)[number]).hex() == "6300", number
        assert card.transmit(right).hex() == "6882", "the right one comes too late"
    assert host(card).open().send(NUMBER)[-4:] == "9000", "and nobody is locked out"


@pytest.mark.parametrize("level", sorted({*range(256)} - {*LEVELS}))
def test_a_level_that_there_is_not(level: int) -> None:
    card = fresh()
    asked = host(card, level=level)
    asked.initialize()
    assert card.transmit(asked.external()).hex() == "6a86"
    asked.level = 0x33
    assert card.transmit(asked.external()).hex() == "6882"


@pytest.mark.parametrize("between", [NUMBER, "80CA006600", SELECT_ISSUER, "00C0000000"])
def test_the_proof_comes_right_behind_its_challenge(between: str) -> None:
    card = fresh()
    asked = host(card)
    asked.initialize()
    send(card, between)
    assert card.transmit(asked.external()).hex() == "6882"


def test_a_recorded_opening_opens_nothing_again() -> None:
    card = fresh()
    first = host(card).open()
    recorded = first.external()
    for start in ("session", "initialize", "power"):
        if start == "initialize":
            host(card).initialize()
        if start == "power":
            card.power_on()
        expected = {"session": "6982", "initialize": "6300", "power": "6882"}[start]
        assert card.transmit(recorded).hex() == expected, start


def test_keys_of_another_version_prove_nothing() -> None:
    card = fresh()
    with card.environment.memory.transaction():
        memory = card.environment.memory.partition(PARTITION)
        memory.put("keys/02", b"".join(KEYS[16]))
    assert host(card, keys=KEYS[16], version=2).open().answer[10] == 2
    assert host(card).open().answer[10] == 1, "0 is the lowest version"
    mixed = host(card, version=1)
    mixed.initialize()
    second = host(card, keys=KEYS[16], version=2)
    second.initialize()
    assert card.transmit(mixed.external()).hex() == "6300"


def test_scp02_is_refused() -> None:
    """The published session of the protocol before: its keys, its proof and its commands."""
    steps = load("securemessaging/gp_scp02")["steps"]
    keys = tuple(bytes.fromhex(steps[key]) for key in ("k_enc", "k_mac", "k_dek"))
    asked = bytes.fromhex(steps["initialize_update_capdu"])
    assert bytes.fromhex(steps["initialize_update_rdata"])[11] == 2, "it says that it is SCP02"
    card = fresh(keys=keys)
    assert card.transmit(asked).hex() == "6a88", "it asks for keys of version 32"
    answer = card.transmit(asked[:2] + b"\0" + asked[3:])
    assert answer[10:13].hex() == "010370", "the card says SCP03"
    assert card.transmit(bytes.fromhex(steps["external_authenticate_capdu"])).hex() == "6300"
    for exchange in steps["exchanges"]:
        assert send(card, exchange["capdu_protected"]) == "6882"
        assert send(card, exchange["capdu_plain"])[-4:] != "6882"


# -- in a session ---------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_a_command_that_is_not_authentic_closes(level: int) -> None:
    card = fresh()
    right = host(card, level=level).open().wrap(NUMBER)
    for at in [*range(1, 4), *range(5, len(right) - 1)]:
        opened = host(card, level=level).open()
        right = opened.wrap(NUMBER)
        wrong = right[:at] + bytes((right[at] ^ 1,)) + right[at + 1 :]
        assert card.transmit(wrong).hex() == "6982"
        assert card.transmit(right).hex() == "6882"


def test_replayed_swapped_dropped_and_short_commands_close() -> None:
    card = fresh()
    for how in ("replayed", "swapped", "dropped", "short", "of another kind"):
        opened = host(card).open()
        first, second = opened.wrap(NUMBER), opened.wrap("00CA006600")
        if how == "replayed":
            card.transmit(first)
        wrong = {"replayed": first, "short": first[:4] + b"\4" + first[5:9]}.get(how, second)
        if how == "of another kind":
            wrong = b"\x0c" + second[1:]
        assert card.transmit(wrong).hex() == "6982", how
        assert card.transmit(second).hex() == "6882", how


def test_less_than_the_level_closes() -> None:
    """A session of level 33 takes no command that is only under a MAC."""
    card = fresh()
    opened = host(card).open()
    opened.level = 0x11
    assert card.transmit(opened.wrap("80E2000004 01020304")).hex() == "6982"
    opened = host(card).open()
    assert send(card, NUMBER)[-4:] == "9000", "a plain command is a stranger's"
    assert card.transmit(opened.wrap(NUMBER)).hex() == "6882", "and ends the session"


@pytest.mark.parametrize("how", ["select", "reset", "power", "new"])
def test_what_else_ends_a_session(how: str) -> None:
    card = fresh()
    opened = host(card).open()
    if how == "select":
        assert opened.send(SELECT_JUKI) == "9000"
        send(card, SELECT_ISSUER)
    elif how == "reset":
        card.reset()
    elif how == "power":
        card.power_off()
        card.power_on()
    else:
        host(card).initialize()
    expected = "6982" if how == "new" else "6882"
    assert card.transmit(opened.wrap(NUMBER)).hex() == expected


@pytest.mark.parametrize("number", [1, 3])
def test_a_session_belongs_to_its_channel(number: int) -> None:
    card = fresh()
    plain = send(card, NUMBER)
    send(card, f"007080{number:02X}")
    send(card, f"007000{number:02X}")
    here, there = host(card).open(), host(card, channel=number).open()
    for _ in range(2):
        assert here.send(NUMBER) == plain
        assert there.send(NUMBER) == plain
    crossed = bytearray(here.wrap(NUMBER))
    crossed[0] |= number
    assert card.transmit(bytes(crossed)).hex() == "6982"
    assert there.send(NUMBER) == "6882", "the channel that it came on has lost its session"


@pytest.mark.parametrize(("level", "size"), [*product(LEVELS, (8, 16))])
def test_a_long_answer_comes_whole(level: int, size: int) -> None:
    card = fresh("mynumber", variant=0x71 if size == 16 else 0x70)
    whole = send(card, "00CA7F21000000")
    opened = host(card, level=level, size=size).open()
    assert opened.send("00CA7F2100", extended=True) == whole
    short = opened.wrap(NUMBER)
    assert card.transmit(short[:4] + b"\0\0" + short[4:] + b"\0").hex() == "6982", "Lc counts"


# -- a card out of use ----------------------------------------------------------------------------


def change(card: Card, state: int) -> None:
    with card.environment.memory.transaction():
        card.environment.memory.partition("card").put("state", bytes((state,)))


def test_a_suspended_card_lets_the_issuer_in_and_nobody_else() -> None:
    card = fresh()
    change(card, 0x04)
    opened = host(card).open()
    assert opened.send("80CA006600")[-4:] == "9000"
    assert opened.send("80CA008A00") == "8A01049000"
    assert opened.send("80E2000004 01020304") == "6985"
    for aid in ("0AD3921000310001010401", "0AD392F000260100000001"):
        assert send(card, f"00A4040C{aid}") == "6283"
        assert send(card, "8050000008 0102030405060708 00") == "6985"


def test_an_ended_card_lets_nobody_in() -> None:
    card = fresh()
    change(card, 0x0C)
    assert send(card, "8050000008 0102030405060708 00") == "6985"
    assert send(card, "80CA008A00") == "8A010C9000"
