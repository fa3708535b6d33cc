"""Terminal and chip authentication: published examples, the whole flow, and every refusal."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jukicard.apdu import CommandApdu, ResponseApdu, Tlv
from jukicard.authentication.chip import ChipAuthentication, authentication_token
from jukicard.authentication.terminal import TerminalAuthentication, WrongAlgorithm
from jukicard.crypto.asymmetric import EcPrivateKey
from jukicard.crypto.curves import BRAINPOOL_P256R1
from jukicard.crypto.cvc import (
    Certificate,
    CertificateError,
    CertificateExpired,
    Holder,
    MalformedCertificate,
    RoleNotAllowed,
    WrongIssuer,
    WrongSignature,
    trust_anchor,
)
from jukicard.crypto.kdf import digest
from jukicard.securemessaging.iso7816 import Iso7816Session
from jukicard.securemessaging.session import AuthenticationFailed, OutOfOrder
from jukicard.securemessaging.suites import SessionKeys, Suite
from tests.support.naive.cvc_writer import ECDSA_SHA256, Draft, key, sign
from tests.support.naive.sm_reader import NaiveReader, aes_mac, tlv
from tests.support.published.vectors import load

h = bytes.fromhex
BSI = load("securemessaging/bsi_eac2_worked_example")["steps"]
BSI_TA, BSI_CA = BSI["terminal_authentication"], BSI["chip_authentication"]
CHAINS = load("crypto/cvc_chains")
RSA_TA = CHAINS["rsa_terminal_authentication"]

TODAY = datetime.date(2026, 4, 1)
ROOT = Draft(b"JPTESTCA00001", b"JPTESTCA00001", key(1), key(1), b"\xff\xff", parameters=True)
DV = Draft(b"JPTESTCA00001", b"JPTESTDV00001", key(2), key(1), b"\xbf\xf0", "260501")
TERMINAL = Draft(b"JPTESTDV00001", b"JPTESTTM00001", key(3), key(2), b"\x3f\x3f", "260601")
LINK = Draft(b"JPTESTCA00001", b"JPTESTCA00002", key(4), key(1), b"\xff\xff", parameters=True)
EPHEMERAL = key(5)
CARD_ID, CHALLENGE = b"\x81\x39\x20\0\0\0\1\x23", b"\x46\x08\xf9\x19\x88\x70\x22\x12"
CHIP_OID = h("04007F00070202030202")
STATIC = bytes(range(1, 33))


def point_of(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


COMPRESSED = point_of(EPHEMERAL)[1:33]


def gives(value: bytes) -> Callable[[int], bytes]:
    def random_bytes(size: int) -> bytes:
        assert size == len(value)
        return value

    return random_bytes


def never(_: int) -> bytes:
    raise AssertionError("randomness was drawn")


def anchor() -> Holder:
    return trust_anchor(Certificate.parse_content(ROOT.content()))


def attempt() -> TerminalAuthentication:
    return TerminalAuthentication([anchor()], TODAY)


def with_chain(*drafts: Draft) -> TerminalAuthentication:
    authentication = attempt()
    for draft in drafts:
        authentication.select_issuer(draft.issuer)
        authentication.verify_certificate(draft.content())
    return authentication


def ready() -> TerminalAuthentication:
    authentication = with_chain(DV, TERMINAL)
    authentication.select_terminal(TERMINAL.holder, ECDSA_SHA256, COMPRESSED)
    return authentication


# -- published examples --------------------------------------------------------------------------


def test_bsi_terminal_authentication() -> None:
    root = trust_anchor(Certificate.parse(h(BSI_TA["cvca_certificate"])))
    authentication = TerminalAuthentication([root], root.effective)
    for name in ("dv_certificate", "terminal_certificate"):
        certificate = Certificate.parse(h(BSI_TA[name]))
        authentication.select_issuer(certificate.issuer)
        authentication.verify_certificate(certificate.content)
    ephemeral = h(BSI_CA["terminal_public"])[1:33]
    authentication.select_terminal(b"DETESTATDE019", h(BSI_TA["oid_value"]), ephemeral)
    terminal = authentication.authenticate(
        h(BSI_TA["signature"]),
        h(BSI["pace"]["eph_chip_public"])[1:33],
        h(BSI_TA["nonce_r_picc"]),
    )
    assert terminal.reference == b"DETESTATDE019"
    assert terminal.ephemeral == ephemeral
    # the example's authority is for another type of terminal: no right is left
    assert not any(terminal.authorization.grants(bit) for bit in range(40))


def test_bsi_commands_are_what_the_engine_takes() -> None:
    """The plain commands of the example, taken apart, carry the same values."""
    exchanges = {
        x["name"]: CommandApdu.parse(h(x["capdu_plain"]))
        for x in BSI["secure_messaging"]["exchanges"]
    }
    root = trust_anchor(Certificate.parse(h(BSI_TA["cvca_certificate"])))
    authentication = TerminalAuthentication([root], root.effective)
    for level in ("CVCA", "DV"):
        reference = Tlv.parse(exchanges[f"MSE:SET DST ({level})"].data).value
        authentication.select_issuer(reference)
        subject = {"CVCA": "DV", "DV": "AT"}[level]
        authentication.verify_certificate(exchanges[f"PSO:VERIFY CERTIFICATE ({subject})"].data)
    oid, name, ephemeral = Tlv.parse_all(exchanges["MSE:SET AT (TA)"].data)
    # the example names the algorithm's protocol of its certificate
    certificate = Certificate.parse(h(BSI_TA["terminal_certificate"]))
    assert oid.value == certificate.key.algorithm
    authentication.select_terminal(name.value, oid.value, ephemeral.value)
    authentication.authenticate(
        h(BSI_TA["signature"]),
        h(BSI["pace"]["eph_chip_public"])[1:33],
        h(BSI_TA["nonce_r_picc"]),
    )


def test_rsa_terminal_authentication() -> None:
    chain = next(case for case in CHAINS["cases"] if "RSA" in case["name"])
    root = trust_anchor(Certificate.parse(h(chain["trust_anchor"])))
    authentication = TerminalAuthentication([root], root.effective)
    certificate = Certificate.parse(h(chain["trust_anchor"]))
    for raw in chain["certificates"]:
        certificate = Certificate.parse(h(raw))
        authentication.select_issuer(certificate.issuer)
        authentication.verify_certificate(certificate.content)
    # with finite field Diffie-Hellman a key is compressed by SHA-1
    identifier = digest("sha1", h(RSA_TA["pace_eph_chip_public"]))
    ephemeral = digest("sha1", h(RSA_TA["ca_terminal_public"]))
    authentication.select_terminal(certificate.holder, certificate.key.algorithm, ephemeral)
    signature = h(RSA_TA["signature"])
    authentication.authenticate(signature, identifier, h(RSA_TA["nonce_r_picc"]))
    authentication.select_terminal(certificate.holder, certificate.key.algorithm, ephemeral)
    with pytest.raises(AuthenticationFailed):
        authentication.authenticate(signature, identifier, bytes(8))


def test_bsi_chip_authentication() -> None:
    chip = ChipAuthentication(
        EcPrivateKey(BRAINPOOL_P256R1, h(BSI_CA["chip_private"])), h(BSI_CA["oid_value"])
    )
    point = h(BSI_CA["terminal_public"])
    answer = chip.answer(point, point[1:33], gives(h(BSI_CA["nonce_r"])))
    assert answer.token == h(BSI_CA["t_picc"])
    assert answer.keys.enc.value == h(BSI_CA["k_enc"])
    assert answer.keys.mac.value == h(BSI_CA["k_mac"])
    assert answer.keys.ssc == bytes(16)
    assert answer.encode() == h("7C148108" + BSI_CA["nonce_r"] + "8208" + BSI_CA["t_picc"])
    assert repr(chip) == "<ChipAuthentication brainpoolP256r1 AES128>"
    assert BSI_CA["t_picc"] not in repr(answer.keys)


def test_bsi_chip_key() -> None:
    chip = EcPrivateKey(BRAINPOOL_P256R1, h(BSI_CA["chip_private"]))
    assert chip.public.point == h(BSI_CA["chip_public"])
    assert chip.agree(h(BSI_CA["terminal_public"])) == h(BSI_CA["shared_k"])


# -- the whole flow ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "suite", "size", "hash_name"),
    [
        ("02", Suite.AES128, 16, "sha1"),
        ("03", Suite.AES192, 24, "sha256"),
        ("04", Suite.AES256, 32, "sha256"),
    ],
)
def test_from_certificates_to_a_protected_read(
    last: str, suite: Suite, size: int, hash_name: str
) -> None:
    oid = CHIP_OID[:-1] + h(last)
    signature = sign(TERMINAL.key, CARD_ID + CHALLENGE + COMPRESSED)
    terminal = ready().authenticate(signature, CARD_ID, CHALLENGE)
    assert terminal.authorization.mask == b"\x3f\x30"
    chip = ChipAuthentication(EcPrivateKey(BRAINPOOL_P256R1, STATIC), oid)
    answer = chip.answer(point_of(EPHEMERAL), terminal.ephemeral, gives(bytes(8)))
    assert answer.keys.suite is suite
    # the terminal's part, with the library alone
    public = ec.derive_private_key(int.from_bytes(STATIC, "big"), ec.BrainpoolP256R1()).public_key()
    secret = EPHEMERAL.exchange(ec.ECDH(), public) + bytes(8)

    enc, mac = (
        hashlib.new(hash_name, secret + bytes((0, 0, 0, i))).digest()[:size] for i in (1, 2)
    )
    key_object = b"\x7f\x49\x4f" + tlv(0x06, oid) + tlv(0x86, point_of(EPHEMERAL))
    assert answer.token == aes_mac(mac, key_object)
    reader, session = NaiveReader(enc, mac, 0), Iso7816Session.start(answer.keys)
    read = CommandApdu(0, 0xB0, 0, 0, ne=16)
    assert session.unprotect(reader.protect(read)) == read
    assert reader.unprotect(session.protect(ResponseApdu(b"content"))).data == b"content"


def test_a_link_certificate_renews_the_trust_anchor() -> None:
    authentication = with_chain(LINK)
    (renewed,) = authentication.renewed
    assert renewed.reference == LINK.holder
    dv = DV.with_(issuer=LINK.holder, signer=LINK.key)
    authentication.select_issuer(LINK.holder)
    authentication.verify_certificate(dv.content())
    later = TerminalAuthentication([renewed], authentication.today)
    later.select_issuer(LINK.holder)
    assert later.verify_certificate(dv.content()).reference == DV.holder


def test_the_date_follows_the_certificates() -> None:
    authentication = with_chain(DV, TERMINAL)
    assert authentication.today == datetime.date(2026, 6, 1)
    authentication.select_issuer(ROOT.holder)
    with pytest.raises(CertificateExpired):
        authentication.verify_certificate(DV.with_(expires="260531").content())
    assert authentication.today == datetime.date(2026, 6, 1)


def test_the_future_is_refused_with_a_clock() -> None:
    authentication = TerminalAuthentication([anchor()], TODAY, latest=TODAY)
    authentication.select_issuer(ROOT.holder)
    with pytest.raises(CertificateExpired):
        authentication.verify_certificate(DV.content())
    assert authentication.today == TODAY


# -- refusals ------------------------------------------------------------------------------------


def test_every_flipped_bit_of_a_signature() -> None:
    good = sign(TERMINAL.key, CARD_ID + CHALLENGE + COMPRESSED)
    authentication = with_chain(DV, TERMINAL)
    for bit in range(0, 8 * len(good), 3):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        authentication.select_terminal(TERMINAL.holder, ECDSA_SHA256, COMPRESSED)
        with pytest.raises(AuthenticationFailed) as failed:
            authentication.authenticate(bytes(bad), CARD_ID, CHALLENGE)
        assert failed.value.args == ()


@pytest.mark.parametrize("part", ["card", "challenge", "ephemeral", "auxiliary", "signer"])
def test_everything_is_signed(part: str) -> None:
    ephemeral = point_of(key(6))[1:33] if part == "ephemeral" else COMPRESSED
    message = CARD_ID + CHALLENGE + ephemeral + (b"\1" if part == "auxiliary" else b"")
    signature = sign(key(7) if part == "signer" else TERMINAL.key, message)
    card_id = bytes(8) if part == "card" else CARD_ID
    challenge = bytes(8) if part == "challenge" else CHALLENGE
    with pytest.raises(AuthenticationFailed):
        ready().authenticate(signature, card_id, challenge)


def test_one_selection_one_signature() -> None:
    authentication = ready()
    good = sign(TERMINAL.key, CARD_ID + CHALLENGE + COMPRESSED)
    with pytest.raises(AuthenticationFailed):
        authentication.authenticate(bytes(64), CARD_ID, CHALLENGE)
    with pytest.raises(OutOfOrder):
        authentication.authenticate(good, CARD_ID, CHALLENGE)
    authentication = ready()
    authentication.authenticate(good, CARD_ID, CHALLENGE)
    with pytest.raises(OutOfOrder):
        authentication.authenticate(good, CARD_ID, CHALLENGE)


def test_order_of_commands() -> None:
    with pytest.raises(OutOfOrder):
        attempt().verify_certificate(DV.content())
    with pytest.raises(OutOfOrder):
        attempt().authenticate(bytes(64), CARD_ID, CHALLENGE)
    authentication = with_chain(DV)
    with pytest.raises(OutOfOrder):  # each certificate needs its key named
        authentication.verify_certificate(TERMINAL.content())
    authentication.select_issuer(DV.holder)
    with pytest.raises(MalformedCertificate):
        authentication.verify_certificate(b"")
    with pytest.raises(OutOfOrder):  # a failure takes the selection with it
        authentication.verify_certificate(TERMINAL.content())


def test_unknown_names() -> None:
    authentication = ready()
    with pytest.raises(WrongIssuer):
        authentication.select_issuer(b"JPTESTCA00009")
    with pytest.raises(OutOfOrder):
        authentication.verify_certificate(DV.content())
    with pytest.raises(WrongIssuer):
        authentication.select_terminal(b"JPTESTTM00009", ECDSA_SHA256, COMPRESSED)
    with pytest.raises(OutOfOrder):  # the terminal selected before is gone
        authentication.authenticate(bytes(64), CARD_ID, CHALLENGE)


def test_only_terminals_authenticate_themselves() -> None:
    authentication = with_chain(DV)
    for reference in (ROOT.holder, DV.holder):
        with pytest.raises(RoleNotAllowed):
            authentication.select_terminal(reference, ECDSA_SHA256, COMPRESSED)


def test_a_terminal_is_no_authority() -> None:
    authentication = with_chain(DV, TERMINAL)
    authentication.select_issuer(TERMINAL.holder)
    below = TERMINAL.with_(issuer=TERMINAL.holder, holder=b"JPTESTTM00002", signer=TERMINAL.key)
    with pytest.raises(RoleNotAllowed):
        authentication.verify_certificate(below.content())


def test_the_algorithm_is_the_certificates() -> None:
    authentication = with_chain(DV, TERMINAL)
    for other in (h("04007F00070202020205"), h("04007F00070202020102"), b""):
        with pytest.raises(WrongAlgorithm):
            authentication.select_terminal(TERMINAL.holder, other, COMPRESSED)


def test_only_the_last_imported_key_can_be_used() -> None:
    authentication = with_chain(DV, TERMINAL)
    with pytest.raises(WrongIssuer):
        authentication.select_issuer(DV.holder)
    other = DV.with_(holder=b"JPTESTDV00002")
    authentication.select_issuer(ROOT.holder)
    authentication.verify_certificate(other.content())
    with pytest.raises(WrongIssuer):
        authentication.select_terminal(TERMINAL.holder, ECDSA_SHA256, COMPRESSED)


def test_a_trust_anchor_is_not_overwritten() -> None:
    for draft in (
        DV.with_(holder=ROOT.holder),
        LINK.with_(holder=ROOT.holder),
    ):
        authentication = attempt()
        authentication.select_issuer(ROOT.holder)
        with pytest.raises(WrongIssuer):
            authentication.verify_certificate(draft.content())
        authentication.select_issuer(ROOT.holder)
        authentication.verify_certificate(DV.content())


def test_a_refused_certificate_changes_nothing() -> None:
    authentication = attempt()
    authentication.select_issuer(ROOT.holder)
    with pytest.raises(WrongSignature):
        authentication.verify_certificate(LINK.with_(signer=key(9)).content())
    assert (authentication.today, authentication.renewed) == (TODAY, [])
    with pytest.raises(WrongIssuer):
        authentication.select_issuer(LINK.holder)


def test_every_certificate_error_has_its_status() -> None:
    expected = {
        "MalformedCertificate": 0x6A80,
        "WrongAlgorithm": 0x6A80,
        "WrongIssuer": 0x6A88,
        "WrongSignature": 0x6300,
        "CertificateExpired": 0x6985,
        "RoleNotAllowed": 0x6985,
    }
    assert {kind.__name__: kind.status for kind in CertificateError.__subclasses__()} == expected


# -- chip authentication -------------------------------------------------------------------------


def test_chip_refuses_another_key_than_the_proven_one() -> None:
    chip = ChipAuthentication(EcPrivateKey(BRAINPOOL_P256R1, STATIC), CHIP_OID)
    other = point_of(key(6))
    for point, proven in ((other, COMPRESSED), (point_of(EPHEMERAL), b""), (other, other[33:])):
        with pytest.raises(AuthenticationFailed):
            chip.answer(point, proven, never)


def test_chip_refuses_what_is_no_point() -> None:
    chip = ChipAuthentication(EcPrivateKey(BRAINPOOL_P256R1, STATIC), CHIP_OID)
    good = point_of(EPHEMERAL)
    for bad in (
        b"",
        b"\0",
        bytes(65),
        good[:-1],
        good + b"\0",
        good[:-1] + bytes((good[-1] ^ 1,)),
        b"\2" + good[1:33],
        b"\6" + good[1:],
    ):
        with pytest.raises(AuthenticationFailed):
            chip.answer(bad, COMPRESSED, never)


def test_chip_protocols() -> None:
    key_ = EcPrivateKey(BRAINPOOL_P256R1, STATIC)
    for oid in (h("04007F00070202030201"), h("04007F00070202040202"), b""):
        with pytest.raises(KeyError):
            ChipAuthentication(key_, oid)


def test_two_answers_differ_by_the_nonce() -> None:
    chip = ChipAuthentication(EcPrivateKey(BRAINPOOL_P256R1, STATIC), CHIP_OID)
    first, second = (
        chip.answer(point_of(EPHEMERAL), COMPRESSED, gives(bytes((i,)) * 8)) for i in (1, 2)
    )
    assert first.token != second.token
    assert first.keys.enc.value != second.keys.enc.value


def test_token_input_is_the_published_one() -> None:
    pace = load("securemessaging/icao9303_pace_ecdh_gm_aes128")["steps"]
    keys = SessionKeys.derive(Suite.AES128, h(pace["shared_k"]))
    for side, point in (("ifd", "eph_chip_public"), ("ic", "eph_terminal_public")):
        token = authentication_token(keys, h(pace["oid_value"]), h(pace[point]))
        assert token == h(pace[f"t_{side}"])
        assert aes_mac(keys.mac.value, h(pace[f"token_input_{side}"])) == token
