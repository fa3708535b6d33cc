"""Commands are declared beside their methods and found by name; what is no command is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu
from jukicard.apdu.ins import Ins, is_valid_ins
from jukicard.runtime.applet import Applet, BasicState
from jukicard.runtime.handlers import DeclarationError, command
from jukicard.runtime.kinds import applet_class

TABLES: Final = ("interindustry", "proprietary")
KINDS: Final = ("common", "issuer", "issuer-juki", "jpki", "juki", "operator", "surface", "text")


class Part(Applet[BasicState]):
    """The least that can be made some of."""

    def new_state(self) -> BasicState:
        return BasicState()

    def select(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu()


class Greeting(Part):
    @command(0x10, proprietary=True)
    def greet(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu(b"hello")

    @command(0x12, 0x14, proprietary=True)
    @command(Ins.VERIFY)
    def count(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu(bytes((command.ins,)))


def answer(kind: type[Part], raw: str) -> bytes:
    made = kind.__new__(kind)  # no card is needed for what has no memory
    return made.process(CommandApdu.parse(bytes.fromhex(raw)), BasicState()).data


# -- what is declared, and what is overridden ------------------------------------------------------


def test_a_command_is_answered_by_the_method_below_its_declaration() -> None:
    assert set(Greeting.proprietary) == {0x10, 0x12, 0x14}
    assert set(Greeting.interindustry) == {0x20}
    assert answer(Greeting, "80100000") == b"hello"
    assert answer(Greeting, "80140000") == b"\x14"
    assert answer(Greeting, "00200000") == b"\x20"


def test_the_base_has_none() -> None:
    assert Applet.interindustry == Part.interindustry == Part.proprietary == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_command_of_every_application_can_be_overridden_without_declaring_it(
    kind: str,
) -> None:
    base: Any = applet_class(kind)
    before = {attribute: dict(getattr(base, attribute)) for attribute in TABLES}
    methods = {method for table in before.values() for method in table.values()}
    assert methods
    for method in methods:

        def override(self: Any, *given: Any) -> Any:
            raise AssertionError

        changed: Any = type("Changed", (base,), {method.__name__: override})
        for attribute, table in before.items():
            expected = {key: override if one is method else one for key, one in table.items()}
            assert getattr(changed, attribute) == expected
            assert getattr(base, attribute) == table, "the base is as it was"


def test_an_override_declared_again_answers_the_old_and_the_new() -> None:
    class Louder(Greeting):
        @command(0x16, proprietary=True)
        def greet(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
            return ResponseApdu(b"HELLO")

    assert answer(Louder, "80100000") == answer(Louder, "80160000") == b"HELLO"


def test_an_override_from_a_class_of_methods_counts() -> None:
    class Loud:
        def greet(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
            return ResponseApdu(b"HELLO")

        @command(0x20, proprietary=True)
        def shout(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
            return ResponseApdu(b"!")

    class Both(Loud, Greeting):
        pass

    assert answer(Both, "80100000") == b"HELLO"
    assert answer(Both, "80200000") == b"!"
    assert 0x20 not in Greeting.proprietary


def test_an_override_of_one_feature_reaches_what_is_put_together_of_it() -> None:
    class Quiet(Greeting):
        def greet(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
            return ResponseApdu(b"(hello)")

    class Other(Part):
        @command(0x18, proprietary=True)
        def other(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
            return ResponseApdu(b"other")

    class All(Other, Quiet):
        pass

    assert answer(All, "80100000") == b"(hello)"
    assert answer(All, "80180000") == b"other"


def test_a_wrapped_method_is_a_method() -> None:
    def twice(method: Callable[..., ResponseApdu]) -> Callable[..., ResponseApdu]:
        @wraps(method)
        def wrapper(*given: Any) -> ResponseApdu:
            return ResponseApdu(method(*given).data * 2)

        return wrapper

    class Twice(Greeting):
        greet = twice(Greeting.greet)

    assert answer(Twice, "80100000") == b"hellohello"


# -- what a class has not --------------------------------------------------------------------------


def test_a_class_may_be_without_a_command_and_so_is_what_derives_from_it() -> None:
    class Mute(Greeting, without=(Greeting.count,)):
        pass

    class Derived(Mute):
        pass

    for kind in (Mute, Derived):
        assert set(kind.proprietary) == {0x10}
        assert kind.interindustry == {}
    assert set(Greeting.proprietary) == {0x10, 0x12, 0x14}


def test_a_command_may_be_declared_anew() -> None:
    class Renamed(Greeting, without=(Greeting.greet,)):
        @command(0x10, proprietary=True)
        def salute(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
            return ResponseApdu(b"salute")

    assert answer(Renamed, "80100000") == b"salute"


@pytest.mark.parametrize("nothing", [Part.select, len, Greeting.process])
def test_without_names_commands_only(nothing: Callable[..., Any]) -> None:
    with pytest.raises(
        DeclarationError, match=f"without={nothing.__qualname__} is no command of its"
    ):
        type("Wrong", (Greeting,), {}, without=(nothing,))


def no_state(self: Any) -> Any: ...


# -- two methods for one command -------------------------------------------------------------------


def other(self: Any, command: CommandApdu, state: BasicState) -> ResponseApdu:
    return ResponseApdu()


def declared(*instructions: int, proprietary: bool = True) -> Any:
    """A method of its own, declared."""

    def one(self: Any, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu()

    return command(*instructions, proprietary=proprietary)(one)


def test_two_methods_of_one_class_cannot_answer_one_command() -> None:
    with pytest.raises(
        DeclarationError, match=r"Two: both Two.one and Two.two are there for propr"
    ):
        type("Two", (Part,), {"one": declared(0x10), "two": declared(0x10)})


def test_the_same_instruction_of_both_classes_is_two_commands() -> None:
    type("Fine", (Part,), {"one": declared(0x20), "two": declared(0x20, proprietary=False)})


def test_a_subclass_takes_no_command_of_its_base_by_accident() -> None:
    message = "Taken: both Greeting.count and Taken.other are there for VERIFY"
    with pytest.raises(DeclarationError, match=message):
        type("Taken", (Greeting,), {"other": declared(Ins.VERIFY, proprietary=False)})


def test_two_features_cannot_answer_one_command() -> None:
    first = type("First", (Part,), {"one": declared(0x10, 0x30)})
    second = type("Second", (Part,), {"two": declared(0x10, 0x40)})
    with pytest.raises(DeclarationError, match=r"First.one and Second.two .* or say without="):
        type("Both", (first, second), {})


def test_one_of_two_features_is_chosen() -> None:
    class Greeted(Part):
        @command(0x10, 0x40, proprietary=True)
        def greeted(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
            return ResponseApdu()

    class Chosen(Greeting, Greeted, without=(Greeted.greeted,)):
        pass

    assert Chosen.proprietary == Greeting.proprietary


def test_two_features_with_one_name_are_two_methods_too() -> None:
    first: Any = type("First", (Part,), {"one": declared(0x10)})
    second: Any = type("Second", (Part,), {"one": declared(0x10)})
    with pytest.raises(DeclarationError, match=r"both First.one and Second.one are there"):
        type("Both", (first, second), {})
    both: Any = type("Both", (first, second), {"one": other})
    assert both.proprietary == {0x10: other}
    derived: Any = type("Derived", (both,), {})
    assert derived.proprietary == {0x10: other}
    chosen: Any = type("Chosen", (first, second), {}, without=(second.one,))
    assert chosen.proprietary == {0x10: first.one}
    with pytest.raises(DeclarationError, match="name Second before it among the bases"):
        type("Chosen", (first, second), {}, without=(first.one,))


def test_an_override_beside_what_it_overrides_is_one_method() -> None:
    class Quiet(Greeting):
        @command(0x10, proprietary=True)
        def greet(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
            return ResponseApdu(b"(hello)")

    class Plain(Greeting):
        pass

    for bases in ((Quiet, Plain), (Plain, Quiet)):
        both: Any = type("Both", bases, {})
        assert answer(both, "80100000") == b"(hello)"


# -- what is no command ----------------------------------------------------------------------------


def test_instructions_that_never_come_are_refused() -> None:
    for ins in range(-2, 260):
        comes = 0 <= ins <= 255 and is_valid_ins(ins) and ins not in (0x70, 0xC0)
        for proprietary in (False, True):
            if comes or (proprietary and ins == 0x70):
                assert declared(ins, proprietary=proprietary)
            else:
                with pytest.raises(DeclarationError, match="@command: "):
                    command(ins, proprietary=proprietary)


def test_a_declaration_says_for_what() -> None:
    with pytest.raises(DeclarationError, match="says for what"):
        command()


@pytest.mark.parametrize("thing", [None, 5, "text", property(no_state), staticmethod(other), Part])
def test_only_a_method_is_declared(thing: Any) -> None:
    with pytest.raises(DeclarationError, match="is no method"):
        command(0x10)(thing)


def too_many(self: Any, command: CommandApdu, state: Any, more: Any) -> Any: ...
def keyword(self: Any, command: CommandApdu, state: Any, *, more: Any) -> Any: ...
def by_name(self: Any, command: CommandApdu, *, state: Any) -> Any: ...
async def asynchronous(self: Any, command: CommandApdu, state: Any) -> Any: ...
def generating(self: Any, command: CommandApdu, state: Any) -> Any:
    yield


def alone() -> Any: ...  # fmt: skip


NOT_CALLED_SO: Final = (no_state, too_many, keyword, by_name, asynchronous, generating, alone)


@pytest.mark.parametrize("method", NOT_CALLED_SO, ids=lambda method: method.__name__)
def test_a_method_that_cannot_be_called_as_a_command_is_refused(method: Any) -> None:
    message = r"Wrong.greet answers proprietary INS 10 and is called with \(self, command, state\)"
    with pytest.raises(DeclarationError, match=message):
        type("Wrong", (Greeting,), {"greet": method})
    with pytest.raises(DeclarationError, match="is called with"):
        type("Wrong", (Part,), {"declared": command(0x10)(method)})


def default(self: Any, command: CommandApdu, state: Any, more: int = 1) -> Any: ...
def keyword_default(self: Any, command: CommandApdu, state: Any, *, more: int = 1) -> Any: ...
def anything(*given: Any, **named: Any) -> Any: ...
def the_rest(self: Any, *given: Any) -> Any: ...  # fmt: skip


@pytest.mark.parametrize("method", [default, keyword_default, anything, the_rest])
def test_a_method_that_can_be_called_as_a_command_is_taken(method: Any) -> None:
    made: Any = type("Fine", (Greeting,), {"greet": method})
    assert made.proprietary[0x10] is method


@pytest.mark.parametrize("thing", [None, 5, staticmethod(other), classmethod(other), Part])
def test_what_stands_under_a_commands_name_must_be_a_method(thing: Any) -> None:
    with pytest.raises(DeclarationError, match=r"Wrong.greet answers .* says without="):
        type("Wrong", (Greeting,), {"greet": thing})


@pytest.mark.parametrize("attribute", ["interindustry", "proprietary"])
def test_a_table_is_not_written_by_hand(attribute: str) -> None:
    for base in (Greeting, Part):  # with commands, and without
        with pytest.raises(DeclarationError, match=f"Wrong.{attribute} is made from the methods"):
            type("Wrong", (base,), {attribute: {0x10: other}})


# -- states ----------------------------------------------------------------------------------------


class RichState(BasicState):
    pass


class OtherState(BasicState):
    pass


class BothState(RichState, OtherState):
    pass


Rich = TypeVar("Rich", bound=RichState)
Other = TypeVar("Other", bound=OtherState)


class NeedsRich(Applet[Rich]):
    @command(0x30)
    def rich(self, command: CommandApdu, state: Rich) -> ResponseApdu:
        return ResponseApdu()


class NeedsOther(Applet[Other]):
    @command(0x40)
    def other(self, command: CommandApdu, state: Other) -> ResponseApdu:
        return ResponseApdu()


class Whole(NeedsRich[BothState], NeedsOther[BothState]):
    pass


def state_of(kind: Any) -> Any:
    return kind.state_type


def test_the_state_is_the_one_that_the_bases_were_given() -> None:
    assert state_of(Whole) is BothState
    assert state_of(Part) is BasicState
    assert state_of(NeedsRich) is RichState, "as long as it is open, what it is bound to"

    class Derived(Whole):
        pass

    class Bound(NeedsRich[RichState]):
        pass

    class More(Bound, NeedsOther[BothState]):
        pass

    assert state_of(Derived) is BothState
    assert state_of(More) is BothState, "the most derived of those that were given"


def test_a_state_that_a_feature_does_not_work_on_is_refused() -> None:
    with pytest.raises(
        DeclarationError,
        match="Poor: NeedsRich works on RichState, and the state BasicState is none",
    ):

        class Poor(NeedsRich[BasicState]):  # type: ignore[type-var]
            pass

    with pytest.raises(DeclarationError, match="and the state RichState is none"):

        class Half(NeedsRich[RichState], NeedsOther[RichState]):  # type: ignore[type-var]
            pass

    with pytest.raises(DeclarationError, match="works on OtherState, and the state RichState is"):

        class Apart(NeedsRich[RichState], NeedsOther[OtherState]):
            pass

    with pytest.raises(DeclarationError, match="works on OtherState"):

        class Late(Part, NeedsOther):  # type: ignore[type-arg]
            pass


def test_a_command_that_says_it_works_on_another_state_is_refused() -> None:
    with pytest.raises(
        DeclarationError, match=r"Wrong.*rich works on RichState, and the state BasicState is"
    ):

        class Wrong(Part):
            @command(0x30)
            def rich(self, command: CommandApdu, state: RichState) -> ResponseApdu:
                return ResponseApdu()


@pytest.mark.parametrize("said", ["NotThere", "RichState | None", "dict[str, RichState]", "None"])
def test_what_an_annotation_does_not_tell_is_not_judged(said: str) -> None:
    def rich(self: Any, command: CommandApdu, state: Any) -> ResponseApdu:
        return ResponseApdu()

    rich.__annotations__["state"] = said
    made: Any = type("Fine", (Part,), {"rich": command(0x30)(rich)})
    assert made.interindustry[0x30] is rich
