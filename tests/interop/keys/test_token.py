"""Master keys in a PKCS#11 token: SoftHSM takes, keeps and uses them as the software store does."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from jukicard import issue_card
from jukicard.transport.inprocess import LocalReader
from jukihost import JukiSession, Purpose, build_channel
from jukihost.cli import main
from jukihost.keys import (
    CardKeys,
    KeyCustodyError,
    KeyInfo,
    SoftwareCustody,
    TokenCustody,
    UnknownKey,
    WeakKey,
    key_store,
    published,
)
from jukihost.keys.custody import KeyExists, KeyUnfit
from jukihost.keys.diversification import MASTER_BYTES
from jukihost.keys.envelope import ScryptCost
from jukihost.keys.pkcs11 import (
    TokenBusy,
    TokenError,
    TokenLibraryMissing,
    TokenNotFound,
    TokenPinRefused,
)
from jukihost.keys.software import check_master
from jukihost.keys.tokensigner import TokenSigningKey
from jukihost.log import EMPTY, Checkpoint, Note, NoteKey
from tests.support.interop.softhsm import MODULE, PIN

NUMBER = bytes(range(1, 9))
ROOT = Path(__file__).parents[3]


def pin() -> str:
    return PIN


def master(suite: str, first: int = 0) -> bytes:
    key = bytes((first + 73 * at * at + 31 * at) % 256 for at in range(MASTER_BYTES[suite]))
    check_master(suite, key)
    return key


def without_check(keys: Iterable[KeyInfo]) -> list[KeyInfo]:
    return [replace(one, check_value=b"") for one in keys]


def first_bytes_of_zero(key: bytes) -> bytes:
    """What PKCS#11 calls CKA_CHECK_VALUE of a secret key (2.40, 4.10.2)."""
    return Cipher(AES(key), ECB()).encryptor().update(bytes(16))[:3]


@pytest.fixture
def software(tmp_path: Path) -> SoftwareCustody:
    made = SoftwareCustody(tmp_path / "keys", lambda: "correct horse", cost=ScryptCost(1 << 10))
    made.create()
    return made


# -- the same as the store in a file ---------------------------------------------------------------


def test_cards_get_the_same_keys_as_from_the_store_in_a_file(
    token: TokenCustody, software: SoftwareCustody
) -> None:
    for number, suite in enumerate(MASTER_BYTES, 1):
        told = [
            store.import_key("COUNTER", number, master(suite, number), suite=suite)
            for store in (token, software)
        ]
        assert without_check(told[:1]) == without_check(told[1:])
        assert told[0].check_value == first_bytes_of_zero(master(suite, number))
        for length in range(6, 17):
            asked = "COUNTER", NUMBER, bytes(range(0xA0, 0xA0 + length)), number
            assert token.derive_card_keys(*asked) == software.derive_card_keys(*asked)
    assert without_check(token.inventory()) == without_check(software.inventory())
    with pytest.raises(KeyUnfit, match="an AID of 6 to 16 bytes"):
        token.derive_card_keys("COUNTER", NUMBER, bytes(5), 1)
    for length in (4, 17):
        with pytest.raises(KeyUnfit, match="5 to 16"):
            token.derive_card_keys("COUNTER", NUMBER, bytes(length), 1)


def test_what_is_done_and_what_is_refused_is_the_same(
    token: TokenCustody, software: SoftwareCustody
) -> None:
    key = master("MA-AES256")
    steps: list[Callable[[Any], Any]] = [
        lambda store: store.newest_version("FIRE"),
        lambda store: store.rotate("FIRE"),
        lambda store: store.generate("FIRE", suite="MA-AES192").version,
        lambda store: store.generate("FIRE"),
        lambda store: store.rotate("FIRE").suite,
        lambda store: store.rotate("FIRE", suite="MA-AES128").suite,
        lambda store: store.rotate("FIRE", suite="DES"),
        lambda store: store.generate("WATER", suite="DES"),
        lambda store: store.generate("small"),
        lambda store: store.import_key("FIRE", 3, master("MA-AES128")),
        lambda store: store.import_key("FIRE", 7, key, suite="MA-AES256").suite,
        lambda store: store.import_key("EARTH", 1, key, suite="MA-AES256"),
        lambda store: store.import_key("EARTH", 1, bytes(16)),
        lambda store: store.import_key("EARTH", 0, key, suite="MA-AES256"),
        lambda store: store.import_key("EARTH", 255, master("MA-AES128", 1)).version,
        lambda store: store.rotate("EARTH"),
        lambda store: store.newest_version("FIRE"),
        lambda store: store.delete("FIRE", 2),
        lambda store: store.delete("FIRE", 2),
        lambda store: store.derive_card_keys("FIRE", NUMBER, bytes(7), 2),
        lambda store: without_check(store.inventory()),
    ]

    def outcome(store: object, step: Callable[[Any], Any]) -> object:
        try:
            return step(store)
        except KeyCustodyError as refused:
            return type(refused)

    seen = [(outcome(token, step), outcome(software, step)) for step in steps]
    assert [one for one, _ in seen] == [other for _, other in seen]
    assert {one for one, _ in seen if isinstance(one, type)} == {
        UnknownKey, KeyExists, KeyUnfit, WeakKey,
    }  # fmt: skip


