"""A resident's life with a card, told in a minute: ten years of moved clock, one file (SQLite).

Needs the extra `terminal`. The second act of `make demo`; everybody in it is made up."""

from __future__ import annotations

import json
import runpy
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jukicard.testing import BlankCards
from jukihost import ISSUER_TEST_KEYS, CardError, CardForm, PublishedKeys, Sex
from jukihost.database import JAPAN, MovableClock, open_database, upgrade_database
from jukihost.issuing import find_authority, find_signer
from jukihost.ledger import (
    By,
    Operator,
    Role,
    enter_first_operators,
    enter_operator,
    find_card,
)
from jukihost.log import (
    KeyKind,
    NoteKey,
    PseudonymKey,
    Witness,
    create_log,
    end_day,
    have_witnessed,
    publish_log,
    sequence_log,
    verify_log,
)
from jukihost.register import (
    Asked,
    AsReceived,
    ChangeReason,
    Resident,
    TelephoneNotice,
    draw_code,
    enter_resident,
)
from jukihost.tokens import CountedCustody
from jukihost.workflows import (
    CardAtDesk,
    CardWish,
    Desk,
    Duty,
    Office,
    Paper,
    Presented,
    SignatureForm,
    disclose_uses,
    hand_over,
    identify,
    issue_card,
    resume_card,
    return_card,
    sign_document,
    suspend_by_telephone,
    unblock_pin,
)

ORIGIN, WITNESS = "town.example/uses", "prefecture.example"
FIRST_PIN, PIN, PASSWORD = "2580", "1379", "ABC123"
PHOTO = Presented(papers=frozenset({Paper.PHOTO}))


