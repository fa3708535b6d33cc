"""Which kinds of application a card can have, and what it says of one it cannot."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final, NoReturn

import pytest

from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import Aid
from jukicard.applets import KINDS
from jukicard.environment import CardEnvironment
from jukicard.kit.features.files import Files
from jukicard.kit.fileapplet import FileState
from jukicard.memory import PersistentMemory, RamBackend
from jukicard.runtime import kinds
from jukicard.runtime.applet import Applet
from jukicard.runtime.application import ConfinedApplication
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.firewall import AppletMisbehavedError
from jukicard.runtime.handlers import DeclarationError
from jukicard.runtime.installed import ENTRY_POINTS
from jukicard.runtime.kinds import (
    UnknownAppletError,
    applet_class,
    find_kind,
    offer_applet,
)
from jukicard.runtime.placement import Placement
from tests.support.applets.iso_applet import AID, TWIN_AID, IsoApplet, TwinApplet, iso_card
from tests.support.cards.issuer_desk import apdu, delete, session
from tests.support.cards.states import STATES
from tests.support.elsewhere import MODULE, install_distribution
from tests.support.published.transcript import play, send

LIBRARY = Aid("F04C494252415259")
USED = f"00A4040C{len(LIBRARY):02X}{LIBRARY} -> 9000 \n 8000000000 -> 6120626F6F6B 9000"
RUNTIME = Path(kinds.__file__).parent


def test_an_offered_class_is_found_by_its_name() -> None:
    assert applet_class("test-iso") is IsoApplet
    assert applet_class("test-iso-twin") is TwinApplet
    assert offer_applet(IsoApplet) is IsoApplet, "offering the same again changes nothing"


@pytest.mark.parametrize("name", ["test-iso", "issuer", "juki"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    other = type("Other", (IsoApplet,), {"type_name": name})
    with pytest.raises(ValueError, match=f"another kind of application '{name}'"):
        offer_applet(other)
    assert applet_class(name) is not other


def test_the_own_kinds_are_applications() -> None:
    for name in ("issuer", "juki"):
        found = applet_class(name)
        assert issubclass(found, Applet)
        assert found.type_name == name


def test_an_unknown_kind_is_named_with_what_to_do() -> None:
    with pytest.raises(UnknownAppletError, match=r"'nowhere'.*install the package"):
        applet_class("nowhere")


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Card]:
    """A card with an application of another distribution, which is not installed any more."""
    with monkeypatch.context() as installed:
        install_distribution(installed, tmp_path)
        juki = PROFILES["juki-v1"]
        profile = dataclasses.replace(
            juki, applications=(*juki.applications, Placement(LIBRARY, "lending"))
        )
        card = issue_card(profile, seed=1)
        card.power_on()
        play(card, USED)
        assert isinstance(card.applications.get(LIBRARY), ConfinedApplication)
    yield card
    sys.modules.pop("town_library", None)


def test_a_package_that_is_missing_is_told_at_start_by_name(library: Card) -> None:
    with pytest.raises(UnknownAppletError, match=r"kind 'lending'.*: install town-library \("):
        Card.restore(library.snapshot())


def test_a_package_that_is_back_is_used_again(
    library: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_distribution(monkeypatch, tmp_path / "again")
    card = Card.restore(library.snapshot())
    card.power_on()
    play(card, USED)


BROKEN: Final = [
    "import nowhere",
    "Library = 7",
    "Library = int",
    "1 / 0",
    "x",
    "raise SystemExit",
    "from jukicard.memory import PowerLoss\nraise PowerLoss",
    "from jukicard.runtime.applet import Applet\nclass Library(Applet):\n    version = 0",
]


@pytest.mark.parametrize("source", BROKEN)
def test_a_package_that_is_broken_is_out_of_use_alone_and_told_by_name(
    library: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    """The card opens and works; a package that is mended finds what was there."""
    sys.modules.pop("town_library", None)
    with monkeypatch.context() as broken:
        install_distribution(broken, tmp_path / "again", source=source)
        with pytest.raises(UnknownAppletError, match=r"'lending'.*[:;] repair or update town-lib"):
            find_kind("lending")
        card = Card.restore(library.snapshot(), on_bug=raise_bug)
        [faulty] = [one for one in card.applications if one.fault]
        said = faulty.fault
        assert said.startswith(f"the application {LIBRARY} of this card is out of use: ")
        assert "'lending'" in said
        assert said.endswith("repair or update town-library")
        assert (faulty.aid, faulty.description) == (LIBRARY, [("out of use", said)])
        card.power_on()
        select = f"00A4040C{len(LIBRARY):02X}{LIBRARY} -> 6F00"
        play(card, f"{select} \n 8000000000 -> 6985 \n 00A4040C0AD3921000310001010401 -> 9000")
        play(card, select)
        assert card.last_refusal is not None
        assert card.last_refusal.reason == said
        kept = card.snapshot()
    assert kept == library.snapshot()
    sys.modules.pop("town_library", None)
    install_distribution(monkeypatch, tmp_path / "mended")
    mended = Card.restore(kept)
    mended.power_on()
    play(mended, USED)


@pytest.mark.parametrize("where", ["__init__", "usual_aid", "check_kept", "description"])
@pytest.mark.parametrize("how", ["1 / 0", "while True:\n            pass", "raise SystemExit"])
def test_a_class_that_fails_on_a_card_that_has_it_fails_alone(
    library: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str, how: str
) -> None:
    sys.modules.pop("town_library", None)
    method = "    @classmethod\n" * (where in ("usual_aid", "check_kept"))
    method += "    @property\n" * (where == "description")
    source = f"{MODULE}\n{method}    def {where}(*_):\n        {how}\n"
    install_distribution(monkeypatch, tmp_path / "again", source=source)
    memory = PersistentMemory(RamBackend(library.snapshot().contents()))
    bugs: list[Exception] = []
    card = Card(CardEnvironment(memory=memory), on_bug=bugs.append)
    card.power_on()
    select = f"00A4040C{len(LIBRARY):02X}{LIBRARY}"
    assert send(card, select) == ("6F00" if where == "__init__" else "9000")
    assert [type(bug) for bug in bugs] == [AppletMisbehavedError] * (where == "__init__")
    play(card, "00A4040C0AD3921000310001010401 -> 9000")
    assert all(isinstance(one.description, list) for one in card.applications)
    host = session(card)
    assert host.send(apdu(0xF2, 0x20, 0, b"\x4f\0"))[-4:] in ("9000", "6310")
    assert host.send(delete(LIBRARY)) == "009000"
    play(card, f"{select} -> 6A82")


def test_two_packages_that_offer_one_kind_are_named(
    library: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A card that has it goes on with the one it has it from; a new one cannot be told which."""
    install_distribution(monkeypatch, tmp_path / "again")
    install_distribution(monkeypatch, tmp_path / "other", name="city-books", module="city_books")
    with pytest.raises(UnknownAppletError, match="by city-books and town-library: uninstall"):
        find_kind("lending")
    with pytest.raises(UnknownAppletError, match="by city-books and town-library: uninstall"):
        issue_card("juki-v1", seed=1, applications=[Placement(LIBRARY, "lending")])
    card = Card.restore(library.snapshot())
    card.power_on()
    play(card, USED)
    [used] = [one for one in card.applications if one.aid == LIBRARY]
    assert type(used.applet).__module__ == "town_library"


