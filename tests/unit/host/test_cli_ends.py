"""How the command line ends: each kind of error by its exit code, no core file, what is missing."""

from __future__ import annotations

import importlib
import pkgutil
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import jukihost
from jukicard.apdu import StatusWord
from jukihost import cli
from jukihost.cli.arguments import EPILOG
from jukihost.crypto.foreign import ForeignDataError
from jukihost.errors import (
    CardError,
    PinFormatError,
    ProtocolError,
    StatusError,
    TerminalError,
    TransportError,
)
from jukihost.keys import KeyCustodyError
from jukihost.securemessaging import AnswerNotAuthentic
from jukihost.signing.report import ExtraMissing
from jukihost.workflows.bulk.processes import EndedElsewhere
from tests.support.host.pki import Authority


def every_card_error() -> list[type[CardError]]:
    for module in pkgutil.walk_packages(jukihost.__path__, "jukihost."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, left = [], [CardError]
    while left:
        kind = left.pop()
        found.append(kind)
        left += [it for it in kind.__subclasses__() if it.__module__.startswith("jukihost.")]
    return found


def made(kind: type[CardError]) -> CardError:
    failed = StatusWord(0x6F00)
    if issubclass(kind, StatusError):
        return kind(failed, 0xA4)
    if issubclass(kind, AnswerNotAuthentic):
        return kind("in words", failed)
    if issubclass(kind, EndedElsewhere):
        return kind("code", "in words", "counter")
    return kind("what", "why") if issubclass(kind, ForeignDataError) else kind("in words")


@pytest.mark.parametrize("kind", every_card_error(), ids=lambda kind: kind.__name__)
def test_the_exit_code_is_that_of_the_kind_of_error(
    kind: type[CardError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = made(kind)

    def fail(arguments: object) -> int:
        raise error

    monkeypatch.setattr("jukihost.cli.status._readers", fail)
    local = KeyCustodyError | ExtraMissing | PinFormatError | ForeignDataError | TerminalError
    if issubclass(kind, local):
        expected = 2
    elif issubclass(kind, TransportError | ProtocolError) or kind is CardError:
        expected = 3
    else:
        expected = 1
    assert cli.main(["readers"]) == expected
    assert capsys.readouterr().err == f"jukihost: {error}\n"


@pytest.mark.parametrize("form", ["raw", "cms", "cms-attached", "pdf", "xml", "xml-detached"])
def test_a_missing_extra_is_said_before_anything_is_asked_or_sent(
    form: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    authority = Authority.make()
    anchor, file = tmp_path / "ca.pem", tmp_path / "file"
    anchor.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    file.write_bytes(b"something")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    arguments = ["--form", form, "--anchor", str(anchor), "--content", str(file)]
    assert cli.main(["jpki", "verify", str(file), "--certificate", str(anchor), *arguments]) == 2
    assert "pip install 'jukicard[sign]'" in capsys.readouterr().err
    if form in ("pdf", "xml", "xml-detached"):
        assert cli.main(["jpki", "sign", str(file), "--form", form, "--out", "-"]) == 2
        assert "pip install 'jukicard[sign]'" in capsys.readouterr().err
    assert "a library" in EPILOG


def test_core_dumps_are_forbidden() -> None:
    code = (
        "import resource, jukihost.cli as c; c.main(['--version']); "
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])
        ),
    )
    assert done.stdout.splitlines()[-1] == "(0, 0)"
