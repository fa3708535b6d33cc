"""Scenarios of the tearing suite for the applications under `examples/`.

How they come to a card, are personalised and go; and what one of them does that no other does, the
bookings of a purse.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from jukicard.apdu import Aid, CommandApdu, Ins, Tlv
from jukicard.filesystem.files import EfNode, RecordFile, TransparentFile
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.kit.keys import KeyFile
from jukicard.kit.pin import PinFile
from jukicard.runtime.placement import Placement
from pointscard import (
    AID as POINTS,
    BALANCE,
    BOOKINGS,
    CREDIT,
    DEBIT,
    LOG,
    LOG_SIZE,
    PIN,
    PointsPurpose,
)
from tests.support.cards import towns
from tests.support.tearing import issuer
from tests.support.tearing.access import NOTHING, Plan, Subject
from tests.support.tearing.cuts import Place, Scenario
from tests.support.tearing.issuer import REGISTRY, install_for, managed, put_system_key, store
from tests.support.tearing.rig import Rig, sends

_PLACE: Final = "application {}"
_FULL: Final = 0xFFFF


# -- what the issuer does with them --------------------------------------------------------------


def _gone(aid: Aid) -> Callable[[Rig], None]:
    return lambda rig: rig.card.applications.remove(aid)


def _waiting(aid: Aid) -> Callable[[Rig], None]:
    """It has come after issue, and nothing more."""

    def edit(rig: Rig) -> None:
        rig.card.applications.remove(aid)
        rig.card.applications.install(Placement(aid, towns.AIDS[aid]), after_issue=True)

    return edit


def _come(aid: Aid) -> Callable[[Rig], None]:
    """It has come after issue, and is selectable."""

    def edit(rig: Rig) -> None:
        _waiting(aid)(rig)
        rig.card.applications.change(aid, Operation.ACTIVATE)

    return edit


def install(subject: Subject, ins: int) -> Iterator[Scenario]:
    """INSTALL of each, each way."""
    yield from issuer.install(subject, ins)
    for aid, kind in towns.AIDS.items():
        for p1, changes, edit in (
            (0x04, (REGISTRY,), _gone(aid)),
            (0x0C, (REGISTRY,), _gone(aid)),
            (0x08, (REGISTRY,), _waiting(aid)),
            (0x20, (), _waiting(aid)),
        ):
            name = f"INSTALL {p1:02X} of {kind}"
            yield from managed(
                subject, name, install_for(p1, aid), *changes, edit=edit, holds=purse_agrees
            )


def delete(subject: Subject, ins: int) -> Iterator[Scenario]:
    """DELETE of each, with points, and without a byte left of it."""
    yield from issuer.delete(subject, ins)
    purse = {"content/0001", "content/0002", "content/0004"}
    for aid, kind in towns.AIDS.items():
        partition = _PLACE.format(aid)
        kept = subject.contents[partition].keys() | (purse if aid == POINTS else set())
        yield from managed(
            subject,
            f"DELETE of {kind}",
            issuer.apdu(Ins.DELETE_FILE, 0, 0, Tlv(0x4F, aid).encode()),
            REGISTRY,
            *((partition, key) for key in kept),
            edit=_booked(3, 100) if aid == POINTS else None,
            holds=purse_agrees,
        )


def _files(aid: Aid) -> Iterator[EfNode]:
    tree = towns.TOWNS[towns.AIDS[aid]].tree_for({})
    assert tree is not None
    yield from tree.root.efs.values()


def _personalised(
    subject: Subject,
    aid: Aid,
    name: str,
    command: bytes,
    *keys: str,
    blocks: tuple[bytes, ...] = (),
    succeeds: bool = True,
) -> Iterator[Scenario]:
    """A command that reaches an application which has just come."""
    places = [(_PLACE.format(aid), key) for key in keys]
    yield from managed(
        subject,
        f"{name} of {towns.AIDS[aid]}",
        command,
        *places,
        first=(install_for(0x20, aid), *blocks),
        edit=_come(aid),
        holds=purse_agrees,
        succeeds=succeeds,
        raises=frozenset(place for place in places if place[1].startswith("tries/")),
    )


def _group(ef: EfNode, value: bytes) -> bytes:
    return ef.fid.to_bytes(2, "big") + bytes((len(value),)) + value


def store_data(subject: Subject, ins: int) -> Iterator[Scenario]:
    """STORE DATA of each: its card number, its files, its PIN; in two blocks; never points."""
    yield from issuer.store_data(subject, ins)
    for aid in towns.AIDS:
        number = Tlv(0x5A, bytes(8)).encode()
        yield from _personalised(subject, aid, "STORE DATA 5A", store(0x80, number), "object//5A")
        yield from _personalised(
            subject, aid, "STORE DATA in two blocks", store(0x80, number[4:], 1), "object//5A",
            blocks=(store(0x00, number[:4]),),
        )  # fmt: skip
        for ef in _files(aid):
            match ef.spec:
                case TransparentFile(size=size) | RecordFile(record_size=size):
                    value, keys = bytes(size), [ef.content_key]
                case PinFile():
                    value, keys = towns.PIN.encode(), [ef.content_key, f"tries/{ef.path}"]
                case _:
                    continue
            own = aid == POINTS and ef.fid in (BALANCE, LOG, BOOKINGS)
            yield from _personalised(
                subject, aid, f"STORE DATA {ef.label}", store(0x88, _group(ef, value)),
                *([] if own else keys), succeeds=not own,
            )  # fmt: skip


def put_key(subject: Subject, ins: int) -> Iterator[Scenario]:
    """PUT KEY of each purpose of each: where there was none."""
    yield from issuer.put_key(subject, ins)
    for aid in towns.AIDS:
        for ef in _files(aid):
            if isinstance(ef.spec, KeyFile):
                yield from _personalised(
                    subject, aid, f"PUT KEY {ef.label}", put_system_key(ef.spec.reference, 0),
                    ef.content_key, f"tries/{ef.path}", f"state/{ef.path}",
                )  # fmt: skip


# -- the purse -----------------------------------------------------------------------------------


def _entry(number: int, ins: int, amount: int, balance: int) -> bytes:
    return number.to_bytes(4, "big") + bytes((ins,)) + amount.to_bytes(2) + balance.to_bytes(2)


def _booked(bookings: int, balance: int) -> Callable[[Rig], None]:
    """So many bookings have been made, each of one point, and this is the balance behind them."""

    def edit(rig: Rig) -> None:
        applet = rig.applet(POINTS)
        entries = [
            _entry(number, CREDIT, 1, balance - bookings + number)
            for number in range(bookings, max(bookings - LOG_SIZE, 0), -1)
        ]
        applet.files.put_content(applet.tree.ef(BALANCE), balance.to_bytes(2))
        applet.files.put_content(applet.tree.ef(BOOKINGS), bookings.to_bytes(4))
        applet.files.put_records(applet.tree.ef(LOG), entries)

    return edit


def purse_agrees(rig: Rig) -> None:
    """Hold the balance against the log, and the log's entries against each other."""
    if rig.card.applications.get(POINTS) is None:
        return
    files, tree = rig.applet(POINTS).files, rig.applet(POINTS).tree
    balance = int.from_bytes(files.content(tree.ef(BALANCE)))
    log = files.records(tree.ef(LOG))
    assert len(log) <= LOG_SIZE
    bookings = int.from_bytes(files.content(tree.ef(BOOKINGS)))
    assert bookings == (int.from_bytes(log[0][:4]) if log else 0), "count and log disagree"
    assert balance == (int.from_bytes(log[0][7:]) if log else 0), "balance and log disagree"
    changed = [(1 if one[4] == CREDIT else -1) * int.from_bytes(one[5:7]) for one in log]
    for (newer, older), change in zip(pairwise(log), changed, strict=False):
        assert int.from_bytes(newer[:4]) == int.from_bytes(older[:4]) + 1, "a number is missing"
        assert int.from_bytes(newer[7:]) == int.from_bytes(older[7:]) + change, "a sum is wrong"


