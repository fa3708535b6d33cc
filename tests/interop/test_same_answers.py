"""One session, told once, by four programs: each gets the same answers, byte by byte.

The programs are opensc-tool, a stranger's few lines on pyscard, jukihost over PC/SC, and a terminal
in the card's own process. The first three find the card in the reader of a real pcscd, served by
`jukicard serve` in a process of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from jukicard import issue_card
from jukicard.apdu import CommandApdu
from jukicard.apdu.trace import DumpCommand, DumpResponse, DumpWriter, TraceLevel, parse_dump
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.errors import PinBlocked, PinRejected
from jukihost.sessions.juki import JukiSession
from jukihost.transport.pcsc.connection import PcscConnection
from tests.support.interop.pcscd import Pcscd
from tests.support.interop.served import Serve, Served

SERVED = ("--profile", "juki-v1", "--seed", "1", "--vpcd", "localhost:35963")
"""The card of the command that the demo ends with."""

Exchange = tuple[str, str]
LOOKED_AT: list[Exchange] = [
    ("00A404000AD392100031000101040100", "6F14840AD39210003100010104018201788A0105A5009000"),
]
TOLD: list[list[Exchange]] = [
    [
        *LOOKED_AT,
        ("00A4040C0AD3921000310001010401", "9000"),
        ("00A4020C02001C", "9000"), ("00200080", "63C3"),
        ("00A4020C02001C", "9000"), ("002000800430303030", "63C2"),
        ("00A4020C02001C", "9000"), ("002000800431313131", "63C1"),
        ("00A4020C02001C", "9000"), ("002000800432323232", "63C0"),
        ("00A4020C02001C", "9000"), ("002000800431323334", "6984"),
    ],
    # the card was pulled out and put back
    [
        *LOOKED_AT,
        ("00A4040C0AD3921000310001010401", "9000"),
        ("00A4020C02001C", "9000"), ("00200080", "63C0"),
        ("00A4020C02001C", "9000"), ("002000800431323334", "6984"),
    ],
]  # fmt: skip
"""Both halves of the session: what is sent, and what a card answers that gives no try away."""
SENT = [[command for command, _ in half] for half in TOLD]


@pytest.fixture
def served(pcscd: Pcscd, serve: Serve) -> Iterator[Served]:
    """The card in the reader; it ends well, whatever was done to it."""
    program = serve(*SERVED, "--control")
    pcscd.wait_for_card()
    yield program
    program.type("quit")
    code, said = program.end()
    assert code == 0, said


def reinsert(pcscd: Pcscd, served: Served) -> None:
    served.type("remove")
    pcscd.wait_for_card(present=False)
    served.type("insert")
    pcscd.wait_for_card()


def in_process() -> Iterator[list[Exchange]]:
    """Tell the halves to a card of the same command line in this process."""
    card, reader = issue_card("juki-v1", seed="1"), LocalReader()
    for half in SENT:
        reader.insert(card)
        with reader:
            answers = [reader.transmit(bytes.fromhex(command)) for command in half]
        reader.remove()
        yield [(sent, got.hex().upper()) for sent, got in zip(half, answers, strict=True)]


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def opensc_tool(commands: list[str]) -> list[Exchange]:
    """Send the commands as a person does who has OpenSC and nothing else; read what it shows."""
    said = run("opensc-tool", *(word for command in commands for word in ("-s", command)))
    exchanges = []
    for shown in said.split("Sending: ")[1:]:
        sent, received, *lines = shown.splitlines()
        status = re.fullmatch(r"Received \(SW1=0x(..), SW2=0x(..)\):?", received)
        assert status is not None, said
        data = "".join(line[:48] for line in lines)  # the same as text stands behind
        exchanges.append((sent, data + status[1] + status[2]))
    return [(joined(sent), joined(answer)) for sent, answer in exchanges]


def joined(shown: str) -> str:
    return shown.replace(" ", "").upper()


# The way of pyscard's own documentation; it knows nothing of this project.
PYSCARD = """
import sys
from smartcard.System import readers
from smartcard.util import toBytes, toHexString
connection = next(r for r in readers() if r.name == sys.argv[1]).createConnection()
connection.connect()
for command in sys.argv[2:]:
    data, sw1, sw2 = connection.transmit(toBytes(command))
    print(toHexString([*data, sw1, sw2]))
connection.disconnect()
"""


def pyscard(commands: list[str], reader: str) -> list[Exchange]:
    answers = run(sys.executable, "-c", PYSCARD, reader, *commands).splitlines()
    return [(sent, joined(answer)) for sent, answer in zip(commands, answers, strict=True)]


def jukihost(half: int, reader: str) -> list[Exchange]:
    """Do the half with typed methods and errors; return what went over the wire meanwhile."""
    lines: list[str] = []
    with PcscConnection(reader) as connection:
        observer = DumpWriter(lines.append, TraceLevel.FULL)
        channel = build_channel(connection, observer=observer)
        for command, _ in LOOKED_AT:
            channel.transmit(CommandApdu.parse(bytes.fromhex(command)))
        juki = JukiSession(channel).open()
        (first_half, second_half)[half](juki)
        told = list(lines)  # leaving the application is not part of it
        juki.close()
    events = parse_dump("\n".join(told))
    sent = [event.pattern.raw for event in events if isinstance(event, DumpCommand)]
    got = [event.pattern.raw for event in events if isinstance(event, DumpResponse)]
    return [(a.hex().upper(), b.hex().upper()) for a, b in zip(sent, got, strict=True)]


def first_half(juki: JukiSession) -> None:
    assert juki.pin_retries() == 3
    for pin, left in (("0000", 2), ("1111", 1)):
        with pytest.raises(PinRejected) as refused:
            juki.verify_pin(pin)
        assert refused.value.retries_left == left
    for pin in ("2222", "1234"):
        with pytest.raises(PinBlocked):
            juki.verify_pin(pin)


def second_half(juki: JukiSession) -> None:
    assert juki.pin_retries() == 0
    with pytest.raises(PinBlocked):
        juki.verify_pin("1234")


def test_in_process() -> None:
    assert list(in_process()) == TOLD


PROGRAMS: dict[str, Callable[[int, str], list[Exchange]]] = {
    "opensc-tool": lambda half, reader: opensc_tool(SENT[half]),
    "pyscard": lambda half, reader: pyscard(SENT[half], reader),
    "jukihost": jukihost,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_over_pcsc(pcscd: Pcscd, served: Served, program: str) -> None:
    tell, reader = PROGRAMS[program], pcscd.readers[0]
    first = tell(0, reader)
    reinsert(pcscd, served)
    assert [first, tell(1, reader)] == TOLD == list(in_process())
