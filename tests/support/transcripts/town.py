"""The town of the manual's transcripts: its people and cards, the same ones on every page.

Cards listen on TCP, each at a port of its own; the manual has round numbers for them, the machine
takes free ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any, Final, Self

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jukicard import PROFILES, Card, Printed, TcpServer, issue_card
from jukicard.environment import SeededRandom
from jukicard.synthetic.people import SPECIMEN
from jukicard.synthetic.portraits import draw_face
from jukicard.testing import HazardousCard, Pulled
from jukihost.cli import main
from jukihost.clock import JAPAN, Clock, MovableClock
from jukihost.database import Database, open_database, upgrade_database
from jukihost.keys.envelope import ScryptCost
from jukihost.ledger import Hours, Role
from jukihost.log import KeyUse, PseudonymKey, read_log_key
from jukihost.models import Sex
from jukihost.register import AsReceived, ChangeReason, Resident
from tests.support.cards.issuer_desk import POINTS
from tests.support.host.counters import Counter
from tests.support.host.issuing_office import quick_key
from tests.support.host.operators import ANCHOR, MADE, Person, Staff, person
from tests.support.host.residents import OTHER_TOWN, TOWN, another, code
from tests.support.transcripts.reading import NoTranscript

PASSPHRASE: Final = "correct horse battery"
SYSTEMS: Final = (
    "ADMIN", "COUNTER", "OPERATOR_LOGIN", "RESIDENT_IDENTIFICATION", "MOVE_IN", "SUSPEND",
    "WIDE_AREA_ISSUANCE", "POINTS",
)  # fmt: skip
OFFICE: Final = """\
[office]
municipality = "{town}"
database = "{name}.db"
keys = "town.keys"
pseudonyms = "town.pseudonyms"
anchors = ["operators.pem"]
terminal = "{terminal}"
issuer = "test"
authority = "test"
authority_register = "ca.db"
records = "test"
printer = ["sh", "-c", "cat > printed.pdf"]
"""
LIBRARY: Final = f"""\
[application]
aid = "{POINTS.hex().upper()}"
numbered = false
objects = {{ C1 = "746F776E" }}
files = {{ 0001 = "3132333435363738", 0002 = "66726565" }}
pin = 3
systems = {{ POINTS = 1 }}
"""
"""What a town says of its application, of which test cards have the package."""
_WAITED: Final = re.compile(r"^waiting \d+ s for the card to answer \.\.\.\n", re.M)
BODIES: Final = {TOWN: "terminal", OTHER_TOWN: "katano", "prefecture": "osaka"}
"""The other towns, and the prefecture, of a rehearsal, and what their databases are called."""
_ADDRESS: Final = re.compile(r"(127\.0\.0\.1:)(\d+)")
HOURS: Final = Hours()


def resident(number: int, name: str, sex: Sex, born: date, relation: str) -> Resident:
    """Somebody of the household that the manual tells of, or of another one."""
    return Resident(
        municipality=TOWN,
        name=AsReceived(name),
        address=AsReceived("東京都千代田区霞が関二丁目1番2号"),
        sex=sex,
        born=born,
        code=code(f"manual {number}"),
        reason=ChangeReason.MOVED_IN,
        changed=date(2014, 3, 1),
        household=1,
        relation=relation,
        domicile=AsReceived("奈良県吉野郡一番地"),
        family_head=AsReceived("住基 太郎"),
    )


TARO: Final = resident(1, "住基 太郎", Sex.MALE, date(1970, 2, 28), "世帯主")
FURTHER: Final = (
    resident(2, "住基 花子", Sex.FEMALE, date(1972, 4, 2), "妻"),
    resident(3, "住基 次郎", Sex.MALE, date(2004, 5, 5), "子"),
    resident(4, "住基 梅子", Sex.FEMALE, date(1990, 8, 1), "子"),
)
ROLES: Final = (
    (4001, Role.CLERK), (4002, Role.SUPERVISOR), (4003, Role.SUPERVISOR),
    (4004, Role.ADMINISTRATOR), (4005, Role.ADMINISTRATOR), (4006, Role.AUDITOR),
)  # fmt: skip
"""Who works there, and at which port their card listens."""
NEW: Final = {
    4007: (11, "8139203063729AE2"),
    4008: (11, "8139203063729AE3"),
    4009: (5, "81392073BA7BAFEB"),
}
"""Operator cards that nobody was lent yet, by where they listen: whom they name, as the seed that
the name is drawn from, and their number."""


def _with_ports(text: str, ports: Mapping[int, int]) -> str:
    """Replace each port that is known, once: one may begin with the digits of another."""
    return _ADDRESS.sub(lambda one: f"{one[1]}{ports.get(int(one[2]), one[2])}", text)


def _drawn(size: int) -> bytes:
    """The key of a log, of a witness or of pseudonyms, the same one each time."""
    return bytes(range(size))


class Town:
    """A stage: a folder with an office, its database and keys, and cards that listen."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._base = self.folder = folder
        self._cards: dict[int, HazardousCard] = {}
        self.clock = MovableClock(datetime(2014, 4, 1, 10, tzinfo=JAPAN))
        self._patch = monkeypatch
        self._stack = ExitStack()
        self._ports: dict[int, int] = {}
        self._servers: list[TcpServer] = []
        self._staff: dict[int, Person] = {}
        self.counter: Counter | None = None

    def __enter__(self) -> Self:
        self._patch.setattr(Clock.__init__, "__defaults__", (self.clock.now,))
        self._patch.setattr(ScryptCost.__init__, "__defaults__", (1 << 10,))
        self._patch.setattr("jukihost.log.keyfiles.secrets", SimpleNamespace(token_bytes=_drawn))
        for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "JUKIHOST_SEARCHED"):
            self._patch.delenv(name, raising=False)
        for name, value in (
            ("LANG", "C.UTF-8"),
            ("COLUMNS", "100"),
            ("JUKIHOST_OFFICE", "office.toml"),
            ("JUKIHOST_PASSPHRASE", PASSPHRASE),
        ):
            self._patch.setenv(name, value)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def serve(self, port: int, card: Card) -> None:
        """Let a card listen where the manual says a port, in the place of what listened there."""
        self._cards[port] = HazardousCard(card)
        server = self._stack.enter_context(TcpServer(self._cards[port], port=0))
        self._ports[port] = server.port
        self._servers.append(server)

    def settle(self) -> None:
        """Wait until whoever used a card has gone, which a busy machine sees late."""
        until = monotonic() + 60
        while any(server.connected for server in self._servers) and monotonic() < until:
            sleep(0.01)

    def real(self, text: str) -> str:
        """A command's word, with the ports that there are today."""
        return _with_ports(text, self._ports)

    def shown(self, text: str) -> str:
        """An output, with the ports and the folder that the manual has.

        That a card is waited for is said by how busy the machine is, and left out.
        """
        text = _WAITED.sub("", text)
        shown = _with_ports(text, {real: port for port, real in self._ports.items()})
        return shown.replace(f"{self.folder}/", "/srv/office/")

    def direct(self, name: str, value: str) -> None:
        """Do what a page's direction says. NoTranscript."""
        try:
            acts: dict[str, Callable[[str], None]] = {
                "scene": self._scene,
                "at": self._at,
                "lock": self._lock,
                "pull": self._pull,
                "back": self._put_back,
            }
            act = acts[name]
        except KeyError:
            raise NoTranscript(f"there is no direction {name!r}") from None
        act(value)

    def _at(self, value: str) -> None:
        self.clock.put(datetime.fromisoformat(value).replace(tzinfo=JAPAN))

    def _pull(self, value: str) -> None:
        """Have a card pulled out once it has obeyed a command: its port, and INS in hexadecimal."""
        port, ins = value.split()
        self._cards[int(port)].add(Pulled(ins=int(ins, 16), done=True))

    def _put_back(self, value: str) -> None:
        """Put a card back that was pulled out: its port."""
        self._cards[int(value)].put_back()

    def _lock(self, value: str) -> None:
        """Lock the operator card at a port with wrong passwords."""
        self._staff[int(value)].lock()

    def _scene(self, value: str) -> None:
        """Begin in a new folder."""
        self.folder = self._base / str(len(list(self._base.iterdir())))
        self.folder.mkdir()
        self._patch.chdir(self.folder)
        scenes = {
            "empty": self._empty,
            "office": self._office,
            "two towns": self._two_towns,
            "my number": self._my_number,
            "two ages": self._two_ages,
        }
        scenes[value]()

    def _empty(self) -> None:
        """Two administrators with cards that nobody was lent, and what certifies them."""
        for seed, port in enumerate((4004, 4005), 4):
            self.serve(port, person(seed).card)
        (self.folder / "operators.pem").write_bytes(ANCHOR.public_bytes(Encoding.PEM))

    def _office(self) -> None:
        """An office with its staff, and residents of whom two have a card; blank cards."""
        self._files()
        self.counter = self._counter(TOWN, TARO)
        self.serve(5001, self.counter.card)
        for one in FURTHER:
            self.counter.another_resident("", **vars_of(one))
        card, _ = self.counter.issued_card(2, FURTHER[0].code.reveal())
        self.serve(5002, card)
        self._hire(self.counter, ROLES)
        for port, (seed, number) in NEW.items():
            printed = Printed(card_number=bytes.fromhex(number))
            made = issue_card(
                "operator", seed=seed, issued=MADE, municipality=TOWN, printed=printed
            )
            self.serve(port, made)
        self._make_cards(dict.fromkeys((6001, 6002, 6003), "juki-v2"))
        (self.folder / "library.toml").write_text(LIBRARY, "utf-8")

    def _make_cards(self, blank: dict[int, str]) -> None:
        """Let blank cards listen, of these profiles, and have a photo for them."""
        self._patch.setattr("jukicard.crypto.rsa_generation.generate_rsa", quick_key())
        for port, profile in blank.items():
            self.serve(port, self._blank(port, profile))
        face = draw_face(SeededRandom("photo"), SPECIMEN, date(2014, 4, 1))
        (self.folder / "photo.jp2").write_bytes(face)

    def _two_towns(self) -> None:
        """The office, and that of Katano, to which people move, with a prefecture."""
        self._office()
        neighbour = replace(TARO, **another("of the other town"), municipality=OTHER_TOWN)
        there = self._counter(OTHER_TOWN, neighbour)
        self._hire(there, ((4011, Role.CLERK),), seed=20)
        self._database("prefecture")
        for own, name in ((TOWN, "office"), (OTHER_TOWN, "katano")):
            towns = "".join(
                f'[towns.{town}]\ndatabase = "{body}.db"\npseudonyms = "town.pseudonyms"\n'
                for town, body in BODIES.items()
                if town != own
            )
            place = self.folder / f"{name}.toml"
            terminal = "counter-1" if own == TOWN else "katano-3"
            text = OFFICE.format(town=own, name=BODIES[own], terminal=terminal)
            place.write_text(text + towns, "utf-8")

    def _my_number(self) -> None:
        """The office in 2016, with a My Number card."""
        self.clock.put(datetime(2016, 6, 1, 10, tzinfo=JAPAN))
        self._patch.setattr("tests.support.host.operators.MADE", date(2016, 5, 31))
        self._files()
        self.counter = self._counter(TOWN, TARO, profile="mynumber")
        self.serve(5001, self.counter.card)
        self._hire(self.counter, ROLES)

    def _two_ages(self) -> None:
        """The office in 2016, with a Juki card of 2014 and a blank My Number card."""
        self._files()
        self.counter = self._counter(TOWN, TARO)
        self.serve(5001, self.counter.card)
        self.clock.put(datetime(2016, 6, 1, 10, tzinfo=JAPAN))
        self._patch.setattr("tests.support.host.operators.MADE", date(2016, 5, 31))
        self._hire(self.counter, ROLES)
        self._make_cards({6004: "mynumber"})

    def _counter(self, town: str, resident: Resident, **profile: Any) -> Counter:
        key = read_log_key(self.folder / "town.pseudonyms", lambda: PASSPHRASE, KeyUse.PSEUDONYMS)
        counter = Counter(self._database(town), self.clock, town=town, resident=resident, **profile)
        counter.office = replace(counter.office, pseudonyms=PseudonymKey(key))
        return counter

    def _database(self, body: str) -> Database:
        place = self.folder / f"{BODIES[body]}.db"
        upgrade_database(place)
        return self._stack.enter_context(
            open_database(place, clock=self.clock, terminal="counter-1")
        )

    def _hire(self, counter: Counter, roles: Iterable[tuple[int, Role]], *, seed: int = 0) -> None:
        staff = Staff(counter, seed)
        for port, role in roles:
            self._staff[port] = staff.hired(role, HOURS)
            self.serve(port, self._staff[port].card)

    def _blank(self, port: int, profile: str) -> Card:
        number = bytes.fromhex("813920FF00") + port.to_bytes(3, "big")
        return issue_card(
            replace(PROFILES[profile], receipts=True),
            seed=f"blank {port}",
            blank=True,
            printed=Printed(card_number=number),
        )

    def _files(self) -> None:
        systems = [word for one in SYSTEMS for word in ("--system", one)]
        for words in (
            ["keys", "new", "--test", *systems, "town.keys"],
            ["log", "key", "town.pseudonyms", "--for", "pseudonyms"],
        ):
            if main(words):
                raise NoTranscript(f"the stage could not be set: {words}")
        (self.folder / "operators.pem").write_bytes(ANCHOR.public_bytes(Encoding.PEM))
        text = OFFICE.format(town=TOWN, name="terminal", terminal="counter-1")
        (self.folder / "office.toml").write_text(text, "utf-8")


def vars_of(one: Resident) -> dict[str, object]:
    """What makes a resident who they are."""
    return {name: getattr(one, name) for name in one.__dataclass_fields__}
