"""Terminal and chip authentication: the BSI's worked example, and cards that lie."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from hashlib import sha1, sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord, Tlv
from jukihost.authentication.eac import (
    CA_ECDH_AES128,
    CA_ECDH_AES192,
    CA_ECDH_AES256,
    ChipAuthentication,
    EphemeralKey,
    TerminalIdentity,
    authenticate_chip,
    authenticate_terminal,
    authentication_token,
    establish,
)
from jukihost.crypto.certificate_chain import verify_chain
from jukihost.crypto.curves import BRAINPOOL_P256R1, P256, PointError
from jukihost.crypto.cvc import Authorization, CvCertificate, issue_certificate
from jukihost.crypto.primitives import derive_key
from jukihost.crypto.signatures import (
    CertificateError,
    ecdsa_signer,
    verify_signature,
)
from jukihost.errors import (
    AuthenticationRejected,
    CardNotAuthentic,
    ProtocolError,
    ReferenceNotFound,
    StatusError,
)
from jukihost.securemessaging import Iso7816Session, SecureChannel
from tests.support.naive import curve as naive_curve
from tests.support.published.vectors import load
from tests.unit.host_securemessaging.reference_card import CardCipher, CardSession

STEPS = load("securemessaging/bsi_eac2_worked_example")["steps"]
CA, TA, PACE, SM = (
    STEPS[name]
    for name in ("chip_authentication", "terminal_authentication", "pace", "secure_messaging")
)
READ = CommandApdu(0x00, 0xB0, 0x00, 0x00, ne=256)


def _raw(text: str) -> bytes:
    return bytes.fromhex(text)


def _scalar_source(scalar: int) -> Callable[[int], bytes]:
    """Randomness that makes `Curve.random_scalar` draw this scalar."""
    return lambda size: (scalar - 1).to_bytes(size, "big")


def _vector_key() -> EphemeralKey:
    key = EphemeralKey(BRAINPOOL_P256R1, _scalar_source(int(CA["terminal_private"], 16)))
    assert key.public == _raw(CA["terminal_public"])
    return key


def test_bsi_chip_authentication() -> None:
    run = ChipAuthentication(_raw(CA["chip_public"]), _vector_key(), _raw(CA["oid_value"]))
    session = run.finish(_raw(CA["nonce_r"]), _raw(CA["t_picc"]))
    expected = Iso7816Session.aes(_raw(CA["k_enc"]), _raw(CA["k_mac"]))
    assert session.protect(READ) == expected.protect(READ)


def test_bsi_chip_authentication_step_by_step() -> None:
    secret = _vector_key().agree(BRAINPOOL_P256R1.decode(_raw(CA["chip_public"])))
    assert secret == _raw(CA["shared_k"])
    k_enc, k_mac = (derive_key(secret + _raw(CA["nonce_r"]), counter, 16) for counter in (1, 2))
    assert (k_enc, k_mac) == (_raw(CA["k_enc"]), _raw(CA["k_mac"]))
    token = authentication_token(k_mac, _raw(CA["oid_value"]), _raw(CA["terminal_public"]))
    assert token == _raw(CA["t_picc"])


def test_a_wrong_chip_token_is_refused_in_every_bit() -> None:
    for at in range(64):
        changed = (int(CA["t_picc"], 16) ^ 1 << at).to_bytes(8, "big")
        run = ChipAuthentication(_raw(CA["chip_public"]), _vector_key())
        with pytest.raises(CardNotAuthentic):
            run.finish(_raw(CA["nonce_r"]), changed)
    run = ChipAuthentication(_raw(CA["chip_public"]), _vector_key())
    for nonce, token in (
        (CA["nonce_r"], ""),
        (CA["nonce_r"], CA["t_picc"][:-2]),
        (CA["nonce_r"], CA["t_picc"] + "00"),
        ("", CA["t_picc"]),
        (CA["nonce_r"][:-2], CA["t_picc"]),
        (CA["t_picc"], CA["nonce_r"]),
    ):
        with pytest.raises(CardNotAuthentic):
            run.finish(_raw(nonce), _raw(token))


class _Script:
    """A channel that insists on these commands, and gives these answers."""

    def __init__(self, exchanges: list[tuple[bytes, bytes]]) -> None:
        self.exchanges = exchanges

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        sent, answer = self.exchanges.pop(0)
        assert command.encode().hex() == sent.hex()
        return ResponseApdu.parse(answer)


def test_bsi_terminal_authentication_inside_pace_secure_messaging() -> None:
    """All published commands of the example, byte for byte, and then the signature."""
    script = _Script(
        [
            (_raw(exchange["capdu_protected"]), _raw(exchange["rapdu_protected"]))
            for exchange in SM["exchanges"]
        ]
    )
    channel = SecureChannel(script, Iso7816Session.aes(_raw(SM["k_enc"]), _raw(SM["k_mac"])))
    chain = tuple(CvCertificate.parse(_raw(TA[f"{who}_certificate"])) for who in ("dv", "terminal"))
    signed: list[bytes] = []

    class _Signed(Exception):
        pass

    def sign(message: bytes) -> bytes:
        signed.append(message)
        raise _Signed

    with pytest.raises(_Signed):
        authenticate_terminal(
            channel,
            TerminalIdentity(chain, sign),
            _raw(PACE["eph_chip_public"])[1:33],
            _vector_key(),
        )
    assert script.exchanges == []
    root = CvCertificate.parse(_raw(TA["cvca_certificate"]))
    key = chain[-1].key.resolve(root.key.curve)
    verify_signature(chain[-1].key.oid, key, signed[0], _raw(TA["signature"]))


# -- a card of the test's own, for whole runs ------------------------------------------------------

ARC = bytes.fromhex("883701")
CARD_NUMBER = bytes.fromhex("8139200000000123")
_FROM, _TO = date(2026, 1, 1), date(2026, 12, 31)
_ROOT, _DV, _TERMINAL = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))


def _issue(issuer: Any, authority: bytes, holder: bytes, key: Any, mask: bytes) -> CvCertificate:
    return issue_certificate(
        authority=authority,
        holder=holder,
        key=key.public_key(),
        authorization=Authorization(ARC, mask),
        effective=_FROM,
        expiration=_TO,
        sign=ecdsa_signer(issuer),
    )


ANCHOR = _issue(_ROOT, b"JPTEST00001", b"JPTEST00001", _ROOT, b"\xc0\xff")
CHAIN = (
    _issue(_ROOT, b"JPTEST00001", b"JPTESTDV00001", _DV, b"\x80\xff"),
    _issue(_DV, b"JPTESTDV00001", b"JPTESTTERM00001", _TERMINAL, b"\x00\x0f"),
)
IDENTITY = TerminalIdentity(CHAIN, ecdsa_signer(_TERMINAL))
KEY_BYTES = {CA_ECDH_AES128: 16, CA_ECDH_AES192: 24, CA_ECDH_AES256: 32}


class EacCard:
    """Checks certificates, then the terminal's signature, then proves its own key."""

    def __init__(self, private: int = 0x1234567, oid: bytes = CA_ECDH_AES128) -> None:
        self.private = private
        self.oid = oid
        self.public = _point(naive_curve.multiply(P256.p, P256.a, private, P256.base))
        self.seen: list[CommandApdu] = []
        self.shown: list[bytes] = []
        self.reference = b""
        self.compressed = b""
        self.authenticated = False
        self.session: CardSession | None = None
        self.next_session: CardSession | None = None

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        self.seen.append(command)
        if not command.cla.secure:
            return self.answer(command)
        assert self.session is not None
        answer = self.session.wrap(
            self.answer(self.session.unwrap(command)), odd=bool(command.ins % 2)
        )
        self.session = self.next_session or self.session
        return answer

    def answer(self, command: CommandApdu) -> ResponseApdu:
        step: dict[tuple[int, int, int], Callable[[bytes], ResponseApdu]] = {
            (0x22, 0x81, 0xB6): self._set_authority,
            (0x2A, 0x00, 0xBE): self._verify_certificate,
            (0x22, 0x81, 0xA4): self._set_terminal,
            (0x84, 0x00, 0x00): lambda _data: ResponseApdu(b"noncenon"),
            (0x82, 0x00, 0x00): self._external_authenticate,
            (0x22, 0x41, 0xA4): self._set_chip,
            (0x86, 0x00, 0x00): self._general_authenticate,
            (0xB0, 0x00, 0x00): lambda _data: ResponseApdu(b"file"),
        }
        return step[command.ins, command.p1, command.p2](command.data)

    def _set_authority(self, data: bytes) -> ResponseApdu:
        tlv = Tlv.parse(data)
        assert tlv.tag == 0x83
        known = {b"JPTEST00001", *(CvCertificate.parse(raw).holder for raw in self.shown)}
        if tlv.value not in known:
            return ResponseApdu(b"", StatusWord.REFERENCED_DATA_NOT_FOUND)
        self.reference = tlv.value
        return ResponseApdu()

    def _verify_certificate(self, data: bytes) -> ResponseApdu:
        self.shown.append(Tlv(0x7F21, data).encode())
        assert CvCertificate.parse(self.shown[-1]).authority == self.reference
        return ResponseApdu()

    def _set_terminal(self, data: bytes) -> ResponseApdu:
        mechanism, holder, key = Tlv.parse_all(data)
        assert (mechanism.tag, holder.tag, key.tag) == (0x80, 0x83, 0x91)
        assert mechanism.value.hex().upper() == "04007F00070202020203"
        assert holder.value == b"JPTESTTERM00001"
        self.compressed = key.value
        return ResponseApdu()

    def _external_authenticate(self, data: bytes) -> ResponseApdu:
        chain = [CvCertificate.parse(raw) for raw in self.shown]
        verified = verify_chain(ANCHOR, chain, _FROM)
        message = CARD_NUMBER + b"noncenon" + self.compressed
        try:
            verify_signature(chain[-1].key.oid, verified.key, message, data)
        except CertificateError:
            return ResponseApdu(b"", StatusWord.AUTHENTICATION_FAILED)
        self.authenticated = True
        return ResponseApdu()

    def _set_chip(self, data: bytes) -> ResponseApdu:
        objects = Tlv.parse_all(data)
        assert objects[0] == Tlv(0x80, self.oid)
        assert objects[1:] in ([], [Tlv(0x84, b"\x05")])
        return ResponseApdu()

    def _general_authenticate(self, data: bytes) -> ResponseApdu:
        public = Tlv.parse(data).children[0].value
        assert public[1:33] == self.compressed or not self.authenticated
        point = (int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big"))
        shared = naive_curve.multiply(P256.p, P256.a, self.private, point)
        assert shared is not None
        secret = shared[0].to_bytes(32, "big") + b"2 nonce2"
        size = KEY_BYTES[self.oid]
        digest = sha1 if size == 16 else sha256
        keys = [digest(secret + counter).digest()[:size] for counter in (b"\0\0\0\1", b"\0\0\0\2")]
        cipher = CardCipher("AES", *keys)
        token = cipher.mac(bytes.fromhex("7F494F060A") + self.oid + b"\x86\x41" + public)
        self.next_session = CardSession(cipher)
        if self.session is None:
            self.session = self.next_session
        return ResponseApdu(self.dynamic_data(token))

    def dynamic_data(self, token: bytes) -> bytes:
        return b"\x7c\x14\x81\x08" + b"2 nonce2" + b"\x82\x08" + token


def _point(point: naive_curve.Affine) -> bytes:
    assert point is not None
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


@pytest.mark.parametrize("oid", list(KEY_BYTES), ids=["AES-128", "AES-192", "AES-256"])
def test_a_whole_run(oid: bytes) -> None:
    card = EacCard(oid=oid)
    channel = establish(card, IDENTITY, CARD_NUMBER, card.public, P256, oid=oid)
    assert card.authenticated
    assert channel.transmit(READ).data == b"file"
    assert [(command.ins, command.p1, command.p2) for command in card.seen] == [
        (0x22, 0x81, 0xB6),
        (0x2A, 0x00, 0xBE),
        (0x22, 0x81, 0xB6),
        (0x2A, 0x00, 0xBE),
        (0x22, 0x81, 0xA4),
        (0x84, 0, 0),
        (0x82, 0, 0),
        (0x22, 0x41, 0xA4),
        (0x86, 0, 0),
        (0xB0, 0, 0),
    ]
    assert card.seen[6].encode()[:5].hex() == "0082000040"
    general = card.seen[8].encode()
    assert general[:10].hex().upper() == "00860000457C43804104"
    assert general[-1] == 0
    assert card.seen[9].cla.value == 0x0C


def test_a_run_inside_a_secure_channel_goes_on_under_the_new_keys() -> None:
    card = EacCard()
    card.session = CardSession(CardCipher("AES", bytes(16), bytes(16)))
    old = Iso7816Session.aes(bytes(16), bytes(16))
    channel = SecureChannel(card, old)
    assert establish(channel, IDENTITY, CARD_NUMBER, card.public, P256) is channel
    assert not old.alive
    assert channel.session is not old
    assert channel.transmit(READ).data == b"file"
    assert all(command.cla.value == 0x0C for command in card.seen)


def test_the_cards_key_may_be_named() -> None:
    card = EacCard()
    channel = authenticate_chip(card, card.public, EphemeralKey(P256), key_reference=5)
    assert channel.transmit(READ).data == b"file"
    assert card.seen[0].data == bytes.fromhex("800A04007F00070202030202840105")


def test_a_copied_card_is_refused() -> None:
    """It shows the public key of another card, whose private key it has not."""
    with pytest.raises(CardNotAuthentic):
        establish(EacCard(0x999), IDENTITY, CARD_NUMBER, EacCard().public, P256)


def test_a_terminal_that_signs_for_another_card_is_rejected() -> None:
    card = EacCard()
    with pytest.raises(AuthenticationRejected):
        establish(card, IDENTITY, CARD_NUMBER[::-1], card.public, P256)
    assert not card.authenticated


def test_a_terminal_without_the_certified_key_is_rejected() -> None:
    card = EacCard()
    with pytest.raises(AuthenticationRejected):
        establish(card, TerminalIdentity(CHAIN, ecdsa_signer(_DV)), CARD_NUMBER, card.public, P256)


def test_a_chain_of_an_unknown_root_is_a_status_error() -> None:
    foreign = TerminalIdentity(CHAIN[1:], ecdsa_signer(_TERMINAL))
    card = EacCard()
    with pytest.raises(ReferenceNotFound):
        establish(card, foreign, CARD_NUMBER, card.public, P256)


@pytest.mark.parametrize("chain", [(), CHAIN[:1], CHAIN[::-1]], ids=["empty", "authority", "order"])
def test_an_identity_ends_in_a_terminal(chain: tuple[CvCertificate, ...]) -> None:
    with pytest.raises(CertificateError, match="terminal"):
        TerminalIdentity(chain, ecdsa_signer(_TERMINAL))


DYNAMIC_DATA: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _token: b"",
    "no template": lambda token: b"\x81\x082 nonce2\x82\x08" + token,
    "another template": lambda token: b"\x7d\x14\x81\x082 nonce2\x82\x08" + token,
    "primitive template": lambda _token: b"\x5c\x01\x00",
    "empty template": lambda _token: b"\x7c\x00",
    "no token": lambda _token: b"\x7c\x0a\x81\x082 nonce2",
    "no nonce": lambda token: b"\x7c\x0a\x82\x08" + token,
    "order": lambda token: b"\x7c\x14\x82\x08" + token + b"\x81\x082 nonce2",
    "more": lambda token: b"\x7c\x16\x81\x082 nonce2\x82\x08" + token + b"\x83\x00",
    "twice": lambda token: b"\x7c\x1e\x81\x082 nonce2\x82\x08" + token + b"\x82\x08" + token,
    "trailing": lambda token: b"\x7c\x14\x81\x082 nonce2\x82\x08" + token + b"\0",
    "cut short": lambda token: b"\x7c\x14\x81\x082 nonce2\x82\x08" + token[:-1],
}


