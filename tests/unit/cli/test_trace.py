"""`jukicard trace`: sessions shown, converted, compared and repeated; mistakes in one sentence."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jukicard import TraceLevel, read_trace, write_trace
from jukicard.apdu.trace.formats import MAX_BYTES
from jukicard.apdu.trace.record import ApduTrace
from jukicard.cli import main
from jukicard.cli.ending import Ending
from jukicard.testing import CardInTest, Hazard, Pulled, card_in, today_in
from jukihost import CardError, JukiSession, PublishedKeys, Purpose, TcpConnection, build_channel
from jukihost.connection import Connection
from jukihost.testing import InProcess

Run = Callable[..., tuple[str, str]]


def ask(connection: Connection) -> int:
    with JukiSession(build_channel(connection)) as juki:
        juki.verify_pin("1234")
        return juki.pin_retries()


def protected(connection: Connection) -> int:
    with JukiSession(build_channel(connection)) as juki:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublishedKeys())
        juki.verify_pin("1234")
        return len(juki.read_code().reveal())


def recorded(session: Callable[[Connection], int] = ask, *hazards: Hazard) -> ApduTrace:
    card = CardInTest(card_in(), today=today_in("issued"), seed=1, record=True)
    card.hazard(*hazards)
    with contextlib.suppress(CardError), InProcess(card.reader) as reader:
        session(reader)
    card.close()
    assert card.recording is not None
    return card.recording


def kept(trace: ApduTrace, path: Path, form: str = "json") -> str:
    path.write_bytes(write_trace(trace, form))
    return str(path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str, expect: int = 0) -> tuple[str, str]:
        code = main(["trace", *arguments])
        said = capsys.readouterr()
        assert code == expect, said
        if expect:
            assert re.fullmatch(r"jukicard: [^\n]+\n", said.err) or "usage:" in said.err
        else:
            assert said.err == ""
        return said.out, said.err

    return run


@pytest.fixture
def file(tmp_path: Path) -> str:
    return kept(recorded(), tmp_path / "session.json")


def test_show_hides_what_was_recorded(file: str, run: Run) -> None:
    said, _ = run("show", file)
    assert "> VERIFY, reference 00 of the application\n    00 20 00 80 04 <4 bytes>\n" in said
    assert "31323334" not in said
    assert "00 20 00 80 04 31323334" in run("show", "--all", file)[0]


@pytest.mark.parametrize("form", ["json", "txt", "text", "html", "pcapng"])
@pytest.mark.parametrize("everything", [False, True])
def test_convert(file: str, form: str, everything: bool, tmp_path: Path, run: Run) -> None:
    out = tmp_path / f"out.{form}"
    run("convert", *["--all"] * everything, file, str(out))
    content = out.read_bytes()
    secret = b"1234" if form == "pcapng" else b"31323334"
    assert (secret in content) is everything
    if everything:
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
    if form in ("json", "txt"):
        level = TraceLevel.FULL if everything else TraceLevel.REDACTED
        read = read_trace(content)
        assert read.events == recorded().at(level).events
        assert bool(read.card) is (everything and form == "json")


def test_convert_replaces_nothing_without_being_told(file: str, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "out.json"
    out.write_text("mine")
    assert "--force replaces it" in run("convert", file, str(out), expect=1)[1]
    assert out.read_text() == "mine"
    run("convert", file, str(out), "--force")
    assert read_trace(out.read_bytes()).events
    assert "end it with .json" in run("convert", file, str(tmp_path / "out"), expect=2)[1]
    assert "cannot be written" in run("convert", file, str(tmp_path / "no/out.json"), expect=1)[1]


def test_diff(file: str, tmp_path: Path, run: Run) -> None:
    again = kept(recorded(), tmp_path / "again.txt", "dump")
    assert run("diff", file, again) == ("", "")
    pulled = kept(recorded(ask, Pulled(at=3)), tmp_path / "pulled.json")
    said, error = run("diff", file, pulled, expect=1)
    assert "- < 9000 done\n" in said
    assert error == "jukicard: the sessions differ\n"
    assert "31323334" not in said


@pytest.mark.parametrize("session", [ask, protected])
@pytest.mark.parametrize("hazards", [(), (Pulled(at=3),)], ids=repr)
def test_replay_to_the_card_that_is_in_it(
    session: Callable[[Connection], int], hazards: tuple[Hazard, ...], tmp_path: Path, run: Run
) -> None:
    file = kept(recorded(session, *hazards), tmp_path / "session.json")
    assert re.fullmatch(r"\d+ commands were answered as then\n", run("replay", file)[0])


def test_replay_to_another_card(file: str, tmp_path: Path, run: Run) -> None:
    assert "answered as then" in run("replay", file, "--seed", "1")[0]
    image = tmp_path / "card.juki"
    assert main(["new", "--seed", "1", str(image)]) == 0
    before = image.read_bytes()
    pins = tmp_path / "pins"
    pins.write_text("9999\n")
    run("replay", file, "--image", str(image))
    said, error = run("replay", file, "--seed", "1", "--pin-file", str(pins), expect=1)
    assert error == "jukicard: command 3 is answered otherwise\n"
    assert "  now:  < 63C2 failed, 2 tries left\n" in said
    assert image.read_bytes() == before


def test_replay_of_what_cannot_be_replayed(file: str, tmp_path: Path, run: Run) -> None:
    redacted = kept(recorded().at(TraceLevel.REDACTED), tmp_path / "redacted.json")
    assert "say which to send it to" in run("replay", redacted, expect=2)[1]
    assert "for reading" in run("replay", redacted, "--seed", "1", expect=1)[1]
    dump = kept(recorded(protected), tmp_path / "protected.txt", "dump")
    error = run("replay", dump, "--seed", "1", "--contactless", expect=1)[1]
    assert "the card's answer to reset is another" in error
    silent = tmp_path / "silent.txt"
    silent.write_text("> 00B0000000\n")
    assert "had no answer then" in run("replay", str(silent), "--seed", "1", expect=1)[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--image", "card.juki", "--seed", "1"], "--seed is for issuing a card"),
        (["--tcp", "127.0.0.1:0", "--seed", "1"], "here the trace is the card"),
        (["--tcp", "127.0.0.1:0", "--image", "card.juki"], "here the trace is the card"),
        (["--profile", "juki-v9"], "no profile of this name"),
        (["--tcp", "127.0.0.1:x"], "no port"),
        (["--tcp", "127.0.0.1:0", "--vpcd", "localhost"], "usage:"),
    ],
)
def test_what_cannot_be_meant(file: str, arguments: list[str], said: str, run: Run) -> None:
    assert said in run("replay", file, *arguments, expect=2)[1]


@pytest.mark.parametrize("action", ["show", "convert", "diff", "replay"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "there is nothing in it"),
        (b"\x7fELF\xff\x00", "no text"),
        (b"{", "cut off"),
        (b"\x0a\x0d\x0d\x0a\x1c\x00", "capture file"),
        (b"#" * (MAX_BYTES + 1), "more than 16 MiB"),
        (b"> 0020008004313233\n> x\n", "line 2"),
    ],
)
def test_what_is_no_trace(action: str, content: bytes, said: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_bytes(content)
    more = {"convert": ["out.json"], "diff": [str(tmp_path / "file")]}.get(action, [])
    error = run(action, str(tmp_path / "file"), *more, expect=1)[1]
    assert said in error
    assert "313233" not in error


def test_what_is_no_file(tmp_path: Path, run: Run) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is a directory" in run("show", str(tmp_path), expect=1)[1]
    assert "is a pipe" in run("show", str(tmp_path / "pipe"), expect=1)[1]
    assert "No such file" in run("show", str(tmp_path / "none"), expect=1)[1]


def test_a_card_that_is_damaged(tmp_path: Path, run: Run) -> None:
    trace = recorded()
    trace.card = trace.card[:-9]
    assert "truncated" in run("replay", kept(trace, tmp_path / "session.json"), expect=1)[1]


@pytest.mark.parametrize("action", ["", "show", "convert", "diff", "replay"])
def test_help_with_examples(action: str, run: Run) -> None:
    said, _ = run(*action.split(), "--help")
    assert "examples:\n  jukicard trace " in said


class Playing:
    """The recording as a card in a thread, and how the command ended."""

    def __init__(self, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.address = threading.Event()
        self.said: list[str] = []
        self.code: int | None = None
        monkeypatch.setattr("jukicard.cli.serve.say", self.hear)
        # signals are the main thread's; this one ends when the session was played
        self.noted = socket.socketpair()
        monkeypatch.setattr(
            "jukicard.cli.ending.ended_by_signals",
            lambda: contextlib.nullcontext(Ending(self.noted[0])),
        )
        self.arguments = ["trace", "replay", file, "--tcp", "127.0.0.1:0"]
        self.thread = threading.Thread(target=self.play)

    def hear(self, line: str) -> None:
        self.said.append(line)
        self.address.set()

    def play(self) -> None:
        self.code = main(self.arguments)

    def __enter__(self) -> TcpConnection:
        self.thread.start()
        assert self.address.wait(60)
        host, _, port = self.said[0].rpartition(" ")[2].rpartition(":")
        return TcpConnection(host, int(port), timeout=60)

    def __exit__(self, *_: object) -> None:
        self.thread.join(60)
        for end in self.noted:
            end.close()
        assert not self.thread.is_alive()


def test_replay_as_a_card(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    playing = Playing(file, monkeypatch)
    with playing as connection, connection:
        assert ask(connection) == 3
    assert playing.code == 0
    assert playing.said[-1] == "the session was played to its end"


def test_a_terminal_that_strays_ends_it_in_words(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    playing = Playing(file, monkeypatch)
    with playing as connection, connection, pytest.raises(CardError):
        connection.transmit(b"\x00\x20\x00\x80\x041234")
    assert playing.code == 1
    said = capsys.readouterr().err
    assert "the program sent 00200080 (9 bytes)" in said
    assert "1234" not in said


# -- recorded while it is served -------------------------------------------------------------------


@pytest.mark.parametrize("session", [ask, protected])
@pytest.mark.parametrize("more", [(), ("--trace",), ("--contactless",)])
def test_what_is_served_is_recorded_and_repeated(
    session: Callable[[Connection], int],
    more: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Run,
) -> None:
    file = tmp_path / "all.json"
    serving = Playing(str(file), monkeypatch)
    serving.arguments = [
        "serve",
        "--seed",
        "1",
        "--tcp",
        "127.0.0.1:0",
        "--record",
        str(file),
        *more,
    ]
    until = threading.Event()
    monkeypatch.setattr("jukicard.cli.serve._work", lambda *_, control: until.wait(60))
    with serving as connection:
        for _ in range(2):
            with connection:
                session(connection)
        until.set()
    assert serving.code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "answered as then" in run("replay", str(file))[0]
    assert run("diff", str(file), str(file)) == ("", "")


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("juki-v1:1", "juki-v1:2", "--record", "new.json"), "name one", 2),
        (("--record", "old.json"), "old.json cannot be made: File exists", 1),
        (("--record", "no/new.json"), "cannot be made: No such file", 1),
    ],
)
def test_what_cannot_be_recorded(
    arguments: tuple[str, ...],
    said: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.json").write_text("mine")
    assert main(["serve", "--tcp", "127.0.0.1:0", *arguments]) == code
    assert said in capsys.readouterr().err
    assert (tmp_path / "old.json").read_text() == "mine"
    assert not (tmp_path / "new.json").exists()
