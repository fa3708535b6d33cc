"""Blank cards that a terminal personalises: what is on them before, meanwhile and afterwards."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final
from unittest import mock

import pytest

from jukicard import PROFILES, Card, CardKeys, Printed, issue_card
from jukicard.apdu import Aid, CommandApdu, Ins, Tlv
from jukicard.applets import names
from jukicard.applets.jpki.files import TOKEN
from jukicard.crypto.private import PrivateKey
from jukicard.environment import SeededRandom
from jukicard.filesystem.access import ALWAYS
from jukicard.filesystem.files import EfNode, RecordFile, TransparentFile
from jukicard.kit import signing
from jukicard.kit.pin import PinFile
from jukicard.kit.signing import KeyAlgorithm, SigningKeyFile
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.conversation.issuerdata import RegistryPart
from jukihost.errors import CardNotAuthentic, ConditionsNotSatisfied, ReferenceNotFound, StatusError
from jukihost.keys import CardKeys as HostKeys
from jukihost.keys.diversification import derive_card_keys
from jukihost.keys.issuer import ISSUER_TEST_KEYS, IssuerKeys
from jukihost.models import Purpose
from jukihost.sessions.issuer import IssuerSession
from jukihost.sessions.juki import JukiSession
from tests.support.cards.blanks import (
    ISSUERS_OBJECTS,
    asked_at_the_counter,
    contents_of,
    efs_of,
    hand_over,
    key_files,
    make_blank,
    make_keys,
    make_model,
    personalise,
    pins_of,
    select_ef,
    store,
    store_objects,
)
from tests.support.host.custody import PublicMasters
from tests.support.published.transcript import send

COMPAT: Final = replace(PROFILES["juki-v2"], name="juki-v2", compat=True, receipts=True)
CARDS: Final[dict[str, tuple[Any, dict[str, Any]]]] = {
    "juki-v1": ("juki-v1", {}),
    "juki-v2": ("juki-v2", {}),
    "compat, receipts": (COMPAT, {}),
    "mynumber": ("mynumber", {}),
    "operator": ("operator", {}),
}


@functools.cache
def _made_once(algorithm: KeyAlgorithm) -> PrivateKey:
    return _make(algorithm, SeededRandom("a pair made on the card").take)


_make: Final = signing.make_private_key


@pytest.fixture(autouse=True)
def one_key_pair_each() -> Iterator[None]:
    """Search for the primes of a pair once: what is looked at here is whether there is one."""
    with mock.patch.object(
        signing, "make_private_key", lambda algorithm, random: _made_once(algorithm)
    ):
        yield


def kept(card: Card) -> dict[tuple[str, str], bytes]:
    """Return all that a card keeps but what each card makes itself, and what counts sessions."""
    memory = card.environment.memory
    pairs = {
        (f"application {one.aid}", ef.content_key)
        for one in card.applications
        for _, ef in efs_of(card, one.aid)
        if isinstance(ef.spec, SigningKeyFile) and one.aid in (names.JPKI, names.OPERATOR)
    }
    counts = {(f"application {names.ISSUER}", "counter"), ("card", "receipt")}
    return {
        (partition, key): value
        for partition in memory.partitions()
        for key, value in memory.partition(partition).items()
        if (partition, key) not in pairs | counts
    }


@pytest.mark.parametrize("name", CARDS)
def test_a_blank_card_that_was_personalised_is_the_card_that_was_issued_at_once(name: str) -> None:
    profile, wishes = CARDS[name]
    card, model = make_blank(profile, **wishes), make_model(profile, **wishes)
    assert kept(card) != kept(model)
    personalise(card, model)
    assert card.applications.blank == []
    assert kept(card) == kept(model)


# -- before it is personalised --------------------------------------------------------------------


def select(card: Card, aid: bytes, fid: int | None = None) -> None:
    assert send(card, f"00A4040C{len(aid):02X}{aid.hex()}") == "9000"
    if fid is not None:
        assert send(card, f"00A4020C02{fid:04X}") == "9000"


@pytest.mark.parametrize("name", CARDS)
def test_a_blank_card_says_which_card_it_is_and_whose_it_is_nobody(name: str) -> None:
    profile, wishes = CARDS[name]
    card, model = make_blank(profile, **wishes), make_model(profile, **wishes)
    assert card.power_on() == model.power_on()
    for tag in (0x42, 0x45, 0x5A, 0x66, 0xE0, 0x5F51, 0x9F7F):
        command = f"00CA{tag:04X}00"
        assert send(card, command) == send(model, command), command
    for tag in ISSUERS_OBJECTS:
        assert send(card, f"00CA{tag:04X}00") == "6A88"
    for aid in card.applications.blank:
        select(card, aid)
        select(model, aid)
        assert send(card, "00CA005A00") == send(model, "00CA005A00")


def emptiness(card: Card, ef: EfNode) -> str:
    """Ask an EF, which is selected, for what it holds; "empty" where that is nothing."""
    spec = ef.spec
    if isinstance(spec, PinFile):
        answers = send(card, "00200080"), send(card, "002000800431323334")
        return "empty" if answers == ("63C0", "6984") else str(answers)
    if isinstance(spec, RecordFile) and spec.access.read is ALWAYS:
        answer = send(card, "00B2010400")
        return "empty" if answer == "6A83" else answer
    if isinstance(spec, TransparentFile) and spec.access.read is ALWAYS:
        content = bytes.fromhex(send(card, "00B0000000"))
        filler = content == bytes((spec.fill,)) * min(spec.size, 256) + b"\x90\0"
        return "empty" if filler else content.hex()
    return "closed"


@pytest.mark.parametrize("name", CARDS)
def test_what_is_asked_of_a_blank_card_is_answered_with_nothing(name: str) -> None:
    profile, wishes = CARDS[name]
    card = make_blank(profile, **wishes)
    card.power_on()
    found = {}
    for aid in card.applications.blank:
        for _, ef in efs_of(card, aid):
            select(card, aid, ef.fid)
            found[aid, ef.fid] = emptiness(card, ef)
    told = found.pop((names.JPKI, TOKEN), "")
    assert told.startswith(b"JPKIAPICCTOKEN".hex()) or name == "operator"
    assert set(found.values()) == {"empty", "closed"}, found


@pytest.mark.parametrize("name", CARDS)
def test_on_a_blank_card_the_counter_reads_nothing_but_filler(name: str) -> None:
    profile, wishes = CARDS[name]
    card = make_blank(profile, **wishes)
    reads = [
        CommandApdu(0x00, Ins.READ_BINARY, 0, 0, ne=256),
        CommandApdu(0x00, Ins.READ_RECORD, 1, 4, ne=256),
    ]
    for aid in card.applications.blank:
        for _, ef in efs_of(card, aid):
            filler = {ef.spec.fill} if isinstance(ef.spec, TransparentFile) else set()
            for read in reads:
                [_, (status, data)] = asked_at_the_counter(card, aid, [select_ef(ef.fid), read])
                if (aid, ef.fid) != (names.JPKI, TOKEN):
                    assert set(data) <= filler, (ef.label, status)


@pytest.mark.parametrize(
    ("key", "pin", "value"), [(0x0017, 0x0018, b"1234"), (0x001A, 0x001B, b"ABC123")]
)
def test_a_pin_that_was_set_too_early_opens_no_key_that_there_is_not(
    key: int, pin: int, value: bytes
) -> None:
    card = make_blank("mynumber")
    card.power_on()
    reset = CommandApdu(0x00, Ins.RESET_RETRY_COUNTER, 0x02, 0x80, value)
    [_, (status, _)] = asked_at_the_counter(card, names.JPKI, [select_ef(pin), reset])
    assert status == "9000"
    card.power_on()
    select(card, names.JPKI, pin)
    assert send(card, f"00200080{len(value):02X}{value.hex()}") == "9000"
    select(card, names.JPKI, key)
    assert send(card, "802A0080040102030400") == "6984"
    assert send(card, "0046818000") == "6984"


# -- contents, once ------------------------------------------------------------------------------


def states(card: Card) -> tuple[int, dict[str, int]]:
    with LocalReader(card) as reader, IssuerSession(build_channel(reader)) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        [domain] = issuer.registry(RegistryPart.DOMAIN)
        return domain.state, {
            str(one.aid): one.state for one in issuer.registry(RegistryPart.APPLICATIONS)
        }


@pytest.mark.parametrize("name", CARDS)
def test_the_registry_says_what_still_waits(name: str) -> None:
    profile, wishes = CARDS[name]
    card, model = make_blank(profile, **wishes), make_model(profile, **wishes)
    waiting = {str(aid) for aid in card.applications.blank}
    assert states(card) == (0x07, dict.fromkeys(waiting, 0x17))
    for aid in list(card.applications.blank):
        assert states(card)[0] == 0x07
        make_keys(card, aid)
        store(card, aid, contents_of(model, aid))
        waiting.discard(str(aid))
        assert {aid for aid, state in states(card)[1].items() if state == 0x17} == waiting
    assert states(card) == states(model)
    assert states(card)[0] == 0x0F


@pytest.mark.parametrize("name", CARDS)
def test_contents_come_once_and_whole(name: str) -> None:
    profile, wishes = CARDS[name]
    card, model = make_blank(profile, **wishes), make_model(profile, **wishes)
    for aid in list(card.applications.blank):
        values = contents_of(model, aid)
        before = kept(card)
        if key_files(card, aid):
            with pytest.raises(ConditionsNotSatisfied):
                store(card, aid, values)
            make_keys(card, aid)
        for left_out in sorted({fid for fid, _ in values}):
            with pytest.raises(ConditionsNotSatisfied):
                store(card, aid, [one for one in values if one[0] != left_out])
        assert kept(card) == before
        store(card, aid, values)
        after = kept(card)
        for again in (values, values[:1]):
            with pytest.raises(ConditionsNotSatisfied):
                store(card, aid, again)
        assert kept(card) == after


def test_a_face_without_photo_has_neither_birth_record_nor_its_number() -> None:
    model = make_model("juki-v2", printed=Printed(form=1))
    card = make_blank("juki-v2")
    values = contents_of(model, names.SURFACE)
    assert {fid for fid, _ in values} == {0x0002, 0x0003, 0x0004, 0x0012}
    with_birth = [*values, (0x0011, b"010101")]
    with pytest.raises(ConditionsNotSatisfied):
        store(card, names.SURFACE, with_birth)
    store(card, names.SURFACE, values)
    assert names.SURFACE not in card.applications.blank


@pytest.mark.parametrize(
    ("fid", "value", "status"),
    [
        (0x0104, bytes(34), "6981"),
        (0x00FF, b"x", "6A88"),
        (0x0002, bytes(65), "6700"),
        (0x0003, bytes(65), "6700"),
        (0x001C, b"12345", "6700"),
        (0x001C, b"12AB", "6A80"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    fid: int, value: bytes, status: str
) -> None:
    card, model = make_blank("juki-v1"), make_model("juki-v1")
    before = kept(card)
    with pytest.raises(StatusError) as refused:
        store(card, names.JUKI, [*contents_of(model, names.JUKI), (fid, value)])
    assert refused.value.status.hex == status
    assert kept(card) == before
    assert names.JUKI in card.applications.blank


def test_key_pairs_are_made_on_the_card_and_never_written() -> None:
    card, model = make_blank("juki-v1"), make_model("juki-v1")
    make_keys(card, names.JPKI)
    with pytest.raises(StatusError) as refused:
        store(card, names.JPKI, [*contents_of(model, names.JPKI), (0x001A, bytes(64))])
    assert refused.value.status.hex == "6981"


def test_data_objects_of_an_application_are_none_of_its_contents() -> None:
    card = make_blank("juki-v1")
    with LocalReader(card) as reader, IssuerSession(build_channel(reader)) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        for data in (Tlv(0xC1, b"\1").encode(), Tlv(0x5A, bytes(8)).encode()):
            with pytest.raises(ConditionsNotSatisfied):
                issuer.personalise(names.JUKI, data)
    assert names.JUKI in card.applications.blank


# -- PINs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("when", ["before the contents", "with them", "afterwards"])
def test_a_pin_is_set_before_with_or_after_the_contents(name: str, when: str) -> None:
    profile, wishes = CARDS[name]
    card, model = make_blank(profile, **wishes), make_model(profile, **wishes)
    for aid in list(card.applications.blank):
        make_keys(card, aid)
        if when == "before the contents":
            hand_over(card, model, aid)
        store(card, aid, contents_of(model, aid, pins=when == "with them"))
        if when == "afterwards":
            hand_over(card, model, aid)
        card.power_on()
        for fid, value in pins_of(model, aid):
            select(card, aid, fid)
            assert send(card, f"00200080{len(value):02X}{value.hex()}") == "9000"
    store_objects(card, model)
    assert kept(card) == kept(model)


def test_a_pin_without_a_value_has_no_tries_to_give_back() -> None:
    card = make_blank("mynumber")
    only_the_counter = CommandApdu(0x00, Ins.RESET_RETRY_COUNTER, 0x03, 0x80)
    for aid, fid in ((names.JUKI, 0x1C), (names.JPKI, 0x18), (names.TEXT, 0x11)):
        [_, (status, _)] = asked_at_the_counter(card, aid, [select_ef(fid), only_the_counter])
        assert status == "6984"
        with LocalReader(card) as reader, IssuerSession(build_channel(reader)) as issuer:
            issuer.authenticate(ISSUER_TEST_KEYS)
            with pytest.raises(ReferenceNotFound):
                issuer.unblock_pin(Aid(aid), fid)


# -- the card's own keys ------------------------------------------------------------------------


@pytest.mark.parametrize("make", [make_blank, make_model])
@pytest.mark.parametrize(("aid", "fid"), [(names.TEXT, 0x0013), (names.SURFACE, 0x001A)])
def test_only_the_counter_is_told_the_public_half_of_the_cards_own_key(
    make: Callable[[str], Card], aid: Aid, fid: int
) -> None:
    card = make("mynumber")
    card.power_on()
    select(card, aid, fid)
    assert send(card, "0046818000") == "6982"
    tell = CommandApdu(0x00, Ins.GENERATE_ASYMMETRIC_KEY_PAIR, 0x81, 0x80, ne=65536, extended=True)
    another = CommandApdu(0x00, Ins.GENERATE_ASYMMETRIC_KEY_PAIR, 0x80, 0x80, ne=256)
    _, (told, public), (made, _) = asked_at_the_counter(card, aid, [select_ef(fid), tell, another])
    assert (told, made) == ("9000", "6982")
    parts = {one.tag: int.from_bytes(one.value) for one in Tlv.parse(public).children}
    card.power_on()
    select(card, aid)
    answer = card.transmit(bytes.fromhex("802A0000000004616263640000"))
    assert answer[-2:] == b"\x90\0"
    block = pow(int.from_bytes(answer[:-2]), parts[0x82], parts[0x81]).to_bytes(256)
    assert block.endswith(b"\0abcd")


# -- keys from masters -----------------------------------------------------------------------------


class Vault(PublicMasters):
    """Derives from the masters that the cards were made with."""

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> HostKeys:
        return derive_card_keys("MA-AES256", MASTERS[system], card_number, aid, version)


MASTERS: Final = {
    name: bytes((7 * place + one) % 256 for one in range(32))
    for place, name in enumerate(("COUNTER", "RECEIPT", "ISSUER", "ISSUER_DEK"))
}


@pytest.mark.parametrize("blank", [True, False])
@pytest.mark.parametrize("seed", [1, 2])
def test_each_card_has_issuer_keys_of_its_own_from_the_masters(seed: int, blank: bool) -> None:
    profile = replace(PROFILES["juki-v1"], receipts=True)
    card = issue_card(profile, seed=seed, keys=CardKeys(masters=MASTERS), blank=blank)
    with LocalReader(card) as reader, IssuerSession(build_channel(reader)) as issuer:
        with pytest.raises(CardNotAuthentic):
            issuer.authenticate(ISSUER_TEST_KEYS)
        issuer.authenticate(IssuerKeys.from_custody(Vault(), issuer.card_number(), 1))
    with LocalReader(card) as reader, JukiSession(build_channel(reader)) as juki:
        juki.authenticate(Purpose.COUNTER, Vault())
