"""docs/attacks.md: attack 11, on certificates, over APDUs on the card and on the host.

The number in a test's name is that of the attack.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

from jukicard import Card, CardKeys, ProfileError, issue_card
from jukicard.apdu import CommandApdu, Tlv
from jukicard.transport.inprocess import LocalReader
from jukihost.authentication.eac import TerminalIdentity, establish
from jukihost.channel import build_channel
from jukihost.crypto.certificate_chain import verify_chain
from jukihost.crypto.curves import BRAINPOOL_P256R1
from jukihost.crypto.cvc import CvCertificate
from jukihost.crypto.signatures import CertificateError, ecdsa_signer
from jukihost.errors import AuthenticationRejected, CardNotAuthentic
from tests.support.cards.eac_desk import (
    ALL_RIGHTS,
    CHIP_KEY,
    CVCA,
    DV,
    DV_DRAFT,
    ROOT,
    ROOT_DRAFT,
    SYSTEM,
    SYSTEM_DRAFT,
    SYSTEM_KEY,
    EacTerminal,
    certificate,
    date_of,
    der,
    eac_desk,
    point,
)
from tests.support.cards.issuing import issue
from tests.support.cards.juki_desk import READ_CODE, READ_DATA, VERIFY
from tests.support.naive.cvc_writer import Draft, key
from tests.support.naive.terminal import JUKI

ORDER = 0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7
PRIME = 0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377
UPDATE_DATA = CommandApdu(0x00, 0xD6, 0x83, 0x3F, b"\xff")


# -- it works, and grants what the whole chain grants ----------------------------------------------


def test_11_a_system_with_a_certificate_gets_in() -> None:
    there = eac_desk()
    there.establish()
    assert there.terminal.protected(UPDATE_DATA).status == 0x9000
    assert there.terminal.protected(VERIFY).status == 0x9000
    assert there.terminal.protected(READ_CODE).status == 0x9000


HOST_CHAIN = tuple(CvCertificate.parse(certificate(d)) for d in (DV_DRAFT, SYSTEM_DRAFT))


def _establish(card: Card, identity: TerminalIdentity) -> int:
    """Let the host library in, with its own code; the status of what it reads then."""
    with LocalReader(card) as reader:
        channel = build_channel(reader)
        channel.transmit(CommandApdu(0x00, 0xA4, 0x04, 0x0C, JUKI))
        number = channel.transmit(CommandApdu(0x00, 0xCA, 0x00, 0x5A, ne=256)).data[2:]
        secure = establish(channel, identity, number, point(CHIP_KEY), BRAINPOOL_P256R1)
        return int(secure.transmit(READ_DATA).status)


def test_11_the_host_library_gets_in_and_checks_its_chain_first() -> None:
    root = CvCertificate.parse(certificate(ROOT_DRAFT))
    on = datetime.date(2026, 5, 1)
    assert verify_chain(root, HOST_CHAIN, on).certificate is HOST_CHAIN[-1]
    identity = TerminalIdentity(HOST_CHAIN, ecdsa_signer(SYSTEM_KEY))
    assert _establish(eac_desk().desk.card, identity) == 0x9000


def test_11_the_host_refuses_a_card_that_has_not_the_key() -> None:
    """A copy of the card with all that can be read of it answers, and cannot prove itself."""
    copy = issue_card(
        seed=1, keys=CardKeys(trust_anchors=[certificate(ROOT_DRAFT)], chip_key=der(key(99)))
    )
    with pytest.raises(CardNotAuthentic):
        _establish(copy, TerminalIdentity(HOST_CHAIN, ecdsa_signer(SYSTEM_KEY)))


def test_11_the_host_says_that_the_card_refused() -> None:
    with pytest.raises(AuthenticationRejected):
        _establish(eac_desk().desk.card, TerminalIdentity(HOST_CHAIN, ecdsa_signer(key(55))))


MASKS = {
    "all the way": (ALL_RIGHTS, 0b01000, True),
    "withheld by the authority": (ALL_RIGHTS & ~0b01000, 0b01000, False),
    "not asked for": (ALL_RIGHTS, 0b00001, False),
}


@pytest.mark.parametrize("name", MASKS)
def test_11_a_right_is_what_the_whole_chain_grants(name: str) -> None:
    """A role wider than the one above it is cut down to it."""
    above, own, granted = MASKS[name]
    there = eac_desk()
    drafts = DV_DRAFT.with_(mask=bytes((DV | above,))), SYSTEM_DRAFT.with_(mask=bytes((own,)))
    assert there.present(*drafts) == 0x9000
    assert there.set_terminal() == 0x9000
    assert there.external_authenticate(there.signature()) == 0x9000
    assert there.set_chip() == 0x9000
    assert there.general_authenticate() == 0x9000
    wanted = 0x9000 if granted else 0x6982
    assert there.terminal.protected(UPDATE_DATA).status == wanted


def test_11_a_card_without_anchor_lets_nobody_in() -> None:
    card = issue_card(seed=1, keys=CardKeys(chip_key=der(CHIP_KEY)))
    card.power_on()
    card.transmit(CommandApdu(0x00, 0xA4, 0x04, 0x0C, JUKI).encode())
    answer = card.transmit(CommandApdu(0x00, 0x22, 0x81, 0xB6, Tlv(0x83, ROOT).encode()).encode())
    assert answer == b"\x6a\x88"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"trust_anchors": [b"no certificate"]}, "trust anchor"),
        ({"trust_anchors": [certificate(DV_DRAFT)]}, "trust anchor"),
        ({"chip_key": b"no key"}, "private key"),
    ],
)
def test_11_what_is_no_anchor_or_key_is_not_personalised(
    given: dict[str, object], why: str
) -> None:
    with pytest.raises(ProfileError, match=why):
        issue(seed=1, **given)


# -- attack 11: certificates -----------------------------------------------------------------------


def _changed(at: int, bit: int = 1) -> Callable[[], bytes]:
    def make() -> bytes:
        raw = bytearray(SYSTEM_DRAFT.content())
        raw[at] ^= bit
        return bytes(raw)

    return make


def _present_system(there: EacTerminal, content: bytes) -> int:
    assert there.present(DV_DRAFT) == 0x9000
    assert there.set_issuer(SYSTEM_DRAFT.issuer) == 0x9000
    return there.verify_certificate(content)


def test_11_every_changed_byte_of_a_certificate_is_refused() -> None:
    there = eac_desk()
    size = len(SYSTEM_DRAFT.content())
    for at in range(size):
        there.terminal.select(JUKI)
        status = _present_system(there, _changed(at)())
        # malformed, another issuer's, another role's, or its signature is wrong
        assert status in (0x6300, 0x6A80, 0x6A88, 0x6985), f"byte {at}: {status:04X}"
        assert there.set_terminal() in (0x6985, 0x6A88), f"byte {at} imported a key"


REFUSED = {
    "the wrong authority's name": (SYSTEM_DRAFT.with_(issuer=ROOT), 0x6A88),
    "signed by another": (SYSTEM_DRAFT.with_(signer=key(77)), 0x6300),
    "a terminal that the root issued": (
        SYSTEM_DRAFT.with_(issuer=ROOT, signer=ROOT_DRAFT.key), 0x6A88,
    ),
    "an authority that an authority issued": (SYSTEM_DRAFT.with_(mask=bytes((DV,))), 0x6985),
    "a root that an authority issued": (
        SYSTEM_DRAFT.with_(mask=bytes((CVCA,)), parameters=True), 0x6985,
    ),
    "expired": (SYSTEM_DRAFT.with_(effective="250101", expires="250301"), 0x6985),
    "expires before it is effective": (
        SYSTEM_DRAFT.with_(effective="261001", expires="260901"), 0x6A80,
    ),
    "domain parameters of its own": (SYSTEM_DRAFT.with_(parameters=True), 0x6A80),
    "another profile": (SYSTEM_DRAFT.with_(profile=b"\x01"), 0x6A80),
    "an unknown object": (SYSTEM_DRAFT.with_(extra=[Tlv(0x5F4C, b"\0")]), 0x6A80),
    "a point off the curve": (SYSTEM_DRAFT.with_(point=b"\x04" + bytes(63) + b"\x01"), 0x6A80),
    "another algorithm than its authority": (
        SYSTEM_DRAFT.with_(algorithm=bytes.fromhex("04007F00070202020204")), 0x6A80,
    ),
    "an unknown algorithm": (SYSTEM_DRAFT.with_(algorithm=bytes.fromhex("04007F0001")), 0x6A80),
    "a day that is none": (SYSTEM_DRAFT.with_(effective="260231"), 0x6A80),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_11_a_certificate_that_must_not_be_accepted(name: str) -> None:
    draft, wanted = REFUSED[name]
    there = eac_desk()
    assert _present_system(there, draft.content()) == wanted
    assert there.set_terminal(draft.holder) in (0x6985, 0x6A88)


@pytest.mark.parametrize(
    "content",
    [
        SYSTEM_DRAFT.content() + b"\0",
        SYSTEM_DRAFT.content()[:-1],
        SYSTEM_DRAFT.content(SYSTEM_DRAFT.items()[:-1]),
        SYSTEM_DRAFT.content(SYSTEM_DRAFT.items()[::-1]),
        certificate(SYSTEM_DRAFT),
        b"\x7f\x4e\x00\x5f\x37\x00",
        b"\x00",
    ],
)
def test_11_trailing_missing_and_disordered_data(content: bytes) -> None:
    assert _present_system(eac_desk(), content) == 0x6A80


def test_11_a_root_without_domain_parameters_is_no_anchor() -> None:
    with pytest.raises(ProfileError, match="trust anchor"):
        issue_card(
            seed=1, keys=CardKeys(trust_anchors=[certificate(ROOT_DRAFT.with_(parameters=False))])
        )


def test_11_a_terminal_is_no_authority() -> None:
    """The key of a terminal's certificate signs another certificate."""
    there = eac_desk()
    assert there.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
    forged = SYSTEM_DRAFT.with_(issuer=SYSTEM, holder=b"JPFORGED0000001", signer=SYSTEM_KEY)
    assert there.present(forged) == 0x6985
    assert there.set_terminal(forged.holder) in (0x6985, 0x6A88)


