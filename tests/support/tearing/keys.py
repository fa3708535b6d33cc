"""Scenarios of the tearing suite for keys: authentication, life cycle, signatures, key pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jukicard.apdu import CommandApdu, Ins
from jukicard.apdu.ins import ins_label
from jukicard.filesystem.access import AccessCondition
from jukicard.filesystem.files import AccessRules, DfNode, EfNode
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.kit.features.lifecycle import LifeCycle
from jukicard.kit.keys import KeyFile
from jukicard.kit.signing import SigningKeyFile
from jukicard.runtime.card import CARD_PARTITION
from jukicard.runtime.cardstate import RIGHTS_WHILE_SUSPENDED
from jukihost.authentication.mutual import MutualAuthentication, Suite, get_challenge
from tests.support.tearing.access import NOTHING, Plan, Subject, host_keys
from tests.support.tearing.cuts import CARD_STATE, TERMINATED, Guess, Place, Scenario
from tests.support.tearing.rig import Rig, sends

NONE: frozenset[Place] = frozenset()
_SUSPENDED = bytes((LifeCycleState.DEACTIVATED.byte,))


# -- mutual authentication -----------------------------------------------------------------------


def mutual_authenticate(subject: Subject, ins: int) -> Iterator[Scenario]:
    """MUTUAL AUTHENTICATE with every key: right and wrong, at the last try, blocked, suspended."""
    for reference, ef in subject.keys().items():
        yield from _with_key(subject, reference, ef)
    yield Scenario(
        name="MUTUAL AUTHENTICATE without a challenge",
        before=subject.select,
        act=sends(CommandApdu(0x00, ins, 0, 0x81, bytes(40), 40)),
        succeeds=False,
    )


def _with_key(subject: Subject, reference: int, ef: EfNode) -> Iterator[Scenario]:
    tries = subject.tries(ef)
    last = _tries(subject, ef, 1)
    assert isinstance(ef.spec, KeyFile)
    yield _mutual(subject, reference, ef, "right", guess=Guess(tries, right=True))
    yield _mutual(
        subject, reference, ef, "right at the last try",
        edit=last, changes=frozenset({tries}), guess=Guess(tries, right=True),
    )  # fmt: skip
    for edit, when in ((None, ""), (last, " at the last try")):
        yield _mutual(
            subject, reference, ef, f"wrong{when}", spoil=True,
            edit=edit, succeeds=False, changes=frozenset({tries}), guess=Guess(tries),
        )  # fmt: skip
    yield _mutual(
        subject, reference, ef, "right, blocked", edit=_tries(subject, ef, 0), succeeds=False
    )
    yield _mutual(
        subject, reference, ef, "right, deactivated",
        edit=lambda rig: rig.applet(subject.aid).files.put_state(ef, LifeCycleState.DEACTIVATED),
        succeeds=False,
    )  # fmt: skip
    allowed = ef.spec.right in RIGHTS_WHILE_SUSPENDED
    yield _mutual(
        subject, reference, ef, "right, on a suspended card", edit=suspended, succeeds=allowed,
        guess=Guess(tries, right=True) if allowed else None,
    )  # fmt: skip


def _tries(subject: Subject, ef: EfNode, tries: int) -> Callable[[Rig], None]:
    def edit(rig: Rig) -> None:
        rig.applet(subject.aid).files.partition.put(f"tries/{ef.path}", bytes((tries,)))

    return edit


def suspended(rig: Rig) -> None:
    """Suspend the card as a whole."""
    rig.memory.partition(CARD_PARTITION).put("state", _SUSPENDED)


def _mutual(
    subject: Subject,
    reference: int,
    ef: EfNode,
    what: str,
    *,
    spoil: bool = False,
    edit: Callable[[Rig], None] | None = None,
    succeeds: bool = True,
    changes: frozenset[Place] = NONE,
    guess: Guess | None = None,
) -> Scenario:
    def before(rig: Rig) -> None:
        subject.select(rig)
        keys = host_keys(rig.applet(subject.aid), ef)
        run = MutualAuthentication(Suite(keys.suite), keys.k_enc, keys.k_mac)
        message = run.begin(get_challenge(rig.plain))
        if spoil:
            message = message[:-1] + bytes((message[-1] ^ 1,))
        rig.notes["command"] = CommandApdu(
            0x00, Ins.MUTUAL_AUTHENTICATE, 0x00, 0x80 | reference, message, 40
        )

    return Scenario(
        name=f"MUTUAL AUTHENTICATE with key {ef.label}, {what}",
        before=before,
        act=lambda rig: rig.send(rig.notes["command"]),
        edit=edit,
        succeeds=succeeds,
        changes=changes,
        guess=guess,
    )


# -- life cycle ----------------------------------------------------------------------------------


def _rule(ins: int) -> Callable[[AccessRules], AccessCondition]:
    return {
        Ins.ACTIVATE_FILE: lambda rules: rules.activate,
        Ins.DEACTIVATE_FILE: lambda rules: rules.deactivate,
    }.get(Ins(ins), lambda rules: rules.terminate)


def life_cycle(subject: Subject, ins: int) -> Iterator[Scenario]:
    """ACTIVATE, DEACTIVATE, TERMINATE of each file that it may be done to, and of the card."""
    root = subject.tree.root
    nodes: list[EfNode | DfNode] = [root, *root.efs.values()]
    plans = [(node, subject.plan(_rule(ins)(node.spec.access))) for node in nodes]
    for node, way in [(node, plan) for node, plan in plans if plan is not None][:4]:
        yield _on_node(subject, ins, node, way, "proven")
    for node in [node for node, plan in plans if plan != NOTHING][:3]:
        yield _on_node(subject, ins, node, NOTHING, "nothing proven", refused=True)
    if ins in (Ins.ACTIVATE_FILE, Ins.DEACTIVATE_FILE):
        yield from _on_card(subject, ins, CommandApdu(0x00, ins, 0, 0, b"\x3f\x00"))


def terminate_card_usage(subject: Subject, ins: int) -> Iterator[Scenario]:
    """TERMINATE CARD USAGE: the end of the card, active or suspended."""
    yield from _on_card(subject, ins, CommandApdu(0x00, ins, 0, 0))


def _on_node(
    subject: Subject,
    ins: int,
    node: EfNode | DfNode,
    plan: Plan,
    what: str,
    *,
    refused: bool = False,
) -> Scenario:
    data = node.fid.to_bytes(2, "big") if isinstance(node, EfNode) else b""

    def edit(rig: Rig) -> None:
        if ins == Ins.ACTIVATE_FILE:
            rig.applet(subject.aid).files.put_state(node, LifeCycleState.DEACTIVATED)

    place = subject.place(node.state_key)
    return Scenario(
        name=f"{Ins(ins).label} of {node.label}, {what}",
        before=subject.proving(plan),
        act=sends(CommandApdu(0x00, ins, 0, 0, data)),
        edit=edit,
        succeeds=not refused,
        changes=NONE if refused else frozenset({place}),
        resumes=frozenset({place}) if ins == Ins.ACTIVATE_FILE else NONE,
    )


def _on_card(subject: Subject, ins: int, command: CommandApdu) -> Iterator[Scenario]:
    applet = subject.applet
    rules = applet.card_rules if isinstance(applet, LifeCycle) else AccessRules()
    plan = subject.plan(_rule(ins)(rules)) if subject.privileged else None
    edits = {
        Ins.ACTIVATE_FILE: (suspended,),
        Ins.DEACTIVATE_FILE: (None,),
        Ins.TERMINATE_CARD_USAGE: (None, suspended),
    }[Ins(ins)]
    for edit in edits:
        when = " when suspended" if edit else ""
        if plan is not None:
            yield Scenario(
                name=f"{Ins(ins).label} of the card{when}, proven",
                before=subject.proving(plan),
                act=sends(command),
                edit=edit,
                changes=frozenset({CARD_STATE}),
                resumes=frozenset({CARD_STATE}) if ins == Ins.ACTIVATE_FILE else NONE,
            )
        if plan != NOTHING:
            yield Scenario(
                name=f"{Ins(ins).label} of the card{when}, nothing proven",
                before=subject.select,
                act=sends(command),
                edit=edit,
                succeeds=False,
            )
    yield Scenario(
        name=f"{Ins(ins).label} of a terminated card",
        before=subject.select,
        act=sends(command),
        edit=lambda rig: rig.memory.partition(CARD_PARTITION).put("state", TERMINATED),
        succeeds=False,
    )


# -- the holder's keys ---------------------------------------------------------------------------


def _signing_keys(subject: Subject) -> list[tuple[EfNode, SigningKeyFile]]:
    files = subject.applet.files
    return [
        (ef, ef.spec)
        for ef in subject.tree.root.efs.values()
        if isinstance(ef.spec, SigningKeyFile) and files.partition.get(ef.content_key)
    ]


def _on_key(
    subject: Subject,
    ef: EfNode,
    plan: Plan,
    what: str,
    make: Callable[[int], CommandApdu],
    *,
    succeeds: bool = True,
    changes: frozenset[Place] = NONE,
) -> Scenario:
    def before(rig: Rig) -> None:
        subject.prove(rig, plan)
        rig.must(f"00A4020C02{ef.fid:04X}")

    command = make(0x80)
    return Scenario(
        name=f"{ins_label(command.ins)} {command.p1:02X} with {ef.label}, {what}",
        before=before,
        act=sends(command),
        succeeds=succeeds,
        changes=changes,
    )


def sign(subject: Subject, ins: int) -> Iterator[Scenario]:
    """COMPUTE DIGITAL SIGNATURE with each key: with its PIN, without, and of too much data."""
    for ef, spec in _signing_keys(subject):
        plan = subject.plan(spec.use)
        if plan is not None:
            yield _on_key(subject, ef, plan, "proven", lambda p2: _sign(ins, p2, 32))
            yield _on_key(
                subject, ef, plan, "too much", lambda p2: _sign(ins, p2, 255), succeeds=False
            )
        if plan != NOTHING:
            yield _on_key(
                subject, ef, NOTHING, "nothing proven", lambda p2: _sign(ins, p2, 32),
                succeeds=False,
            )  # fmt: skip
    yield Scenario(
        name="COMPUTE DIGITAL SIGNATURE without a key",
        before=subject.select,
        act=sends(_sign(ins, 0x80, 32)),
        succeeds=False,
    )


def _sign(ins: int, p2: int, size: int) -> CommandApdu:
    return CommandApdu(0x80, ins, 0x00, p2, b"\x5a" * size, 256)


def internal_authenticate(subject: Subject, ins: int) -> Iterator[Scenario]:
    """INTERNAL AUTHENTICATE with each key of the card: an answer, and no challenge."""
    for ef, spec in _signing_keys(subject):
        plan = subject.plan(spec.use)
        if plan is not None:
            for size in (8, 0):
                # by its short identifier: in the issuer domain no file can be selected
                p2 = 0x80 | (ef.spec.sfi or 0)
                yield Scenario(
                    name=f"INTERNAL AUTHENTICATE with {ef.label}, {size} bytes",
                    before=subject.proving(plan),
                    act=sends(CommandApdu(0x00, ins, 0, p2, bytes(size), 256)),
                    succeeds=size > 0,
                )
    yield Scenario(
        name="INTERNAL AUTHENTICATE without a key",
        before=subject.select,
        act=sends(CommandApdu(0x00, ins, 0, 0x80, bytes(8), 256)),
        succeeds=False,
    )


def generate_key_pair(subject: Subject, ins: int) -> Iterator[Scenario]:
    """GENERATE ASYMMETRIC KEY PAIR: a new pair by right, without, and reading the public key."""
    for ef, spec in _signing_keys(subject):
        plan = subject.plan(spec.generate)
        if plan is not None:
            yield _on_key(
                subject, ef, plan, "proven", lambda p2: CommandApdu(0x00, ins, 0x80, p2, ne=256),
                changes=frozenset({subject.place(ef.content_key)}),
            )  # fmt: skip
        if plan != NOTHING:
            yield _on_key(
                subject, ef, NOTHING, "nothing proven",
                lambda p2: CommandApdu(0x00, ins, 0x80, p2, ne=256), succeeds=False,
            )  # fmt: skip
        yield from _public_key(subject, ef, spec, ins)
    yield Scenario(
        name="GENERATE ASYMMETRIC KEY PAIR without a key",
        before=subject.select,
        act=sends(CommandApdu(0x00, ins, 0x81, 0x80, ne=256)),
        succeeds=False,
    )


def _public_key(subject: Subject, ef: EfNode, spec: SigningKeyFile, ins: int) -> Iterator[Scenario]:
    plan = subject.plan(spec.read_public)
    cases = [(plan, "read", True)] if plan is not None else []
    if plan != NOTHING:
        cases.append((NOTHING, "read, nothing proven", False))
    for way, what, succeeds in cases:
        yield _on_key(
            subject, ef, way, what, lambda p2: CommandApdu(0x00, ins, 0x81, p2, ne=256),
            succeeds=succeeds,
        )  # fmt: skip


def set_session_key(subject: Subject, ins: int) -> Iterator[Scenario]:
    """SET SESSION KEY: known to the card family, refused by every application here."""
    yield Scenario(
        name="SET SESSION KEY",
        before=subject.select,
        act=sends(CommandApdu(0x80, ins, 0, 0)),
        succeeds=False,
    )
