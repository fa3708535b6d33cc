"""Scenarios of the tearing suite for PINs: VERIFY, both ways to change one, unblocking."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jukicard.apdu import CommandApdu
from jukicard.filesystem.files import EfNode
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.kit.pin import PinFile, changes_without_pin
from tests.support.tearing.access import NOTHING, Plan, Subject, pin_value
from tests.support.tearing.cuts import Guess, Place, Scenario
from tests.support.tearing.rig import Rig, sends

NONE: frozenset[Place] = frozenset()


def _spec(ef: EfNode) -> PinFile:
    assert isinstance(ef.spec, PinFile)
    return ef.spec


def _other(value: bytes) -> bytes:
    """Return another value that the same PIN may have."""
    return value[:-1] + (b"1" if value[-1:] != b"1" else b"2")


def _with_tries(subject: Subject, ef: EfNode, tries: int) -> Callable[[Rig], None]:
    def edit(rig: Rig) -> None:
        rig.applet(subject.aid).files.partition.put(f"tries/{ef.path}", bytes((tries,)))

    return edit


def _deactivated(subject: Subject, ef: EfNode) -> Callable[[Rig], None]:
    return lambda rig: rig.applet(subject.aid).files.put_state(ef, LifeCycleState.DEACTIVATED)


def _send(
    subject: Subject, ef: EfNode, cla: int, ins: int, p1: int, data: Callable[[Rig], bytes]
) -> Callable[[Rig], None]:
    """Note the command that `act` will send; the data may depend on the card's memory."""

    def before(rig: Rig) -> None:
        p2 = subject.reference(rig, ef)
        rig.notes["command"] = CommandApdu(cla, ins, p1, p2, data(rig))

    return before


def _case(
    subject: Subject,
    ef: EfNode,
    what: str,
    header: tuple[int, int, int],
    data: Callable[[Rig], bytes],
    *,
    plan: Plan = NOTHING,
    edit: Callable[[Rig], None] | None = None,
    succeeds: bool = True,
    changes: frozenset[Place] = NONE,
    raises: frozenset[Place] = NONE,
    guess: Guess | None = None,
) -> Scenario:
    note = _send(subject, ef, *header, data)

    def before(rig: Rig) -> None:
        subject.prove(rig, plan)
        note(rig)

    return Scenario(
        name=f"{header[1]:02X} {header[2]:02X} of PIN {ef.label}, {what}",
        before=before,
        act=lambda rig: rig.send(rig.notes["command"]),
        edit=edit,
        succeeds=succeeds,
        changes=changes,
        raises=raises,
        guess=guess,
    )


def _fixed(value: bytes) -> Callable[[Rig], bytes]:
    return lambda rig: value


def _empty(rig: Rig) -> bytes:
    return b""


def verify(subject: Subject, ins: int) -> Iterator[Scenario]:
    """VERIFY of every PIN: right and wrong, at the first and at the last try, and blocked."""
    for ef in subject.pins():
        yield from _verify(subject, ef, ins)


def _verify(subject: Subject, ef: EfNode, ins: int) -> Iterator[Scenario]:
    tries, full = subject.tries(ef), _spec(ef).tries
    header = (0x00, ins, 0x00)
    right = pin_value(subject.applet, ef)
    wrong = _other(right)
    yield _case(subject, ef, "right", header, lambda rig: right, guess=Guess(tries, right=True))
    yield _case(
        subject, ef, "wrong", header, lambda rig: wrong,
        succeeds=False, changes=frozenset({tries}), guess=Guess(tries),
    )  # fmt: skip
    last = _with_tries(subject, ef, 1)
    yield _case(
        subject, ef, "wrong at the last try", header, lambda rig: wrong,
        edit=last, succeeds=False, changes=frozenset({tries}), guess=Guess(tries),
    )  # fmt: skip
    if full > 1:
        yield _case(
            subject, ef, "right at the last try", header, lambda rig: right,
            edit=last, changes=frozenset({tries}), guess=Guess(tries, right=True),
        )  # fmt: skip
    for what, value in (("right", right), ("wrong", wrong), ("a query", b"")):
        yield _case(
            subject, ef, f"{what}, blocked", header, _fixed(value),
            edit=_with_tries(subject, ef, 0), succeeds=False,
        )  # fmt: skip
    yield _case(
        subject, ef, "right, deactivated", header, lambda rig: right,
        edit=_deactivated(subject, ef), succeeds=False,
    )  # fmt: skip


def change_reference_data(subject: Subject, ins: int) -> Iterator[Scenario]:
    """CHANGE REFERENCE DATA: P1 00 with the old value, P1 01 with the new one only."""
    for ef in subject.pins():
        yield from _exchange(subject, ef, ins)
        yield from _change(subject, ef, (0x00, ins, 0x01))


def change_key(subject: Subject, ins: int) -> Iterator[Scenario]:
    """CHANGE KEY: the new value only."""
    for ef in subject.pins():
        yield from _change(subject, ef, (0x80, ins, 0x00))


