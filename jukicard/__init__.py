"""A software ISO 7816 card that behaves like the Japanese Juki card and its successor.

    >>> from jukicard import issue_card
    >>> card = issue_card("juki-v1", seed=1)
    >>> card.power_on().hex().upper()
    '3BE000FF8131FE4514'

This is the face for whoever uses a card; `jukicard.kit` is the one for authors of applications,
`jukicard.testing` the one for tests of terminals. What is imported from here stays where it is when
modules move. The names are loaded when they are first used, so that `import jukicard.apdu` stays
small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukicard.apdu import (
        Aid as Aid,
        Atr as Atr,
        ClassByte as ClassByte,
        CommandApdu as CommandApdu,
        DumpWriter as DumpWriter,
        Ins as Ins,
        MalformedApduError as MalformedApduError,
        ResponseApdu as ResponseApdu,
        StatusWord as StatusWord,
        Tlv as Tlv,
        TlvError as TlvError,
        Trace as Trace,
        TraceLevel as TraceLevel,
        TraceObserver as TraceObserver,
        parse_dump as parse_dump,
    )
    from jukicard.apdu.trace.difference import compare_traces as compare_traces
    from jukicard.apdu.trace.formats import read_trace as read_trace, write_trace as write_trace
    from jukicard.apdu.trace.record import ApduTrace as ApduTrace, TraceError as TraceError
    from jukicard.apdu.trace.replay import Strayed as Strayed
    from jukicard.environment import (
        CardEnvironment as CardEnvironment,
        Clock as Clock,
        FixedClock as FixedClock,
        RandomSource as RandomSource,
        SeededRandom as SeededRandom,
        SystemClock as SystemClock,
        SystemRandom as SystemRandom,
    )
    from jukicard.memory import (
        CardEntry as CardEntry,
        ImageError as ImageError,
        ImageProblem as ImageProblem,
        MemoryFailureError as MemoryFailureError,
        MemorySnapshot as MemorySnapshot,
        PersistentMemory as PersistentMemory,
        PowerLoss as PowerLoss,
        RamBackend as RamBackend,
        SqliteBackend as SqliteBackend,
        create_card as create_card,
        create_cards as create_cards,
        delete_card as delete_card,
        list_cards as list_cards,
    )
    from jukicard.profiles import (
        PROFILES as PROFILES,
        CardKeys as CardKeys,
        Pins as Pins,
        Printed as Printed,
        Profile as Profile,
        ProfileError as ProfileError,
        issue_card as issue_card,
    )
    from jukicard.runtime.card import (
        Card as Card,
        CardUnpoweredError as CardUnpoweredError,
    )
    from jukicard.runtime.events import (
        ApplicationSelected as ApplicationSelected,
        CardEvent as CardEvent,
        Exchange as Exchange,
        FirewallDenial as FirewallDenial,
        LifeCycleChanged as LifeCycleChanged,
        MemoryCommitted as MemoryCommitted,
        PoweredOff as PoweredOff,
        PoweredOn as PoweredOn,
        Refusal as Refusal,
        RetryCounterChanged as RetryCounterChanged,
        SecurityStatusChanged as SecurityStatusChanged,
    )
    from jukicard.runtime.kinds import (
        UnknownAppletError as UnknownAppletError,
        offer_applet as offer_applet,
    )
    from jukicard.runtime.options import CardOptions as CardOptions
    from jukicard.runtime.placement import (
        Placement as Placement,
        Privilege as Privilege,
    )
    from jukicard.synthetic.people import draw_person as draw_person
    from jukicard.synthetic.person import Person as Person
    from jukicard.transport import (
        CardFault as CardFault,
        CardNotPresent as CardNotPresent,
        CardPort as CardPort,
        SlotState as SlotState,
        SlotStatus as SlotStatus,
    )
    from jukicard.transport.ccid import (
        CcidError as CcidError,
        CcidReader as CcidReader,
        ExchangeLevel as ExchangeLevel,
    )
    from jukicard.transport.ccid.keypad import (
        Keypad as Keypad,
        PadKey as PadKey,
        PinPrompt as PinPrompt,
    )
    from jukicard.transport.ccid.pinpad import PinPad as PinPad
    from jukicard.transport.contactless import (
        Contactless as Contactless,
        ContactlessPort as ContactlessPort,
    )
    from jukicard.transport.inprocess import LocalReader as LocalReader
    from jukicard.transport.recorded import RecordedCard as RecordedCard
    from jukicard.transport.tcp import TcpServer as TcpServer
    from jukicard.transport.tcpmany import (
        CardSource as CardSource,
        ImageCards as ImageCards,
        ManyCardsServer as ManyCardsServer,
        UnknownCardError as UnknownCardError,
    )
    from jukicard.transport.tpdu import (
        CRC as CRC,
        CRC_A as CRC_A,
        CRC_B as CRC_B,
        CRC_OF_DRIVERS as CRC_OF_DRIVERS,
        LRC as LRC,
        ContactCard as ContactCard,
        Iso14443Card as Iso14443Card,
        Iso14443TypeACard as Iso14443TypeACard,
        Pps as Pps,
        T0Card as T0Card,
        T1Card as T1Card,
        atr_variant as atr_variant,
    )
    from jukicard.transport.traced import TracedCard as TracedCard
    from jukicard.transport.vpcd import VpcdServer as VpcdServer

__version__: Final = "0.2.0.dev0"

_HOMES: Final = {
    "apdu": "Aid Atr ClassByte CommandApdu DumpWriter Ins MalformedApduError ResponseApdu "
    "StatusWord Tlv TlvError Trace TraceLevel TraceObserver parse_dump",
    "apdu.trace.difference": "compare_traces",
    "apdu.trace.formats": "read_trace write_trace",
    "apdu.trace.record": "ApduTrace TraceError",
    "apdu.trace.replay": "Strayed",
    "environment": "CardEnvironment Clock FixedClock RandomSource SeededRandom SystemClock "
    "SystemRandom",
    "memory": "CardEntry ImageError ImageProblem MemoryFailureError MemorySnapshot "
    "PersistentMemory PowerLoss RamBackend SqliteBackend create_card create_cards delete_card "
    "list_cards",
    "profiles": "CardKeys PROFILES Pins Printed Profile ProfileError issue_card",
    "runtime.card": "Card CardUnpoweredError",
    "runtime.events": "ApplicationSelected CardEvent Exchange FirewallDenial LifeCycleChanged "
    "MemoryCommitted PoweredOff PoweredOn Refusal RetryCounterChanged SecurityStatusChanged",
    "runtime.kinds": "UnknownAppletError offer_applet",
    "runtime.options": "CardOptions",
    "runtime.placement": "Placement Privilege",
    "synthetic.people": "draw_person",
    "synthetic.person": "Person",
    "transport": "CardFault CardNotPresent CardPort SlotState SlotStatus",
    "transport.ccid": "CcidError CcidReader ExchangeLevel",
    "transport.ccid.keypad": "Keypad PadKey PinPrompt",
    "transport.ccid.pinpad": "PinPad",
    "transport.contactless": "Contactless ContactlessPort",
    "transport.inprocess": "LocalReader",
    "transport.recorded": "RecordedCard",
    "transport.tcp": "TcpServer",
    "transport.tcpmany": "CardSource ImageCards ManyCardsServer UnknownCardError",
    "transport.tpdu": "CRC CRC_A CRC_B CRC_OF_DRIVERS ContactCard Iso14443Card "
    "Iso14443TypeACard LRC Pps T0Card T1Card atr_variant",
    "transport.traced": "TracedCard",
    "transport.vpcd": "VpcdServer",
}
"""Where the names are at home, below this package."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukicard' has no attribute {name!r}")
    from importlib import import_module

    if name == "Card":
        import_module("jukicard.applets")  # says which kinds there are: nobody has to look for them
    value = globals()[name] = getattr(import_module(f"jukicard.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
