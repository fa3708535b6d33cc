"""Memory of one's own: nobody takes it, nobody's writes are seen through it, and it is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings, strategies as st

from jukicard import Card, issue_card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.cli import main
from jukicard.kit import Applet, BasicState
from jukicard.memory import create_card
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.handlers import DeclarationError
from jukicard.runtime.kinds import find_kind, offer_applet
from jukicard.runtime.options import CardOptions
from jukicard.runtime.quota import USUAL_SHARE
from jukicard.runtime.registry import MOST_APPLICATIONS
from tests.support import soak
from tests.support.cards.issuer_desk import ISSUED, POINTS, SHARING, delete, install, session
from tests.support.naive.scp03_host import Host
from tests.support.published.transcript import send

NAMES: Final = {Aid(f"F05348415245{size:04X}"): size for size in (0, 100, USUAL_SHARE, 40_000)}
"""Where the kinds below lie, and what each says that is to be its own."""
USUAL: Final = next(aid for aid, size in NAMES.items() if size == USUAL_SHARE)


class ShareApplet(Applet[BasicState]):
    """INS 20 and 22 write P2 times 50 bytes under a name of P1 + 1 letters, 22 at once; 21 not."""

    def new_state(self) -> BasicState:
        return BasicState()

    def select(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu()

    def process(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        memory, key = self.context.memory, "k" * (command.p1 + 1)
        if command.ins == 0x21:
            memory.delete(key)
        else:
            (memory.put_now if command.ins == 0x22 else memory.put)(key, bytes(command.p2 * 50))
        return ResponseApdu()


def _offer(aid: Aid, size: int) -> None:
    body: dict[str, object] = {
        "type_name": f"test-share-{size}",
        "usual_aid": classmethod(lambda cls, parameters: aid),
    }
    if size != USUAL_SHARE:
        body["reserved_memory"] = size
    offer_applet(type(f"Share{size}", (ShareApplet,), body))


for _aid, _size in NAMES.items():
    _offer(_aid, _size)


def own(size: int) -> bytes:
    """Return the parameters of INSTALL that say how much is to be an application's own."""
    return bytes.fromhex("C900EF06C804") + size.to_bytes(4)


def powered(quota: int = 65_536) -> Card:
    card = Card.restore(ISSUED, on_bug=raise_bug)
    if quota != 65_536:
        card = issue_card("juki-v1", seed=1, on_bug=raise_bug, options=_quota(quota))
    card.power_on()
    return card


def _quota(quota: int) -> Callable[[CardOptions], CardOptions]:
    return lambda options: replace(options, quota=quota)


def put(card: Card, aid: Aid, command: str) -> str:
    assert send(card, f"00A4040C{len(aid):02X}{aid}") == "9000"
    return send(card, command)


def named(number: int) -> Aid:
    return Aid(f"F0534841524541{number:02X}")


def added(host: Host, module: Aid, aid: Aid, parameters: bytes = b"\xc9\0") -> str:
    return host.send(install(module=module, aid=aid, parameters=parameters))


# --- what is said, and by whom ---


@pytest.mark.parametrize("module", NAMES)
@pytest.mark.parametrize("said", [None, 0, 7, 300])
def test_installation_says_it_or_the_class_does_or_there_is_a_usual_size(
    module: Aid, said: int | None
) -> None:
    card = powered()
    parameters = b"\xc9\0" if said is None else own(said)
    assert added(session(card), module, module, parameters) == "009000"
    entry = card.applications.entry(module)
    assert entry.reserved == (NAMES[module] if said is None else said)
    again = Card.restore(card.snapshot())
    assert again.applications.entry(module).reserved == entry.reserved


def test_none_by_express_wish_is_a_share_in_the_rest() -> None:
    card = powered()
    assert added(session(card), USUAL, USUAL, SHARING) == "009000"
    assert put(card, USUAL, "802000FF") == "9000", "12,750 bytes"


def test_a_share_is_all_that_it_has() -> None:
    card = powered()
    assert added(session(card), USUAL, USUAL) == "009000"
    assert put(card, USUAL, "80200014") == "9000"  # 1 and 1,000 bytes
    assert put(card, USUAL, "80201500") == "9000"  # 22: 1 is left
    assert put(card, USUAL, "80202500") == "6A84"
    assert put(card, USUAL, "80200013") == "9000"
    assert put(card, USUAL, "80202000") == "9000"


@pytest.mark.parametrize("size", [-1, 0x8000_0000, True, "1024", None, 1.5])
def test_a_class_that_says_no_number_of_bytes_is_refused(size: object) -> None:
    body = {"type_name": "test-share-odd", "reserved_memory": size}
    with pytest.raises(DeclarationError, match=r"reserved_memory is not a number of bytes, 0 to"):
        type("Odd", (ShareApplet,), body)


def test_what_is_there_since_issue_has_no_part_in_it() -> None:
    card = issue_card("juki-v1", seed=1, applications=["test-share-100"], on_bug=raise_bug)
    card.power_on()
    [aid] = [aid for aid, size in NAMES.items() if size == 100]
    assert card.applications.entry(aid).reserved == 0
    assert put(card, aid, "802000FF") == "9000"


def test_own_kinds_are_not_loaded_to_be_asked() -> None:
    for name in ("issuer", "juki", "jpki"):
        assert find_kind(name).reserved == find_kind(name).load().reserved_memory == USUAL_SHARE


# --- there is room for it, or INSTALL is refused ---


