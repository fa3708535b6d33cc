"""A card without keys, or something that plays one, must not get the Juki session to believe it.

It answers 9000 to everything, with data where a real card has some. What each public method may do
then is declared here; a method that is not declared fails the test.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from jukicard.apdu import CommandApdu, Ins, ResponseApdu, Tlv
from jukihost.authentication.eac import TerminalIdentity
from jukihost.conversation import pinfile
from jukihost.conversation.refusals import TerminalNotAuthenticated
from jukihost.crypto.cvc import Authorization, issue_certificate
from jukihost.crypto.signatures import ecdsa_signer
from jukihost.errors import CardError, SecureMessagingError
from jukihost.models import CardForm, CardInfo, Purpose, ResidentCode
from jukihost.receipts import OpenChange
from jukihost.sessions.juki import TERMINAL_TYPE, JukiSession
from tests.support.host.custody import PublicMasters
from tests.support.host.fakes import CARD_INFO, CODE_RECORD, AnswerChannel
from tests.unit.host.test_juki_system import NUMBER_ASKED, authenticated, left

Act = Callable[[JukiSession], object]

CODE = ResidentCode("12345678903")
INFO = CardInfo("13221", CardForm.WITH_PHOTO, date(2009, 4, 20), date(2019, 4, 20))
KEY = ec.generate_private_key(ec.BrainpoolP256R1())
OWN = issue_certificate(
    authority=b"JPROOT0001",
    holder=b"JPTERM0001",
    key=KEY.public_key(),
    authorization=Authorization(TERMINAL_TYPE, b"\x1f"),
    effective=date(2015, 1, 1),
    expiration=date(2040, 1, 1),
    sign=ecdsa_signer(KEY),
)
IDENTITY = TerminalIdentity((OWN,), ecdsa_signer(KEY))

CHANGE = OpenChange(bytes(8), bytes(range(1, 17)), 0)

# docs/card.md, section 3: what lies under a purpose.
UNDER_PURPOSE: dict[str, list[Act]] = {
    "change_pin": [
        lambda juki: juki.change_pin("5678"),
        lambda juki: juki.change_pin("5678", old="1234"),
    ],
    "card_info": [lambda juki: juki.card_info()],
    "read_code": [lambda juki: juki.read_code()],
    "unblock_pin": [lambda juki: juki.unblock_pin(), lambda juki: juki.unblock_pin("5678")],
    "write_code": [lambda juki: juki.write_code(CODE)],
    "update_card_data": [lambda juki: juki.update_card_data(INFO)],
    "move_in": [lambda juki: juki.move_in()],
    "move_out": [lambda juki: juki.move_out()],
    "continue_use": [lambda juki: juki.continue_use("27140")],
    "suspend": [lambda juki: juki.suspend()],
    "resume": [lambda juki: juki.resume()],
    "terminate": [lambda juki: juki.terminate()],
    "receipt": [lambda juki: juki.receipt()],
    "begin_change": [lambda juki: juki.begin_change(CHANGE.intent)],
    "announce": [lambda juki: juki.announce(CHANGE.intent)],
    "settle": [lambda juki: juki.settle(CHANGE)],
    "confirm": [lambda juki: juki.confirm(CHANGE)],
    "change_pin_once": [lambda juki: juki.change_pin_once("5678")],
    "require_authenticated": [lambda juki: juki.require_authenticated(0xB0)],
    "read_binary": [lambda juki: juki.read_binary(0x0003), lambda juki: juki.read_binary(0x0009)],
    "read_object": [lambda juki: juki.read_object(0x0003)],
    "read_record": [lambda juki: juki.read_record(0x0002, 1)],
    "select_file": [lambda juki: juki.select_file(2), lambda juki: juki.select_file(3)],
    "ask": [lambda juki: juki.ask(CommandApdu(0x00, 0xB2, 1, 0x04, ne=256))],
    "transmit": [
        lambda juki, ins=ins: juki.transmit(CommandApdu(0x00, ins, 0, 0))  # type: ignore[misc]
        for ins in range(256)
        if ins not in (Ins.SELECT, Ins.VERIFY, Ins.GET_DATA)
    ],
}
SENDING = {name: acts for name, acts in UNDER_PURPOSE.items() if name != "require_authenticated"}
# They ask for proof: a card that has none is refused, after commands that hold no secret.
PROVING: dict[str, list[Act]] = {
    "begin_private": [lambda juki: juki.begin_private("123456")],
    "authenticate": [lambda juki: juki.authenticate(Purpose.COUNTER, PublicMasters())],
    "authenticate_by_certificate": [
        lambda juki: juki.authenticate_by_certificate(IDENTITY, KEY.public_key())
    ],
}
# What anybody may ask, and the holder's PIN, which the card takes from anybody; and what sends
# nothing, or nothing but selections.
FREE = {
    "card_number", "card_state", "residence", "get_data", "pin_retries", "verify_pin",
    "card_certificate", "verified_card_key", "pin_entry",
    "open", "close", "check", "check_open", "explain",
}  # fmt: skip


def nothing_but_9000(command: CommandApdu) -> ResponseApdu:
    return ResponseApdu()


def what_a_card_would_say(command: CommandApdu) -> ResponseApdu:
    plausible: dict[int, bytes] = {
        Ins.READ_BINARY: CARD_INFO,
        Ins.READ_RECORD: CODE_RECORD,
        Ins.GET_CHALLENGE: bytes(8),
        Ins.MUTUAL_AUTHENTICATE: bytes(40),
    }
    data = plausible.get(command.ins, b"")
    if command.ins == Ins.GET_DATA:
        value = {0x5A: bytes(8), 0x8A: b"\x05", 0xC1: b"\x00", 0xC6: bytes(30)}[
            command.p1 << 8 | command.p2
        ]
        data = bytes((command.p2, len(value))) + value
    return ResponseApdu(data)


CARDS = [nothing_but_9000, what_a_card_would_say]


def public_methods() -> set[str]:
    found = {
        name
        for name, member in inspect.getmembers(JukiSession)
        if not name.startswith("_") and callable(member)
    }
    assert len(found) > 20
    return found


def cases(table: dict[str, list[Act]]) -> list[object]:
    found = [
        pytest.param(act, id=f"{name}-{number}")
        for name, acts in table.items()
        for number, act in enumerate(acts)
    ]
    assert len(found) >= len(table)
    return list(found)


def test_every_public_method_has_a_rule() -> None:
    assert public_methods() == FREE | set(UNDER_PURPOSE) | set(PROVING)


def test_every_rule_is_tried() -> None:
    for acts in (*UNDER_PURPOSE.values(), *PROVING.values()):
        assert acts


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("act", cases(UNDER_PURPOSE))
def test_without_a_purpose_nothing_is_sent(
    act: Act, card: Callable[[CommandApdu], ResponseApdu]
) -> None:
    channel = AnswerChannel(card)
    juki = JukiSession(channel, allow_suspended=True).open()
    juki.verify_pin("1234")
    sent = len(channel.seen)
    with pytest.raises(TerminalNotAuthenticated, match="nothing was sent") as caught:
        act(juki)
    assert not caught.value.sent
    assert len(channel.seen) == sent
    assert not juki.suspended


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("prove", cases(PROVING))
def test_who_has_no_key_is_not_believed(
    prove: Act, card: Callable[[CommandApdu], ResponseApdu]
) -> None:
    channel = AnswerChannel(card)
    juki = JukiSession(channel).open()
    with pytest.raises(CardError):
        prove(juki)
    assert not juki.authenticated
    assert juki.purposes == frozenset()
    sent = len(channel.seen)
    for acts in UNDER_PURPOSE.values():
        with pytest.raises(TerminalNotAuthenticated):
            acts[0](juki)
    assert len(channel.seen) == sent


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("act", cases(SENDING))
def test_who_takes_the_cards_place_later_is_not_believed(
    act: Act, card: Callable[[CommandApdu], ResponseApdu]
) -> None:
    """The session was real; what answers from here on has no keys: plain answers end it."""
    juki = authenticated()
    channel: object = juki.channel
    while hasattr(channel, "inner"):
        channel = channel.inner
    seen: list[CommandApdu] = []

    def plain(command: CommandApdu) -> ResponseApdu:
        seen.append(command)
        return card(command.replace(cla=command.cla.replace(secure=False)))

    channel.transmit = plain  # type: ignore[attr-defined]
    with pytest.raises(SecureMessagingError):
        act(juki)
    assert seen
    assert all(command.cla.secure for command in seen)
    assert not juki.authenticated
    with pytest.raises(TerminalNotAuthenticated):
        act(juki)
    assert len(seen) == 1


def test_a_closed_session_is_not_authenticated() -> None:
    juki = authenticated()
    juki.close()
    assert not juki.authenticated
    assert juki.purposes == frozenset()


SECRETS: list[Act] = [
    *UNDER_PURPOSE["change_pin"],
    *UNDER_PURPOSE["unblock_pin"],
    *UNDER_PURPOSE["write_code"],
    lambda juki: juki.verify_pin("1234"),
    lambda juki: pinfile.exchange(juki, juki.PIN, b"1234", b"5678"),
    lambda juki: pinfile.reset(juki, juki.PIN, b"5678"),
]


@pytest.mark.parametrize("act", SECRETS)
def test_no_secret_goes_out_unencrypted(act: Act) -> None:
    """Everything in a session is encrypted, not only authenticated: DO 87 or 85, never 81 or B3."""
    juki = authenticated()
    channel: object = juki.channel
    while hasattr(channel, "inner"):
        channel = channel.inner
    channel.handler = lambda command: ResponseApdu()  # type: ignore[attr-defined]
    before = len(channel.seen)  # type: ignore[attr-defined]
    act(juki)
    sent = channel.seen[before:]  # type: ignore[attr-defined]
    assert sent
    for command in sent:
        assert command.cla.secure
        assert {tlv.tag for tlv in Tlv.parse_all(command.data)} <= {0x87, 0x85, 0x97, 0x8E}
        for secret in (b"1234", b"5678", CODE.reveal().encode()):
            assert secret not in command.data


def test_the_pin_may_go_out_in_plain() -> None:
    channel = AnswerChannel(nothing_but_9000)
    JukiSession(channel).open().verify_pin("1234")
    assert channel.seen[-1].data == b"1234"


def test_the_script_of_these_tests_is_a_real_session() -> None:
    juki = authenticated(NUMBER_ASKED)
    assert juki.authenticated
    assert juki.card_number()
    assert not left(juki)