def test_a_session_with_a_card_goes_on_keys_from_a_token(token: TokenCustody) -> None:
    for purpose in Purpose:
        token.import_key(purpose.name, 1, published.published_master(purpose.name))
    card = issue_card("juki-v1", seed=1)
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as juki:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, token)
        juki.verify_pin("1234")
        assert len(juki.read_code().reveal()) == 11


# -- the masters stay ------------------------------------------------------------------------------


def test_a_master_does_nothing_but_sign_and_never_comes_out(
    token: TokenCustody, address: str
) -> None:
    pkcs11 = pytest.importorskip("pkcs11")
    token.generate("DRAWN")
    who = ("admin-1", "x" * 32)
    brought = token.import_key("BROUGHT", 1, master("MA-AES128"), brought_by=who)
    assert (brought.brought_by, brought.suite) == (who, "MA-AES128")
    assert brought in token.inventory()
    token.close()
    library = pkcs11.lib(str(MODULE))
    label = address.partition("token=")[2].partition("?")[0]
    with library.get_token(token_label=label).open(rw=True, user_pin=PIN) as session:
        found = list(session.get_objects())
        assert len(found) == 2
        for one in found:
            for name in ("VALUE",):
                with pytest.raises(pkcs11.exceptions.AttributeSensitive):
                    one[pkcs11.Attribute[name]]
            may = [
                name
                for name in ("ENCRYPT", "DECRYPT", "SIGN", "VERIFY", "WRAP", "UNWRAP", "DERIVE")
                if one[pkcs11.Attribute[name]]
            ]
            assert may == ["SIGN"]
            assert not one[pkcs11.Attribute.EXTRACTABLE]
            assert one[pkcs11.Attribute.SENSITIVE]
            assert not one[pkcs11.Attribute.MODIFIABLE]
            with pytest.raises(pkcs11.PKCS11Error):
                one[pkcs11.Attribute.EXTRACTABLE] = True


def test_other_objects_of_the_token_are_left_alone(token: TokenCustody, address: str) -> None:
    pkcs11 = pytest.importorskip("pkcs11")
    token.close()
    label = address.partition("token=")[2].partition("?")[0]
    library = pkcs11.lib(str(MODULE))
    with library.get_token(token_label=label).open(rw=True, user_pin=PIN) as session:
        session.generate_key(pkcs11.KeyType.AES, 128, label="other", id=b"other", store=True)
    token.open()
    assert token.inventory() == ()
    token.create(["FIRE"])
    with pytest.raises(KeyExists):
        token.create(["WATER"])
    token.open()
    token.delete("FIRE", 1)
    token.close()
    with library.get_token(token_label=label).open(user_pin=PIN) as session:
        assert [one.label for one in session.get_objects()] == ["other"]


def test_of_several_masters_that_are_drawn_none_stays_when_one_fails(
    token: TokenCustody, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = token.generate

    def generate(system: str, *, suite: str) -> Any:
        if system == "WATER":
            raise TokenError("full")
        return whole(system, suite=suite)

    monkeypatch.setattr(token, "generate", generate)
    with pytest.raises(TokenError):
        token.create(["FIRE", "WATER"])
    token.open()
    assert token.inventory() == ()


# -- a key that signs ------------------------------------------------------------------------------


def test_a_log_is_signed_in_the_token(token: TokenCustody) -> None:
    made = TokenSigningKey.draw(token, "log-2015")
    note = Checkpoint("town.example/log", 0, EMPTY).signed(made)
    found = TokenSigningKey.of(token, "log-2015")
    assert Checkpoint.read(note, NoteKey.of("town.example/log", found)).size == 0
    assert found.sign(b"text") == made.sign(b"text")  # RFC 8032: one signature a text
    assert not token.inventory(), "it is no master key"
    for wrong, refused in (("log-2015", KeyExists), ("Log", KeyUnfit), ("", KeyUnfit)):
        with pytest.raises(refused):
            TokenSigningKey.draw(token, wrong)
    with pytest.raises(UnknownKey):
        TokenSigningKey.of(token, "other")
    assert repr(made) == "<TokenSigningKey log-2015>"
    token.close()
    with pytest.raises(TokenError, match="not open"):
        made.sign(b"text")
    with pytest.raises(TypeError):
        pickle.dumps(token)


def test_a_log_and_its_witness_are_signed_in_tokens_from_a_shell(
    address: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PIN)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["log", *words])
        told = capsys.readouterr()
        assert PIN not in told.out + told.err
        return code, told.out, told.err

    def key(name: str) -> str:
        return address.replace("?", f";object={name}?")

    public = {}
    for name, use in (("log", "log"), ("next", "log"), ("seen", "witness")):
        code, public[name], _ = run("key", key(name), "--for", use, "--name", f"{use}.example")
        assert code == 0
    assert run("key", key("log"), "--for", "log", "--name", "log.example")[0] == 2
    assert "in a file" in run("key", key("names"), "--for", "pseudonyms")[2]
    assert "say which key" in run("key", address, "--for", "log", "--name", "log.example")[2]
    assert run("create", "terminal.db", "--origin", "log.example")[0] == 0
    both = ("--key", key("log"), "--new-key", key("next"))
    code, told, said = run("publish", "terminal.db", *both, "--request", "ask.txt")
    assert (code, told, said) == (0, "", "")
    witness = ("--key", key("seen"), "--name", "witness.example", "--create")
    code, told, _ = run(
        "witness", "seen.json", "ask.txt", *witness, "--log-key", public["log"].strip()
    )
    assert code == 0
    note = Note.parse(told.encode())
    for name in ("log", "next", "seen"):
        one = NoteKey.parse(public[name].strip())
        assert one in note.check([one])
    assert run("publish", "terminal.db", "--key", key("none"))[0] == 2


