"""What the issuer does in a session: sees, installs, locks, personalises and removes."""

from __future__ import annotations

from typing import Any, Final

import pytest

from jukicard import PROFILES, Card, issue_card
from jukicard.apdu import Tlv
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.kinds import further_kinds
from jukicard.testing.applets import FORBIDDEN_AID
from tests.support.cards.issuer_desk import (
    ISSUED,
    ISSUER,
    JPKI,
    K_ENC,
    K_MAC,
    POINTS,
    SELECT_POINTS,
    SHARING,
    apdu,
    contents,
    delete,
    install,
    put_key,
    session,
    tree,
)
from tests.support.naive.scp03_host import Host
from tests.support.naive.terminal import JUKI
from tests.support.published.transcript import send


@pytest.fixture
def card() -> Card:
    made = Card.restore(ISSUED, on_bug=raise_bug)
    made.power_on()
    return made


MANAGING: Final = {
    "GET STATUS": "80F28000024F0000",
    "SET STATUS": "80F0807F00",
    "INSTALL": install().hex(),
    "DELETE": delete(POINTS).hex(),
    "PUT KEY": "80D8008101" + "02",
    "STORE DATA": "80E2800004420201 02".replace(" ", ""),
    "RESET RETRY COUNTER": "802C0300020101",
}


@pytest.mark.parametrize("command", MANAGING.values(), ids=list(MANAGING))
def test_nothing_is_managed_without_a_session(card: Card, command: str) -> None:
    before = contents(card)
    assert send(card, command) == "6982"
    opened = session(card)
    send(card, "00CA005A00")
    assert send(card, command) == "6982"
    assert card.transmit(opened.wrap(command)).hex() == "6882"
    assert contents(card) == before


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("80E8000000", "6D00"),  # LOAD
        ("807A0000", "6D00"),  # BEGIN R-MAC
        ("80780000", "6D00"),  # END R-MAC
        ("80F2100002 4F00", "6A86"),
        ("80F2800402 4F00", "6A86"),
        ("80F2800000", "6A80"),
        ("80F2800003 4F0100 ", "6A88"),
        ("80F2800004 4F025C00", "6A88"),
        ("80F2800004 4F005C01", "6A80"),
        ("80F2800104 4F005C00", "6985"),
        ("80F0600700", "6A86"),
        ("80F0800100", "6985"),
        ("80F0800700", "6985"),
        ("80F0408007 A0000001510000", "6985"),
        ("80F0408005 F011223344", "6A88"),
        ("80F0408001 F0", "6A80"),
        ("80E4000002 4F00", "6A80"),
        ("80E4000007 4F05F011223344", "6A88"),
        ("80E4000009 4F07A0000001510000", "6985"),
        ("80E4010007 4F05F011223344", "6A86"),
        ("80E4000003 D20101", "6985"),
        ("80E4000003 D20102", "6A88"),
        ("80E4000003 D20100", "6A80"),
        ("80E4000003 D00101", "6A80"),
        ("80E6020001 00", "6A86"),
        ("80E60C0100", "6A86"),
        ("80E62000 06 000000000000", "6A80"),
        ("80E60C0000", "6A80"),
        ("80D8008101 00", "6A80"),
        ("80D8008101 80", "6A80"),
        ("80D8000101 02", "6A86"),
        ("80D8008001 02", "6A86"),
        ("80D8808101 02", "6A86"),
        ("80D8008101 02", "6A80"),
        ("80E2800000", "6700"),
        ("80E2E00004 42020102", "6A86"),
        ("80E2980004 42020102", "6A86"),
        ("80E2800004 66020102", "6A88"),
        ("80E2800003 420201", "6A80"),
        ("80E2880004 00420201", "6A80"),
        ("80E2800104 42020102", "6985"),
        ("802C000002 0101", "6A86"),
        ("802C030001 01", "6700"),
        ("802C030002 0101", "6985"),
    ],
)
def test_what_is_wrong_is_refused_and_the_session_goes_on(
    card: Card, command: str, status: str
) -> None:
    host = session(card)
    before = contents(card)
    assert host.send(command) == status, card.last_refusal
    assert contents(card) == before
    assert host.send("80CA005A00")[-4:] == "9000"


# -- what there is --------------------------------------------------------------------------------


def test_get_status_tells_the_domain_the_applications_and_what_is_offered(card: Card) -> None:
    host = session(card)
    assert host.send("80F28000024F00") == "07A00000015100000F9C9000"
    [domain] = tree(host.send("80F28002024F00"))
    assert domain == {0x4F: ISSUER, 0x9F70: "0F", 0xC5: "9C5E00"}
    listed = tree(host.send("80F24002024F00"))
    assert [(one[0x4F], one[0x9F70], one[0xC5]) for one in listed] == [
        (str(JUKI), "07", "180000"),
        (JPKI, "07", "000000"),
        (str(FORBIDDEN_AID), "07", "000000"),
    ]
    offered = tree(host.send("80F22002 0A 4F08".replace(" ", "") + str(POINTS)))
    assert offered == [{0x4F: str(POINTS), 0x9F70: "01"}]
    assert not set(further_kinds()) & {one.kind for one in PROFILES["mynumber"].applications}


