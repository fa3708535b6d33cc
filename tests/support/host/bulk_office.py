"""An office in files that issues cards in bulk, with feeds of blank cards on TCP, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from jukicard import TcpServer
from jukicard.testing import BlankCards
from jukicard.transport.tcpmany import ManyCardsServer
from jukihost.cli import main
from jukihost.clock import Clock, machine_time
from jukihost.database import Database, open_database, upgrade_database
from jukihost.ledger import Claim, LedgerState, Role, cards_of, claims_of_holder
from jukihost.workflows import CardAtDesk, hand_over
from tests.support.host.counters import Clerk, Counter
from tests.support.host.issuing_office import NEW, PHOTO, WORD, Office, lose
from tests.support.host.operators import ANCHOR, PASSWORD, Person, Staff

SYSTEMS: Final = ("COUNTER", "OPERATOR_LOGIN", "RESIDENT_IDENTIFICATION")
BEHIND: Final = timedelta(days=(machine_time().date() - date(2014, 4, 1)).days)
PASSPHRASE: Final = "correct horse battery"
ROOT: Final = Path(__file__).parents[3]


class BulkOffice:
    """An office whose files, clerk, people and feeds are there; `run` is the command line."""

    def __init__(self, folder: Path, database: Database, people: int, feeds: int) -> None:
        self.folder = folder
        self.counter = Counter(database, database.clock)  # type: ignore[arg-type]
        lose(self.counter)
        Office(self.counter)
        self.clerk: Person = Staff(self.counter).hired(Role.CLERK)
        others = [self.counter.another_resident(f"bulk {n}") for n in range(people - 1)]
        self.holders = [self.counter.holder, *others]
        self.list = folder / "people.csv"
        self.write()
        self.feeds = [BlankCards("juki-v1", people + 2, seed=f"feed {n}") for n in range(feeds)]
        self.ports: list[int] = []

    def write(self, *more: str) -> None:
        """Write the list: everybody, and what else there is."""
        rows = ["holder,papers", *(f"{one},photo" for one in self.holders), *more]
        self.list.write_text("\n".join(rows))

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve the feeds and the operator card."""
        with ExitStack() as stack:
            clerk = stack.enter_context(TcpServer(self.clerk.card, port=0))
            servers = [
                stack.enter_context(ManyCardsServer(one, unnamed=one.next_name))
                for one in self.feeds
            ]
            self.operator_port, self.ports = clerk.port, [one.port for one in servers]
            yield

    def words(self, *more: str) -> list[str]:
        """The command line of a run."""
        said = self.folder / "said.jsonl"
        said.write_text(json.dumps({"secret": PASSWORD, "use": "operator"}))
        feeds = [word for port in self.ports for word in ("--feed", f"127.0.0.1:{port}")]
        return [
            "issue", "--from", str(self.list), "--office", str(self.folder / "office.toml"),
            "--script", str(said), "--operator-tcp", f"127.0.0.1:{self.operator_port}", "--json",
            *(feeds if "--dry-run" not in more else ()), *more,
        ]  # fmt: skip

    def run(self, *more: str) -> int:
        """Run it in this process."""
        return main(self.words(*more))

    def started(self, *more: str) -> subprocess.Popen[str]:
        """Start it as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "jukihost", *self.words(*more)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'host'}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def made(self) -> int:
        """How many claims are done."""
        return sum(any(one.done for one in claims) for claims in self._claims())

    def begun(self) -> int:
        """How many holders have a claim, done or not."""
        return sum(bool(claims) for claims in self._claims())

    def _claims(self) -> list[tuple[Claim, ...]]:
        with self.counter.database.read() as connection:
            return [claims_of_holder(connection, one) for one in self.holders]

    def check_each_has_one(self) -> None:
        """Each holder has one card, whole, claimed and done, made once; all are handed over."""
        numbers = set()
        for holder in self.holders:
            with self.counter.database.read() as connection:
                mine = cards_of(connection, holder)
                [card] = [one for one in mine if one.state is LedgerState.ISSUING]
                [claim] = claims_of_holder(connection, holder)
            assert claim.done
            assert claim.card == card.number
            numbers.add(card.number)
            self._hand_over(card.number)
        assert len(numbers) == len(self.holders)
        made = [one for one in self.counter.uses() if one.purpose == "issue"]
        done = [one.card or b"" for one in made if one.outcome.value == "done"]
        assert sorted(done) == sorted(set(done))
        assert len(done) == len(self.holders)

    def _hand_over(self, number: bytes) -> None:
        [feed] = [one for one in self.feeds if number.hex().upper() in one.states]
        with feed.connect(number) as reader:
            hand_over(self.counter.desk(talk=Clerk(NEW, WORD)), CardAtDesk(reader), PHOTO)


@contextmanager
def bulk_office(
    folder: Path, *, people: int, feeds: int, address: str = ""
) -> Iterator[BulkOffice]:
    """Make an office in a folder, and serve its feeds; `JUKIHOST_PASSPHRASE` has to be set.

    address: of the database, which is empty and has its tables; without one it is a file here.
    """
    if not address:
        address = str(folder / "terminal.db")
        upgrade_database(address)
    systems = [word for one in SYSTEMS for word in ("--system", one)]
    assert main(["keys", "new", "--test", *systems, str(folder / "town.keys")]) == 0
    assert main(["log", "key", str(folder / "town.pseudonyms"), "--for", "pseudonyms"]) == 0
    (folder / "operators.pem").write_bytes(ANCHOR.public_bytes(Encoding.PEM))
    (folder / "office.toml").write_text(
        f'[office]\nmunicipality = "13101"\ndatabase = "{address}"\nkeys = "town.keys"\n'
        'pseudonyms = "town.pseudonyms"\nanchors = ["operators.pem"]\nterminal = "counter-9"\n'
        f'rehearsal = {BEHIND.days}\nissuer = "test"\nauthority = "test"\n'
        'authority_register = "ca.db"\nrecords = "test"\n'
    )
    clock = Clock(lambda: machine_time() - BEHIND)
    with open_database(address, clock=clock, terminal="office") as database:
        office = BulkOffice(folder, database, people, feeds)
        with office.serving():
            yield office


def lines(text: str) -> list[dict[str, Any]]:
    """What a program was told."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