@pytest.mark.parametrize("fault", DYNAMIC_DATA)
def test_malformed_authentication_data_are_refused(fault: str) -> None:
    class _Odd(EacCard):
        def dynamic_data(self, token: bytes) -> bytes:
            return DYNAMIC_DATA[fault](token)

    card = _Odd()
    with pytest.raises(ProtocolError):
        establish(card, IDENTITY, CARD_NUMBER, card.public, P256)


@pytest.mark.parametrize("size", [0, 7, 9, 16])
def test_a_nonce_of_another_length_is_refused_though_the_token_fits(size: int) -> None:
    card, key = EacCard(), EphemeralKey(P256)
    secret = key.agree(P256.decode(card.public)) + bytes(size)
    token = authentication_token(derive_key(secret, 2, 16), CA_ECDH_AES128, key.public)
    with pytest.raises(CardNotAuthentic):
        ChipAuthentication(card.public, key).finish(bytes(size), token)


@pytest.mark.parametrize("at", range(9))
def test_every_refusal_is_a_status_error(at: int) -> None:
    class _Refusing(EacCard):
        def answer(self, command: CommandApdu) -> ResponseApdu:
            if len(self.seen) == at + 1:
                return ResponseApdu(b"", StatusWord.SECURITY_STATUS_NOT_SATISFIED)
            return super().answer(command)

    card = _Refusing()
    with pytest.raises(StatusError):
        establish(card, IDENTITY, CARD_NUMBER, card.public, P256)
    assert len(card.seen) == at + 1