def test_get_status_is_narrowed_by_name_and_tags(card: Card) -> None:
    host = session(card)
    assert [one[0x4F] for one in tree(host.send("80F24002044F02D392"))] == [str(JUKI), JPKI]
    [only] = tree(host.send("80F24002 0B 4F04D392F000 5C039F70C5".replace(" ", "")))
    assert only == {0x9F70: "07", 0xC5: "000000"}
    assert host.send("80F24002044F02D393") == "6A88"


@pytest.mark.parametrize("objects", [0, 2])
def test_get_status_goes_on_where_it_stopped(card: Card, objects: int) -> None:
    for level in (0x01, 0x33):
        host = session(card, level=level)
        numbered = [bytes(POINTS) + bytes((n,)) for n in range(60)]
        if level == 0x01:
            for aid in numbered:
                assert host.send(install(aid=aid)) == "009000"
            assert host.send(install(aid=bytes(POINTS) + b"\xff")) == "6A84", "64 fit"
        parts = [host.send(f"80F240{objects:02X}024F00")]
        while parts[-1].endswith("6310"):
            assert len(parts[-1]) // 2 - 2 <= 239
            parts.append(host.send(f"80F240{objects | 1:02X}024F00"))
        assert parts[-1].endswith("9000")
        assert len(parts) > 2
        whole = "".join(part[:-4] for part in parts)
        assert all(aid.hex().upper() in whole for aid in numbered)
        assert host.send(f"80F240{objects | 1:02X}024F00") == "6985", "it is at its end"
        host.send(f"80F240{objects:02X}024F00")
        host.send("80CA005A00")
        assert host.send(f"80F240{objects | 1:02X}024F00") == "6985", "another command came"


# -- life cycle -----------------------------------------------------------------------------------


def test_the_card_is_locked_unlocked_and_ended(card: Card) -> None:
    host = session(card)
    assert host.send("80F0807F00") == "9000"
    assert send(card, "00CA008A00") == "8A01049000"
    assert send(card, f"00A4040C0A{JUKI}") == "6283"
    assert send(card, f"00A4040C07{ISSUER}") == "6283"
    host = Host(card.transmit).open()
    assert host.send("80F28000024F00") == "07A00000015100007F9C9000"
    assert host.send("80F0807F00") == "6985"
    for refused in (install(), delete(POINTS), "80F04087" + "0A" + JPKI, "80E2800004420201 02"):
        assert host.send(refused) == "6985"
    assert host.send("80F0800F00") == "9000"
    assert send(card, f"00A4040C0A{JUKI}") == "9000"
    host = session(card)
    assert host.send("80F080FF00") == "9000"
    assert host.send("80F0800F00") == "6985"
    assert send(card, "8050000008010203040506070800") == "6985"
    assert send(card, f"00A4040C0A{JUKI}") == "6285"


def test_a_locked_application_answers_nothing_until_it_is_unlocked(card: Card) -> None:
    send(card, "0070000001")
    assert send(card, f"01A4040C0A{JPKI}") == "9000"
    assert send(card, "01200080") != "6985"
    host = session(card)
    assert host.send(f"80F040800A{JPKI}") == "9000"
    assert send(card, "01A4020C020001") == "6985", "where it was selected it is no more"
    assert send(card, f"01A4040C0A{JPKI}") == "6283"
    for ins in (0xA4, 0xB0, 0xCA, 0x20, 0x84, 0x82, 0x44):
        assert send(card, f"01{ins:02X}0000020001") == "6985"
    assert send(card, f"01A4040C0A{JUKI}") == "9000", "others go on"
    [locked] = tree(host.send(f"80F240020C4F0A{JPKI}"))
    assert locked[0x9F70] == "87"
    assert host.send(f"80F040800A{JPKI}") == "9000", "locked again, as a file is"
    card.power_on()
    assert send(card, f"00A4040C0A{JPKI}") == "6283"
    assert session(card).send(f"80F040070A{JPKI}") == "9000"
    assert send(card, f"00A4040C0A{JPKI}") == "9000"


# -- applications ---------------------------------------------------------------------------------


