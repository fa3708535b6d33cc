"""`jukihost jpki verify`: check a signature and its certificate; needs no card."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from jukihost.cli import output
from jukihost.cli.arguments import Commands, add_command, add_json
from jukihost.cli.output import UsageError

if TYPE_CHECKING:
    from cryptography import x509

    from jukihost.signing.report import VerifiedSignature
    from jukihost.signing.validity import Trust


FORMS: Final = ("raw", "cms", "cms-attached", "pdf", "xml", "xml-detached")
"""The forms a signature can have; by default the one that fits the file's name."""


def form_of(arguments: argparse.Namespace) -> str:
    """Return the form of signature that was asked for, or that fits the file's name."""
    name: str = arguments.file.lower()
    guess = next((form for form in ("pdf", "xml") if name.endswith(f".{form}")), "cms")
    return arguments.form or guess


def add_verify(commands: Commands) -> None:
    """Add the command of this module."""
    parser = add_command(
        commands,
        "verify",
        "check a signature and the certificate it was made with; needs no card",
        _verify,
    )
    parser.add_argument("file", metavar="FILE", help="the signature, or the signed file")
    parser.add_argument(
        "--form",
        choices=FORMS,
        help="the form of the signature (default: pdf or xml for files so named, else cms)",
    )
    parser.add_argument(
        "--content", metavar="FILE", help="what was signed, where it is not in the signature"
    )
    parser.add_argument(
        "--certificate", metavar="FILE", help="the signer's certificate, for a raw signature"
    )
    parser.add_argument(
        "--anchor",
        metavar="FILE",
        action="append",
        required=True,
        help="a certificate to trust, PEM or DER; may be repeated",
    )
    for option, what in (("--crl", "a revocation list"), ("--ocsp", "an OCSP response")):
        parser.add_argument(
            option,
            metavar="FILE",
            action="append",
            default=[],
            help=f"{what} in DER; may be repeated",
        )
    parser.add_argument(
        "--require-revocation",
        action="store_true",
        help="fail unless it is known that nothing was revoked",
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        type=_time,
        help="the time that counts, for example 2026-04-01T12:00:00+09:00 (default: now)",
    )
    parser.add_argument(
        "--historic",
        action="store_true",
        help="accept the algorithms of cards before 2016, RSA-1024 and SHA-1",
    )
    add_json(parser)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time in ISO 8601") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _verify(arguments: argparse.Namespace) -> int:
    from jukihost.signing.report import need_extra

    need_extra()
    signature = output.read_file(arguments.file, "the signature")
    content = (
        None if arguments.content is None else output.read_file(arguments.content, "the content")
    )
    found = _check(arguments, form_of(arguments), signature, content, _trust(arguments))
    rows = [
        {
            "signer": one.signer.subject.rfc4514_string(),
            "claimed_time": None if one.claimed_time is None else one.claimed_time.isoformat(),
        }
        for one in found
    ]
    if arguments.json:
        output.print_json(rows)
    else:
        for row in rows:
            claimed = f", says on {row['claimed_time']}" if row["claimed_time"] else ""
            print(f"right: signed by {row['signer']}{claimed}")
    return output.OK


def _check(
    arguments: argparse.Namespace, form: str, signature: bytes, content: bytes | None, trust: Trust
) -> Sequence[VerifiedSignature]:
    from jukihost.signing.cms import verify_cms
    from jukihost.signing.pdf import verify_pdf
    from jukihost.signing.xmldsig import verify_xml

    checks: dict[str, Callable[[], Sequence[VerifiedSignature]]] = {
        "raw": lambda: [_check_raw(arguments, signature, content, trust)],
        "cms": lambda: [verify_cms(signature, trust, content)],
        "cms-attached": lambda: [verify_cms(signature, trust, content)],
        "pdf": lambda: verify_pdf(signature, trust),
        "xml": lambda: [verify_xml(signature, trust, document=content)],
        "xml-detached": lambda: [verify_xml(signature, trust, document=content)],
    }
    return checks[form]()


def _check_raw(
    arguments: argparse.Namespace, signature: bytes, content: bytes | None, trust: Trust
) -> VerifiedSignature:
    from jukihost.signing.raw import verify_raw
    from jukihost.signing.report import VerifiedSignature

    if content is None or arguments.certificate is None:
        raise UsageError("a raw signature needs --content and --certificate")
    certificate = _certificate(arguments.certificate)
    verify_raw(certificate, content, signature)
    trust.check(certificate)
    return VerifiedSignature(certificate, None, content)


def _trust(arguments: argparse.Namespace) -> Trust:
    from jukihost.signing.validity import Trust

    crls = tuple(output.read_file(path, "the revocation list") for path in arguments.crl)
    ocsps = tuple(output.read_file(path, "the OCSP response") for path in arguments.ocsp)
    anchors = tuple(_certificate(path) for path in arguments.anchor)
    try:
        return Trust(
            anchors,
            arguments.at or datetime.now(UTC),
            crls,
            ocsps,
            arguments.require_revocation,
            arguments.historic,
        )
    except ValueError:
        raise UsageError("a revocation list or OCSP response is not in DER") from None


def _certificate(path: str) -> x509.Certificate:
    from cryptography import x509

    raw = output.read_file(path, "the certificate")
    try:
        return (
            x509.load_pem_x509_certificate(raw)
            if raw.startswith(b"-----")
            else x509.load_der_x509_certificate(raw)
        )
    except ValueError:
        raise UsageError("the certificate is neither PEM nor DER") from None
