"""Certificates and revocation data from elsewhere: read whole, or refused in words, everywhere."""

from __future__ import annotations

import ast
import base64
import json
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

import jukihost
from jukicard import issue_card
from jukicard.apdu import ResponseApdu, Tlv
from jukicard.transport.tcp import TcpServer
from jukihost import cli
from jukihost.crypto.foreign import (
    CertificateUnreadable,
    ForeignDataError,
    RevocationUnreadable,
    check_ocsp_response,
    check_revocation_list,
    load_certificate,
    load_certificates,
    load_revocation_lists,
)
from jukihost.errors import ProtocolError
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.signing.certificates import CertificateMalformed, holder_of, kind_of, summarize
from jukihost.signing.cms import sign_cms
from jukihost.signing.raw import SignatureInvalid, sign_raw, verify_raw
from jukihost.signing.validity import CertificateNotValid, Trust
from tests.support.host.fakes import AnswerChannel
from tests.support.host.pki import LAST, NOW, Authority

DATA = Path(__file__).parents[2] / "data" / "foreign"
ODD = {path.stem.removeprefix("certificate-"): path.read_bytes() for path in DATA.glob("*.der")}
WORDS = {
    "badversion": "a version that does not exist",
    "DuplicateExtension": "the same extension twice",
    "TypeError": "damaged, or not of its form",
    "UnsupportedAlgorithm": "of a kind that is not known here",
    "UnsupportedGeneralNameType": "a name in a form that is not known here",
    "ValueError": "damaged, or not of its form",
}
JPKI = "application D392F000260100000001"
AUTHORITY = Authority.make()
KEY = AUTHORITY.issue()
OTHERS = [Authority.make(number, f"authority {number}") for number in (2, 3)]
odd_certificate = pytest.mark.parametrize("kind", sorted(WORDS))


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def test_every_file_is_read_by_a_test() -> None:
    assert ODD.keys() == WORDS.keys()
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in DATA.iterdir()} - {"README.md"}
    assert names == {*(f"certificate-{kind}.der" for kind in WORDS), "hybrid-reference.pdf"}
    assert all(f"`{name}`" in readme for name in names)


# --- each place where a certificate comes in ---


@odd_certificate
def test_an_odd_certificate_is_refused_in_words(kind: str) -> None:
    for load in (load_certificate, load_certificates):
        with pytest.raises(CertificateUnreadable, match=WORDS[kind]) as caught:
            load(ODD[kind])
        assert caught.value.__suppress_context__
        assert "; get another one from its issuer" in str(caught.value)


@odd_certificate
def test_an_odd_certificate_in_a_card_is_the_cards_error(kind: str) -> None:
    content = ODD[kind].ljust(2048, b"\xff")
    jpki = JpkiSession(
        AnswerChannel(
            lambda command: ResponseApdu(
                content[(command.p1 << 8 | command.p2) :][: command.ne]
                if command.ins == 0xB0
                else b""
            )
        )
    ).open()
    for read in (jpki.certificate, jpki.authority_certificate):
        with pytest.raises(ProtocolError, match=f"{WORDS[kind]}; have the card checked"):
            read(JpkiKey.AUTHENTICATION)


