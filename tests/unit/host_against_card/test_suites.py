"""Every suite of mutual authentication, from the key store through the session to the card."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jukicard import Card
from jukicard.kit.features.keys import Keys
from jukicard.profiles.masters import SUITES
from jukicard.runtime.boundary import raise_bug
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.tcp import TcpServer
from jukihost import cli
from jukihost.channel import build_channel
from jukihost.errors import AuthenticationRejected, PinRejected, ReferenceNotUsable
from jukihost.keys import SoftwareCustody
from jukihost.keys.diversification import MASTER_BYTES
from jukihost.keys.published import published_master
from jukihost.models import CardState, Purpose, ResidentCode
from jukihost.sessions.juki import JukiSession
from tests.support.cards.issuing import issue
from tests.support.host.cli import Typed, as_json
from tests.support.host.custody import PublicMasters

CODE = ResidentCode("12345678903")
NAMES = list(SUITES)


def issued(**options: object) -> Card:
    return issue(seed=1, code=CODE.reveal(), on_bug=raise_bug, **options)


@contextmanager
def session(card: Card, *, allow_suspended: bool = False) -> Iterator[JukiSession]:
    with LocalReader(card) as connection:
        channel = build_channel(connection)
        with JukiSession(channel, allow_suspended=allow_suspended) as juki:
            yield juki


def read(
    card: Card, custody: PublicMasters | SoftwareCustody, version: int | None = None
) -> ResidentCode:
    with session(card) as juki:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, custody, version=version)
        juki.verify_pin("1234")
        return juki.read_code()


@pytest.mark.parametrize("suite", NAMES)
def test_the_holder_is_identified(suite: str) -> None:
    assert read(issued(suites=suite), PublicMasters(suite=suite)) == CODE


@pytest.mark.parametrize("suite", NAMES)
def test_the_counter_works(suite: str) -> None:
    card = issued(suites=suite)
    custody = PublicMasters(suite=suite)
    with session(card) as juki:
        juki.authenticate(Purpose.COUNTER, custody)
        juki.unblock_pin("5678")
        with pytest.raises(PinRejected):
            juki.verify_pin("1234")
        juki.verify_pin("5678")
        juki.change_pin("9012")
        juki.write_code(ResidentCode("24727059608"))
        assert juki.continue_use("27140").municipality == "27140"
        juki.suspend()
    with session(card, allow_suspended=True) as juki:
        juki.authenticate(Purpose.COUNTER, custody)
        juki.resume()
        assert juki.card_state() is CardState.ACTIVE
        juki.verify_pin("9012")
        assert juki.read_code() == ResidentCode("24727059608")


@pytest.mark.parametrize("wanted", NAMES)
@pytest.mark.parametrize("made_for", NAMES)
def test_the_key_says_which_suite(made_for: str, wanted: str) -> None:
    """Both 16-byte suites begin from the same master, and still a wrong one gets nowhere."""
    card = issued(suites=made_for)
    if wanted == made_for:
        assert read(card, PublicMasters(suite=wanted)) == CODE
        return
    with session(card) as juki:
        with pytest.raises(AuthenticationRejected) as caught:
            juki.authenticate(Purpose.COUNTER, PublicMasters(suite=wanted))
        assert caught.value.retries_left == 14
        assert not juki.authenticated
    assert read(card, PublicMasters(suite=made_for)) == CODE


def test_suites_by_purpose() -> None:
    card = issued(suites={"COUNTER": "MA-3DES", "SUSPEND": "MA-AES256"})
    suites = {Purpose.COUNTER: "MA-3DES", Purpose.SUSPEND: "MA-AES256"}
    with session(card) as juki:
        for purpose in Purpose:
            suite = suites.get(purpose, "MA-AES128")
            juki.authenticate(purpose, PublicMasters(suite=suite))
            assert juki.purposes == {purpose}
            assert juki.card_info().municipality


def test_triple_des_switched_off_afterwards() -> None:
    """A card that got such a key in another way than by issue: 6984, and nothing is counted."""
    old, new = issued(suites="MA-3DES"), issued()
    with new.environment.memory.transaction():
        for purpose in Purpose:
            ef, _ = _applet(old).keys.find(purpose)
            pair = _applet(old).keys.engine(ef)
            assert pair.suite is SUITES["MA-3DES"]
            raw = _applet(old).files.partition.get(ef.content_key)
            assert raw is not None
            _applet(new).files.partition.put(ef.content_key, raw)
    with session(new) as juki:
        for suite in ("MA-3DES", "MA-AES128"):
            with pytest.raises(ReferenceNotUsable) as caught:
                juki.authenticate(Purpose.COUNTER, PublicMasters(suite=suite))
            assert caught.value.status == 0x6984
    ef, _ = _applet(new).keys.find(Purpose.COUNTER)
    assert _applet(new).keys.tries_left(ef) == 15


def _applet(card: Card) -> Keys[Any]:
    found = card.applications.get(JukiSession.AID)
    assert found is not None
    assert isinstance(found.applet, Keys)
    return found.applet


@pytest.mark.parametrize("suite", NAMES)
def test_masters_of_a_town(tmp_path: Path, suite: str) -> None:
    """Random masters, in the store on one side and in the issuer's hands on the other."""
    masters = {purpose.name: os.urandom(MASTER_BYTES[suite]) for purpose in Purpose}
    card = issued(masters=masters, suites=suite)
    with _store(tmp_path) as custody:
        for name, master in masters.items():
            custody.import_key(name, 1, master, suite=suite)
        assert read(card, custody) == CODE
        custody.rotate("RESIDENT_IDENTIFICATION", suite="MA-AES256")
        assert custody.inventory()[3].suite == "MA-AES256"
        assert custody.inventory()[2].suite == suite
        assert read(card, custody, 1) == CODE, "the card's version is still there"


