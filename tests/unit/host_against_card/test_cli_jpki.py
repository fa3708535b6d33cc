"""Certificates and signatures on the command line, against emulated cards on TCP."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jukihost import cli
from tests.support.host.cli import Run, as_json
from tests.support.host.pki import Authority, blank_pdf


def test_jpki_status(successor: Run, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert successor("jpki", "status", "--json") == 0
    assert as_json(capsys) == {
        "token": "JPKIAPICCTOKEN2",
        "signature": True,
        "authentication": True,
        "pin_retries": {"signature": 5, "authentication": 3},
    }
    assert run("jpki", "status") == 0
    out = capsys.readouterr().out
    assert "5 tries left" in out
    assert "absent" in out


def test_certificates(successor: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert successor("jpki", "cert", "--key", "authentication", "--json") == 0
    assert as_json(capsys)["kind"] == "authentication"
    assert successor("jpki", "cert", "--authority", "--json") == 0
    assert as_json(capsys)["kind"] == "authority"
    assert successor("jpki", "cert", "--pin-file", "-", "--json", typed="abc123\n") == 0
    certificate = as_json(capsys)
    assert (certificate["kind"], certificate["key_bits"]) == ("signature", 2048)
    assert "address" not in certificate
    assert successor("jpki", "cert", "--holder", "--pin-file", "-", typed="ABC123\n") == 0
    assert "address" in capsys.readouterr().out
    out = str(tmp_path / "own.pem")
    assert successor("jpki", "cert", "--pin-file", "-", "--out", out, typed="ABC123\n") == 0
    assert Path(out).read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
    assert successor("jpki", "cert", "--authority", "--out", out) == 2
    assert "--force" in capsys.readouterr().err
    assert successor("jpki", "cert", "--authority", "--out", out, "--force") == 0


def test_wrong_password(successor: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert successor("jpki", "cert", "--pin-file", "-", typed="WRONG1\n") == 1
    captured = capsys.readouterr()
    assert "4 tries left" in captured.err
    assert "WRONG1" not in captured.err + captured.out
    assert successor("jpki", "cert", "--pin-file", "-", typed="abc\n") == 2
    assert successor("jpki", "status") == 0
    assert "4 tries left" in capsys.readouterr().out


XML = b'<return Id="return"><sum>100</sum></return>'
AT = ("--at", "2024-06-01")


@pytest.fixture
def anchor(successor: Run, tmp_path: Path) -> str:
    path = str(tmp_path / "ca.pem")
    assert successor("jpki", "cert", "--authority", "--out", path) == 0
    return path


@pytest.mark.parametrize(
    ("form", "name", "content"),
    [
        (None, "letter.txt", b"text"),
        (None, "letter.pdf", blank_pdf()),
        (None, "return.xml", XML),
        ("cms-attached", "letter.txt", b"text"),
        ("xml-detached", "return.xml", XML),
    ],
)
def test_sign_and_verify(
    successor: Run,
    anchor: str,
    tmp_path: Path,
    form: str | None,
    name: str,
    content: bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, out = tmp_path / name, str(tmp_path / f"signed-{name}")
    source.write_bytes(content)
    options = [] if form is None else ["--form", form]
    assert (
        successor(
            "jpki", "sign", str(source), "--out", out, *options, "--pin-file", "-", typed="ABC123\n"
        )
        == 0
    )
    beside = (
        ["--content", str(source)]
        if form == "xml-detached" or (form is None and name.endswith(".txt"))
        else []
    )
    check = ["jpki", "verify", out, "--anchor", anchor, *options, *beside]
    capsys.readouterr()
    assert cli.main([*check, *AT]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("right: signed by CN=")
    assert captured.err == ""
    assert cli.main([*check, *AT, "--json"]) == 0
    assert len(as_json(capsys)) == 1
    assert cli.main([*check, "--at", "2044-06-01"]) == 1
    assert "expired" in capsys.readouterr().err
    assert cli.main([*check, *AT, "--require-revocation"]) == 1
    changed = Path(beside[1] if beside else out)
    changed.write_bytes(
        changed.read_bytes()
        .replace(b"100", b"900")
        .replace(b"text", b"tex.")
        .replace(b"595", b"596")
    )
    assert cli.main([*check, *AT]) == 1


def test_a_pdf_file_takes_a_second_signature_in_another_field(
    successor: Run, anchor: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letter.pdf").write_bytes(blank_pdf())
    one, two = str(tmp_path / "one.pdf"), str(tmp_path / "two.pdf")
    sign = ["jpki", "sign", "--pin-file", "-"]
    assert successor(*sign, str(tmp_path / "letter.pdf"), "--out", one, typed="ABC123\n") == 0
    assert successor(*sign, one, "--out", two, typed="ABC123\n") == 1
    assert "'Signature1' already; name another field" in capsys.readouterr().err
    assert successor(*sign, one, "--out", two, "--field", "Other", typed="ABC123\n") == 0
    assert cli.main(["jpki", "verify", two, "--anchor", anchor, *AT]) == 0
    assert capsys.readouterr().out.count("right: signed by") == 2


def test_raw_signature(
    successor: Run, anchor: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, own = (str(tmp_path / name) for name in ("text", "signature", "own.pem"))
    Path(source).write_bytes(b"text")
    key = ("--key", "authentication", "--pin-file", "-")
    assert (
        successor("jpki", "sign", source, "--out", out, "--form", "raw", *key, typed="1234\n") == 0
    )
    assert len(Path(out).read_bytes()) == 256
    assert successor("jpki", "cert", "--out", own, *key, typed="1234\n") == 0
    assert successor("jpki", "cert", "--authority", "--out", anchor, "--force", *key) == 0
    check = ["jpki", "verify", out, "--form", "raw", "--anchor", anchor, *AT]
    assert cli.main([*check, "--content", source]) == 2
    assert cli.main([*check, "--content", source, "--certificate", own]) == 0
    Path(source).write_bytes(b"tex.")
    assert cli.main([*check, "--content", source, "--certificate", own]) == 1


def test_verify_with_revocation_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from jukihost.signing.cms import sign_cms

    authority = Authority.make()
    key = authority.issue()
    files = {
        "ca.der": authority.certificate.public_bytes(Encoding.DER),
        "good.crl": authority.revocation_list(),
        "bad.crl": authority.revocation_list(key.certificate),
        "good.ocsp": authority.ocsp_response(key.certificate),
        "signature": sign_cms(key, b"text", detached=False),
        "junk": b"junk",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    check = [
        "jpki",
        "verify",
        str(tmp_path / "signature"),
        "--anchor",
        str(tmp_path / "ca.der"),
        "--at",
        "2026-04-01T12:00:00+00:00",
        "--require-revocation",
    ]
    assert cli.main([*check, "--crl", str(tmp_path / "good.crl")]) == 0
    assert cli.main([*check, "--ocsp", str(tmp_path / "good.ocsp")]) == 0
    assert cli.main([*check, "--crl", str(tmp_path / "bad.crl")]) == 1
    assert "revoked" in capsys.readouterr().err
    assert cli.main([*check, "--crl", str(tmp_path / "junk")]) == 2
    assert cli.main([*check, "--anchor", str(tmp_path / "junk")]) == 2
    assert cli.main([*check, "--crl", str(tmp_path / "missing")]) == 2
    assert cli.main([*check, "--at", "tomorrow"]) == 2


def test_historic_signatures(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out, anchor = (str(tmp_path / name) for name in ("text", "signature", "ca.pem"))
    Path(source).write_bytes(b"text")
    assert run("jpki", "sign", source, "--out", out, "--pin-file", "-", typed="ABC123\n") == 0
    assert run("jpki", "cert", "--authority", "--out", anchor) == 0
    check = ["jpki", "verify", out, "--content", source, "--anchor", anchor, "--at", "2016-01-01"]
    assert cli.main(check) == 1
    assert "too weak" in capsys.readouterr().err
    assert cli.main([*check, "--historic"]) == 0


def test_sign_in_a_pipe(
    successor: Run, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    pins = tmp_path / "pin"
    pins.write_text("1234\n")
    options = ("--form", "raw", "--key", "authentication", "--pin-file", str(pins))
    assert successor("jpki", "sign", "-", "--out", "-", *options, typed="text") == 0
    assert len(capsysbinary.readouterr().out) == 256


def test_card_without_jpki(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.support.host.fakes import FakeJukiCard, listening_card
    from tests.unit.host.test_cli import tcp

    fake = FakeJukiCard("1234")
    with listening_card(lambda stream: tcp(fake, stream)) as (host, port):
        assert cli.main(["jpki", "status", "--tcp", f"{host}:{port}"]) == 1
    assert "no such application" in capsys.readouterr().err
