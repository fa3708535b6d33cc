"""What the issuer does with keys: the domain's own, and those of the systems of applications."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jukicard import Card, CardKeys, issue_card
from jukicard.apdu import CommandApdu
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.issuer_desk import (
    ISSUED,
    ISSUER,
    K_ENC,
    K_MAC,
    NEW_KEYS,
    POINTS,
    apdu,
    contents,
    delete,
    install,
    put_key,
    session,
)
from tests.support.naive.scp03_host import TEST_KEYS, Host, check_value
from tests.support.naive.terminal import JUKI, KeyPair, NaiveTerminal
from tests.support.published.transcript import send


@pytest.fixture
def card() -> Card:
    made = Card.restore(ISSUED, on_bug=raise_bug)
    made.power_on()
    return made


# -- keys of the domain ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [16, 24, 32])
def test_keys_are_added_replaced_and_removed(card: Card, size: int) -> None:
    keys = tuple(bytes(range(n, n + size)) for n in (1, 65, 129))
    host = session(card)
    answer = host.send(put_key(host, keys, 0x30))
    assert answer == "30" + b"".join(map(check_value, keys)).hex().upper() + "9000"
    assert host.send("80CA00E000")[-4:] == "9000", "adding keys ends nothing"
    assert send(card, "00CA00E000").count("C004") == 6
    assert session(card, keys=keys, version=0x30).send("80CA005A00")[-4:] == "9000"
    host = session(card, keys=keys, version=0x30)
    assert host.send(put_key(host, NEW_KEYS, 0x31, old=1)).startswith("31")
    assert host.send("80CA005A00")[-4:] == "9000", "it came from other keys"
    assert send(card, "8050010008010203040506070800") == "6A88"
    assert session(card, keys=keys).answer[10] == 0x30, "now the lowest"
    host = session(card, keys=NEW_KEYS, version=0x31)
    assert host.send("80E4000003D20130") == "009000"
    assert host.send("80E4000003D20131") == "6985", "the last"
    assert send(card, "00CA00E000") == "E012C00401318810C00402318810C004033188109000"


def test_a_session_ends_with_the_keys_that_it_came_from(card: Card) -> None:
    send(card, "0070000001")
    here, there = session(card), Host(card.transmit, channel=1).open()
    assert here.send(put_key(here, NEW_KEYS, 1, old=1))[-4:] == "9000", "this is answered still"
    assert card.transmit(here.wrap("80CA005A00")).hex() == "6882"
    assert card.transmit(there.wrap("80CA005A00")).hex() == "6882"
    host = session(card, keys=NEW_KEYS)
    assert host.answer[29:] == b"\0\0\3", "the counter goes on"
    with pytest.raises(AssertionError):
        session(card)


@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_a_session_that_was_asked_for_from_old_keys_is_not_opened(card: Card, how: str) -> None:
    send(card, "0070000001")
    here, there = session(card), Host(card.transmit, channel=1)
    here.send(put_key(here, NEW_KEYS, 2))
    assert there.initialize() == b"\x90\0"
    sent = put_key(here, NEW_KEYS, 1, old=1) if how == "replaced" else "80E4000003D20101"
    assert here.send(sent)[-4:] == "9000"
    assert card.transmit(there.external()).hex() == "6882"


@pytest.mark.parametrize("how", ["check", "type", "length", "cut", "two", "mixed", "one"])
def test_keys_that_are_none(card: Card, how: str) -> None:
    host = session(card)
    blocks = [host.key_block(key) for key in NEW_KEYS]
    if how == "mixed":
        blocks[1] = host.key_block(bytes(range(32)))
    data = bytearray(b"\2" + b"".join(blocks[: {"two": 2, "one": 1}.get(how, 3)]))
    if how == "check":
        data[-1] ^= 1
    if how in ("type", "length"):
        data[1 if how == "type" else 3] ^= 0x08
    before = contents(card)
    sent = apdu(0xD8, 0, 0x81, bytes(data[:-1] if how == "cut" else data))
    assert host.send(sent) == "6A80", card.last_refusal
    assert contents(card) == before


def test_keys_and_versions_that_do_not_fit(card: Card) -> None:
    host = session(card)
    assert host.send(put_key(host, NEW_KEYS, 1)) == "6985", "it is there: replace it"
    assert host.send(put_key(host, NEW_KEYS, 1, old=2)) == "6A88"
    assert host.send(put_key(host, NEW_KEYS, 2, first=2)) == "6A80"
    for version in range(2, 9):
        assert host.send(put_key(host, NEW_KEYS, version))[-4:] == "9000"
    assert host.send(put_key(host, NEW_KEYS, 9)) == "6A84"
    assert host.send(put_key(host, NEW_KEYS, 9, old=8))[-4:] == "9000"
    assert host.send(put_key(host, NEW_KEYS, 2, old=9)) == "6985"


def test_the_older_form_of_a_key_is_understood(card: Card) -> None:
    """88, the length of what is encrypted, without the key's own length before it."""
    host = session(card)
    blocks = [host.key_block(key) for key in NEW_KEYS]
    older = [one[:1] + b"\x10" + one[3:] for one in blocks]
    assert host.send(apdu(0xD8, 0, 0x81, b"\2" + b"".join(older)))[-4:] == "9000"
    assert session(card, keys=NEW_KEYS, version=2).answer[10] == 2


