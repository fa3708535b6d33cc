"""What an authenticated system does with the Juki application, command by command.

The card's end is the slow reference card of the secure messaging tests, around a script of plain
commands: what is compared is what the session means, after protection.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from jukicard.apdu import Aid, CommandApdu, Ins, ResponseApdu, StatusWord
from jukihost.channel import LogicalChannelChannel
from jukihost.conversation.jukifiles import (
    encode_card_info,
    encode_code,
    parse_card_info,
    parse_code,
)
from jukihost.conversation.refusals import (
    HolderMovedOut,
    PinNotVerified,
    PurposeNotEntitled,
    TerminalNotAuthenticated,
)
from jukihost.errors import (
    AuthenticationRejected,
    CardNotAuthentic,
    CardSuspended,
    ConditionsNotSatisfied,
    PinFormatError,
    PinRejected,
    ProtocolError,
    ReferenceNotUsable,
    SecureMessagingError,
    SecurityStatusNotSatisfied,
    StatusError,
)
from jukihost.keys import KEY_REFERENCES, CardKeys, UnknownKey
from jukihost.models import CardForm, CardInfo, CardState, Purpose, Residence, ResidentCode
from jukihost.sessions.juki import JukiSession
from tests.support.host.fakes import CARD_INFO, CODE_RECORD, OneUser, answers
from tests.unit.host_securemessaging.reference_card import ReferenceCard

K_ENC, K_MAC = bytes(range(16)), bytes(range(32, 48))
NUMBER = bytes.fromhex("8139200000000123")
SELECT = ("00A4040C0AD3921000310001010401", "9000")
NUMBER_ASKED = ("00CA005A00", "5A08" + NUMBER.hex() + "9000")
PIN_FILE = ("00A4020C02001C", "9000")
CODE_FILE = ("00A4020C020002", "9000")
INFO_FILE = ("00A4020C020003", "9000")
VERIFY = ("002000800431323334", "9000")
CODE = ResidentCode("12345678903")
INFO = CardInfo("13221", CardForm.WITH_PHOTO, date(2009, 4, 20), date(2019, 4, 20))

Exchange = tuple[str, str]


class Custody:
    """Gives out the one pair of keys and remembers what for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes, bytes, int]] = []

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        self.asked.append((system, card_number, aid, version))
        if version > 2:
            raise UnknownKey("no such version")
        return CardKeys("MA-AES128", version, K_ENC, K_MAC)

    def newest_version(self, system: str) -> int:
        return 1

    def inventory(self) -> tuple[()]:
        return ()


def is_leaving(command: CommandApdu) -> bool:
    """Tell whether a command looks for another application, as every session does at its end."""
    return command.ins == Ins.SELECT and command.p1 == 0x04 and command.data != JukiSession.AID


class Script:
    """Expects exactly these plain commands, whether they come protected or not."""

    def __init__(self, *exchanges: Exchange) -> None:
        self.left = list(exchanges)

    def __call__(self, command: CommandApdu) -> ResponseApdu:
        if is_leaving(command):
            return ResponseApdu(b"", StatusWord.FILE_NOT_FOUND)
        assert self.left, f"unexpected command {command.encode().hex()}"
        expected, answer = self.left.pop(0)
        assert command.encode().hex().upper() == expected
        return ResponseApdu.parse(bytes.fromhex(answer))


def card(*exchanges: Exchange, purpose: Purpose = Purpose.COUNTER) -> ReferenceCard:
    return ReferenceCard("MA-AES128", K_ENC, K_MAC, Script(*exchanges), key_reference=purpose)


def authenticated(*exchanges: Exchange, purpose: Purpose = Purpose.COUNTER) -> JukiSession:
    """An open session after authentication; all that follows must come protected."""
    fake = card(SELECT, NUMBER_ASKED, *exchanges, purpose=purpose)
    juki = JukiSession(fake).open()
    juki.authenticate(purpose, Custody())
    before = len(fake.seen)
    original = fake.transmit

    def only_protected(command: CommandApdu) -> ResponseApdu:
        assert command.cla.secure or is_leaving(command), "a plain command after authentication"
        return original(command)

    fake.transmit = only_protected  # type: ignore[method-assign]
    assert [command.ins for command in fake.seen[:before]][-2:] == [0x84, 0x82]
    return juki


def left(juki: JukiSession) -> list[Exchange]:
    """What the script still waits for; looks through the channels to the card."""
    channel: object = juki.channel
    while not isinstance(channel, ReferenceCard):
        channel = channel.inner  # type: ignore[attr-defined]
    handler = channel.handler
    assert isinstance(handler, Script)
    return handler.left


# --- purposes ---


