"""T=1 block by block: the scenarios of ISO/IEC 7816-3:2006, annex A, seen from the card.

`I0` is I(0,0), `I0+` I(0,1), `R1` R(1), `R1e` with an EDC error, `R1o` with another one, `WTX?` a
request, `WTX!` its response, `-` silence; `~` before a block says that it arrives damaged.
"""

from __future__ import annotations

import re

import pytest

from jukicard.apdu import Atr
from jukicard.transport.tpdu import T1Card
from tests.support.readers.t1_reader import lrc

KINDS = {"RESYNCH": 0, "IFS": 1, "ABORT": 2, "WTX": 3}
INF = {"IFS": b"\x64", "WTX": b"\x01"}


class ListedAnswers:
    """Fits CardPort; answers in turn with as many bytes as it was told, and 9000."""

    atr = bytes(Atr.build(protocols=(1, 1), interface_bytes={"TA3": 8}))

    def __init__(self, *sizes: int) -> None:
        self.sizes = list(sizes)
        self.commands: list[bytes] = []

    def power_on(self) -> bytes:
        return self.atr

    def reset(self) -> bytes:
        return self.atr

    def power_off(self) -> None:
        pass

    def transmit(self, command: bytes, /) -> bytes:
        self.commands.append(command)
        return bytes((len(self.commands),)) * self.sizes.pop(0) + b"\x90\x00"


def to_bytes(word: str, inf: bytes = b"\x5a") -> bytes:
    damaged, word = word[0] == "~", word.lstrip("~")
    if match := re.fullmatch(r"I([01])(\+?)(0?)", word):
        number, more, empty = match.groups()
        pcb, inf = int(number) << 6 | bool(more) << 5, b"" if empty else inf
    elif match := re.fullmatch(r"R([01])([eo]?)", word):
        pcb, inf = 0x80 | int(match[1]) << 4 | " eo".index(match[2] or " "), b""
    else:
        kind = word[:-1]
        pcb = 0xC0 | (word[-1] == "!") << 5 | KINDS[kind]
        inf = INF.get(kind, b"")
    body = bytes((0, pcb, len(inf))) + inf
    return body + (bytes((lrc(body)[0] ^ 1,)) if damaged else lrc(body))


def to_word(raw: bytes) -> str:
    if not raw:
        return "-"
    _, pcb, size = raw[:3]
    assert len(raw) == 4 + size
    assert lrc(raw) == b"\0"
    if pcb & 0x80 == 0:
        assert pcb & 0x1F == 0
        return f"I{pcb >> 6}{'+' if pcb & 0x20 else ''}"
    if pcb & 0x40 == 0:
        assert size == 0
        return f"R{pcb >> 4 & 1}{['', 'e', 'o'][pcb & 0x0F]}"
    kind = next(name for name, value in KINDS.items() if value == pcb & 0x1F)
    assert raw[3:-1] == INF.get(kind, b"")
    return kind + ("!" if pcb & 0x20 else "?")


CHAINED = 40
"""An answer that takes two blocks of 32 bytes."""

