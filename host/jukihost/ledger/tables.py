"""The ledger's tables: the switch, cards and their events, intents, gaps, certificates, operators.

A holder is the number that the register has for a resident, nothing else: there is no name, address
or code here, and what the ledger keeps outlives the resident's record.
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


def _one_where(name: str, *columns: str, where: str) -> Index:
    """Return an index by which values are there once among the rows that meet a condition."""
    only = text(where)
    return Index(name, *columns, unique=True, sqlite_where=only, postgresql_where=only)


_HELD: Final = "state IN ('active', 'suspended', 'moved_out')"
_UNSETTLED: Final = "settled IS NULL"

switch: Final = Table(
    "ledger_switch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("running", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
)
"""The emergency stop: one row, made with the table; without it everything is stopped."""

switched: Final = Table(
    "ledger_switched",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("running", Boolean, nullable=False),
    Column("first", Text, nullable=False),
    Column("second", Text, nullable=False),
    Column("terminal", Text, nullable=False),
    Column("why", Text, nullable=False),
)
"""Each time the switch was turned, and by which two operators."""

cards: Final = Table(
    "ledger_cards",
    metadata,
    Column("number", LargeBinary, primary_key=True),
    Column("form", Integer, nullable=False),
    Column("municipality", Text, nullable=False),
    Column("issued", Date, nullable=False),
    Column("expires", Date, nullable=False),
    Column("holder", BigInteger, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("returns_to", Text),
    Column("version", BigInteger, nullable=False),
    Column("receipt", BigInteger, nullable=False),
    Column("receipt_intent", LargeBinary, nullable=False),
    _one_where("uq_ledger_cards_valid", "holder", where=_HELD),
    _one_where("uq_ledger_cards_issuing", "holder", where="state = 'issuing'"),
)
"""The cards; `version` counts the events, `receipt` what the card's receipt carries."""

events: Final = Table(
    "ledger_events",
    metadata,
    Column("card", LargeBinary, ForeignKey("ledger_cards.number"), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("act", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("returns_to", Text),
    Column("operator", Text, nullable=False),
    Column("terminal", Text, nullable=False),
)
"""What was done with each card, and what it was afterwards."""

intents: Final = Table(
    "ledger_intents",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("card", LargeBinary, ForeignKey("ledger_cards.number"), nullable=False),
    Column("receipt", BigInteger, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened", Instant, nullable=False),
    Column("settled", Instant),
    Column("operator", Text, nullable=False),
    Column("terminal", Text, nullable=False),
    Column("act", Text),
    Column("reason", Text),
    _one_where("uq_ledger_intents_open", "card", where="state = 'open'"),
)
"""What was about to be done to a card, written before the card was touched.

`act` and `reason` are what follows in the ledger once the card has done it.
"""

gaps: Final = Table(
    "ledger_gaps",
    metadata,
    Column("id", Number, primary_key=True),
    Column("card", LargeBinary, ForeignKey("ledger_cards.number"), nullable=False),
    Column("said_receipt", BigInteger, nullable=False),
    Column("said_intent", LargeBinary, nullable=False),
    Column("had_receipt", BigInteger, nullable=False),
    Column("had_intent", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
    Column("operator", Text, nullable=False),
    Column("terminal", Text, nullable=False),
    Column("settled", Instant),
    Column("settled_by", Text),
    Column("settled_at", Text),
    Column("accepted", Boolean),
    Column("why", Text),
    _one_where("uq_ledger_gaps_open", "card", "said_receipt", "said_intent", where=_UNSETTLED),
)
"""What cards said (`said_`) that the ledger did not know (`had_`): alarms until they are settled.

`settled_at` is the terminal, `accepted` whether the ledger has taken what the card said.
"""

claims: Final = Table(
    "ledger_claims",
    metadata,
    Column("card", LargeBinary, ForeignKey("ledger_cards.number"), primary_key=True),
    Column("batch", Text, nullable=False),
    Column("row", Integer, nullable=False),
    Column("claimed", Instant, nullable=False),
    Column("done", Instant),
    Column("operator", Text, nullable=False),
    Column("terminal", Text, nullable=False),
)
"""Which card was taken for which row of a list of people, before it was touched."""

certificates: Final = Table(
    "ledger_certificates",
    metadata,
    Column("serial", Text, primary_key=True),
    Column("card", LargeBinary, ForeignKey("ledger_cards.number"), nullable=False, index=True),
    Column("use", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Integer),
    Column("since", Instant),
    Column("told", Boolean, nullable=False),
    Column("refused", Text),
    Column("version", BigInteger, nullable=False),
    Index(
        "ix_ledger_certificates_untold",
        "serial",
        sqlite_where=text("NOT told"),
        postgresql_where=text("NOT told"),
    ),
)
"""The certificates on the cards, by their numbers in decimal digits.

`told` is whether the authority knows what they are now, `refused` what it said when told in vain.
"""

applications: Final = Table(
    "ledger_applications",
    metadata,
    Column("card", LargeBinary, ForeignKey("ledger_cards.number"), primary_key=True),
    Column("aid", LargeBinary, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("operator", Text, nullable=False),
    Column("terminal", Text, nullable=False),
)
"""The municipal applications that came onto cards after issue, and those that come or go now."""

operators: Final = Table(
    "ledger_operators",
    metadata,
    Column("identifier", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("may_export", Boolean, nullable=False),
    Column("weekdays", Text, nullable=False),
    Column("first_minute", Integer, nullable=False),
    Column("last_minute", Integer, nullable=False),
    Column("dismissed", Instant),
    Column("version", BigInteger, nullable=False),
)
"""Who works at the terminals, as what and when; minutes are those of the day in Japan."""

lendings: Final = Table(
    "ledger_lendings",
    metadata,
    Column("id", Number, primary_key=True),
    Column("card", LargeBinary, nullable=False),
    Column("operator", Text, ForeignKey("ledger_operators.identifier"), nullable=False),
    Column("lent", Instant, nullable=False),
    Column("inspected", Instant),
    Column("ended", Instant),
    Column("outcome", Text),
    Column("by", Text, nullable=False),
    _one_where("uq_ledger_lendings_card", "card", where="ended IS NULL OR outcome = 'revoked'"),
    _one_where("uq_ledger_lendings_operator", "operator", where="ended IS NULL"),
)
"""Which operator card was lent to whom, and how that ended; a revoked card is lent to nobody."""

grants: Final = Table(
    "ledger_grants",
    metadata,
    Column("id", Number, primary_key=True),
    Column("card", LargeBinary, nullable=False),
    Column("operator", Text, ForeignKey("ledger_operators.identifier"), nullable=False),
    Column("granted", Instant, nullable=False),
    Column("granted_by", Text, nullable=False),
    Column("terminal", Text, nullable=False),
    Column("until", Instant, nullable=False),
    Column("ended", Instant),
    Column("outcome", Text),
    Column("ended_by", Text),
    Column("ended_at", Text),
    _one_where("uq_ledger_grants_open", "card", where="ended IS NULL"),
)
"""Which locked operator card may be unlocked once, by whose word and until when; how that ended.

`ended_at` is the terminal.
"""
