"""Typed commands on served cards: what they do, what is said, and that no mistake ends the desk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jukicard.transport import SlotState, SlotStatus
from jukicard.transport.desk import HELP, Desk
from jukicard.transport.vpcd import VpcdServer
from tests.support.readers.echo_card import EchoCard


class Counter:
    """Two slots that wait for a driver, and a desk before them."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.cards = [EchoCard(), EchoCard()]
        self.desk = Desk(["first", "second"], self.said.append)
        self.server = VpcdServer(
            self.cards, "127.0.0.1", 0, listen=True, on_status=self.desk.tell, absence=0
        )


@pytest.fixture
def counter() -> Iterator[Counter]:
    counter = Counter()
    with counter.server:
        counter.desk.slots = counter.server.slots
        yield counter


def test_remove_and_insert(counter: Counter) -> None:
    counter.desk.run(["remove 1", "insert 1", "remove"])
    assert counter.said == [
        "slot 1: second removed",
        "slot 1: second inserted",
        "slot 0: first removed",
    ]
    assert [slot.occupied for slot in counter.server.slots] == [False, True]


def test_reset_without_power(counter: Counter) -> None:
    counter.desk.run(["reset"])
    assert counter.said == ["slot 0: the card has no power, nothing to reset"]


def test_status(counter: Counter) -> None:
    counter.desk.run(["remove 1", "status"])
    first, second = counter.server.slots
    assert counter.said[1:] == [
        f"slot 0 at {first.address}: first, no reader, power off",
        f"slot 1 at {second.address}: no card, no reader, power off",
    ]


def test_quit_ends_and_the_rest_is_not_read(counter: Counter) -> None:
    rest = iter(["", "quit", "remove"])
    counter.desk.run(rest)
    assert list(rest) == ["remove"]
    assert counter.said == []


def test_help(counter: Counter) -> None:
    counter.desk.run(["help"])
    assert counter.said == [HELP]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("insert", "insert: the card is in the slot already"),
        ("remove 2", "remove: there is no slot 2; slots are 0 to 1"),
        ("remove -1", "remove: there is no slot -1; slots are 0 to 1"),
        ("remove x", "remove: there is no slot x; slots are 0 to 1"),
        ("remove 0 1", "remove: there is no slot 0 1; slots are 0 to 1"),
        ("eject", "eject: unknown command"),
    ],
)
def test_a_mistake_is_said_and_changes_nothing(counter: Counter, line: str, said: str) -> None:
    counter.desk.run([line, "status"])
    assert counter.said[0].startswith(said)
    assert all(slot.occupied for slot in counter.server.slots)


def test_removing_twice(counter: Counter) -> None:
    counter.desk.run(["remove", "remove", "reset"])
    assert counter.said[1:] == ["remove: no card in the slot", "reset: no card in the slot"]


@pytest.mark.parametrize("state", list(SlotState))
def test_every_report_has_a_sentence(counter: Counter, state: SlotState) -> None:
    counter.desk.tell(SlotStatus(1, state, "localhost:35964", "Connection refused"))
    (said,) = counter.said
    assert said.startswith("slot 1: ")
    assert "{" not in said


def test_waiting_says_what_to_look_for(counter: Counter) -> None:
    counter.desk.tell(SlotStatus(0, SlotState.WAITING, "localhost:35963", "Connection refused"))
    assert counter.said == [
        "slot 0: no reader driver answers at localhost:35963 (Connection refused); waiting "
        "(is pcscd with vsmartcard-vpcd running?)"
    ]
