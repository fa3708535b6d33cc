"""PINs: how they are kept, compared and counted; three tries and the card's function stops."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, NoReturn

from jukicard.apdu.status import StatusWord, tries
from jukicard.errors import IsoError
from jukicard.filesystem.access import ALWAYS, NEVER, AccessCondition, AllOf, AnyOf, Verified
from jukicard.filesystem.commands import FileReference
from jukicard.filesystem.door import Use, allow, check_in_use, enter, find
from jukicard.filesystem.files import EfNode, InternalFile, InternalKind
from jukicard.filesystem.selection import Selection
from jukicard.filesystem.store import FileStore

_DIGITS: Final = frozenset(b"0123456789")
_UPPER: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")

_PRINTABLE: Final = frozenset(range(0x20, 0x7F))


class PinCharacters(Enum):
    """Which characters a PIN may be made of, as ASCII bytes."""

    DIGITS = _DIGITS
    UPPER_ALPHANUMERIC = _UPPER
    PRINTABLE = _PRINTABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class PinFile(InternalFile):
    """An internal EF that holds a PIN of `min_length` to `max_length` bytes.

    `tries` is how many wrong values in a row are counted before it blocks (1 to 15; the status
    word shows one digit). `change` and `unblock` say who may set a new value and who may reset
    the counter without a code; `resetting_code` is the EF of a PIN that may do it with one.
    A `fixed` value is printed on the card and never changes: only its counter can be reset.
    """

    kind: InternalKind = InternalKind.PIN
    min_length: int = 4
    max_length: int = 4
    characters: PinCharacters = PinCharacters.DIGITS
    tries: int = 3
    change: AccessCondition = NEVER
    unblock: AccessCondition = NEVER
    resetting_code: int | None = None
    fixed: bool = False

    @property
    def awaited(self) -> bool:
        """Whether its value comes with the contents: a PIN's may wait for its holder."""
        return self.fixed

    def __post_init__(self) -> None:
        InternalFile.__post_init__(self)
        if not 1 <= self.tries <= 15:
            raise ValueError(f"a PIN has 1 to 15 tries, not {self.tries}")
        if not 1 <= self.min_length <= self.max_length <= 255:
            raise ValueError("a PIN has 1 to 255 bytes, at least min_length of them")

    def check_kept(self, content: bytes | None, tries: bytes | None) -> None:
        """Refuse a value that this PIN cannot have, and a counter above its tries. ValueError."""
        self.check_tries(tries, self.tries)
        if content is not None:
            try:
                self.check_value(content)
            except IsoError:
                raise ValueError("its value is none that it can have") from None

    @property
    def has_present_value(self) -> bool:
        """Whether the present value can stand before a new one: where all are equally long."""
        return self.min_length == self.max_length

    def check_value(self, value: bytes) -> None:
        """Refuse a new value this PIN cannot have: 6700 for its length, 6A80 for a character."""
        if not self.min_length <= len(value) <= self.max_length:
            raise IsoError(
                StatusWord.WRONG_LENGTH,
                f"{self.fid:04X} has {self.min_length} to {self.max_length} characters",
            )
        if not self.characters.value.issuperset(value):
            raise IsoError(
                StatusWord.INCORRECT_DATA,
                f"{self.fid:04X} has only {self.characters.name.lower()} characters",
            )


