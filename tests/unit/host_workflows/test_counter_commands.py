"""Each command about a holder or their card, as a clerk gives it: done, and what it did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from jukicard import Card, Printed, issue_card as make_card
from jukicard.environment import SeededRandom
from jukicard.runtime.boundary import raise_bug
from jukicard.synthetic.people import SPECIMEN
from jukicard.synthetic.portraits import draw_face
from jukihost.ledger import LedgerState, Role
from jukihost.log import Outcome
from jukihost.models import CardState
from jukihost.register import restrictions_of
from tests.support.cards.issuer_desk import POINTS
from tests.support.host import operators, shops
from tests.support.host.counters import PIN
from tests.support.host.issuing_office import quick_keys
from tests.support.host.operators import Staff
from tests.support.host.residents import OTHER_TOWN, RESIDENT, another
from tests.support.host.shops import TODAY, Shop, opened, opened_shop, served, town_files

__all__ = ["quick_keys"]

CALLED: Final = (
    *("--caller", "渡邉花子", "--relation", "妻", "--reached", "03-0000-0001"),
    *("--asked", "born", "--asked", "household"),
)
PHOTO: Final = ("--paper", "photo")
NEW, WORD = "2580", "ABC123"


def pin(typed: str = PIN, use: str = "juki") -> dict[str, Any]:
    return {"secret": typed, "use": use}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with town_files(tmp_path_factory.mktemp("towns")) as folder:
        yield folder


@pytest.fixture
def shop(files: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    with opened_shop(files / f"{abs(hash(request.node.name))}") as shop:
        yield shop


def the_holder(shop: Shop) -> tuple[str, str]:
    return "--holder", str(shop.counter.holder)


def test_a_resident_and_their_cards_are_found(shop: Shop) -> None:
    [found] = shop.run("find", "--name", "渡辺", "--born", "1970-02-28").done["found"]
    assert found["resident"] == shop.counter.holder
    assert found["name"] == {"text": RESIDENT.name.text, "origin": ""}
    assert found.keys() == {"resident", "name", "alias", "born"}
    assert shop.run("find", said=[{"text": "渡辺", "use": "name"}]).done["found"] == [found]
    [card] = shop.run("cards", *the_holder(shop)).done["cards"]
    assert (card["number"], card["standing"]) == (shop.counter.number.hex().upper(), "active")
    assert card["form"] == "with_photo"


def blank(number: str, profile: str = "juki-v2") -> Card:
    printed = Printed(card_number=bytes.fromhex(number))
    return make_card(profile, seed=number, blank=True, printed=printed, on_bug=raise_bug)


@pytest.mark.usefixtures("quick_keys")
def test_a_card_is_issued_handed_over_and_given_new_certificates(shop: Shop) -> None:
    holder, card = the_holder(shop), blank("813920FF00000001")
    shop.run("report-damaged", *holder, *PHOTO)
    photo = shop.folder / "photo.jp2"
    photo.write_bytes(draw_face(SeededRandom("photo"), SPECIMEN, TODAY))
    made = shop.run("issue", *holder, "--photo", str(photo), "--paper", "other", card=card).done
    assert (made["card"], made["form"]) == ("813920FF00000001", "with_photo")
    letter = shop.run("inquire", *holder).done
    assert letter["purpose"] == "hand_over"
    answered = ("--paper", "other", "--paper", "answer", "--inquiry", str(letter["inquiry"]))
    typed = [pin(NEW, "new_juki"), pin(WORD, "new_signature")]
    assert shop.run("hand-over", *answered, card=card, said=typed).done["expires"] == "2016-05-05"
    typed = [pin(WORD, "signature")]
    again = shop.run("reissue", "--use", "signature", *PHOTO, card=card, said=typed).done
    assert again["certificates"] != made["certificates"]
    assert shop.run("identify", card=card, said=[pin(NEW)]).done["card"] == made["card"]


def test_a_card_without_photo_or_certificates_is_issued_by_a_supervisors_decision(
    shop: Shop,
) -> None:
    holder, card = the_holder(shop), blank("813920FF00000002", "juki-v1")
    shop.run("report-damaged", *holder, *PHOTO)
    sent = ("--by", "proxy", *PHOTO, "--paper", "letter_of_attorney")
    words = ("issue", *holder, "--form", "name_only", "--without-certificates", *sent)
    assert shop.run(*words, card=card).error == "supervisor_decides"
    made = shop.run(*words, card=card, second=shop.supervisor).done
    assert made["certificates"] == []
    assert shop.counter.told()[-2][2] == f"decided by {shop.supervisor.identifier}"


@pytest.mark.usefixtures("quick_keys")
def test_a_juki_card_is_exchanged_for_a_my_number_card(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = shops.BEHIND - (date(2016, 4, 1) - TODAY)
    monkeypatch.setattr(shops, "BEHIND", later)
    monkeypatch.setattr(operators, "MADE", date(2016, 3, 31))
    staff = Staff(shop.counter)
    staff._seed = 50
    clerk = staff.hired(Role.CLERK)
    photo = shop.folder / "photo.jp2"
    photo.write_bytes(draw_face(SeededRandom("photo"), SPECIMEN, TODAY))
    numbers = [pin("123456789018", "my_number"), pin("1234", "security_code")]
    new, juki = blank("813920FF00000003", "mynumber"), shop.counter.card
    words = ("issue", *the_holder(shop), "--photo", str(photo), *PHOTO)
    with shop.changed(f"rehearsal = {later.days}"):
        made = shop.run(*words, card=new, said=numbers, operator=clerk)
        assert "123456789018" not in str(made)
        typed = [
            {"agree": True, "question": "end_card"}, pin(NEW, "new_juki"),
            pin(WORD, "new_signature"), pin(NEW, "new_authentication"), pin(NEW, "new_text"),
        ]  # fmt: skip
        with served(juki) as port:
            old = ("--old-tcp", f"127.0.0.1:{port}")
            done = shop.run("exchange", *old, *PHOTO, card=new, said=typed, operator=clerk).done
        assert (done["card"], done["old"]) == (
            made.done["card"], shop.counter.number.hex().upper(),
        )  # fmt: skip
        who = shop.run("identify", card=new, said=[pin(NEW)], operator=clerk).done
    assert who["card"] == done["card"]


def test_who_somebody_is_is_told_without_their_code(shop: Shop) -> None:
    told = shop.run("identify", said=[pin()])
    assert told.done == {
        "card": shop.counter.number.hex().upper(),
        "town": "13101",
        "form": "with_photo",
        "expires": "2016-05-05",
        "resident": shop.counter.holder,
    }
    assert [one.get("step") for one in told.lines[:-1]] == ["card", "pin"]


def test_secrets_are_changed_and_unblocked(shop: Shop) -> None:
    typed = [pin(), pin(NEW, "new_juki")]
    assert shop.run("change-pin", said=typed).done["use"] == "juki"
    typed = [pin(WORD, "new_signature")]
    done = shop.run("unblock-pin", "--use", "signature", *PHOTO, said=typed).done
    assert done["use"] == "signature"
    assert shop.run("identify", said=[pin(NEW)]).code == 0


def test_a_lost_card_is_suspended_called_about_and_resumed(shop: Shop) -> None:
    suspended = shop.run("suspend", *the_holder(shop), *CALLED).done
    assert suspended["standing"] == "suspended, returns to active"
    notice = str(suspended["notice"])
    assert shop.run("call-back", "--notice", notice, "--not-answered").code == 0
    back = shop.run("call-back", "--notice", notice, "--answered").done["back"]
    assert [one["answered"] for one in back] == [False, True]
    [shown] = shop.run("show-notices", "--card", suspended["card"]).done["notices"]
    assert shown["notice"]["caller"]["text"] == "渡邉花子"
    assert shown["notice"]["asked"] == ["born", "household"]
    resumed = shop.run("resume", *PHOTO).done
    assert (resumed["standing"], len(resumed["notices"])) == ("active", 1)


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (("abolish", *PHOTO), "abolished"),
        (("abolish", "--reason", "died"), "abolished"),
        (("report-lost", *PHOTO), "lost"),
        (("report-damaged", "--by", "household", *PHOTO), "damaged"),
    ],
)
def test_a_card_is_over_in_the_ledger(shop: Shop, words: tuple[str, ...], state: str) -> None:
    ended = shop.run(*words, *the_holder(shop)).done
    number = shop.counter.number.hex().upper()
    assert ended == {"card": number, "standing": state, "applications": []}


def test_a_card_is_taken_back_and_ended(shop: Shop) -> None:
    agreed = {"agree": True, "question": "end_card"}
    assert shop.run("return", *PHOTO, said=[agreed]).done["standing"] == "returned"
    assert shop.counter.card_state() is CardState.TERMINATED
    assert shop.run("resume", *PHOTO).error == "card_terminated"


def test_a_card_that_nobody_can_read_is_taken_back(shop: Shop) -> None:
    number = shop.counter.number.hex()
    assert shop.run("return-unreadable", "--card", number, *PHOTO).done["standing"] == "returned"


def test_a_record_is_changed(shop: Shop) -> None:
    holder = the_holder(shop)
    words = ("change-record", *holder, "--reason", "name_changed", "--day", "2014-04-01", *PHOTO)
    changed = shop.run(*words, said=[{"text": "住基\u3000太郎", "use": "new"}]).done
    assert changed["kept"] == [shop.counter.number.hex().upper()]
    [found] = shop.run("find", "--name", "住基太郎").done["found"]
    assert found["resident"] == shop.counter.holder
    moved = ("--reason", "moved_within", "--day", "2014-04-01", "--new", "東京都千代田区\ue123")
    assert shop.run("change-record", *holder, *moved, "--origin", "MJ+", *PHOTO).code == 0
    assert shop.run("change-code", *holder, *PHOTO).done["over"] == changed["kept"]


def test_a_supervisor_restricts_an_address_and_lifts_it(shop: Shop) -> None:
    holder = the_holder(shop)
    words = ("restrict", *holder, "--kind", "violence", "--until", "2015-03-31")
    assert shop.run(*words).error == "operator_refused"
    number = shop.run(*words, operator=shop.supervisor).done["number"]
    words = ("lift-restriction", *holder, "--number", str(number), "--why", "on request")
    assert shop.run(*words, operator=shop.supervisor).done["why_ended"] == "on request"
    with shop.counter.database.read() as connection:
        [one] = restrictions_of(connection, shop.counter.holder)
    assert one.ended is not None


@dataclass
class Country:
    """Two towns whose counters reach each other in a rehearsal."""

    here: Shop
    there: Shop


@pytest.fixture
def country(files: Path, request: pytest.FixtureRequest) -> Iterator[Country]:
    place = files / f"{abs(hash(request.node.name))}"
    place.mkdir()
    for name in ("town.keys", "town.pseudonyms", "operators.pem"):
        (place / name).symlink_to(files / name)
    neighbour = replace(RESIDENT, **another("of the other town"), municipality=OTHER_TOWN)
    with ExitStack() as stack:
        here = stack.enter_context(opened_shop(place / "here"))
        there = stack.enter_context(opened_shop(place / "there", OTHER_TOWN, neighbour))
        stack.enter_context(opened(place / "prefecture"))
        there.neighbour("13101", here.folder)
        here.neighbour(OTHER_TOWN, there.folder)
        for shop in (here, there):
            shop.neighbour("prefecture", place / "prefecture")
        there.clerk = clerk_of(there)
        yield Country(here, there)


def clerk_of(shop: Shop) -> Any:
    """An operator whose card is of the shop's own town."""
    from jukihost.ledger import By, Role, enter_operator, lend_card
    from tests.support.host.ledgers import FIRST
    from tests.support.host.operators import person

    one = person(99, shop.counter.town)
    by = By.at_terminal(shop.counter.database, FIRST.identifier)
    with shop.counter.database.begin() as connection:
        enter_operator(connection, one.operator(Role.CLERK), by)
        lend_card(connection, one.number, one.identifier, by)
    return one


