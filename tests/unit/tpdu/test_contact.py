"""A whole contact card: every ATR variant, every PPS request, every first byte, one power."""

from __future__ import annotations

from functools import partial, reduce
from operator import xor

import pytest

from jukicard import PROFILES, issue_card
from jukicard.apdu import Atr
from jukicard.apdu.atr import AtrError
from jukicard.transport import CardNotPresent
from jukicard.transport.tpdu import ContactCard, Pps, T1Card, atr_variant
from tests.support.naive.contact_terminal import AtrRead, pps_request, pps_succeeded, reader_for
from tests.support.readers.echo_card import EchoCard
from tests.support.readers.t1_reader import T1Reader, crc
from tests.support.readers.tpdu_line import CountingCard

PLAIN = PROFILES["mynumber"].contact_atr
OFFERS = [(0,), (1,), (0, 1)]
BOTH = atr_variant(PLAIN, (0, 1), speed=0x95)
COMMAND = bytes.fromhex("0004000100")  # case 1 over T=0, so that both protocols carry it
DRIVER = {  # what libccid sends to these two profiles first; see docs/transports.md
    "mynumber": ["FF1113FD", "FF1113FD", "00C101FE3E", "00E101FE1E"],
    "juki-v1": ["00C101FE3E", "00E101FE1E"],
}


def on(atr: bytes, pps: Pps = Pps.ANSWERED) -> ContactCard:
    card = ContactCard(EchoCard(atr), pps=pps)
    assert card.power_on() == atr
    return card


def sealed(body: bytes) -> bytes:
    return body + bytes((reduce(xor, body),))


def works(card: ContactCard, protocol: int) -> bool:
    """Whether the card speaks a protocol now; nothing else does it."""
    reader = reader_for(protocol, AtrRead(card.atr), card.exchange)
    return len(reader.transmit(COMMAND if protocol else COMMAND[:4])) >= 2


@pytest.mark.parametrize("name", DRIVER)
def test_a_driver_begins_with_these_bytes(name: str) -> None:
    card = ContactCard(issue_card(name, seed=1))
    card.power_on()
    for sent, back in zip(DRIVER[name][::2], DRIVER[name][1::2], strict=True):
        assert card.exchange(bytes.fromhex(sent)).hex().upper() == back


@pytest.mark.parametrize("offered", OFFERS)
@pytest.mark.parametrize("specific", [None, 0, 1])
@pytest.mark.parametrize("speed", [None, 0x13, 0x95])
@pytest.mark.parametrize(("ifsc", "uses_crc"), [(None, False), (1, False), (254, True), (40, True)])
def test_an_atr_variant_says_what_was_asked(
    offered: tuple[int, ...],
    specific: int | None,
    speed: int | None,
    ifsc: int | None,
    uses_crc: bool,
) -> None:
    make = partial(
        atr_variant, PLAIN, offered, speed=speed, specific=specific, ifsc=ifsc, crc=uses_crc
    )
    if (specific is not None and specific not in offered) or (1 not in offered and ifsc):
        with pytest.raises(ValueError, match=r"among the protocols|offer it"):
            make()
        return
    atr = make()
    told = AtrRead(atr)
    assert (told.offered, told.speed) == (list(offered), speed or 0x11)
    assert (told.ifsc, told.crc) == (ifsc or 32, uses_crc)
    assert told.specific is (specific is not None)
    assert Atr.parse(atr).historical_bytes == Atr.parse(PLAIN).historical_bytes
    first = offered[0] if specific is None else specific
    card = on(atr)
    assert card.protocol == first == told.first
    assert works(card, first)


@pytest.mark.parametrize("wrong", [(), (1, 0), (2,), (0, 0, 1)])
def test_other_protocols_are_no_contact_card_here(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="protocols are"):
        atr_variant(PLAIN, wrong)


def test_values_that_no_atr_can_say_are_refused() -> None:
    for ifsc in (0, 255):
        with pytest.raises(ValueError, match="1 to 254"):
            atr_variant(PLAIN, ifsc=ifsc)
    with pytest.raises(AtrError, match="TC1 is a byte"):
        atr_variant(PLAIN, guard=256)
    assert Atr.parse(atr_variant(PLAIN, guard=255)).interface_bytes["TC1"] == 255


@pytest.mark.parametrize("protocols", [(2,), (2, 14)])
def test_a_card_with_neither_protocol_is_refused(protocols: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="it can be T=0 or T=1"):
        ContactCard(EchoCard(bytes(Atr.build(protocols=protocols))))


def test_a_specific_mode_that_is_not_offered_is_refused() -> None:
    atr = Atr.build(protocols=(1,), interface_bytes={"TA2": 0})
    with pytest.raises(ValueError, match="begins with T=0"):
        ContactCard(EchoCard(bytes(atr)))


