"""Commands on data objects of the current DF (ISO/IEC 7816-4:2020, 11.5)."""

from __future__ import annotations

from jukicard.apdu.command import MAX_NE
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv, TlvError, is_constructed
from jukicard.filesystem.commands import GetData, PutData, refuse
from jukicard.filesystem.door import check_in_use, enter_object
from jukicard.filesystem.selection import Selection
from jukicard.filesystem.store import FileStore


def get_data(store: FileStore, selection: Selection, command: GetData) -> bytes:
    """GET DATA: with even INS one object's value, with odd INS the objects of a tag list."""
    if selection.df.parent is not None:
        # an application itself may be looked at in any state (docs/lifecycle.md), a DF in it not
        check_in_use(store, selection.df, "GET DATA", "data objects")
    answer = b""
    for tag in command.tags:
        spec = enter_object(store, selection, tag, lambda spec: spec.read, "GET DATA")
        value = store.data_object(selection.df, tag)
        if value is None:
            refuse(StatusWord.REFERENCED_DATA_NOT_FOUND, f"GET DATA: {tag:X} was never written")
        # 0100 to 01FF are not BER-TLV tags (11.5.1, table 90)
        bare = not (command.tagged or spec.wrapped) or 0x0100 <= tag <= 0x01FF
        answer += value if bare else Tlv(tag, value).encode()
        if len(answer) > MAX_NE:
            refuse(
                StatusWord.WRONG_LENGTH, f"GET DATA: the tag list asks for more than {MAX_NE} bytes"
            )
    return answer


def put_data(store: FileStore, selection: Selection, command: PutData) -> bytes:
    """PUT DATA: replace data objects that the DF declares; a constructed one must be TLV."""
    check_in_use(store, selection.df, "PUT DATA", "data objects")
    for tag, value in command.objects:
        spec = enter_object(store, selection, tag, lambda spec: spec.write, "PUT DATA")
        if len(value) > spec.max_size:
            refuse(
                StatusWord.NOT_ENOUGH_MEMORY,
                f"PUT DATA: {tag:X} holds at most {spec.max_size} bytes",
            )
        if not 0x0100 <= tag <= 0x01FF and is_constructed(tag):
            _check_template(tag, value)
        store.put_data_object(selection.df, tag, value)
    return b""


def _check_template(tag: int, value: bytes) -> None:
    try:
        Tlv.parse_all(value)
    except TlvError:
        refuse(StatusWord.INCORRECT_DATA, f"PUT DATA: {tag:X} is a template, its value none")
