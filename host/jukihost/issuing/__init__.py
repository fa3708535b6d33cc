"""Where cards and certificates come from: authorities, blank cards, and what is written on them.

What makes cards and certifies keys is joined by structure and name, never by import: anything that
fits `CertificateAuthority` is one, and packages offer theirs in an entry-point group. The names are
loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.issuing.authority import (
        CertificateAuthority as CertificateAuthority,
        CertificateRequest as CertificateRequest,
        CertificateStanding as CertificateStanding,
        CertificateUse as CertificateUse,
        IssuedCertificate as IssuedCertificate,
        RevocationReason as RevocationReason,
        certificate_standing as certificate_standing,
        certificates_of as certificates_of,
        certify as certify,
        hold_certificate as hold_certificate,
        release_certificate as release_certificate,
        revocation_list as revocation_list,
        revoke_certificate as revoke_certificate,
        supersede_others as supersede_others,
    )
    from jukihost.issuing.contents import (
        CardOrder as CardOrder,
        ContentsRefused as ContentsRefused,
        HolderItems as HolderItems,
    )
    from jukihost.issuing.errors import (
        AuthorityAway as AuthorityAway,
        AuthorityBroken as AuthorityBroken,
        AuthorityError as AuthorityError,
        AuthorityMissing as AuthorityMissing,
        AuthorityRefused as AuthorityRefused,
        CertificateUnknown as CertificateUnknown,
        CertificateWrong as CertificateWrong,
        IssueEnded as IssueEnded,
    )
    from jukihost.issuing.handover import (
        NewPins as NewPins,
        PinsDoNotFit as PinsDoNotFit,
        set_pins as set_pins,
    )
    from jukihost.issuing.lookup import (
        find_authority as find_authority,
        find_signer as find_signer,
        list_authorities as list_authorities,
        list_signers as list_signers,
    )
    from jukihost.issuing.making import (
        IssuingMeans as IssuingMeans,
        Personalised as Personalised,
        Step as Step,
    )
    from jukihost.issuing.operators import (
        OperatorOrder as OperatorOrder,
        personalise_operator as personalise_operator,
    )
    from jukihost.issuing.personalising import personalise as personalise
    from jukihost.issuing.records import RecordSigner as RecordSigner
    from jukihost.issuing.renewing import renew_certificates as renew_certificates
    from jukihost.issuing.sources import (
        CardSource as CardSource,
        Feeds as Feeds,
        FeedSource as FeedSource,
        ReaderSource as ReaderSource,
        ReturningSource as ReturningSource,
    )
    from jukihost.issuing.standing import (
        CardStanding as CardStanding,
        NotBlank as NotBlank,
        NotOurCard as NotOurCard,
        examine_card as examine_card,
        read_card_number as read_card_number,
    )
    from jukihost.issuing.terms import (
        JUKI_CARDS_UNTIL as JUKI_CARDS_UNTIL,
        JUKI_CERTIFICATES_UNTIL as JUKI_CERTIFICATES_UNTIL,
        CardKind as CardKind,
        card_last_day as card_last_day,
        certificate_last_day as certificate_last_day,
        check_card_issue as check_card_issue,
        check_certificate_issue as check_certificate_issue,
    )

_HOMES: Final = {
    "authority": "CertificateAuthority CertificateRequest CertificateStanding CertificateUse "
    "IssuedCertificate RevocationReason certificate_standing certificates_of certify "
    "hold_certificate release_certificate revocation_list revoke_certificate supersede_others",
    "contents": "CardOrder ContentsRefused HolderItems",
    "errors": "AuthorityAway AuthorityBroken AuthorityError AuthorityMissing AuthorityRefused "
    "CertificateUnknown CertificateWrong IssueEnded",
    "handover": "NewPins PinsDoNotFit set_pins",
    "lookup": "find_authority find_signer list_authorities list_signers",
    "making": "IssuingMeans Personalised Step",
    "operators": "OperatorOrder personalise_operator",
    "personalising": "personalise",
    "records": "RecordSigner",
    "renewing": "renew_certificates",
    "sources": "CardSource FeedSource Feeds ReaderSource ReturningSource",
    "standing": "CardStanding NotBlank NotOurCard examine_card read_card_number",
    "terms": "CardKind JUKI_CARDS_UNTIL JUKI_CERTIFICATES_UNTIL card_last_day "
    "certificate_last_day check_card_issue check_certificate_issue",
}
"""Where the names are at home, below this package."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.issuing' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"jukihost.issuing.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
