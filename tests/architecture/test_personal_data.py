"""Promises P6 and P8 by lists: all that a stranger can try, and every value that is kept.

What is not on the list fails the test: a new file, a new value, a new way to reach one.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from jukicard import Card, issue_card
from jukicard.apdu import Aid, CommandApdu
from jukicard.applets.juki.files import TREE
from jukicard.environment import SeededRandom
from jukicard.filesystem.files import EfNode
from jukicard.synthetic.people import draw_person
from jukicard.synthetic.person import Person
from tests.support.cards.blanks import make_blank, make_model, personalise
from tests.support.cards.juki_desk import (
    VERIFY,
    desk,
)
from tests.support.naive.terminal import (
    JUKI,
    PURPOSES,
)

JPKI = Aid("D392F000260100000001")


def _strangers_commands() -> Iterator[tuple[EfNode, CommandApdu]]:
    """Every way to read or change an EF, by the identifier it is selected with before."""
    for node in TREE.walk():
        if isinstance(node, EfNode):
            for ins, p1, p2, data, ne in (
                (0xB0, 0, 0, b"", 256), (0xB1, 0, 0, b"\x54\x01\x00", 256), (0xB2, 1, 4, b"", 256),
                (0xB3, 1, 4, b"\x54\x01\x00", 256), (0xA0, 0, 0, b"1", 256),
                (0xA2, 1, 4, b"1", 256),
                (0xD6, 0, 0, b"\0", 0), (0xD0, 0, 0, b"\0", 0), (0x0E, 0, 0, b"", 0),
                (0xDC, 1, 4, b"\0", 0), (0xD2, 1, 4, b"\0", 0), (0xE2, 0, 0, b"\0", 0),
                (0x0C, 1, 4, b"", 0), (0x04, 0, 0, b"", 0), (0x44, 0, 0, b"", 0),
                (0xE8, 0, 0, b"", 0),
                (0x24, 1, 0x80, b"0000", 0), (0x2C, 3, 0x80, b"", 0), (0x2C, 2, 0x80, b"0000", 0),
            ):  # fmt: skip
                yield node, CommandApdu(0x00, ins, p1, p2, data, ne)


def test_p6_a_stranger_with_the_holders_pin_gets_and_changes_nothing() -> None:
    there = desk()
    before = there.card.environment.memory.snapshot().contents()
    tried = 0
    for node, command in _strangers_commands():
        assert there.terminal.plain(VERIFY).status == 0x9000
        select = CommandApdu(0x00, 0xA4, 0x02, 0x0C, node.fid.to_bytes(2, "big"))
        assert there.terminal.plain(select).status == 0x9000
        answer = there.terminal.plain(command)
        assert answer.status.is_error, f"{command.ins:02X} on {node.label}: {answer.status:04X}"
        assert not answer.data
        tried += 1
    assert tried == 19 * 8
    assert there.card.environment.memory.snapshot().contents() == before


KEY, TRIES, STATE = "a system's key, derived", "a counter", "a life-cycle state"
WHAT_IT_KEEPS = {
    **{f"content/{0x0100 + n:04X}": KEY for n in PURPOSES},
    **{f"tries/{0x0100 + n:04X}": TRIES for n in PURPOSES},
    **{f"state/{0x0100 + n:04X}": STATE for n in PURPOSES},
    "content/001C": "the PIN, which the holder chose",
    "tries/001C": TRIES,
    "content/0003": "municipality of issue, form, two dates of the card",
    "object//5A": "the card's number",
    "object//C1": "resident or moved out",
    "content/0002": "PERSONAL: the resident record code",
}
"""Every value that a personalised Juki application keeps, and what it is."""


def _kept(card: Card, aid: bytes) -> dict[str, bytes]:
    contents = card.environment.memory.snapshot().partitions
    return dict(contents[f"application {Aid(aid)}"])


def _persons() -> Iterator[Person]:
    for number in range(20):
        random = SeededRandom(f"holder {number}")
        yield draw_person(random, issued=datetime.date(2015, 4, 1))


def test_p8_every_byte_that_is_kept_is_listed_and_one_value_is_personal() -> None:
    personal = [name for name, what in WHAT_IT_KEEPS.items() if what.startswith("PERSONAL")]
    assert personal == ["content/0002"]
    for person in _persons():
        card = issue_card("juki-v1", seed=1, person=person)
        kept = _kept(card, JUKI)
        assert kept.keys() == WHAT_IT_KEEPS.keys()
        code = person.resident_code.encode()
        assert kept["content/0002"].endswith(b"\x01\x0b" + code)
        assert len(kept["content/0002"]) == 2 + 2 + 11, "its length, tag, length, eleven digits"
        for name, value in kept.items():
            assert (code in value) is (name in personal), name


def test_p8_a_blank_card_keeps_nothing_personal_and_no_more_when_it_is_somebodys() -> None:
    personal = {name for name, what in WHAT_IT_KEEPS.items() if what.startswith("PERSONAL")}
    card, model = make_blank("juki-v1"), make_model("juki-v1")
    blank = _kept(card, JUKI)
    assert blank.keys() <= WHAT_IT_KEEPS.keys() - personal
    personalise(card, model)
    kept = _kept(card, JUKI)
    assert kept.keys() == WHAT_IT_KEEPS.keys()
    changed = {name for name in kept if kept[name] != blank.get(name)}
    assert changed == {"content/0002", "content/0003", "content/001C", "tries/001C"}
    code = kept["content/0002"][-11:]
    assert [name for name, value in kept.items() if code in value] == ["content/0002"]


def _spellings(person: Person) -> Iterator[tuple[str, bytes]]:
    """What makes a person known, in every coding that a Japanese card might keep it in."""
    texts = {
        "name": person.name,
        "address": person.address,
        "family name": person.family,
        "given name": person.given,
        "reading": person.family_kana,
        "street": person.street,
        "individual number": person.individual_number,
        "birth date": person.birth.strftime("%Y%m%d"),
    }
    for what, text in texts.items():
        for coding in ("utf-8", "utf-16-be", "utf-16-le", "shift_jis", "euc_jp", "iso2022_jp"):
            yield what, text.encode(coding, "ignore")


def test_p8_nothing_else_of_the_holder_is_in_juki_application_issuer_domain_or_card() -> None:
    looked = 0
    for person in _persons():
        card = issue_card("juki-v1", seed=1, person=person)
        contents = card.environment.memory.snapshot().partitions
        everything = {
            name: b"\0".join(values.values())
            for name, values in contents.items()
            if str(JPKI) not in name  # its certificate is the holder's own choice (P14)
        }
        assert len(everything) == 3
        for what, spelling in _spellings(person):
            if len(spelling) >= 4:
                looked += 1
                for name, value in everything.items():
                    assert spelling not in value, f"{what} in {name}"
    assert looked > 20 * 6 * 4


def test_p8_the_search_would_find_it() -> None:
    """The code is personal, is there, and is found by the same search."""
    person = next(_persons())
    card = issue_card("juki-v1", seed=1, person=person)
    kept = b"\0".join(_kept(card, JUKI).values())
    assert person.resident_code.encode("utf-8") in kept
