"""PACE over APDUs: the BSI's worked example whole, every order of steps, every refusal.

# docs/card.md, section 4; BSI TR-03110-3, B.1 and B.3; ICAO Doc 9303-11, 4.4.4
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from jukicard import PROFILES, Card, CardKeys, Printed, ProfileError, issue_card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu, Tlv
from jukicard.applets.juki import JukiApplet
from jukicard.environment import CardEnvironment
from jukicard.kit.personalisation import Order
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement
from tests.support.cards.eac_desk import (
    EacTerminal,
    der,
)
from tests.support.cards.juki_desk import READ_CODE, VERIFY, desk
from tests.support.cards.pace_desk import opened, pace_desk, with_certificates
from tests.support.cards.residents import RESIDENTS
from tests.support.naive.pace import (
    AGREEMENT_KEY,
    BRAINPOOL,
    MAPPING_KEY,
    PACE,
    G,
    NaivePace,
    encode,
    set_password,
    times,
)
from tests.support.naive.sm_reader import NaiveReader
from tests.support.naive.terminal import JUKI
from tests.support.published.vectors import load

h = bytes.fromhex

# -- the worked example of the BSI, every exchange of it, on a card that draws its numbers ---------

BSI: Final[dict[str, Any]] = load("securemessaging/bsi_eac2_worked_example")["steps"]
EXAMPLE: Final = Aid("F04253494541433201")
PIN_REFERENCE: Final = 3


@offer_applet
class ExampleApplet(JukiApplet):
    """The Juki application for the type of terminal that the example's certificates speak of."""

    type_name = "bsi-example"
    terminal_type = h("04007F000703010202")
    role_bits: ClassVar = {0: "RESIDENT_IDENTIFICATION"}

    def personalise(self, order: Order) -> None:
        """Write what the features need, and no contents."""
        super(JukiApplet, self).personalise(order)


class Drawn:
    """Gives the example's random numbers, each once, in the example's order."""

    def __init__(self, *values: str) -> None:
        self.values = [h(value) for value in values]

    def take(self, size: int) -> bytes:
        value = self.values.pop(0)
        assert len(value) == size
        return value

    def state(self) -> bytes:
        return b""


def test_the_worked_example_byte_for_byte() -> None:
    pace, terminal, chip = BSI["pace"], BSI["terminal_authentication"], BSI["chip_authentication"]
    profile = replace(
        PROFILES["juki-v1"], applications=(Placement(EXAMPLE, ExampleApplet.type_name),)
    )
    chip_key = ec.derive_private_key(int(chip["chip_private"], 16), ec.BrainpoolP256R1())
    issued_card = issue_card(
        profile,
        seed=1,
        keys=CardKeys(trust_anchors=[h(terminal["cvca_certificate"])], chip_key=der(chip_key)),
    )
    memory = issued_card.environment.memory
    applications = {found.aid: found.applet for found in issued_card.applications}
    applet = applications[EXAMPLE]
    assert isinstance(applet, ExampleApplet)
    with memory.transaction():
        applet.passwords.set(pace["password_ascii"].encode(), PIN_REFERENCE)
    drawn = Drawn(
        pace["nonce_s"], pace["map_chip_private"], pace["eph_chip_private"],
        terminal["nonce_r_picc"], chip["nonce_r"],
    )  # fmt: skip
    card = Card(CardEnvironment(random=drawn, memory=memory), on_bug=raise_bug)
    card.power_on()
    assert card.transmit(bytes((0, 0xA4, 4, 0x0C, len(EXAMPLE))) + EXAMPLE) == h("9000")

    def exchange(command: str, answer: str) -> None:
        assert card.transmit(h(command)).hex().upper() == answer.upper()

    exchange(pace["mse_set_at_capdu"], "9000")
    exchange(pace["get_nonce_capdu"], pace["get_nonce_rapdu"])
    exchange(
        "10860000457C438141" + pace["map_terminal_public"] + "00",
        "7C438241" + pace["map_chip_public"] + "9000",
    )
    exchange(
        "10860000457C438341" + pace["eph_terminal_public"] + "00",
        "7C438441" + pace["eph_chip_public"] + "9000",
    )
    authority = b"DECVCAAT00001".hex()
    exchange(
        pace["mutual_authentication_capdu"],
        "7C198608" + pace["t_picc"] + "870D" + authority + "9000",
    )
    for each in BSI["secure_messaging"]["exchanges"]:
        exchange(each["capdu_protected"], each["rapdu_protected"])
    count = 2 * len(BSI["secure_messaging"]["exchanges"])
    reader = NaiveReader(h(pace["k_enc"]), h(pace["k_mac"]), count)

    def protected(ins: int, p1: int, p2: int, data: bytes, ne: int = 0) -> ResponseApdu:
        command = reader.protect(CommandApdu(0x00, ins, p1, p2, data, ne))
        return reader.unprotect(ResponseApdu.parse(card.transmit(command.encode())))

    # the rest is published without secure messaging
    assert protected(0x82, 0, 0, h(terminal["signature"])).status == 0x9000
    algorithm = Tlv(0x80, h(chip["oid_value"])).encode()
    assert protected(0x22, 0x41, 0xA4, algorithm).status == 0x9000
    public = Tlv(0x7C, [Tlv(0x80, h(chip["terminal_public"]))]).encode()
    proof = Tlv.parse(protected(0x86, 0, 0, public, 256).data)
    assert [(item.tag, item.value.hex().upper()) for item in proof.children] == [
        (0x81, chip["nonce_r"]),
        (0x82, chip["t_picc"]),
    ]
    assert drawn.values == []
    reader = NaiveReader(h(chip["k_enc"]), h(chip["k_mac"]), 0)
    assert protected(0x20, 0, 0x9C, b"1234").status == 0x6984, "a session, and a PIN not written"


