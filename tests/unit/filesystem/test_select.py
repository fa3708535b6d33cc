"""SELECT in all its forms (ISO/IEC 7816-4:2020, 11.2.2): where it goes, and what stays."""

from __future__ import annotations

from itertools import product

import pytest

from jukicard import Card
from jukicard.apdu import CommandApdu, Tlv
from jukicard.errors import IsoError
from jukicard.filesystem.commands import Occurrence, parse_select
from jukicard.filesystem.files import DfNode
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.selection import Selection, pick_occurrence, select
from tests.support.applets.iso_applet import AID, TREE, TWIN_AID, IsoApplet, selected_iso_card
from tests.support.published.transcript import play, send, status


@pytest.fixture
def card() -> Card:
    return selected_iso_card()


def where(card: Card) -> str:
    """Return the file identifier that SELECT of the current DF reports."""
    # 7F10 and below have data object C1 or an EF each other has not: ask for the parent's child
    for fid, probe in (("5F11", "2F05"), ("7F10", "5F11"), ("3F00", "0011")):
        way = "02" if probe in ("2F05", "0011") else "01"
        if status(card, f"00A4{way}0C02{probe}") == "9000":
            return fid
    return "another"


@pytest.mark.parametrize(
    ("title", "script", "df"),
    [
        ("the MF by its identifier", "00A4000C023F00 -> 9000", "3F00"),
        ("the MF without an identifier", "00A4000C -> 9000", "3F00"),
        ("a child DF by identifier", "00A4000C027F10 -> 9000", "7F10"),
        ("a child DF by P1 01", "00A4010C027F10 -> 9000", "7F10"),
        ("a grandchild", "00A4000C027F10 -> 9000 \n 00A4000C025F11 -> 9000", "5F11"),
        ("the current DF again", "00A4000C027F10 -> 9000 \n 00A4000C027F10 -> 9000", "7F10"),
        ("the parent by P1 03", "00A4000C027F10 -> 9000 \n 00A4030C -> 9000", "3F00"),
        ("the parent by identifier", "00A4080C047F105F11 -> 9000 \n 00A4000C027F10->9000", "7F10"),
        ("a path from the MF", "00A4080C047F105F11 -> 9000", "5F11"),
        (
            "a path from the MF, from elsewhere",
            "00A4010C027F20 -> 9000 \n 00A4080C047F105F11 -> 9000",
            "5F11",
        ),
        ("a path from the DF", "00A4010C027F10 -> 9000 \n 00A4090C025F11 -> 9000", "5F11"),
        ("a sibling by identifier", "00A4000C027F20 -> 9000 \n 00A4000C027F10 -> 9000", "7F10"),
        ("a path to an EF", "00A4080C067F105F112F05 -> 9000", "5F11"),
        (
            "an unknown file leaves all as it was",
            "00A4010C027F10 -> 9000 \n 00A4000C02EEEE -> 6A82",
            "7F10",
        ),
        (
            "a path that breaks leaves all as it was",
            "00A4010C027F10 -> 9000 \n 00A4080C047F10EEEE -> 6A82",
            "7F10",
        ),
    ],
)
def test_it_goes_there(card: Card, title: str, script: str, df: str) -> None:
    play(card, script)
    assert where(card) == df, title


def test_only_what_is_near_is_found_by_identifier(card: Card) -> None:
    play(
        card,
        """
        00A4000C025F11 -> 6A82     # a grandchild is not
        00A4010C022F01 -> 6A82     # P1 01 finds DFs only
        00A4020C027F10 -> 6A82     # P1 02 finds EFs only
        00A4030C -> 6A82           # the MF has no parent
        00A4080C047F105F11 -> 9000
        00A4000C023F00 -> 9000     # the MF is found from everywhere
        00A4080C047F105F11 -> 9000
        00A4000C027F20 -> 6A82     # an uncle is not
        00A4000C020011 -> 6A82     # nor an EF of a DF further up
        00A4080C042F012F01 -> 6A82 # nothing is below an EF
        """,
    )


def test_an_ef_makes_its_df_current_and_a_df_leaves_no_ef(card: Card) -> None:
    play(
        card,
        """
        00A4080C047F102F01 -> 9000
        00B0000008 -> 696E203746313021 9000   # the EF of that name in 7F10
        00A4010C025F11 -> 9000                # its DF is current: this is its child
        00B0000001 -> 6986
        00A4000C023F00 -> 9000
        00B0000001 -> 6986
        00A4020C022F01 -> 9000
        00B0000002 -> 0001 9000
        00A4020C02EEEE -> 6A82                # a refused SELECT changes nothing
        00B0000002 -> 0001 9000
        """,
    )


