"""Tokens of SoftHSM for tests, in a folder of their own; the system's are left alone."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

MODULE: Final = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN: Final = "87654321"
TOKENS: Final = 26
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


_MAKERS: Final = {"C_GenerateKey": 2, "C_CreateObject": 1, "C_GenerateKeyPair": 4}
"""What makes keys, and which of its arguments is the template of the one that is secret."""


class _Attribute(ctypes.Structure):
    """CK_ATTRIBUTE (PKCS#11 2.40, pkcs11t.h)."""

    _fields_: ClassVar = [
        ("kind", ctypes.c_ulong),
        ("value", ctypes.c_void_p),
        ("size", ctypes.c_ulong),
    ]


_CALL: Final = ctypes.CFUNCTYPE(ctypes.c_ulong, *[ctypes.c_void_p] * 8)
"""A function of PKCS#11: no one has more arguments, and each fits into a pointer."""


@contextmanager
def _replaced(function: str, answer: Callable[..., int]) -> Iterator[None]:
    """Have calls of a function go to `answer`, which is given the function itself first."""
    library = ctypes.CDLL(str(MODULE))
    table = ctypes.c_void_p()
    assert library.C_GetFunctionList(ctypes.byref(table)) == 0
    assert table.value is not None
    # a version of two bytes, padded to the size of a pointer, stands before them
    places = (ctypes.c_void_p * (1 + _FUNCTIONS)).from_address(table.value)
    before = ctypes.cast(getattr(library, function), ctypes.c_void_p).value
    assert before is not None
    at = list(places).index(before)
    made = _CALL(partial(answer, _CALL(before)))
    places[at] = ctypes.cast(made, ctypes.c_void_p).value
    try:
        yield
    finally:
        places[at] = before


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
        asked = [0]

        def answer(_: Any, *rest: object) -> int:
            asked[0] += 1
            return code

        with _replaced(function, answer):
            yield asked

    @contextmanager
    def making(self, attribute: int, value: bool) -> Iterator[list[str]]:
        """Have the library make every key with one attribute as it likes, and say that all is well.

        What it is asked for is left alone otherwise. Notes which functions made something so.
        """
        made: list[str] = []

        def answer(name: str, at: int, before: Any, *arguments: int) -> int:
            asked = (_Attribute * arguments[at + 1]).from_address(arguments[at])
            own = (_Attribute * (len(asked) + 1))(*(one for one in asked if one.kind != attribute))
            count = sum(one.kind != attribute for one in asked)
            own[count] = _Attribute(attribute, ctypes.addressof(bool_), 1)
            made.append(name)
            changed = (ctypes.addressof(own), count + 1)
            answered: int = before(*arguments[:at], *changed, *arguments[at + 2 :])
            return answered

        bool_ = ctypes.c_ubyte(value)
        with ExitStack() as stack:
            for name, at in _MAKERS.items():
                stack.enter_context(_replaced(name, partial(answer, name, at)))
            yield made

    @contextmanager
    def watched(self, *functions: str) -> Iterator[list[int]]:
        """Note which thread calls these functions of the library, which answers as ever."""
        threads: list[int] = []

        def answer(before: Any, *arguments: object) -> int:
            threads.append(threading.get_ident())
            answered: int = before(*arguments)
            return answered

        with ExitStack() as stack:
            for function in functions:
                stack.enter_context(_replaced(function, answer))
            yield threads

    def address(self) -> str:
        """Return the address of a token that nobody has used yet."""
        label, self.used = f"T{self.used}", self.used + 1
        assert self.used <= TOKENS, "make more tokens"
        return f"pkcs11:token={label}?module-path={MODULE}"
