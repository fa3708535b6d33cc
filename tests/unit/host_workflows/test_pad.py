"""A secret that the holder types on the reader's own keys, in the counter's procedures."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cryptography import x509

from jukicard import Card
from jukihost.cli.counter.conversing import ENTRIES, Scripted, Typed
from jukihost.cli.output import UsageError
from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.errors import PinBlocked
from jukihost.pinpad import PadError, PadTimedOut, PinPad
from jukihost.signing.raw import verify_raw
from jukihost.texts import catalogue
from jukihost.transport.pcsc.connection import PcscConnection
from jukihost.workflows import (
    CardAtDesk,
    Paper,
    PinUse,
    PinWanted,
    Presented,
    Step,
    change_pin,
    identify,
    log_on,
)
from tests.support.host import operators, shops
from tests.support.host.cli import Typed as Keyboard
from tests.support.host.counters import PIN, Clerk, Counter
from tests.support.host.fake_scard import FakeReader, FakeScard
from tests.support.host.operators import PASSWORD
from tests.support.host.pad_reader import PadReader
from tests.support.host.shops import Shop, Told, opened_shop, served, told, town_files

IN_PERSON = Presented(papers=frozenset({Paper.PHOTO}))
DIGITS = "1234"
"""The PIN of the authentication key of a synthetic card."""


class PadDesk:
    """A card in a PC/SC reader with keys, and all that was sent to it by the computer."""

    def __init__(self, card: Card, *typed: str | bytes, features: bytes | None = None) -> None:
        card.power_on()
        self._card = card
        self.sent: list[bytes] = []
        self.pad = PadReader(card.transmit, list(typed))
        if features is not None:
            self.pad.features = features
        reader = FakeReader(
            "Pad", card.atr, answer=self._send, control=self.pad.control, power=self._power
        )
        self.scard = FakeScard([reader])

    def _send(self, command: bytes) -> bytes:
        self.sent.append(command)
        return self._card.transmit(command)

    def _power(self, disposition: int) -> None:
        self._card.power_off()
        self._card.power_on()

    @contextmanager
    def hand(self) -> Iterator[CardAtDesk]:
        with PcscConnection(scard=self.scard) as connection:
            yield CardAtDesk(connection)

    def knows(self, digits: str) -> bool:
        """Whether digits were in anything that the computer sent."""
        return any(digits.encode() in one for one in self.sent)


class OnPad(Clerk):
    """Types on the reader's keys whatever may be typed there."""

    def secret(self, wanted: PinWanted) -> Any:
        if wanted.pad:
            self.asked.append(wanted)
            return PinPad()
        return super().secret(wanted)


@pytest.fixture
def successor(database: Database, clock: MovableClock) -> Counter:
    clock.put(datetime(2016, 4, 1, 3, tzinfo=UTC))
    return Counter(database, clock, profile="mynumber")


def test_a_holder_logs_on_with_a_pin_that_the_computer_never_has(successor: Counter) -> None:
    at = PadDesk(successor.card, "0000", DIGITS)
    clerk = OnPad()
    with at.hand() as hand:
        answer = log_on(successor.desk(talk=clerk), hand, b"challenge")
    verify_raw(x509.load_der_x509_certificate(answer.certificate), b"challenge", answer.signature)
    assert clerk.asked == [PinWanted(PinUse.AUTHENTICATION, tries, pad=True) for tries in (3, 2)]
    assert not at.knows(DIGITS)
    assert at.pad.typed == []


def test_what_goes_to_the_card_protected_is_not_offered_the_keys(successor: Counter) -> None:
    at = PadDesk(successor.card)
    clerk = OnPad(PIN, DIGITS, "4711")
    with at.hand() as hand:
        identify(successor.desk(talk=clerk), hand)
    with at.hand() as hand:
        change_pin(successor.desk(talk=clerk), hand, IN_PERSON, PinUse.AUTHENTICATION)
    assert [one.pad for one in clerk.asked if isinstance(one, PinWanted)] == [False] * 3