class PinStore:
    """The PINs of one application: their values and counters in its partition.

    `changed(file identifier, tries left)` is told of every new counter value.
    """

    __slots__ = ("_blocked", "_changed", "_store")

    def __init__(
        self, store: FileStore, blocked: StatusWord, changed: Callable[[int, int], None]
    ) -> None:
        self._store = store
        self._blocked = blocked
        self._changed = changed

    def set_value(self, ef: EfNode, value: bytes) -> None:
        """Set value and counter, as personalisation and RESET RETRY COUNTER do."""
        spec = pin_spec(ef)
        spec.check_value(value)
        self._store.put_value(ef, value)
        self._put_tries(ef, spec.tries)

    def tries_left(self, ef: EfNode) -> int:
        """Return how many wrong values are left; 0 is blocked, and so is a PIN never set."""
        return self._store.tries(ef)

    def _put_tries(self, ef: EfNode, tries: int) -> None:
        self._store.put_tries(ef, tries)
        self._changed(ef.fid, tries)

    def query(self, selection: Selection, reference: FileReference) -> NoReturn:
        """Answer VERIFY without data: always 63CX, verified or not, blocked or not.

        It reads a state, so it is answered whatever that is.
        """
        ef, _ = find(selection, reference, _VERIFY)
        left = self.tries_left(ef)
        raise IsoError(StatusWord.retries(left), f"VERIFY of {ef.label}: a query, {left} left")

    def _compare(self, ef: EfNode, spec: PinFile, value: bytes, name: str) -> None:
        """Compare a value with the PIN; IsoError 63CX, or the blocked status without comparing.

        The counter is written first, outside the transaction, so that a guess is never free
        whatever happens after (docs/tearing.md); a right value restores it, likewise at once: the
        value was right even if the rest of the command is refused.
        """
        store = self._store
        left = store.tries(ef)
        if not left:
            raise IsoError(self._blocked, f"{name} of {ef.label}: blocked")
        store.put_tries_now(ef, left - 1)
        expected = store.value(ef)
        if expected is None or not _equal(value, expected):
            self._changed(ef.fid, left - 1)
            raise IsoError(
                StatusWord.retries(left - 1),
                f"{name} of {ef.label}: wrong value, {tries(left - 1)} left",
            )
        store.put_tries_now(ef, spec.tries)
        if left != spec.tries:
            self._changed(ef.fid, spec.tries)

    def verify(self, selection: Selection, reference: FileReference, value: bytes) -> None:
        """VERIFY with data: forget, compare, and remember in `selection` that it held.

        An earlier success is forgotten first, whatever is answered (docs/card.md, section 3).
        """
        ef, spec = find(selection, reference, _VERIFY)
        verified = selection.security.verified
        verified.discard(ef.fid)
        allow(self._store, selection, ef, spec, _VERIFY)
        self._compare(ef, spec, value, "VERIFY")
        verified.add(ef.fid)

    def change(
        self,
        selection: Selection,
        reference: FileReference,
        data: bytes,
        *,
        with_old: bool,
        name: str,
    ) -> None:
        """CHANGE REFERENCE DATA: with the old value in front, or under the change condition."""
        if with_old:
            self._change_with_old(selection, reference, data, name)
            return
        ef, spec = enter(self._store, selection, reference, _CHANGE.called(name))
        if not self.tries_left(ef):
            raise IsoError(self._blocked, f"{name} of {ef.label}: blocked")
        self._put_value(ef, spec, data)

    def _change_with_old(
        self, selection: Selection, reference: FileReference, data: bytes, name: str
    ) -> None:
        use = _CHANGE_WITH_OLD.called(name)
        ef, spec = find(selection, reference, use)
        if spec.has_present_value:
            selection.security.verified.discard(ef.fid)  # as VERIFY does
        allow(self._store, selection, ef, spec, use)
        old, new = self._split(ef, data)
        # compared before the new value is looked at: its length tells how long the old one is
        self._compare(ef, spec, old, name)
        self._put_value(ef, spec, new)
        selection.security.verified.add(ef.fid)

    def _put_value(self, ef: EfNode, spec: PinFile, value: bytes) -> None:
        spec.check_value(value)
        self._store.put_value(ef, value)

    def _split(self, ef: EfNode, data: bytes) -> tuple[bytes, bytes]:
        """Split what is as long as the value kept from what follows it."""
        size = len(self._store.value(ef) or b"")
        return data[:size], data[size:]

    def reset(
        self,
        selection: Selection,
        reference: FileReference,
        data: bytes,
        *,
        with_code: bool,
        with_new: bool,
    ) -> None:
        """RESET RETRY COUNTER: with a resetting code, or under the unblock condition."""
        use = _RESET[with_code, with_new]
        ef, spec = enter(self._store, selection, reference, use)
        new = data
        if with_code:
            new = self._compare_code(ef, spec, data, selection.security.verified)
            if new and not with_new:
                raise IsoError(StatusWord.WRONG_LENGTH, f"{use.command}: data does not fit P1")
        if with_new:
            self._put_value(ef, spec, new)
        elif self._store.value(ef) is None:
            raise IsoError(
                StatusWord.REFERENCE_DATA_NOT_USABLE,
                f"{use.command} of {ef.label}: it has no value that could be tried",
            )
        selection.security.verified.discard(ef.fid)
        self._put_tries(ef, spec.tries)

    def _compare_code(self, ef: EfNode, spec: PinFile, data: bytes, verified: set[int]) -> bytes:
        """Compare the resetting code that the data begins with; return what follows it.

        A right one is not verified by that, a wrong one is no longer.
        """
        name = "RESET RETRY COUNTER"
        if spec.resetting_code is None:
            raise IsoError(
                StatusWord.REFERENCED_DATA_NOT_FOUND,
                f"{name} of {ef.label}: it has no resetting code",
            )
        code_ef = ef.parent.efs[spec.resetting_code]
        check_in_use(self._store, code_ef, name)
        code, new = self._split(code_ef, data)
        before = verified & {code_ef.fid}
        verified -= before
        self._compare(code_ef, pin_spec(code_ef), code, name)
        verified |= before
        return new


