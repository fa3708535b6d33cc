"""T=0 byte by byte: procedure bytes, the four cases, GET RESPONSE, wrong lengths, ENVELOPE."""

from __future__ import annotations

import pytest

from jukicard.transport.tpdu import T0Card, TpduCase
from tests.support.readers.t0_port import IsoPort
from tests.support.readers.t0_reader import T0Reader


def fed(card: T0Card, text: str) -> str:
    return card.feed(bytes.fromhex(text)).hex(" ").upper()


class Fixed:
    """Fits CardPort; answers in turn what it was told."""

    atr = bytes.fromhex("3B00")

    def __init__(self, *answers: str) -> None:
        self.answers = [bytes.fromhex(answer) for answer in answers]
        self.commands: list[str] = []

    def power_on(self) -> bytes:
        return self.atr

    def reset(self) -> bytes:
        return self.atr

    def power_off(self) -> None:
        pass

    def transmit(self, command: bytes, /) -> bytes:
        self.commands.append(command.hex(" ").upper())
        return self.answers.pop(0)


def talk(port: Fixed, script: list[tuple[str, str]], **options: bool | int) -> None:
    nulls = int(options.pop("nulls", 0))
    card = T0Card(
        port,
        wait=lambda command: nulls,
        byte_wise=bool(options.get("byte_wise")),
        envelope=bool(options.get("envelope", True)),
    )
    card.power_on()
    for sent, expected in script:
        assert fed(card, sent) == expected, sent


def test_case_1_has_a_p3_of_00_and_no_data() -> None:
    port = Fixed("9000", "63C3")
    talk(port, [("00 04 00 00 00", "90 00"), ("00 20 00 80 00", "63 C3")])
    # ISO/IEC 7816-3:2006, 12.2.2: the card cannot tell it from case 2 with Le 00
    assert port.commands == ["00 04 00 00", "00 20 00 80"]


def test_case_2() -> None:
    port = Fixed("AABB9000", "6A82", "AABB6282")
    talk(
        port,
        [
            ("00 B0 00 00 02", "B0 AA BB 90 00"),
            ("00 B0 00 00 00", "6A 82"),
            ("00 B0 00 00 02", "B0 AA BB 62 82"),
        ],
    )
    assert port.commands == ["00 B0 00 00 02", "00 B0 00 00 00", "00 B0 00 00 02"]


def test_case_2_with_the_wrong_length_is_executed_once() -> None:
    port = Fixed("AABBCC6282", "9000")
    talk(
        port,
        [
            ("00 B0 00 00 00", "6C 03"),
            ("00 B0 00 00 03", "B0 AA BB CC 62 82"),
            ("00 B0 00 00 03", "90 00"),
        ],
    )
    assert port.commands == ["00 B0 00 00 00", "00 B0 00 00 03"]


@pytest.mark.parametrize("other", ["00 B0 00 00 04", "00 B0 00 01 03", "00 B2 00 00 03"])
def test_another_command_after_6cxx_is_another_command(other: str) -> None:
    port = Fixed("AABBCC9000", "6700")
    talk(port, [("00 B0 00 00 00", "6C 03"), (other, "67 00")])
    assert port.commands == ["00 B0 00 00 00", other]


def test_case_2_with_more_than_asked_for() -> None:
    talk(
        Fixed("AABBCC9000"),
        [("00 B0 00 00 01", "B0 AA 61 02"), ("00 C0 00 00 02", "C0 BB CC 90 00")],
    )


def test_case_3() -> None:
    port = Fixed("9000", "6982")
    talk(
        port,
        [
            ("00 D6 00 00 02", "D6"), ("AA", ""), ("BB", "90 00"),
            ("00 D6 00 00 02", "D6"), ("AABB", "69 82"),
        ],
    )  # fmt: skip
    assert port.commands == ["00 D6 00 00 02 AA BB"] * 2


def test_case_4_is_fetched_with_get_response() -> None:
    port = Fixed("AABBCC9000", "6D00")
    talk(
        port,
        [
            ("00 88 00 00 01", "88"), ("77", "61 03"),
            ("00 C0 00 00 02", "C0 AA BB 61 01"),
            ("00 C0 00 00 00", "6C 01"),  # too much; the rest stays
            ("00 C0 00 00 01", "C0 CC 90 00"),
            ("00 C0 00 00 01", "6D 00"),  # nothing is left: it is the card's own GET RESPONSE
        ],
    )  # fmt: skip
    assert port.commands == ["00 88 00 00 01 77 00", "00 C0 00 00 01"]


def test_an_answer_that_is_not_fetched_is_dropped() -> None:
    port = Fixed("AABBCC9000", "9000", "6985")
    talk(
        port,
        [
            ("00 88 00 00 01 77", "88 61 03"),
            ("00 04 00 00 00", "90 00"),
            ("00 C0 00 00 03", "69 85"),
        ],
    )


def test_an_answer_belongs_to_its_channel_and_to_get_response_as_it_should_be() -> None:
    port = Fixed("AABBCC9000", "6985")
    talk(port, [("01 88 00 00 01 77", "88 61 03"), ("00 C0 00 00 03", "69 85")])
    port = Fixed("AABBCC9000", "6A86")
    talk(port, [("00 88 00 00 01 77", "88 61 03"), ("00 C0 00 01 03", "6A 86")])
    port = Fixed("AABBCC9000")
    talk(port, [("01 88 00 00 01 77", "88 61 03"), ("01 C0 00 00 03", "C0 AA BB CC 90 00")])


def test_a_refusal_of_case_4_is_told_at_once() -> None:
    talk(Fixed("6982"), [("00 88 00 00 01", "88"), ("77", "69 82")])


