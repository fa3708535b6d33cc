"""How the data objects and records in a card's files are declared: layout, source, examples.

A declaration is a frozen dataclass whose fields are those of its `construct` layout. It reads both
ways, and whoever declares one without examples fails tests/unit/kit/test_layouts.py.
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import Any, ClassVar, Final, Self, TypeAlias

from construct import (
    Array,
    Byte,
    Bytes,
    Const,
    ConstructError,
    ExprAdapter,
    ExprValidator,
    FocusedSeq,
    GreedyBytes,
    GreedyString,
    Int16ub,
    Prefixed,
    Struct,
    Terminated,
)

from jukicard.apdu.tlv import Tlv, encode_length, encode_tag, read_length

Layout: TypeAlias = Any
"""A `construct` declaration; that package has no type annotations."""


class ObjectError(ValueError):
    """These values fit no such object, or these bytes are none; the text shows neither."""


@dataclass(frozen=True, repr=False)
class CardObject:
    """The base of every declared object or record; its repr and its errors show no value.

    `layout` is built of the functions below, `source` says where the layout is known from
    (docs/card.md, with C, L, I or D), `examples` are pairs of upper-case hexadecimal digits and
    the object they spell.
    """

    layout: ClassVar[Layout]
    source: ClassVar[str]
    examples: ClassVar[Sequence[tuple[str, CardObject]]] = ()

    def encode(self) -> bytes:
        """Return the bytes as they are in the file. ObjectError when a value does not fit."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        try:
            return bytes(self.layout.build(values))
        except (ConstructError, ValueError, TypeError, AttributeError):
            raise ObjectError(f"these values are no {type(self).__name__}") from None

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read an object that fills `raw`. What is accepted encodes again to the same bytes.

        ObjectError for anything else, a table of offsets that are not the right ones included.
        """
        stream = io.BytesIO(raw)
        try:
            found = cls.layout.parse_stream(stream)
            parsed = cls(**{field.name: found[field.name] for field in fields(cls)})
        except (ConstructError, ValueError):
            raise ObjectError(f"{len(raw)} bytes that are no {cls.__name__}") from None
        if parsed.encode() != raw:
            raise ObjectError(f"{cls.__name__}: not the one way to write it")
        return parsed

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


# -- objects in objects ---------------------------------------------------------------------------

# ISO/IEC 7816-4:2020, 6.3, table 17
_BER_LENGTH: Final[Layout] = ExprAdapter(
    Struct("first" / Byte, "rest" / Bytes(lambda this: max(0, this.first - 0x80))),
    lambda found, _: read_length(bytes((found.first,)) + found.rest)[0],
    lambda length, _: {"first": encode_length(length)[0], "rest": encode_length(length)[1:]},
)
# ISO/IEC 7816-4:2020, 6.2: FF would begin a length of two more bytes
_SHORT_LENGTH: Final[Layout] = ExprValidator(Byte, lambda length, _: length < 0xFF)


def _exactly(value: Layout) -> Layout:
    return FocusedSeq("value", "value" / value, Terminated)


def data_object(tag: int, value: Layout) -> Layout:
    """Return the layout of one BER-TLV data object; what is read is its value."""
    return FocusedSeq(
        "value", Const(encode_tag(tag)), "value" / Prefixed(_BER_LENGTH, _exactly(value))
    )


def simple_object(number: int, value: Layout) -> Layout:
    """Return the layout of a SIMPLE-TLV record of up to 254 bytes (ISO/IEC 7816-4:2020, 6.2)."""
    return FocusedSeq(
        "value", Const(bytes((number,))), "value" / Prefixed(_SHORT_LENGTH, _exactly(value))
    )


def template(tag: int, *objects: tuple[int, str, Layout], offsets: int | None = None) -> Layout:
    """Return the layout of data objects in a data object: for each its tag, name and value.

    `offsets` is the tag of a table that comes first: two bytes for each object, its position
    counted from the first byte of the template's tag (docs/card.md, section 6).
    """
    inside = {name: data_object(number, value) for number, name, value in objects}
    declared = [name / layout for name, layout in inside.items()]
    if offsets is None:
        return data_object(tag, Struct(*declared))
    table = data_object(offsets, Array(len(objects), Int16ub))

    def with_offsets(values: dict[str, Any], _: object) -> dict[str, Any]:
        sizes = [len(layout.build(values[name])) for name, layout in inside.items()]
        table_size = len(table.build([0] * len(sizes)))
        header = len(encode_tag(tag)) + len(encode_length(table_size + sum(sizes)))
        return {
            **values,
            "offsets": list(accumulate(sizes[:-1], initial=header + table_size)),
        }

    return ExprAdapter(
        data_object(tag, Struct("offsets" / table, *declared)),
        lambda found, _: found,
        with_offsets,
    )


def objects_in(raw: bytes, *tags: int) -> bytes:
    """Return the objects with these tags inside a template, one after the other as they stand."""
    return b"".join(child.encode() for child in Tlv.parse(raw).children if child.tag in tags)


# -- values ---------------------------------------------------------------------------------------

OCTETS: Final[Layout] = GreedyBytes
"""All bytes there are: an image, for example."""
UTF8: Final[Layout] = GreedyString("utf8")
"""Text that fills its object."""


def octets(size: int) -> Layout:
    """Return the layout of exactly `size` bytes."""
    return Bytes(size)


def nested(declared: type[CardObject], inside: Layout = GreedyBytes) -> Layout:
    """Return the layout of a declared object that fills `inside`: all there is, or `octets(n)`."""
    return ExprAdapter(inside, lambda raw, _: declared.parse(raw), lambda value, _: value.encode())


def _check_digits(text: str) -> str:
    if not text.isascii() or not text.isdigit():
        raise ObjectError("digits only")
    return text


def digits(size: int) -> Layout:
    """Return the layout of exactly `size` ASCII digits, read as text."""
    return ExprAdapter(
        Bytes(size),
        lambda raw, _: _check_digits(raw.decode("ascii")),
        lambda text, _: _check_digits(text).encode("ascii"),
    )


def eight_digits(day: datetime.date) -> str:
    """Return a date as YYYYMMDD."""
    return f"{day.year:04}{day.month:02}{day.day:02}"


DATE: Final[Layout] = ExprAdapter(
    digits(8),
    lambda text, _: datetime.date(int(text[:4]), int(text[4:6]), int(text[6:])),
    lambda day, _: eight_digits(day),
)
"""A date of the Gregorian calendar, eight ASCII digits YYYYMMDD."""