def test_an_application_comes_is_personalised_and_goes_without_a_trace(card: Card) -> None:
    before = contents(card)
    host = session(card)
    assert host.send(install(0x04)) == "009000"
    assert send(card, SELECT_POINTS) == "6A82", "not selectable yet"
    host = session(card)
    assert [one[0x9F70] for one in tree(host.send("80F240020A4F08" + str(POINTS)))] == ["03"]
    assert host.send(f"80F0400708{POINTS}") == "6985"
    assert host.send(install(0x08)) == "009000"
    assert host.send(install(0x08)) == "6985"
    assert host.send(install(0x20)) == "009000"
    assert host.send(put_key(host, (K_ENC, K_MAC), 1)).endswith("9000")
    assert host.send("80E2080009 0001 06 ABCDEFABCDEF".replace(" ", "")) == "9000"
    assert host.send("80E2080104 000304 34".replace(" ", "")) == "9000", "cut in the middle"
    assert host.send("80E2880203 333231".replace(" ", "")) == "9000"
    assert host.send("80E2800003 C10178") == "6A88", "personalisation is over"
    assert host.send(install(0x20)) == "009000"
    assert host.send("80E2800003 C10177") == "9000"
    assert send(card, SELECT_POINTS) == "9000"
    assert send(card, "00B0810000") == "ABCDEFABCDEFFFFF9000"
    assert send(card, "00CA00C100") == "779000"
    assert send(card, "0020008304 34333231") == "9000"
    assert send(card, "00B0820000") == "FFFFFFFF9000"
    assert session(card).send(delete(POINTS)) == "009000"
    assert send(card, SELECT_POINTS) == "6A82"
    assert contents(card) == before, "not a byte is left"
    assert session(card).send(install()) == "009000"
    assert send(card, SELECT_POINTS) == "9000"
    assert send(card, "00B0810000") == "FFFFFFFFFFFFFFFF9000", "it starts empty"
    assert send(card, "00200083") == "63C0"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"module": b"\xf0\x11\x22\x33\x44"}, "6A88"),
        ({"module": b""}, "6A80"),
        ({"aid": bytes(JUKI)}, "6A89"),
        ({"aid": b"\xf0"}, "6A80"),
        ({"privileges": b""}, "6A80"),
        ({"privileges": b"\x80"}, "6A80"),
        ({"privileges": b"\x00\x00\x01"}, "6A80"),
        ({"privileges": b"\x00\x00"}, "6A80"),
        ({"token": b"\x01"}, "6A80"),
        ({"parameters": b"\xef\x00"}, "6A80"),
        ({"parameters": bytes.fromhex("C900EF00")}, "6A80"),
        ({"parameters": bytes.fromhex("C900EF03C80101")}, "6A80"),
        ({"parameters": bytes.fromhex("C900EF04C7020100")}, "6A80"),
        ({"parameters": bytes.fromhex("C900EF06C80400010001")}, "6A84"),
        ({"parameters": b"\xc9\x01"}, "6A80"),
        ({"parameters": b"\xc9\x03abc"}, "6A80"),
        ({"parameters": b"\xc9\x02\xff\xff"}, "6A80"),
    ],
)
@pytest.mark.parametrize("p1", [0x04, 0x0C])
def test_an_install_that_cannot_be(
    card: Card, changes: dict[str, bytes], status: str, p1: int
) -> None:
    host = session(card)
    before = contents(card)
    assert host.send(install(p1, **changes)) == status, card.last_refusal
    assert contents(card) == before


@pytest.mark.parametrize("parameters", [SHARING, bytes.fromhex("C900EF04C8020001"), b"\xc9\3a=b"])
def test_parameters_come_with_the_installation(card: Card, parameters: bytes) -> None:
    host = session(card)
    assert host.send(install(0x04)) == "009000"
    assert host.send(install(0x08, parameters=parameters)) == "6A80"
    assert host.send(install(0x08)) == "009000"


def test_fields_that_do_not_fit(card: Card) -> None:
    host, right = session(card), install()[5:]
    for cut in range(len(right)):
        assert host.send(apdu(0xE6, 0x0C, 0, right[:cut])) == "6A80"
    assert host.send(apdu(0xE6, 0x0C, 0, right + b"\0")) == "6A80"


def test_what_is_selected_elsewhere_is_not_removed(card: Card) -> None:
    host = session(card)
    host.send(install())
    send(card, "0070000001")
    send(card, "01" + SELECT_POINTS[2:])
    host = session(card)
    assert host.send(delete(POINTS)) == "6985"
    assert send(card, "01B0810000")[-4:] == "9000"
    assert send(card, "00708001") == "9000"
    assert session(card).send(delete(POINTS)) == "009000"


