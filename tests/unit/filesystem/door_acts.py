"""Every command on the current EF that any application here has, for the suite of the door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.support.applets.every_file import (
    CLOSED,
    CODE,
    COUNTER_KEY,
    CYCLIC,
    FIXED,
    KEY,
    KEY_PAIR,
    NUMBER,
    PASSWORD,
    PIN,
    TRANSPARENT,
    VALUES,
    VARIABLE,
)

KIND: Final = {
    TRANSPARENT: "file",
    FIXED: "file",
    VARIABLE: "file",
    CYCLIC: "file",
    PIN: "pin",
    PASSWORD: "pin",
    NUMBER: "pin",
    CODE: "pin",
    KEY: "key",
    COUNTER_KEY: "key",
    KEY_PAIR: "key pair",
    CLOSED: "key",
}
"""Every EF of the application and the section of the manual that it stands in."""
BINARY: Final = frozenset({TRANSPARENT})
RECORDS: Final = frozenset({FIXED, VARIABLE, CYCLIC})
PINS: Final = frozenset({PIN, PASSWORD, NUMBER, CODE})
KEY_PAIRS: Final = frozenset({KEY_PAIR})
EVERY: Final = frozenset(KIND)


@dataclass(frozen=True)
class Act:
    """A command on the current EF: which EFs it is for, and what it is in the manual's table.

    free: it asks for no right. fresh: it gives the EF a value, so it needs none before.
    answers: what it gets when it is let in, where that is not 9000. passes_over: EFs that another
    act is for, and this one's data is not.
    """

    name: str
    command: str
    fits: frozenset[int]
    column: str = "use"
    free: bool = False
    fresh: bool = False
    answers: str = "9000"
    passes_over: frozenset[int] = frozenset()

    @property
    def ins(self) -> int:
        return int(self.command[2:4], 16)

    @property
    def cla(self) -> int:
        return int(self.command[:2], 16)


def _data(value: bytes) -> str:
    return f"{len(value):02X}{value.hex()}"


def _acts() -> Iterator[Act]:
    for name, command in (
        ("READ BINARY", "00B0000001"),
        ("READ BINARY odd", "00B1000003 540100 00"),
        ("UPDATE BINARY", "00D6000001 AA"),
        ("UPDATE BINARY odd", "00D7000006 540100 5301AA"),
        ("WRITE BINARY", "00D0000001 AA"),
        ("WRITE BINARY odd", "00D1000006 540100 5301AA"),
        ("ERASE BINARY", "000E0000"),
        ("ERASE BINARY odd", "000F0000"),
        ("SEARCH BINARY", "00A0000001 61 00"),
        ("SEARCH BINARY odd", "00A1000006 540100 530161 00"),
    ):
        yield Act(name, command, BINARY)
    for name, command in (
        ("READ RECORD", "00B2010400"),
        ("READ RECORD odd", "00B3010403 540100 00"),
        ("UPDATE RECORD", "00DC010404 61626364"),
        ("UPDATE RECORD odd", "00DD010406 540100 530161"),
        ("WRITE RECORD", "00D2010404 61626364"),
        ("APPEND RECORD", "00E2000004 61626364"),
        ("ERASE RECORD", "000C0104"),
        ("SEARCH RECORD", "00A2010401 61 00"),
    ):
        yield Act(name, command, RECORDS)
    for fid in sorted(PINS):
        old, this = VALUES[fid], frozenset({fid})
        act = partial(Act, fits=this, passes_over=PINS - this)
        yield act(f"VERIFY {fid:04X}", f"00200080{_data(old)}", free=True)
        for name, header in (("CHANGE REFERENCE DATA", "00240180"), ("CHANGE KEY", "80320080")):
            yield act(f"{name} {fid:04X}", f"{header}{_data(old)}")
        yield act(
            f"CHANGE REFERENCE DATA with the old value {fid:04X}",
            f"00240080{_data(old + old)}",
            answers="6A86" if fid == PASSWORD else "9000",
        )
        yield act(
            f"RESET RETRY COUNTER with a new value {fid:04X}",
            f"002C0280{_data(old)}",
            fresh=True,
            answers="6985" if fid == NUMBER else "9000",
        )
    yield Act("VERIFY without data", "00200080", PINS, "read state", free=True, answers="63CX")
    yield Act("RESET RETRY COUNTER", "002C0380", PINS)
    code = VALUES[CODE]
    act = partial(Act, fits=frozenset({PIN}), free=True, passes_over=PINS - {PIN})
    yield act("RESET RETRY COUNTER with a code", f"002C0180{_data(code)}")
    yield act(
        "RESET RETRY COUNTER with a code and a new value",
        f"002C0080{_data(code + VALUES[PIN])}",
        fresh=True,
    )
    digest = "00" * 32
    yield Act("COMPUTE DIGITAL SIGNATURE", f"802A028020{digest}00", KEY_PAIRS)
    yield Act("INTERNAL AUTHENTICATE", f"0088008020{digest}00", KEY_PAIRS)
    yield Act("GENERATE ASYMMETRIC KEY PAIR", "0046808000", KEY_PAIRS, fresh=True)
    yield Act("GENERATE ASYMMETRIC KEY PAIR, read", "0046818000", KEY_PAIRS)
    yield Act("SELECT", "00A4020C02 {fid}", EVERY, "select", free=True)
    for name, ins, column in (
        ("ACTIVATE FILE", "44", "activate"),
        ("DEACTIVATE FILE", "04", "deactivate"),
        ("TERMINATE EF", "E8", "terminate"),
        ("TERMINATE DF of an EF", "E6", "terminate"),
    ):
        yield Act(f"{name}, the current EF", f"00{ins}0000", EVERY, column)
        yield Act(f"{name} by its number", f"00{ins}020002 {{fid}}", EVERY, column)


ACTS: Final = tuple(_acts())
