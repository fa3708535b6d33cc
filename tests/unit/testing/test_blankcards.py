"""Blank cards one after another: which comes next, which comes again, and which never does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jukicard import (
    CardKeys,
    ImageError,
    LocalReader,
    ManyCardsServer,
    PersistentMemory,
    ProfileError,
    SqliteBackend,
    UnknownCardError,
    create_card,
    issue_card,
    list_cards,
)
from jukicard.applets import names
from jukicard.environment import CardEnvironment
from jukicard.runtime.card import Card
from jukicard.testing import BlankCards, FeedState
from jukicard.testing.blankcards import number_of
from jukihost import CardRemoved, NoCard, TcpConnection
from tests.support.cards.blanks import contents_of, make_model, personalise, store

MODEL = make_model("juki-v1")
Make = Callable[..., BlankCards]


@pytest.fixture(params=["in this process", "in a file"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def made(count: int, **wishes: Any) -> BlankCards:
        file = None if request.param == "in this process" else tmp_path / "cards.juki"
        return BlankCards("juki-v1", count, seed=1, file=file, **wishes)

    return made


def number_in(reader: LocalReader) -> str:
    return reader.transmit(bytes.fromhex("00CA005A00"))[2:10].hex().upper()


def looked_at(cards: BlankCards) -> str:
    """Take the next card, ask it for its number, and let it go."""
    card = cards.next_card()
    assert card is not None
    with card as reader:
        return number_in(reader)


def begun(cards: BlankCards) -> str:
    """Take the next card, and personalise one of its applications."""
    number = looked_at(cards)
    store(lambda: cards.connect(bytes.fromhex(number)), names.JUKI, contents_of(MODEL, names.JUKI))
    return number


def done(cards: BlankCards) -> str:
    """Take the next card, and personalise it."""
    number = looked_at(cards)
    personalise(lambda: cards.connect(bytes.fromhex(number)), MODEL)
    return number


def test_what_was_only_looked_at_comes_again(make: Make) -> None:
    cards = make(2)
    assert looked_at(cards) == looked_at(cards)
    assert list(cards.states.values()) == [FeedState.UNTOUCHED]


def test_cards_that_are_out_at_once_are_different_and_no_more_than_there_are(make: Make) -> None:
    cards = make(2)
    first, second = cards.next_card(), cards.next_card()
    assert first is not None
    assert second is not None
    assert cards.next_card() is None
    with first as one, second as other:
        assert number_in(one) != number_in(other)
        assert cards.next_card() is None
    assert cards.next_card() is not None


def test_each_is_somebodys_once_and_then_there_are_none(make: Make) -> None:
    told: list[tuple[str, FeedState]] = []
    cards = make(2, on_change=lambda *change: told.append(change))
    numbers = [done(cards), done(cards)]
    assert len(set(numbers)) == 2
    assert cards.next_card() is None
    assert list(cards) == []
    assert [one for one in told if one[1] is FeedState.DONE] == [
        (number, FeedState.DONE) for number in numbers
    ]


def test_one_that_was_begun_is_kept_apart_and_finished_by_its_number(make: Make) -> None:
    cards = make(2)
    number = begun(cards)
    assert cards.states[number] is FeedState.BEGUN
    assert looked_at(cards) != number
    with cards.connect(bytes.fromhex(number)) as reader:
        assert number_in(reader) == number
    assert cards.states[number] is FeedState.BEGUN


def test_iterating_gives_a_card_again_until_it_is_somebodys(make: Make) -> None:
    cards = make(2)
    seen = []
    for card in cards:
        with card as reader:
            seen.append(number_in(reader))
        if len(seen) in (2, 4):
            personalise(lambda: cards.connect(bytes.fromhex(seen[-1])), MODEL)
    assert seen[0] == seen[1] != seen[2] == seen[3]


def test_a_card_is_in_one_reader_only_and_an_unknown_one_in_none(make: Make) -> None:
    cards = make(1)
    number = bytes.fromhex(looked_at(cards))
    with cards.connect(number), pytest.raises(ImageError, match="in a reader already"):
        cards.connect(number).__enter__()
    with pytest.raises(UnknownCardError):
        cards.connect(bytes(8)).__enter__()


def test_a_terminal_that_fails_gives_its_card_back(make: Make) -> None:
    cards = make(1)
    card = cards.next_card()
    assert card is not None
    with pytest.raises(RuntimeError), card:
        raise RuntimeError("the terminal fails")
    assert list(cards.states.values()) == [FeedState.UNTOUCHED]
    assert cards.next_card() is not None


def test_keys_and_profile_are_those_that_were_asked_for() -> None:
    keys = CardKeys(issuer=[bytes(range(n, n + 16)) for n in range(3)])
    cards = BlankCards("mynumber", 1, keys=keys, contactless=True)
    card = cards.next_card()
    assert card is not None
    with card as reader:
        assert reader.atr.hex().upper() == "3B888001000005E0B381A1007F"
        wanted = list(cards.states)
    with pytest.raises(ProfileError):
        BlankCards("no such").next_card()
    assert len(wanted) == 1


# -- a file ----------------------------------------------------------------------------------------


def test_the_file_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "cards.juki"
    before = BlankCards("juki-v1", 3, seed=1, file=file)
    finished, half = done(before), begun(before)
    untouched = looked_at(before)
    assert len({finished, half, untouched}) == 3
    again = BlankCards("juki-v1", 4, seed=1, file=file)
    assert again.states == {}, "each is looked at when its turn comes"
    assert looked_at(again) == untouched
    held = again.next_card()
    assert held is not None
    with held:
        new = looked_at(again)
    assert new not in (finished, half, untouched)
    assert {entry.card_id for entry in list_cards(file)} == {finished, half, untouched, new}
    assert again.states == {
        finished: FeedState.DONE, half: FeedState.BEGUN,
        untouched: FeedState.UNTOUCHED, new: FeedState.UNTOUCHED,
    }  # fmt: skip


def test_a_card_of_the_file_is_served_as_any_other_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "cards.juki"
    number = done(BlankCards("juki-v1", 1, file=file))
    backend = SqliteBackend(file, number)
    card = Card(CardEnvironment(memory=PersistentMemory(backend)))
    assert card.applications.blank == []
    assert number_of(card) == number
    backend.close()


def test_issued_and_damaged_cards_in_the_file_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "cards.juki"
    create_card(file, "1", issue_card("juki-v1", seed=9).environment.memory.snapshot())
    damaged = looked_at(BlankCards("juki-v1", 2, seed=1, file=file))
    with sqlite3.connect(file) as sql:
        sql.execute(
            "UPDATE value SET value = x'00' WHERE key = 'content/0104'"
            " AND card = (SELECT number FROM card WHERE id = ?)",
            (damaged,),
        )
    cards = BlankCards("juki-v1", 3, seed=2, file=file)
    number = looked_at(cards)
    assert cards.states == {
        "1": FeedState.DONE, damaged: FeedState.DAMAGED, number: FeedState.UNTOUCHED
    }  # fmt: skip
    held = cards.next_card()
    assert held is not None
    with held:
        assert cards.next_card() is None, "three are in the file"


def test_a_file_of_something_else_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("what I must not forget")
    with pytest.raises(ImageError):
        BlankCards("juki-v1", 1, file=file)


# -- over TCP --------------------------------------------------------------------------------------


def test_over_tcp_a_terminal_that_names_no_card_gets_the_next(make: Make) -> None:
    cards = make(1)
    with ManyCardsServer(cards, unnamed=cards.next_name) as server:

        def connect(card: str | None = None) -> TcpConnection:
            return TcpConnection(server.host, server.port, card=card)

        with connect() as connection:
            number = connection.transmit(bytes.fromhex("00CA005A00"))[2:10].hex().upper()
            with pytest.raises(CardRemoved):
                connect().open()
        with pytest.raises(NoCard):
            connect("0" * 16).open()
        personalise(lambda: connect(number), MODEL)
        with pytest.raises(CardRemoved):
            connect().open()
        with connect(number) as connection:
            assert connection.atr == MODEL.atr


def test_over_tcp_a_card_that_cannot_be_made_is_no_card_and_the_others_go_on() -> None:
    class Broken(BlankCards):
        def make(self, place: int) -> Card:
            raise ProfileError("a secret of the operator's")

    cards, told = Broken("juki-v1", 1), []
    with (
        ManyCardsServer(
            cards, unnamed=cards.next_name, on_status=lambda status: told.append(status.detail)
        ) as server,
        pytest.raises(CardRemoved) as refused,
    ):
        TcpConnection(server.host, server.port).open()
    assert "secret" not in str(refused.value)
    assert any("a secret of the operator's" in one for one in told)
