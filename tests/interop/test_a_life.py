"""The life of a resident over ten years, over every way to a card and on both databases.

In-process, over vpcd without a daemon, and over PC/SC; with a card of form 1, one of form 2, and a
foreign resident. A short run takes each value with each other one once, the long run all of them.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select

from jukicard.apdu import Aid
from jukihost.channel import build_channel
from jukihost.clock import MovableClock
from jukihost.ledger import gaps
from jukihost.log import (
    Disclosed,
    Witness,
    end_day,
    have_witnessed,
    publish_log,
    sequence_log,
    verify_log,
)
from jukihost.log.tables import queue
from jukihost.workflows import (
    CardAtDesk,
    Desk,
    TownApplication,
    disclose_uses,
    install_application,
)
from tests.examples.conftest import installed
from tests.support.host.counters import AUDITOR, Counter
from tests.support.host.databases import clock, postgresql_server, sqlite_template
from tests.support.host.issuing_office import quick_keys
from tests.support.host.judging import judged
from tests.support.host.life import PHOTO, WHO, Life
from tests.support.host.town import LOG, LOG_KEY, SEEN_BY, WITNESS, WITNESS_KEY
from tests.support.host.towns import Towns, two_towns
from tests.support.interop.missing import require
from tests.support.interop.rigs import LocalRig, PcscRig, Rig, VpcdRig

__all__ = ["clock", "installed", "postgresql_server", "quick_keys", "sqlite_template"]

WAYS: Final = ("in-process", "vpcd", "pcsc")
KINDS: Final = ("sqlite", "postgresql")
SEEN: Final = "card_seen, card_seen done"
"""The other town has asked what the ledger says of the card."""
SEEN_AND_HELD: Final = (SEEN, "check_holder, card_seen done")
IN_THE_OLD_TOWN: Final = (
    *("issue done", "inquire done", "hand_over done", "identify done"),
    *(*SEEN_AND_HELD, *SEEN_AND_HELD, "copy_of_record, wide_area done"),
    *("identify refused", SEEN, "unblock_pin done", "identify done"),
    *("suspend done", "call_back done", SEEN, "begin_stop, card_seen done", SEEN),
    *("identify refused", "resume done", "identify done", *SEEN_AND_HELD),
    *("move_out done", *SEEN_AND_HELD, "announced_move, move_in done", "moved_in, move_in done"),
    *(SEEN, "give_up_card, card_seen done", "identify done"),
)
"""Every use of the resident's data there, in its order: a town sees whose card it is by the PIN."""
IN_THE_NEW_TOWN: Final = (
    *("identify done", "wide_area_issuance done", "identify done", "move_in done"),
    *("continued_use done", "identify done", *SEEN_AND_HELD),
    *("reissue_certificate done", "sign done", "install_application done"),
    *("identify done", "identify done", "identify refused", SEEN, "return done"),
)
FONT: Final = Path("/usr/share/fonts/truetype/ipamj/ipamjm.ttf")


def _lives() -> Iterator[Any]:
    """Give every combination; those beyond the pairs are for the long run."""
    ways = list(itertools.product(WAYS, WHO))
    for (way, who), kind in itertools.product(ways, KINDS):
        first = WAYS.index(way) + list(WHO).index(who)
        marks = [] if KINDS[first % 2] == kind else [pytest.mark.soak]
        if way == "pcsc":
            marks += [pytest.mark.interop, pytest.mark.xdist_group("pcscd")]
        elif kind == "postgresql":
            marks += [pytest.mark.interop, pytest.mark.xdist_group("postgresql")]
        yield pytest.param(way, kind, who, marks=marks, id=f"{way}-{kind}-{who}")


@pytest.fixture
def towns(
    request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock, kind: str
) -> Iterator[Towns]:
    """Two towns that reach each other."""
    with two_towns(request, tmp_path, clock, kind) as towns:
        yield towns


@pytest.fixture
def rig(request: pytest.FixtureRequest, way: str) -> Iterator[Rig]:
    """The way to the card."""
    with ExitStack() as stack:
        make: dict[str, Callable[[], Rig]] = {
            "in-process": LocalRig,
            "vpcd": lambda: VpcdRig(stack),
            "pcsc": lambda: PcscRig(request.getfixturevalue("pcscd")),
        }
        yield make[way]()


def library() -> Callable[[Desk, CardAtDesk], None]:
    """Return what puts the library's application onto a card, and has a book lent."""
    package, host = (importlib.import_module(name) for name in ("librarycard", "librarycard.host"))
    application = TownApplication(
        aid=Aid(package.AID),
        files=((1, bytes(package.RECORD_SIZE)),) * 10,
        systems={"LIBRARY": 1},
    )

    def add(desk: Desk, hand: CardAtDesk) -> None:
        install_application(desk, hand, application, PHOTO)
        with host.LibrarySession(build_channel(hand.connection)) as session:
            session.identify(desk.office.custody)
            session.add(host.Loan("4000000001", date(2015, 6, 15)))
            assert len(session.loans()) == 1

    return add


def disclosed(life: Life, town: Counter, holder: int, state: Path) -> Disclosed:
    """End the day, publish, verify all of a town's log; return what a resident is told of it."""
    witness = Witness(state, SEEN_BY, WITNESS, logs=[LOG_KEY])
    witness.create()
    sequence_log(town.database)
    assert end_day(town.database)
    publish_log(town.database, LOG)
    have_witnessed(
        town.database, lambda asked: witness.cosign(asked, life.clock.now()), WITNESS_KEY
    )
    found = verify_log(town.database, [LOG_KEY])
    assert (found.problems, found.pruned, found.size) == ((), 0, found.signed)
    with town.database.read() as connection:
        assert connection.execute(select(queue.c.id)).first() is None
        assert gaps(connection) == []
    assert town.undecided() == 0
    told = disclose_uses(town.desk(AUDITOR), holder, PHOTO)
    return judged(bytes(told.disclosure), life.code)


@pytest.mark.usefixtures("quick_keys")
@pytest.mark.parametrize(("way", "kind", "who"), [*_lives()])
def test_a_life(
    towns: Towns,
    rig: Rig,
    who: str,
    installed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require("IPAmj Mincho (fonts-ipamj-mincho)", [] if FONT.exists() else [str(FONT)])
    monkeypatch.syspath_prepend(installed)
    life = Life(towns, rig, WHO[who])
    life.gets_a_code()
    life.gets_a_card()
    life.uses_it_elsewhere()
    life.forgets_the_pin()
    life.loses_and_finds_it()
    life.moves()
    life.has_new_certificates()
    life.joins_the_library(library())
    life.gives_it_back()
    for town, holder, told in (
        (towns.here, life.holder, IN_THE_OLD_TOWN),
        (towns.there, life.holder_there, IN_THE_NEW_TOWN),
    ):
        shown = disclosed(life, town, holder, tmp_path / town.town)
        uses = [f"{use.purpose} {use.outcome.value}" for use in shown.uses]
        assert uses == [one for one in told if "inquire" not in one or who == "form 1"]
        assert (shown.covered, shown.erased) == (len(uses), 0)
        assert set(shown.witnessed) == {WITNESS}
