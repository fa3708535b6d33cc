"""IssuerSession, byte by byte: what it sends inside SCP03, and what it makes of the answers.

The card is the naive one of tests/support/naive: what it is asked inside the session must be these
commands of GlobalPlatform Card Specification 2.3.1, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from jukicard.apdu import Aid, CommandApdu, ResponseApdu, StatusWord
from jukihost.authentication.scp03 import ChannelNotOffered
from jukihost.conversation.issuerdata import (
    KeyInformation,
    Recognition,
    RegistryEntry,
    RegistryPart,
)
from jukihost.conversation.refusals import (
    IssuerNotAuthenticated,
    KeysAlreadyThere,
    ModuleNotOffered,
    NoRoomForKeys,
    StateForbids,
    StillInUse,
    UnlockFirst,
)
from jukihost.errors import (
    AlreadyExists,
    AppletNotFound,
    AuthenticationRejected,
    CardFull,
    CardNotAuthentic,
    ConnectionNotOpen,
    IncorrectData,
    ProtocolError,
    ReferenceNotFound,
    SecureMessagingError,
)
from jukihost.keys.custody import CardKeys, KeyUnfit
from jukihost.keys.issuer import ISSUER_TEST_KEYS, IssuerKeys
from jukihost.securemessaging import SessionOver
from jukihost.securemessaging.scp03 import SecurityLevel
from jukihost.sessions.issuer import IssuerSession, KeysNotConfirmed, StoreForm
from tests.support.host.fakes import OneUser
from tests.support.naive.scp03_card import Scp03Card
from tests.support.naive.sm_reader import aes_cbc

APPLICATION = Aid("D3921000310001010402")
PACKAGE = Aid("F04A554B49")
PURPOSE_KEYS = CardKeys("MA-AES128", 2, bytes(range(16)), bytes(range(16, 32)))
FOR_THE_APPLICATION = ("80E6200010" + "00000AD3921000310001010402" + "00000000", "009000")
"""INSTALL [for personalization]."""
RECOGNITION = (
    "6631732F06072A864886FC6B01600C060A2A864886FC6B02020301"
    "630906072A864886FC6B03640B06092A864886FC6B04"
)
"""As table H-1 lays it out; protocol and parameter i follow."""


class Card(OneUser):
    """The naive card behind a channel; `script` says what is asked inside and answered."""

    def __init__(self, *script: tuple[str, str], variant: int = 0x70) -> None:
        keys = ISSUER_TEST_KEYS
        self.card = Scp03Card(keys.k_enc, keys.k_mac, self.inside, variant)
        self.script = list(script)
        self.free = {
            "00A4040C07A0000001510000": "9000",
            "80CA006600": recognition(variant) + "9000",
        }

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        return self.card.transmit(command)

    def inside(self, command: CommandApdu) -> ResponseApdu:
        asked = command.encode().hex().upper()
        if self.card.level == -1 and asked in self.free:
            return ResponseApdu.parse(bytes.fromhex(self.free[asked]))
        if not self.script:  # the session is being left
            return ResponseApdu(b"", StatusWord(0x6A82))
        expected, answer = self.script.pop(0)
        assert asked == expected
        return ResponseApdu.parse(bytes.fromhex(answer))


def recognition(variant: int) -> str:
    return RECOGNITION + f"03{variant:02X}"


@contextmanager
def issuer(*script: tuple[str, str], **options: object) -> Iterator[IssuerSession]:
    card = Card(*script)
    with IssuerSession(card) as session:
        session.authenticate(ISSUER_TEST_KEYS, **options)  # type: ignore[arg-type]
        yield session
    assert card.script == []


# -- the secure channel ----------------------------------------------------------------------------


@pytest.mark.parametrize("variant", [0x60, 0x61, 0x70, 0x71])
@pytest.mark.parametrize("level", SecurityLevel)
def test_the_variant_is_taken_from_what_the_card_says(variant: int, level: SecurityLevel) -> None:
    card = Card(("80F28002024F0000", "6A88"), variant=variant)
    with IssuerSession(card) as session:
        assert session.recognition() == Recognition("2.3.1", ((3, variant),))
        session.authenticate(ISSUER_TEST_KEYS, level=level)
        assert session.authenticated
        assert session.registry(RegistryPart.DOMAIN) == ()
    assert card.card.level == -1
    assert not session.authenticated


def test_a_card_that_says_one_variant_and_has_another_is_refused() -> None:
    card = Card(variant=0x70)
    card.free["80CA006600"] = recognition(0x60) + "9000"
    with IssuerSession(card) as session, pytest.raises(ChannelNotOffered, match="i = 70"):
        session.authenticate(ISSUER_TEST_KEYS)
    card.free["80CA006600"] = "6A88"
    with IssuerSession(card) as session:
        with pytest.raises(ReferenceNotFound):
            session.authenticate(ISSUER_TEST_KEYS)
        session.authenticate(ISSUER_TEST_KEYS, variant=0x70)


@pytest.mark.parametrize("protocol", ["0255", "0270"])
def test_a_card_without_scp03_is_refused(protocol: str) -> None:
    card = Card()
    card.free["80CA006600"] = recognition(0x70)[:-4] + protocol + "9000"
    with IssuerSession(card) as session, pytest.raises(ChannelNotOffered, match="parameter i"):
        session.authenticate(ISSUER_TEST_KEYS)


def test_wrong_keys_prove_nothing() -> None:
    wrong = IssuerKeys(bytes(16), bytes(16), bytes(16))
    with IssuerSession(Card()) as session:
        with pytest.raises(CardNotAuthentic):
            session.authenticate(wrong)
        assert not session.authenticated
        with pytest.raises(ReferenceNotFound):
            session.authenticate(IssuerKeys(*ISSUER_TEST_KEYS.keys, version=9))
        keys = ISSUER_TEST_KEYS
        with pytest.raises(CardNotAuthentic):  # each key alone counts
            session.authenticate(IssuerKeys(keys.k_enc, bytes(16), keys.k_dek))


def test_a_card_that_does_not_take_the_terminal_is_told() -> None:
    card = Card()
    card.card.refuses = True
    with IssuerSession(card) as session, pytest.raises(AuthenticationRejected):
        session.authenticate(ISSUER_TEST_KEYS)
    assert not session.authenticated


NEEDS_THE_ISSUER = {
    "registry": lambda it: it.registry(RegistryPart.DOMAIN),
    "install": lambda it: it.install(PACKAGE, PACKAGE, APPLICATION),
    "personalise": lambda it: it.personalise(APPLICATION, b"\1"),
    "delete": lambda it: it.delete(APPLICATION),
    "store_data": lambda it: it.store_data(b"\1"),
    "lock": lambda it: it.lock(APPLICATION),
    "unlock": lambda it: it.unlock(APPLICATION),
    "lock_card": lambda it: it.lock_card(),
    "unlock_card": lambda it: it.unlock_card(),
    "terminate_card": lambda it: it.terminate_card(nothing_brings_it_back=True),
    "put_keys": lambda it: it.put_keys(IssuerKeys(*ISSUER_TEST_KEYS.keys, version=2)),
    "delete_keys": lambda it: it.delete_keys(2),
    "put_purpose_keys": lambda it: it.put_purpose_keys(APPLICATION, 4, PURPOSE_KEYS),
    "unblock_key": lambda it: it.unblock_key(APPLICATION, 4),
    "unblock_pin": lambda it: it.unblock_pin(APPLICATION, 0x1C),
}
FREE = {"open", "close", "authenticate", "recognition", "key_information", "production_data"}


def test_every_method_is_free_or_needs_the_issuer() -> None:
    own = {name for name, value in vars(IssuerSession).items() if callable(value)}
    public = {name for name in own if not name.startswith("_")}
    assert public - FREE - {"explain"} == set(NEEDS_THE_ISSUER)


@pytest.mark.parametrize("name", NEEDS_THE_ISSUER)
def test_nothing_is_sent_without_the_secure_channel(name: str) -> None:
    card = Card()
    with IssuerSession(card) as session:
        card.free.clear()
        with pytest.raises(IssuerNotAuthenticated, match="nothing was sent") as refusal:
            NEEDS_THE_ISSUER[name](session)
        assert not refusal.value.sent
    with pytest.raises(ConnectionNotOpen):
        NEEDS_THE_ISSUER[name](session)


@pytest.mark.parametrize("status", ["6882", "6982", "6987", "6988"])
def test_a_card_that_ends_the_session_ends_it_here(status: str) -> None:
    with issuer(("80F28002024F0000", status)) as session:
        with pytest.raises(IssuerNotAuthenticated):
            session.registry(RegistryPart.DOMAIN)
        assert not session.authenticated
        with pytest.raises(IssuerNotAuthenticated, match="nothing was sent"):
            session.registry(RegistryPart.DOMAIN)


# -- what the card says ----------------------------------------------------------------------------


def test_key_information() -> None:
    card = Card()
    card.free["80CA00E000"] = "E00CC00401018810C00402018820" + "9000"
    with IssuerSession(card) as session:
        assert session.key_information() == (
            KeyInformation(1, 1, 0x88, 16),
            KeyInformation(2, 1, 0x88, 32),
        )
        # the extended form (11.3.3.1.1, table 11-28)
        card.free["80CA00E000"] = "E00AC0080170FF8800200100" + "9000"
        assert session.key_information() == (KeyInformation(1, 0x70, 0x88, 32),)


def test_production_data() -> None:
    card = Card()
    card.free["80CA9F7F00"] = "9F7F2A" + "11" * 42 + "9000"
    with IssuerSession(card) as session:
        assert session.production_data() == b"\x11" * 42


@pytest.mark.parametrize("data", ["E003C00101", "E004C1020101", "E003C0", "E006C004FF"])
def test_malformed_key_information_is_refused(data: str) -> None:
    card = Card()
    card.free["80CA00E000"] = data + "9000"
    with IssuerSession(card) as session, pytest.raises(ProtocolError):
        session.key_information()


@pytest.mark.parametrize(
    "data", ["6600", "66027300", "66047302C000", "6606730406022A86", "660473026400"]
)
def test_malformed_recognition_data_are_refused(data: str) -> None:
    card = Card()
    card.free["80CA006600"] = data + "9000"
    with IssuerSession(card) as session, pytest.raises(ProtocolError, match="recognition"):
        session.recognition()


def test_the_registry_is_read_page_by_page() -> None:
    first = "E3104F0AD39210003100010104029F700107"
    second = "E3174F05F04A554B499F700187C503000000C405F04A554B49"
    with issuer(
        ("80F24002024F0000", first + "6310"), ("80F24003024F0000", second + "9000")
    ) as session:
        found = session.registry(RegistryPart.APPLICATIONS)
    part = RegistryPart.APPLICATIONS
    assert found == (
        RegistryEntry(part, APPLICATION, 0x07),
        RegistryEntry(part, PACKAGE, 0x87, bytes(3), PACKAGE),
    )
    assert [entry.state_name for entry in found] == ["selectable", "locked"]
    assert [entry.locked for entry in found] == [False, True]


def test_the_older_form_of_the_registry() -> None:
    page = "0AD39210003100010104020700" + "05F04A554B498304"
    with issuer(("80F2400006" + "4F04D392100000", page + "9000")) as session:
        found = session.registry(RegistryPart.APPLICATIONS, bytes.fromhex("D3921000"), short=True)
    assert [(entry.aid, entry.state_name) for entry in found] == [
        (APPLICATION, "selectable"),
        (PACKAGE, "locked"),
    ]
    assert found[1].privileges == b"\4"


def test_a_registry_without_end_is_refused() -> None:
    page = "E3104F0AD39210003100010104029F700107"
    more = [("80F24003024F0000", page + "6310")] * 255
    with (
        issuer(("80F24002024F0000", page + "6310"), *more) as session,
        pytest.raises(ProtocolError, match="256"),
    ):
        session.registry(RegistryPart.APPLICATIONS)


# -- what is done ----------------------------------------------------------------------------------


def test_an_application_is_installed() -> None:
    data = "05F04A554B49" * 2 + "0AD3921000310001010402" + "0100" + "04C9020102" + "00"
    with issuer((f"80E60C00{len(data) // 2:02X}{data}00", "009000")) as session:
        session.install(PACKAGE, PACKAGE, APPLICATION, parameters=b"\1\2")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("6A80", IncorrectData),
        ("6A84", CardFull),
        ("6A88", ModuleNotOffered),
        ("6A89", AlreadyExists),
        ("6985", StateForbids),
    ],
)
def test_an_installation_that_is_refused(status: str, kind: type[Exception]) -> None:
    data = "05F04A554B49" * 2 + "0AD3921000310001010402" + "010002C90000"
    with (
        issuer((f"80E60C00{len(data) // 2:02X}{data}00", status)) as session,
        pytest.raises(kind),
    ):
        session.install(PACKAGE, PACKAGE, APPLICATION)


def test_an_application_is_personalised() -> None:
    with issuer(FOR_THE_APPLICATION, ("80E2880003" + "01010500", "9000")) as session:
        session.personalise(APPLICATION, bytes.fromhex("010105"), StoreForm.GROUPS)


def test_an_application_that_is_not_there_takes_no_data() -> None:
    command = FOR_THE_APPLICATION[0]
    with issuer((command, "6A88")) as session, pytest.raises(AppletNotFound):
        session.personalise(APPLICATION, b"\1")


@pytest.mark.parametrize("level", SecurityLevel)
def test_long_data_go_in_numbered_blocks(level: SecurityLevel) -> None:
    size = 239 if level & 2 else 247
    blocks = [bytes((n,)) * size for n in range(3)] + [b"\xff"]
    script = [
        (f"80E2{0x80 if n == 3 else 0:02X}{n:02X}{len(block):02X}{block.hex().upper()}00", "9000")
        for n, block in enumerate(blocks)
    ]
    with issuer(*script, level=level) as session:
        session.store_data(b"".join(blocks))
        with pytest.raises(ValueError, match="STORE DATA takes"):
            session.store_data(bytes(256 * size + 1))


def test_an_application_is_deleted() -> None:
    command = "80E400000C4F0AD392100031000101040200"
    with issuer((command, "009000"), (command.replace("E40000", "E40080"), "009000")) as session:
        session.delete(APPLICATION)
        session.delete(APPLICATION, related=True)


@pytest.mark.parametrize(
    ("status", "kind"), [("6A88", AppletNotFound), ("6A82", AppletNotFound), ("6985", StillInUse)]
)
def test_a_deletion_that_is_refused(status: str, kind: type[Exception]) -> None:
    with (
        issuer(("80E400000C4F0AD392100031000101040200", status)) as session,
        pytest.raises(kind, match=status),
    ):
        session.delete(APPLICATION)


def test_life_cycle() -> None:
    with issuer(
        ("80F040800AD3921000310001010402", "9000"),
        ("80F040000AD3921000310001010402", "9000"),
        ("80F0807F", "9000"),
        ("80F0800F", "9000"),
        ("80F080FF", "9000"),
    ) as session:
        session.lock(APPLICATION)
        session.unlock(APPLICATION)
        session.lock_card()
        session.unlock_card()
        with pytest.raises(ValueError, match="nothing_brings_it_back"):
            session.terminate_card(nothing_brings_it_back=False)
        session.terminate_card(nothing_brings_it_back=True)


@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("replace", [None, 1])
def test_keys_go_encrypted_and_are_confirmed(size: int, replace: int | None) -> None:
    new = IssuerKeys(*(bytes(range(n, n + size)) for n in (0x10, 0x50, 0x90)), version=2)  # type: ignore[misc,arg-type]
    data = b"\x02"
    for key in new.keys:
        padded = key + bytes(-size % 16)
        hidden = aes_cbc(ISSUER_TEST_KEYS.k_dek, bytes(16), padded)
        check = aes_cbc(key, bytes(16), b"\x01" * 16)[:3]
        # Amendment D, 7.2: 88, length, the key's own length, cryptogram; 03 and check value
        data += bytes((0x88, len(hidden) + 1, size)) + hidden + b"\x03" + check
    command = bytes((0x80, 0xD8, replace or 0, 0x81, len(data))) + data + b"\0"
    right = "02" + b"".join(new.check_values).hex()
    with issuer((command.hex().upper(), right + "9000")) as session:
        session.put_keys(new, replace=replace)
    for wrong in ("", "02", "01" + right[2:], right[:-2] + "00", right + "00"):
        with (
            issuer((command.hex().upper(), wrong + "9000")) as session,
            pytest.raises(KeysNotConfirmed, match="keep the old ones"),
        ):
            session.put_keys(new, replace=replace)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("6985", KeysAlreadyThere),
        ("6A84", NoRoomForKeys),
        ("6A88", ReferenceNotFound),
        ("6A80", IncorrectData),
    ],
)
def test_keys_that_are_refused(status: str, kind: type[Exception]) -> None:
    card = Card()
    with IssuerSession(card) as session:
        session.authenticate(ISSUER_TEST_KEYS)
        inner, card.card.handler = card.card.handler, lambda _: answered(status)
        with pytest.raises(kind, match=status):
            session.put_keys(IssuerKeys(*ISSUER_TEST_KEYS.keys, version=2))
        card.card.handler = inner


def answered(status: str) -> ResponseApdu:
    return ResponseApdu.parse(bytes.fromhex(status))


@pytest.mark.parametrize(("suspended", "kind"), [(False, StateForbids), (True, UnlockFirst)])
def test_a_state_that_does_not_allow_it(suspended: bool, kind: type[Exception]) -> None:
    card = Card(("80F040800AD3921000310001010402", "6985"))
    card.free["00A4040C07A0000001510000"] = "6283" if suspended else "9000"
    with IssuerSession(card, allow_suspended=True) as session:
        session.authenticate(ISSUER_TEST_KEYS)
        with pytest.raises(kind):
            session.lock(APPLICATION)


def test_keys_without_a_version_are_not_put() -> None:
    with issuer() as session, pytest.raises(ValueError, match="version"):
        session.put_keys(ISSUER_TEST_KEYS)


@pytest.mark.parametrize("replace", [None, 1])
def test_the_keys_of_a_purpose_go_encrypted_and_are_confirmed(replace: int | None) -> None:
    data, checks = b"\x02", b""
    for key in (PURPOSE_KEYS.k_enc, PURPOSE_KEYS.k_mac):
        check = aes_cbc(key, bytes(16), b"\x01" * 16)[:3]
        hidden = aes_cbc(ISSUER_TEST_KEYS.k_dek, bytes(16), key)
        data += b"\x88\x11\x10" + hidden + b"\x03" + check
        checks += check
    command = bytes((0x80, 0xD8, replace or 0, 0x84, len(data))) + data + b"\0"
    right = "02" + checks.hex()
    with issuer(FOR_THE_APPLICATION, (command.hex().upper(), right + "9000")) as session:
        session.put_purpose_keys(APPLICATION, 4, PURPOSE_KEYS, replace=replace)
    with (
        issuer(FOR_THE_APPLICATION, (command.hex().upper(), right[:-2] + "009000")) as session,
        pytest.raises(KeysNotConfirmed),
    ):
        session.put_purpose_keys(APPLICATION, 4, PURPOSE_KEYS, replace=replace)


def test_the_keys_of_a_purpose_are_for_aes() -> None:
    keys = CardKeys("MA-3DES", 1, bytes(16), bytes(range(16)))
    with issuer() as session, pytest.raises(KeyUnfit, match="AES"):
        session.put_purpose_keys(APPLICATION, 4, keys)


@pytest.mark.parametrize(
    ("act", "file"),
    [
        (lambda it: it.unblock_key(APPLICATION, 4), "0104"),
        (lambda it: it.unblock_pin(APPLICATION, 0x1C), "001C"),
    ],
)
def test_what_is_blocked_lives_again(act: Callable[[IssuerSession], None], file: str) -> None:
    with issuer(FOR_THE_APPLICATION, (f"802C030002{file}", "9000")) as session:
        act(session)
    for status in ("6A88", "6984"):
        with (
            issuer(FOR_THE_APPLICATION, (f"802C030002{file}", status)) as session,
            pytest.raises(ReferenceNotFound),
        ):
            act(session)


def test_keys_are_deleted() -> None:
    with issuer(("80E4000003D2010200", "009000")) as session:
        session.delete_keys(2)


def test_a_session_that_is_closed_holds_no_key() -> None:
    with issuer() as session:
        assert session._k_dek
        kept = session.channel
    assert session._k_dek == b""
    with pytest.raises((SessionOver, SecureMessagingError)):
        kept.transmit(CommandApdu(0x80, 0xF2, 0x80, 0x02, b"\x4f\x00", 256))
