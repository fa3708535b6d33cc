"""docs/attacks.md: attacks 2, 3, 6, 7 and 12 to 15, on keys, challenges and counters.

The number in a test's name is that of the attack.
"""

from __future__ import annotations

import dataclasses
import hmac
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jukicard import Card, CardKeys, ProfileError, issue_card
from jukicard.apdu import CommandApdu, ResponseApdu
from jukicard.crypto.symmetric import AesKey
from jukicard.environment import SeededRandom
from jukicard.kit.features.keys import Keys
from jukicard.kit.keys import KeyPair as CardKeyPair, WeakKeyError
from jukicard.memory import PersistentMemory, PowerLoss, RamBackend
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.options import CardOptions
from jukicard.securemessaging.suites import Suite
from jukicard.testing.faults import FaultyBackend
from tests.support.cards.juki_desk import PIN, READ_CODE, READ_DATA, VERIFY, Desk, desk, issued
from tests.support.naive.sm_reader import des_cbc, pad, retail_mac
from tests.support.naive.terminal import (
    ISSUER,
    JUKI,
    K_IFD,
    PURPOSES,
    RND_IFD,
    WRONG_KEYS,
    KeyPair,
    NaiveTerminal,
    keys_of,
)

ROOT = Path(__file__).parents[3]
JPKI = bytes.fromhex("D392F000260100000001")


def applet_of(card: Card, aid: bytes = JUKI) -> Keys[Any]:
    application = card.applications.get(aid)
    assert application is not None
    applet = application.applet
    assert isinstance(applet, Keys)
    return applet


def authenticate(card: Card, reference: int, message: bytes) -> ResponseApdu:
    command = CommandApdu(0x00, 0x82, 0, 0x80 | reference, message, 40)
    return ResponseApdu.parse(card.transmit(command.encode()))


