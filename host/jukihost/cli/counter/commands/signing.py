"""Commands for the keys in a resident's card: a document is signed, a challenge answered."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.cli import output
from jukihost.cli.counter.commands.arguments import Action, add_presented, presented

if TYPE_CHECKING:
    from jukihost.cli.counter.at import AtCounter

_FORMS: Final = ("raw", "cms", "pdf", "xml")
"""What a signature is put into; the values of `jukihost.workflows.SignatureForm`."""
_MAX_CHALLENGE: Final = 64 << 10


def _add_sign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the document, - for standard input")
    parser.add_argument(
        "--form", choices=_FORMS,
        help="what the signature is put into (default: pdf or xml for files so named, else cms)",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FILE", required=True,
        help="where the signature goes, or the signed document (pdf, xml)",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace the file")
    add_presented(parser)


def _read_document(arguments: argparse.Namespace) -> None:
    arguments.document = output.read_file(arguments.file, "the document")
    output.check_free(arguments.out, force=arguments.force)


def _sign(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import SignatureForm, sign_document

    form = SignatureForm(arguments.form or _form_of(arguments.file))
    with at.card() as hand:
        made = sign_document(at.desk, hand, arguments.document, form, presented(arguments, "card"))
    output.write_file(arguments.out, made.content, force=arguments.force)
    return {"card": made.card, "form": made.form, "file": arguments.out}


def _form_of(name: str) -> str:
    return next((form for form in ("pdf", "xml") if name.lower().endswith(f".{form}")), "cms")


def _add_log_on(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--challenge", metavar="FILE", required=True,
        help="what the other side drew, as bytes, - for standard input",
    )  # fmt: skip
    add_presented(parser)


def _read_challenge(arguments: argparse.Namespace) -> None:
    arguments.drawn = output.read_file(arguments.challenge, "the challenge", _MAX_CHALLENGE)


def _log_on(at: AtCounter, arguments: argparse.Namespace) -> object:
    from jukihost.workflows import log_on

    with at.card() as hand:
        made = log_on(at.desk, hand, arguments.drawn, presented(arguments, "card"))
    return {"card": made.card, "signature": made.signature, "certificate": made.certificate}


ACTIONS: Final = (
    Action(
        "sign", "have the card sign a document; the holder types the signature password",
        _add_sign, _sign,
        ("sign letter.pdf --out signed.pdf --reader 0",
         "sign contract.txt --form cms --out contract.p7s --reader 0"),
        prepare=_read_document,
    ),
    Action(
        "log-on", "have the card answer a challenge with its authentication key",
        _add_log_on, _log_on, ("log-on --challenge drawn.bin --reader 0 --json",),
        prepare=_read_challenge,
    ),
)  # fmt: skip
"""The commands of this module."""