def test_a_signing_key_does_nothing_but_sign_and_never_comes_out(token: TokenCustody) -> None:
    pkcs11 = pytest.importorskip("pkcs11")
    of = pkcs11.Attribute
    TokenSigningKey.draw(token, "log")

    def look(opened: Any) -> None:
        (private,) = opened.get_objects({of.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})
        assert (private[of.SENSITIVE], private[of.EXTRACTABLE]) == (True, False)
        assert private[of.SIGN]
        for use in ("DECRYPT", "UNWRAP", "DERIVE", "SIGN_RECOVER", "MODIFIABLE"):
            assert not private[of[use]]
        with pytest.raises(pkcs11.exceptions.AttributeSensitive):
            private[of.VALUE]

    token.use(look)


# -- what goes wrong -------------------------------------------------------------------------------


def test_what_is_wrong_is_said(address: str, token: TokenCustody) -> None:
    with pytest.raises(TokenBusy, match="open in this process"):
        TokenCustody(address, pin).open()
    token.close()
    with pytest.raises(TokenError, match="not open"):
        token.inventory()
    refusals: list[tuple[str, str, type[TokenError]]] = [
        (address, "wrong-pin", TokenPinRefused),
        (f"pkcs11:token=NOBODY?module-path={MODULE}", PIN, TokenNotFound),
        (f"pkcs11:serial=00?module-path={MODULE}", PIN, TokenNotFound),
        ("pkcs11:token=T0?module-path=/nowhere/lib.so", PIN, TokenLibraryMissing),
        ("pkcs11:token=T0?module-path=/bin/true", PIN, TokenLibraryMissing),
    ]
    for place, typed, refused in refusals:
        with pytest.raises(refused) as told:
            key_store(place, lambda typed=typed: typed).open()  # type: ignore[misc]
        assert typed not in str(told.value)
    with TokenCustody(address, pin) as again:
        assert again.inventory() == ()
        assert PIN not in repr(again)
        assert PIN not in repr(vars(again))


# -- the command line ------------------------------------------------------------------------------


def test_the_command_line_drives_a_token_as_it_does_a_file(
    address: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PIN)

    def run(*words: str) -> tuple[int, str]:
        code = main(["keys", *words])
        told = capsys.readouterr()
        assert PIN not in told.out + told.err
        return code, told.out + told.err

    assert run("new", "--system", "FIRE", address)[0] == 0
    code, told = run("new", address)
    assert (code, "has master keys already" in told) == (2, True)
    assert run("rotate", address, "FIRE")[0] == 0
    parts = [tmp_path / "one", tmp_path / "two"]
    for number, part in enumerate(parts):
        part.write_text(sha256(bytes((number,))).digest()[:16].hex())
        part.chmod(0o600)
    files = [word for part in parts for word in ("--key-file", str(part))]
    who = ("--operator", "admin-1", "--operator", "admin-2")
    assert run("import", address, "WATER", *files, *who)[0] == 0
    assert run("delete", address, "FIRE", "--version", "1", "--yes")[0] == 0
    code, told = run("list", address, "--json")
    assert code == 0
    assert [word in told for word in ('"FIRE"', '"WATER"', "MA-AES128")] == [True] * 3
    bringers = {row["system"]: row["brought_by"] for row in json.loads(told)}
    assert bringers == {"FIRE": [], "WATER": ["admin-1", "admin-2"]}
    with TokenCustody(address, pin) as token:
        joined = bytes.fromhex(parts[0].read_text()), bytes.fromhex(parts[1].read_text())
        key = bytes(one ^ other for one, other in zip(*joined, strict=True))
        right: CardKeys = token.derive_card_keys("WATER", NUMBER, bytes(7), 1)
        with pytest.raises(WeakKey, match="holds this key already"):
            token.import_key("EARTH", 1, key)
    assert right.suite == "MA-AES128"
    code, told = run("list", "pkcs11:token=T0")
    assert (code, "module-path=" in told) == (2, True)
