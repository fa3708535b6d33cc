"""The encrypted file: what was changed, cut, foreign or newer is refused, each by its own name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from jukihost.keys.custody import KeyCustodyError
from jukihost.keys.envelope import (
    _PREFIX,
    Envelope,
    EnvelopeKey,
    ForeignFile,
    KeyStoreError,
    NewerStore,
    ScryptCost,
    StoreDamaged,
    WrongPassphrase,
)

CHEAP = ScryptCost(1 << 10)
KEY = EnvelopeKey.new(b"passphrase", CHEAP)
CONTENT = b"the content of the store"
SEALED = KEY.seal(CONTENT)


def _open(raw: bytes) -> bytes:
    return KEY.open(Envelope.parse(raw))


@given(st.binary(max_size=300))
def test_what_was_sealed_is_opened(content: bytes) -> None:
    raw = KEY.seal(content)
    assert _open(raw) == content
    assert not content or len(content) < 8 or content not in raw


def test_the_passphrase_opens_it_again() -> None:
    envelope = Envelope.parse(SEALED)
    assert EnvelopeKey.for_envelope(envelope, b"passphrase").open(envelope) == CONTENT
    for wrong in (b"", b"Passphrase", b"passphrase "):
        with pytest.raises(WrongPassphrase):
            EnvelopeKey.for_envelope(envelope, wrong).open(envelope)


def test_every_truncation_is_damage() -> None:
    for size in range(len(SEALED)):
        with pytest.raises(StoreDamaged):
            _open(SEALED[:size])


def test_every_flipped_byte_is_refused() -> None:
    for at in range(len(SEALED)):
        for flip in (0x01, 0x20, 0x80, 0xFF):
            changed = SEALED[:at] + bytes((SEALED[at] ^ flip,)) + SEALED[at + 1 :]
            with pytest.raises(KeyStoreError) as caught:
                _open(changed)
            # A changed byte is never taken for a wrong passphrase.
            assert isinstance(caught.value, StoreDamaged | ForeignFile | NewerStore)


def test_appended_bytes_are_damage() -> None:
    for more in (b"\n", b" ", b"\0", b"{}", SEALED):
        with pytest.raises(StoreDamaged):
            _open(SEALED + more)


def test_other_ways_to_write_the_same_are_damage() -> None:
    document = json.loads(SEALED)
    for text in (
        json.dumps(document),
        json.dumps(document, indent=2),
        SEALED.decode().replace("\n", "\r\n"),
        SEALED.decode().lower(),
    ):
        with pytest.raises(KeyStoreError):
            _open(text.encode())
    with pytest.raises(StoreDamaged):
        _open(SEALED[:-2] + b', "more": 1}\n')
    with pytest.raises(StoreDamaged):
        _open(SEALED.replace(b'"kdf"', b'"kdf": {}, "kdf"'))


@pytest.mark.parametrize(
    "raw",
    [
        b"PK\x03\x04",
        b"{}",
        b"[]",
        b"\x7fELF",
        b"-----BEGIN",
        b"\xff",
        b'{"format": "jukihost key store"}',
        b" " + SEALED,
        SEALED[1:],
        SEALED.decode().encode("utf-16"),
    ],
)
def test_foreign_files_are_said_to_be_foreign(raw: bytes) -> None:
    with pytest.raises(ForeignFile):
        _open(raw)


def test_an_empty_file_is_damage() -> None:
    with pytest.raises(StoreDamaged):
        _open(b"")


def _resealed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The sealed document with a change and a right checksum: only its author can see that."""
    document = json.loads(SEALED)
    change(document)
    document.pop("checksum", None)
    body = (json.dumps(document, indent=1) + "\n").encode()
    document["checksum"] = hashlib.sha256(body).hexdigest().upper()
    return (json.dumps(document, indent=1) + "\n").encode()


def test_the_checksum_helper_of_this_test_is_right() -> None:
    assert _resealed(lambda _document: None) == SEALED


def _with_version(version: object) -> bytes:
    return _resealed(lambda document: document.update(version=version))


def test_newer_formats_are_said_to_be_newer() -> None:
    for version in (2, 3, 1000):
        raw = _with_version(version)
        with pytest.raises(NewerStore, match=str(version)):
            _open(raw)
    # Whatever else a newer version may look like.
    with pytest.raises(NewerStore):
        _open(_PREFIX + b"7,\n" + b' "quantum": true\n}\n')


