"""Run in a process of its own: both packages without what only Unix has, imported and used.

Modules that only Unix has cannot be imported here, and what only Unix has in `os`, `signal`,
`select` and `socket` is not there. This is no other system; it shows what would be missing there.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import select
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

BLOCKED = frozenset(
    {
        "crypt", "curses", "fcntl", "grp", "nis", "ossaudiodev", "pty", "pwd", "readline",
        "resource", "spwd", "syslog", "termios", "tty",
    }
)  # fmt: skip
"""Modules of the standard library that only Unix has (its index says so of each)."""

MISSING = {
    os: (
        "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "fchmod", "fork", "forkpty",
        "getegid", "geteuid", "getgid", "getpgid", "getpgrp", "getsid", "getuid", "killpg",
        "mkfifo", "openpty", "pread", "pwrite", "setsid", "statvfs", "sysconf", "tcgetpgrp",
        "tcsetpgrp", "ttyname", "uname",
    ),
    signal: ("SIGALRM", "SIGHUP", "SIGPIPE", "SIGTTIN", "SIGUSR1", "SIGUSR2", "pause"),
    select: ("epoll", "poll"),
}  # fmt: skip


class Blocker(MetaPathFinder):
    """Says of what only Unix has that it is not there."""

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def block() -> None:
    """Take away what other systems have not; before anything of ours is imported."""
    for name in BLOCKED & sys.modules.keys():
        del sys.modules[name]
    sys.meta_path.insert(0, Blocker())
    take_calls_away()


def take_calls_away() -> None:
    for module, names in MISSING.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)


def everything(package: ModuleType) -> Iterator[str]:
    """The names of all modules of a package, but those that run when they are imported."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith(".__main__"):
            yield found.name


def import_all() -> int:
    names = []
    for package in ("jukicard", "jukihost"):
        names += [package, *everything(importlib.import_module(package))]
    for name in names:
        importlib.import_module(name)
    return len(names)


# -- what a user does --------------------------------------------------------------------------


def every_application() -> None:
    """Cards of every profile, and every session on them, as a terminal uses them."""
    from jukicard import LocalReader, issue_card
    from jukihost import (
        CommonSession,
        JpkiKey,
        JpkiSession,
        JukiSession,
        PublishedKeys,
        Purpose,
        SurfaceSession,
        TextSession,
        build_channel,
    )

    for profile in ("juki-v1", "juki-v2", "mynumber"):
        card = issue_card(profile, seed=1)
        with LocalReader(card) as connection:
            with JukiSession(build_channel(connection)) as juki:
                juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublishedKeys())
                juki.verify_pin("1234")
                assert len(juki.read_code().reveal()) == 11
            with JpkiSession(build_channel(connection)) as jpki:
                jpki.verify_password("ABC123")
                assert jpki.signing_key(JpkiKey.SIGNATURE).sign(b"x" * 35)
            if profile != "juki-v1":
                with SurfaceSession(build_channel(connection)) as surface:
                    assert surface.number_b_retries() == 10
            if profile == "mynumber":
                with TextSession(build_channel(connection)) as text:
                    text.verify_pin("1234")
                    assert text.attributes().name
                with CommonSession(build_channel(connection)) as common:
                    assert common.record().serial
        assert card.fork().snapshot().export_with_keys()


def every_connection() -> None:
    """A card over TCP, behind the virtual reader's protocol both ways, and from a recording."""
    from jukicard import issue_card
    from jukicard.apdu.trace import DumpWriter, TraceLevel
    from jukicard.transport.tcp import TcpServer
    from jukicard.transport.vpcd import VpcdServer
    from jukihost import JukiSession, ReplayConnection, TcpConnection, VpcdConnection, build_channel

    lines: list[str] = []
    recorder = DumpWriter(lines.append, TraceLevel.FULL)
    card = issue_card(seed=1)
    with TcpServer(card) as server, TcpConnection(server.host, server.port) as connection:
        recorder.reset(connection.atr)
        with JukiSession(build_channel(connection, observer=recorder)) as juki:
            assert juki.pin_retries() == 3
    with ReplayConnection("\n".join(lines)) as replay, JukiSession(build_channel(replay)) as juki:
        assert juki.pin_retries() == 3
    with VpcdServer([card], "127.0.0.1", 0, listen=True) as waiting:
        place = waiting.slots[0].address.rpartition(":")
        dialling = VpcdConnection(place[0], int(place[2]), listening=False)
        with dialling as reader, JukiSession(build_channel(reader)) as juki:
            assert juki.pin_retries() == 3


def command_lines() -> None:
    """Both command lines, as far as they need no local file."""
    from jukicard import cli as card_cli, issue_card
    from jukicard.transport.tcp import TcpServer
    from jukihost import cli as host_cli

    assert card_cli.main(["demo"]) == 0
    assert card_cli.main(["serve", "no-such-profile"]) == 2
    with TcpServer(issue_card(seed=1)) as server:
        assert host_cli.main(["status", "--tcp", f"{server.host}:{server.port}"]) == 0


def signatures() -> None:
    """Signatures with the card's key, in a CMS file and in a PDF file."""
    from jukicard import LocalReader, issue_card
    from jukihost import JpkiKey, JpkiSession, build_channel
    from jukihost.signing.cms import sign_cms
    from jukihost.signing.pdf import sign_pdf
    from tests.support.host.pki import blank_pdf

    reader = LocalReader(issue_card("mynumber", seed=1))
    with reader, JpkiSession(build_channel(reader)) as jpki:
        jpki.verify_password("ABC123")
        key = jpki.signing_key(JpkiKey.SIGNATURE)
        assert sign_cms(key, b"contents")
        assert sign_pdf(blank_pdf(), key)


def card_files(folder: Path) -> None:
    """A card in a file: nobody is told who has it open, all else is as everywhere."""
    from jukicard import cli
    from jukicard.memory import list_cards

    path = folder / "card.juki"
    assert cli.main(["new", "--seed", "1", str(path)]) == 0
    assert cli.main(["inspect", str(path), "--send", "00A4040C0AD3921000310001010401"]) == 0
    assert cli.main(["new", "--force", "--seed", "2", str(path)]) == 0
    assert [entry.card_id for entry in list_cards(path)] == ["card"]


def key_stores(folder: Path) -> None:
    """A store of keys, where the library for locks has the lock of the system."""
    from jukihost.keys import SoftwareCustody
    from jukihost.keys.envelope import ScryptCost

    store = SoftwareCustody(
        folder / "test.keys", lambda: "words of a test alone", cost=ScryptCost(1 << 10)
    )
    store.create(["COUNTER"])
    store.rotate("COUNTER")
    store.refresh()
    assert [info.version for info in store.inventory()] == [1, 2]


def without_calls(folder: Path) -> int:
    take_calls_away()
    key_stores(folder)
    print("key_stores: done")
    return 0


def without_modules(folder: Path) -> int:
    block()
    print(f"{import_all()} modules")
    uses: tuple[Callable[[], None], ...] = (
        every_application, every_connection, command_lines, signatures
    )  # fmt: skip
    for use in uses:
        use()
        print(f"{use.__name__}: done")
    card_files(folder)
    print("card_files: done")
    missing = sorted(BLOCKED & sys.modules.keys())
    assert not missing, f"imported after all: {missing}"
    return 0


if __name__ == "__main__":
    sys.exit({"modules": without_modules, "calls": without_calls}[sys.argv[1]](Path(sys.argv[2])))
