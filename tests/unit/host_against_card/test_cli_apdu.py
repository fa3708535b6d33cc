"""Commands as they are, sessions recorded and replayed, and vectors put to a card, from a shell."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from jukicard import TraceLevel, read_trace
from jukicard.apdu.trace import DumpCommand, DumpReset, DumpResponse
from jukihost import cli
from jukihost.errors import CardMute, CardRemoved, CommandNotCarried
from jukihost.testing import InProcess, VectorError, card_cases, run_vectors
from tests.support.host.cli import Run, as_json
from tests.support.published.vectors import VECTORS, cases, load

SELECT = "00A4040C0AD3921000310001010401"
SELECT_PIN = "00A4020C02001C"


def test_apdu_says_what_is_answered(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("apdu", "00A4040000", SELECT, SELECT_PIN, "00200080") == 1
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "> SELECT by DF name, FCI",
        "    00 A4 04 00 00",
        "    6F118407A00000015100008201788A0105A500",
        "      6F 17 bytes",
        "        84 A0000001510000",
        "        82 78",
        "        8A 05",
        "        A5 0 bytes",
        "< 9000 done",
        "> SELECT by DF name, no answer data",
        "    00 A4 04 0C 0A D3921000310001010401",
        "< 9000 done",
        "> SELECT EF under the current DF, no answer data",
        "    00 A4 02 0C 02 001C",
        "< 9000 done",
        "> VERIFY: how many tries are left, reference 00 of the application",
        "    00 20 00 80",
        "< 63C3 failed, 3 tries left",
    ]
    assert said.err == ""


def test_apdu_as_json(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("apdu", SELECT, "--json") == 0
    assert as_json(capsys) == [
        {
            "command": "00 A4 04 0C 0A D3921000310001010401",
            "says": "SELECT by DF name, no answer data",
            "answer": "",
            "status": "9000",
            "meaning": "done",
            "objects": [],
        }
    ]


def test_pins_come_from_a_file_and_are_not_repeated(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = f"# the PIN\n{SELECT}\n\n> {SELECT_PIN}   # of the application\n002000800431323334\n"
    path = tmp_path / "commands"
    path.write_text(commands)
    for arguments, typed in ((["--file", str(path)], ""), (["--file", "-"], commands)):
        assert run("apdu", *arguments, typed=typed) == 0
        said = capsys.readouterr().out
        assert "    00 20 00 80 04 <4 bytes>\n< 9000 done\n" in said
        assert "31323334" not in said


@pytest.mark.parametrize(
    "command",
    ["002000800431323334", "002C02800431323334", "00240180083132333431323334", "80320080043132",
     "8032008004 31323334", "00210080 0431323334", "002000800531323334"],
)  # fmt: skip
def test_a_pin_as_an_argument_is_refused_and_not_sent(
    command: str, run: Run, card_trace: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = run("apdu", SELECT, command)
    said = capsys.readouterr().err
    if command == "80320080043132":  # malformed, and no command of ISO/IEC 7816-4 with a PIN
        assert code == 1
        return
    assert code == 2
    assert "command 2 has a PIN in it" in said
    assert "3132" not in said
    assert card_trace == []


@pytest.fixture
def card_trace(card: object, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sent: list[str] = []
    transmit = type(card).transmit  # type: ignore[attr-defined]

    def watched(self: object, raw: bytes) -> bytes:
        sent.append(raw.hex())
        answer: bytes = transmit(self, raw)
        return answer

    monkeypatch.setattr(type(card), "transmit", watched)
    return sent


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to send"),
        (("xyz",), "hexadecimal digits"),
        (("00A404",), "four bytes or more"),
        (("00A4040",), "hexadecimal digits"),
        (("--file", "/nowhere"), "cannot read the commands"),
        (("--record-all", SELECT), "name a file"),
        (("--record", "/nowhere/file", SELECT), "cannot write the recording"),
    ],
)
def test_what_cannot_be_sent(
    arguments: tuple[str, ...], said: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("apdu", *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "xyz" not in error


def test_a_file_with_a_mistake_says_its_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("apdu", "--file", "-", typed=f"{SELECT}\n0020008004313233Z\n") == 2
    error = capsys.readouterr().err
    assert "line 2 of the commands" in error
    assert "3132" not in error


# -- recorded and replayed -------------------------------------------------------------------------


@pytest.mark.parametrize("everything", [False, True])
def test_every_command_records(
    everything: bool, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "session.json"
    more = ["--record-all"] if everything else []
    recorded = ["--record", str(path), *more]
    assert run("pin", "verify", "--pin-file", "-", *recorded, typed="1234\n") == 0
    trace = read_trace(path.read_bytes())
    assert trace.level is (TraceLevel.FULL if everything else TraceLevel.REDACTED)
    assert (b"31323334" in path.read_bytes()) is everything
    assert isinstance(trace.events[0], DumpReset)
    assert all(entry.time is not None for entry in trace.entries)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert run("status", *recorded) == 2
    assert "is there already" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_what_ends_in_an_error_is_recorded_as_well(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "session.json"
    typed = "4321\n"
    assert run("pin", "verify", "--pin-file", "-", "--record", str(path), typed=typed) == 1
    events = read_trace(path.read_bytes()).events
    answers = [event for event in events if isinstance(event, DumpResponse)]
    assert answers[-2].pattern.raw == b"\x63\xc2"


def test_replay(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, again = tmp_path / "session.json", tmp_path / "again.json"
    recorded = ["--record", str(path), "--record-all"]
    assert run("pin", "verify", "--pin-file", "-", *recorded, typed="1234\n") == 0
    capsys.readouterr()
    assert run("replay", str(path), "--record", str(again), "--record-all") == 0
    assert "commands were answered as then" in capsys.readouterr().out
    sent = [e for e in read_trace(path.read_bytes()).events if isinstance(e, DumpCommand)]
    assert [e for e in read_trace(again.read_bytes()).events if isinstance(e, DumpCommand)] == sent
    assert run("pin", "verify", "--pin-file", "-", typed="4321\n") == 1
    path.write_text(path.read_text().replace("31323334", "34333231"))
    capsys.readouterr()
    assert run("replay", str(path)) == 1
    said = capsys.readouterr()
    assert "  then: < 9000 done\n  now:  < 63C1 failed, 1 try left\n" in said.out
    assert said.err == "jukihost: command 3 is answered otherwise\n"
    assert "34333231" not in said.out


def test_replay_refuses_what_it_cannot_do(
    run: Run, tmp_path: Path, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, protected = tmp_path / "session.json", tmp_path / "protected.json"
    assert run("pin", "verify", "--pin-file", "-", "--record", str(path), typed="1234\n") == 0
    capsys.readouterr()
    assert run("replay", str(path)) == 2
    assert "such a trace is for reading" in capsys.readouterr().err
    code = ["code", "read", "--keys", keys, "--purpose", "RESIDENT_IDENTIFICATION"]
    recorded = ["--pin-file", "-", "--record", str(protected), "--record-all"]
    assert run(*code, *recorded, typed="1234\n") == 0
    capsys.readouterr()
    assert run("replay", str(protected), "--json") == 1
    said = capsys.readouterr()
    assert "cannot be repeated: it was made of the card's random numbers" in said.err
    assert json.loads(said.out)["sent"] == 3
    path.write_text("nonsense")
    assert run("replay", str(path)) == 2
    assert "line 1" in capsys.readouterr().err


# -- vectors ---------------------------------------------------------------------------------------

FILE = "apdu/iso7816_apdu_cases"


def test_vectors_run(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    marked = [case for case in cases(load(FILE)) if case.get("sendTo") == "card"]
    assert len(marked) == len(card_cases(VECTORS)) == 49
    assert run("vectors", "run", str(VECTORS)) == 0
    assert capsys.readouterr().out == "49 passed, 0 failed, 0 left out\n"
    assert run("vectors", "run", str(VECTORS), "--json") == 0
    told = as_json(capsys)
    assert [one["tcId"] for one in told] == [case["tcId"] for case in marked]
    assert {one["outcome"] for one in told} == {"passed"}


class Answering(InProcess):
    """A connection whose card answers as it is told to; an error is raised."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer
        self.reconnected = 0

    def transmit(self, command: bytes) -> bytes:
        return self.answer(command)

    def reconnect(self) -> bytes:
        self.reconnected += 1
        if self.reconnected > 5:
            raise CardRemoved("gone")
        return b""


