"""Key custody in an encrypted file, for a counter without a hardware security module."""

from __future__ import annotations

import contextlib
import errno
import hmac
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NoReturn, Self

from jukihost.crypto.primitives import check_value
from jukihost.inputs import read_input
from jukihost.keys.custody import (
    MAX_VERSION,
    CardKeys,
    KeyExists,
    KeyInfo,
    KeyUnfit,
    UnknownKey,
    WeakKey,
    check_bringers,
    check_system,
    check_version,
)
from jukihost.keys.diversification import MASTER_BYTES, derive_card_keys
from jukihost.keys.envelope import (
    MAX_BYTES,
    Envelope,
    EnvelopeKey,
    ForeignFile,
    KeyStoreError,
    ScryptCost,
    StoreDamaged,
)
from jukihost.keys.files import LockNotOurs, one_writer, owner_only
from jukihost.keys.passphrase import Passphrase, encode
from jukihost.outputs import replace_file

DEFAULT_SUITE: Final = "MA-AES128"
_DISTINCT_BYTES: Final = 8
"""Random keys of 16 bytes have more different bytes, but for one in a hundred billion."""


class StoreNotFound(KeyStoreError):
    """There is no key store at this place."""


class StoreExists(KeyStoreError):
    """There is a file at this place already; nothing was written."""


class StoreUnsafe(KeyStoreError):
    """Others than the owner may read or change the key store."""


class StoreChanged(KeyStoreError):
    """The store got another passphrase or was replaced since it was opened; open it again."""


class StoreBusy(KeyStoreError):
    """Another program has been changing the store for too long; nothing was written."""


class StoreNotOpen(KeyStoreError):
    """The store was used before `open` or after `close`."""


@dataclass(frozen=True)
class _Master:
    suite: str
    key: bytes = field(repr=False)
    brought_by: tuple[str, ...] = ()


_Masters = dict[tuple[str, int], _Master]


