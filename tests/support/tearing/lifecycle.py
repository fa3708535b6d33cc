"""Scenarios of the tearing suite for the life cycle, where an application's rules let it change.

No application of a profile lets anybody end a file, and few let anybody suspend one; the
application of tests.support.applets.lifecycle_applet lets everybody do everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from jukicard.apdu import CommandApdu, Ins
from jukicard.filesystem.files import DfNode, EfNode
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.kit.keys import KeyFile
from jukicard.kit.pin import PinFile
from tests.support.tearing.access import NOTHING, Plan, Subject
from tests.support.tearing.cuts import Scenario
from tests.support.tearing.keys import NONE, life_cycle, suspended
from tests.support.tearing.rig import Rig, sends

_S = LifeCycleState
_TARGET: Final = {
    Ins.ACTIVATE_FILE: _S.ACTIVATED,
    Ins.DEACTIVATE_FILE: _S.DEACTIVATED,
    Ins.TERMINATE_EF: _S.TERMINATED,
    Ins.INSTALL: _S.TERMINATED,  # E6 with an interindustry class: TERMINATE DF
}
_STATES: Final = (_S.ACTIVATED, _S.DEACTIVATED, _S.TERMINATED)
Edit = Callable[[Rig], None]


def of_everything(subject: Subject, ins: int) -> Iterator[Scenario]:
    """The application, a file, a PIN and a key, out of every state; and what is refused."""
    yield from life_cycle(subject, ins)
    for node in _nodes(subject):
        for state in _STATES:
            yield _change(subject, ins, node, f"which is {state.name.lower()}", state=state)
        yield _change(
            subject, ins, node, "on a suspended card", edit=suspended, state=None, refused=True
        )
        yield from _after_proofs(subject, ins, node)
        if isinstance(node, EfNode) and isinstance(node.spec, PinFile | KeyFile):
            for tries in (0, 1):
                yield _change(
                    subject, ins, node, f"with {tries} tries left",
                    edit=_with_tries(subject, node, tries), state=_S.DEACTIVATED,
                )  # fmt: skip
    yield Scenario(
        name=f"{Ins(ins).label} of no file",
        before=subject.select,
        act=sends(CommandApdu(0x00, ins, 0, 0, b"\x4d\x4d")),
        succeeds=False,
    )


def _nodes(subject: Subject) -> list[EfNode | DfNode]:
    """Return the application's DF and all its files; each kind of object must be among them."""
    nodes: list[EfNode | DfNode] = [subject.tree.root, *subject.tree.root.efs.values()]
    kinds = {type(node.spec) for node in nodes}
    assert {PinFile, KeyFile} < kinds, "no PIN or no key here"
    assert len(kinds) > 3, "no file here"
    return nodes


def _with_tries(subject: Subject, ef: EfNode, tries: int) -> Edit:
    def edit(rig: Rig) -> None:
        rig.applet(subject.aid).files.partition.put(f"tries/{ef.path}", bytes((tries,)))

    return edit


def _after_proofs(subject: Subject, ins: int, node: EfNode | DfNode) -> Iterator[Scenario]:
    """In a session opened with the key that may be meant, and after the PIN that may be meant."""
    pins = tuple(ef.fid for ef in subject.pins())
    yield _change(subject, ins, node, "in a session", plan=Plan(secure=True))
    yield _change(subject, ins, node, "after the PIN", plan=Plan(pins=pins))
    yield _change(
        subject, ins, node, "in a session, after the PIN", plan=Plan(secure=True, pins=pins)
    )


def _change(
    subject: Subject,
    ins: int,
    node: EfNode | DfNode,
    what: str,
    *,
    plan: Plan = NOTHING,
    edit: Edit | None = None,
    state: LifeCycleState | None = _S.ACTIVATED,
    refused: bool = False,
) -> Scenario:
    """One change out of a state that was written; from terminated there is none."""
    data = node.fid.to_bytes(2, "big") if isinstance(node, EfNode) else b""
    place = subject.place(node.state_key)
    # in an application out of use TERMINATE EF is refused, TERMINATE DF is not
    in_vain = isinstance(node, DfNode) and ins == Ins.TERMINATE_EF and state is not _S.ACTIVATED
    refused = refused or in_vain or state is _S.TERMINATED

    def before(rig: Rig) -> None:
        subject.prove(rig, plan)
        if plan.pins and isinstance(node, DfNode):  # no data means the current EF otherwise
            rig.must(f"00A4040C{len(subject.aid):02X}{subject.aid.hex()}")

    def prepare(rig: Rig) -> None:
        if state is not None:
            rig.applet(subject.aid).files.put_state(node, state)
        if edit is not None:
            edit(rig)

    resumes = not refused and ins == Ins.ACTIVATE_FILE
    return Scenario(
        name=f"{Ins(ins).label} of {node.label}, {what}",
        before=before,
        act=sends(CommandApdu(0x00, ins, 0, 0, data)),
        edit=prepare,
        succeeds=not refused,
        changes=NONE if refused or state is _TARGET[Ins(ins)] else frozenset({place}),
        resumes=frozenset({place}) if resumes else NONE,
    )
