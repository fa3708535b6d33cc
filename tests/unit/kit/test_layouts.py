"""Every declared object of the applications reads both ways, refuses what it is not, and hides."""

from __future__ import annotations

import datetime
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import ClassVar

import pytest
from construct import ConstructError, Struct
from hypothesis import given, strategies as st

import jukicard.applets
from jukicard.apdu import Tlv
from jukicard.applets.surface.jukiobjects import PhotoFace
from jukicard.applets.surface.objects import CardFace
from jukicard.applets.text.objects import Attributes, IndividualNumber
from jukicard.kit.layouts import (
    OCTETS,
    CardObject,
    Layout,
    ObjectError,
    data_object,
    digits,
    simple_object,
    template,
)


def declarations() -> Iterator[type[CardObject]]:
    """Every class of a declared object in the applications that this project has."""
    package = jukicard.applets
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, CardObject)
                and value is not CardObject
                and value.__module__ == module.__name__
            ):
                yield value


def missing(declared: type[CardObject]) -> str:
    """What a declaration lacks, empty when nothing."""
    if not declared.examples:
        return f"{declared.__name__} has no examples"
    if "docs/card.md" not in getattr(declared, "source", ""):
        return f"{declared.__name__} does not say where it is known from"
    return ""


ALL = tuple(declarations())
EXAMPLES = [(declared, text, value) for declared in ALL for text, value in declared.examples]
IDS = [f"{declared.__module__.split('.')[2]}-{declared.__name__}" for declared, _, _ in EXAMPLES]


def test_there_are_declarations_of_every_application() -> None:
    homes = {declared.__module__ for declared in ALL}
    assert {f"jukicard.applets.{name}.objects" for name in ("common", "surface", "text")} <= homes
    assert "jukicard.applets.surface.jukiobjects" in homes


@pytest.mark.parametrize(("profile", "declared"), [("juki-v1", False), ("juki-v2", True)])
def test_a_card_without_declared_objects_is_made_without_construct(
    profile: str, declared: bool
) -> None:
    """docs/architecture.md, 8, 10: Juki, JPKI and issuer domain write theirs by hand."""
    work = (
        "import sys\nfrom jukicard import issue_card\n"
        f"card = issue_card({profile!r}, seed=1)\ncard.power_on()\n"
        "for application in card.applications:\n    application.applet\n"
        "print('construct' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", work], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(declared)


@pytest.mark.parametrize("declared", ALL)
def test_a_declaration_has_examples_and_a_source(declared: type[CardObject]) -> None:
    assert missing(declared) == ""


def test_a_declaration_without_examples_is_noticed() -> None:
    @dataclass(frozen=True, repr=False)
    class Bare(CardObject):
        layout: ClassVar[Layout] = Struct()
        source: ClassVar[str] = "docs/card.md"

    assert missing(Bare) == "Bare has no examples"
    Bare.examples = (("", Bare()),)
    assert missing(Bare) == ""
    Bare.source = ""
    assert "known from" in missing(Bare)


@pytest.mark.parametrize(("declared", "text", "value"), EXAMPLES, ids=IDS)
def test_an_example_reads_both_ways(
    declared: type[CardObject], text: str, value: CardObject
) -> None:
    assert value.encode().hex().upper() == text
    assert declared.parse(bytes.fromhex(text)) == value


@pytest.mark.parametrize(("declared", "text", "value"), EXAMPLES, ids=IDS)
def test_what_is_cut_short_or_followed_by_a_byte_is_refused(
    declared: type[CardObject], text: str, value: CardObject
) -> None:
    raw = bytes.fromhex(text)
    for length in range(len(raw)):
        with pytest.raises(ObjectError):
            declared.parse(raw[:length])
    for more in (b"\x00", b"\xff"):
        with pytest.raises(ObjectError):
            declared.parse(raw + more)


@pytest.mark.parametrize(("declared", "text", "value"), EXAMPLES, ids=IDS)
def test_a_changed_byte_is_refused_or_is_another_object(
    declared: type[CardObject], text: str, value: CardObject
) -> None:
    raw = bytes.fromhex(text)
    refused = 0
    for position in range(min(len(raw), 64)):
        changed = raw[:position] + bytes((raw[position] ^ 0x80,)) + raw[position + 1 :]
        try:
            other = declared.parse(changed)
        except ObjectError:
            refused += 1
        else:
            assert other != value
            assert other.encode() == changed
    assert refused, "tags, lengths and digits have no second meaning"


@pytest.mark.parametrize(("declared", "text", "value"), EXAMPLES, ids=IDS)
def test_neither_repr_nor_error_shows_a_value(
    declared: type[CardObject], text: str, value: CardObject
) -> None:
    assert repr(value) == f"<{declared.__name__}>"
    with pytest.raises(ObjectError) as caught:
        declared.parse(bytes.fromhex(text)[:-1])
    assert declared.__name__ in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(("declared", "text", "value"), EXAMPLES, ids=IDS)
def test_a_declaration_is_frozen(declared: type[CardObject], text: str, value: CardObject) -> None:
    assert fields(value)
    for field in fields(value):
        with pytest.raises(AttributeError):
            setattr(value, field.name, None)


BIRTH = datetime.date(1980, 2, 17)


