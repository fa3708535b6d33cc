"""What was promised of protection, and is kept as far as a program can: docs/card.md, section 1."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select, text

import jukihost
from jukicard import PROFILES, Card, issue_card
from jukicard.runtime.boundary import raise_bug
from jukihost.clock import MovableClock
from jukihost.database import Database, DatabaseAway, open_database, upgrade_database
from jukihost.database.address import read_address
from jukihost.database.engine import make_engine
from jukihost.log import Outcome, Use as Noted, create_log
from jukihost.log.tables import queue
from jukihost.register import (
    PROVISIONS,
    Asking,
    Body,
    Item,
    LocalRegisters,
    ProvisionRefused,
    Use,
    items_for,
    show_by_code,
)
from jukihost.workflows import noting
from tests.support.cards.juki_desk import CODE
from tests.support.host.databases import NOON
from tests.support.host.ledgers import BY
from tests.support.host.postgresql import USER
from tests.support.host.residents import ELSEWHERE, RESIDENT, TOWN, entered
from tests.support.host.tls import Authority, address, proven_server
from tests.support.host.town import ORIGIN, PSEUDONYMS
from tests.support.soak import times

ROOT: Final = Path(__file__).parents[2]
PIN: Final = "8031"

# --- P4: attacks on the chip are resisted, as far as software can ---

KNOWN: Final = tuple(
    bytes.fromhex(command)
    for command in (
        "00A4040C0AD3921000310001010401",
        "00A4040C0AD392F000260100000001",
        "00A4020C02001C",
        "0020009C",
        "00B2011400",
        "00B0000000",
        "0084000008",
        "00820081200102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20",
        "00CA005A00",
        "00DA00C10101",
        "8050000008000102030405060708",
        "80E200000401020304",
        "00E6000000",
        "00440000023F00",
    )
)
"""What a terminal sends, to be spoiled."""
SECRETS: Final = (CODE.encode(), bytes.fromhex(f"{CODE}0"), PIN.encode())


def _spoiled(drawn: random.Random) -> bytes:
    """Return a command of no protocol: one that is known, changed, or bytes of no order at all."""
    if drawn.random() < 0.2:
        return drawn.randbytes(drawn.choice((0, 1, 3, 4, 5, 30, 270)))
    command = bytearray(drawn.choice(KNOWN))
    for _ in range(drawn.randint(0, 3)):
        command[drawn.randrange(len(command))] = drawn.randrange(256)
    return bytes(command) + drawn.randbytes(drawn.choice((0, 0, 1, 2, 16)))


@pytest.mark.parametrize("profile", PROFILES)
def test_p4_whatever_is_sent_gets_an_answer_and_nothing_that_is_secret(profile: str) -> None:
    wishes: dict[str, Any] = {} if profile == "operator" else {"code": CODE, "pin": PIN}
    card: Card = issue_card(profile, seed=4, on_bug=raise_bug, **wishes)
    drawn = random.Random(profile)
    card.power_on()
    for _ in range(times(2_000, soak=100_000)):
        command = _spoiled(drawn)
        if command[1:2] == b"\x20" and len(command) > 5:
            continue  # a guess at the PIN
        answer = card.transmit(command)
        assert len(answer) >= 2, command.hex()
        assert not any(secret in answer for secret in SECRETS), command.hex()


# --- P25: which bodies get identity information, and for what ---


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """The databases of a town and of its prefecture, each with its log."""
    with ExitStack() as stack:
        opened = []
        for name in ("town", "prefecture"):
            upgrade_database(tmp_path / name)
            one = open_database(tmp_path / name, clock=MovableClock(NOON), terminal="counter-1")
            opened.append(stack.enter_context(one))
            with one.begin() as connection:
                create_log(connection, ORIGIN)
        entered(opened[0])
        yield opened[0], opened[1]


def test_p25_each_body_gets_for_each_purpose_what_the_table_names_and_nothing_beside_it(
    databases: tuple[Database, Database],
) -> None:
    given, refused = 0, 0
    for body, use in itertools.product(Body, Use):
        asking = Asking(BY, body, use)
        items = PROVISIONS.get((body, use))
        with databases[0].read() as connection:
            if items is None:
                with pytest.raises(ProvisionRefused, match="nothing for the purpose"):
                    show_by_code(connection, RESIDENT.code, asking)
                refused += 1
                continue
            shown = show_by_code(connection, RESIDENT.code, asking)
        assert shown.values.keys() == items == items_for(asking)
        for item in set(Item) - items:
            with pytest.raises(ProvisionRefused):
                shown[item]
        given += 1
    assert (given, refused) == (len(PROVISIONS), len(Body) * len(Use) - len(PROVISIONS))
    assert not any(body is Body.PRIVATE for body, _ in PROVISIONS)


def test_p25_what_is_given_and_what_is_refused_is_in_the_log_of_who_was_asked(
    databases: tuple[Database, Database],
) -> None:
    town, prefecture = databases
    registers = LocalRegisters({TOWN: town}, prefecture, noting({TOWN: PSEUDONYMS, "": PSEUDONYMS}))
    registers.copy_of_record(TOWN, RESIDENT.code, ELSEWHERE)
    for body in (Body.AGENCY, Body.PRIVATE):
        with pytest.raises(ProvisionRefused):
            registers.copy_of_record(TOWN, RESIDENT.code, replace(ELSEWHERE, body=body))
    with town.read() as connection:
        noted = [Noted.parse(row) for row in connection.execute(select(queue.c.entry)).scalars()]
    assert [use.outcome for use in noted] == [Outcome.DONE, Outcome.REFUSED, Outcome.REFUSED]
    assert {use.resident for use in noted} == {PSEUDONYMS.resident(RESIDENT.code)}
    assert [use.body.split()[0] for use in noted] == ["other_town", "agency", "private"]
    assert all("nothing for the purpose" in use.reason for use in noted[1:])


# --- P28: data between computers is encrypted, and each makes sure of the other ---

REACHED: Final = {
    "database/engine.py": "the database: mutual TLS, or this machine",
    "workflows/bulk/fleet.py": "a scheduler of several machines: mutual TLS, or this machine",
    "transport/stream.py": "a card's program on TCP",
    "transport/vpcd.py": "the virtual reader's protocol",
    "transport/pcsc/lane.py": "the reader's service of this machine",
    "testing/pcscd.py": "the same, in the tests of who uses the library",
}
"""Every module that opens a way out of the process, and to whom; there is no register among it."""


def test_p28_nothing_but_databases_cards_and_readers_is_reached_outside_of_the_process() -> None:
    package = Path(jukihost.__path__[0])
    ways = re.compile(
        r"\bcreate_engine\(|\bsocket\.(socket|create_connection|create_server)\(|"
        r"^(from|import) (http|urllib\.request|ssl|ftplib|smtplib|xmlrpc)\b|"
        r"\bopen_connection\(|\bcreate_subprocess|^import (socket)$",
        re.MULTILINE,
    )
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if ways.search(path.read_text("utf-8"))
    }
    assert found == REACHED.keys()
    manual = (ROOT / "SECURITY.md").read_text("utf-8")
    assert "TCP and the virtual reader's protocol carry plain bytes" in manual


@pytest.mark.interop
@pytest.mark.xdist_group("postgresql")
def test_p28_terminal_and_database_on_two_machines_prove_themselves_to_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proven_server() as authority, monkeypatch.context() as patch:
        patch.setattr("jukihost.database.address.is_this_machine", lambda host: False)
        for name, trusted, certifier in (
            ("unknown server", Authority(), authority),
            ("unknown terminal", authority, Authority()),
        ):
            (tmp_path / name).mkdir()
            with pytest.raises(DatabaseAway):
                upgrade_database(address(tmp_path / name, trusted, certifier))
        engine = make_engine(read_address(address(tmp_path, authority, authority)))
        with engine.connect() as connection:
            asked = text("SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            assert tuple(connection.execute(asked).one()) == (True, f"/CN={USER}")
        engine.dispose()
