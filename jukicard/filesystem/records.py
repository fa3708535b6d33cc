"""The records of a structured EF as one value in memory: a list in, a list out."""

from __future__ import annotations

from collections.abc import Iterable


def pack_records(records: Iterable[bytes]) -> bytes:
    """Return records one after the other, each behind its length in two bytes.

    In a cyclic file the first is the newest: record number 1 (ISO/IEC 7816-4:2020, 7.3.3.2).
    """
    return b"".join(len(record).to_bytes(2, "big") + record for record in records)


def unpack_records(packed: bytes) -> list[bytes]:
    """Return the records that `pack_records` wrote. IndexError for what is cut off."""
    records = []
    offset = 0
    while offset < len(packed):
        start = offset + 2
        offset = start + (packed[offset] << 8 | packed[offset + 1])
        records.append(packed[start:offset])
    return records
