"""PACE of the terminal: ICAO's and the BSI's worked examples, a card end, and cards that lie."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1
from typing import Any

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord, Tlv
from jukihost.authentication.eac import authentication_token
from jukihost.authentication.pace import (
    PACE_ECDH_GM_AES128,
    PaceParameters,
    PaceTerminal,
    authenticate,
)
from jukihost.crypto.curves import BRAINPOOL_P256R1, STANDARDIZED_PARAMETERS
from jukihost.crypto.cvc import Authorization
from jukihost.crypto.primitives import AesCmac, derive_key
from jukihost.errors import AuthenticationRejected, CardNotAuthentic, ProtocolError
from jukihost.securemessaging import Iso7816Session, SecureChannel
from tests.support.naive import curve as naive_curve
from tests.support.published.vectors import load
from tests.unit.host_securemessaging.reference_card import CardCipher, CardSession

ICAO = load("securemessaging/icao9303_pace_ecdh_gm_aes128")["steps"]
BSI_STEPS = load("securemessaging/bsi_eac2_worked_example")["steps"]
BSI = BSI_STEPS["pace"]
CURVE = BRAINPOOL_P256R1
READ = CommandApdu(0x00, 0xB0, 0x00, 0x00, ne=256)


def _raw(text: str) -> bytes:
    return bytes.fromhex(text)


def _scalars(vector: dict[str, Any]) -> Callable[[int], bytes]:
    """Randomness that makes the terminal draw the example's two private keys."""
    values = iter((vector["map_terminal_private"], vector["eph_terminal_private"]))
    return lambda size: (int(next(values), 16) - 1).to_bytes(size, "big")


class _Script:
    """A channel that insists on these commands, and gives these answers."""

    def __init__(self, *exchanges: tuple[str, str]) -> None:
        self.exchanges = list(exchanges)

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        sent, answer = self.exchanges.pop(0)
        assert command.encode().hex().upper() == sent
        return ResponseApdu.parse(_raw(answer))


def test_icao_appendix_g1_byte_for_byte() -> None:
    script = _Script(
        *(
            (ICAO[step]["capdu"], ICAO[step]["rapdu"])
            for step in (
                "mse_set_at",
                "get_nonce",
                "map_nonce",
                "key_agreement",
                "mutual_authentication",
            )
        )
    )
    password = sha1(ICAO["mrz_information_ascii"].encode()).digest()
    assert password == _raw(ICAO["f_mrz_sha1"])
    assert derive_key(password, 3, 16) == _raw(ICAO["k_pi"])
    result = authenticate(
        script, PaceParameters(CURVE, 1, ICAO["parameter_id"]), password, _scalars(ICAO)
    )
    assert script.exchanges == []
    assert result.card_identifier == _raw(ICAO["eph_chip_public"])[1:33]
    assert result.authorities == ()
    expected = Iso7816Session.aes(_raw(ICAO["ks_enc"]), _raw(ICAO["ks_mac"]))
    assert result.channel.session.protect(READ) == expected.protect(READ)


def test_icao_paceinfo_gives_the_parameters_of_the_run() -> None:
    """ICAO Doc 9303-11, 9.2.1: protocol, version 2, and the number of the domain parameters."""
    oid, version, parameters = (tlv.value for tlv in Tlv.parse(_raw(ICAO["paceinfo"])).children)
    assert oid == _raw(ICAO["oid_value"]) == PACE_ECDH_GM_AES128
    assert version == b"\x02"
    curve = STANDARDIZED_PARAMETERS[parameters[0]]
    assert curve.name == ICAO["curve"]
    wanted = CommandApdu.parse(_raw(ICAO["mse_set_at"]["capdu"]))
    assert PaceParameters(curve, 1, parameters[0]).environment() == wanted.data