def verdicts(answer: str) -> set[tuple[str, str]]:
    """What becomes of all cases on a card that always gives this answer."""
    found = run_vectors(card_cases(VECTORS), Answering(lambda command: bytes.fromhex(answer)))
    return {
        ("valid" if one.case.valid else "invalid", one.outcome)
        for one in found
        if not one.case.extended
    }


@pytest.mark.parametrize(
    ("answer", "valid", "invalid"),
    [
        ("6D00", "passed", "passed"),
        ("6881", "passed", "passed"),
        ("6700", "failed", "passed"),
        ("9000", "failed", "failed"),
        ("6110", "failed", "failed"),
        ("63C0", "failed", "failed"),
        ("AA6D00", "failed", "failed"),
        ("60", "failed", "failed"),
        ("", "failed", "failed"),
    ],
)
def test_what_is_right(answer: str, valid: str, invalid: str) -> None:
    assert verdicts(answer) == {("valid", valid), ("invalid", invalid)}


def test_extended_length_fields_are_no_duty() -> None:
    found = run_vectors(card_cases(VECTORS), Answering(lambda command: b"\x67\x00"))
    assert {one.outcome for one in found if one.case.extended and one.case.valid} == {"left out"}


def test_what_the_reader_does_not_carry_is_left_out() -> None:
    def transmit(command: bytes) -> bytes:
        if len(command) < 4:
            raise CommandNotCarried("too short")
        return b"\x6d\x00"

    found = list(run_vectors(card_cases(VECTORS), Answering(transmit)))
    assert [one.case.number for one in found if one.outcome == "left out"] == [30, 31, 32]


