"""Who comes to the counter, with what papers, and what the rules say of that: one table, as data.

A town's ordinance differs from the next one's in this more than in anything else, so a town
overrides single lines (`Office.rules`). Each line says where it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from jukihost.workflows.errors import Impossible, SupervisorDecides
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task

ADULT_AT: Final = 15
"""Who is younger comes with a parent."""


class PresentedBy(StrEnum):
    """Who stands at the counter."""

    HOLDER = "holder"
    HOUSEHOLD = "household"
    """Somebody of the same household."""
    LEGAL_REPRESENTATIVE = "legal_representative"
    """A parent of who is under 15, or a guardian."""
    PROXY = "proxy"
    """Whom the holder has sent."""


class Paper(StrEnum):
    """What they show."""

    PHOTO = "photo"
    """A document with a photo, of an authority: driving licence, passport, card of form 2."""
    OTHER = "other"
    """A document without: insurance card, pension book."""
    ANSWER = "answer"
    """The answer to the inquiry letter that went to the holder's address (照会書・回答書)."""
    LETTER_OF_ATTORNEY = "letter_of_attorney"
    PROOF_OF_OFFICE = "proof_of_office"
    """That they are parent or guardian: from the family register, or of a court."""
    CARD = "card"
    """The holder's card, with its PIN."""


