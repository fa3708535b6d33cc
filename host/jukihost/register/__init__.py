"""The register of residents, what others may be given of it, and the registers of other bodies.

Every function takes the connection of a transaction of `jukihost.database`, commits nothing, and
refuses (`Stopped`) while the emergency stop is on. Extra `terminal`. The names are loaded when they
are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.register.cardsthere import (
        CardSeen as CardSeen,
        CardThere as CardThere,
    )
    from jukihost.register.codes import draw_code as draw_code
    from jukihost.register.errors import (
        AddressRestricted as AddressRestricted,
        HolderDiffers as HolderDiffers,
        InquiryRefused as InquiryRefused,
        NotAnnounced as NotAnnounced,
        NotNotified as NotNotified,
        ProvisionRefused as ProvisionRefused,
        RecordChanged as RecordChanged,
        RegisterError as RegisterError,
        ResidentExists as ResidentExists,
        TextRefused as TextRefused,
        UnknownNotice as UnknownNotice,
        UnknownResident as UnknownResident,
    )
    from jukihost.register.inquiries import (
        Inquiry as Inquiry,
        answer_inquiry as answer_inquiry,
        find_open_inquiry as find_open_inquiry,
        inquiries_of as inquiries_of,
        send_inquiry as send_inquiry,
    )
    from jukihost.register.moving import (
        Arrival as Arrival,
        Moving as Moving,
        announce_move as announce_move,
        announced_move as announced_move,
        last_arrival as last_arrival,
        note_arrival as note_arrival,
        note_told as note_told,
        untold_arrivals as untold_arrivals,
        withdraw_move as withdraw_move,
    )
    from jukihost.register.notices import (
        Asked as Asked,
        CalledBack as CalledBack,
        NoticeTaken as NoticeTaken,
        TelephoneNotice as TelephoneNotice,
        end_old_notices as end_old_notices,
        enter_notice as enter_notice,
        find_notice as find_notice,
        note_call_back as note_call_back,
        notices_of as notices_of,
    )
    from jukihost.register.provision import (
        FAMILY as FAMILY,
        PROVISIONS as PROVISIONS,
        SEVEN as SEVEN,
        UNDER_RESTRICTION as UNDER_RESTRICTION,
        Asking as Asking,
        Body as Body,
        Item as Item,
        Restricted as Restricted,
        Use as Use,
        items_for as items_for,
    )
    from jukihost.register.received import (
        AsReceived as AsReceived,
        search_key as search_key,
    )
    from jukihost.register.registers import (
        LocalRegisters as LocalRegisters,
        Registers as Registers,
        Used as Used,
    )
    from jukihost.register.residents import (
        ChangeReason as ChangeReason,
        Found as Found,
        Known as Known,
        Provided as Provided,
        Resident as Resident,
        change_resident as change_resident,
        close_record as close_record,
        code_of_record as code_of_record,
        enter_mover as enter_mover,
        enter_resident as enter_resident,
        former_values as former_values,
        known_by_code as known_by_code,
        known_resident as known_resident,
        search_residents as search_residents,
        set_notified as set_notified,
        show_by_code as show_by_code,
        show_household as show_household,
        show_resident as show_resident,
    )
    from jukihost.register.restrictions import (
        Restriction as Restriction,
        RestrictionKind as RestrictionKind,
        end_restriction as end_restriction,
        restrict as restrict,
        restrictions_of as restrictions_of,
    )

_HOMES: Final = {
    "cardsthere": "CardSeen CardThere",
    "codes": "draw_code",
    "errors": "AddressRestricted HolderDiffers InquiryRefused NotAnnounced NotNotified "
    "ProvisionRefused RecordChanged RegisterError ResidentExists TextRefused UnknownNotice "
    "UnknownResident",
    "inquiries": "Inquiry answer_inquiry find_open_inquiry inquiries_of send_inquiry",
    "moving": "Arrival Moving announce_move announced_move last_arrival note_arrival note_told "
    "untold_arrivals withdraw_move",
    "notices": "Asked CalledBack NoticeTaken TelephoneNotice end_old_notices enter_notice "
    "find_notice note_call_back notices_of",
    "provision": "Asking Body FAMILY Item PROVISIONS Restricted SEVEN UNDER_RESTRICTION Use "
    "items_for",
    "received": "AsReceived search_key",
    "registers": "LocalRegisters Registers Used",
    "residents": "ChangeReason Found Known Provided Resident change_resident close_record "
    "code_of_record enter_mover enter_resident former_values known_by_code known_resident "
    "search_residents set_notified show_by_code show_household show_resident",
    "restrictions": "Restriction RestrictionKind end_restriction restrict restrictions_of",
}
"""Where the names are at home, below this package."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}
_WITHOUT_EXTRA: Final = frozenset({"errors", "received"})

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.register' has no attribute {name!r}")
    from importlib import import_module

    if home not in _WITHOUT_EXTRA:
        _ = import_module("jukihost.database").metadata  # says which extra is missing
    value = globals()[name] = getattr(import_module(f"jukihost.register.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
