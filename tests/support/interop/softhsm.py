"""Tokens of SoftHSM for tests, in a folder of their own; the system's are left alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

MODULE: Final = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN: Final = "87654321"
TOKENS: Final = 16
"""How many there are: the library sees only those that were there when it was loaded."""
# As hardware does it: what a parent opened, its child has not.
_CONFIGURATION: Final = """\
directories.tokendir = {folder}
objectstore.backend = file
log.level = ERROR
library.reset_on_fork = true
"""


def missing_parts() -> list[str]:
    """Say what of SoftHSM is not there."""
    found = {
        "softhsm2-util": shutil.which("softhsm2-util") is not None,
        str(MODULE): MODULE.exists(),
    }
    return [name for name, there in found.items() if not there]


class SoftHsm:
    """A folder with empty tokens, and the variable by which the library finds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used = 0

    def start(self) -> None:
        """Make the tokens T0, T1, ..., all with the same PIN."""
        tokens = self.folder / "tokens"
        tokens.mkdir()
        configuration = self.folder / "softhsm2.conf"
        configuration.write_text(_CONFIGURATION.format(folder=tokens))
        os.environ["SOFTHSM2_CONF"] = str(configuration)
        for number in range(TOKENS):
            subprocess.run(
                [
                    *("softhsm2-util", "--init-token", "--free", "--label", f"T{number}"),
                    *("--pin", PIN, "--so-pin", "12345678"),
                ],
                check=True,
                capture_output=True,
                timeout=60,
            )

    def address(self) -> str:
        """Return the address of a token that nobody has used yet."""
        label, self.used = f"T{self.used}", self.used + 1
        assert self.used <= TOKENS, "make more tokens"
        return f"pkcs11:token={label}?module-path={MODULE}"
