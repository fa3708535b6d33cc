"""Applications of strangers that come after issue: what they cannot do to the issuer and others."""

from __future__ import annotations

from typing import Final

import pytest

from jukicard import Card, Placement, ProfileError, issue_card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.kit import Applet, AppletContext, BasicState, IsoError, Order, StatusWord
from jukicard.runtime import kinds
from jukicard.runtime.firewall import AppletMisbehavedError
from jukicard.runtime.kinds import further_kinds, is_own, offer_applet
from jukicard.runtime.placement import Privilege
from tests.support.cards.issuer_desk import (
    ISSUED,
    POINTS,
    SELECT_POINTS,
    apdu,
    contents,
    delete,
    install,
    put_key,
    session,
)
from tests.support.naive.scp03_host import Host
from tests.support.published.transcript import send

RUDE: Final = Aid("F0525544450101")
SELECT_RUDE: Final = f"00A4040C07{RUDE}"
PICKY: Final = Aid("F0525544450103")
MANAGER: Final = Aid("F0525544450102")


class RudeApplet(Applet[BasicState]):
    """Answers the issuer with whatever is no answer."""

    type_name = "test-rude"

    @classmethod
    def usual_aid(cls, parameters: object) -> Aid | None:
        return RUDE

    def new_state(self) -> BasicState:
        return BasicState()

    def select(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu()

    def process(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        if command.ins == 0x01:
            self.context.memory.put("greedy", bytes(60_000))
        if command.ins == 0x02:
            self.context.memory.put_now("greedy", bytes(60_000))
        return ResponseApdu(bytes((self.context.contents is None,)))

    def store(self, file: int, value: bytes) -> None:
        self.context.memory.put("half", value)
        raise RuntimeError("no reason")

    def store_object(self, tag: int, value: bytes) -> None:
        while True:
            tag += 1

    def put_key(self, reference: int, replaced: int, version: int, enc: bytes, mac: bytes) -> None:
        self.context.memory.put("half", enc)
        raise IsoError(StatusWord.OK, "a refusal that is none")

    def unblock(self, file: int) -> None:
        raise SystemExit(file)


class NamelessApplet(RudeApplet):
    """Never says where it lies."""

    type_name = "test-nameless"

    @classmethod
    def usual_aid(cls, parameters: object) -> Aid | None:
        while True:
            pass


class PickyApplet(RudeApplet):
    """Wants a parameter that is a number, and says where it lies."""

    type_name = "test-picky"

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        context.memory.put("made", b"")
        int(context.parameters["number"])

    @classmethod
    def usual_aid(cls, parameters: object) -> Aid | None:
        return PICKY


offer_applet(PickyApplet)
offer_applet(RudeApplet)
offer_applet(NamelessApplet)


@pytest.fixture
def bugs() -> list[Exception]:
    return []


@pytest.fixture
def card(bugs: list[Exception]) -> Card:
    made = Card.restore(ISSUED, on_bug=bugs.append)
    made.power_on()
    return made


FAULTS: Final = {
    "raises": "80E2880004 0001 0141",
    "never ends": "80E2800003 C10141",
    "refuses with 9000": "",
    "leaves": "802C0300020101",
}


@pytest.mark.parametrize("how", FAULTS)
def test_a_faulty_one_fails_alone(card: Card, bugs: list[Exception], how: str) -> None:
    host = session(card)
    assert host.send(install(module=RUDE, aid=RUDE)) == "009000"
    assert host.send(install()) == "009000"
    assert host.send(install(0x20, aid=RUDE)) == "009000"
    before = contents(card)
    command = FAULTS[how].replace(" ", "") or put_key(host, (bytes(16), bytes(16)), 1)
    assert host.send(command) == "6F00"
    assert [type(bug) for bug in bugs] == [AppletMisbehavedError]
    assert contents(card) == before, "nothing of it is left"
    assert send(card, SELECT_POINTS) == "9000", "others go on"
    host = session(card)
    assert host.send(install(0x20)) == "009000"
    assert host.send("80E2800003C10141") == "9000"
    assert host.send(delete(RUDE)) == "009000", "and it goes"
    assert send(card, SELECT_RUDE) == "6A82"


@pytest.mark.parametrize("ins", ["01", "02"])
def test_a_greedy_one_gets_what_is_left_and_no_more(card: Card, ins: str) -> None:
    host = session(card)
    reserving = bytes.fromhex("C900EF06C80400002000")
    assert host.send(install(parameters=reserving)) == "009000"
    assert host.send(install(module=RUDE, aid=RUDE)) == "009000"
    before = contents(card)
    send(card, SELECT_RUDE)
    assert send(card, f"00{ins}0000") == "6A84"
    assert contents(card) == before
    host = session(card)
    host.send(install(0x20))
    assert host.send("80E2800003C10141") == "9000"


def test_one_that_never_says_where_it_lies_is_not_offered(card: Card) -> None:
    assert "test-nameless" in further_kinds()
    assert not any(map(is_own, further_kinds()))
    host = session(card)
    assert host.send("80F22000094F07" + str(RUDE)) == "07" + str(RUDE) + "01009000"
    assert host.send(apdu(0xF2, 0x20, 0, b"\x4f\0"))[-4:] in ("9000", "6310")


@pytest.mark.parametrize("how", ["never ends", "raises", "refuses", "no AID", "an AID"])
def test_where_one_lies_is_asked_once_a_process(
    monkeypatch: pytest.MonkeyPatch, card: Card, how: str
) -> None:
    """Also of a class that fails each time, and anew of another class under the name."""
    asked: list[str] = []

    def offer(name: str) -> None:
        class Asked(RudeApplet):
            type_name = "test-asked"

            @classmethod
            def usual_aid(cls, parameters: object) -> Aid | None:
                asked.append(name)
                while how == "never ends":
                    pass
                if how == "raises":
                    raise RuntimeError("no reason")
                if how == "refuses":
                    raise IsoError(StatusWord.WRONG_LENGTH, "no reason")
                return MANAGER if how == "an AID" else None

        monkeypatch.setitem(kinds._OFFERED, "test-asked", Asked)

    offer("first")
    wanted = "009000" if how == "an AID" else "6A88"
    for made in (card, Card.restore(ISSUED)):
        made.power_on()
        host = session(made)
        host.send(apdu(0xF2, 0x20, 0, b"\x4f\0"))
        assert host.send(install(module=MANAGER, aid=MANAGER)) == wanted
        assert host.send(install()) == "009000"
    assert asked == ["first"]
    offer("second")
    session(card).send(install(aid=bytes(POINTS) + b"\1"))
    assert asked == ["first", "second"]


def test_nobody_from_elsewhere_manages_a_card(bugs: list[Exception]) -> None:
    """The privilege alone does not do it: it is for kinds of this distribution."""
    manager = Placement(MANAGER, "test-rude", {}, frozenset({Privilege.APPLICATIONS}))
    made = issue_card("juki-v1", seed=1, applications=[manager])
    made.power_on()
    send(made, f"00A4040C07{MANAGER}")
    assert send(made, "00030000") == "61" + "01", "it has no contents to manage"
    assert send(made, "00C0000001") == "019000"
    with made.environment.memory.transaction():
        made.environment.memory.partition("card").put("state", b"\x04")
    for ins in ("50", "82", "F0", "F2", "CA"):
        assert send(made, f"80{ins}006600") == "6985", "a suspended card lets the issuer in alone"


def test_nobody_from_elsewhere_is_told_the_issuers_keys() -> None:
    class Curious(RudeApplet):
        type_name = "test-curious"

        def personalise(self, order: Order) -> None:
            order.domain_keys()

    offer_applet(Curious)
    for privileges in (frozenset(), frozenset({Privilege.APPLICATIONS})):
        curious = Placement(MANAGER, "test-curious", {}, privileges)
        with pytest.raises(ProfileError, match="firewall"):
            issue_card("juki-v1", seed=1, applications=[curious])


def test_applications_do_not_see_what_the_issuer_does(card: Card) -> None:
    """None of ours has it either, but the domain."""
    for application in card.applications:
        assert (application.applet.context.contents is not None) is application.is_issuers
    assert sum(application.is_issuers for application in card.applications) == 1


def test_what_others_have_is_not_told_by_status(card: Card) -> None:
    """A stranger's card reader learns nothing of applications by asking the domain."""
    for command in ("80F24002024F00", install().hex(), delete(POINTS).hex()):
        assert send(card, command) == "6982"
    assert Host(card.transmit).open().send("80F24002024F00")[-4:] == "9000"


@pytest.mark.parametrize(
    ("parameters", "status"), [("", "6A80"), ("number=no", "6A80"), ("number=7;more=x", "009000")]
)
def test_one_that_cannot_be_made_is_not_installed(card: Card, parameters: str, status: str) -> None:
    host = session(card)
    before = contents(card)
    text = parameters.encode()
    sent = install(module=PICKY, aid=PICKY, parameters=bytes((0xC9, len(text))) + text)
    assert host.send(sent) == status
    assert (contents(card) == before) is (status == "6A80")
    assert send(card, f"00A4040C07{PICKY}") == ("6A82" if status == "6A80" else "9000")