def test_no_other_package_is_handed_what_an_application_keeps(
    library: Card, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may have the same name for its kind, and be installed alone."""
    install_distribution(monkeypatch, tmp_path / "other", name="city-books", module="city_books")
    said = r"install town-library \(in the group .*\); that of city-books is another one"
    with pytest.raises(UnknownAppletError, match=said):
        Card.restore(library.snapshot())
    install_distribution(monkeypatch, tmp_path / "spelled", name="Town.Library")
    card = Card.restore(library.snapshot())
    card.power_on()
    play(card, USED)


def test_no_package_takes_the_name_of_an_own_kind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_distribution(monkeypatch, tmp_path, kind="juki")
    assert applet_class("juki").__module__ == "jukicard.applets.juki"
    assert not find_kind("juki").confined


# --- our own: one table, handed down, and the same as the entry points ---


def test_the_table_is_what_the_distribution_declares() -> None:
    declared = metadata.distribution("jukicard").entry_points
    assert dict(KINDS) == {it.name: it.value for it in declared if it.group == ENTRY_POINTS}, (
        "after a change of pyproject.toml, run `make venv`"
    )
    for name in KINDS:
        assert applet_class(name).type_name == name


def _nodes(folder: Path = RUNTIME) -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path.name, node


def test_the_runtime_names_no_application() -> None:
    named = {
        (file, node.value)
        for file, node in _nodes()
        if isinstance(node, ast.Constant) and (node.value in KINDS or node.value in KINDS.values())
    }
    assert not named


def test_in_one_place_it_is_decided_who_is_confined() -> None:
    """Whoever else would ask could answer otherwise; classes do what follows from it."""
    asked = [
        file
        for file, node in _nodes()
        if isinstance(node, ast.Attribute) and node.attr == "confined"
    ]
    assert asked == ["registry.py"]
    asks_again = [
        (file, ast.unparse(node))
        for file, node in _nodes(RUNTIME.parent)
        if (isinstance(node, ast.Compare) and "budget" in ast.unparse(node.left))
        or (isinstance(node, ast.Call) and re.match(r"isinstance\(.*Confined", ast.unparse(node)))
    ]
    assert not asks_again


_ALONE = """
import sys
from jukicard.memory import MemorySnapshot
from jukicard.runtime.card import Card
assert "jukicard.applets" not in sys.modules
card = Card.restore(MemorySnapshot.from_bytes(sys.stdin.buffer.read()))
card.power_on()
assert card.transmit(bytes.fromhex("00A4040C0AD3921000310001010401")) == b"\\x90\\x00"
assert card.transmit(bytes.fromhex("0004000002 3F00")) == b"\\x69\\x82", "it may, and asks who"
"""
_FACE = """
import sys
from jukicard import Card, MemorySnapshot
card = Card.restore(MemorySnapshot.from_bytes(sys.stdin.buffer.read()))
card.power_on()
for application in card.applications:
    application.applet
assert "importlib.metadata" not in sys.modules
"""


@pytest.mark.parametrize("program", [_ALONE, _FACE], ids=["runtime alone", "face"])
@pytest.mark.parametrize("release", ["0.1.0", "now"])
def test_a_card_is_restored_without_looking_around(program: str, release: str) -> None:
    kept = (STATES / "0.1.0" / "juki-v1_as_issued.card").read_bytes()
    if release == "now":
        kept = issue_card("juki-v1", seed=1).snapshot().export_with_keys()
    subprocess.run([sys.executable, "-c", program], input=kept, check=True, cwd=RUNTIME.parents[1])


def test_where_nothing_is_installed_and_nothing_handed_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    snapshot = issue_card("juki-v1", seed=1).snapshot()

    def missing(name: str) -> NoReturn:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(kinds, "_own", {})
    monkeypatch.setattr(metadata, "distribution", missing)
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [])
    with pytest.raises(UnknownAppletError, match=r"'issuer-juki'.*install the package"):
        Card.restore(snapshot)


# --- others ---

WRONG_CLASSES: Final = {
    "class Library(Applet):\n    pass": "Library has no 'type_name'",
    "class Library(Applet):\n    type_name = 'library'": "Library has no 'new_state': Return",
    "class Library(Applet):\n    interindustry = {}": "Library.interindustry is made from the met",
}


@pytest.mark.parametrize("source", WRONG_CLASSES)
def test_what_is_wrong_with_a_class_from_elsewhere_is_told_at_start(
    source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    header = "from jukicard.runtime.applet import Applet\n"
    install_distribution(
        monkeypatch, tmp_path, kind="odd", module=f"wrong{len(source)}", source=header + source
    )
    with pytest.raises(
        UnknownAppletError, match=f"'odd' cannot be used: {WRONG_CLASSES[source]}.*town-library"
    ):
        applet_class("odd")


def test_no_part_of_an_application_is_offered() -> None:
    class Part(Files[FileState]):
        """Reads and writes, whatever files there will be."""

    with pytest.raises(DeclarationError, match="Part has no 'type_name'"):
        offer_applet(Part)  # type: ignore[type-abstract]


def test_an_entry_point_that_is_no_application(monkeypatch: pytest.MonkeyPatch) -> None:
    point = metadata.EntryPoint("odd", "builtins:int", "jukicard.applets")
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [point])
    with pytest.raises(UnknownAppletError, match="'odd'"):
        applet_class("odd")


def test_an_entry_point_that_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    value = f"{IsoApplet.__module__}:{IsoApplet.__qualname__}"
    point = metadata.EntryPoint("elsewhere", value, "jukicard.applets")
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [point])
    assert applet_class("elsewhere") is IsoApplet


def test_a_profile_of_ones_own_has_further_applications() -> None:
    card = iso_card(forbidden=False)
    aids = [application.aid for application in card.applications]
    assert aids[-2:] == [AID, TWIN_AID]
    assert aids[:-2] == [placement.aid for placement in PROFILES["juki-v1"].applications]
    restored = Card.restore(card.snapshot())
    restored.power_on()
    play(restored, f"00A4040C09{AID} -> 9000 \n 00B0810002 -> 0001 9000")


def test_a_profile_may_have_nothing_but_an_application_of_ones_own() -> None:
    profile = dataclasses.replace(
        PROFILES["juki-v1"], applications=(Placement(Aid(AID), IsoApplet.type_name),)
    )
    card = issue_card(profile)
    assert [application.aid for application in card.applications] == [Aid(AID)]
    card.power_on()
    assert card.transmit(bytes.fromhex("0084000008"))[-2:] == b"\x90\x00", "it is the default"