@odd_certificate
def test_an_odd_certificate_ends_no_command_in_a_traceback(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = issue_card("mynumber", seed=1)
    partition = card.environment.memory.partition(JPKI)
    with card.environment.memory.transaction():
        for name in ("content/000A", "content/000B"):
            partition.put(name, ODD[kind].ljust(len(partition.get(name) or b""), b"\xff"))
    with TcpServer(card) as server:
        for more in (["--key", "authentication"], ["--authority", "--key", "authentication"]):
            at = f"{server.host}:{server.port}"
            assert cli.main(["jpki", "cert", *more, "--tcp", at]) == 3
            assert f"{WORDS[kind]}; have the card checked" in capsys.readouterr().err
    (tmp_path / "odd").write_bytes(ODD[kind])
    (tmp_path / "good").write_bytes(pem(AUTHORITY.certificate))
    odd, good = str(tmp_path / "odd"), str(tmp_path / "good")
    raw = ["--form", "raw", "--content", good, "--anchor", good, "--certificate", odd]
    for arguments in ([good, "--anchor", odd], [good, "--anchor", good, "--anchor", odd], raw):
        file = [good] if arguments is raw else []
        assert cli.main(["jpki", "verify", *file, *arguments]) == 2
        assert WORDS[kind] in capsys.readouterr().err
    for option in ("--crl", "--ocsp"):
        assert cli.main(["jpki", "verify", good, "--anchor", good, option, odd]) == 2
        assert "cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("kind", sorted(WORDS.keys() - {"badversion"}))
def test_an_odd_certificate_that_was_loaded_elsewhere(kind: str) -> None:
    odd = x509.load_der_x509_certificate(ODD[kind])
    for look in (summarize, kind_of, holder_of):
        with pytest.raises(CertificateMalformed, match=WORDS[kind]):
            look(odd)
    with pytest.raises(SignatureInvalid, match=WORDS[kind]):
        verify_raw(odd, b"text", b"signature")
    with pytest.raises(CertificateUnreadable, match=f"the trust anchor.*{WORDS[kind]}"):
        Trust((AUTHORITY.certificate, odd), NOW)
    trust = Trust((AUTHORITY.certificate,), NOW)
    with pytest.raises(CertificateNotValid, match=WORDS[kind]):
        trust.check(odd)
    with pytest.raises(CertificateNotValid, match=WORDS[kind]):
        trust.check(KEY.certificate, (odd,))


@odd_certificate
def test_an_odd_certificate_in_a_signature(kind: str) -> None:
    from jukihost.signing.cms import verify_cms

    signed = sign_cms(KEY, b"text", detached=False)
    authority = AUTHORITY.certificate.public_bytes(Encoding.DER)
    spoiled = exchanged(Tlv.parse(signed), authority, ODD[kind])
    with pytest.raises(SignatureInvalid, match=WORDS[kind]):
        verify_cms(spoiled, Trust((AUTHORITY.certificate,), NOW))


def exchanged(whole: Tlv, old: bytes, new: bytes) -> bytes:
    """The object with one inside of it replaced by another, and the lengths around it mended."""
    if whole.encode() == old:
        return new
    if not whole.constructed:
        return whole.encode()
    return Tlv(whole.tag, b"".join(exchanged(it, old, new) for it in whole.children)).encode()


def test_all_certificates_come_in_through_one_door() -> None:
    """Of the library's loaders, no module but one knows any."""
    package = Path(jukihost.__file__).parent
    using = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id).startswith(
            ("load_der_", "load_pem_")
        )
    }
    assert using == {"crypto/foreign.py"}


# --- files of certificates (RFC 7468) ---