def test_what_the_card_says_of_its_own_goes_through() -> None:
    port = Fixed("6110", "6C05", "AA" * 256 + "6103", "BBBBBB9000")
    talk(
        port,
        [
            ("00 D6 00 00 01 11", "D6 61 10"),
            ("00 B0 00 00 01", "6C 05"),
            ("00 88 00 00 01 77", "88 61 00"),
            ("00 C0 00 00 00", "C0 " + "AA " * 256 + "61 03"),
            ("00 C0 00 00 03", "C0 BB BB BB 90 00"),
        ],
    )
    assert port.commands[3] == "00 C0 00 00 03"


def test_byte_by_byte() -> None:
    talk(
        Fixed("9000", "AABB9000"),
        [
            ("00 D6 00 00 02", "29"), ("11", "29"), ("22", "90 00"),
            ("00 B0 00 00 02", "4F AA 4F BB 90 00"),
        ],
        byte_wise=True,
    )  # fmt: skip


def test_null_bytes_come_before_the_answer() -> None:
    talk(
        Fixed("9000", "AABB9000", "AA9000"),
        [
            ("00 D6 00 00 01", "D6"), ("11", "60 60 90 00"),
            ("00 B0 00 00 03", "60 60 6C 02"), ("00 B0 00 00 02", "B0 AA BB 90 00"),
            ("00 88 00 00 01 11", "88 60 60 61 01"), ("00 C0 00 00 01", "C0 AA 90 00"),
        ],
        nulls=2,
    )  # fmt: skip


@pytest.mark.parametrize("ins", range(256))
def test_every_instruction_byte(ins: int) -> None:
    port = Fixed("6D00", "9000")
    card = T0Card(port, case_of=lambda header: TpduCase.NO_DATA, envelope=False)
    card.power_on()
    answer = card.feed(bytes((0, ins, 0, 0, 0)))
    # ISO/IEC 7816-3:2006, 10.3.2: 6X and 9X would be taken for procedure bytes
    assert answer == b"\x6d\x00"
    assert len(port.commands) == (0 if ins >> 4 in (6, 9) else 1)
    assert card.feed(bytes.fromhex("0004000000"))[:1] in (b"\x90", b"\x6d")


def test_class_ff_is_reserved() -> None:
    port = Fixed("9000")
    talk(port, [("FF A4 00 00 02", "6E 00"), ("00 04 00 00 00", "90 00")])
    assert port.commands == ["00 04 00 00"]


def test_bytes_may_come_in_any_pieces() -> None:
    whole = bytes.fromhex("00D600000211220088000001330000C000000300B0000002")
    answers = ("9000", "AABBCC9000", "6700", "DDEE9000")
    seen = set()
    for size in range(1, len(whole) + 1):
        card = T0Card(Fixed(*answers))
        card.power_on()
        seen.add(b"".join(card.feed(whole[i : i + size]) for i in range(0, len(whole), size)))
    assert len(seen) == 1
    assert T0Card(Fixed()).feed(b"") == b""


def test_an_extended_command_comes_in_envelopes() -> None:
    port = Fixed("AABB9000", "9000", "6985")
    talk(
        port,
        [
            ("00 C2 00 00 04", "C2"), ("00 88 00 00", "90 00"),
            ("00 C2 00 00 06 00 00 01 77 00 00", "C2 90 00"),
            ("00 C2 00 00 00", "61 02"),
            ("00 C0 00 00 02", "C0 AA BB 90 00"),
            ("00 C2 00 00 00", "69 85"),  # nothing was sent
            ("00 C2 00 00 04 00 88 00 00", "C2 90 00"),
            ("00 04 00 00 00", "90 00"),  # another command drops what was collected
            ("00 C2 00 00 00", "69 85"),
        ],
    )  # fmt: skip
    assert port.commands == ["00 88 00 00 00 00 01 77 00 00", "00 04 00 00"]


def test_what_is_longer_than_any_command_is_refused() -> None:
    card = T0Card(Fixed("9000"))
    card.power_on()
    part = bytes.fromhex("00C20000FF") + bytes(255)
    answers = [card.feed(part) for _ in range(65_544 // 255 + 1)]
    assert set(answers[:-1]) == {b"\xc2\x90\x00"}
    assert answers[-1] == b"\xc2\x67\x00"
    assert card.feed(bytes.fromhex("00C2000000")) == b"\x69\x85"


def test_envelope_may_be_left_to_the_card() -> None:
    port = Fixed("6D00", "6D00")
    talk(
        port,
        [("00 C2 00 00 01 11", "C2 6D 00"), ("00 C2 00 00 00", "6D 00")],
        envelope=False,
    )
    assert port.commands == ["00 C2 00 00 01 11", "00 C2 00 00"]
    port = Fixed("6882")
    talk(port, [("0C C2 00 00 01 11", "C2 68 82")])  # protected: not the transport's


@pytest.mark.parametrize("case", [1, 2, 3, 4])
@pytest.mark.parametrize("nc", [1, 254, 255, 256, 65_535])
@pytest.mark.parametrize("ne", [1, 254, 255, 256, 257, 65_536])
def test_every_case_and_length(case: int, nc: int, ne: int) -> None:
    port = IsoPort()
    card = T0Card(port)
    reader = T0Reader(card.feed)
    card.power_on()
    for size in (0, 1, 253, 254, 255, 256, 257, 512, 513, 65_536 if nc == 1 else 600):
        command = port.command(case, nc, ne, size)
        assert reader.transmit(command.encode()) == port.expected(command)
        assert port.received[command.header].data == command.data
    assert set(port.executed.values()) == {1}