def test_a_card_key_that_is_no_point_is_refused_before_anything_is_sent() -> None:
    card = EacCard()
    other = BRAINPOOL_P256R1.encode(BRAINPOOL_P256R1.base)
    for key in (
        b"",
        b"\x00",
        other,
        card.public[:-1],
        card.public[:-1] + b"\0",
        b"\x04" + bytes(64),
    ):
        with pytest.raises(CardNotAuthentic, match="no use"):
            establish(card, IDENTITY, CARD_NUMBER, key, P256)
        with pytest.raises(PointError):
            ChipAuthentication(key, EphemeralKey(P256))
    assert card.seen == []


def test_unknown_mechanisms_are_refused() -> None:
    for oid in (b"", CA_ECDH_AES128[:-1], CA_ECDH_AES128[:-1] + b"\x01"):
        with pytest.raises(ValueError, match="mechanism"):
            ChipAuthentication(EacCard().public, EphemeralKey(P256), oid)


def test_every_run_has_its_own_ephemeral_key() -> None:
    assert len({EphemeralKey(P256).public for _ in range(5)}) == 5


def test_no_key_is_in_a_repr() -> None:
    key = EphemeralKey(P256, _scalar_source(0xABCDEF))
    assert repr(key) == "<EphemeralKey on secp256r1>"
    assert repr(IDENTITY) == "<TerminalIdentity JPTESTTERM00001>"