# -- the sequence counter -------------------------------------------------------------------------


def _again(card: Card) -> None:
    host = session(card)
    host.send(put_key(host, TEST_KEYS, 1, old=1))


def _removed_and_added(card: Card) -> None:
    host = session(card)
    host.send(put_key(host, NEW_KEYS, 2))
    host = session(card, keys=NEW_KEYS, version=2)
    assert host.send("80E4000003D20101") == "009000"
    host.send(put_key(host, TEST_KEYS, 1))


def _back(card: Card) -> None:
    host = session(card)
    host.send(put_key(host, NEW_KEYS, 1, old=1))
    host = session(card, keys=NEW_KEYS)
    host.send(put_key(host, TEST_KEYS, 1, old=1))


def _under_another_version(card: Card) -> None:
    host = session(card)
    host.send(put_key(host, TEST_KEYS, 2))


@pytest.mark.parametrize(
    ("change", "version"),
    [(_again, 0), (_removed_and_added, 0), (_back, 0), (_under_another_version, 2)],
)
def test_a_recorded_session_is_over_whatever_becomes_of_its_keys(
    card: Card, change: Callable[[Card], None], version: int
) -> None:
    recorded: list[tuple[bytes, bytes]] = []

    def record(raw: bytes) -> bytes:
        recorded.append((raw, card.transmit(raw)))
        return recorded[-1][1]

    session(card)
    assert Host(record).open().send(install()) == "009000"
    assert session(card).send(delete(POINTS)) == "009000"
    change(card)
    (first, answer), proof, order = recorded
    before = contents(card)
    for _ in range(8):  # as many openings as bring a counter that began anew past the recorded one
        told = card.transmit(first[:2] + bytes((version,)) + first[3:])
        assert told[-2:] == b"\x90\0"
        assert told[13:21] != answer[13:21], "a challenge came twice"
        assert card.transmit(proof[0]).hex() == "6300"
        assert card.transmit(order[0]).hex() == "6882"
    assert contents(card) == before


def test_a_card_of_before_goes_on_from_the_highest_of_its_counters(card: Card) -> None:
    """Each key set had a counter of its own."""
    host = session(card)
    host.send(put_key(host, NEW_KEYS, 2))
    with card.environment.memory.transaction():
        kept = card.environment.memory.partition(f"application {ISSUER}")
        kept.delete("counter")
        kept.put("counter/01", b"\0\1\5")
        kept.put("counter/02", b"\0\1\x0a")
    older = Card.restore(card.snapshot(), on_bug=raise_bug)
    older.power_on()
    assert session(older).answer[29:] == b"\0\1\x0b"
    assert session(older, keys=NEW_KEYS, version=2).answer[29:] == b"\0\1\x0c"


# -- keys of systems ------------------------------------------------------------------------------


def terminal_for(card: Card) -> NaiveTerminal:
    number = bytes.fromhex(send(card, "00CA005A00"))[2:10]
    terminal = NaiveTerminal(card.transmit, number)
    terminal.select(JUKI)
    return terminal