def test_11_an_authority_is_no_terminal() -> None:
    there = eac_desk()
    assert there.present(DV_DRAFT) == 0x9000
    assert there.set_terminal(DV_DRAFT.holder) == 0x6985
    assert there.set_terminal(ROOT) in (0x6985, 0x6A88)


def test_11_certificates_of_another_type_of_terminal_open_nothing() -> None:
    other = bytes.fromhex("88370102")
    drafts = [draft.with_(terminal_type=other) for draft in (ROOT_DRAFT, DV_DRAFT, SYSTEM_DRAFT)]
    there = eac_desk(drafts[0])
    assert there.present(*drafts[1:]) == 0x9000
    assert there.set_terminal() == 0x9000
    assert there.external_authenticate(there.signature()) == 0x6985
    assert there.set_chip() == 0x6985


def test_11_the_cards_date_moves_with_accepted_certificates_only() -> None:
    """The card has no clock: what is effective later is not refused by it, but moves its date.

    A terminal knows the date and refuses its own chain (below).
    """
    there = eac_desk()
    assert _present_system(there, SYSTEM_DRAFT.with_(signer=key(3)).content()) == 0x6300
    before = date_of(there)
    later = SYSTEM_DRAFT.with_(effective="270101", expires="270331")
    there.terminal.select(JUKI)
    assert _present_system(there, later.content()) == 0x9000
    assert before < date_of(there) == datetime.date(2027, 1, 1)
    there.terminal.select(JUKI)
    assert _present_system(there, SYSTEM_DRAFT.with_(expires="261231").content()) == 0x6985


