"""Publishing, the witness that may be away, and backups that come back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import update

from jukihost.database import Database, open_database
from jukihost.log import (
    Checkpoint,
    Disclosure,
    KeyKind,
    NotAdopted,
    Note,
    NoteError,
    NoteKey,
    NotPublished,
    Outcome,
    Policy,
    ProofError,
    PseudonymKey,
    Update,
    Witness,
    WitnessRefused,
    WitnessStateError,
    adopt_log,
    append_use,
    begin_anew,
    check_consistency,
    check_since,
    disclose_stored,
    end_day,
    have_witnessed,
    log_alarms,
    mark_restored,
    prove_stored,
    publish_log,
    published_checkpoint,
    sequence_log,
    take_cosigned,
    witness_request,
)
from jukihost.log.tables import heads
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import CODES, LOG, LOG_KEY, POLICY, PSEUDONYMS, SEEN_BY, WITNESS_KEY


def away(update: Update) -> Note:
    raise WitnessStateError("the witness is away")


def published(database: Database) -> tuple[int, Note]:
    with database.read() as connection:
        return published_checkpoint(connection)


def hold(stored: StoredTown) -> None:
    with stored.database.begin() as connection:
        connection.execute(update(heads).values(hold=True))


def test_what_is_published_is_signed_once_and_cosigned(stored: StoredTown) -> None:
    with pytest.raises(NotPublished, match="log publish"):
        published(stored.database)
    with pytest.raises(NotPublished):
        have_witnessed(stored.database, stored.ask, WITNESS_KEY)
    stored.use(*CODES)
    cosigned = stored.publish()
    assert POLICY.read(cosigned)[0].size == 3
    assert published(stored.database) == (3, cosigned)
    assert publish_log(stored.database, LOG) == cosigned  # nothing new, nothing signed again
    assert have_witnessed(stored.database, away, WITNESS_KEY) == cosigned  # nor asked again
    with stored.database.read() as connection:
        proof = prove_stored(connection, 2)
        with pytest.raises(NotPublished, match="entry 3 is not in it"):
            prove_stored(connection, 3)
    assert proof.checkpoint == cosigned


def test_while_the_witness_is_away_the_log_goes_on_and_it_is_an_alarm(stored: StoredTown) -> None:
    stored.use(CODES[0])
    sequence_log(stored.database)
    end_day(stored.database)
    note = publish_log(stored.database, LOG)
    with pytest.raises(WitnessStateError):
        have_witnessed(stored.database, away, WITNESS_KEY)
    assert published(stored.database) == (2, note)
    assert log_alarms(stored.database) == []
    stored.clock.move(timedelta(minutes=61))
    assert "no witness has cosigned" in log_alarms(stored.database)[0]
    stored.publish()
    assert log_alarms(stored.database) == []
    stored.use(CODES[0])
    stored.clock.move(timedelta(days=2))
    queued, unended = log_alarms(stored.database)
    assert queued.startswith("1 entries are queued")
    assert "no day was ended since 2014-03-31" in unended


def test_a_log_that_holds_publishes_nothing_without_its_witness(in_file: StoredTown) -> None:
    hold(in_file)
    in_file.use(CODES[0])
    sequence_log(in_file.database)
    publish_log(in_file.database, LOG)
    with pytest.raises(NotPublished, match="publishes none without"):
        published(in_file.database)
    first = in_file.publish()
    in_file.use(CODES[0])
    sequence_log(in_file.database)
    publish_log(in_file.database, LOG)
    assert published(in_file.database) == (1, first)


def test_a_witness_that_is_reached_by_files(in_file: StoredTown) -> None:
    in_file.use(CODES[0])
    first = in_file.publish()
    in_file.use(CODES[1])
    sequence_log(in_file.database)
    publish_log(in_file.database, LOG)
    asked = Update.parse(bytes(witness_request(in_file.database)))
    assert asked.old == 1
    cosigned = in_file.ask(asked)
    assert take_cosigned(in_file.database, cosigned, [WITNESS_KEY]) == cosigned
    assert published(in_file.database) == (2, cosigned)
    plain = Note(first.text, first.signatures[:1])
    for wrong, why in (
        (plain, "without the cosignature"),
        (Note("other/log\n1\nAAAA\n", ()).cosigned(SEEN_BY, WITNESS_KEY.name, in_file.clock.now()),
         "none that this log has signed"),
    ):  # fmt: skip
        with pytest.raises(NoteError, match=why):
            take_cosigned(in_file.database, wrong, [WITNESS_KEY])


def test_keys_of_log_and_witness_are_replaced_by_signing_with_both(
    in_file: StoredTown, tmp_path: Path
) -> None:
    in_file.use(CODES[0])
    in_file.publish()
    new_log, new_witness = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    new_key = NoteKey.of(LOG_KEY.name, new_log)
    seen_by = NoteKey.of("other.example", new_witness, KeyKind.WITNESS)
    witness = Witness(tmp_path / "new.json", new_witness, "other.example", logs=[new_key])
    witness.create()
    both = publish_log(in_file.database, LOG, new_log)  # the same size: signed once more
    assert Policy(LOG_KEY, (WITNESS_KEY,), 1).read(both)[0].size == 1
    assert Policy(new_key, (WITNESS_KEY,), 1).read(both)[0].size == 1
    in_file.use(CODES[0])
    sequence_log(in_file.database)
    publish_log(in_file.database, new_log)
    have_witnessed(
        in_file.database, lambda asked: witness.cosign(asked, in_file.clock.now()), seen_by
    )
    assert Policy(new_key, (seen_by,), 1).read(published(in_file.database)[1])[0].size == 2
    with in_file.database.read() as connection:
        proof = check_since(connection, both, [LOG_KEY])
    assert len(proof) == 1


def test_with_a_new_key_of_pseudonyms_there_is_one_whole_disclosure_for_each(
    stored: StoredTown,
) -> None:
    new, code = PseudonymKey(bytes(range(96, 128))), CODES[0]
    with_old = stored.use(code, CODES[1], code)
    stored.end_day()
    with stored.database.begin() as connection:
        with_new = append_use(
            connection, new, at=stored.clock.now(), operator="operator-1", terminal="counter-1",
            body="the town's counter", purpose="after", outcome=Outcome.DONE, resident=code,
            card=b"12345678",
        )  # fmt: skip
    assert [use.number for use in (*with_old, with_new)] == [1, 1, 2, 1]
    assert with_new.before == bytes(32)
    assert with_new.resident != with_old[0].resident
    assert with_new.card == new.card(b"12345678") != PSEUDONYMS.card(b"12345678")
    stored.end_day()
    shown = {}
    for key in (PSEUDONYMS, new):
        with stored.database.begin() as connection:
            made = disclose_stored(
                connection, key, code, at=stored.clock.now(), operator="operator-1",
                terminal="counter-1", body="the town's counter",
            )  # fmt: skip
        assert code.reveal().encode() not in bytes(made)
        found = Disclosure.parse(bytes(made), code).check(code, POLICY)
        shown[key] = [use.purpose for use in found.uses]
        assert found.covered == len(found.uses)
        others = new if key is PSEUDONYMS else PSEUDONYMS
        for secret in (others.opening(code), others.resident(code)):
            assert secret.hex().encode() not in bytes(made)
    assert shown == {PSEUDONYMS: ["copy of the record"] * 2, new: ["after"]}
    stored.publish()
    assert stored.verify().problems == ()


def test_whoever_kept_a_checkpoint_finds_a_log_that_does_not_continue_it(
    in_file: StoredTown,
) -> None:
    in_file.use(*CODES)
    kept = in_file.publish()
    in_file.use(*CODES)
    now = in_file.publish()
    with in_file.database.read() as connection:
        path = check_since(connection, kept, [LOG_KEY])
        old, new = POLICY.read(kept)[0], POLICY.read(now)[0]
        check_consistency(old.size, old.root, new.size, new.root, path)
        for size, why in ((3, "two histories"), (9, "entries 6 to 8 were removed")):
            other = Checkpoint(LOG_KEY.name, size, bytes(32)).signed(LOG)
            with pytest.raises(ProofError, match=why):
                check_since(connection, other, [LOG_KEY])
        with pytest.raises(NoteError, match="not signed by the log"):
            check_since(connection, kept, [NoteKey.of(LOG_KEY.name, SEEN_BY)])


# -- backups ---------------------------------------------------------------------------------------


def backup(stored: StoredTown, place: Path) -> Callable[[], Database]:
    """Copy the log as it is; return what opens the copy."""
    with stored.database.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
    stored.database.close()
    shutil.copyfile(str(stored.database.engine.url.database), place)

    def restore() -> Database:
        back = open_database(place, clock=stored.clock, terminal="counter-1")
        with back.begin() as connection:
            mark_restored(connection, stored.clock.now())
        return back

    return restore


def test_a_backup_goes_on_only_once_the_witness_says_so(
    in_file: StoredTown, tmp_path: Path
) -> None:
    in_file.use(*CODES)
    in_file.publish()
    restore = backup(in_file, tmp_path / "copy.db")
    with restore() as back:
        copy = StoredTown.__new__(StoredTown)
        copy.database, copy.clock, copy.prefecture = back, in_file.clock, in_file.prefecture
        copy.use(CODES[0])
        with pytest.raises(NotAdopted, match="log adopt"):
            sequence_log(back)
        assert "log adopt" in log_alarms(back)[-1]
        adopt_log(back, copy.ask, WITNESS_KEY, LOG)
        assert sequence_log(back) == 1
        copy.publish()
        assert copy.verify().problems == ()


def test_a_backup_that_lacks_what_was_witnessed_does_not_go_on(
    in_file: StoredTown, tmp_path: Path
) -> None:
    in_file.use(*CODES)
    in_file.publish()
    restore = backup(in_file, tmp_path / "copy.db")
    in_file.use(CODES[0])
    in_file.publish()
    with restore() as back:
        copy = StoredTown.__new__(StoredTown)
        copy.database, copy.clock, copy.prefecture = back, in_file.clock, in_file.prefecture
        copy.use(CODES[1])
        with pytest.raises(WitnessRefused, match="old copy"):
            adopt_log(back, copy.ask, WITNESS_KEY, LOG)
        with pytest.raises(NotAdopted):
            sequence_log(back)
        with back.begin() as connection, pytest.raises(NoteError, match="another name"):
            begin_anew(connection, LOG_KEY.name)
        with back.begin() as connection:
            begin_anew(connection, "town.example/uses-2")
        assert sequence_log(back) == 1
        assert publish_log(back, LOG).text.startswith("town.example/uses-2\n4\n")


def test_a_log_whose_tree_was_changed_signs_nothing(in_file: StoredTown) -> None:
    in_file.use(*CODES)
    in_file.publish()
    in_file.spoil("UPDATE log_tiles SET hashes = zeroblob(96)")
    in_file.use(*CODES)
    sequence_log(in_file.database)
    with pytest.raises(ProofError, match="log verify"):
        publish_log(in_file.database, LOG)
