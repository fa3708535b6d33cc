"""What was proven ends when what it rests on ends: on every channel, whatever waits there."""

from __future__ import annotations

import pytest

from jukicard import PROFILES, CardKeys, issue_card
from jukicard.apdu import CommandApdu
from jukicard.environment import SeededRandom
from jukicard.profiles.cardorder import KeyPool
from tests.support.cards.eac_desk import eac_desk
from tests.support.cards.issuing import issue
from tests.support.cards.juki_desk import CODE_RECORD, READ_CODE, VERIFY, Desk, desk
from tests.support.naive.terminal import JUKI
from tests.support.published.transcript import status

SUSPEND = CommandApdu(0x01, 0x04, 0, 0, b"\x3f\x00")
RESUME = CommandApdu(0x01, 0x44, 0, 0, b"\x3f\x00")
END = CommandApdu(0x01, 0xFE, 0, 0)
MOVE_OUT = CommandApdu(0x01, 0xDA, 0, 0xC1, b"\x01")
GET_RESPONSE = CommandApdu(0x00, 0xC0, 0, 0, ne=256)


def two_channels() -> Desk:
    """On channel 0 a terminal that could read the code, on channel 1 the counter."""
    there = desk()
    assert there.status("0070000001") == 0x9000
    terminal = there.terminal
    terminal.authenticate(1)
    assert terminal.protected(VERIFY).status == 0x9000
    assert terminal.select(JUKI, channel=1).status == 0x9000
    terminal.authenticate(4, channel=1)
    return there


def test_the_terminal_could_have_read_it() -> None:
    assert two_channels().terminal.protected(READ_CODE).data == CODE_RECORD


@pytest.mark.parametrize("change", [SUSPEND, END, MOVE_OUT], ids=["suspend", "end", "move out"])
def test_a_change_on_one_channel_ends_rights_on_the_others(change: CommandApdu) -> None:
    there = two_channels()
    assert there.terminal.protected(change).status == 0x9000
    answer = there.card.transmit(there.terminal.sessions[0].protect(READ_CODE).encode())
    assert answer.hex().upper() == "6988", "there is no session any more"
    for _ in range(2):
        assert there.status("00B2011400") in (0x6982, 0x6985)


def test_half_an_answer_is_not_fetched_after_suspension() -> None:
    there = two_channels()
    session = there.terminal.sessions[0]
    short = session.protect(READ_CODE)
    short = CommandApdu(short.cla, short.ins, short.p1, short.p2, short.data, 20)
    answer = there.card.transmit(short.encode())
    assert answer[-2] == 0x61, "a part of the code waits"
    assert there.terminal.protected(SUSPEND).status == 0x9000
    for command in (session.protect(GET_RESPONSE), GET_RESPONSE):
        refused = there.card.transmit(command.encode())
        assert refused.hex().upper() in ("6985", "6988")
    assert there.terminal.protected(RESUME).status == 0x9000
    assert there.status("00C0000000") == 0x6985, "and it does not wait until the card is resumed"


def test_the_counters_own_session_goes_on() -> None:
    there = two_channels()
    for command in (SUSPEND, RESUME, MOVE_OUT):
        assert there.terminal.protected(command).status == 0x9000


@pytest.mark.parametrize("how", ["another authentication", "a failed one", "an SM error"])
def test_a_proven_terminal_is_forgotten(how: str) -> None:
    there = eac_desk()
    there.prove_terminal()
    assert there.set_chip() == 0x9000
    if how == "another authentication":
        there.terminal.authenticate(5)
        there.terminal.sessions.pop(0)
    elif how == "a failed one":
        there.terminal.get_challenge()
        wrong = CommandApdu(0x00, 0x82, 0, 0x81, bytes(40), 40)
        assert there.terminal.plain(wrong).status & 0xFFF0 == 0x63C0
    else:
        broken = CommandApdu(0x0C, 0xB0, 0x83, 0, bytes(10), 256)
        assert there.terminal.plain(broken).status == 0x6988
    assert there.general_authenticate() == 0x6985


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_no_card_has_one_key_twice(profile: str) -> None:
    for seed in range(40):
        card = issue(profile, seed=seed, compat=profile.startswith("juki"))
        keys = [
            value
            for partition in card.snapshot().partitions.values()
            for key, value in partition.items()
            if key.startswith("content/")
            and value[:2] == b"\x30\x82"
            and b"\x2a\x86\x48" in value
            and key[-4:] in ("0017", "001A", "0013", "0019")
        ]
        assert len(set(keys)) == len(keys)
        assert keys


def test_the_pool_of_published_keys_gives_none_twice() -> None:
    pool = KeyPool(SeededRandom(1))
    names = [pool.take(2048).name for _ in range(10)]
    assert len(set(names)) == len(names)


def test_the_signature_pairs_public_key_is_told_to_who_has_the_password() -> None:
    card = issue_card("mynumber", seed=1)
    card.power_on()
    assert status(card, "00A4040C0AD392F000260100000001") == "9000"
    assert status(card, "0046819A000000") == "6982"
    assert status(card, "00468197000000") == "9000", "the other certificate is free"
    assert status(card, f"0020009B06{b'ABC123'.hex()}") == "9000"
    assert status(card, "0046819A000000") == "9000"


def test_a_snapshot_forgets_the_generator_of_the_one_it_came_from() -> None:
    seeded = issue_card(seed=1).snapshot()
    assert "random" in seeded.partitions
    from jukicard import Card
    from jukicard.environment import CardEnvironment, SystemRandom
    from jukicard.memory import PersistentMemory

    card = Card(CardEnvironment(random=SystemRandom(), memory=PersistentMemory.restore(seeded)))
    assert "random" not in card.snapshot().partitions


def test_parsed_commands_show_no_data() -> None:
    from jukicard.filesystem import commands

    secret = b"\x31\x32\x33\x34\x35\x36"
    for parse, command in (
        (commands.parse_change_binary, CommandApdu(0, 0xD6, 0, 0, secret)),
        (commands.parse_search_binary, CommandApdu(0, 0xA0, 0, 0, secret, 2)),
        (commands.parse_change_record, CommandApdu(0, 0xDC, 1, 4, secret)),
        (commands.parse_append_record, CommandApdu(0, 0xE2, 0, 0, secret)),
        (commands.parse_search_record, CommandApdu(0, 0xA2, 1, 4, secret, 2)),
        (commands.parse_put_data, CommandApdu(0, 0xDA, 0, 0xC1, secret)),
    ):
        shown = repr(parse(command))
        assert "123456" not in shown
        assert repr(secret) not in shown


def test_masters_must_differ() -> None:
    from jukicard import ProfileError

    with pytest.raises(ProfileError, match="master key of its own"):
        issue_card(
            keys=CardKeys(masters={"COUNTER": bytes(range(16)), "MOVE_IN": bytes(range(16))})
        )
