"""The terminal's side: what software imports to drive a Juki card, real or emulated.

Bottom up: a `Connection` carries bytes (`PcscConnection`, `TcpConnection`, ...), an `ApduChannel`
carries commands (`build_channel`), a session speaks to one application (`JukiSession`, ...). Every
failure is a `CardError`.

    >>> from jukihost import TcpConnection, build_channel, JukiSession
    >>> with TcpConnection("127.0.0.1", 4711) as card:  # doctest: +SKIP
    ...     with JukiSession(build_channel(card)) as juki:
    ...         print(juki.pin_retries())

This is the face: what is imported from here stays where it is when modules move. The names are
loaded when they are first used.
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
    from jukihost.authentication import Suite as Suite
    from jukihost.authentication.eac import TerminalIdentity as TerminalIdentity
    from jukihost.authentication.scp03 import ChannelNotOffered as ChannelNotOffered
    from jukihost.channel import (
        ApduChannel as ApduChannel,
        build_channel as build_channel,
        open_logical_channel as open_logical_channel,
    )
    from jukihost.connection import Connection as Connection
    from jukihost.conversation.issuerdata import (
        KeyInformation as KeyInformation,
        Recognition as Recognition,
        RegistryEntry as RegistryEntry,
        RegistryPart as RegistryPart,
    )
    from jukihost.conversation.probe import card_probe as card_probe
    from jukihost.conversation.protection import PrivateSessionOver as PrivateSessionOver
    from jukihost.conversation.refusals import (
        HolderMovedOut as HolderMovedOut,
        IssuerNotAuthenticated as IssuerNotAuthenticated,
        KeysAlreadyThere as KeysAlreadyThere,
        ModuleNotOffered as ModuleNotOffered,
        NoCertificate as NoCertificate,
        NoKeyPair as NoKeyPair,
        NoRoomForKeys as NoRoomForKeys,
        NoSuchKeySet as NoSuchKeySet,
        OnlyTheCounter as OnlyTheCounter,
        PasswordBlocked as PasswordBlocked,
        PasswordRejected as PasswordRejected,
        PinNotVerified as PinNotVerified,
        PrivacyNotOffered as PrivacyNotOffered,
        PurposeNotEntitled as PurposeNotEntitled,
        StateForbids as StateForbids,
        StillInUse as StillInUse,
        TerminalNotAuthenticated as TerminalNotAuthenticated,
        UnlockFirst as UnlockFirst,
        WrongAccessNumber as WrongAccessNumber,
    )
    from jukihost.conversation.secured import SecuredSession as SecuredSession
    from jukihost.conversation.session import AppletSession as AppletSession
    from jukihost.crypto.cardcertificate import (
        CARD as CARD,
        CARD_ISSUER as CARD_ISSUER,
        CardCertificateError as CardCertificateError,
        CardCertificateExpired as CardCertificateExpired,
        CardCertificateForged as CardCertificateForged,
        CardIssuerUnknown as CardIssuerUnknown,
        ForeignCardCertificate as ForeignCardCertificate,
        NoCardCertificate as NoCardCertificate,
        NotACardCertificate as NotACardCertificate,
        card_reference as card_reference,
        parse_card_certificate as parse_card_certificate,
        verify_card_certificate as verify_card_certificate,
    )
    from jukihost.crypto.certificate_chain import verify_chain as verify_chain
    from jukihost.crypto.cvc import (
        Authorization as Authorization,
        CvCertificate as CvCertificate,
        Role as Role,
        issue_certificate as issue_certificate,
    )
    from jukihost.crypto.foreign import (
        CertificateUnreadable as CertificateUnreadable,
        ForeignDataError as ForeignDataError,
        RevocationUnreadable as RevocationUnreadable,
        load_certificates as load_certificates,
        load_revocation_lists as load_revocation_lists,
    )
    from jukihost.crypto.signatures import (
        CertificateError as CertificateError,
        ecdsa_signer as ecdsa_signer,
    )
    from jukihost.errors import (
        AlreadyExists as AlreadyExists,
        AmbiguousReader as AmbiguousReader,
        AnswerTimeout as AnswerTimeout,
        AppletNotFound as AppletNotFound,
        AuthenticationBlocked as AuthenticationBlocked,
        AuthenticationRejected as AuthenticationRejected,
        CardBusy as CardBusy,
        CardBusyOrSilent as CardBusyOrSilent,
        CardError as CardError,
        CardFailure as CardFailure,
        CardFull as CardFull,
        CardHeldHere as CardHeldHere,
        CardMute as CardMute,
        CardNotAuthentic as CardNotAuthentic,
        CardRemoved as CardRemoved,
        CardRemovedOrMute as CardRemovedOrMute,
        CardRemovedOrNotOpen as CardRemovedOrNotOpen,
        CardReset as CardReset,
        CardSuspended as CardSuspended,
        CardTerminated as CardTerminated,
        CardWarning as CardWarning,
        ChannelNotSupported as ChannelNotSupported,
        CommandNotAllowed as CommandNotAllowed,
        CommandNotCarried as CommandNotCarried,
        ConditionsNotSatisfied as ConditionsNotSatisfied,
        ConnectionNotOpen as ConnectionNotOpen,
        FileNotFound as FileNotFound,
        IncorrectData as IncorrectData,
        NoCard as NoCard,
        NoReader as NoReader,
        NotOffered as NotOffered,
        NotSupported as NotSupported,
        PcscUnavailable as PcscUnavailable,
        PinBlocked as PinBlocked,
        PinFormatError as PinFormatError,
        PinRejected as PinRejected,
        ProtocolError as ProtocolError,
        ReaderGone as ReaderGone,
        RecordNotFound as RecordNotFound,
        ReferenceNotFound as ReferenceNotFound,
        ReferenceNotUsable as ReferenceNotUsable,
        ReplayMismatch as ReplayMismatch,
        SecureMessagingError as SecureMessagingError,
        SecureMessagingRefused as SecureMessagingRefused,
        SecurityStatusNotSatisfied as SecurityStatusNotSatisfied,
        ServiceNotRunning as ServiceNotRunning,
        StatusError as StatusError,
        TerminalError as TerminalError,
        TransportError as TransportError,
        Unreachable as Unreachable,
        WrongLength as WrongLength,
        WrongParameters as WrongParameters,
    )
    from jukihost.keys import (
        KEY_REFERENCES as KEY_REFERENCES,
        CardKeys as CardKeys,
        KeyCustody as KeyCustody,
        KeyCustodyError as KeyCustodyError,
        KeyInfo as KeyInfo,
        PublishedKeys as PublishedKeys,
        SoftwareCustody as SoftwareCustody,
        UnknownKey as UnknownKey,
        WeakKey as WeakKey,
        list_keys as list_keys,
        new_store as new_store,
        rotate_key as rotate_key,
    )
    from jukihost.keys.custody import KeyExists as KeyExists, KeyUnfit as KeyUnfit
    from jukihost.keys.envelope import (
        ForeignFile as ForeignFile,
        KeyStoreError as KeyStoreError,
        NewerStore as NewerStore,
        StoreDamaged as StoreDamaged,
        WrongPassphrase as WrongPassphrase,
    )
    from jukihost.keys.issuer import (
        ISSUER_TEST_KEYS as ISSUER_TEST_KEYS,
        IssuerKeys as IssuerKeys,
        KeyFileUnusable as KeyFileUnusable,
    )
    from jukihost.keys.passphrase import (
        PassphraseMissing as PassphraseMissing,
        PassphraseTooShort as PassphraseTooShort,
        passphrase_from_environment as passphrase_from_environment,
        passphrase_from_file as passphrase_from_file,
    )
    from jukihost.keys.published import published_master as published_master
    from jukihost.keys.software import (
        StoreBusy as StoreBusy,
        StoreChanged as StoreChanged,
        StoreExists as StoreExists,
        StoreNotFound as StoreNotFound,
        StoreNotOpen as StoreNotOpen,
        StoreUnsafe as StoreUnsafe,
    )
    from jukihost.models import (
        Application as Application,
        ApplicationState as ApplicationState,
        Awaited as Awaited,
        CardForm as CardForm,
        CardInfo as CardInfo,
        CardState as CardState,
        OperatorPurpose as OperatorPurpose,
        Purpose as Purpose,
        Reader as Reader,
        Residence as Residence,
        ResidentCode as ResidentCode,
        Sex as Sex,
    )
    from jukihost.securemessaging import (
        AnswerNotAuthentic as AnswerNotAuthentic,
        SessionOver as SessionOver,
    )
    from jukihost.securemessaging.scp03 import SecurityLevel as SecurityLevel
    from jukihost.sessions.common import (
        CommonRecord as CommonRecord,
        CommonSession as CommonSession,
    )
    from jukihost.sessions.issuer import (
        IssuerSession as IssuerSession,
        KeysNotConfirmed as KeysNotConfirmed,
        StoreForm as StoreForm,
    )
    from jukihost.sessions.jpki import (
        Availability as Availability,
        CardSigningKey as CardSigningKey,
        JpkiKey as JpkiKey,
        JpkiSession as JpkiSession,
        SignatureVariant as SignatureVariant,
        TokenInfo as TokenInfo,
        TokenKind as TokenKind,
    )
    from jukihost.sessions.juki import TERMINAL_TYPE as TERMINAL_TYPE, JukiSession as JukiSession
    from jukihost.sessions.municipal import MunicipalSession as MunicipalSession
    from jukihost.sessions.operator import (
        DateBehind as DateBehind,
        NotThisOperator as NotThisOperator,
        OperatorBlocked as OperatorBlocked,
        OperatorLogin as OperatorLogin,
        OperatorNotEntitled as OperatorNotEntitled,
        OperatorSession as OperatorSession,
        PasswordExpired as PasswordExpired,
        check_login as check_login,
        signed_challenge as signed_challenge,
    )
    from jukihost.sessions.surface import (
        BirthRecord as BirthRecord,
        Face as Face,
        NumberImage as NumberImage,
        SurfaceInfo as SurfaceInfo,
        SurfaceSession as SurfaceSession,
    )
    from jukihost.sessions.text import (
        Attributes as Attributes,
        MyNumber as MyNumber,
        TextInfo as TextInfo,
        TextSession as TextSession,
        TextSignature as TextSignature,
    )
    from jukihost.signing.certificates import (
        CertificateKind as CertificateKind,
        CertificateMalformed as CertificateMalformed,
        CertificateSummary as CertificateSummary,
        Holder as Holder,
        holder_of as holder_of,
        summarize as summarize,
    )
    from jukihost.signing.cms import sign_cms as sign_cms, verify_cms as verify_cms
    from jukihost.signing.key import (
        HashName as HashName,
        SigningError as SigningError,
        SigningKey as SigningKey,
        WrongCardSignature as WrongCardSignature,
    )
    from jukihost.signing.pdf import (
        PdfNotSignable as PdfNotSignable,
        sign_pdf as sign_pdf,
        verify_pdf as verify_pdf,
    )
    from jukihost.signing.raw import (
        SignatureInvalid as SignatureInvalid,
        sign_raw as sign_raw,
        verify_raw as verify_raw,
    )
    from jukihost.signing.report import (
        ExtraMissing as ExtraMissing,
        VerifiedSignature as VerifiedSignature,
    )
    from jukihost.signing.validity import (
        CertificateExpired as CertificateExpired,
        CertificateNotTrusted as CertificateNotTrusted,
        CertificateNotValid as CertificateNotValid,
        CertificateNotYetValid as CertificateNotYetValid,
        CertificateRevoked as CertificateRevoked,
        RevocationUnknown as RevocationUnknown,
        Trust as Trust,
    )
    from jukihost.signing.xmldsig import (
        sign_xml as sign_xml,
        sign_xml_detached as sign_xml_detached,
        verify_xml as verify_xml,
    )
    from jukihost.signing.xmlreader import XmlNotSignable as XmlNotSignable
    from jukihost.transport.base import BaseConnection as BaseConnection
    from jukihost.transport.pcsc.connection import (
        AtClose as AtClose,
        PcscConnection as PcscConnection,
        list_readers as list_readers,
    )
    from jukihost.transport.replay import ReplayConnection as ReplayConnection
    from jukihost.transport.stream import AddressNotLocal as AddressNotLocal
    from jukihost.transport.tcp import TcpConnection as TcpConnection
    from jukihost.transport.vpcd import VpcdConnection as VpcdConnection

_HOMES: Final = {
    "jukicard.apdu": "Aid Atr ClassByte CommandApdu DumpWriter Ins ResponseApdu StatusWord Tlv "
    "TlvError Trace TraceLevel TraceObserver parse_dump",
    "jukicard.apdu.trace.difference": "compare_traces",
    "jukicard.apdu.trace.formats": "read_trace write_trace",
    "jukicard.apdu.trace.record": "ApduTrace TraceError",
    "jukihost.authentication": "Suite",
    "jukihost.authentication.eac": "TerminalIdentity",
    "jukihost.authentication.scp03": "ChannelNotOffered",
    "jukihost.channel": "ApduChannel build_channel open_logical_channel",
    "jukihost.connection": "Connection",
    "jukihost.conversation.issuerdata": "KeyInformation Recognition RegistryEntry RegistryPart",
    "jukihost.conversation.probe": "card_probe",
    "jukihost.conversation.protection": "PrivateSessionOver",
    "jukihost.conversation.refusals": "HolderMovedOut IssuerNotAuthenticated KeysAlreadyThere "
    "ModuleNotOffered NoCertificate NoKeyPair NoRoomForKeys NoSuchKeySet OnlyTheCounter "
    "PasswordBlocked PasswordRejected PinNotVerified PrivacyNotOffered PurposeNotEntitled "
    "StateForbids StillInUse TerminalNotAuthenticated UnlockFirst WrongAccessNumber",
    "jukihost.conversation.secured": "SecuredSession",
    "jukihost.conversation.session": "AppletSession",
    "jukihost.crypto.cardcertificate": "CARD CARD_ISSUER CardCertificateError "
    "CardCertificateExpired CardCertificateForged CardIssuerUnknown ForeignCardCertificate "
    "NoCardCertificate NotACardCertificate card_reference parse_card_certificate "
    "verify_card_certificate",
    "jukihost.crypto.certificate_chain": "verify_chain",
    "jukihost.crypto.cvc": "Authorization CvCertificate Role issue_certificate",
    "jukihost.crypto.foreign": "CertificateUnreadable ForeignDataError RevocationUnreadable "
    "load_certificates load_revocation_lists",
    "jukihost.crypto.signatures": "CertificateError ecdsa_signer",
    "jukihost.errors": "AlreadyExists AmbiguousReader AnswerTimeout AppletNotFound "
    "AuthenticationBlocked AuthenticationRejected CardBusy CardBusyOrSilent CardError CardFailure "
    "CardFull CardHeldHere CardMute CardNotAuthentic CardRemoved CardRemovedOrMute "
    "CardRemovedOrNotOpen CardReset CardSuspended CardTerminated CardWarning ChannelNotSupported "
    "CommandNotAllowed CommandNotCarried ConditionsNotSatisfied ConnectionNotOpen FileNotFound "
    "IncorrectData NoCard NoReader NotOffered NotSupported PcscUnavailable PinBlocked "
    "PinFormatError PinRejected ProtocolError ReaderGone RecordNotFound ReferenceNotFound "
    "ReferenceNotUsable ReplayMismatch SecureMessagingError SecureMessagingRefused "
    "SecurityStatusNotSatisfied ServiceNotRunning StatusError TerminalError TransportError "
    "Unreachable WrongLength WrongParameters",
    "jukihost.keys": "CardKeys KEY_REFERENCES KeyCustody KeyCustodyError KeyInfo PublishedKeys "
    "SoftwareCustody UnknownKey WeakKey list_keys new_store rotate_key",
    "jukihost.keys.custody": "KeyExists KeyUnfit",
    "jukihost.keys.envelope": "ForeignFile KeyStoreError NewerStore StoreDamaged WrongPassphrase",
    "jukihost.keys.issuer": "ISSUER_TEST_KEYS IssuerKeys KeyFileUnusable",
    "jukihost.keys.passphrase": "PassphraseMissing PassphraseTooShort passphrase_from_environment "
    "passphrase_from_file",
    "jukihost.keys.published": "published_master",
    "jukihost.keys.software": "StoreBusy StoreChanged StoreExists StoreNotFound StoreNotOpen "
    "StoreUnsafe",
    "jukihost.models": "Application ApplicationState Awaited CardForm CardInfo CardState "
    "OperatorPurpose Purpose Reader Residence ResidentCode Sex",
    "jukihost.securemessaging": "AnswerNotAuthentic SessionOver",
    "jukihost.securemessaging.scp03": "SecurityLevel",
    "jukihost.sessions.common": "CommonRecord CommonSession",
    "jukihost.sessions.issuer": "IssuerSession KeysNotConfirmed StoreForm",
    "jukihost.sessions.jpki": "Availability CardSigningKey JpkiKey JpkiSession SignatureVariant "
    "TokenInfo TokenKind",
    "jukihost.sessions.juki": "JukiSession TERMINAL_TYPE",
    "jukihost.sessions.municipal": "MunicipalSession",
    "jukihost.sessions.operator": "DateBehind NotThisOperator OperatorBlocked OperatorLogin "
    "OperatorNotEntitled OperatorSession PasswordExpired check_login signed_challenge",
    "jukihost.sessions.surface": "BirthRecord Face NumberImage SurfaceInfo SurfaceSession",
    "jukihost.sessions.text": "Attributes MyNumber TextInfo TextSession TextSignature",
    "jukihost.signing.certificates": "CertificateKind CertificateMalformed CertificateSummary "
    "Holder holder_of summarize",
    "jukihost.signing.cms": "sign_cms verify_cms",
    "jukihost.signing.key": "HashName SigningError SigningKey WrongCardSignature",
    "jukihost.signing.pdf": "PdfNotSignable sign_pdf verify_pdf",
    "jukihost.signing.raw": "SignatureInvalid sign_raw verify_raw",
    "jukihost.signing.report": "ExtraMissing VerifiedSignature",
    "jukihost.signing.validity": "CertificateExpired CertificateNotTrusted CertificateNotValid "
    "CertificateNotYetValid CertificateRevoked RevocationUnknown Trust",
    "jukihost.signing.xmldsig": "sign_xml sign_xml_detached verify_xml",
    "jukihost.signing.xmlreader": "XmlNotSignable",
    "jukihost.transport.base": "BaseConnection",
    "jukihost.transport.pcsc.connection": "AtClose PcscConnection list_readers",
    "jukihost.transport.replay": "ReplayConnection",
    "jukihost.transport.stream": "AddressNotLocal",
    "jukihost.transport.tcp": "TcpConnection",
    "jukihost.transport.vpcd": "VpcdConnection",
}
"""Where the names are at home."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