def test_the_quota_of_memory_is_shared(card: Card) -> None:
    small = issue_card(
        "juki-v1",
        seed=1,
        on_bug=raise_bug,
        options=lambda options: type(options)(**{**_values(options), "quota": 30}),
    )
    small.power_on()
    host = session(small)
    other = bytes(POINTS) + b"\1"
    assert host.send(install(parameters=SHARING)) == "009000"
    assert host.send(install(aid=other, parameters=SHARING)) == "009000"
    host.send(install(0x20))
    assert host.send("80E28800040001 01 AA".replace(" ", "")) == "9000", "22 bytes with its name"
    host.send(install(0x20, aid=other))
    before = contents(small)
    assert host.send("80E28800040001 01 AA".replace(" ", "")) == "6A84"
    assert contents(small) == before
    host.send(install(0x20))
    assert host.send("80E28800040001 01 BB".replace(" ", "")) == "9000", "no more than before"
    host.send(delete(POINTS))
    host.send(install(0x20, aid=other))
    assert host.send("80E28800040001 01 AA".replace(" ", "")) == "9000", "what was freed"


def test_memory_that_is_reserved_is_ones_own(card: Card) -> None:
    host = session(card)
    own, second, third = (bytes(POINTS) + bytes((n,)) for n in range(3))

    def stores(aid: bytes, size: int) -> str:
        """Write an object of so many bytes: its name, `object//C1`, takes ten."""
        host.send(install(0x20, aid=aid))
        value = Tlv(0xC1, bytes(size)).encode()
        return host.send(apdu(0xE2, 0x80, 0, value))

    reserving = bytes.fromhex("C900EF06C8040000FF00")  # all of 65536 but 256
    assert host.send(install(aid=own, parameters=reserving)) == "009000"
    assert host.send(install(aid=second, parameters=reserving)) == "6A84"
    assert host.send(install(aid=second)) == "6A84", "1,024 bytes would be its own"
    assert host.send(install(aid=second, parameters=SHARING)) == "009000"
    assert host.send(install(aid=third, parameters=SHARING)) == "009000"
    assert stores(second, 200) == "9000"
    assert stores(third, 200) == "6A84", "the two share what nobody has reserved"
    assert stores(own, 200) == "9000"
    assert stores(third, 36) == "9000"
    assert stores(third, 37) == "6A84"
    host.send(delete(second))
    assert stores(third, 200) == "9000"


def _values(options: Any) -> dict[str, Any]:
    return {name: getattr(options, name) for name in type(options).__slots__}


def test_only_what_came_after_issue_is_personalised(card: Card) -> None:
    host = session(card)
    for aid in (bytes(JUKI), bytes.fromhex(JPKI)):
        host.send(install(0x20, aid=aid))
        before = contents(card)
        assert host.send("80E2880007 0002 04 01020304".replace(" ", "")) == "6985"
        assert contents(card) == before
    assert host.send(install(0x20, aid=bytes.fromhex(ISSUER))) == "6985"


@pytest.mark.parametrize(
    ("block", "status"),
    [
        ("80E2880004 0009 01AA", "6A88"),
        ("80E2880004 0004 01AA", "6981"),
        ("80E288000C 0001 09 AAAAAAAAAAAAAAAAAA", "6700"),
        ("80E2880005 0003 02AAAA", "6700"),
        ("80E2880007 0003 04AAAAAAAA", "6A80"),
        ("80E2800003 C20177", "6A88"),
        ("80E2880104 0001 01AA", "6985"),
    ],
)
def test_contents_that_do_not_fit(card: Card, block: str, status: str) -> None:
    host = session(card)
    host.send(install())
    host.send(install(0x20))
    before = contents(card)
    assert host.send(block.replace(" ", "")) == status, card.last_refusal
    assert contents(card) == before


@pytest.mark.parametrize("between", ["", "80CA005A00", "80E2080104 00F20132", "80E2800201AA"])
def test_blocks_that_do_not_follow_are_dropped(card: Card, between: str) -> None:
    host = session(card)
    before = contents(card)
    assert host.send("80E2000003 F00341") == "9000"
    if between:
        host.send(between)
        assert host.send("80E280010141") in ("6985", "6A80")
    card.power_off()
    card.power_on()
    assert contents(card) == before, "nothing is written before the last one"


def test_card_level_objects_are_written(card: Card) -> None:
    host = session(card)
    assert host.send("80E2800005 F003 414243".replace(" ", "")) == "9000"
    assert host.send("80E2880007 00F2 04 32303330".replace(" ", "")) == "9000"
    assert host.send("80CA00F000") == "4142439000"
    assert host.send("80CA00F200") == "323033309000"


def test_the_name_that_tools_look_for(card: Card) -> None:
    assert send(card, "00A4040C08A000000151000000") == "9000"
    assert Host(card.transmit).open().send("80CA005A00")[-4:] == "9000"
    send(card, f"00A4040C0A{JUKI}")
    assert send(card, "00A4040C08A000000151000000") == "6A82"
