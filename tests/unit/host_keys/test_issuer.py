"""The key set of an issuer domain: where it comes from, and that nothing of it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from jukihost.keys import PublishedKeys
from jukihost.keys.custody import KeyUnfit
from jukihost.keys.issuer import ISSUER_DOMAIN, ISSUER_TEST_KEYS, IssuerKeys, KeyFileUnusable
from jukihost.keys.published import published_master
from tests.support.naive.terminal import card_key

CARD_NUMBER = bytes.fromhex("8139200000000123")
SECRET = "00112233445566778899AABBCCDDEEFF"


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("size", range(40))
def test_three_keys_of_one_aes_length(size: int) -> None:
    if size in (16, 24, 32):
        keys = IssuerKeys(bytes(size), bytes(size), bytes(size))
        assert len(keys.check_values) == 3
        with pytest.raises(KeyUnfit, match="all the same"):
            IssuerKeys(bytes(size), bytes(size), bytes(40 - size % 32))
        return
    with pytest.raises(KeyUnfit, match="16, 24 or 32 bytes"):
        IssuerKeys(bytes(size), bytes(size), bytes(size))


@pytest.mark.parametrize("version", [-1, 128, 255])
def test_a_version_is_none(version: int) -> None:
    with pytest.raises(KeyUnfit, match="1 to 127"):
        IssuerKeys(bytes(16), bytes(16), bytes(16), version)


def test_the_test_keys_are_those_of_every_tool() -> None:
    assert ISSUER_TEST_KEYS.keys == (bytes.fromhex("404142434445464748494A4B4C4D4E4F"),) * 3


def test_the_keys_do_not_show() -> None:
    keys = IssuerKeys.parse(SECRET, 3)
    shown = repr(keys) + str(keys)
    assert SECRET.lower() not in shown.lower()
    assert repr(bytes.fromhex(SECRET))[2:-1] not in shown
    assert "version=3" in shown


def test_a_file_has_one_line_or_three(tmp_path: Path) -> None:
    three = [f"{n:02X}" * 24 for n in (1, 2, 3)]
    path = private(tmp_path / "keys", "\n".join(three) + "\n")
    assert IssuerKeys.from_file(path, 2) == IssuerKeys(b"\1" * 24, b"\2" * 24, b"\3" * 24, 2)
    path = private(tmp_path / "one", SECRET.lower())
    assert IssuerKeys.from_file(path).keys == (bytes.fromhex(SECRET),) * 3


@pytest.mark.parametrize("text", ["", f"{SECRET}\n{SECRET}", f"{SECRET}\n" * 4, "no key", "0"])
def test_another_text_is_no_key_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(KeyFileUnusable, match="one line in hexadecimal") as refusal:
        IssuerKeys.from_file(private(tmp_path / "keys", text))
    assert SECRET not in str(refusal.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileUnusable, match="0600"):
        IssuerKeys.from_file(private(tmp_path / "keys", SECRET, 0o640))
    with pytest.raises(KeyFileUnusable, match="cannot be read"):
        IssuerKeys.from_file(tmp_path / "none")
    with pytest.raises(KeyFileUnusable, match="KiB"):
        IssuerKeys.from_file(private(tmp_path / "long", SECRET * 1000))


def test_a_custody_derives_them_for_one_card() -> None:
    keys = IssuerKeys.from_custody(PublishedKeys(), CARD_NUMBER, 1)
    masters = [published_master(system) for system in ("ISSUER", "ISSUER", "ISSUER_DEK")]
    assert keys.keys == tuple(
        card_key(master, CARD_NUMBER, ISSUER_DOMAIN, use)
        for master, use in zip(masters, (1, 2, 1), strict=True)
    )
    assert keys.version == 1
    with pytest.raises(KeyUnfit, match="AES keys only"):
        IssuerKeys.from_custody(PublishedKeys("MA-3DES"), CARD_NUMBER, 1)
