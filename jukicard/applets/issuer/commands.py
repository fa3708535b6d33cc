"""The commands of the issuer domain, parsed once (GlobalPlatform Card Specification 2.3.1, 11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv, TlvError
from jukicard.applets.issuer.keys import AES
from jukicard.crypto.symmetric import AesKey
from jukicard.errors import IsoError
from jukicard.filesystem.lifecycle_table import Operation

_MORE: Final = 0x80
_LAST_BLOCK: Final = 0x80
_DGI: Final = 0x08
_BER_TLV: Final = 0x10
_ENCRYPTED: Final = 0x60
_CHECK_VALUE: Final = 3
_AES_LENGTHS: Final = (16, 24, 32)


def _wrong(name: str, what: str) -> IsoError:
    return IsoError(StatusWord.INCORRECT_DATA, f"{name}: {what}")


def _parameters(name: str, what: str) -> IsoError:
    return IsoError(StatusWord.INCORRECT_P1_P2, f"{name}: {what}")


def _objects(name: str, raw: bytes) -> list[Tlv]:
    try:
        return Tlv.parse_all(raw)
    except TlvError:
        raise _wrong(name, "the data are no data objects") from None


def _aid(name: str, raw: bytes) -> Aid:
    try:
        return Aid(raw)
    except ValueError:
        raise _wrong(name, "an AID has 5 to 16 bytes") from None


# -- GET STATUS ------------------------------------------------------------------------------------


class GetStatus(NamedTuple):
    """11.4.2: `subset` 80 the domain, 40 applications, 20 what can be installed.

    `tags` are those that are wanted, None for all of them.
    """

    subset: int
    start: bytes
    tags: frozenset[int] | None
    more: bool
    as_objects: bool


def parse_get_status(command: CommandApdu) -> GetStatus:
    """Read GET STATUS."""
    name = "GET STATUS"
    if command.p1 not in (0x80, 0x40, 0x20) or command.p2 & ~0x03:
        raise _parameters(name, "P1 is 80, 40 or 20, and P2 00 to 03")
    objects = _objects(name, command.data)
    if [one.tag for one in objects] not in ([0x4F], [0x4F, 0x5C]) or len(objects[0].value) > 16:
        raise _wrong(name, "4F with the beginning of an AID, and perhaps 5C with tags")
    tags = frozenset(_tags(name, objects[1].value)) if objects[1:] else None
    more, as_objects = bool(command.p2 & 0x01), bool(command.p2 & 0x02)
    return GetStatus(command.p1, objects[0].value, tags, more, as_objects)


def _tags(name: str, raw: bytes) -> Iterator[int]:
    left = raw
    while left:
        size = 2 if left[0] & 0x1F == 0x1F else 1
        if len(left) < size:
            raise _wrong(name, "the list of tags ends inside of one")
        yield int.from_bytes(left[:size], "big")
        left = left[size:]


# -- SET STATUS ------------------------------------------------------------------------------------

_CARD_STATES: Final[Mapping[int, Operation]] = {
    0x0F: Operation.ACTIVATE,
    0x7F: Operation.DEACTIVATE,
    0xFF: Operation.TERMINATE,
}
"""SECURED, CARD_LOCKED, TERMINATED (11.1.1, table 11-6)."""


class SetStatus(NamedTuple):
    """11.10: what is to be done with the card, or with the application of an AID."""

    operation: Operation
    aid: Aid | None


def parse_set_status(command: CommandApdu) -> SetStatus:
    """Read SET STATUS. 6985 for a state of the card from before it was issued."""
    name = "SET STATUS"
    if command.p1 == 0x80:
        operation = _CARD_STATES.get(command.p2)
        if operation is None:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"{name}: a card that was issued is 0F secured, 7F locked or FF terminated",
            )
        return SetStatus(operation, None)
    if command.p1 != 0x40:
        raise _parameters(name, "P1 is 80 for the card, 40 for an application")
    operation = Operation.DEACTIVATE if command.p2 & _MORE else Operation.ACTIVATE
    return SetStatus(operation, _aid(name, command.data))


# -- INSTALL ---------------------------------------------------------------------------------------

FOR_INSTALL: Final = 0x04
FOR_SELECTABLE: Final = 0x08
FOR_PERSONALISATION: Final = 0x20


class Install(NamedTuple):
    """11.5: what for (bits of P1), what of, under which name, with which parameters.

    `reserved` is how many bytes of memory are to be its own, 0 for a share in what is common, None
    where nothing is said.
    """

    purpose: int
    module: bytes
    aid: Aid
    parameters: Mapping[str, str]
    reserved: int | None


def parse_install(command: CommandApdu) -> Install:
    """Read INSTALL. 6A80 for wrong lengths, privileges other than none, and a token."""
    name = "INSTALL"
    both = FOR_INSTALL | FOR_SELECTABLE
    if command.p1 not in (FOR_INSTALL, FOR_SELECTABLE, both, FOR_PERSONALISATION) or command.p2:
        raise _parameters(name, "P1 is 04, 08, 0C or 20, and P2 00")
    load_file, module, aid, privileges, parameters, token = _fields(name, command.data)
    installs = bool(command.p1 & FOR_INSTALL)
    if installs and not module:
        raise _wrong(name, "which application is to be installed is not said")
    if not installs and (load_file or module):
        raise _wrong(name, "for this there is no load file and no module")
    if token:
        raise _wrong(name, "there is no delegated management, so no token")
    if command.p1 == FOR_PERSONALISATION and (privileges or parameters):
        raise _wrong(name, "for personalisation there are no privileges and no parameters")
    if any(privileges) or len(privileges) not in (0, 1, 3) or (installs and not privileges):
        raise _wrong(name, "an application that comes after issue gets no privileges")
    text, reserved = _install_parameters(name, parameters)
    if not installs and (text or reserved is not None):
        raise _wrong(name, "parameters come with the installation")
    return Install(command.p1, module, _aid(name, aid), text, reserved)


def _fields(name: str, data: bytes) -> list[bytes]:
    fields, at = [], 0
    for _ in range(6):
        if at >= len(data) or at + 1 + data[at] > len(data):
            raise _wrong(name, "it has six fields, each with its length before it")
        fields.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    if at != len(data):
        raise _wrong(name, "there is more than six fields")
    return fields


def _install_parameters(name: str, raw: bytes) -> tuple[dict[str, str], int | None]:
    """Read C9, text, `name=value` joined by semicolons; and EF with C8, bytes of memory.

    # Card Specification 2.3.1, 11.5.2.3.7, table 11-49: C8 is the quota of non volatile data
    """
    objects = {one.tag: one for one in _objects(name, raw)}
    if list(objects) not in ([], [0xC9], [0xC9, 0xEF]):
        raise _wrong(name, "the parameters are C9, and perhaps EF")
    reserved = None
    if 0xEF in objects:
        quotas = _objects(name, objects[0xEF].value)
        if [one.tag for one in quotas] != [0xC8] or len(quotas[0].value) not in (2, 4):
            raise _wrong(name, "EF holds C8 with 2 or 4 bytes")
        reserved = int.from_bytes(quotas[0].value, "big")
    try:
        text = objects[0xC9].value.decode() if objects else ""
        return dict(part.split("=", 1) for part in text.split(";") if part), reserved
    except ValueError:
        raise _wrong(name, "C9 is text, name=value and semicolons between") from None


# -- DELETE ----------------------------------------------------------------------------------------


class DeleteApplication(NamedTuple):
    """11.2: the application to be removed."""

    aid: Aid


class DeleteKeys(NamedTuple):
    """11.2: the key set to be removed."""

    version: int


def parse_delete(command: CommandApdu) -> DeleteApplication | DeleteKeys:
    """Read DELETE: 4F with an AID, or D2 with a version."""
    name = "DELETE"
    if command.p1 or command.p2 & ~_MORE:
        raise _parameters(name, "P1 is 00, and P2 00 or 80")
    match [(one.tag, one.value) for one in _objects(name, command.data)]:
        case [(0x4F, value)]:
            return DeleteApplication(_aid(name, value))
        case [(0xD2, value)] if len(value) == 1:
            return DeleteKeys(value[0])
        case _:
            raise _wrong(name, "4F with an AID, or D2 with the version of a whole key set")


# -- PUT KEY ---------------------------------------------------------------------------------------


class PutKey(NamedTuple):
    """11.8: version that is replaced (0: none), first identifier, new version, keys."""

    replaced: int
    identifier: int
    version: int
    keys: tuple[AesKey, ...]

    def __repr__(self) -> str:
        return f"PutKey(replaced={self.replaced}, version={self.version}, ...)"


def parse_put_key(command: CommandApdu, decrypt: Callable[[bytes], bytes]) -> PutKey:
    """Read PUT KEY with several keys; `decrypt` opens what came under the DEK.

    6A80 for a key that is none, and when its check value is another's.
    """
    name = "PUT KEY"
    if command.p1 > 0x7F or not command.p2 & _MORE or not command.p2 & ~_MORE:
        raise _parameters(name, "P1 is a version, 00 for a new one, and P2 80 and an identifier")
    data = command.data
    if not data or not 1 <= data[0] <= 0x7F:
        raise _wrong(name, "the new version is 01 to 7F")
    keys, at = [], 1
    while at < len(data):
        key, at = _key(name, data, at, decrypt)
        keys.append(key)
    return PutKey(command.p1, command.p2 & ~_MORE, data[0], tuple(keys))


def _key(name: str, data: bytes, at: int, decrypt: Callable[[bytes], bytes]) -> tuple[AesKey, int]:
    """Read one key: type, length, what is in it, its check value (Amendment D, 7.2)."""
    kind, length = (*data[at : at + 2], 0, 0)[:2]
    content = data[at + 2 : at + 2 + length]
    check = data[at + 2 + length : at + 6 + length]
    # Amendment D puts the key's own length before it; the form without is older
    size, hidden = (content[0], content[1:]) if length % 16 == 1 else (length, content)
    whole = len(hidden) == -(-size // 16) * 16 and size in _AES_LENGTHS
    if kind != AES or not whole or len(check) != 4 or check[0] != _CHECK_VALUE:
        raise _wrong(name, "a key is 88, its length, an AES key, 03 and its check value")
    key = AesKey(decrypt(hidden)[:size])
    if key.check_value() != check[1:]:
        raise _wrong(name, "the check value is that of another key")
    return key, at + 6 + length


# -- STORE DATA ------------------------------------------------------------------------------------


class StoreData(NamedTuple):
    """11.11: one block, of data objects or of data groupings."""

    number: int
    last: bool
    as_objects: bool
    data: bytes

    def __repr__(self) -> str:
        return f"StoreData(number={self.number}, ...)"


def parse_store_data(command: CommandApdu) -> StoreData:
    """Read STORE DATA: data objects, or data groupings (DGI)."""
    name = "STORE DATA"
    if command.p1 & _ENCRYPTED or command.p1 & 0x07:
        raise _parameters(name, "what is encrypted comes in a session that encrypts")
    structure = command.p1 & (_DGI | _BER_TLV)
    if structure == _DGI | _BER_TLV:
        raise _parameters(name, "data objects (10, 00) or data groupings (08)")
    if not command.data:
        raise IsoError(StatusWord.WRONG_LENGTH, f"{name}: there is nothing to store")
    last = bool(command.p1 & _LAST_BLOCK)
    return StoreData(command.p2, last, structure != _DGI, command.data)


def stored_values(data: bytes, *, as_objects: bool) -> list[tuple[int, bytes]]:
    """Return what all blocks together hold, by tag or data grouping identifier. IsoError 6A80."""
    name = "STORE DATA"
    if as_objects:
        return [(one.tag, one.value) for one in _objects(name, data)]
    return list(_groupings(name, data))


def _groupings(name: str, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Read data groupings: identifier, two bytes; length, one byte or FF and two; value."""
    at = 0
    while at < len(data):
        head = 5 if data[at + 2 : at + 3] == b"\xff" else 3
        length = int.from_bytes(
            data[at + 3 : at + 5] if head == 5 else data[at + 2 : at + 3], "big"
        )
        if at + head + length > len(data) or head + at > len(data):
            raise _wrong(name, "a data grouping is cut off")
        yield int.from_bytes(data[at : at + 2], "big"), data[at + head : at + head + length]
        at += head + length


# -- RESET RETRY COUNTER ---------------------------------------------------------------------------


def parse_unblock(command: CommandApdu) -> int:
    """Read RESET RETRY COUNTER as the issuer has it: the file of a PIN or key, nothing else."""
    name = "RESET RETRY COUNTER"
    if command.p1 != 0x03 or command.p2:
        raise _parameters(name, "P1 is 03 and P2 00: the counter only")
    if len(command.data) != 2:
        raise IsoError(StatusWord.WRONG_LENGTH, f"{name}: the identifier of a file, 2 bytes")
    return int.from_bytes(command.data, "big")
