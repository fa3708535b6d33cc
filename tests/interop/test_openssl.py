"""OpenSSL, which knows nothing of this project, accepts what was signed in the card."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jukicard import issue_card
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.sessions.jpki import CardSigningKey, JpkiKey, JpkiSession
from jukihost.signing.cms import sign_cms
from jukihost.signing.key import HashName
from jukihost.signing.raw import sign_raw
from tests.support.interop.missing import require

pytestmark = pytest.mark.interop
NOON = str(int(datetime(2024, 6, 1, 12, tzinfo=UTC).timestamp()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    require("OpenSSL", [] if shutil.which("openssl") else ["openssl"])
    (tmp_path / "text").write_bytes(b"text\r\n")
    return tmp_path


def openssl(folder: Path, *arguments: str) -> bytes:
    done = subprocess.run(
        ["openssl", *arguments], cwd=folder, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def sign(folder: Path, *, detached: bool) -> CardSigningKey:
    with (
        LocalReader(issue_card("mynumber", seed=1)) as connection,
        JpkiSession(build_channel(connection)) as jpki,
    ):
        jpki.verify_password("ABC123")
        key = jpki.signing_key(JpkiKey.SIGNATURE)
        (folder / "cms").write_bytes(sign_cms(key, b"text\r\n", detached=detached))
        (folder / "raw").write_bytes(sign_raw(key, b"text\r\n", HashName.SHA384))
    (folder / "root").write_bytes(key.authorities[0].public_bytes(Encoding.PEM))
    public = key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "public").write_bytes(public)
    return key


@pytest.mark.parametrize("detached", [True, False])
def test_cms(folder: Path, detached: bool) -> None:
    sign(folder, detached=detached)
    content = ("-content", "text") if detached else ()
    said = openssl(
        folder,
        *("cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", *content),
        *("-CAfile", "root", "-purpose", "any", "-attime", NOON),
    )
    assert said == b"text\r\n"


def test_raw(folder: Path) -> None:
    sign(folder, detached=True)
    said = openssl(folder, "dgst", "-sha384", "-verify", "public", "-signature", "raw", "text")
    assert said == b"Verified OK\n"
