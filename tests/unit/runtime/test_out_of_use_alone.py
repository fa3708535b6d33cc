"""An application that cannot be taken over is out of use alone; a mended package finds all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Final

import pytest

from jukicard import Card, MemorySnapshot, issue_card
from jukicard.apdu import Aid
from jukicard.cli import main
from jukicard.environment import CardEnvironment
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.kit import DedicatedFile, Files, FileState, FileTree, TransparentFile
from jukicard.memory import (
    ApplicationMemory,
    ImageError,
    PersistentMemory,
    RamBackend,
    create_card,
)
from jukicard.memory.backend import Contents
from jukicard.runtime import kinds
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement
from jukicard.testing.faults import FaultyBackend
from jukicard.transport.tcpmany import ImageCards
from tests.support.applets.branch import (
    FIRST,
    LATER,
    SECOND,
    TAKEN_OVER,
    TAKES_OVER,
    opened,
    parts,
    rest,
    versions,
)
from tests.support.cards.issuer_desk import apdu, delete, install, put_key, session
from tests.support.published.transcript import play

WRITES: Final = """
        self.context.memory.put("kept", b"half")
        self.context.memory.put_now("tries", b"0")
"""
AT_ONCE: Final = f"""
    def migrate(self, before):{WRITES}"""
ONLY_LATER: Final = f"        if self.context.aid == Aid('{LATER}'):\n"
FAILS: Final = {
    "none": ("", "cannot take it over: there is no migration; "),
    "refuses": (
        AT_ONCE
        + '        raise IsoError(StatusWord.FUNCTION_NOT_SUPPORTED, f"nothing of {before}")',
        "cannot take it over: nothing of 1; ",
    ),
    "unprintable": (
        AT_ONCE + '        raise IsoError(StatusWord.FUNCTION_NOT_SUPPORTED, "a\\nb" * 500)',
        r"over: 'a\\nba\\nb",
    ),
    "raises": (AT_ONCE + "        1 / 0", "the application raised ZeroDivisionError"),
    "exits": (AT_ONCE + "        raise SystemExit", "the application raised SystemExit"),
    "memory": (
        AT_ONCE
        + "        from jukicard.memory import MemoryFailureError\n"
        + "        raise MemoryFailureError('full')",
        "it raised MemoryFailureError",
    ),
    "power": (
        AT_ONCE + "        from jukicard.memory import PowerLoss\n        raise PowerLoss",
        "it raised PowerLoss",
    ),
    "loops": (AT_ONCE + "        while True:\n            pass", "more than 1000000 steps"),
    "value": (AT_ONCE + "        self.context.memory.put('x', 'text')", "raised TypeError"),
    "quota": (
        AT_ONCE + ONLY_LATER + "            self.context.memory.put('x', bytes(70_000))",
        "the quota of memory for applications that came after issue is used up",
    ),
    "service": (
        AT_ONCE + "        self.context.request(Aid('F04C494252415251'), 'x', b'')",
        "may not use service 'x'",
    ),
    "last": (
        AT_ONCE + f"        assert self.context.aid != Aid('{LATER}')",
        f"the application {LATER} .*raised AssertionError",
    ),
    "constructor": (
        "\n    def __init__(self, context):\n        1 / 0" + TAKES_OVER,
        "the application raised ZeroDivisionError",
    ),
    "no method": ("\n    migrate = None", "the application raised TypeError"),
    "answers": (AT_ONCE + "        return b'done'", "`migrate` returned something"),
    "yields": (AT_ONCE + "        yield", "`migrate` returned something"),
    "leaves what it refuses": (
        AT_ONCE
        + "\n    @classmethod\n    def check_kept(cls, memory, parameters):\n"
        + "        if memory.get('tries') == b'0':\n            raise ValueError",
        "the application raised ValueError",
    ),
    "checks for ever": (
        AT_ONCE
        + "\n    @classmethod\n    def check_kept(cls, memory, parameters):\n"
        + "        while True:\n            pass",
        "more than 1000000 steps",
    ),
}
REFUSES: Final = {
    "none",
    "power",
    "refuses",
    "unprintable",
    "quota",
    "service",
    "answers",
    "yields",
}
"""Where there is no bug that a developer would want to see beside the words."""
SELECT_JUKI: Final = "00A4040C0AD3921000310001010401 -> 9000"


def failed(how: str) -> set[Aid]:
    """Which of the applications cannot be taken over."""
    return {LATER} if how in ("quota", "last") else {FIRST, SECOND, LATER}


@pytest.mark.parametrize("how", FAILS)
def test_what_cannot_be_taken_over_is_out_of_use_alone(
    before: Contents, second: Callable[..., None], how: str
) -> None:
    """Whatever goes wrong, and whatever was written by then, at once too; of all or of the last."""
    migrate, why = FAILS[how]
    second(migrate)
    bugs: list[Exception] = []
    backend = FaultyBackend(RamBackend(before))
    card = opened(backend, bugs.append)
    after, out = backend.load(), failed(how)
    assert backend.writes == bool({FIRST, SECOND, LATER} - out)
    assert rest(after) == rest(before)
    for aid in (FIRST, SECOND, LATER):
        [application] = [one for one in card.applications if one.aid == aid]
        assert bool(application.fault) is (aid in out)
        assert (parts(after)[aid] == parts(before)[aid]) is (aid in out)
        assert card.applications.entry(aid).version == (1 if aid in out else 2)
    for aid in out:
        [application] = [one for one in card.applications if one.aid == aid]
        said = application.fault
        assert re.search(why, said)
        start = f"the application {aid} ('branch') of this card is out of use: it is of version 1, "
        assert said.startswith(f"{start}and version 2, which is installed here, cannot take it")
        assert said.endswith(
            "what it keeps is as it was: update town-library, or use the card where version 1 is "
            "installed"
        )
        assert said.isprintable()
        assert len(said) < 600
        assert application.description[-1] == ("out of use", said)
    reported = 0 if how in REFUSES else len(out)
    assert len(bugs) == reported
    bugs.clear()
    use(card, out)
    assert not bugs, "a fault that is known is no bug of a command"


def use(card: Card, out: set[Aid]) -> None:
    """Everything works but selecting what is out of use, which answers 6F00 and selects nothing."""
    before = card.environment.memory.snapshot().contents()
    card.power_on()
    play(card, SELECT_JUKI)
    for aid in (FIRST, LATER):
        answer = "6F00" if aid in out else "7632 9000"
        play(card, f"00A4040C08{aid}00 -> {answer} \n {SELECT_JUKI}")
    for aid in out - {SECOND}:
        play(card, f"00A4040C08{aid} -> 6F00 \n 8000000000 -> 6985")
        assert card.last_refusal is not None
        assert card.last_refusal.reason == "no application is selected"
    play(
        card, f"00A4040C08{SECOND} -> 6283 \n 8000000000 -> 6985 \n 00A4040C06F04C49425253 -> 6A82"
    )
    with card.environment.memory.transaction():
        card.applications.change(SECOND, Operation.ACTIVATE)
    play(card, f"00A4040C08{SECOND}00 -> {'6F00' if SECOND in out else '7632 9000'}")
    with card.environment.memory.transaction():
        card.applications.change(SECOND, Operation.DEACTIVATE)
    card.reset()
    play(card, SELECT_JUKI)
    assert card.environment.memory.snapshot().contents() == before


@pytest.mark.parametrize("how", ["raises", "quota"])
def test_a_mended_package_takes_over_what_was_there(
    before: Contents, second: Callable[..., None], how: str
) -> None:
    second(FAILS[how][0])
    backend = FaultyBackend(RamBackend(before))
    opened(backend, lambda bug: None)
    left = backend.load()
    for kind in failed(how):
        assert parts(left)[kind] == parts(before)[kind]
    second(TAKES_OVER, version=3)
    card = opened(backend)
    assert versions(backend.load()) == [3, 3, 3]
    assert parts(backend.load())[LATER] == TAKEN_OVER
    assert not any(one.fault for one in card.applications)


def test_what_one_wrote_at_once_before_it_failed_is_in_no_ones_way(
    before: Contents, second: Callable[..., None]
) -> None:
    """In the memory that sharers have together: the next to be taken over finds it free."""
    kept = Card.restore(MemorySnapshot(before))
    with kept.environment.memory.transaction():
        other = Aid("F04C494252415254")
        kept.applications.install(Placement(other, "branch"), after_issue=True, reserved=0)
        kept.applications.remove(LATER)
        kept.applications.install(Placement(LATER, "branch"), after_issue=True, reserved=0)
        kept.applications.change(LATER, Operation.ACTIVATE)
    greedy = (
        "\n    def migrate(self, before):\n"
        f"        if self.context.aid == Aid('{other}'):\n"
        "            self.context.memory.put_now('x', bytes(65_000))\n"
        "            1 / 0\n"
        "        self.context.memory.put('y', bytes(1_000))\n"
    )
    second(greedy)
    card = Card.restore(kept.snapshot(), on_bug=lambda bug: None)
    assert {one.aid for one in card.applications if one.fault} == {other}
    left = card.snapshot().contents()
    assert f"application {other}" not in left
    assert left[f"application {LATER}"] == {"y": bytes(1_000)}


def test_the_issuer_locks_and_removes_it_and_writes_nothing_to_it(
    before: Contents, second: Callable[..., None]
) -> None:
    second("")
    backend = FaultyBackend(RamBackend(before))
    card = opened(backend)
    card.power_on()
    host = session(card)
    for command in (
        install(0x20, aid=LATER),
        apdu(0xE2, 0x80, 0, bytes.fromhex("C10177")),
        install(0x20, aid=LATER),
        put_key(host, (bytes(16), bytes(16)), 1),
        apdu(0xF0, 0x40, 0x80, LATER),
        apdu(0xF0, 0x40, 0x07, LATER),
    ):
        answer = host.send(command)
        assert answer == ("6F00" if command[1] in (0xE2, 0xD8) else answer)
        assert answer.endswith("9000") or command[1] in (0xE2, 0xD8)
        assert parts(backend.load()) == parts(before)
    assert host.send(delete(LATER)) == "009000"
    assert f"application {LATER}" not in backend.load()
    assert host.send(install(module=FIRST, aid=LATER)) == "009000"
    play(card, f"00A4040C08{LATER} 00 -> 7632 9000 \n 00A4040C08{FIRST} -> 6F00")
    assert versions(backend.load()) == [1, 1, 2]


def test_it_is_tried_again_when_the_card_holds_something_else(
    before: Contents, second: Callable[..., None]
) -> None:
    """Another program has written the file meanwhile: what was wrong may not be so any more."""
    second(
        "\n    def migrate(self, before):\n"
        "        assert self.context.memory.get('kept') == b'good'\n"
    )
    kept = RamBackend(before)
    card = opened(FaultyBackend(kept), lambda bug: None)
    assert sum(bool(one.fault) for one in card.applications) == 3
    kept.write({f"application {FIRST}": {"kept": b"good"}})
    card.power_on()
    assert {one.aid for one in card.applications if one.fault} == {SECOND, LATER}
    play(card, f"00A4040C08{FIRST} 00 -> 7632 9000")


def test_inspect_and_serve_say_it_by_name(
    before: Contents,
    second: Callable[..., None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "card.juki"
    create_card(path, "card", MemorySnapshot(before))
    second(FAILS["last"][0])
    kept = path.read_bytes()
    assert main(["inspect", str(path)]) == 0
    shown = capsys.readouterr()
    said = f"the application {LATER} ('branch') of this card is out of use: it is of version 1, and"
    assert f"\n  out of use  {said}" in shown.out
    assert shown.out.count("out of use") == 2, "the line's name, and what it says"
    assert not shown.err
    assert main(["inspect", "--json", str(path), "--send", f"00A4040C08{LATER}"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["exchanges"][0]["answer"].startswith("6F00")
    assert report["exchanges"][0]["why"].startswith(said)
    assert path.read_bytes() == kept
    heard: list[str] = []
    cards = ImageCards(path, heard.append)
    cards.release("card", cards.open("card"))
    assert [one.startswith(f"card 'card': {said}") for one in heard] == [True]


class Counted(Files[FileState]):
    """Offered as trusted, so that it is asked whether what it keeps can be."""

    type_name = "test-counted"
    pin_waiver = "it is a test"
    how: ClassVar[str] = ""
    tree = FileTree(DedicatedFile(name=FIRST, files=(TransparentFile(fid=1, size=2),)))

    @classmethod
    def check_kept(cls, memory: ApplicationMemory, parameters: Mapping[str, str]) -> None:
        """Refuse one value, or fail."""
        super().check_kept(memory, parameters)
        if cls.how == "refuses" and memory.get("value") == b"bad":
            raise ValueError("secret")
        if cls.how == "fails":
            raise ZeroDivisionError


@pytest.mark.parametrize("how", ["declares", "refuses", "fails"])
def test_a_trusted_one_with_what_cannot_be_is_out_of_use_alone(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(kinds, "_OFFERED", {})
    monkeypatch.setattr(kinds, "_TRUSTED", set())
    offer_applet(Counted, trusted=True)
    kept = issue_card("juki-v1", seed=1, applications=["test-counted"]).snapshot().contents()
    part = kept.setdefault(f"application {FIRST}", {})
    if how == "declares":
        part[Counted.tree.ef(1).state_key] = b"\x09"
    else:
        part["value"] = b"bad"
        monkeypatch.setattr(Counted, "how", how)
    backend = RamBackend(kept)
    card = Card(CardEnvironment(memory=PersistentMemory(backend)), on_bug=raise_bug)
    card.power_on()
    select = f"00A4040C{len(FIRST):02X}{FIRST}"
    play(card, f"{SELECT_JUKI} \n {select} -> 6F00")
    [said] = [one.fault for one in card.applications if one.fault]
    name = "ZeroDivisionError" if how == "fails" else "ValueError"
    assert said == (
        f"the application {FIRST} of this card is out of use: what it keeps is damaged, or cannot "
        f"be checked ({name}): use another copy"
    )
    for operation, answer in ((Operation.DEACTIVATE, "6283"), (Operation.ACTIVATE, "6F00")):
        with card.environment.memory.transaction():
            card.applications.change(FIRST, operation)
        play(card, f"{select} -> {answer}")
    monkeypatch.setattr(Counted, "how", "")
    backend.write({f"application {FIRST}": dict.fromkeys(part)})
    card.power_on()
    play(card, f"{select} -> 9000")


def test_damage_to_one_of_ours_is_damage_to_the_card() -> None:
    kept = issue_card("juki-v1", seed=1).snapshot().contents()
    kept["application D3921000310001010401"]["state/df"] = b"\x09"
    with pytest.raises(ImageError, match="damaged"):
        Card(CardEnvironment(memory=PersistentMemory(RamBackend(kept))))