_SHOP: Final = Plan(PointsPurpose.POINTS_CREDIT.name, secure=True)
_TILL: Final = Plan(PointsPurpose.POINTS_DEBIT.name, secure=True)
_TILL_WITH_HOLDER: Final = _TILL.joined(Plan(pins=(PIN,))) or _TILL


def _booking(
    subject: Subject, ins: int, what: str, amount: int, plan: Plan, **more: object
) -> Scenario:
    changes: tuple[Place, ...] = (
        subject.place("content/0001"),
        subject.place("content/0002"),
        subject.place("content/0004"),
    )
    succeeds = more.pop("succeeds", True)
    scenario = Scenario(
        name=f"{'CREDIT' if ins == CREDIT else 'DEBIT'} of {amount} points, {what}",
        before=subject.proving(plan),
        act=sends(CommandApdu(0x80, ins, 0, 0, amount.to_bytes(2), 256)),
        succeeds=bool(succeeds),
        changes=frozenset(changes if succeeds else ()),
        holds=purse_agrees,
    )
    return dataclasses.replace(scenario, **more)  # type: ignore[arg-type]


def credit(subject: Subject, ins: int) -> Iterator[Scenario]:
    """CREDIT: the first ever, behind a full log, up to the last point, and beyond."""
    yield _booking(subject, ins, "the first", 7, _SHOP)
    yield _booking(subject, ins, "behind a full log", 7, _SHOP, edit=_booked(12, 100))
    yield _booking(subject, ins, "up to the last", 5, _SHOP, edit=_booked(1, _FULL - 5))
    full = _booked(1, _FULL - 4)
    yield _booking(subject, ins, "one too many", 5, _SHOP, edit=full, succeeds=False)
    yield _booking(subject, ins, "nothing", 0, _SHOP, succeeds=False)
    for who, plan in (("a stranger", NOTHING), ("a till", _TILL_WITH_HOLDER)):
        yield _booking(subject, ins, f"by {who}", 7, plan, succeeds=False)


def debit(subject: Subject, ins: int) -> Iterator[Scenario]:
    """DEBIT: of some, of all, behind a full log, and of more than there are."""
    some = _booked(3, 100)
    yield _booking(subject, ins, "some", 7, _TILL_WITH_HOLDER, edit=some)
    yield _booking(subject, ins, "all", 100, _TILL_WITH_HOLDER, edit=some)
    yield _booking(subject, ins, "behind a full log", 7, _TILL_WITH_HOLDER, edit=_booked(12, 100))
    yield _booking(subject, ins, "one too many", 101, _TILL_WITH_HOLDER, edit=some, succeeds=False)
    yield _booking(subject, ins, "of none", 1, _TILL_WITH_HOLDER, succeeds=False)
    for who, plan in (("a stranger", NOTHING), ("a till alone", _TILL), ("a shop", _SHOP)):
        yield _booking(subject, ins, f"by {who}", 7, plan, edit=some, succeeds=False)


ISSUERS: Final = {
    Ins.INSTALL: install,
    Ins.DELETE_FILE: delete,
    Ins.APPEND_RECORD: store_data,
    Ins.PUT_KEY: put_key,
}
"""The issuer's commands by which they come, are personalised and go."""
PURSE: Final = {CREDIT: credit, DEBIT: debit}
"""The purse's own commands."""