def _exchange(subject: Subject, ef: EfNode, ins: int) -> Iterator[Scenario]:
    """P1 00: old and new value."""
    tries, content = subject.tries(ef), subject.place(ef.content_key)
    header = (0x00, ins, 0x00)
    old = pin_value(subject.applet, ef)
    new, long = _other(old), _other(old) + bytes(40)
    plan = subject.plan(changes_without_pin(_spec(ef).change, ef.fid))
    varies = _spec(ef).min_length != _spec(ef).max_length
    if plan is None or varies:  # without a fixed length nobody knows where the old value ends
        yield _case(subject, ef, "never", header, lambda rig: old + new, succeeds=False)
        return
    right = Guess(tries, right=True)
    yield _case(
        subject, ef, "right old value", header, lambda rig: pin_value_now(subject, rig, ef) + new,
        plan=plan, changes=frozenset({content}), guess=right,
    )  # fmt: skip
    yield _case(
        subject, ef, "right old value at the last try", header,
        lambda rig: pin_value_now(subject, rig, ef) + new,
        plan=plan, edit=_with_tries(subject, ef, 1), guess=right,
        changes=frozenset({content, tries} if _spec(ef).tries > 1 else {content}),
    )  # fmt: skip
    yield _case(
        subject, ef, "wrong old value", header, lambda rig: new + old,
        plan=plan, succeeds=False, changes=frozenset({tries}), guess=Guess(tries),
    )  # fmt: skip
    yield _case(
        subject, ef, "right old value, new value too long", header, lambda rig: old + long,
        plan=plan, succeeds=False, guess=right,
    )  # fmt: skip
    yield _case(
        subject, ef, "right old value, blocked", header, lambda rig: old + new,
        plan=plan, edit=_with_tries(subject, ef, 0), succeeds=False,
    )  # fmt: skip


def pin_value_now(subject: Subject, rig: Rig, ef: EfNode) -> bytes:
    """Return a PIN's value on the card that is being used."""
    return pin_value(rig.applet(subject.aid), ef)


def _change(subject: Subject, ef: EfNode, header: tuple[int, int, int]) -> Iterator[Scenario]:
    """The new value only, under the PIN's change condition."""
    content = subject.place(ef.content_key)
    new = _other(pin_value(subject.applet, ef))
    plan = subject.plan(_spec(ef).change)
    if plan is not None:
        yield _case(
            subject, ef, "proven", header, lambda rig: new, plan=plan,
            changes=frozenset({content}),
        )  # fmt: skip
        yield _case(
            subject, ef, "proven, too long", header, lambda rig: new + bytes(40), plan=plan,
            succeeds=False,
        )  # fmt: skip
    if plan != NOTHING:
        yield _case(subject, ef, "nothing proven", header, lambda rig: new, succeeds=False)


def reset_retry_counter(subject: Subject, ins: int) -> Iterator[Scenario]:
    """RESET RETRY COUNTER: by right, and with a resetting code where there is one."""
    for ef in subject.pins():
        yield from _by_right(subject, ef, ins)
        code = _spec(ef).resetting_code
        if code is not None:
            yield from _with_code(subject, ef, ef.parent.efs[code], ins)


def _by_right(subject: Subject, ef: EfNode, ins: int) -> Iterator[Scenario]:
    tries, content = subject.tries(ef), subject.place(ef.content_key)
    new = _other(pin_value(subject.applet, ef))
    plan = subject.plan(_spec(ef).unblock)
    blocked = _with_tries(subject, ef, 0)
    if plan is not None:
        yield _case(
            subject, ef, "unblocked", (0x00, ins, 0x03), _empty, plan=plan, edit=blocked,
            changes=frozenset({tries}), raises=frozenset({tries}),
        )  # fmt: skip
        fixed = _spec(ef).fixed
        yield _case(
            subject, ef, "unblocked with a new value", (0x00, ins, 0x02), lambda rig: new,
            plan=plan, edit=blocked, succeeds=not fixed,
            changes=NONE if fixed else frozenset({tries, content}),
            raises=NONE if fixed else frozenset({tries}),
        )  # fmt: skip
        yield _case(
            subject, ef, "unblocked with a value too long", (0x00, ins, 0x02),
            lambda rig: new + bytes(40), plan=plan, edit=blocked, succeeds=False,
        )  # fmt: skip
    if plan != NOTHING:
        yield _case(
            subject, ef, "nothing proven", (0x00, ins, 0x03), _empty, edit=blocked, succeeds=False
        )


def _with_code(subject: Subject, ef: EfNode, code: EfNode, ins: int) -> Iterator[Scenario]:
    tries, code_tries = subject.tries(ef), subject.tries(code)
    content = subject.place(ef.content_key)
    value, new = pin_value(subject.applet, code), _other(pin_value(subject.applet, ef))
    blocked = _with_tries(subject, ef, 0)
    yield _case(
        subject, ef, "right code and a new value", (0x00, ins, 0x00), lambda rig: value + new,
        edit=blocked, changes=frozenset({tries, content}), raises=frozenset({tries}),
        guess=Guess(code_tries, right=True),
    )  # fmt: skip
    yield _case(
        subject, ef, "wrong code", (0x00, ins, 0x01), lambda rig: _other(value),
        edit=blocked, succeeds=False, changes=frozenset({code_tries}), guess=Guess(code_tries),
    )  # fmt: skip
    yield _case(
        subject, ef, "right code, blocked", (0x00, ins, 0x01), lambda rig: value,
        edit=_with_tries(subject, code, 0), succeeds=False,
    )  # fmt: skip


def get_challenge(subject: Subject, ins: int) -> Iterator[Scenario]:
    """GET CHALLENGE: writes nothing, asked rightly or not."""
    for ne in (8, 0):
        yield Scenario(
            name=f"GET CHALLENGE of {ne} bytes",
            before=subject.select,
            act=sends(CommandApdu(0x00, ins, 0, 0, ne=ne)),
            succeeds=bool(ne),
        )
