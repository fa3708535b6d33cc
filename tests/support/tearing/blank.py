"""Scenarios of the tearing suite for blank cards: contents that come, keys made, PINs set."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Final

from jukicard import Card
from jukicard.apdu import Aid, CommandApdu, Ins
from jukicard.applets import names
from jukicard.filesystem.files import EfNode
from jukicard.kit.features.signing import PrivateKeys
from jukicard.kit.pin import PinFile
from jukicard.kit.signing import SigningKeyFile
from tests.support.cards.blanks import applet_of, contents_of, groupings, make_blank, make_model
from tests.support.tearing.access import NOTHING, Subject
from tests.support.tearing.cuts import Place, Scenario
from tests.support.tearing.issuer import REGISTRY, install_for, managed, store
from tests.support.tearing.rig import Rig, sends

WORLDS: Final = {f"a blank {profile}": profile for profile in ("juki-v2", "mynumber", "operator")}
"""Blank cards, by the profiles they are of."""
_BLOCK: Final = 239


@functools.cache
def _model(profile: str) -> Card:
    return make_model(profile)


def card_of(world: str) -> Card:
    """Return a blank card."""
    return make_blank(WORLDS[world])


def _model_for(subject: Subject) -> Card:
    """Return a card that has what this blank one is to get."""
    for profile in WORLDS.values():
        model = _model(profile)
        if {one.aid for one in model.applications} == subject.on_the_card:
            return model
    raise LookupError("no model of these applications")


def _with_keys(aid: bytes, model: Card) -> Callable[[Rig], None]:
    """Its key pairs were made on the card."""

    def edit(rig: Rig) -> None:
        there, here = applet_of(model, aid), rig.applet(aid)
        for ef in here.tree.root.efs.values():
            if isinstance(ef.spec, SigningKeyFile) and isinstance(here, PrivateKeys):
                here.files.put_value(ef, there.files.value(ef) or b"")

    return edit


def _changed(subject: Subject, aid: bytes, model: Card) -> Iterator[Place]:
    partition = f"application {Aid(aid)}"
    for fid, _ in contents_of(model, aid):
        yield partition, f"content/{fid:04X}"
        if isinstance(applet_of(model, aid).tree.ef(fid).spec, PinFile):
            yield partition, f"tries/{fid:04X}"


def store_data(subject: Subject, ins: int) -> Iterator[Scenario]:
    """STORE DATA: the last block of each application's contents; one before it; one too few."""
    model = _model_for(subject)
    for application in model.applications:
        aid = application.aid
        if aid == names.ISSUER:
            continue
        values = contents_of(model, aid)
        data = groupings(values)
        pieces = [data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK)]
        blocks = [store(0x08, piece, number) for number, piece in enumerate(pieces)]
        last = store(0x88, pieces[-1], len(pieces) - 1)
        changes = frozenset(_changed(subject, aid, model))
        edit = _with_keys(aid, model)
        yield from managed(
            subject,
            f"STORE DATA of {application.type_name}, the last block",
            last,
            REGISTRY,
            *changes,
            first=(install_for(0x20, aid), *blocks[:-1]),
            edit=edit,
            raises=frozenset(place for place in changes if place[1].startswith("tries/")),
        )
        yield from managed(
            subject,
            f"STORE DATA of {application.type_name}, a block",
            blocks[0],
            first=(install_for(0x20, aid),),
            edit=edit,
        )
        few = groupings(values[:1])[:_BLOCK]
        yield from managed(
            subject,
            f"STORE DATA of {application.type_name}, not all of it",
            store(0x88, few),
            first=(install_for(0x20, aid),),
            edit=edit,
            succeeds=False,
        )


def _on(
    subject: Subject, ef: EfNode, name: str, command: CommandApdu, *changes: Place, proven: bool
) -> Scenario:
    """A command on an EF, by who may give it or by nobody."""
    spec = ef.spec
    assert isinstance(spec, PinFile | SigningKeyFile)
    plan = subject.plan(spec.unblock if isinstance(spec, PinFile) else spec.generate)
    assert plan is not None

    def before(rig: Rig) -> None:
        subject.prove(rig, plan if proven else NOTHING)
        rig.must(CommandApdu(0x00, Ins.SELECT, 0x02, 0x0C, ef.fid.to_bytes(2, "big")))

    return Scenario(
        name=f"{name} of {ef.label}{'' if proven else ', nothing proven'}",
        before=before,
        act=sends(command),
        succeeds=proven,
        changes=frozenset(changes) if proven else frozenset(),
        raises=frozenset(place for place in changes if place[1].startswith("tries/")),
    )


def _without_value(subject: Subject, ef: EfNode, command: CommandApdu) -> Scenario:
    """The counter of a PIN that was never set: there is nothing to give tries back to."""
    by_right = _on(subject, ef, "the counter of no value", command, proven=True)
    return dataclasses.replace(by_right, succeeds=False)


def reset_retry_counter(subject: Subject, ins: int) -> Iterator[Scenario]:
    """RESET RETRY COUNTER: the first value of each PIN, and the counter of one without a value."""
    for ef in subject.tree.root.efs.values():
        spec = ef.spec
        if not isinstance(spec, PinFile) or subject.plan(spec.unblock) is None:
            continue
        value = b"ABCDEF12"[: spec.max_length] if spec.max_length > 4 else b"1234"
        first = CommandApdu(0x00, ins, 0x02, 0x80, value)
        if spec.fixed:
            yield _on(subject, ef, "a value", first, proven=False)
            continue
        changes = [subject.place(ef.content_key), subject.tries(ef)]
        if subject.aid == names.OPERATOR:
            changes.append(subject.place("object//C3"))
        yield _on(subject, ef, "the first value", first, *changes, proven=True)
        yield _on(subject, ef, "the first value", first, proven=False)
        yield _without_value(subject, ef, CommandApdu(0x00, ins, 0x03, 0x80))


def generate_key_pair(subject: Subject, ins: int) -> Iterator[Scenario]:
    """GENERATE ASYMMETRIC KEY PAIR: the first pair, by right and without."""
    make = CommandApdu(0x00, ins, 0x80, 0x80, ne=65536, extended=True)
    for ef in subject.tree.root.efs.values():
        spec = ef.spec
        if isinstance(spec, SigningKeyFile) and subject.plan(spec.generate) is not None:
            yield _on(
                subject, ef, "the first pair", make, subject.place(ef.content_key), proven=True
            )
            yield _on(subject, ef, "the first pair", make, proven=False)


RECIPES: Final = {
    (0x80, Ins.APPEND_RECORD): store_data,
    (0x00, Ins.RESET_RETRY_COUNTER): reset_retry_counter,
    (0x00, Ins.GENERATE_ASYMMETRIC_KEY_PAIR): generate_key_pair,
}
"""What is done with a blank card that is done otherwise, or not at all, with an issued one."""