def openssl_text(certificate: x509.Certificate) -> bytes:
    return subprocess.run(
        ["openssl", "x509", "-text"], input=pem(certificate), capture_output=True, check=True
    ).stdout


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda text: text,
    "an empty line before": lambda text: b"\n" + text,
    "spaces and an empty line": lambda text: b"  \t\r\n" + text,
    "a mark of UTF-8": lambda text: b"\xef\xbb\xbf" + text,
    "a mark of UTF-8 and a line": lambda text: b"\xef\xbb\xbf\n" + text,
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "lines of Windows": lambda text: text.replace(b"\n", b"\r\n"),
    "lines of an old Mac": lambda text: text.replace(b"\n", b"\r"),
    "no line end": lambda text: text.rstrip(b"\n"),
    "text before and behind": lambda text: b"0 s:/CN=test\n" + text + b"---\nServer\n",
    "a key in front": lambda text: (
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + text
    ),
    "one long line": lambda text: (
        text.replace(b"\n", b"").replace(b"-----M", b"-----\nM").replace(b"-----END", b"\n-----END")
    ),
    "the older label": lambda text: text.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
    "spaces behind the lines": lambda text: text.replace(b"\n", b" \n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_text_around_a_certificate_says_nothing(form: str) -> None:
    assert load_certificates(FORMS[form](pem(KEY.certificate))) == (KEY.certificate,)


def test_what_openssl_writes() -> None:
    text = openssl_text(KEY.certificate)
    assert text.startswith(b"Certificate:")
    both = text + b"\n" + openssl_text(AUTHORITY.certificate)
    assert load_certificates(both) == (KEY.certificate, AUTHORITY.certificate)


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_all_certificates_of_a_bundle_count(count: int) -> None:
    certificates = [KEY.certificate, AUTHORITY.certificate, OTHERS[0].certificate] * count
    bundle = b"# of a browser\n".join(map(pem, certificates[:count]))
    assert load_certificates(bundle) == tuple(certificates[:count])


def test_an_anchor_anywhere_in_a_bundle_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "content").write_bytes(b"text")
    (tmp_path / "signature").write_bytes(sign_cms(KEY, b"text"))
    (tmp_path / "raw").write_bytes(sign_raw(KEY, b"text"))
    ours, others = pem(AUTHORITY.certificate), [pem(it.certificate) for it in OTHERS]
    content = ["--content", str(tmp_path / "content"), "--at", "2026-04-01"]
    for bundle in ([*others, ours], [others[0], ours, others[1]], [ours, *others]):
        (tmp_path / "anchors").write_bytes(b"\n".join(bundle))
        anchor = ["--anchor", str(tmp_path / "anchors")]
        assert cli.main(["jpki", "verify", str(tmp_path / "signature"), *content, *anchor]) == 0
        (tmp_path / "chain").write_bytes(b"\n".join([*bundle, pem(KEY.certificate)]))
        raw = ["--form", "raw", "--certificate", str(tmp_path / "chain")]
        assert cli.main(["jpki", "verify", str(tmp_path / "raw"), *content, *anchor, *raw]) == 0
    assert capsys.readouterr().out.count("right: signed by") == 6


