"""Issuing a card: what is written into it, what can be chosen, and what cannot be issued."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from jukicard import PROFILES, Card, CardOptions, Pins, Printed, ProfileError, issue_card
from jukicard.apdu import StatusWord, Tlv
from jukicard.applets import names
from jukicard.environment import CardEnvironment
from jukicard.memory import PersistentMemory, PowerLoss, RamBackend
from jukicard.runtime.card import CARD_PARTITION, OPTIONS_KEY
from jukicard.synthetic.codes import is_resident_code
from jukicard.testing.faults import FaultyBackend
from tests.support import soak
from tests.support.cards.issuing import issue
from tests.support.published.transcript import play, send

SELECT = "00A4040C0AD3921000310001010401"
JUKI = "application D3921000310001010401"
SESSION = f"""
    00CA004200
    00CA004500
    00CA005A00
    0084000008
    {SELECT}
    00CA005A00
    0084000010
    0084000000
    00A4020C02001C
    0020008004 31323334
    0084000020
""".split("\n")


def stored(card: Card, key: str) -> bytes:
    return dict(card.environment.memory.partition(JUKI).items())[key]


def code_of(card: Card) -> str:
    return stored(card, "content/0002")[4:15].decode()


def answers(card: Card) -> list[str]:
    card.power_on()
    return [send(card, line) for line in SESSION if line.strip()]


class TestSeeds:
    def test_the_same_seed_and_commands_give_the_same_bytes(self) -> None:
        for seed in (0, 1, "text", b"bytes", 2**70):
            first, second = issue_card(seed=seed), issue_card(seed=seed)
            assert first.snapshot().export_with_keys() == second.snapshot().export_with_keys()
            assert answers(first) == answers(second)
            assert first.snapshot().export_with_keys() == second.snapshot().export_with_keys()

    def test_different_seeds_give_different_cards(self) -> None:
        cards = [issue_card(seed=seed) for seed in range(soak.times(30, soak=1_000))]
        for key in ("content/0002", "object//5A"):
            assert len({stored(card, key) for card in cards}) == len(cards), key
        assert len({tuple(answers(card)) for card in cards}) == len(cards)

    def test_without_a_seed_every_card_is_another(self) -> None:
        assert code_of(issue_card()) != code_of(issue_card())

    def test_codes_have_the_right_check_digit(self) -> None:
        for seed in range(soak.times(100, soak=10_000)):
            assert is_resident_code(code_of(issue_card(seed=seed)))


class TestContents:
    def test_of_the_card(self) -> None:
        card = issue_card(
            seed=1,
            code="24727059608",
            municipality="01101",
            issued=datetime.date(2008, 2, 29),
            printed=Printed(form=1),
        )
        assert code_of(card) == "24727059608"
        assert stored(card, "content/0002") == b"\x00\x0d\x01\x0b24727059608"
        template = stored(card, "content/0003").rstrip(b"\xff")
        found = Tlv.parse(template)
        assert found.tag == 0xFF20
        assert [(child.tag, child.value) for child in found.children] == [
            (0xDF21, b"01101"),
            (0xDF22, b"1"),
            (0xDF23, b"20080229"),
            (0xDF24, b"20180228"),
        ]
        card.power_on()
        play(card, "00CA00F000 -> 3031313031 9000 \n 00CA00F200 -> 3230313830323238 9000")

    @pytest.mark.parametrize(
        ("issued", "expires"),
        [
            ((2003, 8, 25), b"20130825"),
            ((2015, 12, 28), b"20251228"),
            ((2004, 2, 29), b"20140228"),
            ((2012, 12, 31), b"20221231"),
        ],
    )
    def test_ten_years(self, issued: tuple[int, int, int], expires: bytes) -> None:
        """P9: the card lasts ten years from the day it was made."""
        card = issue_card(seed=1, issued=datetime.date(*issued))
        assert expires in stored(card, "content/0003")

    def test_both_forms_differ_in_one_byte_only(self) -> None:
        """P10: two faces, no difference in service."""
        one, two = (
            stored(issue_card(seed=1, printed=Printed(form=form)), "content/0003")
            for form in (1, 2)
        )
        assert [(a, b) for a, b in zip(one, two, strict=True) if a != b] == [(0x31, 0x32)]

    def test_the_pin(self) -> None:
        for card in (
            issue_card(seed=1, pin="0000"),
            issue_card(seed=1, pins=Pins(juki="0000")),
            issue_card(seed=1, pins=Pins(juki="1111"), pin="0000"),
        ):
            card.power_on()
            play(card, f"{SELECT} -> 9000 \n 0020009C0430303030 -> 9000")
        card = issue_card(seed=1)
        card.power_on()
        play(card, f"{SELECT} -> 9000 \n 0020009C04 31323334 -> 9000")

    def test_no_secret_in_a_text(self) -> None:
        assert "1234" not in repr(Pins())
        card = issue_card(seed=1, pin="4826", code="24727059608")
        for text in (repr(card), repr(card.snapshot()), repr(card.environment), repr(card.options)):
            assert "4826" not in text
            assert "24727059608" not in text


class TestInterfaces:
    @pytest.mark.parametrize(
        ("contactless", "atr"),
        [(False, "3BE000FF8131FE4514"), (True, "3B888001000014E0B38191005E")],
    )
    def test_the_atr(self, contactless: bool, atr: str) -> None:
        card = issue_card("juki-v1", seed=1, contactless=contactless)
        assert card.power_on().hex().upper() == atr
        assert card.reset().hex().upper() == atr
        assert card.atr.hex().upper() == atr
        assert card.fork().power_on().hex().upper() == atr

    def test_the_profile_is_known_by_its_name(self) -> None:
        for name in PROFILES:
            assert issue_card(name, seed=1).profile == name


class TestOptions:
    def test_they_are_kept_in_the_card(self) -> None:
        card = issue_card(
            seed=1,
            options=lambda o: dataclasses.replace(
                o,
                blocked_status=StatusWord(0x6983),
                lenient_verify=True,
                reselect_keeps_status=False,
                channels=3,
            ),
        )
        raw = dict(card.environment.memory.partition(CARD_PARTITION).items())[OPTIONS_KEY]
        for again in (card.fork(), Card.restore(card.snapshot())):
            assert again.options == card.options == CardOptions.from_bytes(raw)
            assert again.options.blocked_status == 0x6983
            assert again.options.channels == 3

    def test_every_field_survives(self) -> None:
        usual = CardOptions(atr=b"\x3b\x00")
        for field in dataclasses.fields(CardOptions):
            value = getattr(usual, field.name)
            if isinstance(value, bool):
                other: object = not value
            elif isinstance(value, bytes):
                other = value + b"\x01"
            else:
                other = type(value)(value - 1)
            values: dict[str, Any] = {field.name: other}
            changed = dataclasses.replace(usual, **values)
            assert changed != usual
            assert CardOptions.from_bytes(changed.to_bytes()) == changed
            assert type(getattr(CardOptions.from_bytes(changed.to_bytes()), field.name)) is type(
                value
            )


class TestWhatCannotBeIssued:
    @pytest.mark.parametrize(
        ("wishes", "text"),
        [
            ({"profile": "juki-v9"}, "there is no profile 'juki-v9'; there is juki-v1"),
            ({"code": "12345678904"}, "eleven digits, the last a check digit"),
            ({"code": "1234567890"}, "eleven digits"),
            ({"code": "１２３４５６７８９０３"}, "eleven digits"),
            ({"code": ""}, "eleven digits"),
            ({"municipality": "1322"}, "five digits, for example 13221"),
            ({"municipality": "132211"}, "five digits"),
            ({"municipality": "1322X"}, "five digits"),
            ({"municipality": "１３２２１"}, "five digits"),
            ({"form": 0}, "form is 1"),
            ({"form": 3}, "form is 1"),
            ({"pin": ""}, "the juki PIN is four digits"),
            ({"pin": "123"}, "the juki PIN is four digits"),
            ({"pin": "12345"}, "the juki PIN is four digits"),
            ({"pin": "12A4"}, "the juki PIN is four digits"),
            ({"pins": Pins(juki="")}, "the juki PIN is four digits"),
            ({"pin": "１２３４"}, "four digits"),
            ({"pin": 4321}, "a PIN is text"),
            ({"pins": Pins(signature="ABC12")}, "signature PIN is 6 to 16 capital letters"),
            ({"pins": Pins(signature="abc123")}, "signature PIN is 6 to 16 capital letters"),
            ({"pins": Pins(text="12345")}, "the text PIN is four digits"),
            ({"pins": Pins(common=None)}, "a PIN is text"),  # type: ignore[arg-type]
            ({"access_number": 271828}, "six digits and is text"),
            ({"seed": object()}, "a seed is a number, text or bytes"),
            ({"masters": {"NOBODY": bytes(range(16))}}, "no purpose 'NOBODY'; there is RESIDENT"),
            ({"masters": {"COUNTER": bytes(15)}}, "16, 24 or 32 bytes"),
        ],
    )
    def test_it_says_what_to_give_instead(self, wishes: dict[str, object], text: str) -> None:
        with pytest.raises(ProfileError, match=text) as refused:
            issue(**wishes)
        shown = f"{refused.value} {refused.value.__cause__!r}"
        if wishes.get("pin"):
            assert str(wishes["pin"]) not in shown, "a PIN is in no exception"
        if wishes.get("code"):
            assert str(wishes["code"]) not in shown

    @pytest.mark.parametrize("profile", PROFILES)
    @pytest.mark.parametrize(
        "parameters",
        [
            *({"rsa_bits": bits} for bits in (0, 512, 1023, 2049, 4096, "2048", 2048.0, True)),
            *({"compat": compat} for compat in (1, 0, "yes", None)),
        ],
        ids=repr,
    )
    def test_parameters_of_jpki_are_what_its_keys_can_be(
        self, profile: str, parameters: dict[str, object]
    ) -> None:
        text = "compat is True or False" if "compat" in parameters else "1024 or 2048"
        if profile == "operator":
            text = "parameters of JPKI, which a card of operator has not"
        with pytest.raises(ProfileError, match=text):
            issue(profile, seed=1, **parameters)

    @pytest.mark.parametrize(
        ("parameters", "text"),
        [({"rsa_bits": 1024}, "JPKI keys have 2048 bits"), ({"compat": True}, "leave it out")],
    )
    def test_a_my_number_card_has_one_jpki(self, parameters: dict[str, object], text: str) -> None:
        with pytest.raises(ProfileError, match=text):
            issue("mynumber", seed=1, **parameters)
        plain = issue_card("mynumber", seed=1)
        assert issue("mynumber", seed=1, rsa_bits=2048).snapshot() == plain.snapshot()

    @pytest.mark.parametrize("name", PROFILES)
    def test_a_profile_without_jpki_has_no_parameters_of_it(self, name: str) -> None:
        profile = dataclasses.replace(
            PROFILES[name],
            name="without",
            applications=tuple(one for one in PROFILES[name].applications if one.kind != "jpki"),
        )
        for bits, compat in ((1024, False), (2048, False), (None, True), (2048, True)):
            with pytest.raises(ProfileError, match="a card of without has not"):
                issue_card(dataclasses.replace(profile, rsa_bits=bits, compat=compat), seed=1)
        assert issue_card(profile, seed=1).applications.get(names.JPKI) is None

    def test_a_memory_that_holds_a_card_already(self) -> None:
        memory = PersistentMemory(RamBackend())
        card = issue_card(seed=1, memory=memory)
        before = card.snapshot()
        with pytest.raises(ProfileError, match="holds a card already"):
            issue_card(seed=2, memory=memory)
        assert card.snapshot() == before


def test_a_card_kept_in_a_backend_is_found_there_again() -> None:
    backend = RamBackend()
    card = issue_card(seed=1, memory=PersistentMemory(backend))
    card.power_on()
    play(card, f"{SELECT} -> 9000 \n 0020009C0439393939 -> 63C2")
    again = Card(CardEnvironment(memory=PersistentMemory(backend)))
    again.power_on()
    play(again, f"{SELECT} -> 9000 \n 0020009C -> 63C2")


def test_a_cut_while_a_card_is_made_leaves_none() -> None:
    """At every write: afterwards the memory holds the whole card, or nothing."""
    whole = issue_card(seed=1).environment.memory.snapshot()
    cuts = 0
    for landed in (False, True):
        for number in range(1, 10):
            backend = RamBackend()
            try:
                issue_card(
                    seed=1,
                    memory=PersistentMemory(
                        FaultyBackend(backend, cut_after=number, landed=landed)
                    ),
                )
                break
            except PowerLoss:
                cuts += 1
            found = PersistentMemory(backend).snapshot()
            assert found == whole or not found.partitions
    assert cuts