@pytest.mark.parametrize("version", [0, -1, "1", None, 1.0, [], True])
def test_versions_that_are_none_are_damage(version: object) -> None:
    with pytest.raises(StoreDamaged):
        _open(_with_version(version))


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "kdf missing": lambda document: document.pop("kdf"),
    "kdf null": lambda document: document.update(kdf=None),
    "kdf other": lambda document: document["kdf"].update(name="argon2id"),
    "n huge": lambda document: document["kdf"].update(n=1 << 40),
    "n above": lambda document: document["kdf"].update(n=1 << 21),
    "n below": lambda document: document["kdf"].update(n=1 << 9),
    "n no power": lambda document: document["kdf"].update(n=1025),
    "n negative": lambda document: document["kdf"].update(n=-1024),
    "n text": lambda document: document["kdf"].update(n="1024"),
    "n fraction": lambda document: document["kdf"].update(n=1024.5),
    "r": lambda document: document["kdf"].update(r=1),
    "p": lambda document: document["kdf"].update(p=2),
    "salt short": lambda document: document["kdf"].update(salt="00"),
    "salt no hex": lambda document: document["kdf"].update(salt="x" * 32),
    "salt lower case": lambda document: document["kdf"].update(salt="ab" * 16),
    "salt missing": lambda document: document["kdf"].pop("salt"),
    "kdf more": lambda document: document["kdf"].update(pepper=1),
    "cipher other": lambda document: document["cipher"].update(name="AES-256-CBC"),
    "cipher list": lambda document: document.update(cipher=[]),
    "nonce short": lambda document: document["cipher"].update(nonce="00" * 11),
    "nonce long": lambda document: document["cipher"].update(nonce="00" * 13),
    "nonce number": lambda document: document["cipher"].update(nonce=1),
    "ciphertext missing": lambda document: document.pop("ciphertext"),
    "ciphertext odd": lambda document: document.update(ciphertext="0"),
    "ciphertext number": lambda document: document.update(ciphertext=5),
    "more": lambda document: document.update(more=1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_form_that_is_not_ours_is_damage_though_its_checksum_is_right(change: str) -> None:
    with pytest.raises(StoreDamaged):
        Envelope.parse(_resealed(CHANGES[change]))


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["kdf"].update(salt="00" * 16),
        lambda document: document["kdf"].update(n=2048),
        lambda document: document["cipher"].update(nonce="00" * 12),
        lambda document: document.update(ciphertext=""),
        lambda document: document.update(ciphertext=document["ciphertext"][:-2]),
        lambda document: document.update(ciphertext=document["ciphertext"][2:] + "00"),
    ],
    ids=["salt", "n", "nonce", "no ciphertext", "tag cut", "shifted"],
)
def test_a_change_on_purpose_does_not_open(change: Callable[[dict[str, Any]], object]) -> None:
    envelope = Envelope.parse(_resealed(change))
    with pytest.raises(WrongPassphrase):
        EnvelopeKey.for_envelope(envelope, b"passphrase").open(envelope)
    with pytest.raises(WrongPassphrase):
        KEY.open(envelope)


def test_a_checksum_of_another_type_is_damage() -> None:
    wrong: list[object] = [None, 5, "", "é", []]
    for checksum in wrong:
        document = json.loads(SEALED)
        document["checksum"] = checksum
        with pytest.raises(StoreDamaged):
            _open((json.dumps(document, indent=1) + "\n").encode())


def test_nested_rubbish_is_damage() -> None:
    with pytest.raises(StoreDamaged):
        _open(_PREFIX + b"[" * 100_000)


def test_every_file_has_its_own_nonce_and_every_store_its_own_salt() -> None:
    sealed = [Envelope.parse(KEY.seal(CONTENT)) for _ in range(50)]
    assert len({envelope.nonce for envelope in sealed}) == 50
    assert len({envelope.ciphertext for envelope in sealed}) == 50
    assert {envelope.salt for envelope in sealed} == {KEY.salt}
    assert len({EnvelopeKey.new(b"same", CHEAP).salt for _ in range(5)}) == 5


@pytest.mark.parametrize("n", [0, 1, 2, 512, 1023, 1025, 3000, 1 << 21, -1024])
def test_costs_that_are_none(n: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        ScryptCost(n)


def test_the_cost_of_a_new_store() -> None:
    assert ScryptCost().n == 131_072
    assert json.loads(SEALED)["kdf"] | {"salt": ""} == {
        "name": "scrypt",
        "n": 1024,
        "r": 8,
        "p": 1,
        "salt": "",
    }


def test_errors_are_of_one_family_and_tell_nothing() -> None:
    assert issubclass(KeyStoreError, KeyCustodyError)
    assert "passphrase" not in repr(KEY)
    assert repr(KEY) == "<EnvelopeKey>"


def test_a_store_nested_without_end_is_damaged() -> None:
    """Whatever depth the reader and the writer of JSON give up at."""
    for depth in range(900, 1_010):
        deep = b"[" * depth + b"]" * depth
        with pytest.raises(StoreDamaged):
            Envelope.parse(_PREFIX + b'1,\n "kdf": ' + deep + b',\n "cipher": 1}\n')
        whole = (
            _PREFIX
            + b'1,\n "kdf": '
            + deep
            + b',\n "cipher": 1,\n "ciphertext": "",\n "checksum": ""\n}\n'
        )
        with pytest.raises(StoreDamaged):
            Envelope.parse(whole)
