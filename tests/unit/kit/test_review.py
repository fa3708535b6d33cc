"""What a reviewer says of a declaration: one planted defect a finding, and nothing elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jukicard.kit import (
    ALWAYS,
    CARD_NUMBER,
    NEVER,
    AccessCondition,
    AccessRules,
    Aid,
    AllOf,
    AnyOf,
    Authenticated,
    CommandApdu,
    DataObject,
    DedicatedFile,
    ElementaryFile,
    Files,
    FileState,
    FileTree,
    KeyFile,
    Keys,
    KeyState,
    MessagingLevel,
    PinFile,
    Pins,
    RecordFile,
    RecordStructure,
    ResponseApdu,
    SecureMessaging,
    TransparentFile,
    Verified,
    command,
)
from jukicard.kit.review import changes, declaration, review

AID = Aid("F052455649455700")
PIN, KEY = 0x0011, 0x0101
HOLDER = Verified(PIN)
SECURED = SecureMessaging(MessagingLevel.ENCRYPTED)
TOWN = AllOf(Authenticated("TOWN"), SECURED)
TILL = Authenticated("TILL")
"""Asked for by a command alone."""


def file(fid: int = 1, /, **rules: AccessCondition) -> TransparentFile:
    return TransparentFile(fid=fid, size=4, access=AccessRules(**rules))


def pin(fid: int = PIN, unblock: AccessCondition = TOWN, code: int | None = None) -> PinFile:
    return PinFile(fid=fid, change=Verified(fid), unblock=unblock, resetting_code=code)


def key(fid: int = KEY, reference: int = 1, right: str = "TOWN") -> KeyFile:
    return KeyFile(fid=fid, reference=reference, right=right)


GOOD = (file(read=HOLDER, update=TOWN), pin(), key())


def said(
    *files: ElementaryFile | DedicatedFile,
    objects: Sequence[DataObject] = (CARD_NUMBER,),
    waiver: str = "",
) -> list[str]:
    """What is said of an application with all that the kit has for files, PINs and keys."""

    class Planted(Files[KeyState], Pins[KeyState], Keys[KeyState]):
        """Files, PINs and keys."""

        type_name = "planted"
        pin_waiver = waiver
        tree = FileTree(DedicatedFile(name=AID, files=files, objects=tuple(objects)))

    return [f"{where}: {text}" for where, text in review(Planted, Planted.tree)]


def test_of_a_good_one_nothing_is_said() -> None:
    assert said(*GOOD) == []
    assert said(file(read=ALWAYS), objects=(), waiver="nothing here is anybody's") == []


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Verified(0x12), "there is no PIN 0012"),
        (Authenticated("OTHER"), "no key of the application's DF grants OTHER"),
        (AllOf(TOWN, NEVER), "a part of it is Never"),
        (AnyOf(), "it names nothing that could be proven"),
        (AnyOf(Verified(0x12), AllOf(HOLDER, Authenticated("OTHER"))), "grants OTHER"),
        (
            AllOf(Authenticated("TOWN"), Authenticated("SHOP")),
            "SHOP and TOWN at once: to authenticate for one forgets the other",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["read", "update", "write", "terminate"])
def test_a_rule_that_can_never_be_met(name: str, rule: AccessCondition, why: str) -> None:
    rules = {"read": ALWAYS, name: rule}
    shop = (key(0x0102, 2, "SHOP"), file(2, read=Authenticated("SHOP")))
    [finding] = said(*GOOD[1:], file(3, read=TOWN), *shop, file(**rules))
    assert finding.startswith(f"0001: '{name}' can never be met: ")
    assert finding.endswith(why)


def test_a_rule_of_which_one_way_is_open_is_met() -> None:
    assert said(*GOOD, file(2, read=AnyOf(Verified(0x12), HOLDER))) == []


def test_rules_of_pins_objects_and_folders_are_looked_at_too() -> None:
    nobody = Verified(0x12)
    changed = PinFile(fid=0x13, change=nobody, unblock=TOWN)
    found = said(
        *GOOD,
        changed,
        DedicatedFile(fid=0x0700, access=AccessRules(deactivate=nobody)),
        objects=(CARD_NUMBER, DataObject(tag=0xC1, read=nobody)),
    )
    assert {one.partition(":")[0] for one in found} == {"0013", "object C1", "DF 0700"}


def test_sessions_and_pins_need_what_begins_them() -> None:
    class Bare(Files[FileState]):
        """Has a PIN that nothing verifies, and a rule for a session that nothing opens."""

        type_name = "bare"
        tree = FileTree(
            DedicatedFile(
                name=AID, files=(file(read=HOLDER), file(2, read=SECURED), pin(unblock=ALWAYS))
            )
        )

    found = [text for where, text in review(Bare, Bare.tree) if where in ("0001", "0002")]
    assert any("there is no VERIFY (feature Pins)" in text for text in found)
    assert any("nothing here opens a secure messaging session" in text for text in found)
    assert len(found) == 2


def test_a_file_and_an_object_that_nobody_may_read() -> None:
    unread = DataObject(tag=0xC1, write=TOWN)
    found = said(*GOOD, file(2, update=TOWN), objects=(CARD_NUMBER, unread))
    assert found == [
        "object C1: nobody may read it, and no command of its own uses it",
        "0002: nobody may read it, and no command of its own uses it",
    ]


@pytest.mark.parametrize("unblock", [NEVER, HOLDER, AllOf(HOLDER, TOWN)], ids=str)
def test_a_pin_that_nothing_unblocks(unblock: AccessCondition) -> None:
    assert said(GOOD[0], pin(unblock=unblock), key()) == [
        "0011: nothing unblocks this PIN after 3 wrong values"
    ]


def test_a_resetting_code_unblocks_when_it_is_another_pin() -> None:
    nothing = "0011: nothing unblocks this PIN after 3 wrong values"
    assert said(GOOD[0], pin(unblock=NEVER, code=0x12), pin(0x12), key()) == []
    assert said(GOOD[0], pin(unblock=NEVER, code=PIN), key()) == [nothing]
    assert said(GOOD[0], pin(unblock=NEVER, code=0x12), key()) == [
        "0011: its resetting code 0012 is no PIN of its DF",
        nothing,
    ]


def test_keys() -> None:
    assert said(*GOOD, key(0x0102, 2, "TILL")) == [
        "0102: no rule asks for its purpose 'TILL': the key opens nothing"
    ]
    assert said(*GOOD, key(0x0102, 2, "")) == ["0102: the key names no purpose"]
    assert said(*GOOD, key(0x0102, 1)) == ["0102: its reference 1 is that of 0101 too"]
    assert said(*GOOD, DedicatedFile(fid=0x0700, files=(key(0x0102, 2),))) == [
        "0700/0102: a key inside a further DF is never found"
    ]
    assert said(*GOOD, objects=()) == [
        "object 5A: there are keys and no card number (CARD_NUMBER), so no system can derive them"
    ]


def test_a_key_inside_a_further_folder_grants_nothing() -> None:
    inside = DedicatedFile(fid=0x0700, files=(key(),))
    found = said(file(read=ALWAYS, update=TOWN), pin(unblock=ALWAYS), inside)
    assert "0001: 'update' can never be met: no key of the application's DF grants TOWN" in found


def test_what_a_command_asks_for_counts_as_asked() -> None:
    class Till(Files[KeyState], Pins[KeyState], Keys[KeyState]):
        """Has a command that only TILL may give, and a file that only it uses."""

        type_name = "till"
        tree = FileTree(
            DedicatedFile(
                name=AID,
                files=(*GOOD, key(0x0102, 2, "TILL"), file(2)),
                objects=(CARD_NUMBER,),
            )
        )

        @command(0x40, proprietary=True)
        def ring(self, command: CommandApdu, state: KeyState) -> ResponseApdu:
            """`80 40`."""
            return ResponseApdu(bytes((TILL.holds(state.security),)))

    assert review(Till, Till.tree) == []
    declared = declaration(Till, Till.tree)
    assert declared["command 80 INS 40"] == "`80 40`."
    assert declared["condition TILL"] == str(TILL)
    assert "condition ALWAYS" not in declared


def test_no_pin_needs_a_reason_and_a_pin_none() -> None:
    assert said(file(read=ALWAYS), objects=()) == [
        "PIN: there is no PIN, and no pin_waiver that says why"
    ]
    assert said(*GOOD, waiver="why not") == [
        "PIN: pin_waiver says why there is none, and there is one"
    ]


def test_a_rule_with_too_many_ways_takes_no_time() -> None:
    many = AllOf(*(AnyOf(*(Verified(0x100 * n + m) for m in range(1, 5))) for n in range(1, 40)))
    assert said(*GOOD, file(2, read=ALWAYS, update=many)) == []


def test_a_new_version_is_compared_line_by_line() -> None:
    def lines(*files: ElementaryFile) -> dict[str, str]:
        class Version(Files[KeyState], Pins[KeyState], Keys[KeyState]):
            """One version."""

            type_name = "version"
            tree = FileTree(DedicatedFile(name=AID, files=files, objects=(CARD_NUMBER,)))

        return declaration(Version, Version.tree)

    old = lines(file(read=HOLDER, update=TOWN), pin(), key(), file(2, read=ALWAYS))
    assert list(changes(old, old)) == []
    assert "0001, terminate" in old
    assert not {"0011, read", "0101, terminate", "DF, activate"} & old.keys()  # Never, of course
    new = lines(
        TransparentFile(fid=1, size=8, access=AccessRules(read=ALWAYS, update=TOWN)),
        PinFile(fid=PIN, tries=5, change=HOLDER, unblock=TOWN),
        key(right="CITY"),
        file(3, read=HOLDER),
    )
    found = list(changes(old, new))
    assert {
        "~ 0001, read: Verified(0011) -> Always",
        "~ 0001, size: 4 -> 8",
        "~ 0011, tries: 3 -> 5",
        "~ 0101, right: TOWN -> CITY",
        "- 0002, read: Always",
        "+ 0003, read: Verified(0011)",
    } <= set(found)
    assert {line[2:6] for line in found} == {"0001", "0011", "0101", "0002", "0003"}


@pytest.mark.parametrize(
    ("own", "size", "says"),
    [
        (1_024, 1_024 - 41, ""),
        (1_024, 1_024 - 40, "its files at their fullest take 1,025 bytes, and it has 1,024 of its"),
        (2_000, 1_024 - 40, ""),
        (0, 60_000, ""),
    ],
)
def test_files_that_do_not_fit_the_memory_of_its_own(own: int, size: int, says: str) -> None:
    """Names count, records with the two bytes before each, objects that say how long they are."""
    records = RecordFile(
        fid=2,
        access=AccessRules(read=ALWAYS),
        structure=RecordStructure.LINEAR_FIXED,
        record_size=3,
        record_count=1,
    )
    objects = (
        DataObject(tag=0xC1, read=ALWAYS, max_size=2),  # object//C1
        DataObject(tag=0xC2, read=ALWAYS),  # says nothing
    )

    class Full(Files[FileState]):
        """Two files, two objects."""

        type_name = "full"
        pin_waiver = "it is a test"
        reserved_memory = own
        tree = FileTree(
            DedicatedFile(
                name=AID,
                files=(
                    TransparentFile(fid=1, size=size, access=AccessRules(read=ALWAYS)),
                    records,
                ),
                objects=objects,
            )
        )

    found = review(Full, Full.tree)
    assert [one.where for one in found] == ["memory"] * bool(says)
    assert says in "".join(one.says for one in found)
    assert declaration(Full, Full.tree)["memory of its own"] == f"{own:,} bytes"
