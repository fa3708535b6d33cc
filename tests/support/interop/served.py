"""`jukicard serve` as a program of its own, within reach of the tests' pcscd and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from tests.support.interop.pcscd import Pcscd


class Served:
    """The program inside the private network, its input and output in our hands."""

    def __init__(self, pcscd: Pcscd, *arguments: str) -> None:
        command = [sys.executable, "-m", "jukicard", "serve", *arguments]
        self.process = pcscd.network.run(
            lambda: subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )

    def type(self, line: str) -> None:
        """Type one of the operator's commands; the program needs `--control` for that."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, str]:
        """Wait for the program's end; return its exit code and all it said."""
        output, _ = self.process.communicate(timeout=60)
        return self.process.returncode, output

    def kill(self) -> None:
        """End the program, whatever it does, and close its pipes."""
        with self.process:
            self.process.kill()


Serve = Callable[..., Served]
"""The fixture `serve`: starts `jukicard serve` with these arguments."""
