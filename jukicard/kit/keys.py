"""Keys of an application: which right each grants, how it is kept, counted and blocked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from jukicard.apdu.status import StatusWord, tries
from jukicard.authentication.mutual import MutualAuthentication
from jukicard.crypto.symmetric import with_odd_parity
from jukicard.errors import IsoError
from jukicard.filesystem.access import ALWAYS
from jukicard.filesystem.door import check_own_state
from jukicard.filesystem.files import DataObject, EfNode, FileTree, InternalFile, InternalKind
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.store import FileStore
from jukicard.securemessaging.suites import PARAMETERS, Suite, make_key

KEY_TRIES: Final = 15
"""Wrong authentications in a row that block a key: 128-bit keys need no small limit, and a small
one would let anyone with a reader block the card."""
CARD_NUMBER: Final = DataObject(tag=0x5A, read=ALWAYS, wrapped=True)
"""The card number, from which a system derives the card's own keys; to be declared beside them."""
_SUITES: Final = tuple(Suite)


class WeakKeyError(ValueError):
    """A key pair that must not be personalised; the text says why, never what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile(InternalFile):
    """An internal EF that holds a pair of keys, K.ENC and K.MAC, for one purpose.

    `reference` is the number P2 names it by, 1 to 31; `right` is what authentication with it
    grants, the name access conditions ask for. `tries` is 1 to 15.
    """

    kind: InternalKind = InternalKind.KEY
    sfi: int | None = None
    reference: int
    right: str
    tries: int = KEY_TRIES

    def __post_init__(self) -> None:
        InternalFile.__post_init__(self)
        if not 1 <= self.reference <= 31:
            raise ValueError(f"a key reference is 1 to 31, not {self.reference}")

    def check_kept(self, content: bytes | None, tries: bytes | None) -> None:
        """Refuse a pair of keys that is none, and a counter above its tries. ValueError."""
        self.check_tries(tries, self.tries)
        if content is not None:
            length = PARAMETERS[_SUITES[content[0]]].key_length
            if len(content) != 2 + 2 * length:
                raise ValueError("its keys are of another length than their suite's")


def check_random(key: bytes) -> None:
    """Refuse a key, or a master key, that nobody drew at random; WeakKeyError.

    An eavesdropper searches offline what is printed on a card or little more than a few characters.
    """
    if len(set(key)) < 4:
        raise WeakKeyError("a key of so few different bytes is no random key")
    if all(0x20 <= byte < 0x7F for byte in key):
        raise WeakKeyError("a key of printable characters comes from printed data")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The value of a key object: the suite it is for, its version and its two keys."""

    suite: Suite
    version: int
    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)

    def check(self) -> None:
        """Refuse a pair no system may have; WeakKeyError.

        ISO/IEC 7816-4 leaves it open; docs/card.md: K.ENC differs from K.MAC, no key repeats one
        byte, and none is made of printable characters only, as one typed from a card's face is.
        Of triple DES, whose cipher ignores the parity, both halves must differ too.
        """
        enc, mac = self.enc, self.mac
        if self.suite is Suite.TRIPLE_DES:
            enc, mac = with_odd_parity(enc), with_odd_parity(mac)
        if enc == mac:
            raise WeakKeyError("K.ENC and K.MAC must differ")
        for key in (enc, mac):
            make_key(self.suite, key)
            if self.suite is Suite.TRIPLE_DES and key[:8] == key[8:]:
                raise WeakKeyError("a triple DES key of two equal halves is a single DES key")
        if self.suite is Suite.TRIPLE_DES and {enc[:8], enc[8:]} == {mac[:8], mac[8:]}:
            raise WeakKeyError("K.ENC and K.MAC have the same two halves")
        for key in (self.enc, self.mac):
            check_random(key)

    def to_bytes(self) -> bytes:
        """Return what memory keeps: suite, version, K.ENC, K.MAC."""
        return bytes((_SUITES.index(self.suite), self.version)) + self.enc + self.mac

    @classmethod
    def from_bytes(cls, raw: bytes) -> KeyPair:
        """Read what `to_bytes` wrote."""
        size = (len(raw) - 2) // 2
        return cls(_SUITES[raw[0]], raw[1], raw[2 : 2 + size], raw[2 + size :])


