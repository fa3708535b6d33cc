"""The library makes blank cards of the other side somebody's, and reads what it ordered."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import cast

import pytest
from hypothesis import given, settings, strategies as st

from jukicard import Card, Pins, Printed, issue_card
from jukicard.apdu import Tlv
from jukicard.applets import names
from jukicard.synthetic.people import SPECIMEN
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.errors import CardError, CardNotAuthentic, PinBlocked, PinFormatError
from jukihost.issuing import (
    AuthorityAway,
    CardOrder,
    CertificateAuthority,
    ContentsRefused,
    IssuedCertificate,
    IssueEnded,
    IssuingMeans,
    NewPins,
    NotBlank,
    PinsDoNotFit,
    Step,
    certificates_of,
    examine_card,
    personalise,
    set_pins,
)
from jukihost.keys.issuer import IssuerKeys
from jukihost.sessions.juki import JukiSession
from tests.support.cards.blanks import contents_of
from tests.support.host.custody import PublicMasters
from tests.unit.host_issuing.cardorders import drawn, means, moment, order_of
from tests.unit.host_issuing.making import (
    ALL,
    COMPAT,
    PROFILES_MADE,
    Cut,
    blank,
    make,
)
from tests.unit.host_issuing.readback import PINS, pins_for, read_everything

# -- what was ordered is read ---------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1_000_000),
    profile=st.sampled_from(PROFILES_MADE),
    form=st.sampled_from([1, 2]),
)
def test_every_session_reads_what_was_ordered(seed: int, profile: str, form: int) -> None:
    form = 2 if profile == "mynumber" else form
    order = order_of(profile, drawn(profile, seed), form)
    card, by = blank(profile, seed), means()
    made = make(card, profile, order, by)
    assert made.now == ALL[profile]
    assert not made.before
    assert certificates_of(by.authority, made.number) == made.certificates
    with LocalReader(card) as connection:
        read_everything(connection, order, made)
        standing = examine_card(connection, by.issuer)
        assert standing.done
        assert not standing.blank
        assert (standing.number, standing.serial) == (made.number, made.serial)


@pytest.mark.usefixtures("real_keys")
@pytest.mark.parametrize("profile", PROFILES_MADE)
def test_a_card_that_makes_its_keys_itself(profile: str) -> None:
    order, card = order_of(profile, SPECIMEN), blank(profile)
    made = make(card, profile, order, means())
    with LocalReader(card) as connection:
        read_everything(connection, order, made)


def test_a_juki_card_with_both_key_pairs() -> None:
    order, card = order_of("juki-v2", SPECIMEN), blank(COMPAT)
    with LocalReader(card) as connection:
        made = personalise(connection, order, means(), at=moment("juki-v2"))
        set_pins(connection, PublicMasters(), replace(pins_for("juki-v2"), authentication="2468"))
        assert [one.use.value for one in made.certificates] == ["signature", "authentication"]
        read_everything(connection, order, made)


@pytest.mark.parametrize(
    ("profile", "form"), [("juki-v1", 1), ("juki-v2", 1), ("juki-v2", 2), ("mynumber", 2)]
)
def test_both_sides_write_the_same_bytes(profile: str, form: int) -> None:
    pins = Pins(juki="1357", signature="ABC123", authentication="2468", text="8642", common="9753")
    model = issue_card(profile, seed=1, person=SPECIMEN, printed=Printed(form=form), pins=pins)
    order = order_of(profile, SPECIMEN, form)
    face = dict(contents_of(model, names.SURFACE)) if profile != "juki-v1" else {}
    if form == 2 and face:
        photo = {child.tag: child.value for child in Tlv.parse(face[0x0002]).children}[0xDF27]
        order = replace(order, holder=replace(order.holder, photo=photo))
    card = blank(profile)
    make(card, profile, order, means())
    different = {
        (str(aid), ef)
        for aid in (one.placement.aid for one in model.applications)
        for ef, value in contents_of(model, aid, pins=True)
        if (ef, value) not in contents_of(card, aid, pins=True)
    }
    certificates = {(str(names.JPKI), ef) for ef in (0x0001, 0x000A)}
    delivery = {(str(names.TEXT), 0x0006)}
    assert different == {
        "mynumber": certificates | delivery,
    }.get(profile, {(str(names.JPKI), 0x0001)})


# -- what is refused, and nothing is changed ------------------------------------------------------


def unchanged(card: Card, tried: Callable[[LocalReader], object], kind: type[Exception]) -> str:
    """Try something that is refused; the card keeps what it had but a counter of sessions."""
    before = card.snapshot()
    with pytest.raises(kind) as told, LocalReader(card) as connection:
        tried(connection)
    after = Card.restore(before)
    for aid in {one.placement.aid for one in card.applications} & {names.JUKI, names.JPKI}:
        assert contents_of(card, aid, pins=True) == contents_of(after, aid, pins=True)
    return str(told.value)


@pytest.mark.parametrize("profile", PROFILES_MADE)
def test_a_card_that_is_somebodys_is_refused_and_not_touched(profile: str) -> None:
    other = order_of(profile, drawn(profile, 99))
    issued = issue_card(profile, seed=2, person=SPECIMEN)
    made = blank(profile)
    result = make(made, profile, order_of(profile, SPECIMEN), means())
    for card in (issued, made):
        said = unchanged(
            card, lambda c: personalise(c, other, means(), at=moment(profile)), NotBlank
        )
        assert "is somebody's already" in said
        assert "blank one" in said
    elsewhere = unchanged(
        made,
        lambda c: personalise(c, other, means(), at=moment(profile), number=b"12345678"),
        NotBlank,
    )
    assert result.number.hex().upper() in elsewhere


def test_a_card_that_was_begun_is_taken_by_its_number_only() -> None:
    card, _ = begun(order_of("juki-v2"), means())
    other = order_of("juki-v2", drawn("juki-v2", 99))
    said = unchanged(card, lambda c: personalise(c, other, means(), at=moment("juki-v2")), NotBlank)
    assert "was begun" in said


def begun(order: CardOrder, by: IssuingMeans) -> tuple[Card, bytes]:
    """A card that was cut when JPKI was there and the rest was not, and its number."""
    for at in range(30, 70):
        card = blank("juki-v2")
        reader = Cut(card, at, acts=True)
        with suppress(CardError), reader:
            personalise(reader, order, by, at=moment("juki-v2"))
        with LocalReader(card) as connection:
            standing = examine_card(connection, by.issuer)
        if not standing.untouched:
            assert not standing.done
            return card, standing.number
    pytest.fail("no cut leaves a card begun")


@pytest.mark.parametrize("other", ["name", "birth", "place", "end"])
def test_a_card_is_never_finished_for_another_holder(other: str) -> None:
    order, by = order_of("juki-v2"), means()
    card, number = begun(order, by)
    changed = {
        "name": {"holder": replace(order.holder, name="黒桐　鮮花")},
        "birth": {"holder": replace(order.holder, birth=date(1980, 2, 18))},
        "place": {"info": replace(order.info, municipality="27127")},
        "end": {"info": replace(order.info, expires=date(2024, 1, 1))},
    }[other]
    wrong = replace(order, **changed)  # type: ignore[arg-type]
    said = unchanged(
        card,
        lambda c: personalise(c, wrong, by, at=moment("juki-v2"), number=number),
        NotBlank,
    )
    assert "was begun" in said
    with LocalReader(card) as connection:
        made = personalise(connection, order, by, at=moment("juki-v2"), number=number)
        set_pins(connection, PublicMasters(), pins_for("juki-v2"))
        read_everything(connection, order, made)


def test_a_card_of_another_issuer_is_refused() -> None:
    others = replace(means(), issuer=lambda _: IssuerKeys(b"1" * 16, b"2" * 16, b"3" * 16))
    unchanged(
        blank("juki-v1"),
        lambda c: personalise(c, order_of("juki-v1"), others, at=moment("juki-v1")),
        CardNotAuthentic,
    )


def test_no_juki_card_is_made_on_another_day() -> None:
    late, order = moment("mynumber"), order_of("juki-v1")
    unchanged(blank("juki-v1"), lambda c: personalise(c, order, means(), at=late), IssueEnded)
    today = replace(order, info=replace(order.info, issued=late.date(), expires=late.date()))
    unchanged(
        blank("juki-v1"),
        lambda c: personalise(c, today, means(), at=moment("juki-v1")),
        IssueEnded,
    )


def test_a_juki_card_of_the_last_days_goes_without_certificates() -> None:
    last = datetime(2015, 12, 28, 3, tzinfo=UTC)
    order = order_of("juki-v1")
    info = replace(order.info, issued=last.date(), expires=date(2025, 12, 28))
    order, card = replace(order, info=info), blank("juki-v1")
    with pytest.raises(IssueEnded, match="goes on without"), LocalReader(card) as connection:
        personalise(connection, order, means(), at=last)
    plain = replace(order, with_certificates=False)
    with LocalReader(card) as connection:
        made = personalise(connection, plain, means(), at=last)
        set_pins(connection, PublicMasters(), NewPins(juki="1357"))
        assert made.now == {Step.DOMAIN, Step.JUKI}
        assert made.certificates == ()
        read_everything(connection, plain, made)
        assert examine_card(connection, means().issuer).done


def test_a_wrong_order_touches_no_card() -> None:
    order = order_of("mynumber")
    wrong = replace(order, holder=replace(order.holder, photo=None))
    unchanged(
        blank("mynumber"),
        lambda c: personalise(c, wrong, means(), at=moment("mynumber")),
        ContentsRefused,
    )
    unsigned = replace(means(), records=None)
    unchanged(
        blank("juki-v2"),
        lambda c: personalise(c, order_of("juki-v2"), unsigned, at=moment("juki-v2")),
        ContentsRefused,
    )
    unchanged(
        blank("operator"),
        lambda c: personalise(c, order_of("juki-v2"), means(), at=moment("juki-v2")),
        ContentsRefused,
    )


def test_an_authority_that_is_away_leaves_a_card_that_can_be_finished() -> None:
    card, by = blank("juki-v1"), means()

    class Away:
        def __getattr__(self, _: str) -> Callable[..., object]:
            def away(*_: object) -> object:
                raise OSError("no line")

            return away

    gone = replace(by, authority=cast("CertificateAuthority", Away()))
    unchanged(
        card,
        lambda c: personalise(c, order_of("juki-v1"), gone, at=moment("juki-v1")),
        AuthorityAway,
    )
    order = order_of("juki-v1")
    with LocalReader(card) as connection:
        assert examine_card(connection, by.issuer).untouched
    made = make(card, "juki-v1", order, by)
    with LocalReader(card) as connection:
        read_everything(connection, order, made)


def test_what_the_ledger_raises_stops_all() -> None:
    def full(_: tuple[IssuedCertificate, ...]) -> None:
        raise OSError("no room")

    unchanged(
        blank("juki-v1"),
        lambda c: personalise(
            c, order_of("juki-v1"), means(), at=moment("juki-v1"), on_certified=full
        ),
        OSError,
    )


# -- PINs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "pins", "kind"),
    [
        ("mynumber", replace(PINS, text=None), PinsDoNotFit),
        ("mynumber", replace(PINS, common=None), PinsDoNotFit),
        ("mynumber", replace(PINS, juki="135"), PinFormatError),
        ("mynumber", replace(PINS, signature="123456"), PinFormatError),
        ("mynumber", replace(PINS, authentication="24689"), PinFormatError),
        ("juki-v1", PINS, PinsDoNotFit),
    ],
)
def test_pins_that_do_not_fit_are_refused_before_one_is_set(
    profile: str, pins: NewPins, kind: type[Exception]
) -> None:
    card = blank(profile)
    with LocalReader(card) as connection:
        personalise(connection, order_of(profile), means(), at=moment(profile))
        with pytest.raises(kind) as told:
            set_pins(connection, PublicMasters(), pins)
        for secret in ("1357", "2468", "8642", "9753", "abc123"):
            assert secret not in str(told.value) + repr(pins)
        with JukiSession(build_channel(connection)) as juki:
            assert juki.pin_retries() == 0
            with pytest.raises(PinBlocked):
                juki.verify_pin("1357")


def test_pins_may_be_set_again_after_a_cut() -> None:
    card = blank("mynumber")
    with LocalReader(card) as connection:
        made = personalise(connection, order_of("mynumber"), means(), at=moment("mynumber"))
    cuts = 0
    while True:
        reader = Cut(card, cuts, acts=True)
        with suppress(CardError), reader:
            set_pins(reader, PublicMasters(), PINS)
        with LocalReader(card) as connection:
            set_pins(connection, PublicMasters(), PINS)
        if not reader.pulled:
            break
        cuts += 3
    with LocalReader(card) as connection:
        read_everything(connection, order_of("mynumber"), made)
    assert cuts > 15