def pin_spec(ef: EfNode) -> PinFile:
    """Return the specification of a PIN's EF; 6981 when the EF is none."""
    spec = ef.spec
    if not isinstance(spec, PinFile):
        raise IsoError(StatusWord.INCOMPATIBLE_FILE_STRUCTURE, f"{ef.label} holds no PIN")
    return spec


def changes_without_pin(condition: AccessCondition, fid: int) -> AccessCondition:
    """Return a change condition without "this PIN is verified": the old value proves that."""
    if isinstance(condition, Verified) and condition.pin == fid:
        return ALWAYS
    if isinstance(condition, AllOf):
        parts = [changes_without_pin(part, fid) for part in condition.conditions]
        rest = [part for part in parts if part is not ALWAYS]
        return AllOf(*rest) if rest else ALWAYS
    if isinstance(condition, AnyOf):
        parts = [changes_without_pin(part, fid) for part in condition.conditions]
        return ALWAYS if ALWAYS in parts else AnyOf(*parts)
    return condition


def _with_old(spec: PinFile) -> AccessCondition:
    """Say who may change a PIN with the old value in front; 6A86 where there is no such form."""
    # ISO/IEC 7816-4:2020, 11.6.7: no delimiter. Where the length varies one command would try
    # every beginning of its data, so there the form with the old value does not exist
    if not spec.has_present_value:
        raise IsoError(
            StatusWord.INCORRECT_P1_P2,
            f"a change of {spec.fid:04X}: only with the new value, P1 01",
        )
    return changes_without_pin(spec.change, spec.fid)


def _not_fixed(
    condition: Callable[[PinFile], AccessCondition],
) -> Callable[[PinFile], AccessCondition]:
    """Refuse a new value of a PIN that has the same one for ever, whoever sends it."""

    def checked(spec: PinFile) -> AccessCondition:
        if spec.fixed:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"RESET RETRY COUNTER of {spec.fid:04X}: its value is fixed",
            )
        return condition(spec)

    return checked


def _anybody(spec: PinFile) -> AccessCondition:
    return ALWAYS


def _who_unblocks(spec: PinFile) -> AccessCondition:
    return spec.unblock


_KIND: Final = (PinFile, "holds no PIN")
_VERIFY: Final = Use("VERIFY", *_KIND, _anybody)
_CHANGE: Final = Use("CHANGE REFERENCE DATA", *_KIND, lambda spec: spec.change)
_CHANGE_WITH_OLD: Final = Use("CHANGE REFERENCE DATA", *_KIND, _with_old)
_RESET: Final = {
    (with_code, with_new): Use(
        "RESET RETRY COUNTER", *_KIND, _not_fixed(condition) if with_new else condition
    )
    for with_code, condition in ((True, _anybody), (False, _who_unblocks))
    for with_new in (True, False)
}
"""By whether a resetting code comes with it, and whether a new value does."""


def _equal(value: bytes, expected: bytes) -> bool:
    """Compare in a time that depends on neither value, nor on how long the right one is."""
    return hmac.compare_digest(
        value[:255].ljust(256, b"\0") + len(value).to_bytes(2, "big"),
        expected.ljust(256, b"\0") + len(expected).to_bytes(2, "big"),
    )
