"""Whole commands of the terminal's command line, with files and cards of strangers."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache, partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from jukicard import issue_card
from jukicard.transport.tcp import TcpServer
from jukihost import cli
from jukihost.signing.cms import sign_cms
from jukihost.signing.raw import sign_raw
from tests.fuzz.foreign import seeds
from tests.fuzz.foreign.der import structure
from tests.fuzz.foreign.mutations import BYTES
from tests.fuzz.foreign.signingtargets import PDF_KINDS, XML_KINDS, signed_pdf, signed_xml
from tests.fuzz.foreign.target import Found, Target
from tests.fuzz.foreign.terminaltargets import file_of

JPKI: Final = "application D392F000260100000001"
CODES: Final = {0, 1, 2, 3}


@cache
def good() -> dict[str, str]:
    """Right files, by what they are."""
    folder = file_of(b"").parent
    files = {
        "text": b"text",
        "cms": sign_cms(seeds.key(), b"text"),
        "raw": sign_raw(seeds.key(), b"text"),
        "ca": seeds.authority().certificate.public_bytes(Encoding.PEM),
        "signer": seeds.key().certificate.public_bytes(Encoding.DER),
    }
    for name, content in files.items():
        (folder / f"good-{name}").write_bytes(content)
    return {name: str(folder / f"good-{name}") for name in files}


def run(*arguments: str) -> int:
    """Run a command; return its exit code, once what it says was looked at."""
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        code = cli.main(arguments)
    said = error.getvalue()
    if code not in CODES or (code and not said.startswith("jukihost: ")) or said.count("\n") > 1:
        raise Found(f"exit code {code}, and {said!r}")
    if set(out.getvalue() + said) & set("\x1b\x07\x9b\u202e"):
        raise Found("what is shown controls the terminal")
    return code


class Refused(Exception):
    """The command ended with a sentence."""


VERIFY: Final[dict[str, Sequence[str]]] = {
    "signature": ["{file}", "--anchor", "{ca}", "--content", "{text}"],
    "xml": ["{file}", "--anchor", "{ca}", "--form", "xml"],
    "pdf": ["{file}", "--anchor", "{ca}", "--form", "pdf"],
    "anchor": ["{cms}", "--anchor", "{file}", "--content", "{text}"],
    "crl": ["{cms}", "--anchor", "{ca}", "--content", "{text}", "--crl", "{file}"],
    "ocsp": ["{cms}", "--anchor", "{ca}", "--content", "{text}", "--ocsp", "{file}"],
    "certificate": [
        *("{raw}", "--form", "raw", "--anchor", "{ca}"),
        *("--content", "{text}", "--certificate", "{file}"),
    ],
}


def verify(arguments: Sequence[str], data: bytes, original: bytes) -> None:
    """Check a signature on the command line, with one file of a stranger's."""
    names = {**good(), "file": str(file_of(data))}
    code = run("jpki", "verify", *(one.format(**names) for one in arguments), "--at", "2026-04-01")
    if code:
        raise Refused(f"exit code {code}")


@cache
def _card() -> tuple[TcpServer, Callable[[bytes], None]]:
    card = issue_card("mynumber", seed=1)
    memory = card.environment.memory
    server = TcpServer(card)
    server.__enter__()  # for as long as the process lives; its threads are daemons

    def put(content: bytes) -> None:
        with memory.transaction():
            memory.partition(JPKI).put("content/000A", content[:2048].ljust(2048, b"\xff"))

    return server, put


def show(data: bytes, original: bytes) -> None:
    """Show a certificate that is in a card."""
    server, put = _card()
    put(data)
    at = f"{server.host}:{server.port}"
    code = run("jpki", "cert", "--key", "authentication", "--holder", "--tcp", at)
    if code:
        raise Refused(f"exit code {code}")


def _targets() -> list[Target]:
    der = (structure, structure, *BYTES)
    rows: tuple[tuple[str, Callable[[], Sequence[bytes]], Sequence[object]], ...] = (
        ("signature", lambda: [Path(good()["cms"]).read_bytes()], der),
        ("xml", signed_xml, XML_KINDS),
        ("pdf", signed_pdf, PDF_KINDS),
        ("anchor", seeds.bundles, BYTES),
        ("crl", lambda: seeds.revocation_lists()[:1], der),
        ("ocsp", lambda: seeds.ocsp_answers()[:1], der),
        ("certificate", lambda: seeds.certificates()[:1], der),
    )
    return [
        Target(
            f"jukihost jpki verify, {name}",
            make,
            partial(verify, VERIFY[name]),
            (Refused,),
            kinds,  # type: ignore[arg-type]
            part=60,
        )
        for name, make, kinds in rows
    ]


TARGETS: Final = (
    *_targets(),
    Target(
        "jukihost jpki cert",
        seeds.certificates,
        show,
        (Refused,),
        (structure, structure, *BYTES),
        seeds.odd,
        part=100,
    ),
)