@pytest.mark.parametrize("token", ["ifd", "ic"])
def test_icao_tokens_cover_the_published_input(token: str) -> None:
    covered = _raw(ICAO[f"token_input_{token}"])
    other = _raw(ICAO["eph_chip_public" if token == "ifd" else "eph_terminal_public"])
    mac = _raw(ICAO["ks_mac"])
    assert AesCmac(mac)(covered)[:8] == _raw(ICAO[f"t_{token}"])
    assert authentication_token(mac, PACE_ECDH_GM_AES128, other) == _raw(ICAO[f"t_{token}"])
    assert Tlv.parse(covered).children[1].value == other


@pytest.mark.parametrize("vector", [ICAO, BSI], ids=["ICAO", "BSI"])
def test_every_value_of_a_worked_example(vector: dict[str, Any]) -> None:
    password = (
        _raw(vector["f_mrz_sha1"]) if "f_mrz_sha1" in vector else vector["password_ascii"].encode()
    )
    run = PaceTerminal(CURVE, password, _scalars(vector))
    assert derive_key(password, 3, 16) == _raw(vector["k_pi"])
    assert run.map_key(_raw(vector["nonce_z"])) == _raw(vector["map_terminal_public"])
    assert run._nonce == int(vector["nonce_s"], 16)
    assert run.ephemeral_key(_raw(vector["map_chip_public"])) == _raw(vector["eph_terminal_public"])
    token = run.token(_raw(vector["eph_chip_public"]))
    assert token == _raw(vector["t_ifd"] if "t_ifd" in vector else vector["t_pcd"])
    assert (run._k_enc, run._k_mac) == (
        _raw(vector.get("ks_enc") or vector["k_enc"]),
        _raw(vector.get("ks_mac") or vector["k_mac"]),
    )
    run.finish(_raw(vector["t_ic"] if "t_ic" in vector else vector["t_picc"]))


def test_bsi_worked_example_goes_on_in_its_session() -> None:
    wanted = CommandApdu.parse(_raw(BSI["mse_set_at_capdu"]))
    oid, mask = (tlv.value for tlv in Tlv.parse_all(wanted.data)[2].children)
    parameters = PaceParameters(CURVE, BSI["password_ref"], 13, Authorization(oid, mask))
    assert parameters.environment() == wanted.data
    script = _Script(
        (BSI["mse_set_at_capdu"], "9000"),
        (BSI["get_nonce_capdu"], BSI["get_nonce_rapdu"]),
        (
            "10860000457C438141" + BSI["map_terminal_public"] + "00",
            "7C438241" + BSI["map_chip_public"] + "9000",
        ),
        (
            "10860000457C438341" + BSI["eph_terminal_public"] + "00",
            "7C438441" + BSI["eph_chip_public"] + "9000",
        ),
        (
            BSI["mutual_authentication_capdu"],
            "7C2886"
            + "08"
            + BSI["t_picc"]
            + "870D"
            + b"DECVCAAT00001".hex()
            + "880D"
            + b"DECVCAAT00002".hex()
            + "9000",
        ),
        *(
            (exchange["capdu_protected"], exchange["rapdu_protected"])
            for exchange in BSI_STEPS["secure_messaging"]["exchanges"]
        ),
    )
    result = authenticate(script, parameters, b"123456", _scalars(BSI))
    assert result.authorities == (b"DECVCAAT00001", b"DECVCAAT00002")
    for exchange in BSI_STEPS["secure_messaging"]["exchanges"]:
        answer = result.channel.transmit(CommandApdu.parse(_raw(exchange["capdu_plain"])))
        assert answer.encode() == _raw(exchange["rapdu_plain"])
    assert script.exchanges == []


# -- a card of the test's own ----------------------------------------------------------------------


