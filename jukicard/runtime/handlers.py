"""Commands: declared beside the methods that answer them, collected when a class is made.

A method is declared once, with `command`, and is then known by its name. Every class looks the
names that it knows up again: so whatever stands under the name in the finished class answers, an
override without a decorator too. A command costs one look-up in a dictionary of functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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


class Declaration(NamedTuple):
    """What a method was declared for: in which table, under which key of it."""

    table: Table
    key: object

    def __str__(self) -> str:
        return self.table.name(self.key)


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
        vars(method)[_DECLARED] = (*known, *(Declaration(table, key) for key in keys))
        return method

    return mark


def collect(cls: type, without: Iterable[object]) -> None:
    """Give a class its tables: what its bases have, but for `without`, and what it declares itself.

    DeclarationError when two methods are there for one command, when one cannot be called as such,
    when `without` names what is not there, and when a table was written by hand.
    """
    inherited = list(_inherited(cls))
    dropped = {_dropped(cls, method, [name for _, name in inherited]) for method in without}
    names: dict[Declaration, str] = {}
    for declaration, name in (*(one for one in inherited if one[1] not in dropped), *_own(cls)):
        other = names.setdefault(declaration, name)
        if other != name:
            raise DeclarationError(
                f"{cls.__name__}: both {_said(cls, other)} and {_said(cls, name)} are there for "
                f"{declaration}; override by the same name, or say without=(...) which it has not"
            )
    tables: dict[str, dict[object, FunctionType]] = {
        declaration.table.attribute: {} for declaration, _ in inherited
    }
    for declaration, name in names.items():
        method = _method(cls, declaration, name)
        tables.setdefault(declaration.table.attribute, {})[declaration.key] = method
    for attribute, table in tables.items():
        if attribute in vars(cls):
            raise DeclarationError(
                f"{cls.__name__}.{attribute} is made from the methods that are declared, not "
                "written: put @command(...) above each"
            )
        setattr(cls, attribute, table)
    setattr(cls, _NAMES, names)


def handlers(cls: type) -> Iterator[tuple[Declaration, FunctionType]]:
    """Yield what a class has declared or inherited, with the method that answers."""
    for declaration, name in vars(cls)[_NAMES].items():
        yield declaration, _method(cls, declaration, name)


def _inherited(cls: type) -> Iterator[tuple[Declaration, str]]:
    for base in cls.__bases__:
        names = vars(base).get(_NAMES)
        if names is not None:
            yield from names.items()
        else:  # a class of methods that is no application
            for above in base.__mro__:
                yield from _own(above)


def _own(cls: type) -> Iterator[tuple[Declaration, str]]:
    for name, member in vars(cls).items():
        if isinstance(member, FunctionType):
            for declaration in vars(member).get(_DECLARED, ()):
                yield declaration, name


def _dropped(cls: type, method: object, names: Iterable[str]) -> str:
    for name in names:
        if any(vars(base).get(name) is method for base in cls.__mro__[1:]):
            return name
    said = getattr(method, "__qualname__", repr(method))
    raise DeclarationError(f"{cls.__name__}: without={said} is no command of its bases")


def _method(cls: type, declaration: Declaration, name: str) -> FunctionType:
    member = next(vars(base)[name] for base in cls.__mro__ if name in vars(base))
    if not isinstance(member, FunctionType):
        raise DeclarationError(
            f"{_said(cls, name)} answers {declaration} and is no method; a class says "
            "without=(...) which commands of its bases it has not"
        )
    if not _takes(member.__code__, member, 1 + len(declaration.table.takes)):
        raise DeclarationError(
            f"{_said(cls, name)} answers {declaration} and is called with "
            f"({', '.join(('self', *declaration.table.takes))}), which it does not take"
        )
    return member


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
