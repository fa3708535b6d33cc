"""A pcscd process of the tests' own: what it is started with, and how it ends.

It has a mount namespace of its own, where /run/pcscd is a folder of the tests; `mounts` says what
else is different there.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

_START: Final = """
mount -t tmpfs tmpfs /run && mkdir /run/pcscd && mount --bind "$1" /run/pcscd && {mounts} &&
exec pcscd --foreground --config "$2" {options}
"""


def start_daemon(
    mounts: str, sockets: Path, config: Path, log: Path, options: str = "", **environment: str
) -> subprocess.Popen[bytes]:
    """Start pcscd with the reader files of `config`; its socket is made in `sockets`.

    options: what else it is started with, as a shell has it.
    """
    script = _START.format(mounts=mounts, options=options)
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, str(sockets), str(config)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
        )


def stop_daemon(process: subprocess.Popen[bytes] | None) -> None:
    """Stop what was started here, and nothing else."""
    if process is not None:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(60)
