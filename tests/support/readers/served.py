"""`jukicard serve --ccid` at a terminal of its own, at which a test is the person."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

SECONDS: Final = 15.0


_OWN: Final = (
    "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);from jukicard.cli import main"
)


class Served:
    """The program; `screen` is all that its terminal has shown, `link` its reader's line."""

    def __init__(self, folder: Path, *arguments: str, card: str = "juki-v1:1") -> None:
        self.link = str(folder / "desk")
        driver = folder / "libccidtwin.so"
        driver.touch()
        self.master, self.slave = pty.openpty()
        words = [*arguments, "--ccid", self.link, "--ccid-driver", str(driver), card]
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{_OWN}; sys.exit(main(['serve'] + sys.argv[1:]))", *words],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm"},
        )
        self.screen = b""

    def wait_for(self, text: str) -> None:
        until = time.monotonic() + SECONDS
        while text.encode() not in self.screen:
            assert time.monotonic() < until, self.screen.decode()
            if select.select([self.master], [], [], 0.1)[0]:
                self.screen += os.read(self.master, 65536)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        os.close(self.master)
        os.close(self.slave)
