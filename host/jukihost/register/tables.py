"""The register's tables: residents, family registers apart, changes, restrictions, notices, moves.

The prefecture has a database of its own, of the same tables; there only `identities` is used.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from jukihost.database.tables import Instant, metadata

Number: Final = Integer().with_variant(BigInteger, "postgresql")
"""The type of a number that the database gives out."""


Key: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""The type of what is searched by its beginning: sorted by code point, so that an index helps."""


def _seven(*, unique: bool = False) -> list[Column[object]]:
    """Return the columns of identity information, and of where characters in it are from."""
    return [
        Column("code", Text, nullable=False, unique=unique),
        Column("name", Text, nullable=False),
        Column("name_origin", Text, nullable=False),
        Column("address", Text, nullable=False),
        Column("address_origin", Text, nullable=False),
        Column("sex", Integer, nullable=False),
        Column("born", Date, nullable=False),
        Column("reason", Text, nullable=False),
        Column("changed", Date, nullable=False),
    ]


def _beside() -> list[Column[object]]:
    return [
        Column("alias", Text),
        Column("alias_origin", Text),
        Column("household", BigInteger, nullable=False),
        Column("relation", Text, nullable=False),
        Column("residence_until", Date),
    ]


residents: Final = Table(
    "register_residents",
    metadata,
    Column("id", Number, primary_key=True),
    Column("municipality", Text, nullable=False),
    *_seven(unique=True),
    *_beside(),
    Column("name_key", Key, nullable=False, index=True),
    Column("alias_key", Key, index=True),
    Column("notified", Boolean, nullable=False),
    Column("closed", Date),
    Column("version", BigInteger, nullable=False),
    Index("ix_register_residents_household", "household"),
)
"""The residents; a closed record is that of somebody who moved out or died."""

family: Final = Table(
    "register_family",
    metadata,
    Column("resident", Number, ForeignKey("register_residents.id"), primary_key=True),
    Column("domicile", Text, nullable=False),
    Column("domicile_origin", Text, nullable=False),
    Column("family_head", Text, nullable=False),
    Column("family_head_origin", Text, nullable=False),
)
"""What comes from the family register; foreign residents have none."""

changes: Final = Table(
    "register_changes",
    metadata,
    Column("resident", Number, ForeignKey("register_residents.id"), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("operator", Text, nullable=False),
    Column("terminal", Text, nullable=False),
    *_seven(),
    *_beside(),
)
"""What the record of each resident said after each change."""

restrictions: Final = Table(
    "register_restrictions",
    metadata,
    Column("id", Number, primary_key=True),
    Column("resident", Number, ForeignKey("register_residents.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    Column("ended", Date),
    Column("why_ended", Text),
    Column("operator", Text, nullable=False),
)
"""Who is protected from being found, and how long."""

inquiries: Final = Table(
    "register_inquiries",
    metadata,
    Column("id", Number, primary_key=True),
    Column("resident", Number, ForeignKey("register_residents.id"), nullable=False, index=True),
    Column("purpose", Text, nullable=False),
    Column("sent", Date, nullable=False),
    Column("answered", Date),
    Column("withdrawn", Date),
    Column("operator", Text, nullable=False),
)
"""Inquiry letters: to whom, for which procedure, and when they were answered."""

notices: Final = Table(
    "register_notices",
    metadata,
    Column("id", Number, primary_key=True),
    Column("resident", Number, ForeignKey("register_residents.id"), nullable=False, index=True),
    Column("card", LargeBinary, nullable=False, index=True),
    Column("caller", Text, nullable=False),
    Column("caller_origin", Text, nullable=False),
    Column("relation", Text, nullable=False),
    Column("presented_by", Text, nullable=False),
    Column("reached", Text, nullable=False),
    Column("reached_origin", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("operator", Text, nullable=False),
    Column("terminal", Text, nullable=False),
)
"""Who told by telephone that a card is lost, and what they were asked."""

callbacks: Final = Table(
    "register_callbacks",
    metadata,
    Column("id", Number, primary_key=True),
    Column("notice", Number, ForeignKey("register_notices.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("operator", Text, nullable=False),
    Column("terminal", Text, nullable=False),
    Column("answered", Boolean, nullable=False),
)
"""Each time that such a caller was called back."""

_OPEN: Final = text("ended IS NULL")

moves: Final = Table(
    "register_moves",
    metadata,
    Column("id", Number, primary_key=True),
    Column("resident", Number, ForeignKey("register_residents.id"), nullable=False, index=True),
    Column("together", BigInteger, nullable=False, index=True),
    Column("announced", Date, nullable=False),
    Column("at", Instant, nullable=False),
    Column("operator", Text, nullable=False),
    Column("terminal", Text, nullable=False),
    Column("ended", Date),
    Column("outcome", Text),
    Column("moved_to", Text),
    Index(
        "uq_register_moves_open",
        "resident",
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
)
"""Who announced that they move out, and when (付記転出届); who moves `together` has one number."""

arrivals: Final = Table(
    "register_arrivals",
    metadata,
    Column("id", Number, primary_key=True),
    Column("resident", Number, ForeignKey("register_residents.id"), nullable=False, index=True),
    Column("code", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("moved", Date, nullable=False),
    Column("announced", Date, nullable=False),
    Column("notified", Date, nullable=False),
    Column("told", Instant),
    Column("operator", Text, nullable=False),
    Column("terminal", Text, nullable=False),
)
"""Who moved in from which town and when they said so; `told` is when that town was told of it."""

identities: Final = Table(
    "register_identities",
    metadata,
    Column("municipality", Text, nullable=False),
    *(
        Column(column.name, column.type, nullable=False, primary_key=column.name == "code")
        for column in _seven()
    ),
    Column("restricted", Boolean, nullable=False),
)
"""At the prefecture: identity information as the towns gave notice of it."""
