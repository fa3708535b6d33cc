"""The specification of a file tree: declared once, immutable, shared by all cards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from jukicard.apdu.aid import Aid
from jukicard.apdu.tlv import encode_tag
from jukicard.filesystem.access import NEVER, AccessCondition, Proof
from jukicard.filesystem.records import pack_records, unpack_records

MF_IDENTIFIER: Final = 0x3F00
"""The file identifier of the master file (ISO/IEC 7816-4:2020, 7.3.1.2)."""
RESERVED_IDENTIFIERS: Final = frozenset({0x0000, 0x3FFF, 0xFFFF})
"""File identifiers no file may have (ISO/IEC 7816-4:2020, 7.3.1.2)."""

MAX_FILE_SIZE: Final = 65_535
"""The largest transparent EF: what the size object 80 says in two bytes (7.4.3)."""
MAX_RECORDS_SIZE: Final = 65_532
"""The most bytes of records in one EF: with tag and length of object 53 they fit one answer."""
MAX_OBJECT_SIZE: Final = 65_000
"""The largest value of a data object; with its tag and length it fits one answer."""


class WriteFunction(Enum):
    """What WRITE does to bytes already there (ISO/IEC 7816-4:2020, table 11)."""

    ONCE = 0x00
    OR = 0x40
    AND = 0x60


class RecordStructure(Enum):
    """How an EF of records is organised, with its file descriptor byte.

    ISO/IEC 7816-4:2020, table 10; the last bit of variable and cyclic says SIMPLE-TLV, which no
    file here declares: records are bytes.
    """

    LINEAR_FIXED = 0x02
    LINEAR_VARIABLE = 0x04
    CYCLIC = 0x06


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """Who may do what with one file; everything not named is `Never`.

    The groups are the bits of the access mode byte (ISO/IEC 7816-4:2020, 9.3.3.2, tables 24, 25):
    `read` is READ and SEARCH, `update` is UPDATE and ERASE, `write` is WRITE and APPEND.
    """

    read: AccessCondition = NEVER
    update: AccessCondition = NEVER
    write: AccessCondition = NEVER
    activate: AccessCondition = NEVER
    deactivate: AccessCondition = NEVER
    terminate: AccessCondition = NEVER


CLOSED: Final = AccessRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementaryFile:
    """What every EF has: a file identifier, a short one (None: there is none) and its rules.

    Without `sfi` the low five bits of the identifier are the short one where they can be
    (ISO/IEC 7816-4:2020, 7.4.3, tag 88 absent).
    """

    fid: int
    sfi: int | None = -1
    access: AccessRules = CLOSED

    def __post_init__(self) -> None:
        _check_identifier(self.fid)
        if self.sfi == -1:
            low = self.fid & 0x1F
            object.__setattr__(self, "sfi", low if 1 <= low <= 30 else None)
        elif self.sfi is not None and not 1 <= self.sfi <= 30:
            raise ValueError(f"a short EF identifier is 1 to 30, not {self.sfi}")

    @property
    def awaited(self) -> bool:
        """Whether an application is not personalised while nothing is in it.

        That is so of every content that a terminal may change later: what nobody may is filler.
        """
        return self.access.update is not NEVER

    def check_kept(self, content: bytes | None, tries: bytes | None) -> None:
        """Refuse what this file never holds (ValueError): content and retry counter as kept.

        Asked of cards from files before their first answer. The text holds nothing of the content.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class TransparentFile(ElementaryFile):
    """An EF of `size` bytes, 1 to 65535; what personalisation leaves free is filled with `fill`."""

    size: int
    fill: int = 0xFF
    write_function: WriteFunction = WriteFunction.OR

    def __post_init__(self) -> None:
        # zero arguments would look for the class that slots=True replaced
        ElementaryFile.__post_init__(self)
        if not 1 <= self.size <= MAX_FILE_SIZE:
            raise ValueError(f"a transparent file has 1 to {MAX_FILE_SIZE} bytes, not {self.size}")
        if not 0 <= self.fill <= 0xFF:
            raise ValueError(f"fill is one byte, not {self.fill}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFile(ElementaryFile):
    """An EF of up to `record_count` records of (at most) `record_size` bytes.

    1 to 254 records, of together at most 65532 bytes.
    """

    structure: RecordStructure
    record_size: int
    record_count: int
    write_function: WriteFunction = WriteFunction.OR

    def __post_init__(self) -> None:
        ElementaryFile.__post_init__(self)
        if not 1 <= self.record_count <= 254:
            raise ValueError(f"a record file has 1 to 254 records, not {self.record_count}")
        if not 1 <= self.record_size <= MAX_RECORDS_SIZE // self.record_count:
            raise ValueError(
                f"{self.record_count} records of {self.record_size} bytes: together they have "
                f"1 to {MAX_RECORDS_SIZE} bytes"
            )

    @property
    def sizes(self) -> str:
        """How long a record is, in words."""
        most = "at most " if self.structure is RecordStructure.LINEAR_VARIABLE else ""
        return f"{most}{self.record_size} bytes"

    def takes(self, record: bytes) -> bool:
        """Tell whether a record has a size that it can have here."""
        size = len(record)
        variable = self.structure is RecordStructure.LINEAR_VARIABLE
        return size == self.record_size or (variable and size < self.record_size)

    def check_kept(self, content: bytes | None, tries: bytes | None) -> None:
        """Refuse records that are too many, too long or cut off. ValueError."""
        records = unpack_records(content or b"")
        if pack_records(records) != (content or b""):
            raise ValueError("its records are cut off")
        if len(records) > self.record_count or any(len(r) > self.record_size for r in records):
            raise ValueError("it has more or longer records than it can have")


class InternalKind(Enum):
    """What an internal EF holds for the card's own use."""

    PIN = "PIN"
    KEY = "key"
    KEY_PAIR = "key pair"


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalFile(ElementaryFile):
    """An internal EF: a PIN, key or key pair, used by the card, never given out (7816-4, 7.2.2)."""

    kind: InternalKind

    def proofs(self) -> Iterator[Proof]:
        """Yield what ends with its value: what was proven with it, or to use it."""
        yield self.fid

    def check_tries(self, kept: bytes | None, most: int) -> None:
        """Refuse a retry counter that is none, or above its maximum. ValueError."""
        if kept is not None and (len(kept) != 1 or kept[0] > most):
            raise ValueError(f"its retry counter is none of 0 to {most}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataObject:
    """A data object that GET DATA finds in a DF, by the number its tag spells.

    `wrapped` says whether GET DATA with even INS answers tag and length as well; `max_size` is
    the longest value in bytes, up to 65000. The numbers 0100 to 01FF are no tags but may be used
    (ISO/IEC 7816-4:2020, 11.5.1, table 90).
    """

    tag: int
    read: AccessCondition = NEVER
    write: AccessCondition = NEVER
    wrapped: bool = False
    max_size: int = MAX_OBJECT_SIZE

    def __post_init__(self) -> None:
        if not 0x0100 <= self.tag <= 0x01FF:
            encode_tag(self.tag)
        if not 0 <= self.max_size <= MAX_OBJECT_SIZE:
            raise ValueError(f"a data object has up to {MAX_OBJECT_SIZE} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class DedicatedFile:
    """A DF (or with identifier 3F00 the MF): a name, the files in it and its data objects."""

    fid: int | None = None
    name: Aid | None = None
    files: tuple[ElementaryFile | DedicatedFile, ...] = ()
    objects: tuple[DataObject, ...] = ()
    access: AccessRules = CLOSED

    def __post_init__(self) -> None:
        if self.fid is not None:
            _check_identifier(self.fid)


def _check_identifier(fid: int) -> None:
    if not 0 <= fid <= 0xFFFF or fid in RESERVED_IDENTIFIERS:
        raise ValueError(f"{fid:04X} cannot be a file identifier")


@dataclass(slots=True, eq=False, repr=False)
class EfNode:
    """An EF in its place: the specification, its DF and where memory keeps its contents.

    `states` are the keys of its own life-cycle state and of those above it, its own first.
    `size` is how many bytes a transparent EF has, 0 for others.
    """

    spec: ElementaryFile
    parent: DfNode
    path: str
    fid: int = field(init=False)
    content_key: str = field(init=False)
    state_key: str = field(init=False)
    tries_key: str = field(init=False)
    states: tuple[str, ...] = field(init=False)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.fid = self.spec.fid
        self.content_key = f"content/{self.path}"
        self.state_key = f"state/{self.path}"
        self.tries_key = f"tries/{self.path}"
        self.states = (self.state_key, *self.parent.states)
        self.size = self.spec.size if isinstance(self.spec, TransparentFile) else 0

    def __repr__(self) -> str:
        return f"<EF {self.label}>"

    @property
    def label(self) -> str:
        """How a reader calls this file: its identifier in hexadecimal."""
        return f"{self.spec.fid:04X}"


@dataclass(slots=True, eq=False, repr=False)
class DfNode:
    """A DF in its place: what is found in it by identifier, by short one and by tag.

    `states` as of an EF.
    """

    spec: DedicatedFile
    parent: DfNode | None
    path: str
    state_key: str = field(init=False)
    states: tuple[str, ...] = field(init=False)
    efs: dict[int, EfNode] = field(default_factory=dict)
    dfs: dict[int, DfNode] = field(default_factory=dict)
    short: dict[int, EfNode] = field(default_factory=dict)
    objects: dict[int, DataObject] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state_key = f"state/{self.path or 'df'}"
        self.states = (self.state_key, *(() if self.parent is None else self.parent.states))

    def object_key(self, tag: int) -> str:
        """Return where memory keeps the data object `tag` of this DF."""
        return f"object/{self.path}/{tag:X}"

    def __repr__(self) -> str:
        return f"<DF {self.label}>"

    @property
    def label(self) -> str:
        """How a reader calls this DF: its name, else its identifier."""
        if self.spec.name is not None:
            return str(self.spec.name)
        return "application DF" if self.spec.fid is None else f"{self.spec.fid:04X}"


class FileTree:
    """The indexed form of a declared DF, made once a class and shared by all cards.

    ValueError when two files of a DF share an identifier, a short one, or a tag; and when two
    internal EFs of the tree share an identifier, because `Verified` names a PIN by it alone.
    """

    __slots__ = ("_internal", "named", "root")

    def __init__(self, declared: DedicatedFile) -> None:
        self.named: list[DfNode] = []
        self._internal: set[int] = set()
        self.root = self._build(declared, None, "")

    def _build(self, declared: DedicatedFile, parent: DfNode | None, path: str) -> DfNode:
        node = DfNode(declared, parent, path)
        if declared.name is not None:
            self.named.append(node)
        for spec in declared.files:
            if spec.fid is None:
                raise ValueError(f"a DF inside {node.label} needs a file identifier")
            if spec.fid in node.efs or spec.fid in node.dfs:
                raise ValueError(f"two files {spec.fid:04X} in {node.label}")
            below = f"{path}/{spec.fid:04X}" if path else f"{spec.fid:04X}"
            if isinstance(spec, DedicatedFile):
                node.dfs[spec.fid] = self._build(spec, node, below)
            else:
                self._add_ef(node, EfNode(spec, node, below))
        for data_object in declared.objects:
            if data_object.tag in node.objects:
                raise ValueError(f"two data objects {data_object.tag:X} in {node.label}")
            node.objects[data_object.tag] = data_object
        return node

    def _add_ef(self, df: DfNode, ef: EfNode) -> None:
        df.efs[ef.spec.fid] = ef
        if isinstance(ef.spec, InternalFile):
            if ef.spec.fid in self._internal:
                raise ValueError(f"two internal files {ef.label} in one tree")
            self._internal.add(ef.spec.fid)
        if ef.spec.sfi is not None:
            if ef.spec.sfi in df.short:
                raise ValueError(f"two files with short identifier {ef.spec.sfi} in {df.label}")
            df.short[ef.spec.sfi] = ef

    def walk(self) -> Iterator[EfNode | DfNode]:
        """Yield every DF and EF, each DF before what is in it."""
        waiting: list[DfNode] = [self.root]
        while waiting:
            df = waiting.pop()
            yield df
            yield from df.efs.values()
            waiting.extend(df.dfs.values())

    def ef(self, *path: int) -> EfNode:
        """Return the EF at the path of identifiers below the root; KeyError when there is none."""
        df = self.root
        for fid in path[:-1]:
            df = df.dfs[fid]
        return df.efs[path[-1]]