SCENARIOS: dict[str, tuple[str, int]] = {
    # name: (the reader's block and the card's, in turn; how many commands are executed)
    "1 exchange": ("I0 I0 I1 I1 I0 I0", 3),
    "2 waiting time": ("wait I0 WTX? WTX! I0 I1 WTX? WTX! I1", 2),
    "3 the card's IFS": ("announce I0 IFS? IFS! I0 I1 I1", 2),
    "4 the reader's IFS": ("I0 I0 IFS? IFS! I1 I1", 2),
    "5 chain to the card": ("I0+ R1 I1+ R0 I0 I0 I1 I1", 2),
    "6 chain to the reader": ("long I0 I0+ R1 I1 I1 I0", 2),
    "7 an empty last block": ("I0+ R1 I10 I0 I0 I1", 2),
    "8 damaged command": ("~I0 R0e I0 I0", 1),
    "9 damaged answer": ("I0 I0 R0 I0 I1 I1", 2),
    "10 damaged command and report": ("~I0 R0e R0 R0e I0 I0", 1),
    "11 damaged answer and report": ("I0 I0 ~R0 R1e R0 I0", 1),
    "13 and again": ("I0 I0 ~R0 R1e ~R0 R1e R0 I0 I1 I1", 2),
    "14 damaged WTX request": ("wait I0 WTX? R0 WTX? WTX! I0", 1),
    "15 and the report": ("wait I0 WTX? ~R0 WTX? R0 WTX? WTX! I0", 1),
    "16 damaged IFS request": ("announce I0 IFS? R0 IFS? IFS! I0", 1),
    "17 and the report": ("announce I0 IFS? ~R0 IFS? IFS! I0", 1),
    "18 damaged IFS response": ("announce I0 IFS? ~IFS! IFS? IFS! I0", 1),
    "19 damaged answer after it": ("announce I0 IFS? IFS! I0 R0 I0", 1),
    "20 and the report": ("announce I0 IFS? IFS! I0 ~R0 R1e R0 I0", 1),
    "21 damaged acknowledgement": ("I0+ R1 R0 R1 I1+ R0 I0 I0", 1),
    "22 and the report": ("I0+ R1 ~R0 R1e I1+ R0 I0 I0", 1),
    "23 damaged acknowledgement of the reader": ("long I0 I0+ ~R1 R1e R1 I1", 1),
    "24 and the report": ("long I0 I0+ ~R1 R1e R1e I1", 1),
    "25 the reader aborts the card's chain": ("long I0 I0+ ABORT? ABORT! I1 I1", 2),
    "27 the card aborts the reader's chain": ("small I0+ R1 I1+ ABORT? ABORT! R0 I0 I0", 1),
    "27 with a damaged response": ("small I0+ R1 I1+ ABORT? ~ABORT! ABORT? ABORT! R0", 0),
    "27 with a damaged R-block": ("small I0+ R1 I1+ ABORT? ABORT! R0 R0 R0 I0 I0", 1),
    "28 the reader aborts its own chain": ("I0+ R1 ABORT? ABORT! I1 I0", 1),
    "29 resynchronisation": ("I0 I0 RESYNCH? RESYNCH! I0 I0", 2),
    "30 its response is damaged": ("RESYNCH? RESYNCH! RESYNCH? RESYNCH! I0 I0", 1),
    "31 its request is damaged": ("~RESYNCH? R0e RESYNCH? RESYNCH! I0 I0", 1),
    "31 after a command": ("I0 I0 ~RESYNCH? R1e RESYNCH? RESYNCH! I0 I0", 2),
    # beyond the annex
    "a lost command": ("R0 R0o I0 I0 R1 R1o R1 R1o I1 I1", 2),
    "a lost command after IFS": ("I0 I0 IFS? IFS! R1 R1o I1 I1", 2),
    "a lost acknowledgement": ("long I0 I0+ R1 I1 R1 I1 I1 I0", 2),
    "a command that comes twice": ("I0 I0 I0 R1o R0 I0 I1 I1", 2),
    "a chained block that comes twice": ("I0+ R1 I0+ R1o I1 I0", 1),
    "an acknowledgement that comes twice": ("long I0 I0+ R1 I1 R1 I1", 1),
    "IFS within a chain to the reader": ("long I0 I0+ IFS? IFS! R1 I1", 1),
    "a new command instead of an acknowledgement": ("long I0 I0+ I1 I1 R0 R0o", 2),
    "a new chain instead of one": ("long I0 I0+ I1+ R0 R1 R0 I0 I1", 2),
    "no abort without a chain": ("I0 I0 ABORT? ABORT! R0 I0", 1),
    "resynchronisation drops a chain": ("I0+ R1 RESYNCH? RESYNCH! I0 I0", 1),
    "resynchronisation drops a request": ("wait I0 WTX? RESYNCH? RESYNCH! I0 WTX? WTX! I0", 2),
    "resynchronisation announces again": (
        "announce I0 IFS? IFS! I0 RESYNCH? RESYNCH! I0 IFS? IFS! I0",
        2,
    ),
    "the first number is 0": ("I1 R0o I1+ R0o I0 I0", 1),
    "responses nobody asked for": ("WTX! R0o IFS! R0o ABORT! R0o", 0),
    "the card asks for time": ("WTX? R0o I0 I0", 1),
    "a request has to be confirmed": ("wait I0 WTX? I1 WTX? IFS? WTX? ABORT? WTX? I1 -", 1),
    "and an R-block asks for it again": ("wait I0 WTX? I1 WTX? I1 WTX? R0 WTX? I1 WTX?", 1),
    "three reports, then silence": ("~I0 R0e ~I0 R0e ~I0 R0e ~I0 - ~I0 - I0 I0 ~I1 R1e", 1),
    "silence ends with a valid block": ("~I0 R0e ~I0 R0e ~I0 R0e ~I0 - RESYNCH? RESYNCH!", 0),
    "all errors count": ("~I0 R0e I1 R0o WTX! R0o I1 - R0 R0o ~I0 R0e", 0),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    script, executed = SCENARIOS[name]
    words = script.split()
    options = {word for word in words if word in ("wait", "announce", "long", "small")}
    words = [word for word in words if word not in options]
    port = ListedAnswers(CHAINED if "long" in options else 0, 0, 0, 0)
    card = T1Card(
        port,
        wait=lambda command: 1 if "wait" in options else 0,
        announced_ifsc=0x64 if "announce" in options else None,
        buffer=1 if "small" in options else 1000,
    )
    card.power_on()
    assert len(words) % 2 == 0
    for step in range(0, len(words), 2):
        answer = to_word(card.receive(to_bytes(words[step])))
        assert answer == words[step + 1], f"step {step // 2}: {words[step]}"
    assert len(port.commands) == executed


def test_a_dropped_chain_is_forgotten() -> None:
    port = ListedAnswers(CHAINED, 0, 0)
    card = T1Card(port)
    card.power_on()
    for sent, expected in (
        ("I0+", "R1"), ("ABORT?", "ABORT!"), ("I1", "I0+"),  # only what came after the abort
        ("ABORT?", "ABORT!"), ("R1", "R0o"),  # nothing of the long answer is left
    ):  # fmt: skip
        assert to_word(card.receive(to_bytes(sent))) == expected
    assert port.commands == [b"\x5a"]


def test_the_announced_ifsc_counts_once_it_is_confirmed() -> None:
    port = ListedAnswers(0, 0, 0, 0)
    card = T1Card(port, announced_ifsc=0x64)
    card.power_on()
    long = b"\x11" * 0x64
    assert card.ifsc == 8
    assert to_word(card.receive(to_bytes("I0", long))) == "R0o"
    assert to_word(card.receive(to_bytes("I0"))) == "IFS?"
    assert card.ifsc == 8
    assert to_word(card.receive(to_bytes("IFS!"))) == "I0"
    assert card.ifsc == 0x64
    assert to_word(card.receive(to_bytes("I1", long))) == "I1"
    assert to_word(card.receive(to_bytes("I0", long + b"\x11"))) == "R0o"
    assert to_word(card.receive(to_bytes("RESYNCH?"))) == "RESYNCH!"
    assert card.ifsc == 8
    assert port.commands == [b"\x5a", long]
