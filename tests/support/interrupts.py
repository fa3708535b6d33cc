"""Ctrl-C at every line of a piece of code, one after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


def at_every_line(of: tuple[str, ...], run: Callable[[], None]) -> Iterator[int]:
    """Run `run` again and again, interrupted at the first line that it comes to, the second, ...

    Lines of files whose path ends in one of `of` count. Yields the number of the line after each
    run that was interrupted, until one is not: that is every instant at which Python can be
    interrupted there, but those within a line.
    """
    number = 0
    while True:
        number += 1
        if not _interrupted(of, number, run):
            return
        yield number


def _interrupted(of: tuple[str, ...], number: int, run: Callable[[], None]) -> bool:
    left = number

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.endswith(of):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False