def test_a_household_moves_on_its_card(country: Country) -> None:
    here, there = country.here, country.there
    child = here.counter.another_resident("child", residence_until=None)
    letter = ("--with", str(child), "--day", "2014-04-01", *PHOTO)
    announced = here.run("announce-by-post", *the_holder(here), *letter).done
    assert announced["members"] == [here.counter.holder, child]
    card = here.counter.card
    address = {"text": "大阪府交野市私部一丁目1番1号", "use": "address"}
    arrived = there.run("move-in", "--moved", "2014-04-01", card=card, said=[address, pin()]).done
    assert (arrived["origin"], len(arrived["members"])) == ("13101", 2)
    assert there.run("tell-old-towns").done == {"left": []}
    assert there.run("continue-use", card=card, said=[pin()]).done["origin"] == "13101"
    assert there.run("identify", card=card, said=[pin()]).done["town"] == OTHER_TOWN
    assert here.counter.ledger().state is LedgerState.TRANSFERRED


def test_a_move_that_did_not_take_place_is_taken_back(shop: Shop) -> None:
    shop.run("announce-by-post", *the_holder(shop), "--day", "2014-04-01", *PHOTO)
    assert shop.run("stay", said=[pin()]).done["card"] == shop.counter.number.hex().upper()
    assert shop.counter.ledger().state is LedgerState.ACTIVE