def tell(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


class Person:
    """Who stands at the counter: types what is asked for, in this order, and agrees."""

    def __init__(self, *typed: str) -> None:
        self._typed = list(typed)

    def secret(self, wanted: object) -> str:
        """Type the next one."""
        return self._typed.pop(0)

    def agree(self, question: object) -> bool:
        """Agree to everything."""
        return True

    def paused(self, pause: object) -> bool:
        """Put no card back."""
        return False

    def progress(self, step: object) -> None:
        """Be told where the procedure is; nobody looks."""


class Life:
    """A town's office, a resident of it, and their card."""

    def __init__(self, folder: Path) -> None:
        upgrade_database(folder / "terminal.db")
        self.clock = MovableClock(datetime(2014, 4, 1, 10, tzinfo=JAPAN))
        self.database = open_database(
            folder / "terminal.db", clock=self.clock, terminal="counter-1"
        )
        self.office = Office(
            "13101",
            self.database,
            CountedCustody(PublishedKeys()),
            PseudonymKey(bytes(range(32))),
            issuer=lambda number: ISSUER_TEST_KEYS,
            authority=find_authority("test"),
            records=find_signer("test"),
        )
        self.cards = BlankCards("juki-v1", count=1, seed="a life")
        self.code = draw_code()
        self.folder, self.holder, self.number = folder, 0, b""
        self.log_key, self.witness_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()

    def desk(self, *typed: str, operator: str = "clerk-1") -> Desk:
        """A desk at which an operator has logged in, and who stands there."""
        return Desk(self.office, Duty(operator, self.clock.now()), Person(*typed))

    @contextmanager
    def card(self) -> Iterator[CardAtDesk]:
        """The card in the reader: the blank one, and once it has a holder theirs."""
        found = self.cards.connect(self.number) if self.number else self.cards.next_card()
        if found is None:
            raise SystemExit("not as told: there are no more blank cards")
        with found as connection:
            yield CardAtDesk(connection)

    def on(self, year: int, month: int, day: int, text: str) -> None:
        """Move the clock, and say so."""
        self.clock.put(datetime(year, month, day, 10, tzinfo=JAPAN))
        tell(f"\n{year}-{month:02}-{day:02}  {text}")

    def say(self, text: str) -> None:
        """Tell what came of it."""
        tell(f"            {text}")

    def refused(self, why: str, *typed: str) -> None:
        """Have the holder identified in vain, and say what the terminal says."""
        try:
            with self.card() as hand:
                identify(self.desk(*typed), hand)
        except CardError as refusal:
            self.say(f"refused: {refusal}")
        else:
            raise SystemExit(f"not as told: the card was not refused, though {why}")

    # -- the chapters ------------------------------------------------------------------------------

    def begins(self) -> None:
        """An office opens, and somebody moves in."""
        self.on(2014, 4, 1, "An office opens; somebody moves in and is given a code, at random.")
        with self.database.begin() as connection:
            create_log(connection, ORIGIN)
            first, second = (Operator(f"admin-{n}", "管理", Role.ADMINISTRATOR) for n in (1, 2))
            enter_first_operators(connection, first, second)
            by = By.at_terminal(self.database, "admin-1")
            for name, role in (("clerk-1", Role.CLERK), ("auditor-1", Role.AUDITOR)):
                enter_operator(connection, Operator(name, "係", role), by)
            self.holder = enter_resident(connection, self.resident(), by)
        self.say(f"record {self.holder}; the code itself is shown to nobody who need not see it")

    def resident(self) -> Resident:
        """Return the record, of a person who does not exist."""
        return Resident(
            municipality="13101",
            name=AsReceived("住基 太郎"),
            address=AsReceived("東京都千代田区霞が関二丁目1番2号"),
            sex=Sex.MALE,
            born=date(1970, 2, 28),
            code=self.code,
            reason=ChangeReason.MOVED_IN,
            changed=date(2014, 3, 20),
            household=1,
            relation="世帯主",
        )

    def gets_a_card(self) -> None:
        """A blank card is made theirs, and handed over the same day."""
        self.on(2014, 4, 2, "A blank card is made theirs; the holder types the PINs at hand-over.")
        with self.card() as hand:
            wish = CardWish(form=CardForm.NAME_ONLY)
            self.number = issue_card(self.desk(), hand, self.holder, wish, PHOTO).card
        with self.card() as hand:
            given = hand_over(self.desk(FIRST_PIN, PASSWORD), hand, PHOTO)
        self.say(f"handed over; valid until {given.expires}")

    def uses_it(self) -> None:
        """Identified at the counter, and signs."""
        self.on(2014, 6, 2, "The holder is identified, and signs a contract with the card's key.")
        with self.card() as hand:
            found = identify(self.desk(FIRST_PIN), hand)
        if found.code != self.code:
            raise SystemExit("not as told: another code was read")
        self.say("identified: the card has the code that the register has")
        with self.card() as hand:
            made = sign_document(self.desk(PASSWORD), hand, b"a contract", SignatureForm.RAW)
        self.say(f"signed: {len(made.content)} bytes")

    def forgets_the_pin(self) -> None:
        """Three wrong PINs, then another one at the counter."""
        self.on(2014, 9, 1, "Three wrong PINs.")
        self.refused("three PINs were wrong", "0000", "1111", "2222")
        with self.card() as hand:
            unblock_pin(self.desk(PIN), hand, PHOTO)
        self.say("unblocked at the counter, with a document that has a photo")

    def loses_it(self) -> None:
        """Lost, told by telephone, found again."""
        self.on(2014, 11, 4, "The card is lost, and told so by telephone; somebody tries it.")
        asked = frozenset({Asked.BORN, Asked.HOUSEHOLD})
        notice = TelephoneNotice(AsReceived("住基 花子"), "妻", AsReceived("000-0000-0000"), asked)
        suspend_by_telephone(self.desk(), self.holder, Presented(), notice)
        self.refused("it was told lost", PIN)
        self.on(2014, 11, 10, "It is found, and resumed.")
        with self.card() as hand:
            resume_card(self.desk(), hand, PHOTO)
        with self.database.read() as connection:
            self.say(f"the ledger says: {find_card(connection, self.number).standing}")

    def gives_it_back(self) -> None:
        """Ten years are over."""
        self.on(2024, 4, 3, "Ten years are over: the card has expired, and is given back.")
        self.refused("it has expired", PIN)
        with self.card() as hand:
            ended = return_card(self.desk(), hand, PHOTO)
        self.say(f"the ledger says: {ended.standing}")

    def asks_who_knew(self) -> None:
        """The resident asks who was given their data; nobody has to be believed."""
        self.on(2024, 4, 5, "The resident asks who has used their data.")
        keys = self._published()
        told = disclose_uses(self.desk(operator="auditor-1"), self.holder, PHOTO)
        file = json.loads(bytes(told.disclosure))
        check: Callable[..., list[str]] = runpy.run_path(
            str(Path(__file__).with_name("verify_disclosure.py"))
        )["check"]
        lines = check(file, self.code.reveal(), *map(str, keys))
        for line in lines:
            self.say(line)
        self.say("checked by examples/verify_disclosure.py, which shares no code with the log:")
        self.say("complete, in its order, in a log that its witness has seen")

    def _published(self) -> tuple[NoteKey, NoteKey]:
        """End the day, sign the log, have it witnessed and verified; return both public keys."""
        log = NoteKey.of(ORIGIN, self.log_key)
        prefecture = NoteKey.of(WITNESS, self.witness_key, KeyKind.WITNESS)
        witness = Witness(self.folder / "witness.json", self.witness_key, WITNESS, logs=[log])
        witness.create()
        sequence_log(self.database)
        end_day(self.database)
        publish_log(self.database, self.log_key)
        have_witnessed(
            self.database, lambda asked: witness.cosign(asked, self.clock.now()), prefecture
        )
        found = verify_log(self.database, [log])
        if found.problems:
            raise SystemExit(f"not as told: the log does not hold: {found.problems}")
        self.say(f"the log of uses has {found.size} entries, is signed, witnessed and verified")
        return log, prefecture


def main() -> int:
    """Tell the life; 0 when everything came as told."""
    tell("A resident's life. The terminal's clock is moved: each date below is set, not today's.")
    with tempfile.TemporaryDirectory(prefix="jukicard-life-") as folder:
        life = Life(Path(folder))
        with life.database:
            life.begins()
            life.gets_a_card()
            life.uses_it()
            life.forgets_the_pin()
            life.loses_it()
            life.gives_it_back()
            life.asks_who_knew()
    tell("\nEverything came as told. The file of register, ledger and log is gone again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