def test_a_card_that_gives_no_answer_has_failed_and_is_asked_the_rest() -> None:
    """Until it does not come back; a long command may be too much for it, or for its reader."""

    def transmit(command: bytes) -> bytes:
        if command[0] == 0x00 and len(command) == 8:
            raise CardMute("mute")
        if len(command) > 60_000:
            raise CardMute("mute")
        return b"\x6d\x00"

    connection = Answering(transmit)
    found = {one.case.number: one for one in run_vectors(card_cases(VECTORS), connection)}
    assert len(found) == 49
    assert [number for number, one in found.items() if one.outcome == "failed"] == [
        35,
        37,
        38,
        47,
        49,
    ]
    assert found[17].why.startswith("no answer: card or reader take no such length")
    assert found[27].why.startswith("the card did not come back")
    assert found[17].outcome == found[27].outcome == "left out"


def folder_with(tmp_path: Path, document: object, name: object = "a.json") -> Path:
    (tmp_path / "index.json").write_text(json.dumps({"cases": [{"file": name}]}))
    text = document if isinstance(document, str) else json.dumps(document)
    (tmp_path / "a.json").write_text(text)
    return tmp_path


CASE = {"tcId": 1, "flags": ["F"], "result": "valid", "sendTo": "card", "apdu": "00000000"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"cases": []}, "no case in it is marked"),
        ({"cases": [{**CASE, "sendTo": "host"}]}, "no case in it is marked"),
        ({"cases": [{**CASE, "apdu": "0"}]}, "case 1 of a.json"),
        ({"cases": [{**CASE, "apdu": ""}]}, "case 1 of a.json"),
        ({"cases": [{**CASE, "result": "maybe"}]}, "case 1 of a.json"),
        ({"cases": [{**CASE, "flags": 1}]}, "case 1 of a.json"),
        ({"cases": [{**CASE, "encoded_parts": [{"repeat": "00", "count": 10**12}]}]}, "case 1"),
        ({"cases": [{**CASE, "encoded_parts": [{"repeat": "00", "count": 60_000}] * 2}]}, "case 1"),
        ({"cases": [{**CASE, "encoded_parts": [{"repeat": "", "count": 10**12}]}]}, "case 1"),
        ({"cases": [{**CASE, "encoded_parts": 7}]}, "case 1 of a.json"),
        ("[", "a.json is damaged"),
        ("[]", "no file of vectors"),
        ("[" * 100_000, "a.json is damaged"),
    ],
)
def test_damaged_vectors_are_refused_in_words(document: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(VectorError, match=said):
        card_cases(folder_with(tmp_path, document))


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.json", 7, None])
def test_only_files_of_the_folder_are_read(name: object, tmp_path: Path) -> None:
    with pytest.raises(VectorError, match="names no file of the folder"):
        card_cases(folder_with(tmp_path, {"cases": [CASE]}, name))


def test_no_folder(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("vectors", "run", str(tmp_path)) == 2
    assert "the folder is vectors/ of the source distribution" in capsys.readouterr().err
    assert cli.main(["vectors", "--help"]) == 0
