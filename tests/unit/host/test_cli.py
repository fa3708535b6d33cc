"""The command line: exit codes, what is printed and what never is, without a reader in the way."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jukihost import cli
from jukihost.errors import CardError
from jukihost.transport.pcsc import connection as pcsc
from tests.support.host.fake_scard import FakeReader, FakeScard
from tests.support.host.fakes import (
    JUKI_ATR,
    ByteStream,
    FakeJukiCard,
    dialling_card,
    listening_card,
)
from tests.support.ports import kept_port

ROOT = Path(__file__).parents[3]
READER = "ACS ACR39U [bold] 00 00"


@pytest.fixture
def card() -> FakeJukiCard:
    return FakeJukiCard("1234")


@pytest.fixture
def scard(card: FakeJukiCard, monkeypatch: pytest.MonkeyPatch) -> FakeScard:
    """One reader with `card` in it, for whatever the command line opens."""
    fake = FakeScard([FakeReader(READER, JUKI_ATR, answer=card.transmit)])
    monkeypatch.setattr(pcsc, "load_scard", lambda: fake)
    return fake


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is typed at a terminal, one entry for each question."""
    answers: list[str] = []
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: answers.pop(0))
    yield answers
    assert not answers


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def pin_file(folder: Path, *lines: str) -> str:
    path = folder / "pin"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


# --- readers and status ---


def test_readers(scard: FakeScard, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["readers"]) == 0
    out = capsys.readouterr().out
    assert READER in out  # brackets are no markup
    assert JUKI_ATR.hex().upper() in out