class PaceCard:
    """The card's side with schoolbook arithmetic; answers pass through `lies` by step."""

    def __init__(self, password: bytes, **lies: Callable[[bytes], bytes]) -> None:
        self.curve = CURVE
        self.k_pi = sha1(password + b"\0\0\0\3").digest()[:16]
        self.lies = lies
        self.nonce = bytes(range(100, 116))
        self.sent: list[CommandApdu] = []
        self.session: CardSession | None = None

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        self.sent.append(command)
        if command.cla.secure:
            assert self.session is not None
            self.session.unwrap(command)
            return self.session.wrap(ResponseApdu(b"file"), odd=False)
        if command.ins == 0x22:
            return ResponseApdu()
        objects = Tlv.parse(command.data).children
        step, tag, compute = self._step(tuple(tlv.tag for tlv in objects))
        assert command.cla.chained == (step != "token")
        value = compute(objects[0].value if objects else b"")
        if value is None:
            return ResponseApdu(b"", StatusWord.AUTHENTICATION_FAILED)
        if step in self.lies:
            value = self.lies[step](value)
        return ResponseApdu(Tlv(0x7C, [Tlv(tag, value)]).encode())

    def _step(self, tags: tuple[int, ...]) -> tuple[str, int, Callable[[bytes], bytes | None]]:
        steps: dict[tuple[int, ...], tuple[str, int, Callable[[bytes], bytes | None]]] = {
            (): ("nonce", 0x80, self.encrypted_nonce),
            (0x81,): ("mapping", 0x82, self.mapping),
            (0x83,): ("key", 0x84, self.key),
            (0x85,): ("token", 0x86, self.token),
        }
        return steps[tags]

    def _multiply(self, scalar: int, point: naive_curve.Affine) -> naive_curve.Affine:
        return naive_curve.multiply(self.curve.p, self.curve.a, scalar, point)

    def _encode(self, point: naive_curve.Affine) -> bytes:
        assert point is not None
        size = self.curve.size
        return b"\x04" + point[0].to_bytes(size, "big") + point[1].to_bytes(size, "big")

    def _decode(self, raw: bytes) -> naive_curve.Affine:
        half = self.curve.size + 1
        return int.from_bytes(raw[1:half], "big"), int.from_bytes(raw[half:], "big")

    def encrypted_nonce(self, _data: bytes) -> bytes:
        return CardCipher("AES", self.k_pi, self.k_pi).encrypt(bytes(16), self.nonce)

    def mapping(self, terminal: bytes) -> bytes:
        shared = self._multiply(0x1111, self._decode(terminal))
        nonce = int.from_bytes(self.nonce, "big")
        self.generator = naive_curve.add(
            self.curve.p, self.curve.a, self._multiply(nonce, self.curve.base), shared
        )
        return self._encode(self._multiply(0x1111, self.curve.base))

    def key(self, terminal: bytes) -> bytes:
        self.terminal = terminal
        self.public = self._encode(self._multiply(0x2222, self.generator))
        return self.public

    def token(self, terminal_token: bytes) -> bytes | None:
        secret = self._encode(self._multiply(0x2222, self._decode(self.terminal)))
        secret = secret[1 : 1 + self.curve.size]
        cipher = CardCipher(
            "AES", *(sha1(secret + counter).digest()[:16] for counter in (b"\0\0\0\1", b"\0\0\0\2"))
        )
        if terminal_token != cipher.mac(self._covered(self.public)):
            return None
        self.session = CardSession(cipher)
        return cipher.mac(self._covered(self.terminal))

    @staticmethod
    def _covered(public: bytes) -> bytes:
        return Tlv(0x7F49, [Tlv(0x06, PACE_ECDH_GM_AES128), Tlv(0x86, public)]).encode()


PARAMETERS = PaceParameters(CURVE, 3)


def test_round_trip() -> None:
    for password in (b"123456", b"", b"a long password"):
        card = PaceCard(password)
        result = authenticate(card, PARAMETERS, password)
        assert result.channel.transmit(READ).data == b"file"
        assert result.card_identifier == card.public[1:33]
        assert card.sent[0].encode() == _raw("0022C1A40F800A" + "04007F00070202040202" + "830103")


def test_a_wrong_password_is_rejected_by_the_card() -> None:
    with pytest.raises(AuthenticationRejected):
        authenticate(PaceCard(b"123456"), PARAMETERS, b"123457")


