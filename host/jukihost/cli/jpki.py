"""`jukihost jpki`: certificates, signatures made in the card, and the checking of signatures."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jukihost.cli import output, prompts
from jukihost.cli.arguments import (
    Commands,
    add_command,
    add_connection,
    add_group,
    add_pad,
    add_pin_file,
)
from jukihost.cli.reach import connected
from jukihost.cli.status import or_none, tries_left
from jukihost.cli.verify import FORMS, add_verify, form_of
from jukihost.texts import said

if TYPE_CHECKING:
    from cryptography import x509

    from jukihost.sessions.jpki import JpkiKey, JpkiSession
    from jukihost.signing.key import SigningKey


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    actions = add_group(commands, "jpki", "certificates and signatures")
    add_connection(
        add_command(actions, "status", "show the token and the tries its PINs have left", _status)
    )
    cert = add_command(
        actions,
        "cert",
        "show or save a certificate of the card; the signature certificate needs the password",
        _cert,
    )
    _add_card(cert)
    cert.add_argument(
        "--authority",
        action="store_true",
        help="the certificate of the authority instead of the holder's",
    )
    cert.add_argument(
        "--holder",
        action="store_true",
        help="also show the holder's name, address, birth date and sex",
    )
    cert.add_argument("--out", metavar="FILE", help="save it as PEM, - for standard output")
    sign = add_command(actions, "sign", "sign a file with a key in the card", _sign)
    sign.add_argument("file", metavar="FILE", help="what to sign, - for standard input")
    _add_card(sign)
    sign.add_argument(
        "--out", metavar="FILE", required=True, help="where the result goes, - for standard output"
    )
    sign.add_argument(
        "--form",
        choices=FORMS,
        help="the form of the signature (default: pdf or xml for files so named, else cms)",
    )
    sign.add_argument("--reason", help="why it is signed, for a PDF file")
    sign.add_argument(
        "--field",
        metavar="NAME",
        help="the field of a PDF file that the signature goes into: one of its own for each",
    )
    for action in (cert, sign):
        action.add_argument("--force", action="store_true", help="replace the output file")
    add_verify(actions)


def _add_card(parser: argparse.ArgumentParser) -> None:
    add_connection(parser)
    parser.add_argument(
        "--key",
        choices=("signature", "authentication"),
        default="signature",
        help="which of the two keys (default: %(default)s)",
    )
    add_pin_file(parser, "the key's password or PIN")
    add_pad(parser)


@contextmanager
def _verified(arguments: argparse.Namespace) -> Iterator[tuple[JpkiSession, JpkiKey]]:
    """Open the JPKI application with the key's PIN verified."""
    from jukihost.conversation.secrets import Pin, SignaturePassword
    from jukihost.sessions.jpki import JpkiKey, JpkiSession

    key = JpkiKey[arguments.key.upper()]
    if key is JpkiKey.SIGNATURE:
        password = prompts.entry(arguments, SignaturePassword, said("holder: signature password: "))
        with connected(arguments) as (_, channel), JpkiSession(channel) as jpki:
            jpki.verify_password(password)
            yield jpki, key
    else:
        pin = prompts.entry(arguments, Pin, said("holder: PIN of the authentication key: "))
        with connected(arguments) as (_, channel), JpkiSession(channel) as jpki:
            jpki.verify_pin(pin)
            yield jpki, key


def _status(arguments: argparse.Namespace) -> int:
    from jukihost.sessions.jpki import JpkiKey, JpkiSession

    with connected(arguments, verifies=False) as (_, channel), JpkiSession(channel) as jpki:
        token, available = jpki.token(), jpki.availability()
        left = {key.name.lower(): _retries(jpki, key) for key in JpkiKey}
    if arguments.json:
        output.print_json(
            {
                "token": token.name,
                "signature": available.signature,
                "authentication": available.authentication,
                "pin_retries": left,
            }
        )
        return output.OK
    table = output.table("", token.name)
    for name, present in (
        ("signature", available.signature),
        ("authentication", available.authentication),
    ):
        retries = left[name]
        output.add_row(table, f"{name} certificate", "present" if present else "absent")
        output.add_row(table, f"{name} PIN", "-" if retries is None else tries_left(retries))
    output.print_table(table)
    return output.OK


