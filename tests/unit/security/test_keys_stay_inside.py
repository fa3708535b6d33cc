"""No private key, PIN or resident code shows anywhere but in an export that says so.

Sessions of every kind are held with a card; meanwhile everything that makes a text of the card is
read: reprs of all objects that can be reached from it, events, refusals, logs, traces, `inspect`.
"""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jukicard import Card
from jukicard.apdu import CommandApdu
from jukicard.apdu.trace import Trace
from jukicard.apdu.trace.difference import compare_traces
from jukicard.apdu.trace.formats import FORMATS, write_trace
from jukicard.apdu.trace.record import ApduTrace
from jukicard.apdu.trace.redaction import TraceLevel
from jukicard.cli import main
from jukicard.crypto.asymmetric import EcPrivateKey
from jukicard.crypto.private import load_private_key
from jukicard.kit.keys import KeyPair
from jukicard.memory import MemorySnapshot, PersistentMemory, create_card
from jukicard.profiles.order import Pins
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.events import CardEvent
from jukicard.securemessaging.suites import Suite
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.traced import TracedCard
from tests.support.cards.issuing import issue
from tests.support.cards.jpki_worlds import COUNTER_REFERENCE, JPKI, JUKI
from tests.support.naive.terminal import PURPOSES, NaiveTerminal, keys_of
from tests.support.published.transcript import send
from tests.unit.security.secrets_of import (
    Secret,
    of_bytes,
    of_private_key,
    of_text,
    shown,
    texts_of,
)

CODE: Final = "98765432103"
PINS: Final = Pins(
    juki="8642", signature="HIDDEN99", authentication="9753", text="8531", common="7593"
)
PROFILES: Final = ("juki-v1", "juki-v2", "mynumber")


@cache
def snapshot(profile: str) -> MemorySnapshot:
    return issue(profile, seed=7, pins=PINS, code=CODE, compat=profile == "juki-v2").snapshot()


def secrets_of(taken: MemorySnapshot) -> list[Secret]:
    """What a card must not show: PINs and code as given, keys as its memory holds them."""
    found = [of_text("resident record code", CODE)]
    found += [
        of_text(f"PIN {name}", getattr(PINS, name))
        for name in ("juki", "signature", "authentication", "text", "common")
    ]
    private = 0
    for partition, values in taken.partitions.items():
        for key, value in values.items():
            if value[:3] in (b"\x30\x82\x02", b"\x30\x82\x04") and b"\x2a\x86\x48" in value[:32]:
                if key.endswith(("0017", "001A", "0013", "0019")):
                    found += of_private_key(f"{partition} {key}", value)
                    private += 1
            elif key.startswith("content/01") and len(value) == 34:
                pair = KeyPair.from_bytes(value)
                found += [of_bytes(f"{partition} {key} ENC", pair.enc)]
                found += [of_bytes(f"{partition} {key} MAC", pair.mac)]
    assert private >= 1
    return found


@pytest.mark.parametrize("profile", PROFILES)
def test_the_search_finds_every_secret_in_what_the_memory_holds(profile: str) -> None:
    """Were a container's repr a text, it would show them all: the search is not blind."""
    taken = snapshot(profile)
    secrets = secrets_of(taken)
    there = [repr(dict(values)) for values in taken.partitions.values()]
    there += [value.hex() for values in taken.partitions.values() for value in values.values()]
    names = {secret.name for secret in secrets}
    absent = {"PIN text", "PIN common"} if profile != "mynumber" else set()
    absent |= {"PIN authentication"} if profile == "juki-v1" else set()
    assert names - shown(there, secrets) <= absent
    assert shown(["nothing"], secrets) == set()