# -- 2: what a refusal tells -----------------------------------------------------------------------


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the card uses its cipher, by operation."""
    counted: Counter[str] = Counter()
    for name in ("encrypt_cbc", "decrypt_cbc", "encrypt_ecb", "cmac"):
        original = getattr(AesKey, name)

        def counting(*args: object, _name: str = name, _original: object = original) -> object:
            counted[_name] += 1
            return _original(*args)  # type: ignore[operator]

        monkeypatch.setattr(AesKey, name, counting)
    return counted


def test_2_no_refusal_tells_why(there: Desk, operations: Counter[str]) -> None:
    """An old message of the right key, one of another card, random bytes: all alike.

    Who can tell them apart can trace a card whose message was once overheard.
    """
    card = there.card
    keys = keys_of(there.terminal.card_number, PURPOSES[1])
    overheard = keys.message(there.terminal.get_challenge().data)
    assert authenticate(card, 1, overheard).status == 0x9000
    there.terminal.select(JUKI)
    right = bytearray(overheard)
    right[-1] ^= 1
    messages = {
        "overheard": overheard,
        "its MAC changed": bytes(right),
        "another card's": keys_of(bytes(8), PURPOSES[1]).message(bytes(8)),
        "random": SeededRandom("noise").take(40),
        "zeros": bytes(40),
    }
    seen = {}
    for name, message in messages.items():
        applet = applet_of(card)
        ef, _ = applet.keys.find(1)
        with card.environment.memory.transaction():
            applet.files.partition.put(f"tries/{ef.path}", b"\x0f")
        there.terminal.get_challenge()
        operations.clear()
        answer = authenticate(card, 1, message)
        seen[name] = (answer.status, answer.data, applet.keys.tries_left(ef), dict(operations))
    alike = (0x63CE, b"", 14, {"cmac": 1, "decrypt_cbc": 1})
    assert seen == dict.fromkeys(messages, alike)


# -- 3: keys of low entropy ------------------------------------------------------------------------

GOOD = SeededRandom("a good key").take(16)
WEAK = {
    "one byte repeated": bytes(16),
    "two bytes repeated": b"\x13\x37" * 8,
    "printed on the card": b"0123456789012345",
    "a name and a date": b"Yamada 19800217!",
}


@pytest.mark.parametrize("name", WEAK)
@pytest.mark.parametrize("place", ["K.ENC", "K.MAC"])
def test_3_weak_keys_are_not_personalised(there: Desk, name: str, place: str) -> None:
    pair = (WEAK[name], GOOD) if place == "K.ENC" else (GOOD, WEAK[name])
    keys = applet_of(there.card).keys
    ef, _ = keys.find(1)
    with pytest.raises(WeakKeyError), there.card.environment.memory.transaction():
        keys.set_value(ef, CardKeyPair(Suite.AES128, 1, *pair))


@pytest.mark.parametrize("name", WEAK)
def test_3_a_weak_master_issues_no_card(name: str) -> None:
    with pytest.raises(ProfileError, match=r"random key|printed data") as refused:
        issue_card(seed=1, keys=CardKeys(masters={"COUNTER": WEAK[name]}))
    assert WEAK[name].hex() not in str(refused.value).lower()


def test_3_the_two_keys_of_a_pair_differ(there: Desk) -> None:
    keys = applet_of(there.card).keys
    ef, _ = keys.find(1)
    with pytest.raises(WeakKeyError), there.card.environment.memory.transaction():
        keys.set_value(ef, CardKeyPair(Suite.AES128, 1, GOOD, GOOD))


def test_3_every_key_in_a_card_is_its_own() -> None:
    """Diversified by card, application and purpose: none comes twice, none is a master."""
    found = []
    for seed in range(3):
        card = issue_card(seed=seed)
        for application in card.applications:
            applet = application.applet
            if isinstance(applet, Keys):
                for ef in applet.keys.references().values():
                    raw = applet.files.partition.get(ef.content_key)
                    if raw is not None:
                        pair = CardKeyPair.from_bytes(raw)
                        found += [pair.enc, pair.mac]
    assert len(found) >= 3 * 2 * 5
    assert len(set(found)) == len(found)


# -- 6: suites -------------------------------------------------------------------------------------


def _des_message(challenge: bytes) -> bytes:
    cryptogram = des_cbc(GOOD, RND_IFD + challenge + K_IFD)
    return cryptogram + retail_mac(GOOD[::-1], pad(cryptogram, 8))


def _with_key_for(suite: Suite, *, triple_des: bool) -> Desk:
    def options(given: CardOptions) -> CardOptions:
        return dataclasses.replace(given, triple_des=triple_des)

    there = desk(issued(options=options))
    applet = applet_of(there.card)
    ef, _ = applet.keys.find(1)
    with there.card.environment.memory.transaction():
        applet.keys.set_value(ef, CardKeyPair(suite, 1, GOOD, GOOD[::-1]))
    return there


def test_6_triple_des_is_off_unless_the_card_was_made_for_it() -> None:
    assert CardOptions(atr=b"\x3b\x00").triple_des is False
    there = _with_key_for(Suite.TRIPLE_DES, triple_des=False)
    challenge = there.terminal.get_challenge().data
    assert authenticate(there.card, 1, _des_message(challenge)).status == 0x6984


@pytest.mark.parametrize("suite", [Suite.TRIPLE_DES, Suite.AES128])
def test_6_a_key_is_for_its_suite_only(suite: Suite) -> None:
    """The same 16 bytes, as triple DES and as AES: the key object says which, nobody else."""
    there = _with_key_for(suite, triple_des=True)
    pair = KeyPair(GOOD, GOOD[::-1])
    for made_for in (Suite.TRIPLE_DES, Suite.AES128):
        challenge = there.terminal.get_challenge().data
        message = (
            _des_message(challenge) if made_for is Suite.TRIPLE_DES else pair.message(challenge)
        )
        status = authenticate(there.card, 1, message).status
        assert status == (0x9000 if made_for is suite else 0x63CE)


def test_6_no_other_byte_names_a_key(there: Desk) -> None:
    """MANAGE SECURITY ENVIRONMENT with each of 256 references: five keys, by two names each."""
    for byte in range(256):
        command = CommandApdu(0x00, 0x22, 0xC1, 0xA4, bytes((0x83, 1, byte)))
        known = byte & 0x60 == 0 and byte & 0x1F in PURPOSES
        wanted = 0x9000 if known else 0x6A80 if byte & 0x60 else 0x6A88
        assert there.terminal.plain(command).status == wanted, f"{byte:02X}"


# -- 7: across applications ------------------------------------------------------------------------


def test_7_the_key_of_one_application_opens_no_other(there: Desk) -> None:
    """The same system, the same card, the same reference: each application has its own key."""
    assert there.terminal.select(JPKI).status == 0x9000
    there.terminal.get_challenge()
    keys = keys_of(there.terminal.card_number, PURPOSES[4], JUKI)
    assert there.terminal.mutual_authenticate(keys, 0x84).status == 0x63CE
    there.terminal.get_challenge()
    keys = keys_of(there.terminal.card_number, PURPOSES[4], JPKI)
    assert there.terminal.mutual_authenticate(keys, 0x84).status == 0x9000


LEAVING = {
    "another application": bytes.fromhex("00A4040C0A") + JPKI,
    "the issuer domain": bytes.fromhex("00A4040C07") + ISSUER,
}


@pytest.mark.parametrize("name", LEAVING)
@pytest.mark.parametrize("back", [False, True])
def test_7_what_was_proven_ends_with_the_application(there: Desk, name: str, back: bool) -> None:
    there.read_code()
    assert there.card.transmit(LEAVING[name])[-2:] == b"\x90\x00"
    if back:
        there.terminal.select(JUKI)
    for command in (READ_CODE, READ_DATA):
        status = there.terminal.plain(command).status
        assert status == 0x6982 if back else status.is_error
        there.terminal.sessions.clear()
        assert there.terminal.protected(command).status == 0x6988


@pytest.mark.parametrize("contactless", [False, True])
@pytest.mark.parametrize("how", ["reset", "power_on"])
def test_7_what_systems_proved_ends_with_a_reset(how: str, contactless: bool) -> None:
    """Over the air a warm reset keeps a verified PIN, as real cards do, and no right."""
    there = desk(issued(contactless=contactless))
    there.read_code()
    getattr(there.card, how)()
    there.card.transmit(bytes.fromhex("00A4040C0A") + JUKI)
    for command in (READ_CODE, READ_DATA):
        assert there.terminal.plain(command).status == 0x6982
        assert there.terminal.protected(command).status == 0x6988


def test_7_what_was_proven_on_one_channel_is_not_on_the_other(there: Desk) -> None:
    there.card.transmit(bytes.fromhex("0070000001"))
    there.terminal.select(JUKI, 1)
    there.read_code()
    there.terminal.authenticate(1, channel=1)
    elsewhere = CommandApdu(0x01, 0xB2, 0x01, 0x14, ne=256)
    assert there.terminal.protected(elsewhere).status == 0x6982, "its PIN was not typed here"
    assert there.terminal.protected(READ_CODE).status == 0x9000


# -- 12: challenges --------------------------------------------------------------------------------


def test_12_only_the_newest_challenge_counts(there: Desk) -> None:
    first = there.terminal.get_challenge().data
    second = there.terminal.get_challenge().data
    assert first != second
    keys = keys_of(there.terminal.card_number, PURPOSES[1])
    assert authenticate(there.card, 1, keys.message(first)).status == 0x63CE
    assert authenticate(there.card, 1, keys.message(second)).status == 0x6985


def test_12_a_challenge_is_not_used_again_after_a_failure(there: Desk) -> None:
    challenge = there.terminal.get_challenge().data
    keys = keys_of(there.terminal.card_number, PURPOSES[1])
    assert authenticate(there.card, 1, WRONG_KEYS.message(challenge)).status == 0x63CE
    assert authenticate(there.card, 1, keys.message(challenge)).status == 0x6985


def test_12_challenges_do_not_come_again(there: Desk) -> None:
    drawn = {there.terminal.get_challenge().data for _ in range(2000)}
    assert len(drawn) == 2000
    assert {len(challenge) for challenge in drawn} == {8}


def test_12_a_challenge_of_another_length_authenticates_nobody(there: Desk) -> None:
    for size in (1, 7, 9, 16, 256):
        command = CommandApdu(0x00, 0x84, 0, 0, ne=size)
        challenge = ResponseApdu.parse(there.card.transmit(command.encode())).data
        assert len(challenge) == size
        keys = keys_of(there.terminal.card_number, PURPOSES[1])
        message = keys.message(challenge.ljust(8, b"\0")[:8])
        assert authenticate(there.card, 1, message).status == 0x6985


def test_12_two_cards_draw_different_challenges() -> None:
    drawn = set()
    for _ in range(20):
        card = issue_card()
        card.power_on()
        terminal = NaiveTerminal(card.transmit, bytes(8))
        terminal.select(JUKI)
        drawn.add(terminal.get_challenge().data)
    assert len(drawn) == 20


# -- 13: tearing -----------------------------------------------------------------------------------


def _torn(landed: bool) -> tuple[Card, FaultyBackend, bytes]:
    backend = FaultyBackend(RamBackend())
    card = issue_card(seed=1, pin=PIN.decode(), memory=PersistentMemory(backend), on_bug=raise_bug)
    card.power_on()
    number = card.transmit(bytes.fromhex("00CA005A00"))[2:10]
    NaiveTerminal(card.transmit, number).select(JUKI)
    backend.landed = landed
    return card, backend, number


@pytest.mark.parametrize("landed", [False, True])
def test_13_power_cut_at_the_keys_counter(landed: bool) -> None:
    """Between the counter's write and the verification: the try is gone, or was never made."""
    card, backend, number = _torn(landed)
    terminal = NaiveTerminal(card.transmit, number)
    terminal.get_challenge()
    backend.cut_after = backend.writes + 1
    with pytest.raises(PowerLoss):
        terminal.mutual_authenticate(keys_of(number, PURPOSES[1]), 0x81)
    backend.cut_after = None
    card.power_on()
    applet = applet_of(card)
    ef, _ = applet.keys.find(1)
    assert applet.keys.tries_left(ef) == (14 if landed else 15)
    fresh = NaiveTerminal(card.transmit, number)
    fresh.select(JUKI)
    assert fresh.plain(READ_DATA).status == 0x6982
    fresh.authenticate(1)
    assert applet.keys.tries_left(ef) == 15


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("value", [PIN, b"9999"])
def test_13_power_cut_at_the_pins_counter(landed: bool, value: bytes) -> None:
    card, backend, _ = _torn(landed)
    backend.cut_after = backend.writes + 1
    with pytest.raises(PowerLoss):
        card.transmit(VERIFY.replace(data=value).encode())
    backend.cut_after = None
    card.power_on()
    card.transmit(bytes.fromhex("00A4040C0A") + JUKI)
    assert card.transmit(bytes.fromhex("0020009C")) == (b"\x63\xc2" if landed else b"\x63\xc3")


