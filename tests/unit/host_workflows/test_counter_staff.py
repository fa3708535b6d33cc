"""Commands about operators, the emergency stop, the log and signatures: what they did, and refuse.

How each is told is in the manual, whose transcripts run; here, what ledger, card and files have.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from jukicard import Printed, issue_card
from jukicard.environment import SeededRandom
from jukihost.channel import build_channel
from jukihost.cli.counter.commands import auditing, door, signing, staff, stopping
from jukihost.database import open_database
from jukihost.exports import restore_backup
from jukihost.ledger import Right, Role, find_operator, list_lendings, turns
from jukihost.log import Disclosure, Outcome, Policy, end_day, publish_log, sequence_log
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.signing.raw import verify_raw
from tests.support.host.counters import PIN, Reader
from tests.support.host.operators import MADE, Person, Staff, person
from tests.support.host.residents import TOWN
from tests.support.host.shops import PASSPHRASE, Shop, Told, opened_shop, told, town_files
from tests.support.host.town import LOG, LOG_KEY

OURS: Final = (
    *auditing.ACTIONS, *door.ACTIONS, *signing.ACTIONS, *staff.ACTIONS, *stopping.ACTIONS,
)  # fmt: skip
"""The commands of this page."""
NEW_PASSWORD: Final = {"secret": "Kasumi-2014", "use": "new_operator"}
WORD: Final = "SIGN1234"


class Hall(Shop):
    """A counter with an administrator, an auditor and a second supervisor too."""

    def __init__(self, shop: Shop) -> None:
        self.__dict__ = shop.__dict__
        staff = Staff(self.counter, seed=40)
        self.admin, self.auditor = staff.hired(Role.ADMINISTRATOR), staff.hired(Role.AUDITOR)
        self.second = staff.hired(Role.SUPERVISOR)
        self._drawn = 60

    def newcomer(self) -> Person:
        """Somebody with a card who does not work here yet."""
        self._drawn += 1
        return person(self._drawn)

    def manage(self, *words: str, **how: Any) -> Told:
        """Have the administrator do something."""
        return self.run(*words, operator=self.admin, **how)

    def lent(self, one: Person) -> list[str | None]:
        """What became of each lending of a card; None where it is lent."""
        with self.counter.database.read() as connection:
            return [it.outcome for it in list_lendings(connection) if it.card == one.number]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with town_files(tmp_path_factory.mktemp("towns")) as folder:
        yield folder


@pytest.fixture(scope="module")
def hall(files: Path) -> Iterator[Hall]:
    with opened_shop(files / "hall") as shop:
        yield Hall(shop)


def test_an_operator_comes_works_and_goes(hall: Hall) -> None:
    new = hall.newcomer()
    entered = hall.manage(
        *("enter-operator", new.identifier, "--name", "窓口", "--role", "clerk"),
        *("--day", "sun", "--since", "09:30", "--until", "00:00"),
    ).done
    assert entered["hours"] == {"weekdays": [6], "since": "09:30:00", "until": "00:00:00"}
    assert hall.manage("lend-operator-card", new.identifier, card=new.card).done["outcome"] is None
    assert hall.manage("inspect-operator-card", card=new.card).done["inspected"]
    for option in ("--may-export", "--may-not-export"):
        changed = hall.manage("change-operator", new.identifier, option, "--role", "auditor")
        assert changed.done["may_export"] is (option == "--may-export")
    with hall.counter.database.read() as connection:
        assert find_operator(connection, new.identifier).rights == {Right.READ_LOG}
    assert hall.manage("return-operator-card", card=new.card).done["outcome"] == "returned"
    hall.manage("lend-operator-card", new.identifier, card=new.card)
    assert hall.manage("revoke-operator-card", new.identifier).done["outcome"] == "revoked"
    assert hall.lent(new) == ["returned", "revoked"]
    assert hall.manage("dismiss-operator", new.identifier).done == {}
    assert hall.manage("dismiss-operator", new.identifier).error == "changed_meanwhile"


def test_a_locked_card_is_unlocked_once_for_a_grant(hall: Hall) -> None:
    new = hall.newcomer()
    hall.manage("enter-operator", new.identifier, "--name", "窓口", "--role", "clerk")
    hall.manage("lend-operator-card", new.identifier, card=new.card)
    assert hall.manage("unlock-operator-card", card=new.card).error == "impossible"
    new.lock()
    assert hall.manage("unlock-operator-card", card=new.card).error == "operator_refused"
    granted = hall.manage("grant-unlock", "--card", new.number.hex(), "--hours", "168").done
    assert granted["operator"] == new.identifier
    unlocked = hall.manage(
        "unlock-operator-card", "--new-password", card=new.card, said=[NEW_PASSWORD]
    )
    assert unlocked.done["granted_by"] == hall.admin.identifier
    assert new.tries() == 3
    assert hall.manage("unlock-operator-card", card=new.card).error == "impossible"


def test_an_administrators_card_is_replaced_by_two(hall: Hall) -> None:
    lost = Staff(hall.counter, seed=90).hired(Role.ADMINISTRATOR)
    printed = Printed(card_number=bytes.fromhex("8139200000000090"))
    other = issue_card("operator", seed=91, issued=MADE, municipality=TOWN, printed=printed)
    words = ("replace-operator-card", lost.identifier)
    assert hall.run(*words, operator=hall.supervisor, card=other).error == "not_approved"
    mine = {"secret": "operator-1", "use": "operator"}
    replaced = hall.run(
        *words, operator=hall.supervisor, second=hall.second, card=other, said=[mine]
    )
    assert replaced.done["card"] == "8139200000000090"
    assert hall.lent(lost) == ["revoked"]


def test_two_stop_everything_and_lift_it(hall: Hall) -> None:
    def both(*words: str) -> Told:
        return hall.run(*words, operator=hall.supervisor, second=hall.second)

    assert hall.run("emergency-stop", "--why", "a", operator=hall.supervisor).error
    stopped = both("emergency-stop", "--why", "漏えいの疑い").done
    try:
        assert stopped["running"] is False
        assert hall.run("find", "--name", "a").error == "stopped"
        assert hall.run("tell-old-towns", operator=hall.supervisor).error == "stopped"
        assert hall.manage("end-old-uses").error == "stopped"
    finally:
        lifted = both("lift-emergency-stop", "--why", "晴れた").done
    with hall.counter.database.read() as connection:
        assert lifted["running"] is turns(connection)[-1].running is True
    assert both("lift-emergency-stop", "--why", "a").error == "changed_meanwhile"


def test_a_resident_gets_a_file_that_proves_itself(hall: Hall) -> None:
    hall.run("identify", said=[{"secret": PIN, "use": "juki"}])
    words = ("disclose", "--holder", str(hall.counter.holder), "--log-key", str(LOG_KEY))
    place = hall.folder / "disclosure.json"
    asked = (*words, "--paper", "photo", "--out", str(place))
    assert hall.run(*asked, operator=hall.auditor).error == "not_published"
    assert not place.exists()
    sequence_log(hall.counter.database)
    end_day(hall.counter.database)
    publish_log(hall.counter.database, LOG)
    assert hall.run(*asked, operator=hall.auditor).done["uses"]
    found = Disclosure.parse(place.read_bytes(), hall.counter.code)
    assert found.check(hall.counter.code, Policy(LOG_KEY)).uses


def test_a_backup_is_whole_and_only_for_who_may(hall: Hall, tmp_path: Path) -> None:
    place = tmp_path / "town.backup"
    assert hall.run("backup", str(place)).error == "operator_refused"
    assert not place.exists()
    hall.manage("change-operator", hall.clerk.identifier, "--may-export")
    try:
        made = hall.run("backup", str(place)).done
    finally:
        hall.manage("change-operator", hall.clerk.identifier, "--may-not-export")
    assert made["rows"] > 10
    assert place.stat().st_mode & 0o077 == 0
    clock = hall.counter.database.clock
    rows = restore_backup(
        place, tmp_path / "new.db", hall.clerk.identifier, clock=clock, terminal="office"
    )
    assert rows == made["rows"]
    assert hall.run("backup", str(place)).error == "usage"


def test_old_uses_end_by_rule_only(hall: Hall) -> None:
    assert hall.manage("end-old-uses").done == {"removed": 0}
    assert hall.manage("end-old-uses", "--years", "6").error == "too_early"
    assert hall.run("end-old-uses").error == "operator_refused"


def test_what_others_are_to_be_told_is_told(hall: Hall) -> None:
    assert hall.run("tell-authority").done == {"left": 0}
    assert hall.run("tell-old-towns").done == {"left": []}


def test_a_document_is_signed_and_a_key_that_is_not_there_is_missed(
    files: Path, tmp_path: Path
) -> None:
    document, signature = tmp_path / "a.txt", tmp_path / "a.sig"
    document.write_bytes(SeededRandom("document").take(64))
    with opened_shop(files / "later") as shop:
        secret = {"secret": WORD, "use": "new_signature"}
        changed = shop.run("unblock-pin", "--use", "signature", "--paper", "photo", said=[secret])
        assert changed.done
        words = ("sign", str(document), "--form", "raw", "--out", str(signature))
        said = [{"secret": WORD, "use": "signature"}]
        assert shop.run(*words, said=said).done["form"] == "raw"
        with Reader(shop.counter.card) as reader, JpkiSession(build_channel(reader)) as jpki:
            jpki.verify_password(WORD)
            certificate = jpki.certificate(JpkiKey.SIGNATURE)
        verify_raw(certificate, document.read_bytes(), signature.read_bytes())
        assert shop.run(*words).error == "usage"
        assert shop.run("log-on", "--challenge", str(document)).error == "impossible"
        wrong = [{"secret": "WRONG1234", "use": "signature"}] * 4
        told = shop.run(
            *words, "--force",
            said=[*wrong, {"agree": True, "question": "last_try"}, wrong[0]],
        )  # fmt: skip
        assert (told.error, told.result["error"]["retry"]) == (
            "password_blocked",
            "counter",
        )
        assert "WRONG1234" not in str(told)


def test_a_shell_locks_and_each_line_is_one_result(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ("lock", "tell-authority", "log-in", "tell-authority", "none", "sign 'a", "sign", "")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    told = hall.run("shell", said=[{"secret": "operator-1", "use": "operator"}])
    results = [one for one in told.lines if one["type"] == "result"]
    assert [(one["procedure"], one["done"]) for one in results] == [
        ("lock", True),
        ("tell-authority", False),
        ("log-in", True),
        ("tell-authority", True),
        ("shell", False),
        ("shell", False),
        ("shell", False),
    ]
    assert told.code == 2


@pytest.mark.parametrize("line", ["sign - --out a", "sign a --out=-", "log-on --challenge -"])
def test_a_line_does_not_take_the_lines_after_it(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{line}\ntell-authority\n"))
    answers = hall.run("shell").lines
    results = [one for one in answers if one["type"] == "result"]
    assert [(one["procedure"], one["done"]) for one in results] == [
        ("shell", False),
        ("tell-authority", True),
    ]


def test_a_shell_takes_no_script_from_where_its_lines_are(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("tell-authority\n"))
    answer = told("counter", "shell", "--office", str(hall.office), "--script", "-", "--json")
    assert answer.error == "usage"


@pytest.mark.parametrize("secret", ["4711", "hunter2-PIN"])
def test_a_line_that_is_not_understood_is_not_repeated(
    hall: Hall, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{secret}\nlock {secret}\nlock --pin={secret}\n"))
    told = hall.run("shell")
    assert told.code == 2
    assert secret not in json.dumps(told.lines) + told.errors


HOSTILE: Final = ("\ud800", "a\x00b", "\x1b[2J", "x" * 5000, "", "\u202e", "-1", "9" * 400)
NAMES: Final = ("\u202e", "-1")
"""Of these, what may be a name, or an identifier: it is shown as what it is, and does nothing."""
ENTER: Final = ("enter-operator", "OP999999", "--name", "a", "--role", "clerk")
TEXTS: Final = {
    "operator": ("enter-operator", "{text}", "--name", "a", "--role", "clerk"),
    "name": ("enter-operator", "OP999999", "--name", "{text}", "--role", "clerk"),
    "since": (*ENTER, "--since", "{text}"),
    "until": (*ENTER, "--until", "{text}"),
    "day": (*ENTER, "--day", "{text}"),
    "change": ("change-operator", "{text}", "--name", "a"),
    "dismiss": ("dismiss-operator", "{text}"),
    "lend": ("lend-operator-card", "{text}"),
    "revoke": ("revoke-operator-card", "{text}"),
    "replace": ("replace-operator-card", "{text}"),
    "card": ("grant-unlock", "--card", "{text}"),
    "hours": ("grant-unlock", "--card", "8139200000000000", "--hours", "{text}"),
    "why": ("emergency-stop", "--why", "{text}"),
    "lift": ("lift-emergency-stop", "--why", "{text}"),
    "years": ("end-old-uses", "--years", "{text}"),
    "backup": ("backup", "{text}"),
    "key": ("disclose", "--holder", "1", "--out", "-", "--log-key", "{text}"),
    "out": ("sign", "{file}", "--out", "{text}"),
    "file": ("sign", "{text}", "--out", "-"),
    "challenge": ("log-on", "--challenge", "{text}"),
    "log": ("found", "--log", "{text}", "--first", "OP1", "--first-name", "a",
            "--second", "OP2", "--second-name", "b"),
    "first": ("found", "--log", "a", "--first", "{text}", "--first-name", "a",
              "--second", "OP2", "--second-name", "b"),
}  # fmt: skip


def hostile() -> Iterator[Any]:
    """Every text for every option; a short run has a quarter of them, each of both among it."""
    for one, (name, words) in enumerate(TEXTS.items()):
        for other, text in enumerate(HOSTILE):
            marks = [pytest.mark.soak] if (one + other) % 4 else []
            yield pytest.param(words, text, id=f"{name} {text[:9]!r}", marks=marks)


@pytest.mark.parametrize(("words", "text"), list(hostile()))
def test_hostile_text_gets_one_answer_and_changes_nothing(
    hall: Hall, words: tuple[str, ...], text: str
) -> None:
    before = sorted(path.name for path in hall.folder.iterdir() if path.suffix != ".jsonl")
    filled = [one.replace("{file}", str(hall.office)).replace("{text}", text) for one in words]
    told = hall.run(*filled, operator=hall.admin)
    if told.code == 0:
        assert words[0] == "enter-operator"
        assert text in NAMES
    else:
        assert told.code in {1, 2, 3}, told.lines
        assert told.result["error"]["meaning"]
    assert "Traceback" not in told.errors
    assert "\x1b" not in told.errors
    after = sorted(path.name for path in hall.folder.iterdir() if path.suffix != ".jsonl")
    assert after == before


def test_every_command_is_tried_here() -> None:
    tried = {words[0] for words in TEXTS.values()}
    plain = {"inspect-operator-card", "return-operator-card", "unlock-operator-card",
             "change-password", "tell-authority", "tell-old-towns"}  # fmt: skip
    assert tried | plain == {action.name for action in OURS}


def test_who_may_not_is_refused_and_in_the_log(hall: Hall) -> None:
    """Each needs a right that a clerk has not, or a card that is not there."""
    for words in (
        ("inspect-operator-card",), ("return-operator-card",), ("unlock-operator-card",),
        ("revoke-operator-card", "OP1"), ("dismiss-operator", "OP1"),
        ("grant-unlock", "--card", "8139200000000000"),
    ):  # fmt: skip
        assert hall.run(*words).error == "operator_refused"
        [use] = hall.counter.uses()[-2:-1]
        assert (use.outcome, use.operator) == (Outcome.REFUSED, hall.clerk.identifier)


def test_a_password_is_changed_without_logging_in(hall: Hall) -> None:
    told = hall.run("change-password", operator=hall.second, said=[NEW_PASSWORD])
    assert told.done["until"] > str(MADE)
    assert hall.run("tell-authority", operator=hall.second).error == "password_rejected"
    again = {"secret": "Kasumi-2015", "use": "new_operator"}
    assert hall.run("change-password", operator=hall.second, said=[again]).error


def test_the_passphrase_is_nowhere(hall: Hall) -> None:
    assert PASSPHRASE not in str(hall.run("tell-authority"))


def test_a_database_opens_after_all_this(hall: Hall) -> None:
    place, clock = hall.folder / "terminal.db", hall.counter.database.clock
    with open_database(place, clock=clock, terminal="x") as database, database.read() as connection:
        assert list_lendings(connection)