# -- the dialogue ----------------------------------------------------------------------------------

MAP: Final = Tlv(0x81, encode(times(MAPPING_KEY, G)))
AGREE: Final = Tlv(0x83, encode(times(AGREEMENT_KEY, G)))
STEPS: Final[dict[str, Callable[[NaivePace], ResponseApdu]]] = {
    "nonce": lambda pace: pace.step(),
    "map": lambda pace: pace.step(MAP),
    "agree": lambda pace: pace.step(AGREE),
    "confirm": lambda pace: pace.step(Tlv(0x85, bytes(8)), chained=False),
    "nonce unchained": lambda pace: pace.step(chained=False),
    "map unchained": lambda pace: pace.step(MAP, chained=False),
    "agree unchained": lambda pace: pace.step(AGREE, chained=False),
    "confirm chained": lambda pace: pace.step(Tlv(0x85, bytes(8))),
}
RIGHT_ORDER: Final = ("nonce", "map", "agree", "confirm")


def _expected(steps: tuple[str, ...]) -> list[int]:
    """What docs/card.md says of any steps in any order; a confirmation of zeros is wrong."""
    found: list[int] = []
    for done, name in enumerate(steps):
        if found != [0x9000] * done:
            found.append(0x6985)  # over since an earlier step
        elif name == "confirm chained":
            found.append(0x6883)
        elif name != RIGHT_ORDER[done]:
            found.append(0x6985)
        else:
            found.append(0x6300 if name == "confirm" else 0x9000)
    return found


@pytest.mark.parametrize("first", STEPS)
def test_every_order_of_up_to_four_steps(first: str) -> None:
    there = pace_desk()
    for rest in itertools.product(STEPS, repeat=3):
        pace = NaivePace(there.terminal)
        pace.set_password()
        steps = (first, *rest)
        assert [STEPS[name](pace).status for name in steps] == _expected(steps), steps
    opened(there)


def test_no_step_without_its_beginning() -> None:
    there = pace_desk()
    for act in STEPS.values():
        assert act(NaivePace(there.terminal)).status == 0x6985


