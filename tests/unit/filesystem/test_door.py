"""Every operation on every kind of EF, in every state of it and of what is above, allowed or not.

The answers are worked out here a second time: from the table as docs/lifecycle.md prints it and
from the order of refusals in docs/card.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import Ins
from jukicard.filesystem.files import DfNode, EfNode
from jukicard.filesystem.lifecycle import LifeCycleState
from tests.support.applets.every_file import (
    AID,
    BELOW,
    COUNTER_KEY,
    DF,
    KEY,
    TRANSPARENT,
    TREE,
    EveryFileApplet,
    applet_of,
    every_file_card,
)
from tests.support.published.transcript import send, status
from tests.unit.filesystem.door_acts import ACTS, BINARY, EVERY, KIND, PINS, RECORDS, Act

MANUAL: Final = Path(__file__).parents[3] / "docs" / "lifecycle.md"
INIT, ACTIVE, OFF, ENDED = "initialisation", "activated", "deactivated", "terminated"
STATES: Final = (INIT, ACTIVE, OFF, ENDED)
Table = dict[tuple[str, str, str], str]


def _printed() -> Table:
    """Read (kind, state, column) -> cell from the manual."""
    table: Table = {}
    kind, columns = "", []
    for line in MANUAL.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            kind = line[3:].lower()
        elif line.startswith("| state "):
            columns = [cell.strip() for cell in line.strip("|").split("|")][1:]
        elif line.startswith("| ") and not line.startswith("| ---"):
            state, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            table |= {
                (kind, state, column): cell for column, cell in zip(columns, cells, strict=True)
            }
    return table


PRINTED: Final = _printed()


def _status_of(cell: str) -> str:
    """The status word that a cell of the manual means: `yes`, `→ state`, or with a warning."""
    last = cell.rpartition(" ")[2]
    return last if last[0] in "0123456789" else "9000"


OF_THE_DF: Final = frozenset({Ins.GET_DATA, Ins.GET_DATA_ODD, Ins.PUT_DATA, Ins.PUT_DATA_ODD})
OF_A_KEY: Final = frozenset({Ins.MUTUAL_AUTHENTICATE})
ON_NO_FILE: Final = frozenset({Ins.GET_CHALLENGE, Ins.TERMINATE_CARD_USAGE})
MANAGES_AN_APPLICATION: Final = frozenset(
    {
        Ins.SELECT,
        Ins.GET_DATA,
        Ins.GET_CHALLENGE,
        Ins.MUTUAL_AUTHENTICATE,
        Ins.ACTIVATE_FILE,
        Ins.DEACTIVATE_FILE,
        Ins.INSTALL,
        Ins.TERMINATE_CARD_USAGE,
    }
)
"""What an application that is out of use still does (docs/card.md, section 5); E6: TERMINATE DF."""


def test_every_command_on_files_is_here() -> None:
    here = {act.ins for act in ACTS if act.cla == 0x00}
    assert here | OF_THE_DF | OF_A_KEY | ON_NO_FILE == set(EveryFileApplet.interindustry)
    assert {act.ins for act in ACTS if act.cla == 0x80} | {0x10} == set(EveryFileApplet.proprietary)
    names = [act.name for act in ACTS]
    assert len(names) == len(set(names))


OF_NO_EF: Final = {
    (0x00, Ins.MANAGE_SECURITY_ENVIRONMENT),
    (0x00, Ins.PERFORM_SECURITY_OPERATION),  # VERIFY CERTIFICATE
    (0x00, Ins.GENERAL_AUTHENTICATE),
    (0x80, Ins.SET_SESSION_KEY),
    # the issuer domain's, which are about applications and its own keys
    (0x80, Ins.INITIALIZE_UPDATE),
    (0x80, Ins.MUTUAL_AUTHENTICATE),  # EXTERNAL AUTHENTICATE
    (0x80, Ins.GET_STATUS),
    (0x80, Ins.SET_STATUS),
    (0x80, Ins.GET_DATA),
    (0x80, Ins.INSTALL),
    (0x80, Ins.APPEND_RECORD),  # STORE DATA
    (0x80, Ins.DELETE_FILE),  # DELETE
    (0x80, Ins.PUT_KEY),
    (0x80, Ins.RESET_RETRY_COUNTER),
}
"""Commands of applications here that have to do with no EF, and none of which is in this suite."""


@pytest.mark.parametrize("profile", PROFILES)
def test_no_application_has_a_command_on_files_that_is_not_here(profile: str) -> None:
    for application in issue_card(profile, seed=1).applications:
        kind = type(application.applet)
        commands = {(0x00, ins) for ins in kind.interindustry}
        commands |= {(0x80, ins) for ins in kind.proprietary}
        here = {(0x00, ins) for ins in EveryFileApplet.interindustry}
        here |= {(0x80, ins) for ins in EveryFileApplet.proprietary}
        assert commands - here <= OF_NO_EF, application


def test_every_file_is_here() -> None:
    assert set(KIND) == set(TREE.root.efs)
    below = {fid - BELOW for fid in TREE.root.dfs[DF].efs}
    assert below == set(KIND) - {KEY, COUNTER_KEY}, "a DF has no keys of systems"


@dataclass(frozen=True)
class Place:
    """Where an EF stands and what state its application and its DF are in (None: no DF below)."""

    application: str
    df: str | None

    @property
    def above(self) -> str:
        """The refusal that what is above an EF stands for, 9000 for none; the nearest counts."""
        return next(
            (
                answer
                for kind, state in (("file", self.df), ("application", self.application))
                if state is not None
                and (answer := _status_of(PRINTED[kind, state, "use"])) != "9000"
            ),
            "9000",
        )


PLACES: Final = (
    *(Place(application, None) for application in STATES),
    *(Place(application, df) for application, df in product(STATES, STATES)),
)


def expected(act: Act, fid: int, state: str, place: Place, *, right: bool) -> str:
    """What docs/card.md and docs/lifecycle.md say to a command."""
    application = _status_of(PRINTED["application", place.application, "use"])
    if application != "9000" and act.ins not in MANAGES_AN_APPLICATION:
        return application
    if fid not in act.fits:
        return "6981"
    kind = KIND[fid]
    cell = _status_of(PRINTED[kind, state, act.column])
    if act.column == "select":
        return cell
    if act.column == "read state":
        return act.answers
    denied = not (right or act.free)
    if act.column != "use":
        return "6982" if denied else cell
    # a PIN or key that was never given a value: that is about what it holds, and told last
    never_set = state == INIT and kind != "file"
    if cell != "9000" and not never_set:
        return cell
    if place.above != "9000":
        return place.above
    if act.answers in ("6A86", "6985"):  # the command does not exist for it, whoever sends it
        return act.answers
    if denied:
        return "6982"
    return cell if never_set and not act.fresh else act.answers


_BYTE: Final = {
    INIT: LifeCycleState.INITIALISATION,
    ACTIVE: LifeCycleState.ACTIVATED,
    OFF: LifeCycleState.DEACTIVATED,
    ENDED: LifeCycleState.TERMINATED,
}


def _node(fid: int, place: Place) -> EfNode:
    return TREE.ef(fid) if place.df is None else TREE.ef(DF, fid + BELOW)


def _put(card: Card, node: EfNode | DfNode, state: str) -> None:
    """Bring a file into a state; a PIN or key that was never given a value has none."""
    files = applet_of(card).files
    if state == ACTIVE:
        return
    if state == INIT and isinstance(node, EfNode) and KIND[node.fid & ~BELOW] != "file":
        files.partition.delete(node.content_key)
        files.partition.delete(f"tries/{node.path}")
        files.partition.delete(node.state_key)
        return
    files.put_state(node, _BYTE[state])


class Stage:
    """A card that is brought from one case to the next: everything as issued, nothing proven."""

    def __init__(self) -> None:
        self.card = every_file_card()
        self._written = dict(applet_of(self.card).files.partition.items())

    def clear(self) -> Card:
        """Put back what commands and cases have changed, and begin anew."""
        partition = applet_of(self.card).files.partition
        with self.card.environment.memory.transaction():
            for key, value in partition.items():
                if key not in self._written:
                    partition.delete(key)
                elif self._written[key] != value:
                    partition.put(key, self._written[key])
            for key in self._written.keys() - set(partition.keys()):
                partition.put(key, self._written[key])
        self.card.reset()
        return self.card


def _brought_to(stage: Stage, node: EfNode, state: str, place: Place, *, right: bool) -> Card:
    """A card on which this EF is the current one, in its state, and the right proven or not."""
    card = stage.clear()
    assert status(card, f"00A4040C09{AID}") == "9000"
    if right:
        assert status(card, "80100000") == "9000"
    if place.df is not None:
        assert status(card, f"00A4010C02{DF:04X}") == "9000"
    assert status(card, f"00A4020C02{node.fid:04X}") == "9000"
    with card.environment.memory.transaction():
        _put(card, node, state)
        _put(card, TREE.root, place.application)
        if place.df is not None:
            _put(card, TREE.root.dfs[DF], place.df)
    return card


@pytest.mark.parametrize("act", ACTS, ids=[act.name for act in ACTS])
def test_every_state_and_every_kind(act: Act) -> None:
    stage, checks = Stage(), 0
    for place, fid, state, right in product(PLACES, KIND, STATES, (False, True)):
        if place.df is not None and fid in (KEY, COUNTER_KEY):
            continue
        if fid in act.passes_over:
            continue
        node = _node(fid, place)
        card = _brought_to(stage, node, state, place, right=right)
        answer = status(card, act.command.format(fid=f"{node.fid:04X}"))
        wanted = expected(act, fid, state, place, right=right)
        same = answer[:3] == wanted[:3] if wanted.endswith("X") else answer == wanted
        where = f"{act.name} of {KIND[fid]} {node.label}, {state}, in {place}, right {right}"
        assert same, f"{where}: {answer}, not {wanted}; {card.last_refusal}"
        checks += 1
    ways = len(PLACES) * len(STATES) * 2
    assert checks >= ways * (len(KIND) - len(PINS) - 1) * 0.8, "nearly all, keys of systems apart"


@pytest.mark.parametrize("number", [KEY, COUNTER_KEY])
def test_authentication_with_a_key(number: int) -> None:
    """Who manages an application gets into one that is out of use, the others do not."""
    stage, reference = Stage(), number & 0x1F
    for application, state in product(STATES, STATES):
        node = TREE.ef(number)
        card = _brought_to(stage, node, state, Place(application, None), right=False)
        send(card, "0084000008")
        answer = status(card, f"008200{0x80 | reference:02X}28{'00' * 40}28")
        wanted = _status_of(PRINTED["key", state, "use"])
        if wanted == "9000" and number == KEY:
            wanted = _status_of(PRINTED["application", application, "use"])
        assert answer == wanted if wanted != "9000" else answer == "63CE", (application, state)


@pytest.mark.parametrize(
    ("command", "ins"),
    [
        ("00CA00C100", Ins.GET_DATA),
        ("00CB000003 5C01C1 00", Ins.GET_DATA_ODD),
        ("00DA00C101 AA", Ins.PUT_DATA),
        ("00DB000003 C101AA", Ins.PUT_DATA_ODD),
    ],
)
def test_data_objects(command: str, ins: Ins) -> None:
    """An application tells its own in any state; a DF in it does not, and none is written."""
    stage = Stage()
    for place, right in product(PLACES, (False, True)):
        card = _brought_to(stage, _node(TRANSPARENT, place), OFF, place, right=right)
        refused = "9000"
        if ins != Ins.GET_DATA:
            refused = _status_of(PRINTED["application", place.application, "use"])
        if refused == "9000" and (place.df is not None or ins != Ins.GET_DATA):
            refused = place.above
        wanted = refused if refused != "9000" else "9000" if right else "6982"
        assert status(card, command) == wanted, f"{place}, right {right}: {card.last_refusal}"


@pytest.mark.parametrize("name", ["no current EF", "no such EF"])
@pytest.mark.parametrize("act", ACTS, ids=[act.name for act in ACTS])
def test_what_is_not_there_is_told_before_anything_else(act: Act, name: str) -> None:
    """6986 and 6A82 need no right and no state; by short identifier where a command has one."""
    card = every_file_card()
    assert status(card, f"00A4040C09{AID}") == "9000"
    command = act.command.format(fid="0DEF")
    if "{fid}" in act.command:
        wanted = "6982" if act.column != "select" and "current" in act.name else "6A82"
    elif name == "no such EF":
        if (short := _by_short_identifier(act)) is None:
            return
        command, wanted = short, "6A82"
    else:
        # the life cycle of the application itself, where no EF is current
        wanted = "6982" if act.column in ("activate", "deactivate", "terminate") else "6986"
    assert status(card, command) == wanted, card.last_refusal


def _by_short_identifier(act: Act) -> str | None:
    """The command with the short identifier 1E, which no file has, in place of the current EF."""
    p1, p2, rest = act.command[4:6], act.command[6:8], act.command[8:]
    if act.fits == RECORDS:
        return f"{act.command[:4]}{p1}{int(p2, 16) | 0x1E << 3:02X}{rest}"
    if act.fits == BINARY:
        odd = act.ins & 1
        return f"{act.command[:4]}{'001E' if odd else '9E00'}{rest}"
    if act.fits == EVERY:
        return None
    return f"{act.command[:6]}9E{rest}"
