"""A model of EFs, written from ISO/IEC 7816-4:2020, 11.3 and 11.4 alone; plain and slow.

It knows nothing of the card's code. Answers are bytes and a status word.
"""

from __future__ import annotations

Answer = tuple[bytes, int]


class BytesModel:
    """A transparent EF: UPDATE replaces, WRITE ors, ERASE zeroes, SEARCH finds."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)

    def read(self, offset: int, ne: int) -> Answer:
        if offset >= len(self.content):
            return b"", 0x6B00
        return bytes(self.content[offset : offset + ne]), 0x9000

    def _change(self, offset: int, data: bytes, merge: bool) -> Answer:
        if not data:
            return b"", 0x6700
        if offset >= len(self.content):
            return b"", 0x6B00
        if offset + len(data) > len(self.content):
            return b"", 0x6A84
        for place, byte in enumerate(data, offset):
            self.content[place] = self.content[place] | byte if merge else byte
        return b"", 0x9000

    def update(self, offset: int, data: bytes) -> Answer:
        return self._change(offset, data, merge=False)

    def write(self, offset: int, data: bytes) -> Answer:
        return self._change(offset, data, merge=True)

    def erase(self, offset: int, end: int | None) -> Answer:
        stop = len(self.content) if end is None else end
        if not (offset < len(self.content) and offset < stop <= len(self.content)):
            return b"", 0x6B00
        for place in range(offset, stop):
            self.content[place] = 0
        return b"", 0x9000

    def search(self, offset: int, pattern: bytes) -> Answer:
        if offset >= len(self.content):
            return b"", 0x6B00
        for place in range(offset, len(self.content) - len(pattern) + 1):
            if self.content[place : place + len(pattern)] == pattern:
                return place.to_bytes(2, "big"), 0x9000
        return b"", 0x6282


class RecordsModel:
    """An EF of records with its record pointer; `size` None says that lengths vary."""

    def __init__(self, *, size: int | None, longest: int, room: int, cyclic: bool) -> None:
        self.records: list[bytes] = []
        self.size, self.longest, self.room, self.cyclic = size, longest, room, cyclic
        self.current = 0

    def select(self) -> None:
        self.current = 0

    def _fits(self, record: bytes) -> bool:
        if self.size is not None:
            return len(record) == self.size
        return len(record) <= self.longest

    def _there(self, number: int) -> bool:
        number = number or self.current
        if not 1 <= number <= len(self.records):
            return False
        self.current = number
        return True

    def read(self, number: int) -> Answer:
        if not self._there(number):
            return b"", 0x6A83
        return self.records[self.current - 1], 0x9000

    def read_all(self, number: int, backward: bool) -> Answer:
        if not self._there(number):
            return b"", 0x6A83
        found = self.records[self.current - 1 :]
        return b"".join(reversed(found) if backward else found), 0x9000

    def walk(self, where: str) -> Answer:
        count = len(self.records)
        number = {
            "first": 1,
            "last": count,
            "next": self.current + 1,
            "previous": self.current - 1 if self.current else count,
        }[where]
        if not 1 <= number <= count:
            return b"", 0x6A83
        self.current = number
        return self.records[number - 1], 0x9000

    def append(self, record: bytes) -> Answer:
        if not self._fits(record):
            return b"", 0x6700
        if self.cyclic:
            self.records = [record, *self.records][: self.room]
            self.current = 1
            return b"", 0x9000
        if len(self.records) == self.room:
            return b"", 0x6A84
        self.records.append(record)
        self.current = len(self.records)
        return b"", 0x9000

    def update(self, number: int, record: bytes) -> Answer:
        if not self._there(number):
            return b"", 0x6A83
        if not self._fits(record):
            return b"", 0x6700
        self.records[self.current - 1] = record
        return b"", 0x9000

    def erase(self, number: int, to_last: bool) -> Answer:
        if not self._there(number):
            return b"", 0x6A83
        last = len(self.records) if to_last else self.current
        for place in range(self.current - 1, last):
            self.records[place] = bytes(len(self.records[place]))
        return b"", 0x9000

    def search(self, start: int, pattern: bytes, backward: bool) -> Answer:
        count = len(self.records)
        start = start or self.current or (count if backward else 1)
        if not 1 <= start <= count:
            return b"", 0x6A83
        numbers = range(start, 0, -1) if backward else range(start, count + 1)
        found = bytes(number for number in numbers if pattern in self.records[number - 1])
        if not found:
            return b"", 0x6282
        self.current = found[0]
        return found, 0x9000
