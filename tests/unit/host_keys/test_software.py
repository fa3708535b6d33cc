"""The key store: what it gives out, what it refuses, and what its file looks like."""

from __future__ import annotations

import json
import os
import pickle
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from jukihost.errors import CardError
from jukihost.keys import (
    KEY_REFERENCES,
    KeyCustody,
    KeyCustodyError,
    KeyInfo,
    SoftwareCustody,
    UnknownKey,
    WeakKey,
    list_keys,
    new_store,
    rotate_key,
    software,
)
from jukihost.keys.custody import KeyExists, KeyUnfit
from jukihost.keys.diversification import MASTER_BYTES, derive_card_keys
from jukihost.keys.envelope import (
    EnvelopeKey,
    ForeignFile,
    KeyStoreError,
    StoreDamaged,
    WrongPassphrase,
)
from jukihost.keys.passphrase import PassphraseMissing, PassphraseTooShort
from jukihost.keys.software import (
    StoreChanged,
    StoreExists,
    StoreNotFound,
    StoreNotOpen,
    StoreUnsafe,
    check_master,
)
from tests.unit.host_keys.store import CHEAP, MASTER, PHRASE, again, phrase

CARD_NUMBER = bytes.fromhex("8139200000000123")
AID = bytes.fromhex("D3921000310001010401")


def test_a_new_store_has_a_key_for_each_system_of_the_juki_application(path: Path) -> None:
    infos = new_store(path, phrase, cost=CHEAP)
    assert {info.system for info in infos} == set(KEY_REFERENCES)
    assert {(info.version, info.suite) for info in infos} == {(1, "MA-AES128")}
    assert len({info.check_value for info in infos}) == 5
    assert list_keys(path, phrase) == infos
    assert list(KEY_REFERENCES.items()) == [
        ("RESIDENT_IDENTIFICATION", 1),
        ("WIDE_AREA_ISSUANCE", 2),
        ("MOVE_IN", 3),
        ("COUNTER", 4),
        ("SUSPEND", 5),
    ]


def test_management_rotates(path: Path) -> None:
    new_store(path, phrase, systems=["COUNTER"], suite="MA-AES256", cost=CHEAP)
    info = rotate_key(path, phrase, "COUNTER")
    assert (info.system, info.version, info.suite) == ("COUNTER", 2, "MA-AES256")
    assert list_keys(path, phrase)[1] == info
    with pytest.raises(UnknownKey):
        rotate_key(path, phrase, "SUSPEND")


def test_a_custody_fits_the_protocol(custody: SoftwareCustody) -> None:
    interface: KeyCustody = custody
    assert interface.inventory() == ()


@pytest.mark.parametrize("suite", list(MASTER_BYTES))
def test_imported_keys_derive_as_they_should(custody: SoftwareCustody, suite: str) -> None:
    master = os.urandom(MASTER_BYTES[suite])
    info = custody.import_key("COUNTER", 7, master, suite=suite)
    expected = derive_card_keys(suite, master, CARD_NUMBER, AID, 7)
    assert custody.derive_card_keys("COUNTER", CARD_NUMBER, AID, 7) == expected
    assert again(custody.path).derive_card_keys("COUNTER", CARD_NUMBER, AID, 7) == expected
    check = Cipher(AES(master), modes.CBC(bytes(16))).encryptor().update(b"\x01" * 16)
    assert info == KeyInfo("COUNTER", 7, suite, check[:3])


def test_who_brought_a_key_is_kept_with_it(custody: SoftwareCustody) -> None:
    who = ("admin-1", "admin-2")
    info = custody.import_key("COUNTER", 1, os.urandom(16), brought_by=who)
    assert info.brought_by == who
    drawn = custody.rotate("COUNTER")
    assert drawn.brought_by == ()
    assert again(custody.path).inventory() == (info, drawn)
    with pytest.raises(KeyUnfit, match="two operators or more"):
        custody.import_key("COUNTER", 9, os.urandom(16), brought_by=("admin-1",))