def test_13_no_number_of_cuts_gives_a_free_guess() -> None:
    """Guessing with the power pulled after every counter write blocks the PIN as fast."""
    card, backend, _ = _torn(landed=True)
    for _ in range(3):
        backend.cut_after = backend.writes + 1
        with pytest.raises(PowerLoss):
            card.transmit(VERIFY.replace(data=b"0000").encode())
        backend.cut_after = None
        card.power_on()
        card.transmit(bytes.fromhex("00A4040C0A") + JUKI)
    assert card.transmit(VERIFY.encode()) == b"\x69\x84"


def test_13_fifteen_wrong_authentications_block_one_key(there: Desk) -> None:
    keys = {n: keys_of(there.terminal.card_number, PURPOSES[n]) for n in (1, 4)}
    for left in range(14, -1, -1):
        there.terminal.get_challenge()
        assert there.terminal.mutual_authenticate(WRONG_KEYS, 0x81).status == 0x63C0 + left
    there.terminal.get_challenge()
    assert there.terminal.mutual_authenticate(keys[1], 0x81).status == 0x6983
    there.terminal.get_challenge()
    assert there.terminal.mutual_authenticate(keys[4], 0x84).status == 0x9000


# -- 14 and 15: what is not prevented, and what is ------------------------------------------------


