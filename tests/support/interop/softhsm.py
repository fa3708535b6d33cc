"""Tokens of SoftHSM for tests, in a folder of their own; the system's are left alone."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

MODULE: Final = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN: Final = "87654321"
TOKENS: Final = 24
"""How many there are: the library sees only those that were there when it was loaded."""
_FUNCTIONS: Final = 68
"""How many CK_FUNCTION_LIST has (PKCS#11 2.40, pkcs11f.h)."""
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

    @contextmanager
    def pulled(self) -> Iterator[None]:
        """Take every token away, as if they were pulled, and put them back."""
        there, away = self.folder / "tokens", self.folder / "away"
        there.rename(away)
        try:
            yield
        finally:
            away.rename(there)

    @contextmanager
    def answering(self, function: str, code: int) -> Iterator[list[int]]:
        """Have the library answer a function with a code of PKCS#11; counts how often it did.

        Its own table of functions is changed, which the binding calls through: so what is tested is
        everything behind the library's answer.
        """
        library = ctypes.CDLL(str(MODULE))
        table = ctypes.c_void_p()
        assert library.C_GetFunctionList(ctypes.byref(table)) == 0
        assert table.value is not None
        # a version of two bytes, padded to the size of a pointer, stands before them
        places = (ctypes.c_void_p * (1 + _FUNCTIONS)).from_address(table.value)
        before = ctypes.cast(getattr(library, function), ctypes.c_void_p).value
        at, asked = list(places).index(before), [0]

        def answer(*_: object) -> int:
            asked[0] += 1
            return code

        made = ctypes.CFUNCTYPE(ctypes.c_ulong, *[ctypes.c_void_p] * 8)(answer)
        places[at] = ctypes.cast(made, ctypes.c_void_p).value
        try:
            yield asked
        finally:
            places[at] = before

    def address(self) -> str:
        """Return the address of a token that nobody has used yet."""
        label, self.used = f"T{self.used}", self.used + 1
        assert self.used <= TOKENS, "make more tokens"
        return f"pkcs11:token={label}?module-path={MODULE}"