def test_generate_rotate_delete(custody: SoftwareCustody) -> None:
    first = custody.generate("COUNTER")
    second = custody.rotate("COUNTER")
    assert (first.version, second.version) == (1, 2)
    assert custody.newest_version("COUNTER") == 2
    keys = [custody.derive_card_keys("COUNTER", CARD_NUMBER, AID, version) for version in (1, 2)]
    assert keys[0].k_enc != keys[1].k_enc
    assert [key.version for key in keys] == [1, 2]
    with pytest.raises(KeyExists):
        custody.generate("COUNTER")
    custody.delete("COUNTER", 1)
    with pytest.raises(UnknownKey):
        custody.derive_card_keys("COUNTER", CARD_NUMBER, AID, 1)
    assert custody.inventory() == (second,)
    assert again(custody.path).inventory() == (second,)
    custody.delete("COUNTER", 2)
    assert custody.inventory() == ()
    with pytest.raises(UnknownKey):
        custody.newest_version("COUNTER")


def test_a_gap_in_the_versions_is_no_trouble(custody: SoftwareCustody) -> None:
    custody.import_key("COUNTER", 254, MASTER)
    assert custody.rotate("COUNTER").version == 255
    with pytest.raises(KeyUnfit, match="255"):
        custody.rotate("COUNTER")
    with pytest.raises(KeyExists):
        custody.import_key("COUNTER", 255, os.urandom(16))


@pytest.mark.parametrize(
    "operation",
    [
        lambda store: store.derive_card_keys("COUNTER", CARD_NUMBER, AID, 1),
        lambda store: store.rotate("COUNTER"),
        lambda store: store.delete("COUNTER", 1),
        lambda store: store.newest_version("COUNTER"),
    ],
    ids=["derive", "rotate", "delete", "newest"],
)
def test_what_is_not_there_is_unknown(
    custody: SoftwareCustody, operation: Callable[[SoftwareCustody], Any]
) -> None:
    custody.generate("SUSPEND")
    before = custody.path.read_bytes()
    with pytest.raises(UnknownKey):
        operation(custody)
    assert custody.path.read_bytes() == before


@pytest.mark.parametrize(
    "name", ["", "counter", "1COUNTER", "COUNTER ", "COUNTER\n", "A" * 65, "ＣＯＵＮＴＥＲ", "A-B"]
)
def test_names_that_are_none_are_refused(custody: SoftwareCustody, name: str) -> None:
    for operation in (
        lambda: custody.generate(name),
        lambda: custody.import_key(name, 1, MASTER),
        lambda: custody.rotate(name),
        lambda: custody.delete(name, 1),
        lambda: custody.derive_card_keys(name, CARD_NUMBER, AID, 1),
        lambda: custody.newest_version(name),
    ):
        with pytest.raises(KeyUnfit):
            operation()


@pytest.mark.parametrize("version", [-1, 0, 256, 1000])
def test_versions_that_are_none_are_refused(custody: SoftwareCustody, version: int) -> None:
    custody.generate("COUNTER")
    for operation in (
        lambda: custody.import_key("COUNTER", version, MASTER),
        lambda: custody.delete("COUNTER", version),
        lambda: custody.derive_card_keys("COUNTER", CARD_NUMBER, AID, version),
    ):
        with pytest.raises(KeyUnfit):
            operation()


WEAK = [
    "00" * 16,
    "FF" * 16,
    "A5" * 16,
    "000102030405060708090A0B0C0D0E0F",
    "404142434445464748494A4B4C4D4E4F",
    "00112233445566778899AABBCCDDEEFF",
    "FFEEDDCCBBAA99887766554433221100",
    "0123456789ABCDEF0123456789ABCDEF",
    "00FF" * 8,
    "0102030401020304" * 2,
    "000000000000000000000000DEADBEEF",
]


@pytest.mark.parametrize("key", WEAK)
def test_masters_that_anybody_could_guess_are_refused(custody: SoftwareCustody, key: str) -> None:
    before = custody.path.read_bytes()
    with pytest.raises(WeakKey):
        custody.import_key("COUNTER", 1, bytes.fromhex(key))
    assert custody.path.read_bytes() == before


@pytest.mark.parametrize("suite", list(MASTER_BYTES))
def test_masters_of_another_length_are_refused(suite: str) -> None:
    right = MASTER_BYTES[suite]
    check_master(suite, os.urandom(right))
    for size in {0, 1, 8, 15, 16, 17, 24, 31, 32, 33} - {right}:
        with pytest.raises(KeyUnfit):
            check_master(suite, os.urandom(size))
    for byte in range(256):
        with pytest.raises(WeakKey):
            check_master(suite, bytes((byte,)) * right)


