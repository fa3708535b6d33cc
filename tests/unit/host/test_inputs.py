"""Files that a person names: whole, bounded, and none that would be waited for without end."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jukihost import cli
from jukihost.cli import output
from jukihost.cli.counter.settings import EXAMPLE
from jukihost.cli.output import UsageError
from jukihost.database import Clock, open_database, upgrade_database
from jukihost.inputs import NotRead, read_input
from jukihost.keys import SoftwareCustody
from jukihost.keys.envelope import ForeignFile, KeyStoreError, ScryptCost
from jukihost.keys.passphrase import PassphraseMissing, passphrase_from_file
from jukihost.log import KeyKind, KeyUse, NoteKey, create_log, new_log_key
from tests.support.host.pki import Authority
from tests.support.interrupts import at_every_line

FILE = "{file}"
"""In a command line, the file that is tried; the others are right."""
VERIFY = ["jpki", "verify", "{good}", "--anchor", "{good}"]
PUT_KEY = [
    *("issuer", "put-key", "--tcp", "127.0.0.1:1", "--test-keys", "--new-version", "2"),
    *("--replace", "1"),
]
PERSONALISE = ["issuer", "personalise", "F05345414C", "--tcp", "127.0.0.1:1", "--test-keys"]
DISCLOSE = [
    *("log", "disclose", "{database}", "--operator", "operator-1", "--body", "the town's counter"),
    *("--out", "-", "--log-key", "{log_key}"),
]
READ = {
    "keys list FILE": ["keys", "list", FILE],
    "keys new FILE": ["keys", "new", FILE],
    "keys import FILE": ["keys", "import", FILE, "COUNTER", "--whole", "--key-file", "{good}"],
    "keys rotate FILE": ["keys", "rotate", FILE, "COUNTER"],
    "keys delete FILE": ["keys", "delete", FILE, "COUNTER", "--version", "1", "--yes"],
    "--keys": ["card", "suspend", "--tcp", "127.0.0.1:1", "--keys", FILE],
    "--passphrase-file": ["keys", "list", "{store}", "--passphrase-file", FILE],
    "--key-file": ["keys", "import", "{store}", "COUNTER", "--whole", "--key-file", FILE],
    "--pin-file": ["pin", "verify", "--tcp", "127.0.0.1:1", "--pin-file", FILE],
    "jpki sign FILE": ["jpki", "sign", FILE, "--out", "-", "--tcp", "127.0.0.1:1"],
    "jpki verify FILE": ["jpki", "verify", FILE, "--anchor", "{good}"],
    "--anchor": ["jpki", "verify", "{good}", "--anchor", FILE],
    "--content": [*VERIFY, "--content", FILE],
    "--crl": [*VERIFY, "--crl", FILE],
    "--ocsp": [*VERIFY, "--ocsp", FILE],
    "--file": ["apdu", "--file", FILE, "--tcp", "127.0.0.1:1"],
    "replay FILE": ["replay", FILE, "--tcp", "127.0.0.1:1"],
    "--object": [*PERSONALISE, "--object", f"C1={FILE}"],
    "--ef": [*PERSONALISE, "--ef", f"0001={FILE}"],
    "backup FILE": ["backup", "{database}", FILE, "--operator", "admin-1"],
    "restore FILE": ["restore", FILE, "{new}", "--operator", "admin-1"],
    "log key FILE": ["log", "key", FILE, "--for", "log", "--name", "town.example/uses"],
    "--key": ["log", "publish", "{database}", "--key", FILE],
    "--new-key": ["log", "publish", "{database}", "--key", "{signer}", "--new-key", FILE],
    "--cosigned": [
        *("log", "publish", "{database}", "--cosigned", FILE, "--witness-key", "{log_key}"),
    ],
    "--since": ["log", "check", "{database}", "--log-key", "{log_key}", "--since", FILE],
    "--pseudonyms": [*DISCLOSE, "--code-file", "{code}", "--pseudonyms", FILE],
    "--code-file": [*DISCLOSE, "--pseudonyms", "{pseudonyms}", "--code-file", FILE],
    "--photo": ["counter", "issue", "--holder", "1", "--photo", FILE, "--office", "{office}"],
    "--application": [
        *("counter", "install-application", "--application", FILE, "--office", "{office}"),
    ],
    "counter backup FILE": ["counter", "backup", FILE, "--office", "{office}"],
    "counter sign FILE": ["counter", "sign", FILE, "--out", "-", "--office", "{office}"],
    "--challenge": ["counter", "log-on", "--challenge", FILE, "--office", "{office}"],
    "--from": ["issue", "--from", FILE],
    "--tls-ca": ["issue", "--from", "{good}", "--tls-ca", FILE],
    "--tls-cert": ["issue", "--from", "{good}", "--tls-cert", FILE],
    "--tls-key": ["issue", "--from", "{good}", "--tls-key", FILE],
    "--office": ["counter", "recover", "--office", FILE],
    "--script": ["counter", "recover", "--office", "{office}", "--script", FILE],
    "--new-keys": [*PUT_KEY, "--new-keys", FILE],
    "--new-key-file": [*PUT_KEY, "--new-key-file", FILE],
    "--certificate": [*VERIFY, "--form", "raw", "--content", "{good}", "--certificate", FILE],
}
WRITTEN = {"--out", "--record", "--request", "--pdf"}
MADE = {"keys new FILE", "log key FILE", "backup FILE", "counter backup FILE"}
"""Where something new is made: there may be nothing yet."""
PASSPHRASE = "correct horse"


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Names that are no files: by kind."""
    pipe, folder, local = tmp_path / "pipe", tmp_path / "folder", tmp_path / "socket"
    os.mkfifo(pipe, 0o600)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(local))
        yield {
            "pipe": str(pipe),
            "folder": str(folder),
            "socket": str(local),
            "device": "/dev/zero",
            "terminal": "/dev/tty",
            "nothing": str(tmp_path / "nothing"),
        }