def test_readers_as_json(
    scard: FakeScard, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jukihost.transport.pcsc.names._pcsclite", scard.pcsclite)
    scard.readers.append(FakeReader("空の読取機"))
    assert cli.main(["readers", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"index": 0, "name": READER, "card": True, "atr": "3BE000FF8131FE4514"},
        {"index": 1, "name": "空の読取機", "card": False, "atr": None},
    ]


def test_mute_and_missing_cards_in_the_list(
    scard: FakeScard, capsys: pytest.CaptureFixture[str]
) -> None:
    scard.readers = [FakeReader("one", b""), FakeReader("two")]
    assert cli.main(["readers"]) == 0
    assert "mute" in capsys.readouterr().out


def test_no_readers(scard: FakeScard, capsys: pytest.CaptureFixture[str]) -> None:
    scard.readers.clear()
    assert cli.main(["readers"]) == 3
    assert "plug one in" in capsys.readouterr().err


def test_status(scard: FakeScard, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 0
    out = capsys.readouterr().out
    for part in (READER, "3BE000FF8131FE4514", "Juki PIN", "3 tries left", "absent"):
        assert part in out
    # It verified nothing: the card is left as it was found.
    assert ("SCardDisconnect", 0) in scard.calls


def test_status_as_json(
    scard: FakeScard, card: FakeJukiCard, capsys: pytest.CaptureFixture[str]
) -> None:
    card.tries = 1
    assert cli.main(["status", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["pin_retries"] == 1
    assert status["connection"] == READER
    states = {found["name"]: found["state"] for found in status["applications"]}
    assert states.pop("juki") == "present"
    assert set(states.values()) == {"absent"}


def test_status_of_a_suspended_card(
    scard: FakeScard, card: FakeJukiCard, capsys: pytest.CaptureFixture[str]
) -> None:
    card.select_status = 0x6283
    assert cli.main(["status"]) == 0
    out = capsys.readouterr().out
    assert "suspended" in out
    assert "3 tries left" in out


def test_status_of_another_card(scard: FakeScard, capsys: pytest.CaptureFixture[str]) -> None:
    scard.readers[0].answer = lambda command: b"\x6a\x82"
    assert cli.main(["status", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["pin_retries"] is None


@pytest.mark.parametrize("name", ["0", "acr39", READER])
def test_reader_by_name_or_number(scard: FakeScard, name: str) -> None:
    assert cli.main(["status", "--reader", name]) == 0


# --- the PIN ---


def test_verify_by_typing(
    scard: FakeScard, typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    typed.append("1234")
    assert cli.main(["pin", "verify"]) == 0
    assert capsys.readouterr().out == "the PIN is right\n"
    # Nobody may go on with the verified PIN.
    assert ("SCardDisconnect", 2) in scard.calls


def test_wrong_pin(
    scard: FakeScard, card: FakeJukiCard, typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for expected in ("2 tries left", "1 try left", "blocked", "blocked"):
        typed.append("7391")
        assert cli.main(["pin", "verify"]) == 1
        captured = capsys.readouterr()
        assert expected in captured.err
        assert "7391" not in captured.err + captured.out
    assert card.tries == 0


@pytest.mark.parametrize("lines", [(), ("1234", "5678"), ("12345",), ("",), ("１２３４",)])
def test_pin_file_that_holds_no_pin(
    scard: FakeScard,
    card: FakeJukiCard,
    tmp_path: Path,
    lines: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["pin", "verify", "--pin-file", pin_file(tmp_path, *lines)]) == 2
    err = capsys.readouterr().err
    assert not any(line and line in err for line in lines)
    assert card.commands == []


def test_pin_file(scard: FakeScard, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["pin", "verify", "--json", "--pin-file", pin_file(tmp_path, "1234")]) == 0
    assert json.loads(capsys.readouterr().out) == {"done": True}


def test_pin_file_that_cannot_be_read(
    scard: FakeScard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["pin", "verify", "--pin-file", str(tmp_path / "none")]) == 2
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    assert cli.main(["pin", "verify", "--pin-file", str(binary)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_no_terminal_to_type_on(
    scard: FakeScard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert cli.main(["pin", "verify"]) == 2
    assert "--pin-file" in capsys.readouterr().err


def test_end_of_input_instead_of_a_pin(scard: FakeScard, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", nothing)
    assert cli.main(["pin", "verify"]) == 2


def test_pin_is_never_an_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["pin", "verify", "1234"]) == 2
    assert cli.main(["pin", "verify", "--pin", "1234"]) == 2


def test_change_without_keys_asks_for_nothing(
    scard: FakeScard, card: FakeJukiCard, typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["pin", "change"]) == 2
    assert "--keys" in capsys.readouterr().err
    assert card.commands == []


# --- trace ---


def test_trace_shows_the_exchange_and_no_pin(
    scard: FakeScard, typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    typed.append("1234")
    assert cli.main(["pin", "verify", "--trace"]) == 0
    captured = capsys.readouterr()
    assert "3BE000FF8131FE4514" in captured.err
    assert "VERIFY" in captured.err
    assert "00 20 00 80" in captured.err
    for secret in ("1234", "31323334", "31 32 33 34"):
        assert secret not in captured.err.replace("D3921000310001010401", "")
    assert captured.out == "the PIN is right\n"


# --- failures ---


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0x8010001D, "pcscd is not running"),
        (0x8010002E, "plug one in"),
    ],
)
def test_no_service_or_reader(
    scard: FakeScard, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scard.fail = {"SCardEstablishContext": [code]}
    assert cli.main(["status", "--wait", "0"]) == 3
    assert text in capsys.readouterr().err


def test_waiting_is_said(scard: FakeScard, capsys: pytest.CaptureFixture[str]) -> None:
    scard.readers[0].atr = None
    assert cli.main(["status", "--wait", "0.3"]) == 3
    err = capsys.readouterr().err
    assert err.count("waiting 0.3 s for a card") == 1
    assert "put one in" in err


def test_card_pulled_out(
    scard: FakeScard, typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    typed.append("7391")
    scard.fail["SCardTransmit"] = [0x80100069]
    assert cli.main(["pin", "verify"]) == 3
    err = capsys.readouterr().err
    assert "pulled out" in err
    assert "7391" not in err


def test_interrupted(
    scard: FakeScard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(command: bytes) -> bytes:
        raise KeyboardInterrupt

    scard.readers[0].answer = interrupt
    assert cli.main(["status"]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert (scard.contexts, scard.connected) == (0, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["pin"],
        ["status", "--tcp", "nowhere"],
        ["status", "--tcp", ":1"],
        ["status", "--vpcd", "localhost:65536"],
        ["status", "--vpcd", "localhost:１"],
        ["status", "--tcp", "localhost:"],
        ["status", "--wait", "soon"],
        ["status", "--wait", "-1"],
        ["status", "--wait", "nan"],
        ["status", "--reader", "0", "--tcp", "localhost:1"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert "usage: jukihost" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["status", "--help"], ["pin", "change", "--help"]]
)
def test_help_has_examples_and_exit_codes(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert "exit codes:" in out


def test_help_loads_nothing_it_does_not_need() -> None:
    code = (
        "import sys; from jukihost import cli; cli.main(['--help']); "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "('rich', 'smartcard', 'cryptography', 'socket')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "host")},
    )
    assert done.stderr.strip() == "[]"


def test_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jukihost", "pin"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "host")},
    )
    assert done.returncode == 2
    assert "usage:" in done.stderr


# --- cards over sockets ---


def vpcd(card: FakeJukiCard, stream: ByteStream) -> None:
    while True:
        message = stream.read(int.from_bytes(stream.read(2), "big"))
        if message == b"\4" or len(message) > 1:
            answer = card.atr if message == b"\4" else card.transmit(message)
            stream.send(len(answer).to_bytes(2, "big") + answer)
        elif message == b"\0":
            return


def tcp(card: FakeJukiCard, stream: ByteStream) -> None:
    stream.send(b"JUKITCP1")
    stream.read(8)
    while True:
        head = stream.read(5)
        payload = stream.read(int.from_bytes(head[1:], "big"))
        kind, answer = {1: (0x81, card.atr), 2: (0x81, card.atr), 4: (0x84, b"")}.get(
            head[0], (0x83, b"")
        )
        answer = card.transmit(payload) if kind == 0x83 else answer
        stream.send(bytes((kind,)) + len(answer).to_bytes(4, "big") + answer)


def test_tcp_and_dialled_vpcd(card: FakeJukiCard, capsys: pytest.CaptureFixture[str]) -> None:
    with listening_card(lambda stream: tcp(card, stream)) as (host, port):
        assert cli.main(["status", "--json", "--tcp", f"{host}:{port}"]) == 0
    with listening_card(lambda stream: vpcd(card, stream)) as (host, port):
        assert cli.main(["status", "--json", "--vpcd-dial", f"{host}:{port}"]) == 0
    assert capsys.readouterr().out.count('"pin_retries": 3') == 2


def test_vpcd_listens_to_other_machines_only_when_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    where = ["status", "--vpcd", "0.0.0.0:0", "--wait", "0.1"]
    assert cli.main(where) == 2
    assert "--allow-remote" in capsys.readouterr().err
    assert cli.main([*where, "--allow-remote"]) == 3
    assert "no card called" in capsys.readouterr().err


def test_vpcd_waits_for_the_card_to_call(
    card: FakeJukiCard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []

    def call_when_told(text: str) -> None:
        said.append(text)
        calling.__enter__()

    with kept_port() as port:
        calling = dialling_card(("127.0.0.1", port), lambda stream: vpcd(card, stream))
        monkeypatch.setattr("jukihost.cli.output.say", call_when_told)
        assert cli.main(["status", "--json", "--vpcd", f"127.0.0.1:{port}", "--wait", "5"]) == 0
        calling.__exit__(None, None, None)
    assert said == [f"waiting 5 s for a card to call 127.0.0.1:{port} ..."]
    assert '"pin_retries": 3' in capsys.readouterr().out


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--tcp", "127.0.0.1:1"]) == 3
    assert "nobody answers" in capsys.readouterr().err


def test_every_card_error_has_an_exit_code(
    scard: FakeScard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(channel: object) -> None:
        raise CardError("something new")

    monkeypatch.setattr("jukihost.conversation.probe.card_probe", fail)
    assert cli.main(["status"]) == 3
    assert "something new" in capsys.readouterr().err
