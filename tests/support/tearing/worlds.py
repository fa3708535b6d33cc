"""The cards of the tearing suite, and which scenarios each of their commands has.

The commands are read from the handler tables: one without scenarios is found by the suite.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import Aid, Ins
from jukicard.kit.fileapplet import FileApplet
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.kinds import applet_class
from jukicard.runtime.placement import Placement
from jukicard.testing.applets import with_forbidden
from tests.support.applets.iso_applet import AID as ISO_AID, IsoApplet, iso_card
from tests.support.applets.lifecycle_applet import (
    AID as LIFE_CYCLE_AID,
    LifeCycleApplet,
    life_cycle_card,
)
from tests.support.cards.towns import AIDS, town_card
from tests.support.naive.terminal import ISSUER
from tests.support.tearing import (
    blank,
    certificates,
    files,
    issuer,
    keys,
    lifecycle,
    pins,
    private,
    receipts,
    towns,
)
from tests.support.tearing.access import Subject
from tests.support.tearing.cuts import Scenario, World
from tests.support.tearing.rig import Rig, sends

Recipe = Callable[[Subject, int], Iterator[Scenario]]
ISO_WORLD: Final = "every kind of file"
"""A card with the application of tests.support.applets.iso_applet, besides those of a profile."""
LIFE_CYCLE_WORLD: Final = "every change of state"
"""A card with the application of support.applets.lifecycle_applet, besides those of a profile."""
TOWN_WORLD: Final = "the examples"
"""A Juki card with the applications under `examples/`, and what its issuer does with them."""
RECEIPT_WORLD: Final = "receipts"
"""A Juki card whose Juki application and issuer domain keep receipts."""
LIFE_CYCLE: Final = (Ins.ACTIVATE_FILE, Ins.DEACTIVATE_FILE, Ins.TERMINATE_EF, Ins.INSTALL)


class Command(NamedTuple):
    """One entry of a handler table: the application's kind, the class, the instruction."""

    world: str
    aid: Aid
    kind: str
    cla: int
    ins: int

    def __str__(self) -> str:
        return f"{self.world} {self.kind} {self.cla:02X} {self.ins:02X}"


RECIPES: Final[Mapping[tuple[int, int], Recipe]] = {
    **{(0x00, ins): files.on_files for ins in files.FILE_COMMANDS},
    (0x00, Ins.SELECT): files.select_file,
    (0x00, Ins.GET_DATA): files.get_data,
    (0x00, Ins.GET_DATA_ODD): files.get_data,
    (0x00, Ins.PUT_DATA): files.put_data,
    (0x00, Ins.PUT_DATA_ODD): files.put_data,
    (0x00, Ins.VERIFY): pins.verify,
    (0x00, Ins.CHANGE_REFERENCE_DATA): pins.change_reference_data,
    (0x00, Ins.RESET_RETRY_COUNTER): pins.reset_retry_counter,
    (0x00, Ins.GET_CHALLENGE): pins.get_challenge,
    (0x80, Ins.CHANGE_KEY): pins.change_key,
    (0x00, Ins.MUTUAL_AUTHENTICATE): keys.mutual_authenticate,
    (0x00, Ins.INTERNAL_AUTHENTICATE): keys.internal_authenticate,
    **{(0x00, ins): keys.life_cycle for ins in LIFE_CYCLE},
    (0x00, Ins.TERMINATE_CARD_USAGE): keys.terminate_card_usage,
    (0x00, Ins.GENERATE_ASYMMETRIC_KEY_PAIR): keys.generate_key_pair,
    (0x80, Ins.PERFORM_SECURITY_OPERATION): keys.sign,
    (0x80, 0xAE): keys.set_session_key,
    (0x80, Ins.INITIALIZE_UPDATE): issuer.initialize_update,
    (0x80, Ins.MUTUAL_AUTHENTICATE): issuer.external_authenticate,
    (0x80, Ins.GET_DATA): issuer.get_data,
    (0x80, Ins.GET_STATUS): issuer.get_status,
    (0x80, Ins.SET_STATUS): issuer.set_status,
    (0x80, Ins.INSTALL): issuer.install,
    (0x80, Ins.DELETE_FILE): issuer.delete,
    (0x80, Ins.PUT_KEY): issuer.put_key,
    (0x80, Ins.APPEND_RECORD): issuer.store_data,
    (0x80, Ins.RESET_RETRY_COUNTER): issuer.reset_retry_counter,
}
"""The scenarios of each command, from what the application declares."""


def _refused_select(subject: Subject, ins: int) -> Iterator[Scenario]:
    yield from (case for case in files.select_file(subject, ins) if not case.succeeds)


def _verify_juki(subject: Subject, ins: int) -> Iterator[Scenario]:
    yield from pins.verify(subject, ins)
    yield from private.verify_in_private(subject, ins)


OF_ONE_KIND: Final[Mapping[tuple[str, int, int], Recipe]] = {
    ("issuer", 0x00, Ins.SELECT): _refused_select,
    ("issuer-juki", 0x00, Ins.SELECT): _refused_select,
    ("juki", 0x00, Ins.VERIFY): _verify_juki,
    ("juki", 0x00, Ins.MANAGE_SECURITY_ENVIRONMENT): certificates.manage_security_environment,
    ("juki", 0x00, Ins.PERFORM_SECURITY_OPERATION): certificates.verify_certificate,
    ("juki", 0x00, Ins.MUTUAL_AUTHENTICATE): certificates.authenticate_externally,
    ("juki", 0x00, Ins.GENERAL_AUTHENTICATE): certificates.general_authenticate,
    **{("town-points", 0x80, ins): recipe for ins, recipe in towns.PURSE.items()},
    **{(LifeCycleApplet.type_name, 0x00, ins): lifecycle.of_everything for ins in LIFE_CYCLE},
}
"""Where an application's command is not what its instruction says elsewhere."""