def authenticates(card: Card, keys: tuple[bytes, bytes], reference: int) -> int:
    terminal = terminal_for(card)
    assert terminal.get_challenge(0).status == 0x9000
    return terminal.mutual_authenticate(KeyPair(*keys), 0x80 | reference, 0).status


def test_a_systems_keys_are_replaced_and_its_sessions_end(card: Card) -> None:
    send(card, "0070000001")
    there = terminal_for(card)
    there.authenticate(4)
    assert there.protected(CommandApdu(0, 0xB0, 0x83, 0, ne=8)).status == 0x9000
    send(card, "01A4040C07A0000001510000")
    host = Host(card.transmit, channel=1).open()
    host.send(install(0x20, aid=bytes(JUKI)))
    for old, status in ((2, "6A88"), (0, "6985")):
        assert host.send(put_key(host, (K_ENC, K_MAC), 2, old=old, first=4)) == status
    answer = host.send(put_key(host, (K_ENC, K_MAC), 2, old=1, first=4))
    assert answer == "02" + (check_value(K_ENC) + check_value(K_MAC)).hex().upper() + "9000"
    assert card.transmit(bytes.fromhex("0CB0830000")).hex() == "6988", "its session is over"
    assert authenticates(card, (K_ENC, K_MAC), 4) == 0x9000
    terminal_for(card).authenticate(3)


@pytest.mark.parametrize(
    ("keys", "first", "status"),
    [
        ((K_ENC, K_ENC), 4, "6A80"),
        ((b"1234567890123456", K_MAC), 4, "6A80"),
        ((bytes(16), K_MAC), 4, "6A80"),
        ((K_ENC,), 4, "6A80"),
        (NEW_KEYS, 4, "6A80"),
        ((K_ENC, bytes(range(24))), 4, "6A80"),
        ((K_ENC, K_MAC), 31, "6A88"),
    ],
)
def test_a_systems_keys_that_cannot_be(
    card: Card, keys: tuple[bytes, ...], first: int, status: str
) -> None:
    host = session(card)
    host.send(install(0x20, aid=bytes(JUKI)))
    before = contents(card)
    assert host.send(put_key(host, keys, 2, old=1, first=first)) == status, card.last_refusal
    assert contents(card) == before


def test_a_blocked_key_lives_again(card: Card) -> None:
    wrong = (K_ENC, K_MAC)
    for left in range(14, -1, -1):
        assert authenticates(card, wrong, 1) == 0x63C0 | left
    assert authenticates(card, wrong, 1) == 0x6983
    host = session(card)
    host.send(install(0x20, aid=bytes(JUKI)))
    assert host.send("802C0300020101") == "9000"
    assert authenticates(card, wrong, 1) == 0x63CE
    terminal_for(card).authenticate(1)
    for _ in range(15):
        authenticates(card, wrong, 1)
    host = session(card)
    host.send(install(0x20, aid=bytes(JUKI)))
    assert host.send(put_key(host, wrong, 9, old=1, first=1))[-4:] == "9000"
    assert authenticates(card, wrong, 1) == 0x9000, "new keys have all their tries"


def test_a_key_is_added_where_there_was_none() -> None:
    made = issue_card("juki-v1", seed=1, keys=CardKeys(masters={}), on_bug=raise_bug)
    made.power_on()
    assert authenticates(made, (K_ENC, K_MAC), 2) == 0x6A88
    host = session(made)
    host.send(install(0x20, aid=bytes(JUKI)))
    assert host.send(put_key(host, (K_ENC, K_MAC), 5, first=2))[-4:] == "9000"
    assert authenticates(made, (K_ENC, K_MAC), 2) == 0x9000


def test_a_blocked_pin_lives_again(card: Card) -> None:
    def verify(value: str) -> str:
        send(card, f"00A4040C0A{JUKI}")
        return send(card, f"0020009C04{value}")

    for _ in range(3):
        verify("39393939")
    assert verify("31323334") == "6984"
    host = session(card)
    host.send(install(0x20, aid=bytes(JUKI)))
    for file, status in (("0002", "6981"), ("0777", "6A88"), ("001C", "9000")):
        assert host.send(f"802C030002{file}") == status
    assert verify("31323334") == "9000"
