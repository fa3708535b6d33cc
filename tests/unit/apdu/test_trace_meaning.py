"""Sessions that mean the same and those that do not: what chance decides counts for nothing."""

from __future__ import annotations

import pytest

from jukicard.apdu.trace.chance import depends_on_chance, without_chance
from jukicard.apdu.trace.difference import MOST_COMPARED, compare_traces
from jukicard.apdu.trace.dump import parse_dump, write_dump
from jukicard.apdu.trace.formats import from_dump
from jukicard.apdu.trace.redaction import parse_or_none

PLAIN = """\
ATR 3BE000FF8131FE4514
> 00A4040C0AD3921000310001010401
< 9000
> 00A4020C02001C
< 9000
> 002000800431323334
< 9000
> 00B2010400
< 010B31323334353637383930319000
"""


def same(left: str, right: str) -> bool:
    there = compare_traces(from_dump(left), from_dump(right))
    back = compare_traces(from_dump(right), from_dump(left))
    assert bool(there) is bool(back)
    return not there


@pytest.mark.parametrize(
    ("exchange", "meaning"),
    [
        ("> 0084000008\n< 01020304050607089000", "> 0084000008\n< ????????????????9000"),
        ("> 0084000008\n< 6985", "> 0084000008\n< 6985"),
        ("> 008200810401020304\n< 9000", "> 0082008104????????\n< 9000"),
        ("> 00820081040102030402\n< AABB9000", "> 0082008104????????02\n< ????9000"),
        ("> 00820081\n< 63CF", "> 00820081\n< 63CF"),
        ("> 00880000020102 04\n< 010203049000", "> 0088000002????04\n< ????????9000"),
        ("> 0086000002 7C00 00\n< 7C0280009000", "> 0086000002????00\n< ????????9000"),
        # PERFORM SECURITY OPERATION: a signature comes out; a certificate is checked
        ("> 002A9E9A020102 00\n< AABB9000", "> 002A9E9A02010200\n< ????9000"),
        ("> 002A00BE020102\n< 9000", "> 002A00BE020102\n< 9000"),
        ("> 002A808602010200\n< AABB9000", "> 002A808602010200\n< AABB9000"),
        ("> 802A000002010200\n< AABB9000", "> 802A00000201 0200\n< ????9000"),
        ("> 80500000020102 00\n< AABB9000", "> 8050000002????00\n< ????9000"),
        ("> 80CA9F7F00\n< AABB9000", "> 80CA9F7F00\n< AABB9000"),
        # protected: cryptogram, Le and MAC; the padding indicator, Le and the status are no chance
        (
            "> 0CB201040D 970100 8E080102030405060708 00\n"
            "< 8703 01AABB 99029000 8E080102030405060708 9000",
            "> 0CB201040D 970100 8E08???????????????? 00\n"
            "< 8703 01???? 99029000 8E08???????????????? 9000",
        ),
        (
            "> 0CB301040F 8503AABBCC 8E080102030405060708 00\n< 990263C2 8E080102030405060708 63C2",
            "> 0CB301040F 8503?????? 8E08???????????????? 00\n< 990263C2 8E08???????????????? 63C2",
        ),
        # a link of a chain, and a status alone
        ("> 1CDB3FFF04 87820101\n< 9000", "> 1CDB3FFF04 ????????\n< 9000"),
        ("> 0C20008002AABB\n< 6988", "> 0C20008002????\n< 6988"),
        # what GET RESPONSE brings belongs to the command before it
        ("> 0084000008\n< 6108\n> 00C0000008\n< 01020304050607089000",
         "> 0084000008\n< 6108\n> 00C0000008\n< ????????????????9000"),
        ("> 00B0000008\n< 6102\n> 00C0000002\n< 01029000",
         "> 00B0000008\n< 6102\n> 00C0000002\n< 01029000"),
        # malformed ones mean what they are
        ("> 0084\n< 6700", "> 0084\n< 6700"),
        ("> 008400\n< 90", "> 008400\n< 90"),
    ],
)  # fmt: skip
def test_what_chance_decides_is_hidden(exchange: str, meaning: str) -> None:
    found = without_chance(parse_dump(exchange))
    assert write_dump(found) == write_dump(parse_dump(meaning))


