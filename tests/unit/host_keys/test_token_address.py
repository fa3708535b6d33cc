"""The address of a token, components of a key, and calls into a library that do not come back."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from jukihost.keys import TokenCustody, join_components, key_store
from jukihost.keys.custody import KeyUnfit, check_bringers
from jukihost.keys.pkcs11 import (
    TokenAddress,
    TokenAddressError,
    TokenBusy,
    TokenLibraryMissing,
    _Calls,
)

WHOLE = "pkcs11:token=My%20Town;serial=0a?module-path=/usr/lib/p11.so"


def test_an_address_is_read() -> None:
    assert TokenAddress.parse(WHOLE) == TokenAddress(Path("/usr/lib/p11.so"), "My Town", "0a")
    assert TokenAddress.parse("pkcs11:serial=1?module-path=x") == TokenAddress(Path("x"), None, "1")
    assert isinstance(key_store(WHOLE, str), TokenCustody)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keys.json", "begins with pkcs11:"),
        ("pkcs11:", "names no token"),
        ("pkcs11:token=T", "or no library"),
        ("pkcs11:?module-path=/x", "names no token"),
        ("pkcs11:token=T;token=U?module-path=/x", "has token="),
        ("pkcs11:token?module-path=/x", "has token="),
        ("pkcs11:object=1;token=T?module-path=/x", "has token="),
        ("pkcs11:token=T?module-path=/x&pin-value=4711", "holds no PIN"),
        ("pkcs11:token=T?pin-source=4711", "holds no PIN"),
        ("pkcs11:token=T?module-name=4711", "has token="),
    ],
)
def test_what_is_no_address_is_said_without_it(text: str, said: str) -> None:
    with pytest.raises(TokenAddressError, match=said) as refused:
        TokenCustody(text, str)
    assert "4711" not in str(refused.value)


def test_the_address_of_a_key() -> None:
    found = TokenAddress.parse_key("pkcs11:token=My%20Town;object=log;serial=0a?module-path=/x.so")
    assert found == (TokenAddress(Path("/x.so"), "My Town", "0a"), "log")
    for wrong in (WHOLE, WHOLE.replace("token=", "object=a;object=b;token="), "pkcs11:object=a"):
        with pytest.raises(TokenAddressError):
            TokenAddress.parse_key(wrong)


@given(st.text())
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    with contextlib.suppress(TokenAddressError):
        TokenAddress.parse("pkcs11:" + text)
    with contextlib.suppress(TokenAddressError):
        TokenAddress.parse_key("pkcs11:object=a;" + text)


def test_without_the_extra_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    monkeypatch.setitem(sys.modules, "pkcs11.exceptions", None)
    with pytest.raises(TokenLibraryMissing, match=r"jukicard\[hsm\]"):
        TokenCustody(WHOLE, str).open()


def test_a_call_that_does_not_come_back_is_left_to_itself() -> None:
    calls, goes_on = _Calls(), threading.Event()
    try:
        with pytest.raises(TokenBusy, match="has not answered"):
            calls.run(lambda: goes_on.wait(60), 0.05)
        with pytest.raises(TokenBusy):
            calls.run(int, 0.05)
    finally:
        goes_on.set()
    assert calls.run(lambda: 5, 10) == 5, "it comes back, and with it the token"


def test_calls_of_many_threads_are_made_one_after_the_other_from_the_first_on() -> None:
    calls, together = _Calls(), threading.Barrier(8)
    inside: list[int] = []
    most = 0

    def work() -> None:
        nonlocal most
        inside.append(1)
        most = max(most, len(inside))
        time.sleep(0.001)
        inside.pop()

    def ask() -> None:
        together.wait(60)
        for _ in range(5):
            calls.run(work, 10)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 1


def test_who_brings_a_key_are_two_or_more_each_once() -> None:
    two = ("admin-1", "admin_2")
    assert check_bringers(two) == two
    assert check_bringers([]) == ()
    nine = tuple(f"a{at}" for at in range(9))
    assert check_bringers(nine) == nine
    for wrong in (
        ("admin-1",),
        ("admin-1", "admin-1"),
        ("admin-1", "Admin-1"),
        (*nine, "a9"),
        ("admin-1", ""),
        ("admin-1", "a" * 33),
        ("admin-1", "a,b"),
        ("admin-1", "a\n"),
        ("admin-1", "12345678901"),
        ("admin-1", "係"),
    ):
        with pytest.raises(KeyUnfit):
            check_bringers(wrong)


def test_components_make_a_key() -> None:
    parts = [bytes((5, 6)), bytes((1, 2)), bytes((8, 0))]
    assert join_components(parts) == bytes((12, 4))
    for wrong in ([], parts[:1], [b"ab", b"abc"], [b"ab", b"ab"], [b"ab", b"\0\0"], [b"", b""]):
        with pytest.raises(KeyUnfit):
            join_components(wrong)
