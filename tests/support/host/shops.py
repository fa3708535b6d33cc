"""`jukihost counter` for tests: a town's office in a file, and cards that listen on TCP."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jukicard import Card, TcpServer
from jukihost.cli import main
from jukihost.clock import Clock, day_in_japan, machine_time
from jukihost.database import Database, open_database, upgrade_database
from jukihost.keys import software
from jukihost.keys.envelope import ScryptCost
from jukihost.ledger import Role
from jukihost.log import KeyUse, new_log_key
from jukihost.register import Resident
from tests.support.host.counters import Counter
from tests.support.host.operators import ANCHOR, PASSWORD, Person, Staff
from tests.support.host.residents import RESIDENT, TOWN

PASSPHRASE: Final = "correct horse battery"
TODAY: Final = date(2014, 4, 1)
"""The day that it is in the rehearsal."""
BEHIND: Final = timedelta(days=(day_in_japan(machine_time()) - TODAY).days)
SYSTEMS: Final = (
    "ADMIN", "COUNTER", "OPERATOR_LOGIN", "RESIDENT_IDENTIFICATION", "WIDE_AREA_ISSUANCE",
    "MOVE_IN", "SUSPEND", "POINTS",
)  # fmt: skip
PRINTER: Final = "import sys; open('printed.pdf', 'wb').write(sys.stdin.buffer.read())"


@dataclass(frozen=True)
class Told:
    """What a command told a program: its exit code, and its lines."""

    code: int
    lines: list[dict[str, Any]]
    errors: str

    @property
    def result(self) -> dict[str, Any]:
        """The last line, after it was checked that it is the only one of its kind."""
        *before, last = self.lines
        assert {one["type"] for one in before} <= {"progress"}
        assert last["type"] == "result"
        for one in self.lines:
            assert one["api"] == 1
            assert one["procedure"] == last["procedure"]
        error = {"code", "meaning", "said", "retry", "tries_left"}
        assert last["done"] is (self.code == 0)
        assert set(last["result"] if last["done"] else last["error"]) >= (
            set() if last["done"] else error
        )
        return last

    @property
    def done(self) -> dict[str, Any]:
        """The result of what was done."""
        assert self.code == 0, (self.lines, self.errors)
        found: dict[str, Any] = self.result["result"]
        return found

    @property
    def error(self) -> str:
        """The code of the error that it ended in."""
        assert self.code != 0, self.lines
        found: str = self.result["error"]["code"]
        return found


class Shop:
    """A counter whose office is in a file, with operators, and a printer that writes a file."""

    def __init__(self, folder: Path, counter: Counter) -> None:
        self.folder, self.counter = folder, counter
        staff = Staff(counter)
        self.clerk, self.supervisor = staff.hired(Role.CLERK), staff.hired(Role.SUPERVISOR)
        self.office = folder / "office.toml"
        self.lines = [
            f'municipality = "{counter.town}"', 'database = "terminal.db"',
            'keys = "../town.keys"', 'pseudonyms = "../town.pseudonyms"',
            'anchors = ["../operators.pem"]', 'terminal = "counter-9"',
            f"rehearsal = {BEHIND.days}", 'issuer = "test"', 'authority = "test"',
            'authority_register = "../ca.db"', 'records = "test"',
            f"printer = {json.dumps([sys.executable, '-c', PRINTER])}",
        ]  # fmt: skip
        self.towns: list[str] = []
        self.write()

    def write(self, *, without: str = "") -> None:
        """Write the office's file, without one of its lines."""
        kept = [one for one in self.lines if not (without and one.startswith(f"{without} ="))]
        towns = [] if without == "towns" else self.towns
        self.office.write_text("\n".join(["[office]", *kept, *towns]), "utf-8")

    @contextmanager
    def changed(self, *lines: str, without: str = "") -> Iterator[None]:
        """Have the office's file say something else for a while, or not at all."""
        kept, named = self.lines, {one.split(" = ")[0] for one in lines}
        self.lines = [*(one for one in kept if one.split(" = ")[0] not in named), *lines]
        self.write(without=without)
        try:
            yield
        finally:
            self.lines = kept
            self.write()

    def neighbour(self, name: str, folder: Path) -> None:
        """Let another body be reached from here."""
        self.towns += [
            f"[towns.{name}]", f'database = "{folder / "terminal.db"}"',
            'pseudonyms = "../town.pseudonyms"',
        ]  # fmt: skip
        self.write()

    def run(
        self,
        *words: str,
        said: Sequence[dict[str, Any]] = (),
        card: Card | None = None,
        second: Person | None = None,
        operator: Person | None = None,
        json_: bool = True,
    ) -> Told:
        """Run a command; the operator's password is typed first, then the second one's."""
        passwords = [{"secret": PASSWORD, "use": "operator"}] * (2 if second else 1)
        script = self.folder / "said.jsonl"
        script.write_text("\n".join(json.dumps(one) for one in (*passwords, *said)), "utf-8")
        with ExitStack() as stack:
            shown = {
                "--operator-tcp": (operator or self.clerk).card,
                "--tcp": card or self.counter.card,
                **({"--second-tcp": second.card} if second else {}),
            }
            where = [
                word
                for option, one in shown.items()
                for word in (option, f"127.0.0.1:{stack.enter_context(served(one))}")
            ]
            asked = ["--office", str(self.office), "--script", str(script), *where]
            return told("counter", *words, *asked, *(["--json"] if json_ else []))


def told(*words: str) -> Told:
    """Run the command line, and return what it told a program."""
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        code = main(words)
    lines = out.getvalue().splitlines()
    if "--json" not in words:
        return Told(code, [{"line": one} for one in lines], errors.getvalue())
    return Told(code, [json.loads(one) for one in lines], errors.getvalue())


@contextmanager
def served(card: Card) -> Iterator[int]:
    """Let a card listen on TCP; its port."""
    with TcpServer(card, port=0) as server:
        yield server.port


@contextmanager
def town_files(folder: Path) -> Iterator[Path]:
    """Make what the offices of a folder have in common, with passphrases that cost little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUKIHOST_PASSPHRASE", PASSPHRASE)
        patch.setattr(software, "ScryptCost", lambda: ScryptCost(1 << 10))
        systems = [word for one in SYSTEMS for word in ("--system", one)]
        assert told("keys", "new", "--test", *systems, str(folder / "town.keys")).code == 0
        place, cost = folder / "town.pseudonyms", ScryptCost(1 << 10)
        new_log_key(place, lambda: PASSPHRASE, KeyUse.PSEUDONYMS, cost=cost)
        (folder / "operators.pem").write_bytes(ANCHOR.public_bytes(Encoding.PEM))
        yield folder


@contextmanager
def opened(folder: Path) -> Iterator[Database]:
    """Make the database of a body in a new folder, and open it beside the command line."""
    folder.mkdir()
    upgrade_database(folder / "terminal.db")
    clock = Clock(lambda: machine_time() - BEHIND)
    with open_database(folder / "terminal.db", clock=clock, terminal="office") as database:
        yield database


@contextmanager
def opened_shop(
    folder: Path, town: str = TOWN, resident: Resident = RESIDENT, **profile: Any
) -> Iterator[Shop]:
    """Open a town's counter in a new folder of the town files."""
    with opened(folder) as database:
        counter = Counter(database, database.clock, town=town, resident=resident, **profile)  # type: ignore[arg-type]
        yield Shop(folder, counter)
