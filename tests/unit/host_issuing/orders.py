"""Orders of certificates for drawn holders, as a terminal makes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from jukicard.environment import SeededRandom
from jukicard.synthetic.people import draw_person
from jukicard.synthetic.person import Person
from jukicard.synthetic.pki.keys import pick_key, public_key_info
from jukihost.issuing import CardKind, CertificateRequest, CertificateUse, certificate_last_day

NOW = datetime(2026, 3, 3, 2, 30, tzinfo=UTC)
JUKI_NOW = datetime(2015, 4, 1, 2, 30, tzinfo=UTC)
NUMBER = bytes.fromhex("8139200000000001")


def order(
    seed: int = 1,
    use: CertificateUse = CertificateUse.SIGNATURE,
    card: CardKind = CardKind.MY_NUMBER,
    person: Person | None = None,
    bits: int = 2048,
) -> CertificateRequest:
    """An order for a drawn holder; an authentication certificate's names nobody."""
    now = JUKI_NOW if card is CardKind.JUKI else NOW
    whose = person or draw_person(SeededRandom(seed), issued=now.date())
    expires = now.date() + timedelta(days=3000)
    named = use is CertificateUse.SIGNATURE
    return CertificateRequest(
        use=use,
        card=card,
        public_key=public_key_info(pick_key(SeededRandom(seed), bits).public),
        card_number=seed.to_bytes(8, "big"),
        municipality=whose.municipality.code,
        issued=now,
        last_day=certificate_last_day(card, now.date(), expires, whose.birth),
        name=whose.name if named else "",
        address=whose.address if named else "",
        sex=int(whose.sex) if named else 9,
        birth=whose.birth if named else None,
        foreign=whose.is_foreign and named,
    )


def operators_order(key: bytes, day: date) -> CertificateRequest:
    """An order for an operator's key."""
    return CertificateRequest(
        use=CertificateUse.OPERATOR,
        card=CardKind.OPERATOR,
        public_key=key,
        card_number=NUMBER,
        municipality="13221",
        issued=NOW,
        last_day=day,
        name="OP000123",
    )