class Verdict(StrEnum):
    """What a rule says of somebody who has what it asks for."""

    ALLOWED = "allowed"
    DECIDED = "a supervisor decides"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of the table: any of the sets `papers` suffices; `source` says whose rule it is."""

    verdict: Verdict
    papers: tuple[frozenset[Paper], ...]
    source: str


@dataclass(frozen=True, slots=True)
class Presented:
    """Who came, and what they showed."""

    by: PresentedBy = PresentedBy.HOLDER
    papers: frozenset[Paper] = frozenset()


def check_presented(run: Procedure, presented: Presented, born: date) -> None:
    """Check who came against the rules of the town. Impossible, SupervisorDecides, NotApproved.

    `born` is the holder's day of birth. Where a supervisor decides, the one at the desk is named in
    the log.
    """
    if presented.by is PresentedBy.HOLDER and _age(born, run.today) < ADULT_AT:
        raise Impossible("a holder under 15 comes with a parent: who presents it is the parent")
    rule = rule_for(run.task, presented.by, run.desk.office.rules)
    if rule.verdict is Verdict.IMPOSSIBLE:
        raise Impossible(f"{presented.by.value!r} cannot do this ({rule.source})")
    if not any(papers <= presented.papers for papers in rule.papers):
        wanted = " or ".join(
            " and ".join(sorted(paper.value for paper in papers)) for papers in rule.papers
        )
        raise Impossible(f"this needs {wanted} ({rule.source})")
    if rule.verdict is Verdict.DECIDED:
        if run.desk.supervisor is None:
            raise SupervisorDecides(
                f"a supervisor decides this ({rule.source}); let one log in here"
            )
        run.approved()


def rule_for(
    task: Task, by: PresentedBy, overrides: Mapping[tuple[Task, PresentedBy], Rule]
) -> Rule:
    """Return the line of the table; what has none is impossible."""
    return overrides.get((task, by)) or RULES.get((task, by)) or _NONE


def _age(born: date, today: date) -> int:
    """Return the age: a year is full when the day before the birthday ends (民法143条2項)."""
    day = today + timedelta(days=1)
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


_NONE: Final = Rule(Verdict.IMPOSSIBLE, (), "the table has no line for it")
_NOTHING: Final = frozenset[Paper]()


def _allowed(source: str, *papers: frozenset[Paper]) -> Rule:
    return Rule(Verdict.ALLOWED, papers or (_NOTHING,), source)


def _decided(source: str, *papers: frozenset[Paper]) -> Rule:
    return Rule(Verdict.DECIDED, papers or (_NOTHING,), source)


_PHOTO: Final = frozenset({Paper.PHOTO})
_PARENT: Final = frozenset({Paper.PHOTO, Paper.PROOF_OF_OFFICE})
_SENT: Final = frozenset({Paper.PHOTO, Paper.LETTER_OF_ATTORNEY})
_TWO: Final = frozenset({Paper.OTHER, Paper.CARD})
_GIVING_BACK: Final = (Task.ABOLISH, Task.REPORT_LOST, Task.REPORT_DAMAGED, Task.RETURN)

RULES: Final[Mapping[tuple[Task, PresentedBy], Rule]] = {
    **{
        (Task.SUSPEND, by): _allowed("Umi-machi, notice 119, 12: by telephone")
        for by in (
            PresentedBy.HOLDER,
            PresentedBy.HOUSEHOLD,
            PresentedBy.LEGAL_REPRESENTATIVE,
        )
    },
    (Task.SUSPEND, PresentedBy.PROXY): _decided("Umi-machi, notice 119, 12: by telephone"),
    (Task.RESUME, PresentedBy.HOLDER): _allowed(
        "Kasama, Fujimino, Kurashiki: in person, with the card and a document",
        frozenset({Paper.PHOTO}),
        frozenset({Paper.OTHER, Paper.CARD}),
    ),
    (Task.RESUME, PresentedBy.LEGAL_REPRESENTATIVE): _allowed(
        "Umi-machi, notice 119, 12", frozenset({Paper.PHOTO, Paper.PROOF_OF_OFFICE})
    ),
    **{
        (task, by): _allowed("Kasama, Fujimino, Kuwana: notice of abolition, return", *papers)
        for task in _GIVING_BACK
        for by, papers in {
            PresentedBy.HOLDER: (_PHOTO, frozenset({Paper.OTHER})),
            PresentedBy.HOUSEHOLD: (_PHOTO,),
            PresentedBy.LEGAL_REPRESENTATIVE: (_PARENT,),
            PresentedBy.PROXY: (_SENT,),
        }.items()
    },
    (Task.CHANGE_PIN, PresentedBy.HOLDER): _allowed(
        "Mutsuzawa, order 3 of 2003, 4: personally; the card asks for the old one"
    ),
    (Task.CHANGE_PIN, PresentedBy.LEGAL_REPRESENTATIVE): _allowed(
        "Umi-machi, notice 119, 12", frozenset({Paper.PHOTO, Paper.PROOF_OF_OFFICE})
    ),
    (Task.UNBLOCK_PIN, PresentedBy.HOLDER): _allowed(
        "Setagaya: the same day with a photo document, otherwise after an inquiry letter",
        frozenset({Paper.PHOTO}),
        frozenset({Paper.ANSWER, Paper.OTHER}),
    ),
    (Task.UNBLOCK_PIN, PresentedBy.LEGAL_REPRESENTATIVE): _allowed(
        "Umi-machi, notice 119, 12", frozenset({Paper.PHOTO, Paper.PROOF_OF_OFFICE})
    ),
    (Task.UNBLOCK_PIN, PresentedBy.PROXY): _decided(
        "Kanuma: after an inquiry letter to the holder; Kumenan: with medical proof",
        frozenset({Paper.ANSWER, Paper.LETTER_OF_ATTORNEY, Paper.PHOTO}),
    ),
    (Task.IDENTIFY, PresentedBy.HOLDER): _allowed(
        "ministry leaflet: by a PIN that the holder types", frozenset({Paper.CARD})
    ),
    (Task.IDENTIFY, PresentedBy.LEGAL_REPRESENTATIVE): _allowed(
        "ministry leaflet; under 15 with a parent", frozenset({Paper.CARD, Paper.PROOF_OF_OFFICE})
    ),
    **{
        (Task.WIDE_AREA, by): _allowed(
            "Ide, guideline 19; Aikawa: card and PIN, or a document with a photo",
            frozenset({Paper.CARD}),
            frozenset({Paper.PHOTO}),
        )
        for by in (PresentedBy.HOLDER, PresentedBy.HOUSEHOLD)
    },
    (Task.WIDE_AREA, PresentedBy.LEGAL_REPRESENTATIVE): _allowed(
        "under 15 with a parent", frozenset({Paper.PHOTO, Paper.PROOF_OF_OFFICE})
    ),
    **{
        (Task.MOVE_OUT, by): _allowed(
            "Kawajima, Kakegawa: by post, with the copy of a document",
            frozenset({Paper.PHOTO}),
            frozenset({Paper.OTHER}),
        )
        for by in (PresentedBy.HOLDER, PresentedBy.HOUSEHOLD, PresentedBy.LEGAL_REPRESENTATIVE)
    },
    (Task.MOVE_OUT, PresentedBy.PROXY): _decided(
        "Kawajima, Kakegawa", frozenset({Paper.LETTER_OF_ATTORNEY})
    ),
    **{
        (Task.MOVE_IN, by): _allowed(
            "Kawajima, Tarui, Miki: the household on one member's card and PIN",
            frozenset({Paper.CARD}),
        )
        for by in (PresentedBy.HOLDER, PresentedBy.HOUSEHOLD, PresentedBy.LEGAL_REPRESENTATIVE)
    },
    (Task.CONTINUE_USE, PresentedBy.HOLDER): _allowed(
        "Toyokawa: the four digits of the PIN match", frozenset({Paper.CARD})
    ),
    (Task.CONTINUE_USE, PresentedBy.HOUSEHOLD): _allowed(
        "Toyokawa: the four digits of the PIN match", frozenset({Paper.CARD})
    ),
    (Task.CONTINUE_USE, PresentedBy.LEGAL_REPRESENTATIVE): _allowed(
        "Toyokawa; under 15 with a parent", frozenset({Paper.CARD, Paper.PROOF_OF_OFFICE})
    ),
    (Task.DISCLOSE, PresentedBy.HOLDER): _allowed(
        "personal information protection act, 76 and 77", frozenset({Paper.PHOTO})
    ),
    (Task.DISCLOSE, PresentedBy.LEGAL_REPRESENTATIVE): _allowed(
        "personal information protection act, 76 and 77",
        frozenset({Paper.PHOTO, Paper.PROOF_OF_OFFICE}),
    ),
    (Task.DISCLOSE, PresentedBy.PROXY): _decided(
        "personal information protection act, 76 and 77",
        frozenset({Paper.PHOTO, Paper.LETTER_OF_ATTORNEY}),
    ),
}
"""Of each procedure and each person, what is needed and what is said of it."""
