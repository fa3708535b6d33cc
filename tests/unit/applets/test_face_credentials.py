"""PINs and verification numbers of text, surface and common: counted, blocked, unblocked."""

from __future__ import annotations

import dataclasses
from typing import Final, NamedTuple

import pytest

from jukicard.apdu import CommandApdu, StatusWord
from jukicard.apdu.aid import Aid
from jukicard.applets.text import AID as TEXT_AID
from jukicard.runtime.options import CardOptions
from jukicard.runtime.placement import Placement
from tests.support.cards.face_cards import (
    AIDS,
    at_the_counter,
    blank_card,
    personalise,
    selected,
    verify,
)
from tests.support.cards.face_order import (
    BIRTH_CODE,
    JUKI_NUMBER,
    NUMBER_A,
    NUMBER_B,
    PIN,
    text_contents,
)
from tests.support.published.transcript import play, send, status


class Credential(NamedTuple):
    """A PIN or number in its place, its value, its tries, and whether the holder changes it."""

    application: str
    kind: str
    fid: int
    value: str
    tries: int
    changes: bool = False


ALL: Final = (
    Credential("text", "successor", 0x11, PIN, 3, changes=True),
    Credential("text", "successor", 0x14, NUMBER_A, 10),
    Credential("text", "successor", 0x15, NUMBER_B, 10),
    Credential("surface", "successor", 0x11, BIRTH_CODE, 10),
    Credential("surface", "successor", 0x12, NUMBER_B, 10),
    Credential("surface", "successor", 0x13, NUMBER_A, 10),
    Credential("surface", "juki-a", 0x12, JUKI_NUMBER["juki-a"], 10),
    Credential("surface", "juki-b", 0x11, BIRTH_CODE, 10),
    Credential("surface", "juki-b", 0x12, JUKI_NUMBER["juki-b"], 10),
    Credential("common", "successor", 0x1C, PIN, 3, changes=True),
)
NEVER_SET: Final = (("text", "successor", 0x12), ("surface", "juki-a", 0x11))
"""References without a value: blocked from the beginning."""


def name_of(value: object) -> str:
    assert isinstance(value, Credential)
    return f"{value.application}-{value.kind}-{value.fid:04X}"


every_credential = pytest.mark.parametrize("credential", ALL, ids=name_of)


def wrong(credential: Credential) -> str:
    """A value of the right length and characters that is not the right one, as VERIFY's data."""
    value = "9" * len(credential.value)
    assert value != credential.value
    return f"{len(value):02X}{value.encode().hex()}"


def right(credential: Credential) -> str:
    return f"{len(credential.value):02X}{credential.value.encode().hex()}"


@every_credential
def test_it_is_counted_down_and_blocked_and_then_not_compared(credential: Credential) -> None:
    card = selected(credential.application, credential.kind)
    play(card, f"00A4020C02{credential.fid:04X} -> 9000\n00200080 -> 63C{credential.tries:X}")
    for left in reversed(range(credential.tries)):
        play(card, f"00200080{wrong(credential)} -> 63C{left:X}\n00200080 -> 63C{left:X}")
    play(
        card,
        f"""
        00200080{right(credential)} -> 6984
        00200080{wrong(credential)} -> 6984
        00200080                    -> 63C0
        """,
    )
    card.power_off()
    card.power_on()
    card.transmit(CommandApdu(0, 0xA4, 4, 0x0C, AIDS[credential.application]).encode())
    sfi = 0x80 | credential.fid
    play(card, f"002000{sfi:02X} -> 63C0\n002000{sfi:02X}{right(credential)} -> 6984")


@every_credential
def test_the_last_try_may_be_the_right_one_and_restores_the_counter(credential: Credential) -> None:
    card = selected(credential.application, credential.kind)
    play(card, f"00A4020C02{credential.fid:04X} -> 9000")
    for left in range(credential.tries - 1, 0, -1):
        play(card, f"00200080{wrong(credential)} -> 63C{left:X}")
    play(
        card,
        f"""
        00200080{right(credential)} -> 9000
        00200080                    -> 63C{credential.tries:X}   # also when it is verified
        """,
    )


@every_credential
def test_a_wrong_length_is_a_wrong_value(credential: Credential) -> None:
    card = selected(credential.application, credential.kind)
    play(card, f"00A4020C02{credential.fid:04X} -> 9000")
    raw = credential.value.encode()
    for guess in (raw[:-1], raw + b"0"):
        play(card, f"00200080{right(credential)} -> 9000")
        left = f"63C{credential.tries - 1:X}"
        play(card, f"00200080{len(guess):02X}{guess.hex()} -> {left}")


@every_credential
def test_the_credentials_of_an_application_are_counted_apart(credential: Credential) -> None:
    card = selected(credential.application, credential.kind)
    play(card, f"00A4020C02{credential.fid:04X} -> 9000")
    for _ in range(credential.tries):
        send(card, f"00200080{wrong(credential)}")
    for other in ALL:
        if other[:2] == credential[:2] and other.fid != credential.fid:
            play(card, f"00A4020C02{other.fid:04X} -> 9000\n00200080 -> 63C{other.tries:X}")
            play(card, verify(other.fid, other.value))