@pytest.mark.parametrize("offered", OFFERS)
@pytest.mark.parametrize("pps", Pps)
def test_every_pps0(pps: Pps, offered: tuple[int, ...]) -> None:
    """What is malformed or names another protocol is not heard; a reader judges all the rest."""
    atr = atr_variant(PLAIN, offered, speed=0x95)
    for pps0 in range(256):
        card = on(atr, pps)
        request = sealed(
            bytes((0xFF, pps0)) + bytes((0x95, 0x00, 0x00))[: (pps0 >> 4 & 7).bit_count()]
        )
        response = card.exchange(request)
        heard = pps0 < 0x80 and pps0 & 15 in offered and pps is not Pps.MUTE
        assert bool(response) is heard
        accepted = heard and pps is not Pps.REFUSED
        assert pps_succeeded(request, response) is accepted
        assert card.protocol == (pps0 & 15 if accepted else offered[0])
        assert works(card, card.protocol)


# ISO/IEC 7816-3:2006, tables 7 and 8, in the order of the values; None is reserved
F = [372, 372, 558, 744, 1116, 1488, 1860, None, None, 512, 768, 1024, 1536, 2048, None, None]
D = [None, 1, 2, 4, 8, 16, 32, 64, 12, 20, None, None, None, None, None, None]


@pytest.mark.parametrize("offer", [None, 0x11, 0x13, 0x18, 0x95, 0x97])
def test_every_pps1(offer: int | None) -> None:
    """A speed from the default to TA1 is taken, any other is answered without PPS1."""
    told = offer or 0x11
    for speed in range(256):
        for pps in (Pps.ANSWERED, Pps.WITHOUT_PPS1):
            card = on(atr_variant(PLAIN, (1,), speed=offer), pps)
            f, d = F[speed >> 4], D[speed & 15]
            fits = f is not None and d is not None
            fits = fits and 372 <= f <= F[told >> 4] and d <= D[told & 15]  # type: ignore[operator]
            taken = fits and pps is Pps.ANSWERED
            request = pps_request(1, speed)
            assert card.exchange(request) == (request if taken else pps_request(1))
            assert card.speed == (speed if taken else 0x11)


def test_a_pps_that_arrives_damaged_or_cut_changes_nothing() -> None:
    whole = pps_request(1, 0x95)
    card = on(BOTH)
    for at in range(1, len(whole)):
        for mask in range(1, 256):
            assert card.exchange(whole[:at] + bytes((whole[at] ^ mask,)) + whole[at + 1 :]) == b""
    for size in range(1, len(whole)):
        assert card.exchange(whole[:size]) == b""
    assert card.exchange(whole + b"\0") == b""
    assert card.protocol == 0
    assert card.exchange(whole) == whole
    assert card.protocol == 1


@pytest.mark.parametrize(
    "atr", [BOTH, atr_variant(PLAIN, (1,)), atr_variant(PLAIN, (0, 1), specific=1)]
)
def test_every_first_byte(atr: bytes) -> None:
    """FF is PPS where the card negotiates; any other byte ends that, and is the protocol's."""
    told = AtrRead(atr)
    for first in range(256):
        card = ContactCard(CountingCard(atr, len))
        card.power_on()
        card.exchange(bytes((first,)))
        answer = card.exchange(pps_request(1, 0x11))
        negotiates = first == 0xFF and not told.specific
        assert (answer == pps_request(1, 0x11)) is negotiates


def test_pps_is_over_after_it_succeeded() -> None:
    card = on(BOTH)
    assert card.exchange(pps_request(1)) == pps_request(1)
    assert card.exchange(pps_request(0)) == bytes.fromhex("00820082")  # R(0): no block for it
    assert card.protocol == 1


@pytest.mark.parametrize("warm", [False, True])
def test_a_reset_begins_anew(warm: bool) -> None:
    port = EchoCard(BOTH)
    card = ContactCard(port)
    card.power_on()
    card.exchange(pps_request(1, 0x95))
    assert (card.protocol, card.speed) == (1, 0x95)
    assert (card.reset() if warm else card.power_on()) == BOTH
    assert port.journal == (["on", "reset"] if warm else ["on", "off", "on"])
    assert (card.protocol, card.speed) == (0, 0x11)
    assert works(card, 0)
    card.power_off()
    with pytest.raises(CardNotPresent, match="power_on"):
        card.exchange(pps_request(1))


def test_what_is_under_way_in_one_protocol_is_gone_after_a_reset() -> None:
    card = on(BOTH)
    assert card.exchange(bytes.fromhex("00D6000005")) == b"\xd6"
    card.reset()
    card.exchange(pps_request(1))
    reader = T1Reader(card.exchange)
    assert reader.change_ifsd(254)
    assert reader.transmit(bytes.fromhex("00112233"))
    card.reset()
    assert works(card, 0)
    card.reset()
    card.exchange(pps_request(1))
    assert card._views[1].ifsd == 32  # type: ignore[union-attr]


def test_options_of_the_views_are_given_to_them() -> None:
    atr = atr_variant(PLAIN, (1,), ifsc=8, crc=True)
    card = ContactCard(EchoCard(atr), t1=partial(T1Card, announced_ifsc=100))
    card.power_on()
    reader = T1Reader(card.exchange, checksum=crc, ifsc=8)
    reader.transmit(bytes(range(4)) * 5)
    assert reader.ifsc == 100


def test_a_card_shows_no_data() -> None:
    card = on(BOTH)
    card.exchange(bytes.fromhex("0020008004") + b"12")
    assert repr(card) == "<ContactCard T=0 speed=11>"
