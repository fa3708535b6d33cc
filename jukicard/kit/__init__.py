"""What applications are made of: the face for their authors.

    >>> from jukicard.kit import Aid, DedicatedFile, Files, FileState, FileTree
    >>> class PosterApplet(Files[FileState]):
    ...     type_name = "poster"
    ...     tree = FileTree(DedicatedFile(name=Aid("F0504F53544552")))

An application is a class that lists its features (`Files`, `Pins`, `Keys`, `LifeCycle`,
`Certificates`, `Privacy`, `Signing`, ...) over the state that they work on, declares its files in
`tree` and its own commands with `command`. What is imported from here stays where it is when
modules move; the names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukicard.apdu import (
        Aid as Aid,
        CommandApdu as CommandApdu,
        Ins as Ins,
        ResponseApdu as ResponseApdu,
        StatusWord as StatusWord,
        Tlv as Tlv,
        TlvError as TlvError,
    )
    from jukicard.errors import IsoError as IsoError
    from jukicard.filesystem.access import (
        ALWAYS as ALWAYS,
        NEVER as NEVER,
        AccessCondition as AccessCondition,
        AllOf as AllOf,
        AnyOf as AnyOf,
        Authenticated as Authenticated,
        MessagingLevel as MessagingLevel,
        SecureMessaging as SecureMessaging,
        SecurityStatus as SecurityStatus,
        Verified as Verified,
    )
    from jukicard.filesystem.commands import (
        FileReference as FileReference,
        SelectBy as SelectBy,
    )
    from jukicard.filesystem.files import (
        AccessRules as AccessRules,
        DataObject as DataObject,
        DedicatedFile as DedicatedFile,
        DfNode as DfNode,
        EfNode as EfNode,
        ElementaryFile as ElementaryFile,
        FileTree as FileTree,
        InternalFile as InternalFile,
        RecordFile as RecordFile,
        RecordStructure as RecordStructure,
        TransparentFile as TransparentFile,
        WriteFunction as WriteFunction,
    )
    from jukicard.filesystem.lifecycle import LifeCycleState as LifeCycleState
    from jukicard.filesystem.store import FileStore as FileStore
    from jukicard.kit.features.cardkey import (
        CardKey as CardKey,
        Presence as Presence,
    )
    from jukicard.kit.features.certificates import (
        Certificates as Certificates,
        CertificateState as CertificateState,
    )
    from jukicard.kit.features.files import Files as Files
    from jukicard.kit.features.jicsap import (
        ChangeKey as ChangeKey,
        Jicsap as Jicsap,
    )
    from jukicard.kit.features.keys import (
        Challenges as Challenges,
        Keys as Keys,
        KeyState as KeyState,
    )
    from jukicard.kit.features.lifecycle import LifeCycle as LifeCycle
    from jukicard.kit.features.pins import Pins as Pins
    from jukicard.kit.features.privacy import (
        Privacy as Privacy,
        PrivacyState as PrivacyState,
    )
    from jukicard.kit.features.signing import (
        PrivateKeys as PrivateKeys,
        Signing as Signing,
    )
    from jukicard.kit.fileapplet import (
        FileApplet as FileApplet,
        FileState as FileState,
    )
    from jukicard.kit.keys import (
        CARD_NUMBER as CARD_NUMBER,
        KeyFile as KeyFile,
        KeyPair as KeyPair,
        KeyStore as KeyStore,
        WeakKeyError as WeakKeyError,
    )
    from jukicard.kit.personalisation import (
        CertifiedKey as CertifiedKey,
        Holder as Holder,
        Numbers as Numbers,
        Order as Order,
    )
    from jukicard.kit.pin import (
        PinCharacters as PinCharacters,
        PinFile as PinFile,
        PinStore as PinStore,
    )
    from jukicard.kit.privacy import AccessPasswords as AccessPasswords
    from jukicard.kit.signing import (
        KeyAlgorithm as KeyAlgorithm,
        SigningKeyFile as SigningKeyFile,
        SigningKeys as SigningKeys,
    )
    from jukicard.kit.trust import TrustStore as TrustStore
    from jukicard.memory import ApplicationMemory as ApplicationMemory
    from jukicard.runtime.applet import (
        Applet as Applet,
        AppletContext as AppletContext,
        ApplicationState as ApplicationState,
        BasicState as BasicState,
    )
    from jukicard.runtime.events import (
        LifeCycleChanged as LifeCycleChanged,
        RetryCounterChanged as RetryCounterChanged,
        SecurityStatusChanged as SecurityStatusChanged,
    )
    from jukicard.runtime.handlers import (
        DeclarationError as DeclarationError,
        command as command,
    )
    from jukicard.runtime.kinds import offer_applet as offer_applet
    from jukicard.runtime.placement import (
        Placement as Placement,
        Privilege as Privilege,
    )
    from jukicard.securemessaging.suites import Suite as Suite

_HOMES: Final = {
    "jukicard.apdu": "Aid CommandApdu Ins ResponseApdu StatusWord Tlv TlvError",
    "jukicard.errors": "IsoError",
    "jukicard.filesystem.access": "ALWAYS AccessCondition AllOf AnyOf Authenticated "
    "MessagingLevel NEVER SecureMessaging SecurityStatus Verified",
    "jukicard.filesystem.commands": "FileReference SelectBy",
    "jukicard.filesystem.files": "AccessRules DataObject DedicatedFile DfNode EfNode "
    "ElementaryFile FileTree InternalFile RecordFile RecordStructure TransparentFile "
    "WriteFunction",
    "jukicard.filesystem.lifecycle": "LifeCycleState",
    "jukicard.filesystem.store": "FileStore",
    "jukicard.kit.features.cardkey": "CardKey Presence",
    "jukicard.kit.features.certificates": "CertificateState Certificates",
    "jukicard.kit.features.files": "Files",
    "jukicard.kit.features.jicsap": "ChangeKey Jicsap",
    "jukicard.kit.features.keys": "Challenges KeyState Keys",
    "jukicard.kit.features.lifecycle": "LifeCycle",
    "jukicard.kit.features.pins": "Pins",
    "jukicard.kit.features.privacy": "Privacy PrivacyState",
    "jukicard.kit.features.signing": "PrivateKeys Signing",
    "jukicard.kit.fileapplet": "FileApplet FileState",
    "jukicard.kit.keys": "CARD_NUMBER KeyFile KeyPair KeyStore WeakKeyError",
    "jukicard.kit.personalisation": "CertifiedKey Holder Numbers Order",
    "jukicard.kit.pin": "PinCharacters PinFile PinStore",
    "jukicard.kit.privacy": "AccessPasswords",
    "jukicard.kit.signing": "KeyAlgorithm SigningKeyFile SigningKeys",
    "jukicard.kit.trust": "TrustStore",
    "jukicard.memory": "ApplicationMemory",
    "jukicard.runtime.applet": "Applet AppletContext ApplicationState BasicState",
    "jukicard.runtime.events": "LifeCycleChanged RetryCounterChanged SecurityStatusChanged",
    "jukicard.runtime.handlers": "DeclarationError command",
    "jukicard.runtime.kinds": "offer_applet",
    "jukicard.runtime.placement": "Placement Privilege",
    "jukicard.securemessaging.suites": "Suite",
}
"""Where the names are at home."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukicard.kit' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