@pytest.mark.parametrize(
    ("on", "valid"),
    [((2026, 3, 31), False), ((2026, 4, 1), True), ((2027, 3, 31), True), ((2027, 4, 1), False)],
)
def test_11_the_terminal_refuses_what_is_not_yet_or_no_more_valid(
    on: tuple[int, int, int], valid: bool
) -> None:
    root, *chain = (
        CvCertificate.parse(certificate(draft)) for draft in (ROOT_DRAFT, DV_DRAFT, SYSTEM_DRAFT)
    )
    if valid:
        verify_chain(root, chain, datetime.date(*on))
    else:
        with pytest.raises(CertificateError, match="valid from"):
            verify_chain(root, chain, datetime.date(*on))


# -- order of the steps, and what is single use ----------------------------------------------------


def test_11_the_steps_cannot_be_left_out_or_swapped() -> None:
    there = eac_desk()
    assert there.general_authenticate() == 0x6985
    assert there.set_chip() == 0x6985
    assert there.set_terminal() == 0x6985
    assert there.external_authenticate(bytes(64)) == 0x6985
    assert there.verify_certificate(DV_DRAFT.content()) == 0x6985
    assert there.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
    there.terminal.get_challenge()
    assert there.external_authenticate(bytes(64)) == 0x6985, "no terminal was named"
    assert there.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
    assert there.set_terminal() == 0x9000
    assert there.external_authenticate(bytes(64)) == 0x6985, "no challenge was given"