GOOD = pem(KEY.certificate)
BROKEN = {
    "empty": b"",
    "text": b"no certificate\n",
    "another thing": GOOD.replace(b"CERTIFICATE", b"PRIVATE KEY"),
    "cut short": GOOD[:-40],
    "cut short before another": GOOD[:300] + b"\n" + GOOD,
    "another end": GOOD.replace(b"END CERTIFICATE", b"END X509 CRL"),
    "a character that is none": GOOD[:200] + b"!" + GOOD[201:],
    "a character too few": GOOD[:200] + GOOD[201:],
    "the second damaged": GOOD + GOOD[:200] + b"!" + GOOD[201:],
    "the second cut short": GOOD + GOOD[:500],
    "a marker too many": GOOD.replace(b"-----END", b"-----BEGIN CERTIFICATE-----\n-----END"),
    "the form of OpenSSL": GOOD.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
    "the form of OpenSSL beside a good one": (
        GOOD + GOOD.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE")
    ),
    "a bundle of another form": GOOD.replace(b"CERTIFICATE", b"PKCS7"),
    "DER cut short": KEY.certificate.public_bytes(Encoding.DER)[:-1],
    "DER and more": KEY.certificate.public_bytes(Encoding.DER) + b"\0",
    "a digit": b"0",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_file_is_refused_whole(name: str) -> None:
    with pytest.raises(CertificateUnreadable, match=r"cannot be used: .*; "):
        load_certificates(BROKEN[name])


def test_a_damaged_certificate_is_told_by_its_number() -> None:
    odd = b"-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n" % (
        base64.encodebytes(ODD["badversion"])
    )
    with pytest.raises(CertificateUnreadable, match="certificate 2 of 3 in the trust anchors"):
        load_certificates(GOOD + odd + GOOD, "the trust anchors")


# --- revocation ---


def test_revocation_lists_in_both_forms() -> None:
    lists = [AUTHORITY.revocation_list(), AUTHORITY.revocation_list(KEY.certificate)]
    text = b"\n".join(x509.load_der_x509_crl(it).public_bytes(Encoding.PEM) for it in lists)
    assert load_revocation_lists(lists[1]) == (lists[1],)
    assert load_revocation_lists(b"\xef\xbb\xbfCertificate Revocation List\n" + text) == tuple(
        lists
    )
    for broken in (b"", b"text", text[:-30], lists[0][:-1], lists[0] + b"\0", GOOD):
        with pytest.raises(RevocationUnreadable):
            load_revocation_lists(broken)


def test_a_responder_that_has_no_answer_is_no_answer() -> None:
    for status in ocsp.OCSPResponseStatus:
        if status is ocsp.OCSPResponseStatus.SUCCESSFUL:
            continue
        answer = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
        with pytest.raises(RevocationUnreadable, match=r"the responder gave none.*; ask it again"):
            check_ocsp_response(answer)
    check_ocsp_response(AUTHORITY.ocsp_response(KEY.certificate))


def test_all_of_a_list_is_read() -> None:
    """An entry at the end of a list that cannot be read is found when the list is let in."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(AUTHORITY.certificate.subject)
        .last_update(NOW)
        .next_update(LAST)
    )
    for number in range(1, 4):
        entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(NOW)
        entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.superseded), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    der = builder.sign(AUTHORITY.key, hashes.SHA256()).public_bytes(Encoding.DER)
    check_revocation_list(der)
    reason = bytes.fromhex("04030A0104")
    at = der.rindex(reason)
    spoiled = der[:at] + bytes.fromhex("04030A017F") + der[at + 5 :]
    x509.load_der_x509_crl(spoiled)
    with pytest.raises(RevocationUnreadable, match="damaged, or not of its form"):
        check_revocation_list(spoiled)


# --- what is said, and how ---


def test_old_habits_in_certificates_are_not_told_to_who_did_not_make_them() -> None:
    """A serial number of nought: the library warns of it, and whoever reads a card cannot help."""
    der = AUTHORITY.certificate.public_bytes(Encoding.DER)
    at = der.index(b"\xa0\x03\x02\x01\x02\x02\x01\x01")
    old = der[: at + 7] + b"\x00" + der[at + 8 :]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert summarize(load_certificate(old)).serial_number == 0
        assert not told
        x509.load_der_x509_certificate(old)
    assert told, "the library itself warns, which is what this test is about"


def test_an_error_is_a_value_error_with_its_parts() -> None:
    with pytest.raises(ValueError, match="neither PEM nor DER") as caught:
        load_certificates(b"text", "the trust anchor")
    error = caught.value
    assert isinstance(error, ForeignDataError)
    assert (error.what, error.advice) == ("the trust anchor", "give another file")
    assert str(error).startswith("the trust anchor cannot be used: ")


CONTROLS = "\x1b[2J\x07\x9b\u202e\u2028\u200b"


@pytest.mark.parametrize("json_too", [False, True])
def test_a_certificates_name_moves_nothing_on_the_screen(
    json_too: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"黒桐　{CONTROLS}幹也")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key)
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(LAST)
        .sign(KEY.private, hashes.SHA256())
    )
    card = issue_card("mynumber", seed=1)
    partition = card.environment.memory.partition(JPKI)
    der = certificate.public_bytes(Encoding.DER)
    with card.environment.memory.transaction():
        partition.put("content/000A", der.ljust(len(partition.get("content/000A") or b""), b"\xff"))
    with TcpServer(card) as server:
        more = ["--json"] if json_too else []
        at = f"{server.host}:{server.port}"
        assert cli.main(["jpki", "cert", "--key", "authentication", "--tcp", at, *more]) == 0
    out = capsys.readouterr().out
    assert not set(CONTROLS.replace("[2J", "")) & set(out)
    assert "黒桐　" in out
    if json_too:
        assert CONTROLS in json.loads(out)["subject"]
    else:
        assert "\\u001b[2J\\u0007\\u009b\\u202e" in out.replace("\n", "").replace(" ", "")