class SoftwareCustody:
    """Master keys in a file that a passphrase opens (mode 0600, replaced whole or not at all).

    Making one does no I/O: `open` reads the file, `create` makes it, leaving a `with` block closes
    it. Every change is written before the call returns, on top of what other programs wrote in the
    meantime; their changes are seen then, or after `refresh`. Keys are never given out, and a
    failed change leaves the file as it was.
    """

    def __init__(
        self, path: str | Path, passphrase: Passphrase, *, cost: ScryptCost | None = None
    ) -> None:
        """`cost` is for a new store, or one whose passphrase changes; see `ScryptCost`."""
        # A link stays a link when the file behind it is replaced.
        self.path = Path(os.path.realpath(path))
        self._passphrase = passphrase
        self._cost = cost or ScryptCost()
        self._key: EnvelopeKey | None = None
        self._masters: _Masters = {}

    def open(self) -> None:
        """Read the store. KeyStoreError (StoreNotFound, StoreUnsafe, StoreDamaged, ForeignFile,
        NewerStore, WrongPassphrase), PassphraseMissing.
        """
        envelope = self._read()
        key = EnvelopeKey.for_envelope(envelope, encode(self._passphrase))
        self._masters = _unpack(key.open(envelope))
        self._key = key

    def create(self, systems: Iterable[str] = (), *, suite: str = DEFAULT_SUITE) -> None:
        """Make a store with a new master key for each of `systems`, and open it.

        StoreExists, PassphraseTooShort, KeyUnfit, KeyStoreError.
        """
        check_suite(suite)
        masters = {(check_system(system), 1): _Master(suite, _draw(suite)) for system in systems}
        key = EnvelopeKey.new(encode(self._passphrase, new=True), self._cost)
        with _writing(self.path):
            if os.path.lexists(self.path):
                raise StoreExists("there is a file of this name already; nothing was written")
            replace_file(self.path, key.seal(_pack(masters)))
        self._masters, self._key = masters, key

    def close(self) -> None:
        """Forget the keys; closing twice is allowed."""
        self._key = None
        self._masters = {}

    def refresh(self) -> None:
        """Read the file again, for what other programs changed. KeyStoreError."""
        self._masters = self._reread(self._opened())

    def generate(self, system: str, *, suite: str = DEFAULT_SUITE) -> KeyInfo:
        """Draw the first master key of a system, version 1. KeyExists when it has any version."""
        check_system(system)
        check_suite(suite)

        def change(masters: _Masters) -> int:
            if _versions(masters, system):
                raise KeyExists(f"{system} has a key already; rotate it instead")
            masters[system, 1] = _Master(suite, _draw(suite))
            return 1

        return self._change(system, change)

    def import_key(
        self,
        system: str,
        version: int,
        key: bytes,
        *,
        suite: str = DEFAULT_SUITE,
        brought_by: Sequence[str] = (),
    ) -> KeyInfo:
        """Take a master key from elsewhere. KeyExists, KeyUnfit; WeakKey for one that is guessable.

        WeakKey too when the store has the same key under any name: a system's key is its own.
        brought_by: the operators who brought it, which the store keeps (`KeyInfo`).
        """
        bringers = check_bringers(brought_by)
        check_system(system)
        check_version(version)
        check_master(suite, key)

        def change(masters: _Masters) -> int:
            if (system, version) in masters:
                raise KeyExists(f"{system} has a key of version {version} already")
            if any(hmac.compare_digest(other.key, key) for other in masters.values()):
                raise WeakKey("the store holds this key already, under another name or version")
            masters[system, version] = _Master(suite, bytes(key), bringers)
            return version

        return self._change(system, change)

    def rotate(self, system: str, *, suite: str | None = None) -> KeyInfo:
        """Draw the next version of a system's master key; older ones stay, for their cards.

        `suite` is that of the new version: as before unless given. UnknownKey when there is none
        yet, KeyUnfit after version 255 and for a suite that is none.
        """
        if suite is not None:
            check_suite(suite)

        def change(masters: _Masters) -> int:
            newest = _newest(masters, system)
            if newest == MAX_VERSION:
                raise KeyUnfit(f"{system} has reached key version {MAX_VERSION}")
            chosen = suite or masters[system, newest].suite
            masters[system, newest + 1] = _Master(chosen, _draw(chosen))
            return newest + 1

        return self._change(system, change)

    def delete(self, system: str, version: int) -> None:
        """Delete one master key for good: cards of that version cannot be used any more.

        UnknownKey.
        """
        with _writing(self.path):
            masters = self._reread(self._opened())
            _find(masters, system, version)
            del masters[system, version]
            self._write(masters)

    def inventory(self) -> tuple[KeyInfo, ...]:
        """Return what may be told about every master key, by system and version."""
        self._opened()
        return tuple(
            sorted(
                _info(system, version, master)
                for (system, version), master in self._masters.items()
            )
        )

    def newest_version(self, system: str) -> int:
        """Return the version that new cards get. UnknownKey."""
        self._opened()
        return _newest(self._masters, system)

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        """Return one card's keys, see `KeyCustody`. UnknownKey, KeyUnfit."""
        self._opened()
        master = _find(self._masters, system, version)
        return derive_card_keys(master.suite, master.key, card_number, aid, version)

    def change_passphrase(self, new: Passphrase) -> None:
        """Encrypt the store under another passphrase, with a new salt. PassphraseTooShort."""
        key = EnvelopeKey.new(encode(new, new=True), self._cost)
        with _writing(self.path):
            masters = self._reread(self._opened())
            replace_file(self.path, key.seal(_pack(masters)))
        self._masters, self._key, self._passphrase = masters, key, new

    def _change(self, system: str, change: Callable[[_Masters], int]) -> KeyInfo:
        with _writing(self.path):
            masters = self._reread(self._opened())
            version = change(masters)
            self._write(masters)
        return _info(system, version, masters[system, version])

    def _write(self, masters: _Masters) -> None:
        replace_file(self.path, self._opened().seal(_pack(masters)))
        self._masters = masters

    def _reread(self, key: EnvelopeKey) -> _Masters:
        envelope = self._read()
        if not key.fits(envelope):
            raise StoreChanged("the key store got another passphrase; open it again")
        return _unpack(key.open(envelope))

    def _read(self) -> Envelope:
        try:
            raw = read_input(self.path, MAX_BYTES, owner_only(StoreUnsafe, "key store"))
        except FileNotFoundError:
            raise StoreNotFound(
                "there is no key store in this place; make one first: jukihost keys new FILE"
            ) from None
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise ForeignFile("the file is too large for a key store") from None
            raise KeyStoreError(f"the key store cannot be read: {error.strerror}") from None
        return Envelope.parse(raw)

    def _opened(self) -> EnvelopeKey:
        if self._key is None:
            raise StoreNotOpen("the key store is not open")
        return self._key

    def __enter__(self) -> Self:
        if self._key is None:
            self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key custody is not copied")

    def __repr__(self) -> str:
        state = f"{len(self._masters)} keys" if self._key is not None else "closed"
        return f"<SoftwareCustody, {state}>"


