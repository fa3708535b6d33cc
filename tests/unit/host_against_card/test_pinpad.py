"""A PIN typed on the reader, wherever one goes in plain, and nowhere else; against the emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jukicard import Card, LocalReader, Printed, issue_card
from jukihost import cli
from jukihost.channel import ApduChannel, build_channel, open_logical_channel
from jukihost.conversation.refusals import (
    PasswordRejected,
    PinNotVerified,
    TerminalNotAuthenticated,
)
from jukihost.errors import NotOffered, PinBlocked, PinRejected
from jukihost.models import Purpose
from jukihost.pinpad import PadEntriesDiffer, PadError, PadNotUsable, PadWrongLength, PinPad
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession
from jukihost.transport.pcsc.connection import PcscConnection
from tests.support.host.custody import PublicMasters
from tests.support.host.fake_scard import FakeReader, FakeScard
from tests.support.host.pad_reader import PadReader

PAD = PinPad()
PRINTED = Printed(access_number="123456")


class Desk:
    """A card in a reader with a pad: what was sent to it, and what the holder types next."""

    def __init__(self, card: Card, *, features: bytes | None = None) -> None:
        card.power_on()
        self.card = card
        self.sent: list[bytes] = []
        self.pad = PadReader(card.transmit)
        if features is not None:
            self.pad.features = features
        reader = FakeReader("Pad", card.atr, answer=self._send, control=self.pad.control)
        self.scard = FakeScard([reader])

    def _send(self, command: bytes) -> bytes:
        self.sent.append(command)
        return self.card.transmit(command)

    @contextmanager
    def channel(self) -> Iterator[ApduChannel]:
        with PcscConnection(scard=self.scard) as connection:
            yield build_channel(connection)

    def types(self, *entries: str | bytes) -> PinPad:
        self.pad.typed = list(entries)
        return PAD


def desk(profile: str = "mynumber", **options: Any) -> Desk:
    return Desk(issue_card(profile, seed=1, **options))


def test_jpki_verifies_changes_and_signs() -> None:
    at = desk()
    with at.channel() as channel, JpkiSession(channel) as jpki:
        with pytest.raises(PinRejected, match="2 tries left"):
            jpki.verify_pin(at.types("0000"))
        with pytest.raises(PinNotVerified):
            jpki.change_pin(at.types("4711", "4711"))
        jpki.verify_pin(at.types("1234"))
        with pytest.raises(PadEntriesDiffer):
            jpki.change_pin(at.types("4711", "4712"))
        jpki.change_pin(at.types("4711", "4711"))
        jpki.verify_pin("4711")
        assert len(jpki.sign(JpkiKey.AUTHENTICATION, bytes(51))) == 256
    assert not any(digits in command for digits in (b"1234", b"0000") for command in at.sent)


@pytest.mark.parametrize("status", ["6400", "6401", "6402", "6403", "6B80"])
@pytest.mark.parametrize("counted", [True, False])
def test_a_status_of_the_reader_may_be_the_card_s_own_so_the_tries_are_asked(
    status: str, counted: bool
) -> None:
    """A card that counts a wrong PIN and answers as a reader would that sent nothing."""
    at = desk()

    def card(command: bytes) -> bytes:
        if counted:
            assert at.card.transmit(command) == bytes.fromhex("63C2")
        return bytes.fromhex(status)

    at.pad.card = card
    with at.channel() as channel, JpkiSession(channel) as jpki:
        with pytest.raises(PadError, match=f"{3 - counted} tries left now") as caught:
            jpki.verify_pin(at.types("0000"))
        assert caught.value.retries_left == jpki.pin_retries(JpkiKey.AUTHENTICATION) == 3 - counted
        assert "no try was used" not in str(caught.value)


def test_a_card_that_blocked_behind_a_status_of_the_reader_is_told_to_be_blocked() -> None:
    at = desk()

    def card(command: bytes) -> bytes:
        at.card.transmit(command)
        return bytes.fromhex("6400")

    at.pad.card = card
    with at.channel() as channel, JpkiSession(channel) as jpki:
        for left in (2, 1, 0):
            with pytest.raises(PadError) as caught:
                jpki.verify_pin(at.types("0000"))
            assert caught.value.retries_left == left


def test_a_password_of_digits_is_verified_and_a_new_one_is_not_typed_on_a_pad() -> None:
    at = desk()
    with at.channel() as channel, JpkiSession(channel) as jpki:
        jpki.verify_password("ABC123")
        sent = list(at.sent)
        with pytest.raises(PadNotUsable, match="has a letter"):
            jpki.change_password(at.types("123456", "123456"))
        assert at.sent == sent
        with pytest.raises(PasswordRejected, match="4 tries left"):
            jpki.verify_password(at.types("123456"))
        with pytest.raises(PadWrongLength):
            jpki.verify_password(at.types("123"))
        assert jpki.pin_retries(JpkiKey.SIGNATURE) == 4


def test_a_password_of_digits_signs() -> None:
    at = desk(pins={"signature": "739182640517"})
    with at.channel() as channel, JpkiSession(channel) as jpki:
        jpki.verify_password(at.types("739182640517"))
        assert len(jpki.sign(JpkiKey.SIGNATURE, bytes(51))) == 256
    assert (at.pad.seen[0].shortest, at.pad.seen[0].longest) == (4, 16)


def test_text_common_and_surface() -> None:
    at = desk()
    with at.channel() as channel:
        with TextSession(channel) as text:
            text.verify_pin(at.types("1234"))
            text.change_pin(at.types("8888", "8888"))
            text.verify_pin(at.types("8888"))
            assert text.attributes().name
            with pytest.raises(PinRejected, match="9 tries left"):
                text.verify_number_a(at.types("000000000000"))
            with pytest.raises(PinRejected, match="9 tries left"):
                text.verify_number_b(at.types("00000000000000"))
        with CommonSession(channel) as common:
            common.verify_pin(at.types("1234"))
            common.change_pin(at.types("7777", "7777"))
            common.verify_pin(at.types("7777"))
        with SurfaceSession(channel) as surface:
            before = surface.birth_pin_retries()
            with pytest.raises(PinRejected):
                surface.verify_birth(at.types("999999"))
            assert surface.birth_pin_retries() == before - 1
            for digits in ("9999999", "99999"):
                with pytest.raises(PadWrongLength):
                    surface.verify_birth(at.types(digits))
    lengths = {(seen.shortest, seen.longest) for seen in at.pad.seen}
    assert lengths == {(4, 4), (6, 6), (12, 12), (8, 14)}


def test_juki_outside_a_session_and_until_it_is_blocked() -> None:
    at = desk("juki-v1")
    with at.channel() as channel, JukiSession(channel) as juki:
        juki.verify_pin(at.types("1234"))
        for left in (2, 1):
            with pytest.raises(PinRejected, match=f"{left} tr"):
                juki.verify_pin(at.types("0000"))
        for _ in range(2):
            with pytest.raises(PinBlocked):
                juki.verify_pin(at.types("0000"))


def within(purpose: Purpose) -> Callable[[JukiSession], object]:
    return lambda juki: juki.authenticate(purpose, PublicMasters())


def private(juki: JukiSession) -> None:
    juki.begin_private("123456")


@pytest.mark.parametrize(
    "begin", [within(Purpose.RESIDENT_IDENTIFICATION), within(Purpose.COUNTER), private]
)
def test_within_a_session_it_is_refused_before_anything_is_sent(
    begin: Callable[[JukiSession], object],
) -> None:
    at = desk("juki-v1", printed=PRINTED)
    with at.channel() as channel, JukiSession(channel) as juki:
        begin(juki)
        sent = list(at.sent)
        with pytest.raises(PadNotUsable, match=r"in plain.*at the terminal; nothing was sent"):
            juki.verify_pin(at.types("1234"))
        for method in (juki.change_pin, juki.unblock_pin):
            with pytest.raises((PadNotUsable, TerminalNotAuthenticated)):
                method(at.types("1234", "1234"))  # type: ignore[arg-type]
        assert at.sent == sent
        assert at.pad.seen == []
        if begin is not private:
            assert juki.authenticated, "the session goes on"
        juki.verify_pin("1234")


def test_a_pad_leads_to_no_code() -> None:
    at = desk("juki-v1")
    with at.channel() as channel, JukiSession(channel) as juki:
        juki.verify_pin(at.types("1234"))
        with pytest.raises(TerminalNotAuthenticated):
            juki.read_code()
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublicMasters())
        with pytest.raises(PinNotVerified):
            juki.read_code()


def test_on_a_logical_channel_the_pad_sends_there() -> None:
    at = desk()
    with (
        at.channel() as channel,
        open_logical_channel(channel, 2) as second,
        JpkiSession(second) as jpki,
    ):
        jpki.verify_pin(at.types("1234"))
        assert len(jpki.sign(JpkiKey.AUTHENTICATION, bytes(51))) == 256
    assert at.pad.seen[0].apdu == bytes.fromhex("0220008000")


def test_what_watches_sees_no_digit() -> None:
    at, seen = desk(), []

    class Watch:
        def command(self, raw: bytes) -> None:
            seen.append(raw)

        response = reset = command

    with (
        PcscConnection(scard=at.scard) as connection,
        JpkiSession(build_channel(connection, observer=Watch())) as jpki,
    ):
        jpki.verify_pin(at.types("1234"))
    assert bytes.fromhex("00200080") in seen
    assert not any(b"1234" in raw for raw in seen)


@pytest.mark.parametrize(
    "session", [JukiSession, JpkiSession, TextSession, CommonSession, SurfaceSession]
)
def test_without_a_pad_it_is_refused_before_anything_is_sent(session: type[JpkiSession]) -> None:
    enters = [name for name in dir(session) if name.startswith(("verify_pin", "verify_b"))]
    assert enters
    for card in (LocalReader(issue_card("mynumber", seed=1)), None):
        at = Desk(issue_card("mynumber", seed=1), features=b"")
        connection = card or PcscConnection(scard=at.scard)
        with connection, session(build_channel(connection)) as open_session:
            before = list(at.sent)
            for name in enters:
                with pytest.raises(NotOffered, match="at the terminal; nothing was sent"):
                    getattr(open_session, name)(PAD)
            assert at.sent == before


def test_a_pad_that_only_verifies_changes_nothing() -> None:
    at = Desk(issue_card("mynumber", seed=1), features=bytes.fromhex("060442330006"))
    with at.channel() as channel, JpkiSession(channel) as jpki:
        jpki.verify_pin(at.types("1234"))
        with pytest.raises(NotOffered, match="no pad to change"):
            jpki.change_pin(at.types("4711", "4711"))


# --- the command line ---


def run(at: Desk, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("jukihost.transport.pcsc.connection.load_scard", lambda: at.scard)
    return cli.main([*arguments])


def test_pin_verify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    at = desk("juki-v1")
    at.types("1234", "0000", bytes.fromhex("6401"), b"\x01")
    assert run(at, monkeypatch, "pin", "verify", "--pad") == 0
    assert "the PIN is right" in capsys.readouterr().out
    for said in ("2 tries left", "cancelled on the reader", "2 tries left now"):
        assert run(at, monkeypatch, "pin", "verify", "--pad") == 1
        assert said in capsys.readouterr().err


def test_jpki_sign_and_cert(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at, out = desk(), tmp_path / "signed"
    at.types("1234")
    letter = tmp_path / "letter"
    letter.write_text("letter")
    sign = ["jpki", "sign", str(letter), "--out", str(out), "--form", "raw", "--pad"]
    assert run(at, monkeypatch, *sign, "--key", "authentication") == 0
    assert len(out.read_bytes()) == 256
    at.types("123456")
    assert run(at, monkeypatch, *sign, "--force") == 1
    assert "the password is wrong, 4 tries left" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["pin", "verify", "--pad", "--keys", "none"],
        ["pin", "verify", "--pad", "--access-number", "123456"],
        ["pin", "verify", "--pad", "--pin-file", "none"],
        ["pin", "change", "--pad", "--keys", "none"],
        ["jpki", "cert", "--pad", "--pin-file", "none"],
    ],
)
def test_where_a_pad_cannot_be_it_is_refused_in_words(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = desk()
    assert run(at, monkeypatch, *arguments) == 2
    assert "leave --" in capsys.readouterr().err
    assert at.scard.calls == []


def test_without_a_pad_the_command_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = Desk(issue_card("juki-v1", seed=1), features=b"")
    assert run(at, monkeypatch, "pin", "verify", "--pad") == 3
    assert "typed at the terminal; nothing was sent" in capsys.readouterr().err
