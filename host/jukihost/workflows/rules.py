"""Who may come to the counter for what, and with what papers: one table, as data.

A town's ordinance differs from the next one's in this more than in anything else, so a town
overrides single lines (`Office.rules`). Each line says where it comes from. The manual prints the
table from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from jukihost.workflows.tasks import Task


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
    """A line of the table: any of the sets `papers` suffices; `source` says whose rule it is.

    national: an act or the ministry says it, for every town: none lets anybody in there.
    """

    verdict: Verdict
    papers: tuple[frozenset[Paper], ...]
    source: str
    national: bool = False


def rule_for(
    task: Task, by: PresentedBy, overrides: Mapping[tuple[Task, PresentedBy], Rule]
) -> Rule:
    """Return the line of the table; what has none is impossible."""
    return overrides.get((task, by)) or RULES.get((task, by)) or _NONE


def check_override(line: tuple[Task, PresentedBy], rule: Rule) -> None:
    """Check that a town may have a rule of its own in the place of a line. ValueError, which says
    why not.
    """
    standard = RULES.get(line)
    if standard is None:
        raise ValueError("nobody comes to the counter for this: rights and hours alone say who may")
    if not rule.source.strip():
        raise ValueError("the source is missing: say whose rule it is")
    if rule.verdict is Verdict.IMPOSSIBLE:
        if rule.papers:
            raise ValueError("what is impossible needs no papers: leave them out")
        return
    if standard.national:
        raise ValueError(
            f"this is impossible in every town, and no town may be looser ({standard.source})"
        )
    if not rule.papers:
        raise ValueError("say which papers suffice: sets of them, an empty set where none is shown")
    if any(one < other for one in rule.papers for other in rule.papers):
        raise ValueError("one set of papers is part of another one, which would never be asked for")


_NONE: Final = Rule(Verdict.IMPOSSIBLE, (), "the table has no line for it")
_HOLDER, _HOUSEHOLD = PresentedBy.HOLDER, PresentedBy.HOUSEHOLD
_PARENT, _PROXY = PresentedBy.LEGAL_REPRESENTATIVE, PresentedBy.PROXY

_NOTHING: Final = frozenset[Paper]()
_PHOTO: Final = frozenset({Paper.PHOTO})
_OTHER: Final = frozenset({Paper.OTHER})
_TWO: Final = frozenset({Paper.OTHER, Paper.CARD})
_CARD: Final = frozenset({Paper.CARD})
_ANSWERED: Final = frozenset({Paper.OTHER, Paper.ANSWER})
_PROVEN: Final = frozenset({Paper.PHOTO, Paper.PROOF_OF_OFFICE})
_PROVEN_CARD: Final = frozenset({Paper.CARD, Paper.PROOF_OF_OFFICE})
_SENT: Final = frozenset({Paper.PHOTO, Paper.LETTER_OF_ATTORNEY})
_SENT_ANSWERED: Final = frozenset({Paper.ANSWER, Paper.LETTER_OF_ATTORNEY, Paper.PHOTO})

_Line = tuple[Verdict, str, tuple[frozenset[Paper], ...], bool]
_UMI: Final = "Umi-machi, notice 119, 12"
_PERSONAL: Final = "Mutsuzawa, order 3 of 2003: personally"


def _may(source: str, *papers: frozenset[Paper]) -> _Line:
    return Verdict.ALLOWED, source, papers or (_NOTHING,), False


def _decided(source: str, *papers: frozenset[Paper]) -> _Line:
    return Verdict.DECIDED, source, papers or (_NOTHING,), False


def _never(source: str) -> _Line:
    return Verdict.IMPOSSIBLE, source, (), False


def _nowhere(source: str) -> _Line:
    """Return a line of an act, or of the ministry, that holds in every town."""
    return Verdict.IMPOSSIBLE, source, (), True


def _lines(
    tasks: Iterable[Task], holder: _Line, household: _Line, parent: _Line, proxy: _Line
) -> Iterator[tuple[tuple[Task, PresentedBy], Rule]]:
    """Give the lines of some procedures, one for everybody who may come."""
    for task in tasks:
        for by, (verdict, source, papers, national) in zip(
            (_HOLDER, _HOUSEHOLD, _PARENT, _PROXY), (holder, household, parent, proxy), strict=True
        ):
            yield (task, by), Rule(verdict, papers, source, national)


_ISSUE: Final = "Tokorozawa 2003: with a photo document the same day, otherwise by inquiry letter"
_LEAFLET: Final = "ministry leaflet: by a PIN that the holder types"
_IDE: Final = "Ide, guideline 19; Aikawa: card and PIN, or a document with a photo"
_POST: Final = "Kawajima, Kakegawa: by post, with the copy of a document"
_SPECIAL: Final = "Kawajima, Tarui, Miki: the household on one member's card and PIN"
_TOYOKAWA: Final = "Toyokawa: the four digits of the PIN match"
_LOST: Final = f"{_UMI}: by telephone"
_FOUND: Final = "Kasama, Fujimino, Kurashiki: in person, with the card and a document"
_OVER: Final = "Kasama, Fujimino, Kuwana: notice of abolition, return"
_ANEW: Final = "Setagaya: the same day with a photo document, otherwise after an inquiry letter"
_CODE: Final = "Matsubara, ministry: on request, without a reason"
_TOLD: Final = "resident register act, 22 to 25: within 14 days"
_OLD: Final = "Mutsuzawa, order 3 of 2003, 4: personally; the card asks for the old one"
_PRIVACY: Final = "personal information protection act, 76 and 77"
_CERTIFICATE: Final = "Fukushima, Omura: the holder types the password where the key is made"
_TOWN: Final = "the ordinance of the service (条例利用)"
_SIGNS: Final = "Takatsuki, Fukushima: the password is the holder's"

RULES: Final[Mapping[tuple[Task, PresentedBy], Rule]] = dict(
    (
        *_lines(
            (Task.ISSUE,),
            _may(_ISSUE, _PHOTO, _OTHER),
            _never(_PERSONAL),
            _may("Fujioka: under 15 with a parent", _PROVEN),
            _decided("no source; as who is sent for a PIN (Kanuma)", _SENT),
        ),
        *_lines(
            (Task.HAND_OVER,),
            _may(_ISSUE, _PHOTO, _ANSWERED),
            _never(_PERSONAL),
            _may("Fujioka: under 15 with a parent", _PROVEN),
            _decided("no source; as who is sent for a PIN (Kanuma)", _SENT_ANSWERED),
        ),
        *_lines(
            (Task.IDENTIFY,),
            _may(_LEAFLET, _CARD),
            _nowhere(_LEAFLET),
            _may("ministry leaflet; Fujioka: under 15 with a parent", _PROVEN_CARD),
            _nowhere(_LEAFLET),
        ),
        *_lines(
            (Task.WIDE_AREA,),
            _may(_IDE, _CARD, _PHOTO),
            _may(_IDE, _CARD, _PHOTO),
            _may("Fujioka: under 15 with a parent", _PROVEN),
            _nowhere("resident register act, 12-4: oneself or the same household"),
        ),
        *_lines(
            (Task.MOVE_OUT,),
            *(_may(_POST, _PHOTO, _OTHER),) * 3,
            _decided("Kawajima, Kakegawa", frozenset({Paper.LETTER_OF_ATTORNEY})),
        ),
        *_lines(
            (Task.MOVE_IN,),
            *(_may(_SPECIAL, _CARD),) * 3,
            _never("Kawajima: with the card and its PIN"),
        ),
        *_lines(
            (Task.CONTINUE_USE,),
            _may(_TOYOKAWA, _CARD),
            _may(_TOYOKAWA, _CARD),
            _may("Toyokawa; Fujioka: under 15 with a parent", _PROVEN_CARD),
            _never(_TOYOKAWA),
        ),
        *_lines((Task.CHANGE_PIN,), _may(_OLD), _never(_OLD), _may(_UMI, _PROVEN), _never(_OLD)),
        *_lines(
            (Task.UNBLOCK_PIN,),
            _may(_ANEW, _PHOTO, _ANSWERED),
            _never("Setagaya: the holder only"),
            _may(_UMI, _PROVEN),
            _decided(
                "Kanuma: after an inquiry letter to the holder; Kumenan: with medical proof",
                _SENT_ANSWERED,
            ),
        ),
        *_lines((Task.SUSPEND,), *(_may(_LOST),) * 3, _decided(_LOST)),
        *_lines(
            (Task.RESUME,),
            _may(_FOUND, _PHOTO, _TWO),
            _never(_FOUND),
            _may(_UMI, _PROVEN),
            _never(_FOUND),
        ),
        *_lines(
            (Task.ABOLISH, Task.REPORT_LOST, Task.REPORT_DAMAGED, Task.RETURN),
            _may(_OVER, _PHOTO, _OTHER),
            _may(_OVER, _PHOTO),
            _may(_OVER, _PROVEN),
            _may(_OVER, _SENT),
        ),
        *_lines(
            (Task.EXCHANGE,),
            _may("the Juki card is given back where the My Number card is handed over", _PHOTO),
            _never(_PERSONAL),
            _may("Fujioka: under 15 with a parent", _PROVEN),
            _decided("no source; as who is sent for a PIN (Kanuma)", _SENT_ANSWERED),
        ),
        *_lines(
            (Task.CHANGE_CODE,),
            _may(_CODE, _PHOTO, _TWO),
            _nowhere("Matsubara, ministry: on request of whose code it is"),
            _may(_CODE, _PROVEN),
            _decided(_CODE, _SENT),
        ),
        *_lines(
            (Task.CHANGE_RECORD,),
            _may(_TOLD, _PHOTO, _OTHER),
            _may(_TOLD, _PHOTO, _OTHER),
            _may(_TOLD, _PROVEN),
            _may(_TOLD, _SENT),
        ),
        *_lines(
            (Task.REISSUE_CERTIFICATE,),
            _may(_CERTIFICATE, _PHOTO),
            _never(_PERSONAL),
            _decided("no source; under 15 there is no signature certificate", _PROVEN),
            _decided(_CERTIFICATE, _SENT_ANSWERED),
        ),
        *_lines(
            (Task.INSTALL, Task.REMOVE),
            _may(_TOWN, _PHOTO, _TWO),
            _never(_TOWN),
            _may(_TOWN, _PROVEN),
            _decided(_TOWN, _SENT),
        ),
        *_lines(
            (Task.SIGN, Task.AUTHENTICATE),
            _may(_SIGNS, _CARD),
            *(_never(_SIGNS),) * 3,
        ),
        *_lines(
            (Task.DISCLOSE,),
            _may(_PRIVACY, _PHOTO),
            _nowhere(_PRIVACY),
            _may(_PRIVACY, _PROVEN),
            _decided(_PRIVACY, _SENT),
        ),
    )
)
"""Of each procedure and each person, what is needed and what is said of it."""

NOBODY_COMES: Final = frozenset(
    {
        Task.FIND,
        Task.SHOW_CARDS,
        Task.BULK_ISSUE,
        Task.INQUIRE,
        Task.CALL_BACK,
        Task.SHOW_NOTICES,
        Task.STOP_CARD,
        Task.RECOVER,
        Task.RESTRICT,
        Task.LIFT_RESTRICTION,
        Task.LOG_IN,
        Task.LOG_OUT,
        Task.LOCK,
        Task.CHANGE_PASSWORD,
        Task.FOUND,
        Task.OPERATORS,
        Task.LEND_CARD,
        Task.REPLACE_CARD,
        Task.GRANT_UNLOCK,
        Task.UNLOCK_OPERATOR,
        Task.RETENTION,
        Task.STOP,
        Task.LIFT_STOP,
        Task.EXPORT,
    }
)
"""What the office does of itself, or for its operators: rights and hours alone say who may."""
