"""The Juki session against the emulator: two ends that were written apart must understand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import date

import pytest

from jukicard import PROFILES, Card, Printed, issue_card
from jukicard.apdu.trace import Trace
from jukicard.testing.applets import with_forbidden
from jukicard.transport.inprocess import LocalReader
from jukihost.authentication.eac import TerminalIdentity
from jukihost.channel import ApduChannel, ChannelDecorator, build_channel, open_logical_channel
from jukihost.conversation.refusals import (
    HolderMovedOut,
    PinNotVerified,
    PurposeNotEntitled,
    TerminalNotAuthenticated,
)
from jukihost.crypto.signatures import CertificateError, ecdsa_signer
from jukihost.errors import (
    AuthenticationRejected,
    CardNotAuthentic,
    CardSuspended,
    CardTerminated,
    PinBlocked,
    PinRejected,
    SecureMessagingError,
    SecureMessagingRefused,
    StatusError,
)
from jukihost.models import CardForm, CardInfo, CardState, Purpose, Residence, ResidentCode
from jukihost.sessions.juki import JukiSession
from tests.support.host.certificates import CHIP_KEY, ROOT, TERMINAL, certificate, identity, trust
from tests.support.host.custody import PublicMasters
from tests.support.host.fakes import answers

CODE = ResidentCode("12345678903")
CUSTODY = PublicMasters()
READERS = [purpose for purpose in Purpose if purpose is not Purpose.SUSPEND]
MOVED_OUT_USES = {Purpose.MOVE_IN, Purpose.COUNTER}


@pytest.fixture
def card() -> Card:
    return issue_card(
        with_forbidden(PROFILES["juki-v1"]), seed=1, code=CODE.reveal(), municipality="13221"
    )


@pytest.fixture
def channel(card: Card) -> Iterator[ChannelDecorator]:
    with LocalReader(card) as connection:
        yield build_channel(connection)


def session(channel: ApduChannel, purpose: Purpose) -> JukiSession:
    juki = JukiSession(channel, allow_suspended=True).open()
    juki.authenticate(purpose, CUSTODY)
    return juki


# --- purposes ---


@pytest.mark.parametrize("purpose", READERS)
def test_code_needs_purpose_and_pin(channel: ChannelDecorator, purpose: Purpose) -> None:
    juki = JukiSession(channel).open()
    with pytest.raises(TerminalNotAuthenticated):
        juki.read_code()
    juki.authenticate(purpose, CUSTODY)
    with pytest.raises(PinNotVerified):
        juki.read_code()
    juki.verify_pin("1234")
    assert juki.read_code() == CODE


def test_suspension_is_no_right_to_read(channel: ChannelDecorator) -> None:
    juki = session(channel, Purpose.SUSPEND)
    juki.verify_pin("1234")
    with pytest.raises(PurposeNotEntitled):
        juki.read_code()


@pytest.mark.parametrize("purpose", Purpose)
def test_every_purpose_reads_the_cards_own_data(
    channel: ChannelDecorator, purpose: Purpose
) -> None:
    info = session(channel, purpose).card_info()
    assert (info.municipality, info.form) == ("13221", CardForm.WITH_PHOTO)


def test_pin_before_the_authentication_is_forgotten(channel: ChannelDecorator) -> None:
    juki = JukiSession(channel).open()
    juki.verify_pin("1234")
    juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, CUSTODY)
    with pytest.raises(PinNotVerified):
        juki.read_code()


def test_second_purpose_takes_the_place_of_the_first(channel: ChannelDecorator) -> None:
    juki = session(channel, Purpose.COUNTER)
    juki.verify_pin("1234")
    juki.authenticate(Purpose.SUSPEND, CUSTODY)
    for act in (juki.move_out, juki.read_code, juki.unblock_pin):
        with pytest.raises((PurposeNotEntitled, PinNotVerified)):
            act()


def test_keys_of_another_system(channel: ChannelDecorator) -> None:
    juki = JukiSession(channel).open()
    with pytest.raises(AuthenticationRejected) as caught:
        juki.authenticate(Purpose.COUNTER, PublicMasters(others=b"\1" * 16))
    assert caught.value.retries_left is not None
    with pytest.raises(TerminalNotAuthenticated):
        juki.card_info()
    juki.authenticate(Purpose.COUNTER, CUSTODY)


def test_on_a_logical_channel(channel: ChannelDecorator) -> None:
    with open_logical_channel(channel) as other, JukiSession(other) as juki:
        juki.authenticate(Purpose.COUNTER, CUSTODY)
        juki.verify_pin("1234")
        assert juki.read_code() == CODE


def test_nothing_of_it_shows_in_a_trace(card: Card) -> None:
    observer = Trace()
    with (
        LocalReader(card) as connection,
        JukiSession(build_channel(connection, observer=observer)) as juki,
    ):
        juki.authenticate(Purpose.COUNTER, CUSTODY)
        juki.verify_pin("1234")
        assert juki.read_code() == CODE
        juki.change_pin("5678")
        juki.write_code(CODE)
    shown = observer.text.replace(" ", "")
    for secret in (CODE.reveal(), CODE.reveal().encode().hex(), "31323334", "35363738"):
        assert secret not in shown
    assert "MUTUALAUTHENTICATE" in shown


# --- the PIN ---


def test_pin_changes_under_secure_messaging_only(channel: ChannelDecorator) -> None:
    juki = JukiSession(channel).open()
    juki.verify_pin("1234")
    with pytest.raises(TerminalNotAuthenticated):
        juki.change_pin("5678")
    juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, CUSTODY)
    juki.verify_pin("1234")
    juki.change_pin("5678")
    with pytest.raises(PinRejected):
        juki.verify_pin("1234")
    juki.verify_pin("5678")


def block(juki: JukiSession) -> None:
    for _ in range(3):
        with pytest.raises((PinRejected, PinBlocked)):
            juki.verify_pin("0000")
    assert juki.pin_retries() == 0


@pytest.mark.parametrize(("new", "pin"), [(None, "1234"), ("5678", "5678")])
def test_counter_unblocks(channel: ChannelDecorator, new: str | None, pin: str) -> None:
    juki = session(channel, Purpose.COUNTER)
    block(juki)
    with pytest.raises(PinBlocked):
        juki.verify_pin("1234")
    juki.unblock_pin(new)
    assert juki.pin_retries() == 3
    juki.verify_pin(pin)


# --- contents ---


def test_counter_writes(channel: ChannelDecorator) -> None:
    juki = session(channel, Purpose.COUNTER)
    info = CardInfo("27140", CardForm.NAME_ONLY, date(2010, 1, 2), date(2020, 1, 1))
    juki.update_card_data(info)
    juki.write_code(ResidentCode("00000000019"))
    juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, CUSTODY)
    juki.verify_pin("1234")
    assert juki.card_info() == info
    assert juki.read_code() == ResidentCode("00000000019")


COUNTERS_RIGHTS: list[Callable[[JukiSession], object]] = [
    lambda juki: juki.unblock_pin(),
    lambda juki: juki.unblock_pin("5678"),
    lambda juki: juki.write_code(CODE),
    lambda juki: juki.update_card_data(juki.card_info()),
    lambda juki: juki.move_out(),
    lambda juki: juki.continue_use("27140"),
    lambda juki: juki.resume(),
    lambda juki: juki.terminate(),
]


@pytest.mark.parametrize("act", COUNTERS_RIGHTS)
@pytest.mark.parametrize("purpose", [it for it in Purpose if it is not Purpose.COUNTER])
def test_only_the_counter_may(
    channel: ChannelDecorator, act: Callable[[JukiSession], object], purpose: Purpose
) -> None:
    juki = session(channel, purpose)
    juki.verify_pin("1234")
    with pytest.raises(PurposeNotEntitled):
        act(juki)
    assert juki.card_state() is CardState.ACTIVE
    assert juki.residence() is Residence.RESIDENT


def test_moving_out_and_going_on_elsewhere(channel: ChannelDecorator) -> None:
    juki = session(channel, Purpose.COUNTER)
    juki.move_out()
    for purpose in Purpose:
        if purpose in MOVED_OUT_USES:
            juki.authenticate(purpose, CUSTODY)
        else:
            with pytest.raises(HolderMovedOut):
                juki.authenticate(purpose, CUSTODY)
    juki.authenticate(Purpose.COUNTER, CUSTODY)
    before = juki.card_info()
    assert juki.continue_use("27140") == dataclasses.replace(before, municipality="27140")
    assert juki.residence() is Residence.RESIDENT
    for purpose in Purpose:
        juki.authenticate(purpose, CUSTODY)
        assert juki.card_info().municipality == "27140"


# --- life cycle ---


@pytest.mark.parametrize("purpose", [Purpose.SUSPEND, Purpose.COUNTER])
def test_suspended_and_resumed(channel: ChannelDecorator, purpose: Purpose) -> None:
    juki = session(channel, purpose)
    juki.suspend()
    assert juki.card_state() is CardState.SUSPENDED
    with pytest.raises(CardSuspended):
        juki.card_info()
    juki.close()
    with pytest.raises(CardSuspended):
        JukiSession(channel).open()
    juki = JukiSession(channel, allow_suspended=True).open()
    for other in Purpose:
        if other is not Purpose.COUNTER:
            with pytest.raises(CardSuspended):
                juki.authenticate(other, CUSTODY)
    juki.authenticate(Purpose.COUNTER, CUSTODY)
    for act in (juki.card_info, juki.unblock_pin, juki.move_out, juki.pin_retries):
        with pytest.raises(CardSuspended):
            act()
    juki.resume()
    assert juki.card_state() is CardState.ACTIVE
    juki.verify_pin("1234")
    assert juki.read_code() == CODE


@pytest.mark.parametrize("suspended", [False, True])
def test_ended_for_good(channel: ChannelDecorator, suspended: bool) -> None:
    juki = session(channel, Purpose.COUNTER)
    if suspended:
        juki.suspend()
    juki.terminate()
    with pytest.raises(CardTerminated):
        JukiSession(channel, allow_suspended=True).open()


@pytest.mark.parametrize("take_away", [JukiSession.suspend, JukiSession.move_out])
def test_rights_taken_away_on_one_channel_end_the_session_on_another(
    channel: ChannelDecorator, take_away: Callable[[JukiSession], None]
) -> None:
    reader = session(open_logical_channel(channel), Purpose.WIDE_AREA_ISSUANCE)
    reader.verify_pin("1234")
    assert reader.read_code() == CODE
    take_away(session(channel, Purpose.COUNTER))
    with pytest.raises((SecureMessagingError, StatusError)):
        reader.read_code()
    with pytest.raises(TerminalNotAuthenticated):
        reader.read_code()


# --- what goes wrong between the two ---


def test_session_that_the_card_lost(card: Card) -> None:
    with LocalReader(card) as connection:
        juki = session(build_channel(connection), Purpose.COUNTER)
        connection.reset()
        with pytest.raises((SecureMessagingError, SecureMessagingRefused)):
            juki.card_info()
        with pytest.raises(TerminalNotAuthenticated):
            juki.card_info()
        with pytest.raises(SecureMessagingError):
            juki.card_number()
        juki.open()
        juki.authenticate(Purpose.COUNTER, CUSTODY)
        assert juki.card_info().municipality == "13221"


@pytest.mark.parametrize("form", [1, 2])
def test_both_faces_serve_alike(form: int) -> None:
    card = issue_card(
        with_forbidden(PROFILES["juki-v1"]), seed=1, code=CODE.reveal(), printed=Printed(form=form)
    )
    with LocalReader(card) as connection:
        juki = session(build_channel(connection), Purpose.RESIDENT_IDENTIFICATION)
        juki.verify_pin("1234")
        assert juki.read_code() == CODE
        assert juki.card_info().form is CardForm(form)


@pytest.mark.parametrize("profile", ["juki-v1", "juki-v2", "mynumber"])
def test_on_every_card(profile: str) -> None:
    card = issue_card(with_forbidden(PROFILES[profile]), seed=2, code=CODE.reveal())
    with LocalReader(card) as connection:
        juki = session(build_channel(connection), Purpose.WIDE_AREA_ISSUANCE)
        juki.verify_pin("1234")
        assert juki.read_code() == CODE


# --- by certificate ---


@pytest.fixture
def trusting(card: Card, channel: ChannelDecorator) -> ChannelDecorator:
    """The card trusts the root and has a key pair of its own."""
    trust(card)
    return channel


@pytest.mark.parametrize("purpose", READERS)
def test_certificate_gives_the_same_right(trusting: ChannelDecorator, purpose: Purpose) -> None:
    juki = JukiSession(trusting).open()
    juki.authenticate_by_certificate(identity(purpose), CHIP_KEY)
    assert juki.purposes == {purpose}
    juki.verify_pin("1234")
    assert juki.read_code() == CODE


def test_certificate_for_several_purposes(trusting: ChannelDecorator) -> None:
    juki = JukiSession(trusting, allow_suspended=True).open()
    juki.authenticate_by_certificate(identity(Purpose.COUNTER, Purpose.SUSPEND), CHIP_KEY)
    assert juki.purposes == {Purpose.COUNTER, Purpose.SUSPEND}
    juki.suspend()
    juki.resume()
    juki.unblock_pin("5678")


def test_certificate_gives_less_after_moving_out(trusting: ChannelDecorator) -> None:
    juki = session(trusting, Purpose.COUNTER)
    juki.move_out()
    juki.close()
    juki = JukiSession(trusting).open()
    with pytest.raises(HolderMovedOut):
        juki.authenticate_by_certificate(identity(Purpose.RESIDENT_IDENTIFICATION), CHIP_KEY)
    assert juki.purposes == frozenset()
    juki.authenticate_by_certificate(identity(Purpose.SUSPEND, Purpose.COUNTER), CHIP_KEY)
    assert juki.purposes == {Purpose.COUNTER}
    juki.continue_use("27140")


def test_authority_cannot_give_what_it_has_not(trusting: ChannelDecorator) -> None:
    juki = JukiSession(trusting).open()
    juki.authenticate_by_certificate(
        identity(Purpose.COUNTER, Purpose.SUSPEND, authority_mask=0x90), CHIP_KEY
    )
    assert juki.purposes == {Purpose.SUSPEND}
    with pytest.raises(PurposeNotEntitled):
        juki.move_out()


def test_card_with_another_key_pair(trusting: ChannelDecorator) -> None:
    juki = JukiSession(trusting).open()
    with pytest.raises(CardNotAuthentic):
        juki.authenticate_by_certificate(identity(Purpose.COUNTER), TERMINAL.public_key())
    assert juki.purposes == frozenset()


def test_root_that_the_card_does_not_know(channel: ChannelDecorator) -> None:
    juki = JukiSession(channel).open()
    with pytest.raises(StatusError):
        juki.authenticate_by_certificate(identity(Purpose.COUNTER), CHIP_KEY)
    assert juki.purposes == frozenset()


def test_certificates_that_are_for_something_else() -> None:
    juki = JukiSession(answers("9000")).open()
    other = certificate(
        ROOT, (b"JPROOT0001", b"JPTERM0002"), TERMINAL, 0x1F, oid=bytes.fromhex("883702")
    )
    with pytest.raises(CertificateError, match="another kind"):
        juki.authenticate_by_certificate(
            TerminalIdentity((other,), ecdsa_signer(TERMINAL)), CHIP_KEY
        )
    with pytest.raises(CertificateError, match="no purpose"):
        juki.authenticate_by_certificate(identity(), CHIP_KEY)
