"""What a program says until its end, what was read ahead of its last line included."""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress
from typing import IO, AnyStr


def rest_of(
    program: subprocess.Popen[AnyStr], told: AnyStr | None = None, *, seconds: float = 60
) -> list[AnyStr]:
    """Tell a program a last thing, wait for its end, and return what each of its pipes still gave.

    Standard output comes first, then standard error, of those that are pipes. `communicate` of a
    program whose lines were read before may lose some: `readline` takes what there is, and
    `communicate` then asks the system for what came later. The pipes are closed; asked again, they
    give nothing. TimeoutExpired, after a kill.
    """
    found: dict[IO[AnyStr], AnyStr] = {}

    def read(pipe: IO[AnyStr]) -> None:
        with pipe:
            found[pipe] = pipe.read()

    pipes = [pipe for pipe in (program.stdout, program.stderr) if pipe and not pipe.closed]
    threads = [threading.Thread(target=read, args=(pipe,), daemon=True) for pipe in pipes]
    for thread in threads:
        thread.start()
    if program.stdin and not program.stdin.closed:
        with suppress(BrokenPipeError), program.stdin:
            if told is not None:
                program.stdin.write(told)
    try:
        program.wait(seconds)
    except subprocess.TimeoutExpired:
        program.kill()
        raise
    for thread in threads:
        thread.join(seconds)
    return [found[pipe] for pipe in pipes]
