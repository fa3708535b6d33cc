"""What SELECT answers about a file: FCP, FMD and FCI templates (ISO/IEC 7816-4:2020, 7.4)."""

from __future__ import annotations

from enum import Enum
from typing import Final

from jukicard.apdu.tlv import Tlv
from jukicard.filesystem.files import (
    DfNode,
    EfNode,
    InternalFile,
    RecordFile,
    TransparentFile,
)
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.store import FileStore

TAG_FCP: Final = 0x62
TAG_FMD: Final = 0x64
TAG_FCI: Final = 0x6F


class ControlInformation(Enum):
    """What a SELECT command asks to be told (P2, ISO/IEC 7816-4:2020, table 63)."""

    FCI = 0x00
    FCP = 0x04
    FMD = 0x08
    NONE = 0x0C


_SHAREABLE: Final = 0x40


def descriptor(node: EfNode | DfNode) -> bytes:
    """Return the value of tag 82: descriptor byte and, for records, coding, size and number.

    Every file is shareable: it may be current on several logical channels at once.
    """
    # ISO/IEC 7816-4:2020, 7.4.5, tables 10 and 12
    spec = node.spec
    if isinstance(spec, TransparentFile):
        return bytes((_SHAREABLE | 0x01, data_coding(spec.write_function.value)))
    if isinstance(spec, RecordFile):
        return (
            bytes((_SHAREABLE | spec.structure.value, data_coding(spec.write_function.value)))
            + spec.record_size.to_bytes(2, "big")
            + bytes((spec.record_count,))
        )
    if isinstance(spec, InternalFile):
        return bytes((_SHAREABLE | 0x08,))
    return bytes((_SHAREABLE | 0x38,))


def data_coding(write_function: int) -> int:
    """Return the data coding byte: the write function, data unit of one byte (table 11)."""
    return write_function | 0x01


def _ef_parameters(store: FileStore, ef: EfNode) -> list[Tlv]:
    spec = ef.spec
    parameters = []
    if isinstance(spec, TransparentFile):
        parameters.append(Tlv(0x80, spec.size.to_bytes(2, "big")))
    elif isinstance(spec, RecordFile):
        size = sum(map(len, store.records(ef)))
        parameters.append(Tlv(0x80, size.to_bytes(2, "big")))
    parameters += [Tlv(0x82, descriptor(ef)), Tlv(0x83, spec.fid.to_bytes(2, "big"))]
    parameters.append(Tlv(0x88, bytes((spec.sfi << 3,)) if spec.sfi is not None else b""))
    return parameters


def _df_parameters(df: DfNode) -> list[Tlv]:
    parameters = [Tlv(0x82, descriptor(df))]
    if df.spec.fid is not None:
        parameters.append(Tlv(0x83, df.spec.fid.to_bytes(2, "big")))
    if df.spec.name is not None:
        parameters.append(Tlv(0x84, df.spec.name))
    return parameters


def control_parameters(store: FileStore, node: EfNode | DfNode) -> bytes:
    """Return the FCP template (tag 62): size, descriptor, identifiers, life-cycle status."""
    parameters = _ef_parameters(store, node) if isinstance(node, EfNode) else _df_parameters(node)
    parameters.append(Tlv(0x8A, bytes((store.state(node).byte,))))
    return Tlv(TAG_FCP, parameters).encode()


def management_data(node: EfNode | DfNode) -> bytes:
    """Return the FMD template (tag 64): the application identifier of a named DF, if any."""
    if isinstance(node, DfNode) and node.spec.name is not None:
        return Tlv(TAG_FMD, [Tlv(0x84, node.spec.name)]).encode()
    return Tlv(TAG_FMD).encode()


def control_information(
    store: FileStore, node: EfNode | DfNode, wanted: ControlInformation
) -> bytes:
    """Return what a SELECT asked for; FCI holds the FCP objects and an empty proprietary A5."""
    if wanted is ControlInformation.NONE:
        return b""
    if wanted is ControlInformation.FMD:
        return management_data(node)
    parameters = control_parameters(store, node)
    if wanted is ControlInformation.FCP:
        return parameters
    inside = Tlv.parse(parameters).children
    if isinstance(node, DfNode) and node.spec.name is not None:
        # the name first and a proprietary template last, as application FCI usually has it
        name = Tlv(0x84, node.spec.name)
        inside = [name, *(tlv for tlv in inside if tlv.tag != 0x84), Tlv(0xA5)]
    return Tlv(TAG_FCI, inside).encode()


def is_selectable(state: LifeCycleState) -> bool:
    """Tell whether SELECT finds a file in this state; a terminated one stays visible."""
    return state is not LifeCycleState.CREATION
