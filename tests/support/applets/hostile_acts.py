"""What a hostile application does at a point it was told, in every way that hurts."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from jukicard.apdu import ResponseApdu, StatusWord
from jukicard.errors import IsoError
from tests.support.applets.hostile import (
    Act,
    HostileApplet,
)


class OwnEndError(BaseException):
    pass


class LyingRefusalError(IsoError):
    @property
    def status(self) -> Any:
        return "9000"

    @status.setter
    def status(self, value: object) -> None:
        del value


def raising(error: BaseException) -> Act:
    def act(applet: HostileApplet) -> object:
        raise error

    return act


def loop(applet: HostileApplet) -> object:
    while True:
        pass


def stubborn_loop(applet: HostileApplet) -> object:
    while True:
        with suppress(Exception):
            loop(applet)


def swallow_the_stop(applet: HostileApplet) -> object:
    try:
        loop(applet)
    except BaseException:  # noqa: BLE001 - what it tries
        return ResponseApdu(b"got away")
    return None


def recurse(applet: HostileApplet) -> object:
    return recurse(applet)


def too_much(applet: HostileApplet) -> object:
    return bytes(1 << 62)


ACTS: dict[str, Act] = {
    "an exception": raising(ZeroDivisionError()),
    "SystemExit": raising(SystemExit(0)),
    "GeneratorExit": raising(GeneratorExit()),
    "an end of its own": raising(OwnEndError()),
    "a refusal": raising(IsoError(StatusWord.FILE_NOT_FOUND, "as it likes")),
    "a refusal that says 9000": raising(IsoError(StatusWord.OK, "fine")),
    "a refusal without status": raising(IsoError("lie", None)),  # type: ignore[arg-type]
    "a refusal that lies": raising(LyingRefusalError(StatusWord.OK, "lie")),
    "StopIteration": raising(StopIteration()),
    "recursion": recurse,
    "no memory": too_much,
    "a loop": loop,
    "a loop that catches": stubborn_loop,
    "a stop that it swallows": swallow_the_stop,
}


class LyingBytes(bytes):
    def __len__(self) -> int:
        return 0
