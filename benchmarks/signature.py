"""Signatures over PC/SC against a bare exchange and the bare computation; memory after many."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, utils
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from benchmarks import layers, pcsc
from benchmarks.resident import resident
from benchmarks.tasks import Task, Transmit
from benchmarks.timing import Effort, micro, rate, ratio, table
from jukicard import PROFILES, Card, issue_card
from jukicard.applets.jpki import AID, JpkiApplet
from jukicard.applets.jpki.files import SIGN_KEY, SIGN_PIN

ABOVE_SUM: Final = 1.2
MANY: Final = 10_000
_HASH: Final = bytes(range(32))
_DIGEST_INFO: Final = bytes.fromhex("3031300D060960864801650304020105000420") + _HASH


BITS: Final = (1024, 2048)
"""The lengths of a Juki card's key: as on real ones, and the successor's."""


def measure(effort: Effort) -> None:
    """Measure signatures with keys of both lengths; the process's growth with the shorter one."""
    signs = [_measure(effort, bits) for bits in BITS]
    _many(signs[0], effort)


def _measure(effort: Effort, bits: int) -> _Ready:
    """Measure one length of key and return what signs with it."""
    card = issue_card(replace(PROFILES["juki-v1"], rsa_bits=bits), seed=1)
    card.power_on()
    command, start = _command(card)
    key = _key(card)
    assert key.key_size == bits

    def compute() -> bytes:
        return key.sign(_HASH, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))

    sign = _Ready(card.transmit, start, command)
    assert sign()[:-2] == compute(), "not the same work"
    found = effort.compare({"compute": compute, "in process": sign})
    bare, inside = found["compute"].best, found["in process"].best
    rows = [
        ("the computation alone", micro(bare), rate(bare), "", ""),
        ("in process", micro(inside), rate(inside), ratio(inside, bare), ""),
    ]
    rows += _over_pcsc(effort, start, command, bare, bits)
    table(
        f"RSA-{key.key_size} signatures (wanted: at most {ABOVE_SUM} x computation and exchange)",
        ("what", "time", "rate", "ratio", "target"),
        rows,
    )
    layers.show(f"an RSA-{bits} signature in process", sign, calls=500)
    return sign


def _command(card: Card) -> tuple[bytes, tuple[str, ...]]:
    """Return the signature command and what leads up to it: selection and password."""
    applet = _applet(card)
    pin = applet.files.partition.get(applet.tree.ef(SIGN_PIN).content_key) or b""
    start = (
        f"00A4040C0A{AID}",
        f"00A4020C02{SIGN_PIN:04X}",
        f"00200080{len(pin):02X}{pin.hex()}",
        f"00A4020C02{SIGN_KEY:04X}",
    )
    return b"\x80\x2a\x00\x80" + bytes((len(_DIGEST_INFO),)) + _DIGEST_INFO + b"\0", start


def _applet(card: Card) -> JpkiApplet:
    found = card.applications.get(AID)
    assert found is not None
    assert isinstance(found.applet, JpkiApplet)
    return found.applet


def _key(card: Card) -> RSAPrivateKey:
    """Return the card's own key as the library sees it: the same numbers to compute with."""
    applet = _applet(card)
    raw = applet.files.partition.get(applet.tree.ef(SIGN_KEY).content_key)
    assert raw is not None
    key = load_der_private_key(raw, None)
    assert isinstance(key, RSAPrivateKey)
    return key


class _Ready:
    """The signature command on a card that was made ready for it."""

    def __init__(self, transmit: Transmit, start: tuple[str, ...], command: bytes) -> None:
        for step in start:
            assert transmit(bytes.fromhex(step)) == b"\x90\x00", step
        self._transmit, self._command = transmit, command
        assert self()[-2:] == b"\x90\x00"

    def __call__(self) -> bytes:
        return self._transmit(self._command)


def _over_pcsc(
    effort: Effort, start: tuple[str, ...], command: bytes, bare: float, bits: int
) -> list[tuple[str, str, str, str, str]]:
    with pcsc.daemon() as running:
        if running is None:
            return []
        ours = (*pcsc.OURS, "--rsa-bits", str(bits))
        bare_card = (*pcsc.BARE, str(bits // 8))
        with pcsc.cards(running, ours, bare_card) as (card, nothing):
            echo = Task("echo", (), command.hex(), bits // 8).start(nothing)
            found = effort.compare({"echo": echo, "card": _Ready(card, start, command)})
    echoed, signed = found["echo"].best, found["card"].best
    whole = bare + echoed
    met = "met" if signed <= ABOVE_SUM * whole else "NOT met"
    return [
        ("a bare card's exchange over PC/SC", micro(echoed), rate(echoed), "", ""),
        ("over PC/SC", micro(signed), rate(signed), f"{signed / whole:.2f} x", met),
    ]


def _many(sign: _Ready, effort: Effort) -> None:
    """Sign often and look whether the process grows."""
    first, then = (MANY // 10, MANY) if effort.rounds > 2 else (100, 1000)
    for _ in range(first):
        sign()
    begun = resident()
    for _ in range(then - first):
        sign()
    grown = resident() - begun
    table(
        "Memory of one process that signs",
        ("between", "growth in bytes", "each signature"),
        [(f"{first:,} and {then:,} signatures", f"{grown:,}", f"{grown / (then - first):.2f}")],
    )
