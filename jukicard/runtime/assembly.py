"""What a class of an application must have before there is one: a state that fits, all it needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any, Final, TypeVar, get_args, get_origin

from jukicard.runtime.handlers import DeclarationError, Table

_STATE: Final = "_place_of_state"
"""Where a class keeps the type parameter that its state is, or the state itself."""
_MOST_VERSIONS: Final = 0xFFFF
_MOST_MEMORY: Final = 0x7FFF_FFFF


def find_state(cls: type, root: type) -> type:
    """Return the state that a class of applications below `root` works on, and remember it.

    It is the most derived of those that its bases were given, as in `Keys[LibraryState]`; as long
    as that is a type variable, what this is bound to. DeclarationError when it is not all that the
    class and its features work on.
    """
    places = dict(_places(cls, root))
    parameters = getattr(cls, "__parameters__", ())
    variable = next((one for one in places.values() if one in parameters), None)
    given = [one for one in places.values() if isinstance(one, type) and one is not Any]
    if variable is not None or not given:
        given = [one for one in map(_bound, places.values()) if one is not None]
    state = _most_derived(given)
    setattr(cls, _STATE, state if variable is None else variable)
    for base in places:
        _check(cls, state, _bound(vars(base).get(_STATE)), base.__name__)
    for one in given:
        _check(cls, state, one, "it")
    return state


def check_methods(cls: type, state: type, methods: Iterable[tuple[Table, FunctionType]]) -> None:
    """Refuse a command whose method says that it works on a state which this one is not."""
    for table, method in methods:
        code, place = method.__code__, len(table.takes)
        if table.takes[-1] == "state" and code.co_argcount > place:
            said = _annotation(method, code.co_varnames[place])
            _check(cls, state, _bound(said), method.__qualname__)


def _annotation(method: FunctionType, parameter: str) -> Any:
    """Return what a parameter is annotated with; None where that is not known at run time."""
    try:
        said = method.__annotations__.get(parameter)
    except NameError:  # Python 3.14 looks names up now; some are there for the type checker only
        return None
    return method.__globals__.get(said) if isinstance(said, str) else said


def check_whole(cls: type) -> None:
    """Refuse an application that has no name, or leaves out what one of its features needs."""
    if not hasattr(cls, "type_name"):
        raise DeclarationError(f"{cls.__name__} has no 'type_name', by which a card knows it")
    members: dict[str, Any] = {}
    for one in reversed(cls.__mro__):
        members.update(vars(one))
    for name, member in sorted(members.items()):
        if getattr(member, "__isabstractmethod__", False):
            what = (member.__doc__ or "").partition("\n")[0]
            raise DeclarationError(f"{cls.__name__} has no {name!r}: {what}")
    version_of(cls)
    reserved_of(cls)


def reserved_of(cls: Any) -> int:
    """Return the `reserved_memory` of an application's class; DeclarationError when it is none."""
    size: object = cls.reserved_memory
    if type(size) is not int or not 0 <= size <= _MOST_MEMORY:
        raise DeclarationError(
            f"{cls.__name__}.reserved_memory is not a number of bytes, 0 to {_MOST_MEMORY}"
        )
    return size


def version_of(cls: Any) -> int:
    """Return the `version` of an application's class; DeclarationError when that is none."""
    version: object = cls.version
    if type(version) is not int or not 1 <= version <= _MOST_VERSIONS:
        raise DeclarationError(f"{cls.__name__}.version is not a number, 1 to {_MOST_VERSIONS}")
    return version


def _places(cls: type, root: type) -> Iterator[tuple[type, Any]]:
    """Yield each base that is an application, and what it has in the place of its state."""
    for base in vars(cls).get("__orig_bases__", cls.__bases__):
        origin = get_origin(base) or base
        if root in getattr(origin, "__mro__", ()):
            parameters: tuple[Any, ...] = getattr(origin, "__parameters__", ())
            place = parameters[0] if origin is root else vars(origin)[_STATE]
            if place in parameters and origin is not base:
                place = get_args(base)[parameters.index(place)]
            yield origin, place


def _bound(place: Any) -> type | None:
    """Return the class that a state must be, None where nothing can be said."""
    wanted = place.__bound__ if isinstance(place, TypeVar) else place
    if not isinstance(wanted, type) or wanted is Any or getattr(wanted, "_is_protocol", False):
        return None
    return wanted


def _most_derived(states: list[type]) -> type:
    best: type = object
    for one in states:
        if issubclass(one, best):
            best = one
    return best


def _check(cls: type, state: type, wanted: type | None, who: str) -> None:
    if wanted is not None and not issubclass(state, wanted):
        raise DeclarationError(
            f"{cls.__name__}: {who} works on {wanted.__name__}, and the state {state.__name__} is "
            f"none; make one that is both, class NewState({state.__name__}, {wanted.__name__})"
        )