@pytest.mark.parametrize("quota", [0, 1, USUAL_SHARE - 1, USUAL_SHARE, 2 * USUAL_SHARE - 1])
def test_a_card_without_room_for_a_share_says_so_when_it_is_installed(quota: int) -> None:
    card = powered(quota)
    host = session(card)
    before = card.snapshot()
    answers = [added(host, USUAL, named(number)) for number in range(2)]
    fits = quota // USUAL_SHARE
    assert answers == ["009000"] * fits + ["6A84"] * (2 - fits)
    assert (f"{USUAL_SHARE} bytes are to be its own, and {quota % USUAL_SHARE} bytes") in str(
        card.last_refusal
    )
    if not fits:
        assert card.snapshot().contents()["card"] == before.contents()["card"]
    assert added(host, USUAL, named(9), SHARING) == "009000", "who wants none finds none"


def test_what_sharers_have_written_is_not_promised_to_another() -> None:
    card = powered()
    assert added(session(card), USUAL, named(0), SHARING) == "009000"
    for number in range(4):
        assert put(card, named(0), f"8020{number:02X}FF") == "9000"
    left = 65_536 - 4 * 12_750 - (1 + 2 + 3 + 4)
    host = session(card)
    assert added(host, USUAL, named(1), own(left + 1)) == "6A84"
    assert added(host, USUAL, named(1), own(left)) == "009000"
    assert added(host, USUAL, named(2), own(1)) == "6A84"
    assert put(card, named(0), "80202000") == "6A84", "nothing is left to share"
    assert put(card, named(0), "80210300") == "9000"
    assert put(card, named(0), "802020FE") == "9000", "but what it frees itself"
    assert session(card).send(delete(named(1))) == "009000"
    assert put(card, named(0), "802021FF") == "9000"


def test_every_application_that_a_card_can_hold_has_its_share() -> None:
    """Sixty-four on a card: each fills what is its own, whatever the others and a sharer do."""
    card = powered()
    host = session(card)
    assert added(host, USUAL, named(0), SHARING) == "009000"
    later = range(1, MOST_APPLICATIONS - len(card.applications) + 1)
    for number in later:
        assert added(host, USUAL, named(number)) == "009000"
    assert added(host, USUAL, named(99), SHARING) == "6A84", "a card holds 64"
    while put(card, named(0), "80220005") == "9000":
        if put(card, named(0), "80220105") != "9000" or put(card, named(0), "802202FF") != "9000":
            break
    for number in later:
        assert put(card, named(number), "80200014") == "9000"
        assert put(card, named(number), "80201600") == "9000", "to the last byte"
        assert put(card, named(number), "80203000") == "6A84"


# --- who has a share is as alone on the card ---

SHARED: Final = st.sampled_from([None, 0, 60, 5_000])
WRITES: Final = st.tuples(
    st.sampled_from(["20", "21", "22"]), st.integers(0, 2), st.sampled_from([0, 1, 20, 255])
)
OTHERS: Final = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 4), WRITES),
    st.tuples(st.just("install"), st.integers(1, 4), SHARED),
    st.tuples(st.just("delete"), st.integers(1, 4), st.none()),
)
STEPS: Final = st.lists(
    st.one_of(st.tuples(st.just("own"), st.just(0), WRITES), OTHERS), max_size=30
)


@settings(max_examples=soak.times(30, soak=1_000), deadline=None)
@given(SHARED.filter(lambda size: size != 0), STEPS)
def test_who_has_a_share_is_answered_as_if_it_were_alone(
    size: int | None, steps: list[Any]
) -> None:
    """Whatever others write, and whoever comes and goes: not a refusal tells of them."""
    card, alone = powered(), powered()
    parameters = b"\xc9\0" if size is None else own(size)
    for one in (card, alone):
        assert added(session(one), USUAL, named(0), parameters) == "009000"
    for what, number, more in steps:
        if what == "own":
            ins, key, length = more
            command = f"80{ins}{key:02X}{length:02X}"
            assert put(card, named(0), command) == put(alone, named(0), command)
        elif what == "write" and card.applications.get(named(number)) is not None:
            ins, key, length = more
            assert put(card, named(number), f"80{ins}{key:02X}{length:02X}") in ("9000", "6A84")
        elif what == "install":
            answer = added(
                session(card), USUAL, named(number), b"\xc9\0" if more is None else own(more)
            )
            assert answer in ("009000", "6A89", "6A84")
        elif what == "delete":
            assert session(card).send(delete(named(number))) in ("009000", "6A88")


def test_a_share_is_in_what_the_issuer_stores_too() -> None:
    card = powered()
    host = session(card)
    assert host.send(install(parameters=own(12))) == "009000"
    assert host.send(install(0x20)) == "009000"
    assert host.send("80E2800004C10241 42".replace(" ", "")) == "9000", "object//C1 and two bytes"
    assert host.send(install(0x20)) == "009000"
    assert host.send("80E2800005C103414243") == "6A84"
    assert send(card, f"00A4040C{len(POINTS):02X}{POINTS}") == "9000"
    assert send(card, "00CA00C100") == "41429000"


def test_it_is_said_in_words_and_in_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "card.juki")
    card = powered()
    host = session(card)
    assert added(host, USUAL, named(0)) == "009000"
    assert added(host, USUAL, named(1), SHARING) == "009000"
    assert put(card, named(1), "80200001") == "9000"
    create_card(path, "card", card.environment.memory.snapshot())
    assert main(["inspect", path]) == 0
    shown = capsys.readouterr().out
    assert "memory  1,024 bytes of its own, 0 used" in shown
    assert "memory  shares what nobody has reserved, 51 used" in shown
    assert shown.count("memory  ") == 2, "of those that came after issue"
    assert main(["inspect", "--json", path]) == 0
    said = [one["memory"] for one in json.loads(capsys.readouterr().out)["applications"]]
    assert said[-2:] == [{"own": 1_024, "used": 0}, {"own": 0, "used": 51}]
    assert set(map(str, said[:-2])) == {"None"}