@pytest.mark.parametrize(
    ("command", "depends"),
    [
        ("0082008104AABBCCDD", True),
        ("00820081", False),
        ("0C20008002AABB", True),
        ("0084000008", False),
        ("002000800431323334", False),
        ("8082000004AABBCCDD", True),
    ],
)
def test_what_was_made_of_random_numbers(command: str, depends: bool) -> None:
    parsed = parse_or_none(bytes.fromhex(command))
    assert parsed is not None
    assert depends_on_chance(parsed) is depends


def test_other_random_numbers_are_no_difference() -> None:
    challenge = "> 0084000008\n< {}9000\n> 0082008104{}\n< 9000\n"
    assert same(challenge.format("01" * 8, "AABBCCDD"), challenge.format("02" * 8, "00112233"))
    assert not same(challenge.format("01" * 8, "AABBCCDD"), challenge.format("01" * 7, "AABBCCDD"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("3BE000FF8131FE4514", "3B00", ["- reset, ATR 3BE000FF8131FE4514 (T=1)"]),
        ("< 010B31", "< 010B32", ["- < <13 bytes> 9000 done  (other data)"]),
        ("31323334\n<", "31323335\n<", ["+     00 20 00 80 04 <4 bytes>  (other data)"]),
        ("0431323334\n< 9000", "0431323334\n< 63C2", ["+ < 63C2 failed, 2 tries left"]),
        ("02001C", "02001D", ["-     00 A4 02 0C 02 001C", "+     00 A4 02 0C 02 001D"]),
        ("> 00B2010400\n< 010B31323334353637383930319000\n", "", ["- > READ RECORD: record 1"]),
    ],
)  # fmt: skip
def test_what_differs_is_said_without_secrets(old: str, new: str, said: list[str]) -> None:
    assert old in PLAIN
    other = PLAIN.replace(old, new)
    lines = compare_traces(from_dump(PLAIN), from_dump(other))
    assert set(said) <= set(lines)
    assert not same(PLAIN, other)
    shown = "\n".join(lines)
    for secret in ("31323334", "31323335", "3132333435", "010B"):
        assert secret not in shown


def test_a_hidden_byte_is_any_byte() -> None:
    assert same(PLAIN, PLAIN.replace("0431323334", "04????????").replace("010B31", "01??31"))
    assert same(PLAIN, PLAIN.replace("ATR 3BE000FF8131FE4514", "RESET"))
    assert not same(PLAIN, PLAIN.replace("0431323334", "06????????????"))


def test_an_answer_goes_with_its_command() -> None:
    """9000 to another command is another answer: nothing is matched that only looks alike."""
    left = from_dump("> 00B0000000\n< 9000\n> 00B0000100\n< 6B00\n")
    right = from_dump("> 00B0000100\n< 9000\n> 00B0000000\n< 6B00\n")
    lines = compare_traces(left, right)
    assert sum(line.startswith("  <") for line in lines) == 0


def test_only_what_is_near_a_difference_is_shown() -> None:
    many = "".join(f"> 00B0{n:04X}00\n< 9000\n" for n in range(300))
    lines = compare_traces(
        from_dump(many), from_dump(many.replace("> 00B0009600\n< 9000", "> 00B0009600\n< 6B00"))
    )
    assert lines[0] == "..."
    assert len(lines) < 15


def test_sessions_that_share_nothing_are_compared_at_once() -> None:
    """Beyond a bound there is no search for what they share: it would take minutes."""
    size = int(MOST_COMPARED**0.5) + 2
    left = from_dump("".join(f"> 00B0{n:04X}00\n" for n in range(size)))
    right = from_dump("".join(f"> 00B1{n:04X}00\n" for n in range(size)))
    lines = compare_traces(left, right)
    assert sum(line.startswith("- >") for line in lines) == size
    assert sum(line.startswith("+ >") for line in lines) == size