@every_credential
def test_a_query_with_an_le_field_is_a_wrong_length(credential: Credential) -> None:
    card = selected(credential.application, credential.kind)
    play(card, f"00A4020C02{credential.fid:04X} -> 9000\n0020008000 -> 6700")


@every_credential
def test_only_a_pin_is_changed_and_only_after_it_was_verified(credential: Credential) -> None:
    card = selected(credential.application, credential.kind)
    new = "8" * len(credential.value)
    data = f"{len(new):02X}{new.encode().hex()}"
    play(
        card,
        f"""
        00A4020C02{credential.fid:04X} -> 9000
        00240180{data} -> 6982
        80320080{data} -> 6982
        """,
    )
    for change in ("00240180", "80320080"):  # the ISO way and the card family's own
        play(card, verify(credential.fid, credential.value))
        if not credential.changes:
            play(card, f"{change}{data} -> 6982")
            continue
        play(
            card,
            f"""
            {change}{data}               -> 9000
            00200080{right(credential)}  -> 63C2
            00200080{data}               -> 9000
            {change}{right(credential)}  -> 9000
            {change}033132 33            -> 6700
            {change}0531 32333435        -> 6700
            {change}0431323341           -> 6A80
            00200080{right(credential)}  -> 9000
            """,
        )


@every_credential
def test_the_counter_unblocks_it_and_nobody_else(credential: Credential) -> None:
    card, terminal = at_the_counter(credential.application, credential.kind)
    plain = card.fork()
    plain.power_on()
    plain.transmit(CommandApdu(0, 0xA4, 4, 0x0C, AIDS[credential.application]).encode())
    sfi = 0x80 | credential.fid
    for _ in range(credential.tries):
        guess = CommandApdu(0, 0x20, 0, sfi, bytes.fromhex(wrong(credential)[2:]))
        assert terminal.protected(guess).status & 0xFFF0 == 0x63C0
        plain.transmit(guess.encode())
    value = CommandApdu(0, 0x20, 0, sfi, credential.value.encode())
    assert terminal.protected(value).status == 0x6984
    new_value = CommandApdu(0, 0x2C, 0x02, sfi, credential.value.encode())
    # what is printed on the card never changes, not even at the counter
    refused = 0x6982 if credential.changes else 0x6985
    assert terminal.protected(new_value, readable=True).status == refused, "a MAC is not enough"
    assert terminal.protected(value).status == 0x6984
    assert terminal.protected(CommandApdu(0, 0x2C, 0x03, sfi)).status == 0x9000
    assert terminal.protected(value).status == 0x9000
    assert terminal.protected(new_value).status == (0x9000 if credential.changes else 0x6985)
    assert terminal.protected(value).status == 0x9000
    for p1, data in ((3, ""), (2, right(credential))):
        wanted = "6985" if p1 == 2 and not credential.changes else "6982"
        assert status(plain, f"002C{p1:02X}{sfi:02X}{data}") == wanted
    assert status(plain, f"002000{sfi:02X}") == "63C0"


@pytest.mark.parametrize(("application", "kind", "fid"), NEVER_SET)
def test_a_reference_without_a_value_is_blocked_for_everybody(
    application: str, kind: str, fid: int
) -> None:
    card, terminal = at_the_counter(application, kind)
    reset = CommandApdu(0, 0x2C, 0x02, 0x80 | fid, b"1234")
    if application == "text":
        assert terminal.protected(reset).status == 0x6982, "what it was for is unknown"
    play(
        card,
        f"""
        00A4020C02{fid:04X}          -> 9000
        00200080                     -> 63C0
        002000800431323334           -> 6984
        00200080                     -> 63C0
        00240080083132333435363738   -> 6982
        002401800431323334           -> 6982
        002C028006353530323137       -> {"6982" if application == "text" else "6985"}
        002C0380                     -> 6982
        """,
    )


def test_a_card_may_say_6983_for_blocked() -> None:
    options = dataclasses.replace(
        CardOptions(atr=bytes.fromhex("3B00")), blocked_status=StatusWord(0x6983)
    )
    card = blank_card(Placement(Aid(TEXT_AID), "text"), options=options)
    personalise(card, text_contents())
    card.power_on()
    play(
        card,
        f"""
        00A4040C0A{TEXT_AID}  -> 9000
        00A4020C020012        -> 9000
        002000800431323334    -> 6983
        00200080              -> 63C0
        """,
    )


def test_a_wrong_value_takes_away_what_the_right_one_had_opened() -> None:
    card = selected("text")
    play(card, verify(0x11, PIN))
    play(
        card,
        """
        00200080043939 3939 -> 63C2
        00A4020C020001      -> 9000
        00B0000011          -> 6982
        """,
    )


def test_text_and_common_have_each_a_pin_of_their_own() -> None:
    card = selected("common")
    play(card, verify(0x1C, PIN))
    play(card, "803200800438373635 -> 9000")
    play(card, f"00A4040C0A{AIDS['text']} -> 9000")
    play(card, verify(0x11, PIN))