def test_a_reader_without_keys_or_with_too_few_offers_none(successor: Counter) -> None:
    long_only = bytes.fromhex("060105 07010C")
    for features, tlv in ((b"", None), (b"\x06\x04", None), (None, long_only)):
        at = PadDesk(successor.card, features=features)
        if tlv is not None:
            at.pad.tlv = tlv
        clerk = OnPad(DIGITS)
        with at.hand() as hand:
            log_on(successor.desk(talk=clerk), hand, b"challenge")
        assert [one.pad for one in clerk.asked if isinstance(one, PinWanted)] == [False]


@pytest.mark.parametrize(
    ("typed", "error", "left"),
    [
        ((bytes.fromhex("6400"),), PadTimedOut, 3),
        ((bytes.fromhex("6401"),), PadError, 3),
        (("12",), PadError, 3),
        (("0000", bytes.fromhex("6401")), PadError, 2),
        (("0000", "0001", "0002"), PinBlocked, None),
    ],
)
def test_what_goes_wrong_on_the_keys_is_a_use_that_was_refused(
    successor: Counter, typed: tuple[str | bytes, ...], error: type[Exception], left: int | None
) -> None:
    at = PadDesk(successor.card, *typed)
    with at.hand() as hand, pytest.raises(error) as refused:
        log_on(successor.desk(talk=OnPad()), hand, b"challenge")
    assert getattr(refused.value, "retries_left", None) == left or left is None
    assert [one[0] for one in successor.told()] == ["authenticate"]
    assert successor.told()[-1][1] in ("refused", "failed")


# --- the command line ---


AUTHENTICATION = PinWanted(PinUse.AUTHENTICATION, 3, pad=True)
SIGNATURE = PinWanted(PinUse.SIGNATURE, 5, pad=True)


def keyboard(monkeypatch: pytest.MonkeyPatch, typed: str) -> list[str]:
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return typed

    monkeypatch.setattr(getpass, "getpass", ask)
    monkeypatch.setattr("sys.stdin", Keyboard("", terminal=True))
    return prompts