def test_one_key_does_not_serve_two_systems(custody: SoftwareCustody) -> None:
    custody.import_key("COUNTER", 1, MASTER)
    for system, version in (("SUSPEND", 1), ("COUNTER", 2)):
        with pytest.raises(WeakKey, match="already"):
            custody.import_key(system, version, MASTER)


def test_unknown_suites_are_refused(path: Path, custody: SoftwareCustody) -> None:
    for operation in (
        lambda: custody.generate("COUNTER", suite="DES"),
        lambda: custody.import_key("COUNTER", 1, MASTER, suite="DES"),
        lambda: new_store(path.with_name("other"), phrase, suite="DES"),
        lambda: new_store(path.with_name("other"), phrase, systems=["x"]),
    ):
        with pytest.raises(KeyUnfit):
            operation()
    assert not path.with_name("other").exists()


def test_a_drawn_key_that_is_weak_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter((bytes(16), bytes(range(16)), MASTER))
    monkeypatch.setattr(secrets, "token_bytes", lambda _size: next(drawn))
    master = software._draw("MA-AES128")
    monkeypatch.undo()
    assert master == MASTER


# -- the file -------------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone(custody: SoftwareCustody) -> None:
    old = os.umask(0)
    try:
        custody.generate("COUNTER")
    finally:
        os.umask(old)
    there = {entry.name: entry.stat() for entry in custody.path.parent.iterdir()}
    assert set(there) == {"keys.json", ".keys.json.lock"}
    assert {stat.S_IMODE(found.st_mode) for found in there.values()} == {0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666, 0o777])
def test_a_file_that_others_may_use_is_refused(custody: SoftwareCustody, mode: int) -> None:
    custody.path.chmod(mode)
    with pytest.raises(StoreUnsafe):
        again(custody.path)
    with pytest.raises(StoreUnsafe):
        custody.generate("COUNTER")


def test_no_key_is_in_the_file_in_any_readable_form(custody: SoftwareCustody) -> None:
    custody.import_key("COUNTER", 1, MASTER)
    raw = custody.path.read_bytes()
    assert MASTER not in raw
    assert MASTER.hex().encode() not in raw.lower()
    assert b"COUNTER" not in raw
    assert PHRASE.encode() not in raw


def test_an_existing_file_is_never_overwritten(path: Path) -> None:
    path.write_bytes(b"something else")
    with pytest.raises(StoreExists):
        SoftwareCustody(path, phrase, cost=CHEAP).create()
    with pytest.raises(StoreExists):
        new_store(path, phrase, cost=CHEAP)
    assert path.read_bytes() == b"something else"


def test_what_cannot_be_opened_is_left_as_it_is(custody: SoftwareCustody) -> None:
    custody.generate("COUNTER")
    good = custody.path.read_bytes()
    for raw, error in (
        (good[:-1], StoreDamaged),
        (b"", StoreDamaged),
        (b"foreign", ForeignFile),
        (good + b" " * (1 << 20), ForeignFile),
        (good.replace(b'"ciphertext": "', b'"ciphertext": "00'), StoreDamaged),
    ):
        custody.path.write_bytes(raw)
        for operation in (
            lambda: again(custody.path),
            custody.refresh,
            lambda: custody.generate("SUSPEND"),
            lambda: custody.rotate("COUNTER"),
            lambda: custody.delete("COUNTER", 1),
            lambda: custody.change_passphrase(phrase),
        ):
            with pytest.raises(error):
                operation()
            assert custody.path.read_bytes() == raw
    custody.path.write_bytes(good)
    assert len(again(custody.path).inventory()) == 1


def test_a_wrong_passphrase_is_said_to_be_wrong(custody: SoftwareCustody) -> None:
    before = custody.path.read_bytes()
    with pytest.raises(WrongPassphrase):
        SoftwareCustody(custody.path, lambda: "wrong horse").open()
    assert custody.path.read_bytes() == before


def test_a_passphrase_is_asked_once(path: Path) -> None:
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        return PHRASE

    store = SoftwareCustody(path, ask, cost=CHEAP)
    assert asked == []
    store.create()
    with store:
        store.generate("COUNTER")
        store.rotate("COUNTER")
        store.refresh()
    assert len(asked) == 1