def test_a_copy_goes_to_the_printer_and_nowhere_else(country: Country) -> None:
    here, there = country.here, country.there
    there.run("find", "--name", "x")
    before = set(there.folder.iterdir())
    told = there.run("copy", "--household", card=here.counter.card, said=[pin()])
    assert told.done == {"town": "13101", "members": 1, "printed": True}
    assert RESIDENT.name.text not in str(told.lines)
    assert printed(there)
    assert set(there.folder.iterdir()) == before
    document = ("--town", "13101", "--name", "渡辺 𠮷之助", "--born", "1970-02-28", *PHOTO)
    code = {"secret": RESIDENT.code.reveal(), "use": "code"}
    told = there.run("copy-by-document", *document, said=[code])
    assert told.done["members"] == 1
    assert RESIDENT.code.reveal() not in str(told)
    assert printed(there)


def printed(shop: Shop) -> bool:
    """Whether the printer's command got a document; it writes it where the test runs."""
    place = Path("printed.pdf")
    found = place.read_bytes()
    place.unlink()
    return found.startswith(b"%PDF-")


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "jukihost.workflows.copying.make_pdf", lambda title, blocks, **how: b"%PDF-"
    )


LIBRARY: Final = """
[application]
aid = "F0504F494E545302"
numbered = false
objects = { C1 = "746F776E" }
files = { "0001" = "3132333435363738", "0002" = "66726565" }
pin = 3
systems = { POINTS = 1 }
"""


