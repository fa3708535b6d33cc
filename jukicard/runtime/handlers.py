"""Commands: declared beside the methods that answer them, collected when a class is made.

A method is declared once, with `command`, and is then known by its name. Every class looks the
names that it knows up again: so whatever stands under the name in the finished class answers, an
override without a decorator too. A command costs one look-up in a dictionary of functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
_CLAIMS: Final = "_claims"
_NO_FUNCTION: Final = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
OF_THE_CARD: Final = frozenset({Ins.MANAGE_CHANNEL, Ins.GET_RESPONSE})
"""What the card answers itself, beside SELECT by name."""


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
PROPRIETARY: Final = Table(
    "proprietary", _COMMAND, lambda ins: f"proprietary {ins_label(ins, proprietary=True)}"
)


class Claim(NamedTuple):
    """Who answers something: the method of this name, as a class has declared it."""

    name: str
    owner: type

    def __str__(self) -> str:
        return f"{self.owner.__name__}.{self.name}"

    def is_of(self, other: Claim) -> bool:
        """Tell whether the one is the other, or overrides it by name."""
        return self.name == other.name and other.owner in self.owner.__mro__


Claims: TypeAlias = dict[str, tuple[Table, dict[object, Claim]]]
"""What a class answers: by the attribute of a table, the table and who answers each key."""


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
        if ins in OF_THE_CARD and not (proprietary and ins == Ins.MANAGE_CHANNEL):
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


def collect(
    cls: type, without: Iterable[Callable[..., object]]
) -> list[tuple[Table, FunctionType]]:
    """Give a class its tables: what its bases have, but for `without`, and what it declares itself.

    Return the methods that none of the bases has. DeclarationError when two methods are there for
    one command, when one cannot be called as such, when `without` names what is not there, and when
    a table was written by hand.
    """
    without = tuple(without)
    inherited = [_claims(base) for base in cls.__bases__]
    dropped = [_dropped(cls, method, inherited) for method in without]
    claims: Claims = {}
    for more in inherited:
        _merge(cls, claims, more, dropped)
    _merge(cls, claims, _declared(cls))
    setattr(cls, _CLAIMS, claims)
    new: list[tuple[Table, FunctionType]] = []
    for attribute in (INTERINDUSTRY.attribute, PROPRIETARY.attribute, *claims):
        if attribute in vars(cls):
            raise DeclarationError(
                f"{cls.__name__}.{attribute} is made from the methods that are declared, not "
                "written: put @command(...) above each"
            )
    for attribute, (table, its_claims) in claims.items():
        tables = [vars(base).get(attribute, {}) for base in cls.__bases__]
        checked = {id(method) for table in tables for method in table.values()}
        made: dict[object, FunctionType] = {}
        for key, claim in its_claims.items():
            method = made[key] = getattr(cls, claim.name)
            if method in without:
                raise DeclarationError(
                    f"{cls.__name__} is without the method that stands under the name of {claim}: "
                    f"name {claim.owner.__name__} before it among the bases"
                )
            if id(method) not in checked:
                _check(cls, table, key, claim.name)
                new.append((table, method))
        setattr(cls, attribute, made)
    return new


def _claims(base: type) -> Claims:
    found: Claims | None = vars(base).get(_CLAIMS)
    if found is None:  # a class of methods that is no application
        found = {}
        for above in base.__mro__:
            _merge(base, found, _declared(above))
    return found


def _declared(cls: type) -> Claims:
    found: Claims = {}
    for name, member in vars(cls).items():
        if isinstance(member, FunctionType):
            for table, key in vars(member).get(_DECLARED, ()):
                _merge(cls, found, {table.attribute: (table, {key: Claim(name, cls)})})
    return found


def _merge(cls: type, claims: Claims, more: Claims, dropped: Sequence[Claim] = ()) -> None:
    for attribute, (table, its_claims) in more.items():
        mine = claims.setdefault(attribute, (table, {}))[1]
        for key, claim in its_claims.items():
            if any(claim.is_of(one) or one.is_of(claim) for one in dropped):
                continue
            other = mine.setdefault(key, claim)
            if claim is other or other.is_of(claim):
                continue
            mine[key] = claim
            if not (claim.is_of(other) or (claim.name == other.name and claim.name in vars(cls))):
                raise DeclarationError(
                    f"{cls.__name__}: both {other} and {claim} are there for {table.name(key)}; "
                    "override both by one name, or say without=(...) which the class has not"
                )


def _dropped(cls: type, method: Callable[..., object], inherited: Iterable[Claims]) -> Claim:
    name = getattr(method, "__name__", "")
    for base in cls.__mro__[1:]:
        if vars(base).get(name) is method:
            dropped = Claim(name, base)
            for claims in inherited:
                for _, its_claims in claims.values():
                    if any(dropped.is_of(one) or one.is_of(dropped) for one in its_claims.values()):
                        return dropped
    said = getattr(method, "__qualname__", repr(method))
    raise DeclarationError(f"{cls.__name__}: without={said} is no command of its bases")


def _check(cls: type, table: Table, key: object, name: str) -> None:
    """Refuse what cannot be called as the table's methods are."""
    owner = next(base for base in cls.__mro__ if name in vars(base))
    member, claim = vars(owner)[name], Claim(name, owner)
    if not isinstance(member, FunctionType):
        raise DeclarationError(
            f"{claim} answers {table.name(key)} and is no method; a class says without=(...) "
            "which commands of its bases it has not"
        )
    if not _takes(member.__code__, member, 1 + len(table.takes)):
        raise DeclarationError(
            f"{claim} answers {table.name(key)} and is called with "
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