def test_a_content_that_is_not_of_the_format_is_damage(custody: SoftwareCustody) -> None:
    key = custody._key
    assert isinstance(key, EnvelopeKey)
    row = {"system": "COUNTER", "version": 1, "suite": "MA-AES128", "key": MASTER.hex()}
    odd: list[object] = [
        [],
        {},
        {"masters": 1},
        {"masters": [1]},
        {"masters": [{}]},
        {"masters": [row, row]},
    ]
    odd += [
        {"masters": [{**row, **change}]}
        for change in (
            {"suite": "MA-AES192"},
            {"suite": "DES"},
            {"system": "counter"},
            {"system": 5},
            {"version": 0},
            {"version": "1"},
            {"version": None},
            {"key": "xy"},
            {"key": 5},
        )
    ]
    for content in (b"", *(json.dumps(value).encode() for value in odd)):
        custody.path.write_bytes(key.seal(content))
        with pytest.raises(StoreDamaged):
            again(custody.path)
    custody.path.write_bytes(key.seal(json.dumps({"masters": [row]}).encode()))
    assert len(again(custody.path).inventory()) == 1


def test_places_where_no_store_can_be(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFound):
        SoftwareCustody(tmp_path / "none.json", phrase).open()
    with pytest.raises(KeyStoreError, match="cannot be read"):
        SoftwareCustody(tmp_path, phrase).open()
    with pytest.raises(KeyStoreError, match="cannot be written"):
        SoftwareCustody(tmp_path / "no" / "such" / "folder", phrase, cost=CHEAP).create()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    new_store(real, phrase, systems=[], cost=CHEAP)
    link.symlink_to(real)
    with SoftwareCustody(link, phrase) as store:
        store.generate("COUNTER")
    assert link.is_symlink()
    assert len(list_keys(real, phrase)) == 1


def test_a_closed_store_gives_out_nothing(custody: SoftwareCustody) -> None:
    custody.generate("COUNTER")
    custody.close()
    custody.close()
    for operation in (
        custody.inventory,
        custody.refresh,
        lambda: custody.newest_version("COUNTER"),
        lambda: custody.derive_card_keys("COUNTER", CARD_NUMBER, AID, 1),
        lambda: custody.rotate("COUNTER"),
        lambda: custody.generate("SUSPEND"),
        lambda: custody.delete("COUNTER", 1),
        lambda: custody.change_passphrase(phrase),
    ):
        with pytest.raises(StoreNotOpen):
            operation()
    assert custody._masters == {}


def test_another_passphrase(custody: SoftwareCustody) -> None:
    custody.import_key("COUNTER", 1, MASTER)
    other = again(custody.path)
    old = custody.path.read_bytes()
    custody.change_passphrase(lambda: "another horse")
    with pytest.raises(WrongPassphrase):
        again(custody.path)
    with pytest.raises(StoreChanged):
        other.rotate("COUNTER")
    with pytest.raises(StoreChanged):
        other.refresh()
    with SoftwareCustody(custody.path, lambda: "another horse") as store:
        assert store.inventory() == custody.inventory()
    custody.rotate("COUNTER")
    with pytest.raises(PassphraseTooShort):
        custody.change_passphrase(lambda: "short")
    assert custody.path.read_bytes() != old


@pytest.mark.parametrize("passphrase", ["", "1234567"])
def test_a_new_store_takes_no_short_passphrase(path: Path, passphrase: str) -> None:
    with pytest.raises((PassphraseTooShort, PassphraseMissing)):
        new_store(path, lambda: passphrase, cost=CHEAP)
    assert not path.exists()


def test_nothing_secret_shows(custody: SoftwareCustody) -> None:
    custody.import_key("COUNTER", 1, MASTER)
    shown = [repr(custody), repr(custody.inventory()), repr(custody._masters), repr(custody._key)]
    for system, key in (("SUSPEND", MASTER), ("SUSPEND", MASTER[:-1]), ("COUNTER", MASTER[::-1])):
        with pytest.raises(KeyCustodyError) as caught:
            custody.import_key(system, 1, key)
        shown += [str(caught.value), repr(caught.value)]
    for text in shown:
        assert MASTER.hex() not in text.lower()
        assert repr(MASTER)[2:-1] not in text
        assert PHRASE not in text
    assert issubclass(KeyCustodyError, CardError)
    with pytest.raises(TypeError, match="not copied"):
        pickle.dumps(custody)
    custody.close()
    assert repr(custody) == "<SoftwareCustody, closed>"
