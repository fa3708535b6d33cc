"""PACE on the card's side: two published examples, the order of steps, every refusal."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu, Tlv
from jukicard.authentication.chip import authentication_token
from jukicard.authentication.pace import Pace, password_key
from jukicard.crypto.curves import BRAINPOOL_P256R1, CURVES, P256, Curve, curve_of_id
from jukicard.crypto.kdf import digest
from jukicard.crypto.symmetric import AesKey, TripleDesKey
from jukicard.securemessaging.session import AuthenticationFailed, OutOfOrder
from jukicard.securemessaging.suites import SessionKeys, Suite
from tests.support.published.vectors import load

h = bytes.fromhex
ICAO = load("securemessaging/icao9303_pace_ecdh_gm_aes128")["steps"]
BSI = load("securemessaging/bsi_eac2_worked_example")["steps"]["pace"]
OID = h("04007F00070202040202")


def gives(value: str) -> Callable[[int], bytes]:
    def random_bytes(size: int) -> bytes:
        assert size == len(h(value))
        return h(value)

    return random_bytes


@pytest.mark.parametrize(("steps", "prefix"), [(ICAO, "ks"), (BSI, "k")], ids=["ICAO", "BSI"])
def test_published_examples(steps: dict[str, Any], prefix: str) -> None:
    pace = Pace(h(steps["oid_value"]), BRAINPOOL_P256R1, AesKey(h(steps["k_pi"])))
    assert pace.encrypted_nonce(gives(steps["nonce_s"])) == h(steps["nonce_z"])
    mapped = pace.map_nonce(h(steps["map_terminal_public"]), gives(steps["map_chip_private"]))
    assert mapped == h(steps["map_chip_public"])
    own = pace.agree(h(steps["eph_terminal_public"]), gives(steps["eph_chip_private"]))
    assert own == h(steps["eph_chip_public"])
    icao = steps is ICAO
    token, keys = pace.confirm(h(steps["t_ifd" if icao else "t_pcd"]))
    assert token == h(steps["t_ic" if icao else "t_picc"])
    assert keys.enc.value == h(steps[f"{prefix}_enc"])
    assert keys.mac.value == h(steps[f"{prefix}_mac"])
    assert keys.ssc == bytes(16)


@pytest.mark.parametrize("steps", [ICAO, BSI], ids=["ICAO", "BSI"])
def test_published_points(steps: dict[str, Any]) -> None:
    """G~ = s G + H, on the card's own arithmetic (ICAO Doc 9303-11, 4.4.3.3.1)."""
    curve = BRAINPOOL_P256R1
    points = {key: curve.decode(h(text)) for key, text in steps.items() if "public" in key}
    shared = curve.multiply(int(steps["map_chip_private"], 16), points["map_terminal_public"])
    assert curve.encode(shared) == h(steps["shared_h"])
    generator = curve.add(curve.multiply(int(steps["nonce_s"], 16), curve.g), shared)
    assert curve.encode(generator) == h(steps["mapped_generator"])
    own = int(steps["eph_chip_private"], 16)
    assert curve.multiply(own, generator) == points["eph_chip_public"]
    agreed = curve.multiply(own, points["eph_terminal_public"])
    assert agreed is not None
    assert agreed[0].to_bytes(32, "big") == h(steps["shared_k"])


def test_the_published_command_names_the_password() -> None:
    wanted = CommandApdu.parse(h(BSI["mse_set_at_capdu"])).data
    named = {tlv.tag: tlv.value for tlv in Tlv.parse_all(wanted)}
    assert (named[0x80], named[0x83]) == (h(BSI["oid_value"]), bytes((BSI["password_ref"],)))


