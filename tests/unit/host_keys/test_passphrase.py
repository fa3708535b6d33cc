"""Where a passphrase comes from, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from jukihost.keys.passphrase import (
    PassphraseMissing,
    PassphraseTooShort,
    encode,
    passphrase_from_environment,
    passphrase_from_file,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.touch(mode=0o600)
    return path


@pytest.mark.parametrize(
    ("content", "passphrase"),
    [
        (b"correct horse", "correct horse"),
        (b"correct horse\n", "correct horse"),
        (b"correct horse\r\n", "correct horse"),
        (b"correct horse\n\n", "correct horse\n"),
        (b" correct horse \n", " correct horse "),
        ("合言葉は鍵です\n".encode(), "合言葉は鍵です"),
    ],
)
def test_a_file(file: Path, content: bytes, passphrase: str) -> None:
    file.write_bytes(content)
    assert passphrase_from_file(file)() == passphrase


def test_a_file_is_read_when_asked_and_not_before(file: Path) -> None:
    source = passphrase_from_file(file)
    file.write_text("later", encoding="utf-8")
    assert source() == "later"
    file.unlink()
    with pytest.raises(PassphraseMissing, match="No such file"):
        source()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o644])
def test_a_file_that_others_may_use_is_refused(file: Path, mode: int) -> None:
    file.write_text("correct horse", encoding="utf-8")
    file.chmod(mode)
    with pytest.raises(PassphraseMissing, match="0600") as caught:
        passphrase_from_file(file)()
    assert "horse" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\xfd secret")
    with pytest.raises(PassphraseMissing, match="no text") as caught:
        passphrase_from_file(file)()
    assert caught.value.__cause__ is None
    assert "secret" not in str(caught.value)


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    source = passphrase_from_environment("JUKIHOST_TEST_PASSPHRASE")
    with pytest.raises(PassphraseMissing, match="JUKIHOST_TEST_PASSPHRASE"):
        source()
    monkeypatch.setenv("JUKIHOST_TEST_PASSPHRASE", "correct horse")
    assert source() == "correct horse"


def test_one_passphrase_has_one_encoding() -> None:
    composed, decomposed, wide = "caf\u00e9 table", "cafe\u0301 table", "ｃａｆé\u3000ｔａｂｌｅ"
    assert encode(lambda: composed) == encode(lambda: decomposed) == encode(lambda: wide)
    assert encode(lambda: "Correct horse") != encode(lambda: "correct horse")


def test_short_and_empty_passphrases() -> None:
    with pytest.raises(PassphraseMissing):
        encode(lambda: "")
    with pytest.raises(PassphraseMissing):
        encode(lambda: "", new=True)
    with pytest.raises(PassphraseTooShort):
        encode(lambda: "1234567", new=True)
    assert encode(lambda: "1234567") == b"1234567"
    assert encode(lambda: "12345678", new=True) == b"12345678"