def test_selecting_the_application_again_leaves_no_ef(card: Card) -> None:
    play(
        card,
        f"""
        00A4080C047F102F01 -> 9000
        00A4040C09{AID} -> 9000
        00B0000001 -> 6986
        00A4020C020011 -> 9000
        """,
    )


def test_an_ef_selected_again_has_no_current_record(card: Card) -> None:
    play(
        card,
        """
        00A4020C026F01 -> 9000
        00B2020400 -> A1010203 9000   00
        """.replace("A1010203 9000   00", "A2010203 9000"),
    )
    play(
        card,
        """
        00B2000400 -> A2010203 9000
        00A4020C026F01 -> 9000
        00B2000400 -> 6A83
        """,
    )


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00A4000C01 3F", "6700"),
        ("00A4000C03 3F0000", "6700"),
        ("00A4010C", "6700"),
        ("00A4020C01 2F", "6700"),
        ("00A4030C02 3F00", "6700"),
        ("00A4080C", "6700"),
        ("00A4080C03 7F1000", "6700"),
        ("00A4090C01 7F", "6700"),
        ("00A4040C11" + "00" * 17, "6700"),
        ("00A4001C02 3F00", "6A86"),
        ("00A4002C02 3F00", "6A86"),
        ("00A4008C02 3F00", "6A86"),
        ("00A4000D02 3F00", "6A86"),
        ("00A4000E02 3F00", "6A86"),
        ("00A4020F02 2F01", "6A86"),
        ("00A40A0C02 2F01", "6A86"),
        ("00A4050C02 2F01", "6A86"),
        ("00A4FF0C02 2F01", "6A86"),
    ],
)
def test_what_it_refuses(card: Card, command: str, answer: str) -> None:
    assert send(card, command) == answer


def test_of_65536_p1_p2_only_the_listed_mean_something(card: Card) -> None:
    # no two P1 take the same reference, so each gets one that fits it
    references = {0x00: "023F00", 0x01: "027F10", 0x02: "022F01", 0x03: ""}
    references |= {0x04: f"09{AID}", 0x08: "022F01", 0x09: "022F01"}
    meant = {0x00, 0x04, 0x08, 0x0C}
    base = bytes.fromhex(f"00A4040C09{AID}")
    enter = bytes.fromhex("00A4010C027F10")
    for p1 in range(256):
        data = bytes.fromhex(references.get(p1, "022F01"))
        for p2 in range(256):
            if p1 in references and p2 < 0x10:
                card.transmit(base)
                if p1 == 0x03:
                    card.transmit(enter)
            answer = card.transmit(bytes((0, 0xA4, p1, p2)) + data)
            if p1 == 0x04 and p2 & 0xF0 == 0:
                # the name is full: first and last are this application, next and previous none
                wanted = b"\x90\x00" if p2 & 3 < 2 else b"\x6a\x82"
            elif p1 in references and p2 in meant:
                wanted = b"\x90\x00"
            else:
                wanted = b"\x6a\x86"
            assert answer == wanted, f"P1-P2 {p1:02X}{p2:02X}"