class Watch:
    """A card, everything that listens to it, and the texts that came of it."""

    def __init__(self, profile: str) -> None:
        self.card = Card.restore(snapshot(profile), on_bug=raise_bug)
        self.traces = {level: Trace(level) for level in TraceLevel}
        self.full = self.traces[TraceLevel.FULL]  # told here: no object of the card reaches it
        self.texts: list[str] = []
        self.events: list[CardEvent] = []
        self.card.subscribe(self.events.append)
        self.kept = {level: ApduTrace(level) for level in (TraceLevel.REDACTED, TraceLevel.FULL)}
        watched = TracedCard(self.card, self.kept[TraceLevel.REDACTED])
        traced = TracedCard(watched, self.traces[TraceLevel.REDACTED])
        self.reader = LocalReader(TracedCard(traced, self.traces[TraceLevel.HEADERS]))
        self.reader.open()
        self.kept[TraceLevel.FULL].reset(self.reader.atr)

    def look(self) -> None:
        """Take down what every object that can be reached says of itself now."""
        refusal = self.card.last_refusal
        self.texts += [repr(refusal), str(refusal)]
        self.texts += texts_of(self.card, self.reader, self.card.snapshot())

    def transmit(self, command: bytes) -> bytes:
        """Send a command, and look at the card afterwards."""
        everything = (self.full, self.kept[TraceLevel.FULL])
        for observer in everything:
            observer.command(command)
        answer = self.reader.transmit(command)
        for observer in everything:
            observer.response(answer)
        self.look()
        return answer

    def send(self, command: str) -> str:
        return self.transmit(bytes.fromhex(command)).hex().upper()

    def select(self, aid: bytes) -> None:
        self.send(f"00A4040C{len(aid):02X}{aid.hex()}")

    def terminal(self, aid: bytes, reference: int) -> NaiveTerminal:
        """A system that has authenticated itself to an application."""
        number = self.card.fork()
        number.power_on()
        send(number, f"00A4040C{len(aid):02X}{aid.hex()}")
        raw = number.transmit(bytes.fromhex("00CA005A00"))
        terminal = NaiveTerminal(self.transmit, raw[2:10])
        assert terminal.get_challenge().status == 0x9000
        keys = keys_of(raw[2:10], PURPOSES[reference], aid)
        assert terminal.mutual_authenticate(keys, 0x80 | reference).status == 0x9000
        return terminal

    def all_texts(self) -> list[str]:
        """Everything, but what the full trace has been told to show."""
        told = [text for event in self.events for text in (repr(event), str(event))]
        traces = [self.traces[level].text for level in (TraceLevel.HEADERS, TraceLevel.REDACTED)]
        assert told
        assert all(traces)
        return [*self.texts, *told, *traces, *self.written()]

    def written(self) -> list[str]:
        """What was kept, in every form; what was kept in full, as it is shown."""
        kept = self.kept[TraceLevel.REDACTED]
        shown = self.kept[TraceLevel.FULL].at(TraceLevel.REDACTED)
        files = [write_trace(trace, form) for trace in (kept, shown) for form in FORMATS]
        assert files[: len(FORMATS)] == files[len(FORMATS) :]
        same = compare_traces(kept, self.kept[TraceLevel.FULL])
        return [*(file.decode("latin-1") for file in files), *(file.hex() for file in files), *same]


def sign_with(watch: Watch, pin: str, sfi: int, key: int) -> None:
    """A wrong PIN, the right one, a signature, a change of the PIN to itself, and refusals."""
    data = f"{len(pin):02X}{pin.encode().hex()}"
    wrong = f"{len(pin):02X}{pin[::-1].encode().hex()}"
    assert watch.send(f"002000{sfi:02X}{wrong}")[:3] == "63C"
    assert watch.send(f"002000{sfi:02X}{data}") == "9000"
    assert watch.send(f"802A00{key:02X}13{bytes(19).hex()}00").endswith("9000")
    assert watch.send(f"802A04{key:02X}20{bytes(32).hex()}00").endswith("9000")
    assert watch.send(f"802A04{key:02X}13{bytes(19).hex()}00") == "6985"
    assert watch.send(f"002401{sfi:02X}{data}") == "9000"
    assert watch.send(f"0046 81{key:02X}000000").endswith("9000")


def hold_all_sessions(watch: Watch, profile: str) -> None:
    watch.select(JPKI)
    sign_with(watch, PINS.signature, 0x9B, 0x9A)
    if profile != "juki-v1":
        sign_with(watch, PINS.authentication, 0x98, 0x97)
    counter = watch.terminal(JPKI, COUNTER_REFERENCE)
    setting = CommandApdu(0, 0x2C, 2, 0x9B, PINS.signature.encode())
    assert counter.protected(setting).status == 0x9000
    watch.select(JUKI)
    terminal = watch.terminal(JUKI, 1)
    verify = CommandApdu(0, 0x20, 0, 0x9C, PINS.juki.encode())
    assert terminal.protected(verify).status == 0x9000
    read = terminal.protected(CommandApdu(0, 0xB2, 1, 0x14, ne=256))
    assert CODE.encode() in read.data
    if profile == "mynumber":
        watch.select(bytes.fromhex("D3921000310001010408"))
        assert watch.send(f"0020009104{PINS.text.encode().hex()}") == "9000"
        assert watch.send("802A00930130 00").endswith("9000")
        watch.select(bytes.fromhex("D3921000310001010100"))
        assert watch.send(f"0020009C04{PINS.common.encode().hex()}") == "9000"
        assert watch.send("00880099043132333400").endswith("9000")