@pytest.mark.parametrize(
    ("entry", "wanted", "on_pad"),
    [
        ("auto", AUTHENTICATION, True),
        ("auto", SIGNATURE, False),
        ("auto", PinWanted(PinUse.JUKI, 3), False),
        ("keyboard", AUTHENTICATION, False),
        ("keyboard", SIGNATURE, False),
        ("pad", AUTHENTICATION, True),
        ("pad", SIGNATURE, True),
        ("pad", PinWanted(PinUse.JUKI, 3), None),
        ("pad", PinWanted(PinUse.NEW_JUKI, None), None),
        ("auto", PinWanted(PinUse.OPERATOR, 3, "OP1"), False),
        ("pad", PinWanted(PinUse.OPERATOR, 3, "OP1"), False),
        ("pad", PinWanted(PinUse.NEW_OPERATOR, None, "OP1"), False),
    ],
)
def test_where_a_secret_is_typed(
    entry: str, wanted: PinWanted, on_pad: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None: refused, because it was to be typed on the keys, and cannot be."""
    assert entry in ENTRIES
    prompts, steps = keyboard(monkeypatch, "4711"), list[Step]()
    talk = Typed(steps.append, entry)
    if on_pad is None:
        with pytest.raises(UsageError, match="--pin-entry"):
            talk.secret(wanted)
        assert prompts == []
        return
    assert isinstance(talk.secret(wanted), PinPad) is on_pad
    assert (steps == [Step.PAD]) is on_pad
    assert bool(prompts) is not on_pad


@pytest.mark.parametrize(
    ("language", "words", "display"),
    [
        ("C", ("holder: PIN for authentication (tries left: 3)", "OK key"), 0x0409),
        ("ja", ("名義人: 利用者証明用", "残り", "確定キー"), 0x0411),
    ],
)
def test_the_person_is_told_what_to_do_on_the_reader_in_their_language(
    language: str,
    words: tuple[str, ...],
    display: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LANGUAGE", language)
    catalogue.cache_clear()
    pad = Typed(lambda step: None).secret(AUTHENTICATION)
    catalogue.cache_clear()
    told_so = capsys.readouterr()
    assert [word for word in words if word not in told_so.err] == []
    assert told_so.out == ""
    assert isinstance(pad, PinPad)
    assert pad.language == display


def test_a_script_says_what_is_typed_on_the_keys() -> None:
    steps: list[Step] = []
    lines = [{"pad": True, "use": "authentication"}, {"secret": "4711", "use": "authentication"}]
    script = Scripted("\n".join(map(json.dumps, lines)), steps.append)
    assert isinstance(script.secret(AUTHENTICATION), PinPad)
    assert script.secret(AUTHENTICATION) == "4711"
    assert steps == [Step.PAD]
    for line, wanted in (
        ({"pad": True, "use": "juki"}, AUTHENTICATION),
        ({"pad": False}, AUTHENTICATION),
        ({"pad": True}, PinWanted(PinUse.JUKI, 3)),
    ):
        with pytest.raises(UsageError, match="line 1"):
            Scripted(json.dumps(line), steps.append).secret(wanted)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    later = shops.BEHIND - (date(2016, 4, 1) - shops.TODAY)
    with (
        pytest.MonkeyPatch.context() as patch,
        town_files(tmp_path_factory.mktemp("town")) as folder,
    ):
        patch.setattr(shops, "BEHIND", later)
        patch.setattr(operators, "MADE", date(2016, 3, 31))
        with opened_shop(folder / "shop", profile="mynumber") as shop:
            yield shop


def at_reader(
    shop: Shop, at: PadDesk, monkeypatch: pytest.MonkeyPatch, *words: str, said: Any = None
) -> Told:
    """Log on with the card in the reader; the operator's card listens on TCP."""
    monkeypatch.setattr("jukihost.transport.pcsc.connection.load_scard", lambda: at.scard)
    challenge, script = shop.folder / "drawn", shop.folder / "said.jsonl"
    challenge.write_bytes(b"challenge")
    answers = [{"secret": PASSWORD, "use": "operator"}, *(said or [])]
    script.write_text("\n".join(map(json.dumps, answers)), "utf-8")
    scripted = () if said is None else ("--script", str(script))
    with served(shop.clerk.card) as operator:
        return told(
            "counter", "log-on", "--challenge", str(challenge), "--office", str(shop.office),
            "--operator-tcp", f"127.0.0.1:{operator}", "--reader", "Pad", *scripted, *words,
        )  # fmt: skip


@pytest.mark.parametrize("words", [(), ("--json",), ("--pin-entry", "pad")])
def test_a_holder_types_on_the_reader_at_the_counter(
    shop: Shop, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = PadDesk(shop.counter.card, DIGITS)
    prompts = keyboard(monkeypatch, PASSWORD)
    answer = at_reader(shop, at, monkeypatch, *words)
    assert answer.code == 0, answer.errors
    assert len(prompts) == 1
    assert "operator" in prompts[0]
    assert "holder: PIN for authentication (tries left: 3)" in answer.errors
    assert at.pad.seen[0].timeout == 60
    assert not at.knows(DIGITS)
    if "--json" in words:
        assert answer.done["signature"]
        assert "pad" in [one.get("step") for one in answer.lines]


def test_a_holder_may_type_at_the_counter_all_the_same(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = PadDesk(shop.counter.card)
    answers = iter((PASSWORD, DIGITS))
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(answers))
    monkeypatch.setattr("sys.stdin", Keyboard("", terminal=True))
    answer = at_reader(shop, at, monkeypatch, "--pin-entry", "keyboard")
    assert answer.code == 0, answer.errors
    assert at.pad.seen == []


def test_a_script_has_it_typed_on_the_reader_or_types_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = PadDesk(shop.counter.card, DIGITS, bytes.fromhex("6401"))
    for line in ({"pad": True, "use": "authentication"}, {"secret": DIGITS}):
        assert at_reader(shop, at, monkeypatch, "--json", said=[line]).done["signature"]
    refused = at_reader(shop, at, monkeypatch, "--json", said=[{"pad": True}])
    assert refused.error == "pad_cancelled"
    assert refused.result["error"]["retry"] == "same_card"
    assert refused.result["error"]["tries_left"] == 3
    assert at.pad.typed == []


def test_with_a_script_there_is_no_option_for_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = PadDesk(shop.counter.card)
    words = ("--json", "--pin-entry", "pad")
    refused = at_reader(shop, at, monkeypatch, *words, said=[])
    assert refused.error == "usage"
    assert "--pin-entry" in refused.result["error"]["meaning"]