def test_purposes_are_the_key_references() -> None:
    assert {purpose.name: purpose.value for purpose in Purpose} == dict(KEY_REFERENCES)


@pytest.mark.parametrize("purpose", Purpose)
def test_each_purpose_authenticates_with_its_own_key(purpose: Purpose) -> None:
    fake = card(SELECT, NUMBER_ASKED, purpose=purpose)
    custody = Custody()
    with JukiSession(fake) as juki:
        assert juki.purposes == frozenset()
        juki.authenticate(purpose, custody)
        assert juki.purposes == {purpose}
        assert fake.seen[-1].p2 == 0x80 | purpose
    assert custody.asked == [(purpose.name, NUMBER, Aid("D3921000310001010401"), 1)]
    assert juki.purposes == frozenset()


def test_version_of_the_master_key_is_the_callers() -> None:
    custody = Custody()
    with JukiSession(card(SELECT, NUMBER_ASKED)) as juki:
        juki.authenticate(Purpose.COUNTER, custody, version=2)
    assert custody.asked[0][3] == 2


def test_unknown_version_sends_no_proof() -> None:
    fake = card(SELECT, NUMBER_ASKED)
    with JukiSession(fake) as juki, pytest.raises(UnknownKey):
        juki.authenticate(Purpose.COUNTER, Custody(), version=3)
    assert 0x82 not in [command.ins for command in fake.seen]


# --- what it sends ---

CASES: list[tuple[str, Callable[[JukiSession], object], list[Exchange], object]] = [
    ("state", JukiSession.card_state, [("00CA008A00", "8A01059000")], CardState.ACTIVE),
    ("suspended", JukiSession.card_state, [("00CA008A00", "8A01049000")], CardState.SUSPENDED),
    ("ended", JukiSession.card_state, [("00CA008A00", "8A010C9000")], CardState.TERMINATED),
    ("resident", JukiSession.residence, [("00CA00C100", "C101009000")], Residence.RESIDENT),
    ("moved", JukiSession.residence, [("00CA00C100", "C101019000")], Residence.MOVED_OUT),
    ("number", JukiSession.card_number, [NUMBER_ASKED], NUMBER),
    (
        "information",
        JukiSession.card_info,
        [INFO_FILE, ("00B0000000", CARD_INFO.hex() + "9000"), ("00B00025DB", "6B00")],
        INFO,
    ),
    (
        "code",
        JukiSession.read_code,
        [CODE_FILE, ("00B2010400", CODE_RECORD.hex() + "9000")],
        CODE,
    ),
    ("pin", lambda juki: juki.verify_pin("1234"), [PIN_FILE, VERIFY], None),
    (
        "change pin",
        lambda juki: juki.change_pin("5678"),
        [PIN_FILE, ("002401800435363738", "9000")],
        None,
    ),
    (
        "change pin, old and new",
        lambda juki: juki.change_pin("5678", old="1234"),
        [PIN_FILE, ("00240080083132333435363738", "9000")],
        None,
    ),
    (
        "unblock with a new pin",
        lambda juki: juki.unblock_pin("5678"),
        [PIN_FILE, ("002C02800435363738", "9000")],
        None,
    ),
    ("unblock", JukiSession.unblock_pin, [PIN_FILE, ("002C0380", "9000")], None),
    (
        "write code",
        lambda juki: juki.write_code(CODE),
        [CODE_FILE, ("00DC01040D" + CODE_RECORD.hex().upper(), "9000")],
        None,
    ),
    (
        "update",
        lambda juki: juki.update_card_data(INFO),
        [INFO_FILE, ("00D6000025" + CARD_INFO.hex().upper(), "9000")],
        None,
    ),
    ("move out", JukiSession.move_out, [("00DA00C10101", "9000")], None),
    (
        "continue",
        lambda juki: juki.continue_use("27140"),
        [
            INFO_FILE,
            ("00B0000000", CARD_INFO.hex() + "6282"),
            INFO_FILE,
            ("00D6000025" + CARD_INFO.replace(b"13221", b"27140").hex().upper(), "9000"),
            ("00DA00C10100", "9000"),
        ],
        CardInfo("27140", CardForm.WITH_PHOTO, date(2009, 4, 20), date(2019, 4, 20)),
    ),
    ("suspend", JukiSession.suspend, [("00040000023F00", "9000")], None),
    ("resume", JukiSession.resume, [("00440000023F00", "9000")], None),
]