def test_14_the_manual_says_that_relaying_is_not_prevented(there: Desk) -> None:
    """A terminal far away behind two wires is let in like one on the desk; the manual says so."""
    wire = NaiveTerminal(lambda raw: bytes(there.card.transmit(raw)), there.terminal.card_number)
    wire.select(JUKI)
    wire.authenticate(1)
    assert wire.protected(READ_DATA).status == 0x9000
    manual = (ROOT / "docs" / "card.md").read_text("utf-8")
    assert "Relaying is not prevented by any of this." in manual


def test_15_secrets_are_compared_in_constant_time(
    there: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PIN, MAC, challenge: each goes through `hmac.compare_digest`, right or wrong."""
    compared: list[tuple[object, object]] = []

    def noted(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", noted)

    def comparisons(work: Callable[[], object]) -> int:
        compared.clear()
        work()
        return len(compared)

    there.terminal.get_challenge()
    keys = keys_of(there.terminal.card_number, PURPOSES[1])
    assert comparisons(lambda: there.terminal.mutual_authenticate(keys, 0x81)) == 3
    assert comparisons(lambda: there.terminal.protected(READ_DATA)) == 1
    assert comparisons(lambda: there.terminal.plain(VERIFY)) == 1
    assert comparisons(lambda: there.terminal.plain(VERIFY.replace(data=b"9"))) == 1
    there.terminal.get_challenge()
    assert comparisons(lambda: there.terminal.mutual_authenticate(WRONG_KEYS, 0x81)) == 3


def test_15_the_manual_claims_no_resistance_in_software() -> None:
    manual = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert "side channels and fault injection has no counterpart in software" in manual
