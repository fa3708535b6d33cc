"""The ledger of cards and operators: what each card is, what was done with it, and who may do it.

Every function takes the connection of a transaction of `jukihost.database`, commits nothing, and
refuses (`Stopped`) while the emergency stop is on. Extra `terminal`. The names are loaded when they
are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.ledger.acting import By as By
    from jukihost.ledger.alarms import (
        Gap as Gap,
        gaps as gaps,
        note_gap as note_gap,
        settle_gap as settle_gap,
    )
    from jukihost.ledger.applications import (
        ApplicationState as ApplicationState,
        CardApplication as CardApplication,
        applications_of as applications_of,
        drop_application as drop_application,
        note_application as note_application,
    )
    from jukihost.ledger.cards import (
        CardEvent as CardEvent,
        LedgerCard as LedgerCard,
        NewCard as NewCard,
        cards_of as cards_of,
        enter_card as enter_card,
        events_of as events_of,
        find_card as find_card,
        move_card as move_card,
        take_over_card as take_over_card,
        take_receipt as take_receipt,
        transfer_card as transfer_card,
    )
    from jukihost.ledger.certificates import (
        CardCertificate as CardCertificate,
        CertificateState as CertificateState,
        certificates_of as certificates_of,
        drop_certificates as drop_certificates,
        enter_certificate as enter_certificate,
        follow_card as follow_card,
        note_refused as note_refused,
        note_told as note_told,
        untold_certificates as untold_certificates,
    )
    from jukihost.ledger.claims import (
        Claim as Claim,
        claim_card as claim_card,
        claim_of_card as claim_of_card,
        claims_of_holder as claims_of_holder,
        finish_claim as finish_claim,
        settle_claim as settle_claim,
    )
    from jukihost.ledger.errors import (
        CardExists as CardExists,
        CertificateElsewhere as CertificateElsewhere,
        ChangedMeanwhile as ChangedMeanwhile,
        HasCard as HasCard,
        IntentOpen as IntentOpen,
        LedgerError as LedgerError,
        NotAllowed as NotAllowed,
        OperatorRefused as OperatorRefused,
        ReceiptGap as ReceiptGap,
        Stopped as Stopped,
        UnknownCard as UnknownCard,
        WordsRefused as WordsRefused,
    )
    from jukihost.ledger.grants import (
        Grant as Grant,
        grant_unlock as grant_unlock,
        list_grants as list_grants,
        use_grant as use_grant,
    )
    from jukihost.ledger.intents import (
        Intent as Intent,
        IntentState as IntentState,
        check_receipt as check_receipt,
        find_intent as find_intent,
        finish_intent as finish_intent,
        leave_uncertain as leave_uncertain,
        open_intent as open_intent,
        open_intents as open_intents,
        settle_intent as settle_intent,
        supersede as supersede,
        uncertain_purposes as uncertain_purposes,
        undo_intent as undo_intent,
        was_finished as was_finished,
    )
    from jukihost.ledger.operators import (
        Hours as Hours,
        Lending as Lending,
        Operator as Operator,
        any_operators as any_operators,
        change_operator as change_operator,
        check_hours as check_hours,
        check_lent as check_lent,
        check_right as check_right,
        dismiss_operator as dismiss_operator,
        enter_first_operators as enter_first_operators,
        enter_operator as enter_operator,
        find_lent as find_lent,
        find_operator as find_operator,
        inspect_card as inspect_card,
        lend_card as lend_card,
        list_lendings as list_lendings,
        replace_card as replace_card,
        return_card as return_card,
        revoke_card as revoke_card,
    )
    from jukihost.ledger.roles import (
        RIGHTS as RIGHTS,
        Right as Right,
        Role as Role,
    )
    from jukihost.ledger.states import (
        BY_CARD as BY_CARD,
        BY_PERSON as BY_PERSON,
        REASONS as REASONS,
        STANDINGS as STANDINGS,
        CardAct as CardAct,
        CertificateEffect as CertificateEffect,
        LedgerState as LedgerState,
        PersonAct as PersonAct,
        Reason as Reason,
        ReasonRule as ReasonRule,
        Standing as Standing,
        after as after,
    )
    from jukihost.ledger.stops import (
        Turned as Turned,
        lift_stop as lift_stop,
        running as running,
        stop as stop,
        turns as turns,
    )
    from jukihost.ledger.switching import check_running as check_running

_HOMES: Final = {
    "acting": "By",
    "alarms": "Gap gaps note_gap settle_gap",
    "applications": "ApplicationState CardApplication applications_of drop_application "
    "note_application",
    "cards": "CardEvent LedgerCard NewCard cards_of enter_card events_of find_card move_card "
    "take_over_card take_receipt transfer_card",
    "certificates": "CardCertificate CertificateState certificates_of drop_certificates "
    "enter_certificate follow_card note_refused note_told untold_certificates",
    "claims": "Claim claim_card claim_of_card claims_of_holder finish_claim settle_claim",
    "errors": "CardExists CertificateElsewhere ChangedMeanwhile HasCard IntentOpen LedgerError "
    "NotAllowed OperatorRefused ReceiptGap Stopped UnknownCard WordsRefused",
    "grants": "Grant grant_unlock list_grants use_grant",
    "intents": "Intent IntentState check_receipt find_intent finish_intent leave_uncertain "
    "open_intent open_intents settle_intent supersede uncertain_purposes undo_intent was_finished",
    "operators": "Hours Lending Operator any_operators change_operator check_hours check_lent "
    "check_right dismiss_operator enter_first_operators enter_operator find_lent find_operator "
    "inspect_card lend_card list_lendings replace_card return_card revoke_card",
    "roles": "RIGHTS Right Role",
    "states": "BY_CARD BY_PERSON CardAct CertificateEffect LedgerState PersonAct REASONS Reason "
    "ReasonRule STANDINGS Standing after",
    "stops": "Turned lift_stop running stop turns",
    "switching": "check_running",
}
"""Where the names are at home, below this package."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}
_WITHOUT_EXTRA: Final = frozenset({"errors", "roles", "states"})

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.ledger' has no attribute {name!r}")
    from importlib import import_module

    if home not in _WITHOUT_EXTRA:
        _ = import_module("jukihost.database").metadata  # says which extra is missing
    value = globals()[name] = getattr(import_module(f"jukihost.ledger.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