def _retries(jpki: JpkiSession, key: JpkiKey) -> int | None:
    return or_none(lambda: jpki.pin_retries(key))


def _cert(arguments: argparse.Namespace) -> int:
    certificate = _read_certificate(arguments)
    if arguments.out is None:
        return _show(arguments, certificate)
    from cryptography.hazmat.primitives.serialization import Encoding

    output.write_file(arguments.out, certificate.public_bytes(Encoding.PEM), force=arguments.force)
    return output.OK


def _read_certificate(arguments: argparse.Namespace) -> x509.Certificate:
    from jukihost.sessions.jpki import JpkiKey, JpkiSession

    key = JpkiKey[arguments.key.upper()]
    if key is JpkiKey.SIGNATURE and not arguments.authority:
        with _verified(arguments) as (jpki, _):
            return jpki.certificate(key)
    with connected(arguments, verifies=False) as (_, channel), JpkiSession(channel) as jpki:
        return jpki.authority_certificate(key) if arguments.authority else jpki.certificate(key)


def _show(arguments: argparse.Namespace, certificate: x509.Certificate) -> int:
    from jukihost.signing.certificates import holder_of, summarize

    summary = summarize(certificate)
    fields: dict[str, Any] = {
        "kind": summary.kind.value,
        "subject": summary.subject,
        "issuer": summary.issuer,
        "serial number": f"{summary.serial_number:X}",
        "first": summary.first.isoformat(),
        "last": summary.last.isoformat(),
        "key bits": summary.key_bits,
    }
    holder = holder_of(certificate) if arguments.holder else None
    if holder is not None:
        fields |= {
            "name": holder.name,
            "address": holder.address,
            "birth": None if holder.birth is None else holder.birth.isoformat(),
            "sex": holder.sex.name.lower().replace("_", " "),
        }
    if arguments.json:
        output.print_json({name.replace(" ", "_"): value for name, value in fields.items()})
        return output.OK
    table = output.table("", "")
    for name, value in fields.items():
        output.add_row(table, name, "-" if value is None else str(value))
    output.print_table(table)
    return output.OK


def _sign(arguments: argparse.Namespace) -> int:
    content = output.read_file(arguments.file, "the file to sign")
    make = _signer(arguments, form_of(arguments))
    with _verified(arguments) as (jpki, key):
        signed = make(jpki.signing_key(key), content)
    output.write_file(arguments.out, signed, force=arguments.force)
    return output.OK


def _signer(arguments: argparse.Namespace, form: str) -> Callable[[SigningKey, bytes], bytes]:
    """Return what makes a signature of this form; its libraries are loaded before the card is
    reached."""
    from pathlib import Path

    from jukihost.signing.cms import sign_cms
    from jukihost.signing.pdf import FIELD, sign_pdf
    from jukihost.signing.raw import sign_raw
    from jukihost.signing.report import need_extra
    from jukihost.signing.xmldsig import sign_xml, sign_xml_detached

    if form in ("pdf", "xml", "xml-detached"):
        need_extra()
    makers: dict[str, Callable[[SigningKey, bytes], bytes]] = {
        "raw": sign_raw,
        "cms": sign_cms,
        "cms-attached": lambda key, data: sign_cms(key, data, detached=False),
        "pdf": lambda key, data: sign_pdf(
            data, key, field=arguments.field or FIELD, reason=arguments.reason
        ),
        "xml": lambda key, data: sign_xml(data, key),
        "xml-detached": lambda key, data: sign_xml_detached(
            data, key, uri=Path(arguments.file).name
        ),
    }
    return makers[form]