class _Own(NamedTuple):
    """Applications that no profile has, and what makes a card with them."""

    applications: tuple[Placement, ...]
    make: Callable[[], Card]


def receipt_card() -> Card:
    """Return a Juki card that keeps receipts."""
    profile = dataclasses.replace(PROFILES["juki-v1"], receipts=True)
    return issue_card(with_forbidden(profile), seed=1, on_bug=raise_bug)


_OWN: Final[Mapping[str, _Own]] = {
    ISO_WORLD: _Own((Placement(ISO_AID, IsoApplet.type_name),), iso_card),
    LIFE_CYCLE_WORLD: _Own(
        (Placement(LIFE_CYCLE_AID, LifeCycleApplet.type_name),), life_cycle_card
    ),
    RECEIPT_WORLD: _Own(PROFILES["juki-v1"].applications[:2], receipt_card),
    TOWN_WORLD: _Own(
        tuple(Placement(aid, kind) for aid, kind in AIDS.items()),
        town_card,
    ),
}


def commands_of(world: str, applications: Iterable[Placement]) -> Iterator[Command]:
    """Yield every command of every application."""
    for placement in applications:
        aid, kind = placement.aid, placement.kind
        applet = applet_class(kind)
        assert issubclass(applet, FileApplet), f"{kind} has no handler tables"
        for cla, table in ((0x00, applet.interindustry), (0x80, applet.proprietary)):
            yield from (Command(world, aid, kind, cla, int(ins)) for ins in table)


def all_commands() -> list[Command]:
    """Return every command of every profile, and of the cards with a test's own application."""
    found = [
        command
        for name, profile in PROFILES.items()
        for command in commands_of(name, profile.applications)
    ]
    for name, own in _OWN.items():
        # the proprietary commands of the tests' own applications only help their tests
        found += [
            command
            for command in commands_of(name, own.applications)
            if command.cla == 0x00 or name in (TOWN_WORLD, RECEIPT_WORLD)
        ]
    for name, profile in blank.WORLDS.items():
        found += [
            command
            for command in commands_of(name, PROFILES[profile].applications)
            if command[3:] in blank.RECIPES
            and list(_recipe(command)(_subject(command), command.ins))
        ]
    return found + [
        Command(TOWN_WORLD, ISSUER, "issuer-juki", 0x80, int(ins)) for ins in towns.ISSUERS
    ]


@functools.cache
def world(name: str) -> World:
    """Return a world by its name; issued once a process."""
    if name in _OWN:
        card = _OWN[name].make()
        card.power_off()
        return World.of(name, card)
    if name in blank.WORLDS:
        return World.of(name, blank.card_of(name))
    return World.of(name, issue_card(with_forbidden(PROFILES[name]), seed=1, on_bug=raise_bug))


def _recipe(command: Command) -> Recipe:
    recipe = OF_ONE_KIND.get(command[2:]) or RECIPES.get(command[3:])
    if command.world == TOWN_WORLD and command.aid == ISSUER:
        recipe = towns.ISSUERS[Ins(command.ins)]
    if command.world in blank.WORLDS:
        recipe = blank.RECIPES[command.cla, Ins(command.ins)]
    if recipe is None:
        raise LookupError(
            f"{command.kind}: no tearing scenarios for {command.cla:02X} {command.ins:02X}; "
            "write them (tests/support/tearing/*.py) and name them in RECIPES or OF_ONE_KIND"
        )
    return recipe


def _subject(command: Command) -> Subject:
    return Subject(command.aid, world(command.world).rig())


def scenarios(command: Command) -> list[Scenario]:
    """Return the scenarios of a command; LookupError when nobody has written any."""
    recipe, subject = _recipe(command), _subject(command)
    cases = list(recipe(subject, command.ins))
    if command.world == RECEIPT_WORLD:
        cla, ins = command.cla, command.ins
        cases = [receipts.with_receipt(cla, ins, case) for case in cases]
        cases += receipts.of_the_object(subject, cla, ins)
    return cases


def _select_application(rig: Rig) -> None:
    rig.secure = None


def of_the_card_itself(subject: Subject) -> list[Scenario]:
    """Return scenarios of what is answered before an application sees it: nothing is written."""
    aid = subject.aid.hex()
    sent = {
        "SELECT by name": (f"00A4040C{len(subject.aid):02X}{aid}", True),
        "SELECT of another name": ("00A4040C05F011223344", False),
        "MANAGE CHANNEL, open": ("0070000001", True),
        "MANAGE CHANNEL, close": ("00708001", False),
        "GET RESPONSE": ("00C0000000", False),
        "an unknown instruction": ("00FC0000", False),
    }
    return [
        Scenario(
            name=name,
            before=_select_application,
            act=sends(command),
            succeeds=succeeds,
        )
        for name, (command, succeeds) in sent.items()
    ]