@contextmanager
def _store(tmp_path: Path) -> Iterator[SoftwareCustody]:
    custody = SoftwareCustody(tmp_path / "town.keys", lambda: "correct horse battery")
    custody.create()
    with custody:
        yield custody


@pytest.mark.parametrize("suite", NAMES)
def test_contactless_in_private(suite: str) -> None:
    card = issued(suites=suite, contactless=True, access_number="271828")
    with session(card) as juki:
        juki.begin_private("271828")
        juki.authenticate(Purpose.MOVE_IN, PublicMasters(suite=suite))
        juki.verify_pin("1234")
        assert juki.read_code() == CODE


def test_an_option_that_is_on_and_not_used() -> None:
    card = issued(options=lambda given: dataclasses.replace(given, triple_des=True))
    assert read(card, PublicMasters()) == CODE
    with session(card) as juki, pytest.raises(AuthenticationRejected):
        juki.authenticate(Purpose.COUNTER, PublicMasters(suite="MA-3DES"))


# --- the command line ---


def _run(
    card: Card, monkeypatch: pytest.MonkeyPatch, *arguments: str, typed: str = "1234\n"
) -> int:
    monkeypatch.setattr("sys.stdin", Typed(typed))
    with TcpServer(card) as server:
        return cli.main([*arguments, "--tcp", f"{server.host}:{server.port}"])


@pytest.mark.parametrize("suite", NAMES)
def test_test_store_of_a_suite(
    tmp_path: Path, suite: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "test.keys")
    assert cli.main(["keys", "new", "--test", "--suite", suite, path, "--json"]) == 0
    assert {row["suite"] for row in as_json(capsys)} == {suite}
    arguments = ("code", "read", "--keys", path, "--purpose", "COUNTER", "--pin-file", "-")
    assert _run(issued(suites=suite), monkeypatch, *arguments) == 0
    assert capsys.readouterr().out == f"{CODE.reveal()}\n"
    other = "MA-AES128" if suite != "MA-AES128" else "MA-3DES"
    assert _run(issued(suites=other), monkeypatch, *arguments) == 1
    assert "which key" in capsys.readouterr().err


def test_store_of_a_suite_through_its_life(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, key_file = str(tmp_path / "keys"), tmp_path / "master"
    key_file.write_text(published_master("SUSPEND").hex())
    new = ["keys", "new", path, "--system", "COUNTER", "--suite", "MA-3DES", "--json"]
    assert cli.main(new) == 0
    assert [row["suite"] for row in as_json(capsys)] == ["MA-3DES"]
    take = ["keys", "import", path, "--whole", "--key-file", str(key_file), "--json"]
    assert cli.main([*take, "SUSPEND", "--suite", "MA-3DES"]) == 0
    assert [row["suite"] for row in as_json(capsys)] == ["MA-3DES"]
    assert cli.main([*take, "MOVE_IN", "--suite", "MA-AES256"]) == 2
    assert "32 bytes" in capsys.readouterr().err
    for more, suite in (([], "MA-3DES"), (["--suite", "MA-AES128"], "MA-AES128")):
        assert cli.main(["keys", "rotate", path, "COUNTER", "--json", *more]) == 0
        assert [row["suite"] for row in as_json(capsys)] == [suite]
    assert cli.main(["keys", "rotate", path, "COUNTER", "--suite", "MA-DES"]) == 2