@pytest.mark.parametrize(
    "make",
    [
        lambda: IndividualNumber("53768667718"),
        lambda: IndividualNumber("5376866771888"),
        lambda: IndividualNumber("53768667718X"),
        lambda: IndividualNumber("５３７６８６６７７１８８"),
        lambda: IndividualNumber("²" * 12),
        lambda: Attributes("a", "b", BIRTH, ""),
        lambda: Attributes("a", "b", BIRTH, "12"),
        lambda: Attributes("a", "b", "19800217", "1"),  # type: ignore[arg-type]
        lambda: Attributes("\ud800", "b", BIRTH, "1"),
        lambda: Attributes("a", "b" * 70_000, BIRTH, "1"),
        lambda: Attributes(None, "b", BIRTH, "1"),  # type: ignore[arg-type]
    ],
)
def test_values_that_do_not_fit_are_refused_without_showing_them(
    make: Callable[[], CardObject],
) -> None:
    value = make()
    with pytest.raises(ObjectError) as caught:
        value.encode()
    assert str(caught.value) == f"these values are no {type(value).__name__}"


@pytest.mark.parametrize("day", ["19801317", "19800230", "00000101", "1980-2-1", "２２２２"])
def test_what_is_no_date_is_refused(day: str) -> None:
    raw = bytes.fromhex(Attributes.examples[0][0]).replace(b"19800217", day.encode()[:8])
    with pytest.raises(ObjectError):
        Attributes.parse(raw)


# -- the table of offsets -------------------------------------------------------------------------


def offsets_of(raw: bytes) -> list[int]:
    """The positions that the table of a template says, read without the code under test."""
    table = Tlv.parse(raw).children[0]
    assert table.tag == 0xDF21
    pairs = zip(table.value[::2], table.value[1::2], strict=True)
    return [high << 8 | low for high, low in pairs]


def assert_offsets_are_positions(raw: bytes) -> None:
    children = Tlv.parse(raw).children[1:]
    offsets = offsets_of(raw)
    assert len(offsets) == len(children)
    for offset, child in zip(offsets, children, strict=True):
        assert raw[offset:].startswith(child.encode())


def test_the_specimen_has_the_offsets_that_were_measured() -> None:
    raw = Attributes.examples[0][1].encode()
    assert raw.hex() == (
        "ff2065df2108000e002000590064df220fe9bb92e6a190e38080e5b9b9e4b99fdf2336e69db1e4baace983"
        "bde6b885e780ace5b882e8a6b3e5b883e5ad90e58d97efbc91efbc92efbc8defbc97efbc8defbc92efbc90"
        "efbc92df24083139383030323137df250131"
    )
    assert offsets_of(raw) == [0x000E, 0x0020, 0x0059, 0x0064]


@given(name=st.text(max_size=200), address=st.text(max_size=400), day=st.dates())
def test_the_table_of_the_four_items_says_where_each_begins(
    name: str, address: str, day: datetime.date
) -> None:
    value = Attributes(name, address, day, "2")
    raw = value.encode()
    assert_offsets_are_positions(raw)
    assert Attributes.parse(raw) == value


@given(images=st.lists(st.binary(max_size=700), min_size=4, max_size=4))
def test_the_tables_of_both_faces_say_where_each_object_begins(images: list[bytes]) -> None:
    name, address, photo, code = images
    key = CardFace.examples[0][1]
    assert isinstance(key, CardFace)
    face = CardFace(BIRTH, "1", key.key, name, address, photo, bytes(256), BIRTH, code)
    assert_offsets_are_positions(face.encode())
    assert CardFace.parse(face.encode()) == face
    old = PhotoFace(BIRTH, "1", name, address, photo, BIRTH, bytes(128))
    assert_offsets_are_positions(old.encode())
    assert PhotoFace.parse(old.encode()) == old


@pytest.mark.parametrize("byte", range(6, 14))
def test_a_wrong_offset_is_refused(byte: int) -> None:
    raw = bytearray.fromhex(Attributes.examples[0][0])
    raw[byte] ^= 0x01
    with pytest.raises(ObjectError, match="not the one way to write it"):
        Attributes.parse(bytes(raw))


def test_a_template_that_two_bytes_cannot_index_is_refused() -> None:
    with pytest.raises(ObjectError):
        PhotoFace(BIRTH, "1", bytes(70_000), b"", b"", BIRTH).encode()


# -- the functions layouts are made of ------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Two(CardObject):
    """Two objects in a template, as a new application would declare them."""

    first: str
    second: bytes

    layout: ClassVar[Layout] = template(0x70, (0x80, "first", digits(2)), (0x81, "second", OCTETS))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("7006800231328100", ""),
        ("7007800231328101FF", ""),
        ("7006810080023132", "the other order"),
        ("700480023132", "one is missing"),
        ("70088002313281008100", "one too many"),
        ("708106800231328100", "a length longer than it need be"),
        ("700780023132818100", "the same inside"),
        ("70808002313281000000", "the indefinite length"),
        ("700780033132338100", "a digit too many"),
        ("70068002313A8100", "no digit"),
        ("7106800231328100", "another tag"),
    ],
)
def test_a_template_is_read_strictly(text: str, why: str) -> None:
    raw = bytes.fromhex(text)
    if why:
        with pytest.raises(ObjectError):
            Two.parse(raw)
    else:
        assert Two.parse(raw).encode() == raw


@given(size=st.integers(0, 70_000))
def test_a_data_object_has_the_shortest_length(size: int) -> None:
    value = bytes(size)
    built = data_object(0x80, OCTETS).build(value)
    assert built == Tlv(0x80, value).encode()
    assert data_object(0x80, OCTETS).parse(built) == value


@given(value=st.binary(max_size=254))
def test_a_simple_object_is_tag_length_value(value: bytes) -> None:
    layout = simple_object(0x05, OCTETS)
    built = layout.build(value)
    assert built == bytes((5, len(value))) + value
    assert layout.parse(built) == value


def test_a_simple_object_of_more_than_254_bytes_is_refused() -> None:
    layout = simple_object(0x05, OCTETS)
    with pytest.raises(ConstructError):
        layout.build(bytes(255))
    with pytest.raises(ConstructError):
        layout.parse(b"\x05\xff" + bytes(255))