@pytest.mark.parametrize(
    ("act", "exchanges", "result"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_commands_inside_the_session(
    act: Callable[[JukiSession], object], exchanges: list[Exchange], result: object
) -> None:
    juki = authenticated(*exchanges)
    assert act(juki) == result
    assert not left(juki)


def test_ending_the_card_closes_the_session() -> None:
    juki = authenticated(("00FE0000", "9000"))
    juki.terminate()
    assert juki.purposes == frozenset()
    with pytest.raises(Exception, match="not open"):
        juki.card_state()


def test_interrupted_continued_use_leaves_the_residence_to_the_second_try() -> None:
    script = [
        INFO_FILE,
        ("00B0000000", CARD_INFO.hex() + "6282"),
        INFO_FILE,
        ("00D6000025" + CARD_INFO.replace(b"13221", b"27140").hex().upper(), "6581"),
    ]
    juki = authenticated(*script)
    with pytest.raises(StatusError):
        juki.continue_use("27140")
    assert not left(juki)


@pytest.mark.parametrize(
    "act",
    [
        lambda juki: juki.unblock_pin("12345"),
        lambda juki: juki.verify_pin("abcd"),
        lambda juki: juki.change_pin(""),
        lambda juki: juki.change_pin("1234", old="12345"),
    ],
)
def test_malformed_pin_sends_nothing(act: Callable[[JukiSession], object]) -> None:
    with pytest.raises(PinFormatError):
        act(authenticated())


@pytest.mark.parametrize(
    "info",
    [
        CardInfo("1322", CardForm.WITH_PHOTO, INFO.issued, INFO.expires),
        CardInfo("１３２２１", CardForm.WITH_PHOTO, INFO.issued, INFO.expires),
        CardInfo("13221", CardForm.WITH_PHOTO, INFO.expires, INFO.issued),
    ],
)
def test_impossible_data_sends_nothing(info: CardInfo) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which of the rules is not the point
        authenticated().update_card_data(info)


def test_written_is_what_is_read() -> None:
    assert parse_card_info(encode_card_info(INFO)) == INFO
    assert encode_card_info(INFO) == CARD_INFO
    assert parse_code(encode_code(CODE)) == CODE
    assert encode_code(CODE) == CODE_RECORD


# --- order ---


def test_new_authentication_leaves_the_old_session_first() -> None:
    fake = card(SELECT, NUMBER_ASKED, NUMBER_ASKED, ("00CA008A00", "8A01059000"))
    with JukiSession(fake) as juki:
        juki.authenticate(Purpose.COUNTER, Custody())
        juki.authenticate(Purpose.COUNTER, Custody())
        protected = [command.cla.secure for command in fake.seen]
        assert protected == [False] * 7  # SELECT, then twice: number, challenge, proof
        assert juki.card_state() is CardState.ACTIVE
        assert fake.seen[-1].cla.secure


def test_failed_authentication_leaves_nothing_proven() -> None:
    fake = card(SELECT, NUMBER_ASKED, PIN_FILE, VERIFY, NUMBER_ASKED, CODE_FILE, READ_REFUSED)
    with JukiSession(fake) as juki:
        juki.authenticate(Purpose.COUNTER, Custody())
        juki.verify_pin("1234")
        fake.key_reference = 9
        with pytest.raises(StatusError):
            juki.authenticate(Purpose.COUNTER, Custody())
        assert juki.purposes == frozenset()
        with pytest.raises(TerminalNotAuthenticated):
            juki.read_code()


READ_REFUSED = ("00B2010400", "6982")


def test_card_that_proves_nothing_is_not_believed() -> None:
    juki = JukiSession(
        answers("9000", NUMBER_ASKED[1], "00" * 8 + "9000", "00" * 40 + "9000")
    ).open()
    with pytest.raises(CardNotAuthentic):
        juki.authenticate(Purpose.COUNTER, Custody())
    assert juki.purposes == frozenset()


def test_wrong_keys_are_refused_with_a_count() -> None:
    fake = card(SELECT, NUMBER_ASKED)
    fake.static.k_mac = bytes(range(16))
    with JukiSession(fake) as juki, pytest.raises(AuthenticationRejected) as caught:
        juki.authenticate(Purpose.COUNTER, Custody())
    assert caught.value.retries_left == 14


def test_unproven_answer_ends_the_session() -> None:
    juki = authenticated(("00CA008A00", "8A01059000"))
    channel: object = juki.channel
    while not isinstance(channel, ReferenceCard):
        channel = channel.inner  # type: ignore[attr-defined]
    channel.transmit = lambda command: ResponseApdu()  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(SecureMessagingError):
            juki.card_state()


def test_wrong_pin_inside_the_session_is_not_verified() -> None:
    juki = authenticated(PIN_FILE, (VERIFY[0], "63C2"), CODE_FILE, READ_REFUSED)
    with pytest.raises(PinRejected):
        juki.verify_pin("1234")
    with pytest.raises(PinNotVerified):
        juki.read_code()


# --- refusals that say what is missing ---


def test_nothing_proven() -> None:
    juki = JukiSession(answers("9000", "9000", "6982")).open()
    with pytest.raises(TerminalNotAuthenticated, match="authenticate for a purpose"):
        juki.read_code()


def test_pin_missing() -> None:
    juki = authenticated(PIN_FILE, ("002401800435363738", "6982"))
    with pytest.raises(PinNotVerified, match="verify it in this session"):
        juki.change_pin("5678")


def test_purpose_does_not_include_it() -> None:
    script = (PIN_FILE, VERIFY, CODE_FILE, READ_REFUSED, ("00DA00C10101", "6982"))
    juki = authenticated(*script, purpose=Purpose.SUSPEND)
    juki.verify_pin("1234")
    for act in (juki.read_code, juki.move_out):
        with pytest.raises(PurposeNotEntitled, match="another purpose"):
            act()


@pytest.mark.parametrize(
    ("residence", "kind"),
    [
        ("C101019000", HolderMovedOut),
        ("C101009000", ReferenceNotUsable),
        ("6A88", ReferenceNotUsable),
    ],
)
def test_key_out_of_use(residence: str, kind: type[ReferenceNotUsable]) -> None:
    number = NUMBER_ASKED[1]
    juki = JukiSession(answers("9000", number, "00" * 8 + "9000", "6984", residence)).open()
    with pytest.raises(ReferenceNotUsable) as caught:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, Custody())
    assert type(caught.value) is kind


@pytest.mark.parametrize(("select", "kind"), [("6283", CardSuspended), ("9000", StatusError)])
def test_suspended_card_refuses_as_suspended(select: str, kind: type[StatusError]) -> None:
    script = answers(select, "6985", "9000", "6985")
    juki = JukiSession(script, allow_suspended=True).open()
    for act in (juki.residence, juki.pin_retries):
        with pytest.raises(kind) as caught:
            act()
        assert isinstance(caught.value, CardSuspended | ConditionsNotSatisfied)
        assert isinstance(caught.value, CardSuspended) == (select == "6283")


def test_suspension_and_resumption_are_remembered() -> None:
    juki = authenticated(
        ("00040000023F00", "9000"), ("00CA00C100", "6985"), ("00440000023F00", "9000")
    )
    juki.suspend()
    assert juki.suspended
    with pytest.raises(CardSuspended):
        juki.residence()
    juki.resume()
    assert not juki.suspended


def test_refused_suspension_is_none() -> None:
    juki = authenticated(("00040000023F00", "6982"))
    with pytest.raises(SecurityStatusNotSatisfied):
        juki.suspend()
    assert not juki.suspended


# --- data objects ---


@pytest.mark.parametrize(
    "answer", ["9000", "5A079000", "5A07010203040506079000", "8A01059000", "5A08" + "00" * 9]
)
def test_malformed_card_number(answer: str) -> None:
    raw = answer if answer.endswith("9000") else answer + "9000"
    with pytest.raises(ProtocolError):
        JukiSession(answers("9000", raw)).open().card_number()


@pytest.mark.parametrize("value", sorted(set(range(256)) - {4, 5, 12}))
def test_state_that_is_none(value: int) -> None:
    with pytest.raises(ProtocolError, match="CardState"):
        JukiSession(answers("9000", f"8A01{value:02X}9000")).open().card_state()


@pytest.mark.parametrize("raw", ["C1009000", "C102000090 00", "C101029000"])
def test_residence_that_is_none(raw: str) -> None:
    with pytest.raises(ProtocolError):
        JukiSession(answers("9000", raw)).open().residence()


# --- on a logical channel ---


def test_protection_covers_the_channel_number() -> None:
    fake = card(SELECT, NUMBER_ASKED, ("00CA008A00", "8A01059000"))

    class OnChannel2(OneUser):
        """Takes the channel number off again before the reference card sees the plain part."""

        def transmit(self, command: CommandApdu) -> ResponseApdu:
            if command.ins == Ins.MANAGE_CHANNEL:
                assert (command.p1, command.p2) == (0x80, 2)
                return ResponseApdu()
            assert command.cla.channel == 2
            if command.cla.secure:
                answer = fake.session
                assert answer is not None
                plain = answer.unwrap(command)
                assert plain.cla.channel == 2
                return answer.wrap(
                    fake.handler(plain.replace(cla=plain.cla.replace(channel=0))), odd=False
                )
            return fake.transmit(command.replace(cla=command.cla.replace(channel=0)))

    with JukiSession(LogicalChannelChannel(OnChannel2(), 2)) as juki:
        juki.authenticate(Purpose.COUNTER, Custody())
        assert juki.card_state() is CardState.ACTIVE
