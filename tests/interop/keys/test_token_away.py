"""A token that is full, pulled, or has another PIN since: said in words, and used again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jukicard import issue_card
from jukicard.transport.inprocess import LocalReader
from jukihost import JukiSession, Purpose, build_channel
from jukihost.cli import main
from jukihost.keys import TokenCustody, UnknownKey, published
from jukihost.keys.pkcs11 import TokenFull, TokenNotFound, TokenPinRefused, TokenUnfit
from jukihost.keys.tokensigner import TokenSigningKey
from tests.support.interop.softhsm import PIN, SoftHsm

NUMBER = bytes(range(1, 9))
KEY = bytes.fromhex("8A135CF097E42B61D30F48BA76C51E92")
MEMORY, REMOVED, DEVICE, PROTECTED, MECHANISM = 0x31, 0x32, 0x30, 0xE2, 0x70
"""CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_TOKEN_WRITE_PROTECTED,
CKR_MECHANISM_INVALID."""


@pytest.mark.parametrize("code", [MEMORY, PROTECTED])
def test_a_full_token_is_said_and_nothing_is_half_made(
    softhsm: SoftHsm, token: TokenCustody, code: int
) -> None:
    token.generate("FIRE")
    before = token.inventory()
    makers: list[tuple[str, Callable[[], object]]] = [
        ("C_GenerateKey", lambda: token.generate("WATER")),
        ("C_GenerateKey", lambda: token.rotate("FIRE")),
        ("C_CreateObject", lambda: token.import_key("WATER", 1, KEY)),
        ("C_GenerateKeyPair", lambda: TokenSigningKey.draw(token, "log")),
    ]
    for function, make in makers:
        with softhsm.answering(function, code) as asked:
            with pytest.raises(TokenFull, match="no room for another key"):
                make()
            assert asked == [1]
        assert token.inventory() == before
        with pytest.raises(UnknownKey):
            TokenSigningKey.of(token, "log")
    for _, make in makers[1:]:
        make()
    assert token.newest_version("FIRE") == 2


def test_a_key_that_the_token_made_and_cannot_use_does_not_stay(
    softhsm: SoftHsm, token: TokenCustody
) -> None:
    """What was drawn or brought is tried at once; a card is never given keys of another."""
    makers: list[Callable[[], object]] = [
        lambda: token.generate("WATER"),
        lambda: token.import_key("WATER", 1, KEY),
        lambda: TokenSigningKey.draw(token, "log"),
    ]
    for make in makers:
        with softhsm.answering("C_SignInit", MECHANISM), pytest.raises(TokenUnfit):
            make()
        assert token.inventory() == ()
        with pytest.raises(UnknownKey):
            TokenSigningKey.of(token, "log")


ATTRIBUTES = {
    "TOKEN": (0x001, False), "PRIVATE": (0x002, False), "SENSITIVE": (0x103, False),
    "ENCRYPT": (0x104, True), "DECRYPT": (0x105, True), "WRAP": (0x106, True),
    "UNWRAP": (0x107, True), "SIGN": (0x108, False), "VERIFY": (0x10A, True),
    "DERIVE": (0x10C, True), "EXTRACTABLE": (0x162, True), "MODIFIABLE": (0x170, True),
    "SIGN_RECOVER": (0x109, True),
}  # fmt: skip
"""CKA_... (PKCS#11 2.40, pkcs11t.h), and what a key of ours never is."""
MASTER = ATTRIBUTES.keys() - {"SIGN_RECOVER"}
SIGNER = ATTRIBUTES.keys() - {"ENCRYPT", "WRAP", "VERIFY"}


def everything(token: TokenCustody) -> list[object]:
    return token.use(lambda opened: list(opened.get_objects()))


def test_a_key_that_the_token_makes_as_it_likes_is_refused_and_does_not_stay(
    softhsm: SoftHsm, token: TokenCustody
) -> None:
    """It says that all is well; what it made is read back."""
    makers: list[tuple[str, Callable[[], object]]] = [
        ("C_GenerateKey", lambda: token.generate("WATER")),
        ("C_CreateObject", lambda: token.import_key("WATER", 1, KEY)),
        ("C_GenerateKeyPair", lambda: TokenSigningKey.draw(token, "log")),
    ]
    for function, make in makers:
        for name in sorted(SIGNER if function.endswith("Pair") else MASTER):
            with softhsm.making(*ATTRIBUTES[name]) as made:
                with pytest.raises(TokenUnfit, match=rf"does not heed {name}\)"):
                    make()
                assert made == [function]
            assert everything(token) == []
    for _, make in makers[1:]:
        make()
    assert len(everything(token)) == 3


def test_a_key_that_is_refused_and_cannot_be_deleted_is_said(
    softhsm: SoftHsm, token: TokenCustody
) -> None:
    makers: list[Callable[[], object]] = [
        lambda: token.generate("WATER"),
        lambda: TokenSigningKey.draw(token, "log"),
    ]
    for make in makers:
        with (
            softhsm.making(*ATTRIBUTES["EXTRACTABLE"]),
            softhsm.answering("C_DestroyObject", PROTECTED) as asked,
            pytest.raises(TokenUnfit, match="delete it with the token's own tools"),
        ):
            make()
        assert asked == [1 if make is makers[0] else 2]


def test_a_full_token_is_said_at_a_shell(
    softhsm: SoftHsm,
    address: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PIN)
    with softhsm.answering("C_GenerateKey", MEMORY):
        assert main(["keys", "new", "--system", "FIRE", address]) == 2
    assert "no room for another key" in capsys.readouterr().err
    with TokenCustody(address, lambda: PIN) as token:
        assert token.inventory() == ()


@pytest.mark.parametrize("code", [REMOVED, DEVICE])
def test_a_token_that_is_gone_when_it_should_sign_is_said(
    softhsm: SoftHsm, token: TokenCustody, code: int
) -> None:
    token.generate("FIRE")
    with softhsm.answering("C_Sign", code) as asked:
        with pytest.raises(TokenNotFound, match="put it back and open it again"):
            token.derive_card_keys("FIRE", NUMBER, bytes(7), 1)
        assert asked == [1]
    token.close()
    token.open()
    assert token.derive_card_keys("FIRE", NUMBER, bytes(7), 1).version == 1


def test_a_token_that_is_pulled_in_mid_session_is_no_token_without_keys(
    softhsm: SoftHsm, token: TokenCustody
) -> None:
    token.generate("FIRE")
    signer = TokenSigningKey.draw(token, "log")
    keys = token.derive_card_keys("FIRE", NUMBER, bytes(7), 1)
    asks: list[Callable[[], object]] = [
        lambda: token.derive_card_keys("FIRE", NUMBER, bytes(7), 1),
        lambda: signer.sign(b"text"),
        token.inventory,
        lambda: token.newest_version("FIRE"),
        lambda: token.rotate("FIRE"),
        lambda: token.generate("WATER"),
        lambda: token.delete("FIRE", 1),
    ]
    with softhsm.pulled():
        for ask in asks:
            with pytest.raises(TokenNotFound, match="put it back and open it again"):
                ask()
        token.close()
        with pytest.raises(TokenNotFound, match="plugged in"):
            token.open()
    token.open()
    assert [(one.system, one.version) for one in token.inventory()] == [("FIRE", 1)]
    assert token.derive_card_keys("FIRE", NUMBER, bytes(7), 1) == keys
    assert TokenSigningKey.of(token, "log").sign(b"text") == signer.sign(b"text")


def test_a_session_with_a_card_ends_in_words_when_the_token_is_pulled(
    softhsm: SoftHsm, token: TokenCustody
) -> None:
    for purpose in (Purpose.RESIDENT_IDENTIFICATION, Purpose.COUNTER):
        token.import_key(purpose.name, 1, published.published_master(purpose.name))
    card = issue_card("juki-v1", seed=1)
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as juki:
        with softhsm.pulled(), pytest.raises(TokenNotFound):
            juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, token)
        token.close()
        token.open()
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, token)
        with softhsm.pulled():  # what is agreed with the card is in this program's memory
            juki.verify_pin("1234")
            assert len(juki.read_code().reveal()) == 11


def test_a_new_pin_is_asked_for_when_the_token_is_opened_again(
    softhsm: SoftHsm, token: TokenCustody, address: str
) -> None:
    """Whoever is logged in stays so; the PIN is read anew each time, and a refused one not sent on.

    A token counts wrong PINs, and locks itself.
    """
    token.generate("FIRE")
    token.use(lambda opened: opened.set_pin(PIN, "12344321"))
    assert token.derive_card_keys("FIRE", NUMBER, bytes(7), 1).version == 1
    token.close()
    with pytest.raises(TokenPinRefused):
        token.open()
    typed = iter(["12344321", "12344321"])
    with TokenCustody(address, lambda: next(typed)) as again:
        assert again.derive_card_keys("FIRE", NUMBER, bytes(7), 1).version == 1
        again.close()
        again.open()
        assert again.newest_version("FIRE") == 1
        again.use(lambda opened: opened.set_pin("12344321", PIN))
    assert list(typed) == []
    with softhsm.answering("C_Login", 0xA0) as asked:
        with pytest.raises(TokenPinRefused, match="counts wrong ones"):
            token.open()
        assert asked == [1]
    token.open()
