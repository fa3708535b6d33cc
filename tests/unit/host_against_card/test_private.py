"""Private sessions of the Juki session against the emulator: PACE first, everything else in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from jukicard import PROFILES, Card, Printed, issue_card
from jukicard.apdu import CommandApdu, Ins, ResponseApdu
from jukicard.testing.applets import with_forbidden
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.tcp import TcpServer
from jukihost import cli
from jukihost.channel import ApduChannel, ChannelDecorator, build_channel, open_logical_channel
from jukihost.conversation.protection import PrivateSessionOver
from jukihost.conversation.refusals import HolderMovedOut, TerminalNotAuthenticated
from jukihost.conversation.secrets import AccessNumber
from jukihost.errors import (
    AuthenticationRejected,
    CardError,
    CardNotAuthentic,
    CardRemoved,
    CardSuspended,
    ConnectionNotOpen,
    PinFormatError,
    PinRejected,
    ReferenceNotFound,
    SecureMessagingError,
)
from jukihost.keys import UnknownKey
from jukihost.models import Purpose, ResidentCode
from jukihost.sessions.juki import JukiSession
from tests.support.host.certificates import CHIP_KEY, TERMINAL, identity, trust
from tests.support.host.cli import PASSPHRASE, Typed
from tests.support.host.custody import PublicMasters

CODE = ResidentCode("12345678903")
CUSTODY = PublicMasters()
NUMBER = "271828"


@dataclass
class Listener:
    """Hears all that goes over the air."""

    commands: list[CommandApdu] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)

    def command(self, raw: bytes) -> None:
        self.commands.append(CommandApdu.parse(raw))
        self.heard += raw

    def response(self, raw: bytes) -> None:
        self.heard += raw

    def reset(self, atr: bytes) -> None:
        self.heard += atr


@pytest.fixture
def card() -> Card:
    made = issue_card(
        with_forbidden(PROFILES["juki-v1"]),
        seed=1,
        code=CODE.reveal(),
        contactless=True,
        printed=Printed(access_number=NUMBER),
    )
    trust(made)
    return made


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def channel(card: Card, listener: Listener) -> Iterator[ChannelDecorator]:
    with LocalReader(card) as connection:
        yield build_channel(connection, observer=listener)


def private(channel: ApduChannel) -> JukiSession:
    juki = JukiSession(channel).open()
    juki.begin_private(NUMBER)
    assert juki.private
    return juki


def by_key(juki: JukiSession) -> None:
    juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, CUSTODY)


def by_certificate(juki: JukiSession) -> None:
    juki.authenticate_by_certificate(identity(Purpose.RESIDENT_IDENTIFICATION), CHIP_KEY)


@pytest.mark.parametrize("authenticate", [by_key, by_certificate])
def test_nobody_hears_anything(
    channel: ChannelDecorator, listener: Listener, authenticate: Callable[[JukiSession], None]
) -> None:
    with JukiSession(channel) as juki:
        number = juki.card_number()
    assert number in listener.heard
    listener.heard.clear()
    listener.commands.clear()
    with JukiSession(channel) as juki:
        juki.begin_private(AccessNumber(NUMBER))
        authenticate(juki)
        assert not juki.private, "a purpose has taken its place"
        assert juki.purposes == {Purpose.RESIDENT_IDENTIFICATION}
        juki.verify_pin("1234")
        assert juki.read_code() == CODE
    for secret in (number, b"1234", CODE.reveal().encode(), b"JPTERM0001", b"JPAUTH0001"):
        assert secret not in listener.heard
    plain = [it.ins for it in listener.commands if not it.cla.secure]
    dialogue = [Ins.MANAGE_SECURITY_ENVIRONMENT, *[Ins.GENERAL_AUTHENTICATE] * 4]
    assert plain == [Ins.SELECT, *dialogue, Ins.SELECT], "the last one leaves"


def test_what_anybody_may_ask_is_asked_in_it(channel: ChannelDecorator, listener: Listener) -> None:
    juki = private(channel)
    before = len(listener.commands)
    assert len(juki.card_number()) == 8
    assert juki.pin_retries() == 3
    with pytest.raises(PinRejected):
        juki.verify_pin("9999")
    juki.verify_pin("1234")
    asked = listener.commands[before:]
    assert {command.ins for command in asked} >= {Ins.GET_DATA, Ins.SELECT, Ins.VERIFY}
    assert all(command.cla.secure for command in asked)


def test_it_is_no_purpose(channel: ChannelDecorator, listener: Listener) -> None:
    juki = private(channel)
    assert juki.purposes == frozenset()
    assert not juki.authenticated
    sent = len(listener.commands)
    for act in (juki.read_code, juki.card_info, juki.suspend, juki.move_out):
        with pytest.raises(TerminalNotAuthenticated):
            act()
    assert len(listener.commands) == sent, "nothing was sent"


def test_a_wrong_number(channel: ChannelDecorator, listener: Listener) -> None:
    juki = JukiSession(channel).open()
    for _ in range(5):
        with pytest.raises(AuthenticationRejected):
            juki.begin_private("000000")
        assert not juki.private
    nothing_is_said(juki, listener)
    juki.begin_private(NUMBER)
    assert juki.pin_retries() == 3
    by_key(juki)


def test_a_card_that_offers_none() -> None:
    """Whoever means to go on in plain says so: the refusal may be another's than the card's."""
    listener = Listener()
    with LocalReader(issue_card(with_forbidden(PROFILES["juki-v1"]), seed=1)) as connection:
        juki = JukiSession(build_channel(connection, observer=listener)).open()
        with pytest.raises(ReferenceNotFound):
            juki.begin_private(NUMBER)
        nothing_is_said(juki, listener)
        juki.open()
        by_key(juki)


def nothing_is_said(juki: JukiSession, listener: Listener) -> None:
    """Whatever is asked for, nothing is sent in plain."""
    sent = len(listener.commands)
    acts: list[Callable[[], object]] = [
        juki.card_number,
        juki.residence,
        juki.pin_retries,
        lambda: juki.verify_pin("1234"),
        lambda: by_key(juki),
        lambda: by_certificate(juki),
        lambda: juki.select_file(0x001C),
        lambda: juki.get_data(0x8A),
    ]
    for act in acts:
        with pytest.raises(PrivateSessionOver, match="nothing was sent"):
            act()
    assert len(listener.commands) == sent


@pytest.mark.parametrize("number", ["", "12345", "1234567", "12345x", "１２３４５６"])
def test_a_number_that_is_none_is_not_sent(
    channel: ChannelDecorator, listener: Listener, number: str
) -> None:
    juki = JukiSession(channel).open()
    sent = len(listener.commands)
    with pytest.raises(PinFormatError) as caught:
        juki.begin_private(number)
    assert len(listener.commands) == sent
    nothing_is_said(juki, listener)
    assert not number or number not in str(caught.value)


def test_before_the_session_is_open(channel: ChannelDecorator) -> None:
    with pytest.raises(ConnectionNotOpen):
        JukiSession(channel).begin_private(NUMBER)


def test_twice(channel: ChannelDecorator) -> None:
    juki = private(channel)
    juki.begin_private(NUMBER)
    assert juki.private
    by_key(juki)
    juki.begin_private(NUMBER)
    assert juki.purposes == frozenset(), "what was proven is left behind"
    by_certificate(juki)


def test_a_second_purpose_needs_a_second_private_session(
    channel: ChannelDecorator, listener: Listener
) -> None:
    juki = private(channel)
    by_key(juki)
    with pytest.raises(PrivateSessionOver):
        juki.authenticate(Purpose.COUNTER, CUSTODY)
    nothing_is_said(juki, listener)
    juki.begin_private(NUMBER)
    juki.authenticate(Purpose.COUNTER, CUSTODY)
    assert juki.purposes == {Purpose.COUNTER}
    assert not juki.private


def test_a_holder_who_has_moved_out_is_not_told_to_everybody(
    channel: ChannelDecorator, listener: Listener
) -> None:
    with JukiSession(channel) as juki:
        juki.authenticate(Purpose.COUNTER, CUSTODY)
        juki.move_out()
    juki = private(channel)
    sent = len(listener.commands)
    with pytest.raises(HolderMovedOut):
        by_key(juki)
    assert all(command.cla.secure for command in listener.commands[sent:])
    nothing_is_said(juki, listener)
    juki.begin_private(NUMBER)
    juki.authenticate(Purpose.MOVE_IN, CUSTODY)


@pytest.mark.parametrize("certified", [False, True])
@pytest.mark.parametrize("answer", [b"\x6f\x00", b"\x90\x00", b"", b"\x69\x84"])
def test_an_answer_that_another_gives_makes_nobody_talk(
    card: Card, answer: bytes, certified: bool
) -> None:
    """At every exchange in the private session: the next command is none, or protected."""
    listener = Listener()
    authenticate = by_certificate if certified else by_key
    reached = 0
    for victim in range(12):
        with LocalReader(card) as connection:
            between = Between(build_channel(connection, observer=listener), answer)
            juki = private(between)
            between.after = victim
            try:
                authenticate(juki)
            except CardError:
                reached += 1
                assert not juki.authenticated
                nothing_is_said_in_plain(juki, listener)
    assert reached >= 3


class Between(ChannelDecorator):
    """Somebody in between, who answers instead of the card once."""

    def __init__(self, inner: ApduChannel, answer: bytes) -> None:
        super().__init__(inner)
        self.answer = answer
        self.after = -1

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        self.after -= 1
        if self.after == -1:
            if not self.answer:
                raise CardRemoved("gone")
            return ResponseApdu.parse(self.answer)
        return self.inner.transmit(command)


def nothing_is_said_in_plain(juki: JukiSession, listener: Listener) -> None:
    sent = len(listener.commands)
    for act in (lambda: juki.verify_pin("1234"), lambda: by_key(juki), juki.card_number):
        with suppress(CardError):
            act()
    assert all(command.cla.secure for command in listener.commands[sent:])


def test_what_fails_in_it_ends_it_on_both_sides(
    channel: ChannelDecorator, listener: Listener
) -> None:
    juki = private(channel)
    with pytest.raises(AuthenticationRejected):
        juki.authenticate(Purpose.COUNTER, PublicMasters(b"\x55" * 16))
    nothing_is_said(juki, listener)
    juki.begin_private(NUMBER)
    with pytest.raises(CardNotAuthentic):
        juki.authenticate_by_certificate(identity(Purpose.COUNTER), TERMINAL.public_key())
    assert not juki.private
    juki.begin_private(NUMBER)
    by_key(juki)
    juki.verify_pin("1234")
    assert juki.read_code() == CODE


def test_an_unknown_key_leaves_it_open(channel: ChannelDecorator) -> None:
    juki = private(channel)
    with pytest.raises(UnknownKey):
        juki.authenticate(Purpose.COUNTER, CUSTODY, version=2)
    assert juki.private
    by_key(juki)


def test_on_a_logical_channel(channel: ChannelDecorator) -> None:
    with open_logical_channel(channel) as other, JukiSession(other) as juki:
        juki.begin_private(NUMBER)
        by_certificate(juki)
        juki.verify_pin("1234")
        assert juki.read_code() == CODE


def test_a_card_that_was_reset_meanwhile(card: Card, channel: ChannelDecorator) -> None:
    juki = private(channel)
    card.reset()
    card.transmit(bytes((0, 0xA4, 4, 0x0C, len(JukiSession.AID))) + JukiSession.AID)
    with pytest.raises(SecureMessagingError):
        juki.card_number()
    assert not juki.private
    juki.begin_private(NUMBER)
    by_key(juki)


def test_a_suspended_card(channel: ChannelDecorator) -> None:
    with JukiSession(channel) as juki:
        juki.authenticate(Purpose.SUSPEND, CUSTODY)
        juki.suspend()
    with JukiSession(channel, allow_suspended=True) as juki:
        with pytest.raises(CardSuspended):
            juki.begin_private(NUMBER)
        juki.open()
        juki.authenticate(Purpose.COUNTER, CUSTODY)
        juki.resume()


def test_nothing_shows(card: Card) -> None:
    assert NUMBER not in repr(AccessNumber(NUMBER))
    [applet] = [it.applet for it in card.applications if it.aid == JukiSession.AID]
    assert NUMBER not in repr(applet.passwords.get())  # type: ignore[attr-defined]


def test_on_the_command_line(
    card: Card, keys: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PASSPHRASE)
    with TcpServer(card) as server:

        def run(*arguments: str) -> int:
            monkeypatch.setattr("sys.stdin", Typed("1234\n"))
            at = f"{server.host}:{server.port}"
            return cli.main([*arguments, "--pin-file", "-", "--tcp", at])

        reading = ("code", "read", "--keys", keys, "--purpose", "COUNTER", "--access-number")
        assert run(*reading, NUMBER) == 0
        assert capsys.readouterr().out == f"{CODE.reveal()}\n"
        assert run("pin", "verify", "--access-number", NUMBER) == 0
        capsys.readouterr()
        assert run(*reading, "000000") == 1
        assert "000000" not in capsys.readouterr().err
        assert run(*reading, "12a") == 2
        shown = capsys.readouterr().err
        assert "the access number has 6 digits; nothing was sent to the card" in shown
        assert "12a" not in shown
