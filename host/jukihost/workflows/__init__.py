"""The procedures of a municipal counter, safe by construction: card, ledger and log agree.

    with Procedure(desk, Task.UNBLOCK_PIN): ...

Each procedure is a function: a desk, the card in its reader, typed input in, a frozen result out.
It needs an operator on duty, asks the emergency stop, leaves one entry in the log whatever happens,
and what is cut off between card and ledger is finished or undone at the next terminal that sees the
card. Extra `terminal`. The names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.workflows.applications import (
        ApplicationMoved as ApplicationMoved,
        install_application as install_application,
        remove_application as remove_application,
    )
    from jukihost.workflows.asking import (
        Conversation as Conversation,
        Nobody as Nobody,
        Paused as Paused,
        PinUse as PinUse,
        PinWanted as PinWanted,
        Question as Question,
        Step as Step,
    )
    from jukihost.workflows.auditing import (
        BackupMade as BackupMade,
        UsesDisclosed as UsesDisclosed,
        disclose_uses as disclose_uses,
        end_old_uses as end_old_uses,
        make_backup as make_backup,
        tell_of_certificates as tell_of_certificates,
    )
    from jukihost.workflows.bulk.bins import (
        Bins as Bins,
        BinsTaken as BinsTaken,
        BinsUnwritable as BinsUnwritable,
    )
    from jukihost.workflows.bulk.checking import (
        PeopleChecked as PeopleChecked,
        check_people as check_people,
    )
    from jukihost.workflows.bulk.fleet import (
        Fleet as Fleet,
        FleetExtraMissing as FleetExtraMissing,
        Scheduler as Scheduler,
        SchedulerRefused as SchedulerRefused,
        serve as serve,
    )
    from jukihost.workflows.bulk.people import (
        PeopleFile as PeopleFile,
        PeopleList as PeopleList,
        PeopleRefused as PeopleRefused,
        Person as Person,
        RowRefused as RowRefused,
        read_people as read_people,
    )
    from jukihost.workflows.bulk.processes import (
        EndedElsewhere as EndedElsewhere,
        Processes as Processes,
        Station as Station,
        StationClosed as StationClosed,
        WorkersGone as WorkersGone,
    )
    from jukihost.workflows.bulk.rows import (
        Bench as Bench,
        CardsEnded as CardsEnded,
        NoneFree as NoneFree,
        Outcome as Outcome,
    )
    from jukihost.workflows.bulk.running import (
        Alone as Alone,
        BulkIssued as BulkIssued,
        Crew as Crew,
        Progress as Progress,
        Run as Run,
        TooManyFailures as TooManyFailures,
    )
    from jukihost.workflows.certificates import tell_authority as tell_authority
    from jukihost.workflows.changing import recover_card as recover_card
    from jukihost.workflows.copying import (
        RecordCopy as RecordCopy,
        Shown as Shown,
        copy_by_card as copy_by_card,
        copy_by_document as copy_by_document,
    )
    from jukihost.workflows.duty import Duty as Duty
    from jukihost.workflows.ending import (
        EX_OFFICIO as EX_OFFICIO,
        Ended as Ended,
        abolish_card as abolish_card,
        report_damaged as report_damaged,
        report_lost as report_lost,
        return_card as return_card,
        return_unreadable as return_unreadable,
    )
    from jukihost.workflows.errors import (
        AlreadyFounded as AlreadyFounded,
        AnotherOffice as AnotherOffice,
        ApplicationDoesNotFit as ApplicationDoesNotFit,
        ApplicationNotOffered as ApplicationNotOffered,
        ApplicationThere as ApplicationThere,
        Cancelled as Cancelled,
        CardExpired as CardExpired,
        CardStopped as CardStopped,
        CutOff as CutOff,
        ForeignTown as ForeignTown,
        Impossible as Impossible,
        MovedOut as MovedOut,
        NoIssuingHere as NoIssuingHere,
        NoSuchApplication as NoSuchApplication,
        NotApproved as NotApproved,
        NotHandedOver as NotHandedOver,
        NotMade as NotMade,
        NotOnDuty as NotOnDuty,
        OtherCard as OtherCard,
        PinUncertain as PinUncertain,
        Retry as Retry,
        SupervisorDecides as SupervisorDecides,
        UnlockUnknown as UnlockUnknown,
        WorkflowError as WorkflowError,
        code_of as code_of,
    )
    from jukihost.workflows.exchanging import (
        Exchanged as Exchanged,
        exchange_card as exchange_card,
    )
    from jukihost.workflows.explained import (
        INTERFACE as INTERFACE,
        Explained as Explained,
        explain as explain,
        retry_after as retry_after,
    )
    from jukihost.workflows.foreign_uses import noting as noting
    from jukihost.workflows.founding import (
        Founded as Founded,
        Founder as Founder,
        found_office as found_office,
    )
    from jukihost.workflows.hand import CardAtDesk as CardAtDesk
    from jukihost.workflows.identifying import (
        Identified as Identified,
        identify as identify,
    )
    from jukihost.workflows.inquiring import inquire as inquire
    from jukihost.workflows.logging_in import (
        CardAndPassword as CardAndPassword,
        LogInMethod as LogInMethod,
        Recognised as Recognised,
        call_second as call_second,
        card_gone as card_gone,
        change_password as change_password,
        lock as lock,
        log_in as log_in,
        log_out as log_out,
    )
    from jukihost.workflows.looking import (
        find_residents as find_residents,
        show_cards as show_cards,
    )
    from jukihost.workflows.making import (
        CardWish as CardWish,
        HandedOver as HandedOver,
        Issued as Issued,
        hand_over as hand_over,
        issue_card as issue_card,
    )
    from jukihost.workflows.moving import (
        Continued as Continued,
        MovedIn as MovedIn,
        MovingOut as MovingOut,
        NewHome as NewHome,
        announce_by_post as announce_by_post,
        continue_use as continue_use,
        move_in as move_in,
        stay as stay,
        tell_old_towns as tell_old_towns,
    )
    from jukihost.workflows.municipal import TownApplication as TownApplication
    from jukihost.workflows.office import (
        Desk as Desk,
        Office as Office,
    )
    from jukihost.workflows.pins import (
        PinSet as PinSet,
        change_pin as change_pin,
        unblock_pin as unblock_pin,
    )
    from jukihost.workflows.presenting import Presented as Presented
    from jukihost.workflows.procedure import Procedure as Procedure
    from jukihost.workflows.recording import (
        RecordChanged as RecordChanged,
        change_code as change_code,
        change_record as change_record,
    )
    from jukihost.workflows.reissuing import (
        Reissued as Reissued,
        reissue_certificate as reissue_certificate,
    )
    from jukihost.workflows.restricting import (
        lift_restriction as lift_restriction,
        restrict_address as restrict_address,
    )
    from jukihost.workflows.rules import (
        NOBODY_COMES as NOBODY_COMES,
        RULES as RULES,
        Paper as Paper,
        PresentedBy as PresentedBy,
        Rule as Rule,
        Verdict as Verdict,
    )
    from jukihost.workflows.signing import (
        LoggedOn as LoggedOn,
        SignatureForm as SignatureForm,
        Signed as Signed,
        log_on as log_on,
        sign_document as sign_document,
    )
    from jukihost.workflows.staff import (
        change_staff as change_staff,
        dismiss_staff as dismiss_staff,
        enter_staff as enter_staff,
        find_staff as find_staff,
        inspect_operator_card as inspect_operator_card,
        lend_operator_card as lend_operator_card,
        replace_administrators_card as replace_administrators_card,
        return_operator_card as return_operator_card,
        revoke_operator_card as revoke_operator_card,
    )
    from jukihost.workflows.stopping import (
        SwitchTurned as SwitchTurned,
        lift_everything as lift_everything,
        stop_everything as stop_everything,
    )
    from jukihost.workflows.suspending import (
        Resumed as Resumed,
        Suspended as Suspended,
        call_back as call_back,
        resume_card as resume_card,
        show_notices as show_notices,
        suspend_by_telephone as suspend_by_telephone,
    )
    from jukihost.workflows.tasks import (
        RIGHT_FOR as RIGHT_FOR,
        Task as Task,
    )
    from jukihost.workflows.terminal import (
        AsyncConversation as AsyncConversation,
        AsyncTerminal as AsyncTerminal,
        Terminal as Terminal,
    )
    from jukihost.workflows.unlocking import (
        Unlocked as Unlocked,
        grant_unlocking as grant_unlocking,
        unlock_operator as unlock_operator,
    )

_HOMES: Final = {
    "applications": "ApplicationMoved install_application remove_application",
    "asking": "Conversation Nobody Paused PinUse PinWanted Question Step",
    "auditing": "BackupMade UsesDisclosed disclose_uses end_old_uses make_backup "
    "tell_of_certificates",
    "bulk.bins": "Bins BinsTaken BinsUnwritable",
    "bulk.checking": "PeopleChecked check_people",
    "bulk.fleet": "Fleet FleetExtraMissing Scheduler SchedulerRefused serve",
    "bulk.people": "PeopleFile PeopleList PeopleRefused Person RowRefused read_people",
    "bulk.processes": "EndedElsewhere Processes Station StationClosed WorkersGone",
    "bulk.rows": "Bench CardsEnded NoneFree Outcome",
    "bulk.running": "Alone BulkIssued Crew Progress Run TooManyFailures",
    "certificates": "tell_authority",
    "changing": "recover_card",
    "copying": "RecordCopy Shown copy_by_card copy_by_document",
    "duty": "Duty",
    "ending": "EX_OFFICIO Ended abolish_card report_damaged report_lost return_card "
    "return_unreadable",
    "errors": "AlreadyFounded AnotherOffice ApplicationDoesNotFit ApplicationNotOffered "
    "ApplicationThere Cancelled CardExpired CardStopped CutOff ForeignTown Impossible MovedOut "
    "NoIssuingHere NoSuchApplication NotApproved NotHandedOver NotMade NotOnDuty OtherCard "
    "PinUncertain Retry SupervisorDecides UnlockUnknown WorkflowError code_of",
    "exchanging": "Exchanged exchange_card",
    "explained": "Explained INTERFACE explain retry_after",
    "founding": "Founded Founder found_office",
    "hand": "CardAtDesk",
    "identifying": "Identified identify",
    "inquiring": "inquire",
    "logging_in": "CardAndPassword LogInMethod Recognised call_second card_gone change_password "
    "lock log_in log_out",
    "looking": "find_residents show_cards",
    "making": "CardWish HandedOver Issued hand_over issue_card",
    "moving": "Continued MovedIn MovingOut NewHome announce_by_post continue_use move_in "
    "stay tell_old_towns",
    "foreign_uses": "noting",
    "municipal": "TownApplication",
    "office": "Desk Office",
    "pins": "PinSet change_pin unblock_pin",
    "presenting": "Presented",
    "procedure": "Procedure",
    "recording": "RecordChanged change_code change_record",
    "reissuing": "Reissued reissue_certificate",
    "restricting": "lift_restriction restrict_address",
    "rules": "NOBODY_COMES Paper PresentedBy RULES Rule Verdict",
    "signing": "LoggedOn SignatureForm Signed log_on sign_document",
    "staff": "change_staff dismiss_staff enter_staff find_staff inspect_operator_card "
    "lend_operator_card replace_administrators_card return_operator_card revoke_operator_card",
    "stopping": "SwitchTurned lift_everything stop_everything",
    "suspending": "Resumed Suspended call_back resume_card show_notices suspend_by_telephone",
    "tasks": "RIGHT_FOR Task",
    "terminal": "AsyncConversation AsyncTerminal Terminal",
    "unlocking": "Unlocked grant_unlocking unlock_operator",
}
"""Where the names are at home, below this package."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}
_WITHOUT_EXTRA: Final = frozenset({"asking", "errors", "explained"})

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.workflows' has no attribute {name!r}")
    from importlib import import_module

    if home not in _WITHOUT_EXTRA:
        _ = import_module("jukihost.database").metadata  # says which extra is missing
    value = globals()[name] = getattr(import_module(f"jukihost.workflows.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