def test_the_published_paceinfo_names_protocol_and_curve() -> None:
    """ICAO Doc 9303-11, 9.2.1: protocol, version 2, and the number of the domain parameters."""
    oid, version, parameters = Tlv.parse(h(ICAO["paceinfo"])).children
    assert (oid.value, version.value) == (h(ICAO["oid_value"]), b"\2")
    assert parameters.value == bytes((ICAO["parameter_id"],))
    curve = curve_of_id(parameters.value[0])
    assert curve.name == ICAO["curve"]
    pace = Pace(oid.value, curve, AesKey(h(ICAO["k_pi"])))
    assert pace.encrypted_nonce(gives(ICAO["nonce_s"])) == h(ICAO["nonce_z"])
    mapped = pace.map_nonce(h(ICAO["map_terminal_public"]), gives(ICAO["map_chip_private"]))
    assert mapped == h(ICAO["map_chip_public"])
    wanted = CommandApdu.parse(h(ICAO["mse_set_at"]["capdu"])).data
    named = {tlv.tag: tlv.value for tlv in Tlv.parse_all(wanted)}
    assert (named[0x80], named[0x84]) == (oid.value, parameters.value)
    assert ResponseApdu.parse(h(ICAO["mse_set_at"]["rapdu"])).status.is_ok


def test_published_exchanges() -> None:
    """The dynamic authentication data of the published commands, taken apart and answered."""
    pace = Pace(h(ICAO["oid_value"]), BRAINPOOL_P256R1, AesKey(h(ICAO["k_pi"])))

    def sent(name: str, tag: int) -> bytes:
        found = Tlv.parse(CommandApdu.parse(h(ICAO[name]["capdu"])).data).find(tag)
        assert found is not None
        return found.value

    def answered(name: str, tag: int) -> bytes:
        found = Tlv.parse(ResponseApdu.parse(h(ICAO[name]["rapdu"])).data).find(tag)
        assert found is not None
        return found.value

    assert pace.encrypted_nonce(gives(ICAO["nonce_s"])) == answered("get_nonce", 0x80)
    assert pace.map_nonce(sent("map_nonce", 0x81), gives(ICAO["map_chip_private"])) == answered(
        "map_nonce", 0x82
    )
    assert pace.agree(sent("key_agreement", 0x83), gives(ICAO["eph_chip_private"])) == answered(
        "key_agreement", 0x84
    )
    token, _ = pace.confirm(sent("mutual_authentication", 0x85))
    assert token == answered("mutual_authentication", 0x86)


def test_published_password_keys() -> None:
    mrz = digest("sha1", ICAO["mrz_information_ascii"].encode())
    assert mrz == h(ICAO["f_mrz_sha1"])
    assert password_key(OID, mrz).value == h(ICAO["k_pi"])
    assert password_key(OID, BSI["password_ascii"].encode()).value == h(BSI["k_pi"])


class NaiveTerminal:
    """The terminal's part, from the same arithmetic but the other end of the equations."""

    def __init__(self, curve: Curve, oid: bytes, suite: Suite, password: bytes) -> None:
        self.curve, self.oid, self.suite = curve, oid, suite
        self.k_pi = password_key(oid, password)
        self.scalars = random.Random(curve.name)
        self.keys: SessionKeys | None = None

    def scalar(self) -> int:
        return self.scalars.randrange(1, self.curve.n)

    def run(self, pace: Pace, source: Callable[[int], bytes]) -> SessionKeys:
        curve = self.curve
        nonce = int.from_bytes(self.k_pi.decrypt_cbc(pace.encrypted_nonce(source)), "big")
        x = self.scalar()
        mapped = pace.map_nonce(curve.encode(curve.multiply(x, curve.g)), source)
        shared = curve.multiply(x, curve.decode(mapped))
        generator = curve.add(curve.multiply(nonce, curve.g), shared)
        y = self.scalar()
        own = curve.encode(curve.multiply(y, generator))
        theirs = pace.agree(own, source)
        secret = curve.multiply(y, curve.decode(theirs))
        assert secret is not None
        keys = SessionKeys.derive(self.suite, secret[0].to_bytes(curve.size, "big"))
        token, card_keys = pace.confirm(authentication_token(keys, self.oid, theirs))
        assert token == authentication_token(keys, self.oid, own)
        assert card_keys.enc.value == keys.enc.value
        return card_keys


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
@pytest.mark.parametrize(("last", "suite"), [(2, Suite.AES128), (4, Suite.AES256)])
def test_every_curve_with_a_terminal(curve: Curve, last: int, suite: Suite) -> None:
    oid = OID[:-1] + bytes((last,))
    pace = Pace(oid, curve, password_key(oid, b"123456"))
    keys = NaiveTerminal(curve, oid, suite, b"123456").run(pace, random.Random(2).randbytes)
    assert keys.suite is suite