class KeyStore:
    """The keys of one application: values, counters and states in its partition.

    `changed(file identifier, tries left)` is told of every new counter value.
    """

    __slots__ = ("_by_reference", "_changed", "_engines", "_store")

    def __init__(
        self, tree: FileTree, store: FileStore, changed: Callable[[int, int], None]
    ) -> None:
        self._store = store
        self._changed = changed
        self._by_reference = {
            node.spec.reference: node
            for node in tree.root.efs.values()
            if isinstance(node.spec, KeyFile)
        }
        self._engines: dict[int, tuple[bytes, MutualAuthentication]] = {}

    def references(self) -> dict[int, EfNode]:
        """Return the declared keys by their reference."""
        return dict(self._by_reference)

    def find(self, reference: int) -> tuple[EfNode, KeyFile]:
        """Return the key object with this reference; IsoError 6A88 when there is none."""
        ef = self._by_reference.get(reference)
        if ef is None or not isinstance(ef.spec, KeyFile) or not self._value(ef):
            raise IsoError(StatusWord.REFERENCED_DATA_NOT_FOUND, f"there is no key {reference}")
        return ef, ef.spec

    def _value(self, ef: EfNode) -> bytes | None:
        return self._store.value(ef)

    def version(self, ef: EfNode) -> int | None:
        """Return a key's version, None when it was never written."""
        raw = self._value(ef)
        return None if raw is None else raw[1]

    def set_value(self, ef: EfNode, pair: KeyPair) -> None:
        """Write a key and make it usable; WeakKeyError, ValueError for a pair that cannot be."""
        pair.check()
        spec = ef.spec
        if not isinstance(spec, KeyFile):
            raise TypeError(f"{ef.label} holds no key")
        self._store.put_value(ef, pair.to_bytes())
        self._store.put_tries(ef, spec.tries)
        self._store.put_state(ef, LifeCycleState.ACTIVATED)

    def tries_left(self, ef: EfNode) -> int:
        """Return how many wrong authentications are left; 0 is blocked."""
        return self._store.tries(ef)

    def check_usable(self, ef: EfNode) -> None:
        """Refuse a key that is not activated (6984) or blocked (6983)."""
        check_own_state(self._store, ef, "authentication with a key")
        if not self.tries_left(ef):
            raise IsoError(
                StatusWord.AUTHENTICATION_METHOD_BLOCKED,
                f"key {ef.label} is blocked by wrong authentications",
            )

    def count_attempt(self, ef: EfNode) -> int:
        """Take one try, at once and for good, before the work; return what is left."""
        left = self.tries_left(ef) - 1
        self._store.put_tries_now(ef, left)
        return left

    def failed(self, ef: EfNode, left: int) -> IsoError:
        """Return the one refusal of a wrong authentication: 63CX."""
        self._changed(ef.fid, left)
        return IsoError(
            StatusWord.retries(left),
            f"authentication with key {ef.label} failed, {tries(left)} left",
        )

    def succeeded(self, ef: EfNode, left: int) -> None:
        """Restore the counter, in the command's transaction."""
        spec = ef.spec
        if isinstance(spec, KeyFile):
            self._store.put_tries(ef, spec.tries)
            if left + 1 != spec.tries:
                self._changed(ef.fid, spec.tries)

    def engine(self, ef: EfNode) -> MutualAuthentication:
        """Return the engine of a key; key schedules are kept as long as the value stays."""
        raw = self._value(ef)
        if raw is None:
            raise IsoError(StatusWord.REFERENCED_DATA_NOT_FOUND, f"key {ef.label} has no value")
        known = self._engines.get(ef.fid)
        if known is not None and known[0] is raw:
            return known[1]
        pair = KeyPair.from_bytes(raw)
        engine = MutualAuthentication(
            pair.suite, make_key(pair.suite, pair.enc), make_key(pair.suite, pair.mac)
        )
        self._engines[ef.fid] = (raw, engine)
        return engine