class TestNames:
    """SELECT by DF name among the applications of the card."""

    @pytest.fixture
    def card(self) -> Card:
        """All its applications may be selected."""
        return selected_iso_card(forbidden=False)

    @pytest.fixture
    def names(self, card: Card) -> list[str]:
        return [str(application.aid) for application in card.applications]

    def fci_name(self, answer: str) -> str:
        assert answer[:2] == "6F", answer
        assert answer[4:6] == "84", answer
        size = int(answer[6:8], 16)
        return answer[8 : 8 + 2 * size]

    def test_every_truncation_of_a_name_finds_the_first_that_begins_so(
        self, card: Card, names: list[str]
    ) -> None:
        for name in names:
            for size in range(1, len(name) // 2 + 1):
                part = name[: 2 * size]
                wanted = next(other for other in names if other.startswith(part))
                answer = send(card, f"00A40400{size:02X}{part}00")
                assert self.fci_name(answer) == wanted, part

    def test_a_longer_name_is_another_name(self, card: Card, names: list[str]) -> None:
        for name in names:
            longer = name + "00"
            assert send(card, f"00A4040C{len(longer) // 2:02X}{longer}") == "6A82"

    def test_no_name_at_all_is_the_first_application(self, card: Card, names: list[str]) -> None:
        assert self.fci_name(send(card, "00A4040000")) == names[0]
        assert send(card, "00A4040C") == "9000"

    def test_walking_forward_with_next_meets_every_match_once(
        self, card: Card, names: list[str]
    ) -> None:
        matches = [name for name in names if name.startswith("F0")]
        assert matches == [str(AID), str(TWIN_AID)]
        met = [self.fci_name(send(card, "00A4040001F000"))]
        while True:
            answer = send(card, "00A4040201F000")
            if answer == "6A82":
                break
            met.append(self.fci_name(answer))
        assert met == matches

    def test_walking_all_of_them_with_an_empty_name(self, card: Card, names: list[str]) -> None:
        met = [self.fci_name(send(card, "00A4040000"))]
        while (answer := send(card, "00A4040200")) != "6A82":
            met.append(self.fci_name(answer))
        assert met == names

    def test_walking_backward_with_previous(self, card: Card, names: list[str]) -> None:
        met = [self.fci_name(send(card, "00A4040100"))]
        while (answer := send(card, "00A4040300")) != "6A82":
            met.append(self.fci_name(answer))
        assert met == names[::-1]

    def test_the_last_of_those_that_match(self, card: Card) -> None:
        assert self.fci_name(send(card, "00A4040101F000")) == str(TWIN_AID)
        assert self.fci_name(send(card, "00A4040301F000")) == str(AID)
        assert send(card, "00A4040301F000") == "6A82"

    def test_a_refused_selection_keeps_the_application_and_its_file(self, card: Card) -> None:
        play(
            card,
            """
            00A4020C022F01 -> 9000
            00A4040C03F0EEEE -> 6A82
            00A4040E02F04A -> 6A82
            00B0000002 -> 0001 9000
            """,
        )


def test_occurrences_are_picked_for_every_position() -> None:
    for size in range(4):
        names = [f"DF{number}" for number in range(size)]
        for current, occurrence in product([None, "elsewhere", *names], Occurrence):
            found = pick_occurrence(names, current, occurrence)
            at = names.index(current) if current in names else None
            wanted: str | None
            if not names:
                wanted = None
            elif occurrence is Occurrence.FIRST:
                wanted = names[0]
            elif occurrence is Occurrence.LAST:
                wanted = names[-1]
            elif at is None:
                wanted = names[0] if occurrence is Occurrence.NEXT else None
            elif occurrence is Occurrence.NEXT:
                wanted = names[at + 1] if at + 1 < size else None
            else:
                wanted = names[at - 1] if at > 0 else None
            assert found == wanted, (names, current, occurrence)


class TestNamedFilesOfOneTree:
    """DF names inside an application, which the file system finds for whoever asks it."""

    @pytest.fixture
    def applet(self, card: Card) -> IsoApplet:
        found = card.applications.get(AID)
        assert found is not None
        assert isinstance(found.applet, IsoApplet)
        return found.applet

    @pytest.mark.parametrize(
        ("command", "fid"),
        [
            ("00A4040007F04E414D45440100", 0x7F20),
            ("00A4040007F04E414D45440200", 0x7F21),
            ("00A4040002F04E00", 0x7F20),
            ("00A4040102F04E00", 0x7F21),
            ("00A4040202F04E00", 0x7F20),
            ("00A4040002F04900", 0x3F00),
        ],
    )
    def test_they_are_found(self, applet: IsoApplet, command: str, fid: int) -> None:
        selection = Selection(TREE.root)
        parsed = parse_select(CommandApdu.parse(bytes.fromhex(command)))
        answer, word = select(applet.files, selection, parsed)
        assert word == 0x9000
        assert selection.df.spec.fid == fid
        assert fid.to_bytes(2, "big") in answer

    @pytest.mark.parametrize("command", ["00A4040C01EE", "00A4040F02F04E"])
    def test_they_are_not(self, applet: IsoApplet, command: str) -> None:
        selection = Selection(TREE.root)
        parsed = parse_select(CommandApdu.parse(bytes.fromhex(command)))
        with pytest.raises(IsoError) as refused:
            select(applet.files, selection, parsed)
        assert refused.value.status == 0x6A82
        assert selection.df is TREE.root


class TestStates:
    """What a file's life-cycle state does to its selection and use."""

    STATUS = {  # noqa: RUF012 - a table, never changed
        LifeCycleState.CREATION: "6A82",
        LifeCycleState.INITIALISATION: "9000",
        LifeCycleState.DEACTIVATED: "6283",
        LifeCycleState.ACTIVATED: "9000",
        LifeCycleState.TERMINATED: "6285",
    }

    def put(self, card: Card, node: object, state: LifeCycleState) -> None:
        application = card.applications.get(AID)
        assert application is not None
        assert isinstance(application.applet, IsoApplet)
        with card.environment.memory.transaction():
            application.applet.files.put_state(node, state)  # type: ignore[arg-type]

    @pytest.mark.parametrize("state", LifeCycleState)
    def test_of_an_ef(self, card: Card, state: LifeCycleState) -> None:
        self.put(card, TREE.ef(0x2F01), state)
        assert status(card, "00A4020C022F01") == self.STATUS[state]
        if state is not LifeCycleState.CREATION:
            assert f"8A01{state.byte:02X}" in send(card, "00A4020402 2F01 00")
        wanted = "9000" if state is LifeCycleState.ACTIVATED else "6985"
        for command in (
            "00B0810001",
            "00D681000100",
            "00D081000100",
            "000E8100",
            "00A081000100 00",
        ):
            assert status(card, command) == wanted, command

    @pytest.mark.parametrize(
        "state", [state for state in LifeCycleState if state is not LifeCycleState.CREATION]
    )
    def test_of_a_df_holds_for_what_is_in_it(self, card: Card, state: LifeCycleState) -> None:
        df: DfNode = TREE.root.dfs[0x7F10]
        self.put(card, df, state)
        wanted = "9000" if state is LifeCycleState.ACTIVATED else "6985"
        assert status(card, "00A4010C027F10") == self.STATUS[state]
        assert status(card, "00DA00C101AA") == wanted
        assert status(card, "00CA00C100") == wanted
        assert status(card, "00B0810001") == wanted
        assert status(card, "00A4010C025F11") == "9000"
        assert status(card, "00B0850001") == wanted
        assert status(card, "00A4080C022F01") == "9000"
        assert status(card, "00B0000001") == "9000"

    @pytest.mark.parametrize("state", [LifeCycleState.DEACTIVATED, LifeCycleState.TERMINATED])
    def test_of_records(self, card: Card, state: LifeCycleState) -> None:
        self.put(card, TREE.ef(0x6F01), state)
        for command in ("00B2011400", "00DC011404" + "00" * 4, "00E2001004" + "00" * 4):
            assert status(card, command) == "6985", command
        for command in ("000C0114", "00A2011401A000", "00D2011404" + "00" * 4):
            assert status(card, command) == "6985", command

    def test_of_a_pin_not_in_use(self, card: Card) -> None:
        self.put(card, TREE.ef(0x0011), LifeCycleState.DEACTIVATED)
        assert status(card, "00200091043132 3334") == "6984"
        assert status(card, "002400910831323334 39393939") == "6984"
        self.put(card, TREE.ef(0x0011), LifeCycleState.ACTIVATED)
        assert status(card, "00200091043132 3334") == "9000"

    def test_of_a_resetting_code_not_in_use(self, card: Card) -> None:
        self.put(card, TREE.ef(0x0012), LifeCycleState.DEACTIVATED)
        assert status(card, "002C0191083837363534333231") == "6984"
        assert send(card, "00200092") == "63CA"


def test_a_named_df_inside_the_selected_application_is_found_by_its_name() -> None:
    """No application has the name, so the selected one is asked; a name nobody has is 6A82."""
    card = selected_iso_card()
    assert status(card, "00A4040007 F04E414D454401 00") == "9000"
    answer = bytes.fromhex(send(card, "00A4040407 F04E414D454402 00"))
    fid = Tlv.parse(answer[:-2]).find(0x83)
    assert fid is not None
    assert fid.value == b"\x7f\x21"
    assert status(card, "00A4040007 F04E414D454403 00") == "6A82"
    card.power_off()
    card.power_on()
    assert status(card, "00A4040007 F04E414D454401 00") == "6A82", "the application is not selected"
