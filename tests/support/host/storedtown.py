"""A town whose log of uses is in a database, with `town`'s keys and residents, and a witness."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Executable, select, text

from jukihost import ResidentCode
from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.log import (
    Disclosure,
    Note,
    Outcome,
    Update,
    Use,
    Verified,
    Witness,
    append_use,
    create_log,
    disclose_stored,
    end_day,
    have_witnessed,
    publish_log,
    sequence_log,
    verify_log,
)
from jukihost.log.tables import entries
from tests.support.host.town import LOG, LOG_KEY, ORIGIN, PSEUDONYMS, SEEN_BY, WITNESS, WITNESS_KEY


class StoredTown:
    """Keeps a log in a database; `spoil` does what whoever has the database can do."""

    def __init__(self, database: Database, clock: MovableClock, state: Path) -> None:
        self.database, self.clock = database, clock
        self.prefecture = Witness(state, SEEN_BY, WITNESS, logs=[LOG_KEY])
        self.prefecture.create()
        with database.begin() as connection:
            create_log(connection, ORIGIN)

    def use(
        self,
        *codes: ResidentCode | None,
        purpose: str = "copy of the record",
        at: datetime | None = None,
    ) -> list[Use]:
        """Queue a use of each of these, in one transaction."""
        with self.database.begin() as connection:
            return [
                append_use(
                    connection,
                    PSEUDONYMS,
                    at=at or self.clock.now(),
                    operator="operator-1",
                    terminal=self.database.terminal,
                    body="the town's counter",
                    purpose=purpose,
                    outcome=Outcome.DONE,
                    resident=code,
                )
                for code in codes
            ]

    def ask(self, update: Update) -> Note:
        """What reaches the witness, who has the same clock."""
        return self.prefecture.cosign(update, self.clock.now())

    def publish(self) -> Note:
        """Sequence what is queued and publish it, cosigned."""
        sequence_log(self.database)
        publish_log(self.database, LOG)
        return have_witnessed(self.database, self.ask, WITNESS_KEY)

    def end_day(self) -> Note:
        """Let a day pass, end it and publish."""
        self.clock.move(timedelta(days=1))
        assert end_day(self.database)
        return self.publish()

    def disclosure(self, code: ResidentCode) -> Disclosure:
        """A resident's disclosure."""
        with self.database.begin() as connection:
            return disclose_stored(
                connection,
                PSEUDONYMS,
                code,
                at=self.clock.now(),
                operator="operator-1",
                terminal="counter-1",
                body="the town's counter",
            )

    def verify(self, *known: Note) -> Verified:
        """What is found when all of it is checked."""
        return verify_log(self.database, [LOG_KEY], known=known)

    def entries(self) -> dict[int, bytes]:
        """What is sequenced, by index."""
        with self.database.read() as connection:
            rows = connection.execute(select(entries.c.leaf_index, entries.c.entry))
            return {row.leaf_index: row.entry for row in rows}

    def spoil(self, *statements: Executable | str) -> None:
        """Change the database behind the log's back."""
        with self.database.begin() as connection:
            for one in statements:
                connection.execute(text(one) if isinstance(one, str) else one)
