"""Readers by their names: several of one, names beyond ASCII, and names that are no text at all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NoReturn

import pytest

from jukihost.errors import (
    AmbiguousReader,
    NoCard,
    ProtocolError,
    ServiceNotRunning,
    TransportError,
)
from jukihost.models import Reader
from jukihost.transport.pcsc import names
from jukihost.transport.pcsc.connection import PcscConnection, list_readers
from jukihost.transport.pcsc.readers import choose
from tests.support.host.fake_scard import FakeReader, FakeScard
from tests.support.host.fakes import JUKI_ATR


@pytest.mark.parametrize("wanted", [None, 0, 1, "Twin", "win"])
def test_readers_of_one_name_are_refused_rather_than_mistaken(wanted: int | str | None) -> None:
    scard = FakeScard([FakeReader("Twin"), FakeReader("Twin", JUKI_ATR)])
    listed = list_readers(scard)
    assert [reader.name for reader in listed] == ["Twin", "Twin"]
    both = (Reader(0, "Twin", False, None), Reader(1, "Twin", True, JUKI_ATR))
    with pytest.raises((AmbiguousReader, NoCard)):
        choose(both, wanted)
    with pytest.raises(AmbiguousReader, match="unplug all but one"):
        choose(both, 1)


@pytest.mark.parametrize("wanted", ["窓口の読取機 00 00", "窓口", "読取機", "STRASSE"])
def test_names_beyond_ascii_are_found_whole_and_in_part(
    wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "straße 00 00" if wanted == "STRASSE" else "窓口の読取機 00 00"
    scard = FakeScard([FakeReader("Twin"), FakeReader(name, JUKI_ATR), FakeReader("空の")])
    monkeypatch.setattr(names, "_pcsclite", scard.pcsclite)
    assert list_readers(scard) == (
        Reader(0, "Twin", False, None),
        Reader(1, name, True, JUKI_ATR),
        Reader(2, "空の", False, None),
    )
    with PcscConnection(wanted, scard=scard) as connection:
        assert connection.description == name
    scard.fail["SCardGetStatusChange"] = [0x8010001D]
    with pytest.raises(ServiceNotRunning):
        list_readers(scard)


def test_names_that_cannot_be_asked_for_are_refused_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scard = FakeScard([FakeReader("読取機", JUKI_ATR)])
    for name, value in (("_LIBRARY", "libno.so"), ("sys", SimpleNamespace(platform="win32"))):
        monkeypatch.setattr(names, name, value)
        with pytest.raises(TransportError, match="give that one another name, or unplug it"):
            list_readers(scard)


@pytest.mark.parametrize(
    "error", [SystemError("an exception set"), UnicodeDecodeError("utf-8", b"\xdf", 0, 1, "no")]
)
def test_a_name_that_is_no_utf_8_is_said(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> NoReturn:
        raise error

    scard = FakeScard([FakeReader("Twin")])
    monkeypatch.setattr(scard, "SCardListReaders", broken)
    with pytest.raises(ProtocolError, match=r"no UTF-8.*give it another one"):
        list_readers(scard)
