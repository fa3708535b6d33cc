"""The commands of the JPKI application: what is finite whole, and its PINs to the byte.

Expected is what docs/card.md says (JPKI); each kind of card has the same commands.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import pytest

from jukicard import Card, issue_card
from jukicard.apdu import CommandApdu, StatusWord
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.jpki_worlds import (
    AUTHENTICATION,
    LAYOUTS,
    PIN,
    SELECT,
    SIGNATURE,
    WORLDS,
    Credential,
    Desk,
    World,
    choosing,
    selected,
    verifying,
)
from tests.support.published.transcript import play, send, status

FILES: Final = bytes.fromhex("A4 B0 B1 B2 B3 A0 A1 A2 D0 D1 D2 D6 D7 DC DD E2 0C 0E 0F CA CB DA DB")
SECURITY: Final = bytes.fromhex("20 24 2C 84 82 46")
LIFE_CYCLE: Final = bytes.fromhex("44 04 E6 E8")
CARD: Final = bytes.fromhex("70 C0")
KNOWN: Final = frozenset(FILES + SECURITY + LIFE_CYCLE + CARD)
PROPRIETARY: Final = frozenset(bytes.fromhex("2A 32 AE C0"))
SOME: Final = bytes.fromhex("00 01 02 03 04 05 0C 1F 20 7F 80 81 82 85 8A 97 98 9A 9B 9F FF")
"""Values of P1 and P2 on both sides of every border there is."""
EACH: Final = [
    pytest.param(world, credential, id=f"{world.name}-{credential.fid:04X}")
    for world in LAYOUTS
    for credential in world.credentials
]

every_layout = pytest.mark.parametrize("world", LAYOUTS, ids=lambda world: world.name)
every_credential = pytest.mark.parametrize(("world", "credential"), EACH)


def with_data(value: str | bytes) -> str:
    """Lc and data of a value, in hexadecimal."""
    raw = value.encode() if isinstance(value, str) else value
    return f"{len(raw):02X}{raw.hex()}"


def wrong(credential: Credential) -> str:
    """A value of the right length and characters that is not the right one."""
    value = "7" * len(credential.value)
    assert value != credential.value
    return with_data(value)


def right(credential: Credential) -> str:
    return with_data(credential.value)


# -- all instructions ------------------------------------------------------------------------------


@every_layout
def test_an_instruction_is_known_or_answers_6d00(world: World) -> None:
    card = selected(world)
    for cla, known in ((0x00, KNOWN), (0x80, PROPRIETARY)):
        for ins in range(256):
            answer = card.transmit(bytes((cla, ins, 0xFF, 0xFF)))
            assert (answer != b"\x6d\x00") is (ins in known), f"{cla:02X}{ins:02X}"
            card.reset()
            play(card, f"{SELECT} -> 9000")


@every_layout
def test_no_parameter_gives_out_or_changes_anything_that_is_not_free(world: World) -> None:
    """Nothing proven: the free files answer, and no answer has what the password guards."""
    desk = Desk(world)
    desk.verify(SIGNATURE)
    holder = desk.content(SIGNATURE.certificate)[:2000].rstrip(b"\xff")
    card = selected(world)
    before = card.snapshot()
    commands = [(0x00, ins) for ins in sorted(KNOWN)] + [(0x80, ins) for ins in sorted(PROPRIETARY)]
    answers = 0
    for cla, ins in commands:
        if ins in (0x70, 0x84):
            continue  # channels and challenges are no file's business
        for p1 in SOME:
            for p2 in SOME:
                for body in (b"", b"\x00", b"\x00\x00\x00"):
                    answer = card.transmit(bytes((cla, ins, p1, p2)) + body)
                    assert answer[-2] != 0x6F
                    assert holder[300:332] not in answer
                    assert holder[-64:-32] not in answer
                    answers += len(answer) > 2
    assert answers, "the free files were read"
    assert card.snapshot() == before


def test_set_session_key_is_refused_with_6982_whatever_was_verified() -> None:
    card = selected(WORLDS["mynumber"])
    for credential in WORLDS["mynumber"].credentials:
        card.transmit(verifying(credential).encode())
        for data in ("", "00", "0431323334", "043132333400"):
            assert send(card, "80AE0000" + data) == "6982"
    play(card, "80AE0100 -> 6A86\n80AE0001 -> 6A86")


def test_selecting_by_name_by_identifier_and_in_no_other_way() -> None:
    card = selected(WORLDS["mynumber"])
    play(
        card,
        """
        00A4020C020006 -> 9000
        00A40900020006 -> 6A86
        00A4090C020006 -> 6A86
        00A4010C020006 -> 6A86
        00A4030C       -> 6A86
        00A4080C020006 -> 6A86
        00A4000C020006 -> 6A82   # P1 must be 02
        00A4000C023F00 -> 6A82
        00A40000       -> 9000   # nothing happens
        00B0000001     -> 4A9000
        00A4020C       -> 6700
        00A4020C0106   -> 6700
        00A4020C03000600 -> 6700
        00B0000001     -> 4A9000 # what is refused leaves the current file
        """,
    )
    for length in range(1, 11):
        play(card, f"00A4040C{with_data(bytes.fromhex(SELECT[10:])[:length])} -> 9000")
        play(card, "00B0000001 -> 6986")  # selecting the application leaves no current file
    play(card, f"00A4040C0B{SELECT[10:]}00 -> 6A82")


# -- VERIFY ----------------------------------------------------------------------------------------


def _verify_status(world: World, p1: int, p2: int) -> str:
    if p1 or p2 & 0x60 or p2 & 0x1F == 0x1F:
        return "6A86"
    if not p2 & 0x80:
        return "6A88"  # a reference of the card as a whole: there is none
    fid = p2 & 0x1F or AUTHENTICATION.fid
    if fid in world.pins:
        return f"63C{world.pins[fid].tries}"
    return "6981" if fid in world.files else "6A82"


@pytest.mark.parametrize("name", ["mynumber", "juki-v2-1024-compat-air"])
def test_all_p1_and_p2_of_the_empty_verify(name: str) -> None:
    world = WORLDS[name]
    card = selected(world)
    play(card, f"00A4020C02{AUTHENTICATION.fid:04X} -> 9000")
    for p1 in range(256):
        for p2 in range(256):
            answer = card.transmit(bytes((0x00, 0x20, p1, p2))).hex().upper()
            assert answer == _verify_status(world, p1, p2), f"{p1:02X}{p2:02X}"


def test_all_p1_and_p2_of_verify_with_data() -> None:
    world = WORLDS["mynumber"]
    card = selected(world)
    play(card, f"00A4020C02{AUTHENTICATION.fid:04X} -> 9000")
    for p1 in range(256):
        for p2 in range(256):
            fid = p2 & 0x1F or AUTHENTICATION.fid
            value = world.pins[fid].value if fid in world.pins else PIN
            answer = status(card, f"0020{p1:02X}{p2:02X}{with_data(value)}")
            wanted = _verify_status(world, p1, p2)
            assert answer == ("9000" if wanted[:3] == "63C" else wanted), f"{p1:02X}{p2:02X}"


@every_credential
def test_the_empty_verify_tells_the_tries_and_costs_none(
    world: World, credential: Credential
) -> None:
    card = selected(world)
    play(card, "00200080 -> 6986")
    play(card, f"00A4020C02{credential.fid:04X} -> 9000")
    for _ in range(20):
        play(card, f"00200080 -> 63C{credential.tries}")
    play(
        card,
        f"""
        0020008000                    -> 6700   # the form of five bytes
        00200080000000                -> 6700
        00200080                      -> 63C{credential.tries}
        00200080{right(credential)}   -> 9000
        00200080                      -> 63C{credential.tries}   # also when it is verified
        002000{0x80 | credential.fid:02X} -> 63C{credential.tries}
        """,
    )
    if credential == AUTHENTICATION:
        assert credential.tries == 3
    else:
        assert credential.tries == 5


@every_credential
def test_it_is_counted_down_and_blocked_and_then_not_compared(
    world: World, credential: Credential
) -> None:
    card = selected(world)
    play(card, f"00A4020C02{credential.fid:04X} -> 9000")
    for left in reversed(range(credential.tries)):
        play(card, f"00200080{wrong(credential)} -> 63C{left}\n00200080 -> 63C{left}")
    blocked = f"""
        00200080{right(credential)}  -> 6984
        00200080{wrong(credential)}  -> 6984
        00200080                     -> 63C0
        0020008000                   -> 6700
        002401800411111111           -> 6982
        """
    play(card, blocked)
    card.power_off()
    card.power_on()
    play(card, f"{SELECT} -> 9000\n00A4020C02{credential.fid:04X} -> 9000\n{blocked}")
    for other in world.credentials:
        if other != credential:
            play(card, f"00A4020C02{other.fid:04X} -> 9000\n00200080{right(other)} -> 9000")


@every_credential
def test_the_last_try_may_be_the_right_one(world: World, credential: Credential) -> None:
    card = selected(world)
    play(card, f"00A4020C02{credential.fid:04X} -> 9000")
    for left in range(credential.tries - 1, 0, -1):
        play(card, f"00200080{wrong(credential)} -> 63C{left}")
    play(card, f"00200080{right(credential)} -> 9000\n00200080 -> 63C{credential.tries}")


@every_credential
def test_any_other_value_costs_a_try_and_takes_away_what_was_opened(
    world: World, credential: Credential
) -> None:
    card = selected(world)
    play(card, f"00A4020C02{credential.fid:04X} -> 9000")
    value = credential.value
    guesses = [
        value[:-1].encode(),
        value.encode() + b"0",
        value.encode().ljust(16, b"\0"),
        value[::-1].encode(),
        b"\x00",
        bytes(255),
    ]
    guesses += [value.lower().encode()] if value != value.lower() else []
    for guess in guesses:
        play(
            card,
            f"""
            00A4020C02{credential.fid:04X}           -> 9000
            00200080{right(credential)}              -> 9000
            00200080{with_data(guess)}               -> 63C{credential.tries - 1}
            802A00{0x80 | credential.key:02X}013000  -> 6982
            """,
        )


def test_a_blocked_pin_may_be_made_to_answer_6983() -> None:
    card = issue_card(
        "mynumber",
        seed=1,
        options=lambda o: dataclasses.replace(o, blocked_status=StatusWord(0x6983)),
        on_bug=raise_bug,
    )
    card.power_on()
    play(card, f"{SELECT} -> 9000\n00A4020C020018 -> 9000")
    for left in (2, 1, 0):
        play(card, f"0020008004 39393939 -> 63C{left}")
    play(card, "0020008004 31323334 -> 6983\n00200080 -> 63C0")


# -- changing a PIN --------------------------------------------------------------------------------

NEW: Final = {0x18: "1357", 0x1B: "OTHER99"}
REFUSED: Final[dict[int, tuple[tuple[bytes, str], ...]]] = {
    0x18: (
        (b"123", "6700"),
        (b"12345", "6700"),
        (b"123A", "6A80"),
        (b"12 4", "6A80"),
        (bytes(4), "6A80"),
    ),
    0x1B: (
        (b"ABC12", "6700"),
        (b"A" * 17, "6700"),
        (b"abc123", "6A80"),
        (b"ABC12-", "6A80"),
        (b"ABC123\x00", "6A80"),
    ),
}
"""Values that a PIN cannot have."""


@every_credential
@pytest.mark.parametrize("change", ["00240180", "80320080"])
def test_a_holder_changes_it_after_verifying_it(
    world: World, credential: Credential, change: str
) -> None:
    card = selected(world)
    new = with_data(NEW[credential.fid])
    play(
        card,
        f"""
        {change}{new} -> 6986
        00A4020C02{credential.fid:04X} -> 9000
        {change}{new} -> 6982
        {change}      -> 6700
        """,
    )
    for other in world.credentials:
        if other != credential:
            play(card, f"00A4020C02{other.fid:04X} -> 9000\n00200080{right(other)} -> 9000")
    play(card, f"00A4020C02{credential.fid:04X} -> 9000\n{change}{new} -> 6982")
    play(card, f"00200080{right(credential)} -> 9000")
    for value, answer in REFUSED[credential.fid]:
        play(card, f"{change}{with_data(value)} -> {answer}")
    play(
        card,
        f"""
        {change}{new}                -> 9000
        802A00{0x80 | credential.key:02X}013000 -> *9000
        00A4020C02{credential.fid:04X} -> 9000
        00200080{right(credential)}  -> 63C{credential.tries - 1}
        00200080{new}                -> 9000
        00200080                     -> 63C{credential.tries}
        """,
    )
    card.power_off()
    card.power_on()
    sfi = f"{0x80 | credential.fid:02X}"
    play(card, f"{SELECT} -> 9000\n002000{sfi}{new} -> 9000")


@pytest.mark.parametrize("length", range(6, 17))
def test_a_password_has_6_to_16_characters(length: int) -> None:
    card = selected(WORLDS["juki-v1-1024"])
    value = with_data("ABCDEFGHIJ012345"[:length])
    play(card, f"0020009B{right(SIGNATURE)} -> 9000\n0024019B{value} -> 9000")
    play(card, f"0020009B{value} -> 9000\n0020009B{right(SIGNATURE)} -> 63C4")


def test_the_old_value_may_come_along_where_its_length_is_fixed() -> None:
    card = selected(WORLDS["mynumber"])
    play(
        card,
        """
        00240098 08 32343638 31333537 -> 9000
        00200098 04 31333537          -> 9000
        00240098 08 39393939 32343638 -> 63C2
        00240098 04 31333537          -> 6700   # the old one was right: no try is lost
        00200098                      -> 63C3
        0024009B 10 5345435245543737 5345435245543738 -> 6A86
        0020009B                      -> 63C5
        """,
    )


def test_all_p1_and_p2_of_the_change() -> None:
    """With a value of 3 characters, which no PIN of the card can have, so nothing is changed."""
    world = WORLDS["mynumber"]
    card = selected(world)
    before = card.snapshot()
    for credential in world.credentials:
        card.transmit(verifying(credential).encode())
    for cla, ins, new_only in ((0x00, 0x24, 1), (0x80, 0x32, 0)):
        for p1 in range(256):
            for p2 in range(256):
                card.transmit(choosing(AUTHENTICATION.fid).encode())
                answer = card.transmit(bytes((cla, ins, p1, p2, 3)) + b"ABC").hex().upper()
                wanted = _verify_status(world, 0, p2)
                if p1 > (ins == 0x24):
                    wanted = "6A86"
                elif wanted[:3] == "63C":
                    wanted = "6700"
                    if p1 != new_only:
                        wanted = "6A86" if p2 == 0x80 | SIGNATURE.fid else "63C2"
                assert answer == wanted, f"{ins:02X}{p1:02X}{p2:02X}"
                if wanted == "63C2":
                    card.transmit(verifying(AUTHENTICATION).encode())
    assert card.snapshot() == before


# -- the counter -----------------------------------------------------------------------------------


def blocked(world: World, credential: Credential) -> Card:
    card = selected(world)
    for _ in range(credential.tries):
        send(card, f"002000{0x80 | credential.fid:02X}{wrong(credential)}")
    play(card, f"002000{0x80 | credential.fid:02X} -> 63C0")
    return card


@every_credential
def test_only_the_counter_unblocks_it(world: World, credential: Credential) -> None:
    card = blocked(world, credential)
    sfi = 0x80 | credential.fid
    new = with_data(NEW[credential.fid])
    for other in world.credentials:
        if other != credential:
            card.transmit(verifying(other).encode())
    play(
        card,
        f"""
        002C03{sfi:02X}                           -> 6982
        002C02{sfi:02X}{new}                      -> 6982
        002C01{sfi:02X}{right(credential)}        -> 6A88   # there is no unblocking code
        002C00{sfi:02X}{right(credential)}        -> 6A88
        002C04{sfi:02X}                           -> 6A86
        002C03{sfi:02X}{new}                      -> 6700
        002C02{sfi:02X}                           -> 6700
        002000{sfi:02X}                           -> 63C0
        """,
    )
    desk = Desk(world, counter=True, card=card)
    assert desk.status(CommandApdu(0, 0x2C, 3, sfi)) == 0x9000
    assert desk.status(CommandApdu(0, 0x20, 0, sfi)) == 0x63C0 + credential.tries
    sign = CommandApdu(0x80, 0x2A, 0, 0x80 | credential.key, b"\x30", 65536)
    assert desk.status(sign) == 0x6982, "unblocking verifies nothing"
    desk.verify(credential)
    assert desk.status(sign) == 0x9000


@every_credential
def test_the_counter_sets_a_new_value_encrypted(world: World, credential: Credential) -> None:
    desk = Desk(world, counter=True, card=blocked(world, credential))
    sfi = 0x80 | credential.fid
    new = NEW[credential.fid]
    setting = CommandApdu(0, 0x2C, 2, sfi, new.encode())
    assert desk.status(setting, readable=True) == 0x6982, "a MAC is not enough for a new value"
    for value, answer in REFUSED[credential.fid]:
        refused = desk.status(CommandApdu(0, 0x2C, 2, sfi, value))
        assert refused == int(answer, 16)
    assert desk.status(verifying(credential)) == 0x6984, "what was refused unblocked nothing"
    assert desk.status(setting) == 0x9000
    assert desk.status(CommandApdu(0, 0x20, 0, sfi)) == 0x63C0 + credential.tries
    assert desk.status(verifying(credential)) == 0x63C0 + credential.tries - 1
    assert desk.status(verifying(credential, new)) == 0x9000


def test_a_plain_command_ends_what_the_counter_may_do() -> None:
    world = WORLDS["mynumber"]
    desk = Desk(world, counter=True, card=blocked(world, AUTHENTICATION))
    play(desk.card, "00B0860001 -> 4A9000\n002C0398 -> 6982\n00200098 -> 63C0")


def test_there_is_one_key_and_it_is_the_counter_s() -> None:
    """Of all references only 04; the purposes of the Juki application have none here."""
    world = WORLDS["mynumber"]
    for reference in range(1, 0x20):
        desk = Desk(world)
        assert desk.terminal.get_challenge().status == 0x9000
        command = CommandApdu(0, 0x82, 0, 0x80 | reference, bytes(40), 40)
        answer = desk.terminal.plain(command).status
        assert answer == (0x63CE if reference == 4 else 0x6A88), f"{reference:02X}"


def test_the_counter_replaces_a_certificate_and_not_the_token() -> None:
    """The signature pair's says who the holder is and is written encrypted, never under a MAC."""
    desk = Desk(WORLDS["mynumber"], counter=True)
    written = CommandApdu(0, 0xD6, 0, 0, b"\x31\x32")
    wanted = {0x01: (0x9000, 0x6982), 0x0A: (0x9000, 0x9000), 0x06: (0x6982, 0x6982)}
    for fid, (encrypted, under_a_mac) in wanted.items():
        desk.choose(fid)
        assert desk.status(written, readable=True) == under_a_mac
        assert desk.status(written) == encrypted
    desk.verify(SIGNATURE)
    assert desk.content(0x01)[:2] == desk.content(0x0A)[:2] == b"\x31\x32"
    assert desk.content(0x06)[:4] == b"JPKI"
