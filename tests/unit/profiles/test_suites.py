"""Suites of an issued card: the keys made for them, the option they need, what is refused."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from jukicard import Card, CardKeys, CardOptions, ProfileError, issue_card
from jukicard.apdu.aid import Aid
from jukicard.applets.juki.files import KEYS, PURPOSES
from jukicard.kit.keys import KeyPair, WeakKeyError
from jukicard.profiles.masters import SUITES, TEST_MASTERS, card_keys
from jukicard.runtime.card import CARD_PARTITION, OPTIONS_KEY
from jukicard.securemessaging.suites import Suite
from jukihost.keys.diversification import MASTER_BYTES, derive_card_keys
from tests.support.cards.issuing import issue
from tests.support.naive.terminal import JUKI, cmac

CARD_NUMBER = bytes.fromhex("8139200000000123")
MASTER = hashlib.sha256(b"any master").digest()
CONSTANTS = {"MA-AES128": (0x01,), "MA-AES256": (0x41, 0x42), "MA-3DES": (0x01,)}
WEAK = {
    "the same but for parity": (bytes(range(0, 32, 2)), bytes(range(1, 33, 2))),
    "single DES": (bytes(range(2, 18, 2)) * 2, bytes(range(128, 160, 2))),
    "single DES but for parity": (
        bytes(range(2, 18, 2)) + bytes(range(3, 19, 2)),
        bytes(range(128, 160, 2)),
    ),
}


def options_of(card: Card) -> CardOptions:
    raw = card.environment.memory.partition(CARD_PARTITION).get(OPTIONS_KEY)
    assert raw is not None
    return CardOptions.from_bytes(raw)


def keys_on(card: Card) -> dict[str, KeyPair]:
    """The pairs of the Juki application, by purpose."""
    partition = card.environment.memory.partition("application D3921000310001010401")
    found = {
        purpose: partition.get(f"content/{KEYS + reference:04X}")
        for reference, purpose in PURPOSES.items()
    }
    return {purpose: KeyPair.from_bytes(raw) for purpose, raw in found.items() if raw}


@pytest.mark.parametrize("name", SUITES)
def test_both_sides_derive_the_same_keys(name: str) -> None:
    master = MASTER[: MASTER_BYTES[name]]
    ours = card_keys(master, CARD_NUMBER, JUKI, 7, SUITES[name])
    theirs = derive_card_keys(name, master, CARD_NUMBER, JUKI, 7)
    assert (ours.enc, ours.mac) == (theirs.k_enc, theirs.k_mac)
    assert f"MA-{ours.suite.value}" == theirs.suite == name


@pytest.mark.parametrize("name", CONSTANTS)
def test_they_are_those_of_the_application_note(name: str) -> None:
    """NXP AN10922: with more than 16 bytes of input it is a plain CMAC; parity by FIPS 46-3."""
    master = MASTER[: MASTER_BYTES[name]]
    pair = card_keys(master, CARD_NUMBER, JUKI, 7, SUITES[name])
    for key, use in ((pair.enc, 1), (pair.mac, 2)):
        base = CARD_NUMBER + JUKI + bytes((7, use))
        plain = b"".join(cmac(master, bytes((c,)) + base) for c in CONSTANTS[name])
        if name != "MA-3DES":
            assert key == plain
            continue
        assert key != plain
        assert [byte >> 1 for byte in key] == [byte >> 1 for byte in plain]
        assert all(byte.bit_count() % 2 for byte in key)


@pytest.mark.parametrize("name", SUITES)
def test_a_master_of_another_length(name: str) -> None:
    for size in {8, 16, 24, 32} - {MASTER_BYTES[name]}:
        with pytest.raises(ValueError, match=f"{MASTER_BYTES[name]} bytes"):
            card_keys(MASTER[:size], CARD_NUMBER, JUKI, 1, SUITES[name])


@pytest.mark.parametrize("name", WEAK)
def test_weak_triple_des_keys(name: str) -> None:
    """Equal for the cipher is equal; as AES keys the same bytes are two good ones."""
    enc, mac = WEAK[name]
    KeyPair(Suite.AES128, 1, enc, mac).check()
    for pair in ((enc, mac), (mac, enc)):
        with pytest.raises(WeakKeyError):
            KeyPair(Suite.TRIPLE_DES, 1, *pair).check()


@pytest.mark.parametrize("name", SUITES)
def test_issued_for_a_suite(name: str) -> None:
    card = issue_card("mynumber", seed=1, keys=CardKeys(suites=name))
    assert {pair.suite for pair in keys_on(card).values()} == {SUITES[name]}
    assert len(keys_on(card)) == len(PURPOSES)
    assert options_of(card).triple_des is (name == "MA-3DES")


def test_the_default_is_the_one_it_always_was() -> None:
    plain, named = issue_card(seed=1), issue_card(seed=1, keys=CardKeys(suites="MA-AES128"))
    assert plain.snapshot().export_with_keys() == named.snapshot().export_with_keys()
    assert not options_of(plain).triple_des


def test_by_purpose_and_by_the_masters_length() -> None:
    masters = {**TEST_MASTERS, "COUNTER": MASTER, "SUSPEND": MASTER[8:]}
    card = issue_card(seed=1, keys=CardKeys(masters=masters, suites={"MOVE_IN": "MA-3DES"}))
    wanted = {
        "COUNTER": Suite.AES256, "SUSPEND": Suite.AES192, "MOVE_IN": Suite.TRIPLE_DES,
        "RESIDENT_IDENTIFICATION": Suite.AES128, "WIDE_AREA_ISSUANCE": Suite.AES128,
    }  # fmt: skip
    assert {purpose: pair.suite for purpose, pair in keys_on(card).items()} == wanted
    assert options_of(card).triple_des
    for purpose, pair in keys_on(card).items():
        number = card.environment.memory.partition(f"application {Aid(JUKI)}").get("object//5A")
        assert number is not None
        assert pair == card_keys(masters[purpose], number, JUKI, 1, wanted[purpose])


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"suites": "MA-DES"}, "no suite 'MA-DES'; there is MA-AES128, MA-AES192, MA-AES256"),
        ({"suites": {"COUNTER": "AES"}}, "no suite 'AES'"),
        ({"suites": {"LIBRARY": "MA-AES128"}}, "'LIBRARY', which has no master"),
        ({"suites": {"SUSPEND": "MA-3DES"}, "masters": {"COUNTER": MASTER}}, "no master"),
        ({"suites": "MA-AES128", "masters": {"COUNTER": MASTER}}, "16 bytes; that of COUNTER"),
        ({"suites": "MA-3DES", "masters": {"COUNTER": MASTER[:24]}}, "MA-3DES takes .* 16 bytes"),
        ({"masters": {"COUNTER": MASTER[:20]}, "suites": "MA-3DES"}, "16, 24 or 32 bytes"),
    ],
)
def test_what_cannot_be(given: dict[str, object], why: str) -> None:
    with pytest.raises(ProfileError, match=why):
        issue(seed=1, **given)


@pytest.mark.parametrize("suites", ["MA-3DES", {"SUSPEND": "MA-3DES"}])
def test_a_contradiction(suites: object) -> None:
    def off(given: CardOptions) -> CardOptions:
        return dataclasses.replace(given, triple_des=False)

    with pytest.raises(ProfileError, match="MA-3DES are of no use on a card with triple_des off"):
        issue_card(seed=1, options=off, keys=CardKeys(suites=suites))  # type: ignore[arg-type]
    issue_card(seed=1, options=off, keys=CardKeys(suites="MA-AES256"))


def test_printed_masters_are_found_in_every_suite() -> None:
    """What is printed on a card makes no master, whatever it is for."""
    printed = hashlib.sha256(b"13221").digest()
    for suite, size in MASTER_BYTES.items():
        given = {"masters": {"COUNTER": printed[:size]}, "suites": suite}
        with pytest.raises(ProfileError, match="printed on the card"):
            issue(seed=1, municipality="13221", **given)