def test_a_wrong_password_fails_at_the_end_only() -> None:
    pace = Pace(OID, P256, password_key(OID, b"123456"))
    with pytest.raises(AuthenticationFailed):
        NaiveTerminal(P256, OID, Suite.AES128, b"123457").run(pace, random.Random(2).randbytes)


def at_step(step: int) -> Pace:
    """The published run, up to but not including a step."""
    pace = Pace(OID, BRAINPOOL_P256R1, AesKey(h(ICAO["k_pi"])))
    for number in range(step):
        call(pace, number)
    return pace


def call(pace: Pace, step: int) -> object:
    match step:
        case 0:
            return pace.encrypted_nonce(gives(ICAO["nonce_s"]))
        case 1:
            return pace.map_nonce(h(ICAO["map_terminal_public"]), gives(ICAO["map_chip_private"]))
        case 2:
            return pace.agree(h(ICAO["eph_terminal_public"]), gives(ICAO["eph_chip_private"]))
        case _:
            return pace.confirm(h(ICAO["t_ifd"]))


@pytest.mark.parametrize("reached", range(5))
@pytest.mark.parametrize("asked", range(4))
def test_every_step_in_every_state(reached: int, asked: int) -> None:
    pace = at_step(reached)
    if reached == asked:
        call(pace, asked)
        return
    with pytest.raises(OutOfOrder):
        call(pace, asked)
    for step in range(4):  # and nothing comes after that
        with pytest.raises(OutOfOrder):
            call(pace, step)


@pytest.mark.parametrize("step", [1, 2])
def test_what_is_no_point_ends_it(step: int) -> None:
    good = h(ICAO["map_terminal_public"])
    for bad in (
        b"",
        b"\0",
        bytes(65),
        good[:-1],
        good + b"\0",
        good[:-1] + bytes((good[-1] ^ 1,)),
        b"\2" + good[1:33],
    ):
        pace = at_step(step)
        method = pace.map_nonce if step == 1 else pace.agree
        with pytest.raises(AuthenticationFailed):
            method(bad, gives(ICAO["eph_chip_private"]))
        with pytest.raises(OutOfOrder):
            call(pace, step)


def test_a_mapping_to_infinity_is_refused() -> None:
    """H = -s G would leave no generator; the terminal would have to know s for it."""
    curve = BRAINPOOL_P256R1
    pace = at_step(1)
    minus = curve.encode(curve.multiply(-int(ICAO["nonce_s"], 16), curve.g))
    with pytest.raises(AuthenticationFailed):
        pace.map_nonce(minus, gives("00" * 31 + "01"))


def test_the_cards_own_key_is_refused() -> None:
    pace = at_step(2)
    with pytest.raises(AuthenticationFailed):
        pace.agree(h(ICAO["eph_chip_public"]), gives(ICAO["eph_chip_private"]))


def test_every_bit_of_the_token() -> None:
    good = h(ICAO["t_ifd"])
    tokens = [good[:-1], good + b"\0", b"", h(ICAO["t_ic"])]
    for bit in range(0, 64, 8):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        tokens.append(bytes(bad))
    for token in tokens:
        pace = at_step(3)
        with pytest.raises(AuthenticationFailed):
            pace.confirm(token)
        with pytest.raises(OutOfOrder):
            pace.confirm(good)


def test_keys_and_protocols_of_another_kind() -> None:
    for key in (AesKey(bytes(32)), TripleDesKey(bytes(16))):
        with pytest.raises(TypeError):
            Pace(OID, P256, key)
    for oid in (b"", h("04007F00070202030202"), h("04007F00070202040201")):
        with pytest.raises(KeyError):
            Pace(oid, P256, AesKey(bytes(16)))
        with pytest.raises(KeyError):
            password_key(oid, b"")


def test_nothing_secret_shows() -> None:
    assert repr(at_step(2)) == "<Pace brainpoolP256r1, step 2>"