def check_master(suite: str, key: bytes) -> None:
    """Check a master key from elsewhere. KeyUnfit for its length, WeakKey when it is guessable.

    Guessable are: one byte again and again, bytes in steps (00 01 02.., 00 11 22..), a repeated
    part, few different bytes, and nothing but characters that can be typed. No check can tell a key
    that was derived from printed data.
    """
    check_suite(suite)
    size = MASTER_BYTES[suite]
    if len(key) != size:
        raise KeyUnfit(f"a master key of {suite} has {size} bytes, not {len(key)}")
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    repeated = any(key == (key[:part] * size)[:size] for part in range(1, size // 2 + 1))
    typed = all(0x20 <= byte < 0x7F for byte in key)
    if len(steps) == 1 or repeated or typed or len(set(key)) < _DISTINCT_BYTES:
        raise WeakKey("the master key is one that anybody could guess; draw a random one")


def check_suite(suite: str) -> None:
    """Refuse what no master key can be for. KeyUnfit."""
    if suite not in MASTER_BYTES:
        raise KeyUnfit(f"the suites are {', '.join(sorted(MASTER_BYTES))}")


def _draw(suite: str) -> bytes:
    while True:
        key = secrets.token_bytes(MASTER_BYTES[suite])
        try:
            check_master(suite, key)
        except WeakKey:
            continue
        return key


def _versions(masters: _Masters, system: str) -> list[int]:
    return [version for name, version in masters if name == system]


def _newest(masters: _Masters, system: str) -> int:
    versions = _versions(masters, system)
    if not versions:
        raise UnknownKey(f"there is no key for {check_system(system)}")
    return max(versions)


def _find(masters: _Masters, system: str, version: int) -> _Master:
    master = masters.get((check_system(system), check_version(version)))
    if master is None:
        raise UnknownKey(f"there is no key of version {version} for {system}")
    return master


def _info(system: str, version: int, master: _Master) -> KeyInfo:
    return KeyInfo(system, version, master.suite, check_value(master.key), master.brought_by)


def _pack(masters: _Masters) -> bytes:
    rows = [
        {
            "system": system,
            "version": version,
            "suite": master.suite,
            "key": master.key.hex().upper(),
            **({"brought_by": master.brought_by} if master.brought_by else {}),
        }
        for (system, version), master in sorted(masters.items(), key=lambda item: item[0])
    ]
    return json.dumps({"masters": rows}).encode()


def _unpack(content: bytes) -> _Masters:
    try:
        rows: list[dict[str, Any]] = json.loads(content)["masters"]
        masters = {
            (check_system(row["system"]), check_version(row["version"])): _Master(
                row["suite"],
                bytes.fromhex(row["key"]),
                check_bringers(row.get("brought_by", ())),
            )
            for row in rows
        }
        if len(masters) != len(rows) or any(
            MASTER_BYTES.get(master.suite) != len(master.key) for master in masters.values()
        ):
            raise ValueError("rows")
    except (KeyError, TypeError, ValueError, KeyUnfit, RecursionError):
        raise StoreDamaged("the content of the key store is not of its format") from None
    return masters


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Keep other writers away, and turn the system's errors into ours."""
    try:
        with one_writer(path):
            yield
    except TimeoutError as error:
        raise StoreBusy(f"the key store cannot be written: {error}; try again") from None
    except LockNotOurs as error:
        raise StoreUnsafe(f"the key store cannot be written: {error}") from None
    except OSError as error:
        raise KeyStoreError(f"the key store cannot be written: {error.strerror}") from None