OTHERS: Final = {
    "GET CHALLENGE": CommandApdu(0x00, 0x84, 0, 0, ne=8),
    "VERIFY": VERIFY,
    "GET DATA": CommandApdu(0x00, 0xCA, 0x00, 0x5A, ne=256),
    "SELECT the application again": CommandApdu(0x00, 0xA4, 0x04, 0x0C, JUKI),
    "MSE for a key": CommandApdu(0x00, 0x22, 0xC1, 0xA4, h("830101")),
    "an unknown instruction": CommandApdu(0x00, 0xFE, 0, 0),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("done", range(1, 4))
def test_any_other_command_ends_it(done: int, other: CommandApdu) -> None:
    there = pace_desk()
    pace = NaivePace(there.terminal)
    pace.set_password()
    acts = (pace.nonce, pace.map, pace.agree)
    for act in acts[:done]:
        act()
    there.terminal.plain(other)
    following = [MAP, AGREE, Tlv(0x85, bytes(8))][done - 1]
    assert pace.step(following, chained=done < 3).status == 0x6985
    opened(there)


def test_get_response_is_part_of_a_step() -> None:
    """With T=0 a terminal fetches every answer; the dialogue goes on."""
    there = pace_desk()
    pace = NaivePace(there.terminal)
    pace.set_password()
    assert there.card.transmit(h("10860000027C0001")) == h("7C6113")
    rest = there.card.transmit(h("00C0000013"))
    assert rest[-2:] == h("9000")
    assert pace.step(MAP).status == 0x9000


def test_channels_have_dialogues_of_their_own() -> None:
    there = pace_desk()
    assert there.card.transmit(h("0070000001")) == h("019000")
    assert there.terminal.select(JUKI, 1).status == 0x9000
    here, other = NaivePace(there.terminal), NaivePace(there.terminal, channel=1)
    for pace in (here, other):
        pace.set_password()
    for pace in (here, other):
        pace.nonce()
    for pace in (other, here):
        pace.map()
    for pace in (here, other):
        pace.agree()
    assert other.confirm().status == 0x9000
    assert here.confirm().status == 0x9000
    assert there.terminal.protected(READ_CODE).status == 0x6982
    assert there.terminal.protected(CommandApdu(0x01, 0xB2, 0x01, 0x14, ne=256)).status == 0x6982


# -- who is let in ---------------------------------------------------------------------------------

REFUSED: Final = {
    "an algorithm unknown": (set_password(h("04007F00070202040203")), 0x6A80),
    "a reference unknown": (set_password(PACE, 3), 0x6A88),
    "a curve unknown": (set_password(PACE, 2, Tlv(0x84, b"\x0c")), 0x6A80),
    "a curve of two bytes": (set_password(PACE, 2, Tlv(0x84, b"\0\x0d")), 0x6A80),
    "rights malformed": (set_password(PACE, 2, Tlv(0x7F4C, h("0600"))), 0x6A80),
    "rights empty": (set_password(PACE, 2, Tlv(0x7F4C, b"")), 0x6A80),
    "another object": (set_password(PACE, 2, Tlv(0x91, b"\0")), 0x6A80),
    "no reference": (CommandApdu(0x00, 0x22, 0xC1, 0xA4, Tlv(0x80, PACE).encode()), 0x6A80),
    "P1 of verification": (CommandApdu(0x00, 0x22, 0x81, 0xA4, set_password().data), 0x6A80),
}


@pytest.mark.parametrize(("command", "status"), REFUSED.values(), ids=REFUSED)
def test_what_the_card_does_not_have(command: CommandApdu, status: int) -> None:
    there = pace_desk()
    assert there.terminal.plain(command).status == status
    assert NaivePace(there.terminal).step().status == 0x6985
    opened(there)


def test_the_curve_may_be_said() -> None:
    opened(pace_desk(), Tlv(0x84, bytes((BRAINPOOL,))))


def test_closed_by_default() -> None:
    there = desk()
    assert there.terminal.plain(set_password()).status == 0x6A88
    assert NaivePace(there.terminal).step().status == 0x6985


def test_a_wrong_number_is_no_number_and_costs_nothing() -> None:
    there = pace_desk()
    for _ in range(20):
        assert NaivePace(there.terminal, "123457").steps().status == 0x6300
        assert NaivePace(there.terminal).step().status == 0x6985, "over"
    opened(there)


@pytest.mark.parametrize("number", ["12345", "1234567", "12345a", "１２３４５６", ""])
def test_a_number_that_is_none_is_refused_at_issue(number: str) -> None:
    with pytest.raises(ProfileError, match="six digits"):
        issue_card("juki-v1", seed=1, printed=Printed(access_number=number))


POINTS: Final = {
    "off the curve": encode((G[0], G[1] + 1)),
    "infinity": b"\x00",
    "compressed": b"\x02" + G[0].to_bytes(32, "big"),
    "short": encode(G)[:-1],
    "long": encode(G) + b"\0",
    "empty": b"",
}


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
@pytest.mark.parametrize("tag", [0x81, 0x83])
def test_10_points_that_are_none(tag: int, point: bytes) -> None:
    there = pace_desk()
    pace = NaivePace(there.terminal)
    pace.set_password()
    pace.nonce()
    if tag == 0x83:
        pace.map()
    assert pace.step(Tlv(tag, point)).status == 0x6300
    assert pace.step(MAP).status == 0x6985
    opened(there)


def test_5_the_cards_own_key_sent_back() -> None:
    """Whoever reflects the card's ephemeral key and its token proves nothing."""
    there = pace_desk()
    pace = NaivePace(there.terminal)
    pace.set_password()
    pace.nonce()
    pace.map()
    pace.agree()
    cards = pace.cards
    again = NaivePace(there.terminal)
    again.set_password()
    again.nonce()
    again.map()
    assert again.step(Tlv(0x83, cards)).status == 0x9000, "a key of a run that is over"
    assert again.step(Tlv(0x85, bytes(8)), chained=False).status == 0x6300


def test_4_a_recorded_run_opens_nothing() -> None:
    there = pace_desk()
    recorded: list[bytes] = []
    raw = there.terminal.raw

    def recording(command: bytes) -> bytes:
        recorded.append(command)
        return raw(command)

    there.terminal.raw = recording
    opened(there)
    there.terminal.raw = raw
    there.status("00CA005A00")  # the session is over
    answers = [there.card.transmit(command)[-2:].hex() for command in recorded]
    assert answers == ["9000", "9000", "9000", "9000", "6300"]


# -- a dialogue is not a chain of parts ------------------------------------------------------------


def test_long_data_of_the_same_instruction_may_come_in_parts_cut_anywhere() -> None:
    """A part of the object 7C is not whole, so it is never taken for a step of a dialogue."""
    there = EacTerminal(desk(with_certificates()))
    public = encode(times(AGREEMENT_KEY, G))
    data = Tlv(0x7C, [Tlv(0x80, public)]).encode()
    for cut in range(1, len(data) + 1):
        assert there.desk.status(f"10860000{cut:02X}{data[:cut].hex()}") == 0x9000
        rest = data[cut:]
        last = f"00860000{len(rest):02X}{rest.hex()}00" if rest else "0086000000"
        assert there.desk.status(last) == 0x6985, "whole, and no terminal has proven itself"


NO_STEPS: Final = {
    "of another class": "90860000027C0000",
    "of another instruction": "10870000027C0000",
    "without a template": "1086000002810000",
    "with an object of other protocols": "10860000047C02800000",
    "with a step among others": "10860000067C048100800000",
    "longer than it says": "10860000037C000000",
    "shorter than it says": "10860000037C028100",
}


@pytest.mark.parametrize("link", NO_STEPS.values(), ids=NO_STEPS)
def test_what_is_no_step_waits_for_its_chain(link: str) -> None:
    there = pace_desk()
    there.terminal.plain(set_password())
    assert there.status(link) == 0x9000
    assert there.status("00CA005A00") == 0x6883, "the chain's next link was expected"


@pytest.mark.parametrize("profile", PROFILES)
def test_applications_without_it_say_so_at_once(profile: str) -> None:
    card = issue_card(profile, seed=1)
    card.power_on()
    assert len(card.applications) > 1 + (profile in RESIDENTS)
    for application in card.applications:
        card.transmit(bytes((0, 0xA4, 4, 0x0C, len(application.aid))) + application.aid)
        known = isinstance(application.applet, JukiApplet)
        answer = card.transmit(h("10860000027C0000"))
        assert answer == h("6985" if known else "6D00"), application