def test_a_towns_application_comes_and_goes(shop: Shop, tmp_path: Path) -> None:
    place = tmp_path / "library.toml"
    place.write_text(LIBRARY)
    words = ("install-application", "--application", str(place), *PHOTO)
    came = shop.run(*words, said=[pin("7391", "new_municipal")]).done
    assert came["aid"] == POINTS.hex().upper()
    assert came["there"] == [came["aid"]]
    assert shop.run(*words).error == "application_there"
    went = shop.run("remove-application", "--aid", came["aid"], *PHOTO).done
    assert went["there"] == []


def test_what_was_cut_off_is_finished(shop: Shop) -> None:
    assert shop.run("recover").done == {"result": "nothing was cut off"}


def test_my_number_cards_are_asked_for_their_numbers(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jukihost.cli.counter.commands.issuing._my_number_now", lambda at: True)
    told = shop.run("issue", *the_holder(shop), *PHOTO, said=[])
    assert told.result["error"]["meaning"].startswith("the script has ended")
    numbers = [pin("123456789018", "my_number"), pin("1234", "security_code")]
    told = shop.run("issue", *the_holder(shop), *PHOTO, said=numbers)
    assert "123456789018" not in str(told)
    assert told.error != "usage"


def test_every_run_is_one_entry_in_the_log(shop: Shop) -> None:
    before = len(shop.counter.uses())
    assert shop.run("report-lost", *the_holder(shop)).error == "impossible"
    uses = shop.counter.uses()[before:]
    assert [use.purpose for use in uses] == ["log_in", "report_lost", "log_out"]
    assert uses[1].outcome is Outcome.REFUSED