def test_a_card_that_accepts_every_token_does_not_pass() -> None:
    """It lets the terminal's wrong token through, and cannot answer it."""

    class _Accepting(PaceCard):
        def token(self, terminal_token: bytes) -> bytes | None:
            return super().token(terminal_token) or bytes(8)

    with pytest.raises(CardNotAuthentic):
        authenticate(_Accepting(b"123456"), PARAMETERS, b"654321")


_BAD_POINTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _honest: b"",
    "infinity": lambda _honest: b"\x00",
    "off the curve": lambda honest: honest[:-1] + bytes((honest[-1] ^ 1,)),
    "too short": lambda honest: honest[:-1],
    "zeros": lambda honest: b"\x04" + bytes(len(honest) - 1),
    "compressed": lambda honest: b"\x02" + honest[1:33],
}


@pytest.mark.parametrize("step", ["mapping", "key"])
@pytest.mark.parametrize("lie", _BAD_POINTS)
def test_points_that_are_none_are_refused(step: str, lie: str) -> None:
    with pytest.raises(ProtocolError, match="no use"):
        authenticate(PaceCard(b"123456", **{step: _BAD_POINTS[lie]}), PARAMETERS, b"123456")


@pytest.mark.parametrize("nonce", [b"", bytes(15), bytes(17), bytes(32)])
def test_a_nonce_of_another_length_is_refused(nonce: bytes) -> None:
    with pytest.raises(ProtocolError, match=f"{len(nonce)} bytes"):
        authenticate(PaceCard(b"123456", nonce=lambda _honest: nonce), PARAMETERS, b"123456")


def test_a_nonce_of_zero_is_refused() -> None:
    card = PaceCard(b"123456")
    card.nonce = bytes(16)
    with pytest.raises(ProtocolError, match="no use"):
        authenticate(card, PARAMETERS, b"123456")


def test_the_terminals_own_key_sent_back_is_refused() -> None:
    card = PaceCard(b"123456")
    card.lies["key"] = lambda _honest: card.terminal
    with pytest.raises(ProtocolError, match="own key"):
        authenticate(card, PARAMETERS, b"123456")


@pytest.mark.parametrize("lie", [b"", bytes(7), bytes(8), bytes(9)], ids=len)
def test_a_wrong_token_is_refused(lie: bytes) -> None:
    with pytest.raises(CardNotAuthentic):
        authenticate(PaceCard(b"123456", token=lambda _honest: lie), PARAMETERS, b"123456")


def test_every_bit_of_the_cards_token_counts() -> None:
    for at in range(64):
        run = PaceTerminal(CURVE, _raw(ICAO["f_mrz_sha1"]), _scalars(ICAO))
        run.map_key(_raw(ICAO["nonce_z"]))
        run.ephemeral_key(_raw(ICAO["map_chip_public"]))
        run.token(_raw(ICAO["eph_chip_public"]))
        with pytest.raises(CardNotAuthentic):
            run.finish((int(ICAO["t_ic"], 16) ^ 1 << at).to_bytes(8, "big"))


def test_the_order_of_the_steps_is_fixed() -> None:
    point = CURVE.encode(CURVE.base)
    for done in range(4):
        run = PaceTerminal(CURVE, b"123456")
        steps: list[tuple[Callable[[bytes], object], bytes]] = [
            (run.map_key, bytes(16)),
            (run.ephemeral_key, point),
            (run.token, point),
            (run.finish, bytes(8)),
        ]
        for step, data in steps[:done]:
            step(data)
        for at, (step, data) in enumerate(steps):
            if at != done:
                with pytest.raises(ValueError, match=r"once|exchanged"):
                    step(data)


def test_a_secure_channel_is_rekeyed() -> None:
    card = PaceCard(b"123456")
    result = authenticate(card, PARAMETERS, b"123456")
    assert isinstance(result.channel, SecureChannel)
    assert result.channel.inner is card


def test_no_key_is_in_a_repr() -> None:
    assert repr(PaceTerminal(CURVE, b"SECRET")) == "<PaceTerminal on brainpoolP256r1>"
