"""Commands: declared beside the methods that answer them, collected when a class is made.

A method is declared once, with `command`, and is then known by its name. Every class looks the
names that it knows up again: so whatever stands under the name in the finished class answers, an
override without a decorator too. A command costs one look-up in a dictionary of functions.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_VARARGS
from types import CodeType, FunctionType
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins, ins_label, is_valid_ins
from jukicard.apdu.response import ResponseApdu

Handler: TypeAlias = Callable[[Any, CommandApdu, Any], ResponseApdu]
"""What a table of commands holds: the method of a class, which takes the application first."""

_Command = TypeVar("_Command", bound=Handler)
_Method = TypeVar("_Method", bound=Callable[..., Any])

_DECLARED: Final = "_declared_for"
_NAMES: Final = "_names_of_methods"
_NO_FUNCTION: Final = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_OF_THE_CARD: Final = frozenset({Ins.MANAGE_CHANNEL, Ins.GET_RESPONSE})


class DeclarationError(TypeError):
    """A class of an application contradicts itself, or is not whole; the text says in what."""


class Table(NamedTuple):
    """A kind of declaration: the class attribute it is collected into, and its methods.

    `takes` names what such a method takes behind the application, `name` says a key in words.
    """

    attribute: str
    takes: tuple[str, ...]
    name: Callable[[Any], str]


_COMMAND: Final = ("command", "state")
INTERINDUSTRY: Final = Table("interindustry", _COMMAND, ins_label)
PROPRIETARY: Final = Table("proprietary", _COMMAND, lambda ins: f"proprietary {ins_label(ins)}")


Names: TypeAlias = dict[str, tuple[Table, dict[object, str]]]
"""What a class answers: by the attribute of a table, the table and each key's method by name."""


def command(*instructions: int, proprietary: bool = False) -> Callable[[_Command], _Command]:
    """Declare that a method answers these instructions, of an interindustry or proprietary class.

        @command(Ins.VERIFY)
        def verify(self, command: CommandApdu, state: FileState) -> ResponseApdu: ...

    Whatever a subclass has under the method's name answers in its place, declared again or not;
    declared again for other instructions it answers those as well. DeclarationError when there is
    no instruction, or one that never comes to an application: 6X and 9X do not exist (ISO/IEC
    7816-3:2006, 10.3.3), MANAGE CHANNEL and GET RESPONSE are the card's own.
    """
    for ins in instructions:
        if not 0 <= ins <= 0xFF or not is_valid_ins(ins):
            raise DeclarationError(f"@command: {ins:02X} is no instruction")
        if ins in _OF_THE_CARD and not (proprietary and ins == Ins.MANAGE_CHANNEL):
            raise DeclarationError(f"@command: the card answers {ins_label(ins)} itself")
    return declare(PROPRIETARY if proprietary else INTERINDUSTRY, *instructions)


def declare(table: Table, *keys: object) -> Callable[[_Method], _Method]:
    """Declare a method for these keys of a table; DeclarationError for no key or no method."""
    if not keys:
        raise DeclarationError(f"a declaration for {table.attribute!r} says for what")

    def mark(method: _Method) -> _Method:
        if not isinstance(method, FunctionType):
            raise DeclarationError(f"{method!r} is no method: a declaration stands right above one")
        known = vars(method).get(_DECLARED, ())
        vars(method)[_DECLARED] = (*known, *((table, key) for key in keys))
        return method

    return mark


def collect(cls: type, without: Iterable[object]) -> list[tuple[Table, FunctionType]]:
    """Give a class its tables: what its bases have, but for `without`, and what it declares itself.

    Return the methods that none of the bases has. DeclarationError when two methods are there for
    one command, when one cannot be called as such, when `without` names what is not there, and when
    a table was written by hand.
    """
    inherited = [_names(base) for base in cls.__bases__]
    dropped = {_dropped(cls, method, inherited) for method in without}
    names: Names = {}
    for known in inherited:
        _merge(cls, names, known, dropped)
    _merge(cls, names, _declared(cls), ())
    setattr(cls, _NAMES, names)
    new: list[tuple[Table, FunctionType]] = []
    for attribute, (table, its_names) in names.items():
        if attribute in vars(cls):
            raise DeclarationError(
                f"{cls.__name__}.{attribute} is made from the methods that are declared, not "
                "written: put @command(...) above each"
            )
        checked = {
            id(method)
            for base in cls.__bases__
            for method in vars(base).get(attribute, {}).values()
        }
        made: dict[object, FunctionType] = {}
        for key, name in its_names.items():
            method = made[key] = getattr(cls, name)
            if id(method) not in checked:
                _check(cls, table, key, name)
                new.append((table, method))
        setattr(cls, attribute, made)
    return new


def _names(base: type) -> Names:
    found: Names | None = vars(base).get(_NAMES)
    if found is None:  # a class of methods that is no application
        found = {}
        for above in base.__mro__:
            _merge(base, found, _declared(above), ())
    return found


def _declared(cls: type) -> Names:
    found: Names = {}
    for name, member in vars(cls).items():
        if isinstance(member, FunctionType):
            for table, key in vars(member).get(_DECLARED, ()):
                _merge(cls, found, {table.attribute: (table, {key: name})}, ())
    return found


def _merge(cls: type, names: Names, more: Names, dropped: Container[str]) -> None:
    for attribute, (table, its_names) in more.items():
        mine = names.setdefault(attribute, (table, {}))[1]
        for key, name in its_names.items():
            if name not in dropped and mine.setdefault(key, name) != name:
                raise DeclarationError(
                    f"{cls.__name__}: both {_said(cls, mine[key])} and {_said(cls, name)} are "
                    f"there for {table.name(key)}; override by the same name, or say "
                    "without=(...) which of them the class has not"
                )


def _dropped(cls: type, method: object, inherited: Iterable[Names]) -> str:
    name = getattr(method, "__name__", "")
    if any(vars(base).get(name) is method for base in cls.__mro__[1:]):
        for names in inherited:
            if any(name in its_names.values() for _, its_names in names.values()):
                return str(name)
    said = getattr(method, "__qualname__", repr(method))
    raise DeclarationError(f"{cls.__name__}: without={said} is no command of its bases")


def _check(cls: type, table: Table, key: object, name: str) -> None:
    """Refuse what cannot be called as the table's methods are."""
    member = next(vars(base)[name] for base in cls.__mro__ if name in vars(base))
    if not isinstance(member, FunctionType):
        raise DeclarationError(
            f"{_said(cls, name)} answers {table.name(key)} and is no method; a class says "
            "without=(...) which commands of its bases it has not"
        )
    if not _takes(member.__code__, member, 1 + len(table.takes)):
        raise DeclarationError(
            f"{_said(cls, name)} answers {table.name(key)} and is called with "
            f"({', '.join(('self', *table.takes))}), which it does not take"
        )


def _takes(code: CodeType, method: FunctionType, given: int) -> bool:
    """Tell whether a function can be called with so many values by place, and does return."""
    if code.co_flags & _NO_FUNCTION:
        return False
    if code.co_kwonlyargcount > len(method.__kwdefaults__ or ()):
        return False
    least = code.co_argcount - len(method.__defaults__ or ())
    return least <= given and (given <= code.co_argcount or bool(code.co_flags & CO_VARARGS))


def _said(cls: type, name: str) -> str:
    owner = next(base for base in cls.__mro__ if name in vars(base))
    return f"{owner.__name__}.{name}"