def test_4_a_signature_counts_once_and_for_its_challenge() -> None:
    there = eac_desk()
    assert there.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
    assert there.set_terminal() == 0x9000
    signature = there.signature()
    there.terminal.get_challenge()
    assert there.external_authenticate(signature) == 0x6300
    assert there.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
    assert there.set_terminal() == 0x9000
    signature = there.signature()
    assert there.external_authenticate(signature) == 0x9000
    assert there.external_authenticate(signature) == 0x6985


def test_11_a_signature_for_another_card_is_none() -> None:
    there = eac_desk()
    assert there.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
    assert there.set_terminal() == 0x9000
    there.terminal.card_number = bytes(8)
    assert there.external_authenticate(there.signature()) == 0x6300


def test_11_a_proven_terminal_is_nothing_until_the_keys_are_agreed() -> None:
    there = eac_desk()
    there.prove_terminal()
    assert there.terminal.plain(UPDATE_DATA).status == 0x6982
    assert there.terminal.plain(READ_DATA).status == 0x6982


def _by_key(there: EacTerminal) -> None:
    there.terminal.authenticate(5)


def _spoilt_session(there: EacTerminal) -> None:
    there.desk.card.transmit(bytes.fromhex("0CCA005A0A8E080000000000000000"))
    there.desk.card.transmit(bytes.fromhex("0CCA005A0A8E08000000000000000000"))


def _left(there: EacTerminal) -> None:
    there.desk.card.transmit(bytes.fromhex("00A4040C07A0000001510000"))
    there.terminal.select(JUKI)


def _cut(there: EacTerminal) -> None:
    there.desk.card.power_on()
    there.terminal.select(JUKI)


FORGETS: dict[str, Callable[[EacTerminal], None]] = {
    "authentication by key": _by_key,
    "an error of secure messaging": _spoilt_session,
    "another application": _left,
    "power": _cut,
}


@pytest.mark.parametrize("name", FORGETS)
def test_11_a_proven_terminal_is_forgotten_with_everything_else(name: str) -> None:
    there = eac_desk()
    there.prove_terminal()
    FORGETS[name](there)
    assert there.set_chip() == 0x6985
    assert there.general_authenticate() == 0x6985


def test_11_a_suspended_card_lets_nobody_in_by_certificate() -> None:
    there = eac_desk()
    assert there.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
    assert there.set_terminal() == 0x9000
    card: Card = there.desk.card
    with card.environment.memory.transaction():
        card.environment.memory.partition("card").put("state", b"\x04")
    assert there.external_authenticate(there.signature()) == 0x6985
    assert there.set_chip() == 0x6985
    assert there.general_authenticate() == 0x6985


def test_the_drafts_are_what_they_are_called() -> None:
    """The anchor of these tests is a root, and each link has the authority it should."""
    drafts: list[Draft] = [ROOT_DRAFT, DV_DRAFT, SYSTEM_DRAFT]
    assert [draft.mask[0] & 0xC0 for draft in drafts] == [CVCA, DV, 0]
    assert [draft.issuer for draft in drafts] == [ROOT, ROOT, DV_DRAFT.holder]
