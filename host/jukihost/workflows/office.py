"""What procedures stand on: a town's office with its database and keys, and a desk in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jukihost.database import Database
from jukihost.keys.counted import CountedCustody
from jukihost.ledger import By
from jukihost.log import PseudonymKey
from jukihost.register import Registers
from jukihost.workflows.asking import Conversation, Nobody
from jukihost.workflows.duty import Duty
from jukihost.workflows.errors import NotOnDuty
from jukihost.workflows.rules import PresentedBy, Rule, check_override

if TYPE_CHECKING:
    from jukihost.issuing import CertificateAuthority, RecordSigner
    from jukihost.issuing.standing import IssuersKeys
    from jukihost.workflows.tasks import Task


@dataclass(frozen=True)
class Office:
    """A town's office: what all its desks have in common.

    municipality: the five-digit code of JIS X 0401 and JIS X 0402.
    custody: the master keys, counted, so that the log says how often they were used.
    pseudonyms: the key of the log's pseudonyms.
    authority: whoever certifies the keys of cards, and is told what becomes of the certificates.
    registers: the way to other towns and to the prefecture; None where there is none.
    issuer, records: of an office that issues cards: the issuer's keys for the card of a number, and
    who signs what cards show.
    key_floor: no card with an older version of a system's key is let in.
    font: of documents on paper, the file's name; see `jukihost.paper.find_font`.
    rules: where this town's rules of who may come differ from the standard ones; ValueError for one
    that no town may have (`check_override`).
    """

    municipality: str
    database: Database
    custody: CountedCustody = field(repr=False)
    pseudonyms: PseudonymKey = field(repr=False)
    registers: Registers | None = None
    authority: CertificateAuthority | None = field(default=None, repr=False)
    issuer: IssuersKeys | None = field(default=None, repr=False)
    records: RecordSigner | None = field(default=None, repr=False)
    key_floor: int | None = None
    font: str | None = None
    rules: Mapping[tuple[Task, PresentedBy], Rule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the town's own rules."""
        for line, rule in self.rules.items():
            try:
                check_override(line, rule)
            except ValueError as error:
                raise ValueError(f"{'/'.join(line)}: {error}") from None


class Desk:
    """A terminal in an office: who is on duty, who speaks with them, and who decided something.

    talk: who is asked for a PIN, and told what goes on.
    supervisor: another operator who has logged in to decide what the rules leave to one; let them
    log in for one decision, and take them away again.
    """

    def __init__(
        self, office: Office, duty: Duty | None = None, talk: Conversation | None = None
    ) -> None:
        self.office, self.duty = office, duty
        self.talk: Conversation = Nobody() if talk is None else talk
        self.supervisor: Duty | None = None

    @property
    def database(self) -> Database:
        """The office's database."""
        return self.office.database

    def by(self) -> By:
        """Return who is on duty, here and now. NotOnDuty, ClockRanBackwards."""
        if self.duty is None:
            raise NotOnDuty("nobody has logged in at this terminal")
        by = By.at_terminal(self.database, self.duty.operator)
        self.duty.used(by.at)
        return by