@pytest.fixture(scope="module")
def of_a_log(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A database with a log in it, and files with its keys."""
    folder = tmp_path_factory.mktemp("log")
    database, code = folder / "terminal.db", folder / "code"
    upgrade_database(str(database))
    with (
        open_database(str(database), clock=Clock(), terminal="desk") as opened,
        opened.begin() as connection,
    ):
        create_log(connection, "town.example/uses")
    code.write_text("12345678903")
    cost = ScryptCost(1 << 10)
    for use in (KeyUse.LOG, KeyUse.PSEUDONYMS):
        new_log_key(folder / use.value, lambda: PASSPHRASE, use, cost=cost)
    key = NoteKey("town.example/uses", KeyKind.LOG, bytes(32))
    return {
        "database": str(database),
        "signer": str(folder / KeyUse.LOG.value),
        "pseudonyms": str(folder / KeyUse.PSEUDONYMS.value),
        "code": str(code),
        "log_key": str(key),
    }


@pytest.fixture
def good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of_a_log: dict[str, str]
) -> dict[str, str]:
    from cryptography.hazmat.primitives.serialization import Encoding

    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PASSPHRASE)
    anchor = tmp_path / "anchor.pem"
    anchor.write_bytes(Authority.make().certificate.public_bytes(Encoding.PEM))
    store = tmp_path / "store"
    SoftwareCustody(store, lambda: PASSPHRASE, cost=ScryptCost(1 << 10)).create(["COUNTER"])
    office = tmp_path / "office.toml"
    office.write_text(EXAMPLE)
    new = tmp_path / "new"
    named = {"good": anchor, "store": store, "new": new, "office": office}
    return {**{name: str(path) for name, path in named.items()}, **of_a_log}


def every_path_option() -> set[str]:
    """The options of the command line that name a file, from the command line itself."""
    found, left = set(), [cli.build_parser()]
    while left:
        parser = left.pop()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                left += action.choices.values()
            elif isinstance(action.metavar, str) and action.metavar.endswith("FILE"):
                name = f"{parser.prog.removeprefix('jukihost ')} FILE"
                found.add(action.option_strings[0] if action.option_strings else name)
    return found


def test_every_option_that_names_a_file_is_tried_here() -> None:
    assert every_path_option() == READ.keys() | WRITTEN


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        (option, kind)
        for option in READ
        for kind in ("pipe", "folder", "socket", "device", "terminal", "nothing")
        if kind != "nothing" or option not in MADE
    ],
)
def test_what_is_no_file_is_refused_at_once(
    option: str,
    kind: str,
    odd: dict[str, str],
    good: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [part.format(file=odd[kind], **good) for part in READ[option]]
    assert cli.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("jukihost: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
@pytest.mark.parametrize("force", [False, True])
def test_an_output_is_a_file(kind: str, force: bool, odd: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"no regular file.* - for standard output"):
        output.write_file(odd[kind], b"content", force=force)


def test_an_output_is_replaced_whole(tmp_path: Path) -> None:
    output.write_file(str(tmp_path / "out"), b"a long content", force=False)
    with pytest.raises(UsageError, match="--force"):
        output.write_file(str(tmp_path / "out"), b"short", force=False)
    output.write_file(str(tmp_path / "out"), b"short", force=True)
    assert (tmp_path / "out").read_bytes() == b"short"
    output.write_file(os.devnull, b"short", force=True)


def test_the_empty_device_is_an_empty_file() -> None:
    assert read_input(os.devnull, 10) == b""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pipe", "a named pipe"),
        ("folder", "a directory"),
        ("socket", "a socket"),
        ("device", "a device"),
    ],
)
def test_each_is_called_by_its_name(kind: str, words: str, odd: dict[str, str]) -> None:
    with pytest.raises(NotRead, match=words):
        read_input(odd[kind], 10)
    with pytest.raises(KeyStoreError, match=words):
        SoftwareCustody(odd[kind], lambda: PASSPHRASE).open()
    with pytest.raises(PassphraseMissing, match=words):
        passphrase_from_file(odd[kind])()


def test_no_more_is_read_than_the_limit(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 40)
    large.chmod(0o600)
    with pytest.raises(NotRead, match="more than 3 MiB"):
        read_input(large, 3 << 20)
    with pytest.raises(ForeignFile, match="too large"):
        SoftwareCustody(large, lambda: PASSPHRASE).open()
    with pytest.raises(PassphraseMissing, match="more than 64 KiB"):
        passphrase_from_file(large)()
    (tmp_path / "exact").write_bytes(bytes(5000))
    assert read_input(tmp_path / "exact", 5000) == bytes(5000)
    with pytest.raises(NotRead, match="more than 4 KiB"):
        read_input(tmp_path / "exact", 4999)


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_what_a_shell_hands_over_is_read_to_its_end(name: str) -> None:
    code = f"from jukihost.inputs import read_input as r; print(len(r({name!r}, 1 << 20)))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    for _ in range(3):
        process.stdin.write("x" * 50_000)
        process.stdin.flush()
    assert process.communicate(timeout=60)[0] == "150000\n"


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_input(tmp_path / "link", 10) == b"content"


@pytest.mark.parametrize("force", [False, True])
def test_an_output_that_is_cut_off_leaves_what_was_there(tmp_path: Path, force: bool) -> None:
    place = tmp_path / "signed.pdf"
    old = b"the one before" if force else None

    def put_back() -> None:
        place.unlink(missing_ok=True)
        if old is not None:
            place.write_bytes(old)
            place.chmod(0o640)

    put_back()
    write = lambda: output.write_file(str(place), b"new", force=force)  # noqa: E731
    instants = 0
    for number in at_every_line(("cli/output.py", "jukihost/outputs.py"), write):
        instants = number
        left = {found.name: found.read_bytes() for found in tmp_path.iterdir()}
        assert left in ([{}] if old is None else [{place.name: old}]) + [{place.name: b"new"}]
        put_back()
    assert instants > 20
    assert place.read_bytes() == b"new"
    assert not force or place.stat().st_mode & 0o777 == 0o640


def test_a_full_disk_takes_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "signed.pdf"
    place.write_bytes(b"the one before")
    monkeypatch.setattr(os, "write", _full)
    with pytest.raises(UsageError, match="No space left on device"):
        output.write_file(str(place), b"new", force=True)
    assert [found.read_bytes() for found in tmp_path.iterdir()] == [b"the one before"]


def _full(descriptor: int, content: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
