"""Running the openssl program, which knows nothing of this project, on files of DER."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


class OpenSsl:
    """The program and a folder for its files; `put` writes DER as PEM and returns the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str | Path) -> tuple[int, str]:
        """Return the exit status and all that was said."""
        done = subprocess.run(
            ["openssl", *map(str, arguments)],
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")

    def said(self, *arguments: str | Path) -> str:
        """Return what was said; the test fails when the program did."""
        status, text = self.run(*arguments)
        assert status == 0, text
        return text

    def write(self, name: str, raw: bytes) -> Path:
        """Write bytes as they are."""
        path = self.folder / name
        path.write_bytes(raw)
        return path

    def put(self, name: str, raw: bytes, kind: str = "x509") -> Path:
        """Write a certificate (or `kind` "crl") as PEM, converted by the program itself."""
        source, target = self.write(f"{name}.der", raw), self.folder / f"{name}.pem"
        self.said(kind, "-inform", "DER", "-in", source, "-out", target)
        return target


def openssl_in(folder: Path) -> OpenSsl:
    """Return the program, or skip the test where it is missing and fail where it ought to be."""
    if shutil.which("openssl") is None:
        said = "the openssl program is missing"
        if os.environ.get("JUKICARD_REQUIRE_INTEROP") == "1":
            pytest.fail(said)
        pytest.skip(said)
    return OpenSsl(folder)