@pytest.mark.parametrize("profile", PROFILES)
def test_sessions_show_no_secret(profile: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    watch = Watch(profile)
    secrets = secrets_of(watch.card.snapshot())
    hold_all_sessions(watch, profile)
    assert shown([*watch.all_texts(), caplog.text], secrets) == set()
    # a trace that is told to show everything shows PINs, and no key all the same: none is sent
    full = shown([watch.full.text], secrets)
    assert "PIN signature" in full
    assert {name for name in full if "PIN" not in name} == set()


def test_a_key_pair_made_in_the_card_does_not_show() -> None:
    watch = Watch("juki-v1")
    watch.select(JPKI)
    counter = watch.terminal(JPKI, COUNTER_REFERENCE)
    made = counter.protected(CommandApdu(0, 0x46, 0x80, 0x9A, ne=65536))
    assert made.status == 0x9000
    secrets = secrets_of(watch.card.snapshot())
    sign_with(watch, PINS.signature, 0x9B, 0x9A)
    # the full trace has the PIN, of course, and the answers, whole
    keys = [secret for secret in secrets if "PIN" not in secret.name]
    assert shown(watch.all_texts(), secrets) == set()
    assert shown([watch.full.text], keys) == set()


@pytest.mark.parametrize("profile", PROFILES)
def test_inspect_shows_no_secret(
    profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card.juki"
    create_card(path, "card", snapshot(profile))
    secrets = secrets_of(snapshot(profile))
    asking = [f"00A4040C0A{JPKI.hex()}", "0020009B08" + PINS.signature.encode().hex()]
    asking += ["802A009A013000", "0020009C04" + PINS.juki.encode().hex()]
    sending = [part for command in asking for part in ("--send", command)]
    for form in ([], ["--json"]):
        for more in ([], sending):
            assert main(["inspect", *form, *more, str(path)]) == 0
            printed = capsys.readouterr()
            assert str(JPKI) in printed.out
            assert shown([printed.out, printed.err], secrets) == set()
            if form:
                json.loads(printed.out)


def test_the_keys_of_a_system_do_not_show_on_their_way_into_a_card() -> None:
    pair = KeyPair(Suite.AES128, 1, bytes(range(16)), bytes(range(16, 32)))
    secrets = [of_bytes("ENC", pair.enc), of_bytes("MAC", pair.mac)]
    assert shown([repr(pair), str(pair)], secrets) == set()


# -- exports, pickles, copies ----------------------------------------------------------------------


def test_the_export_that_says_so_has_the_keys_and_nothing_else_gives_them() -> None:
    taken = snapshot("mynumber")
    exported = taken.export_with_keys()
    secrets = secrets_of(taken)
    ders = [name for name in shown([exported.hex()], secrets) if name.endswith("DER")]
    assert ders, "the test looks for what is there"
    assert Card.restore(MemorySnapshot.from_bytes(exported)).snapshot() == taken
    ways = {name for name in dir(taken) if not name.startswith("_")}
    assert ways == {
        "adopt",
        "contents",
        "copies",
        "export_with_keys",
        "from_bytes",
        "meta",
        "partitions",
        "with_meta",
    }
    assert bytes(str(taken), "utf-8") not in exported
    with pytest.raises(TypeError):
        bytes(taken)  # type: ignore[call-overload]


def of_card(card: Card) -> list[object]:
    """What belongs to a card and holds or reaches its keys, and the keys themselves."""
    memory = card.environment.memory
    applications = list(card.applications)
    secret = ec.generate_private_key(ec.SECP256R1())
    plain = secret.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    curve_key = load_private_key(plain)
    assert isinstance(curve_key, EcPrivateKey)
    stored = [
        value
        for values in card.snapshot().partitions.values()
        for key, value in values.items()
        if key == "content/001A" and len(value) > 500
    ]
    assert stored
    return [
        card,
        card.snapshot(),
        card.environment,
        memory,
        memory.partition("card"),
        *applications,
        *[application.applet for application in applications],
        load_private_key(stored[0], check=False),
        curve_key,
    ]


COPIES: Final[dict[str, Callable[[object], object]]] = {
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_is_refused_or_shows_nothing(way: str) -> None:
    card = Card.restore(snapshot("mynumber"), on_bug=raise_bug)
    card.power_on()
    secrets = secrets_of(card.snapshot())
    said = []
    for item in of_card(card):
        try:
            made = COPIES[way](item)
        except TypeError as error:
            said += [str(error), repr(error)]
            continue
        said += [repr(made), str(made)]
        assert way != "pickle", f"a {type(item).__name__} is not written out"
    assert shown(said, secrets) == set()


@pytest.mark.parametrize("way", COPIES)
def test_a_card_its_memory_and_its_private_keys_are_not_copied(way: str) -> None:
    card = Card.restore(snapshot("juki-v1"), on_bug=raise_bug)
    empty = PersistentMemory()
    private, curve = of_card(card)[-2:]
    for item in (card, card.snapshot(), MemorySnapshot({}), empty, empty.partition("x")):
        with pytest.raises(TypeError, match=r"copied|export_with_keys"):
            COPIES[way](item)
    for key in (private, curve):
        with pytest.raises(TypeError, match="a private key is not copied"):
            COPIES[way](key)
