"""How long `jukicard serve` takes from the start of its process until the card is in the reader."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[3]
_GET_ATR: Final = b"\x00\x01\x04"


def seconds_until_present(*arguments: str) -> float:
    """Start `jukicard serve ARGUMENTS`, take the driver's place, and time the first ATR.

    A real driver sees the card at its next poll after that: at most 0.4 s later.
    """
    serve = [sys.executable, "-m", "jukicard", "serve", *arguments, "--vpcd", "{host}:{port}"]
    taken, code = seconds_until_atr(*serve)
    if code != 0:
        raise RuntimeError(f"`jukicard serve` ended with {code}")
    return taken


def seconds_until_atr(*command: str) -> tuple[float, int]:
    """Start a card that dials the virtual reader's driver at `{host}` and `{port}`; time its ATR.

    Return the exit code too, with which it ends when it is told to. RuntimeError without an ATR.
    """
    with socket.create_server(("127.0.0.1", 0)) as driver:
        driver.settimeout(30)
        host, port = driver.getsockname()[:2]
        begun = time.perf_counter()
        with subprocess.Popen(
            [part.format(host=host, port=port) for part in command],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        ) as served:
            try:
                card, _ = driver.accept()
                with card:
                    card.settimeout(30)
                    card.sendall(_GET_ATR)
                    atr = card.recv(2 + 33)
                taken = time.perf_counter() - begun
            finally:
                served.terminate()
    if len(atr) < 4:
        raise RuntimeError(f"no card: {len(atr)} bytes, exit code {served.returncode}")
    return taken, served.returncode


if __name__ == "__main__":
    measured = sorted(seconds_until_present(*sys.argv[1:]) for _ in range(10))
    print(
        f"process start to ATR: median {measured[5] * 1000:.0f} ms, "
        f"best {measured[0] * 1000:.0f} ms, worst {measured[-1] * 1000:.0f} ms"
    )
