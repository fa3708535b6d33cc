"""What a class of an application must have before there is one: a state that fits, all it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeVar, get_args, get_origin

from jukicard.runtime.handlers import DeclarationError, handlers

_STATE: Final = "_place_of_state"
"""Where a class keeps the type parameter that its state is, or the state itself."""


def find_state(cls: type, root: type) -> type:
    """Return the state that a class of applications below `root` works on, and remember it.

    It is the most derived of those that its bases were given, as in `Keys[LibraryState]`; as long
    as that is a type variable, what this is bound to. DeclarationError when it is not all that the
    class and its features work on.
    """
    places = list(_places(cls, root))
    variable = next((one for one in places if one in getattr(cls, "__parameters__", ())), None)
    given = [one for one in places if isinstance(one, type) and one is not Any]
    state = _most_derived(
        [_bound(one) for one in (given if variable is None and given else places)]
    )
    setattr(cls, _STATE, state if variable is None else variable)
    for one in given:
        _check(cls, state, one, "it works")
    for base in cls.__mro__[1:]:
        if _STATE in vars(base):
            _check(cls, state, _bound(vars(base)[_STATE]), f"{base.__name__} works")
    return state


def check_handlers(cls: type, state: type) -> None:
    """Refuse a command whose method says that it works on a state which this one is not."""
    for declaration, method in handlers(cls):
        code, takes = method.__code__, declaration.table.takes
        if takes[-1] != "state" or code.co_argcount <= len(takes):
            continue
        said: Any = method.__annotations__.get(code.co_varnames[len(takes)])
        if isinstance(said, str):
            said = method.__globals__.get(said)
        _check(cls, state, _bound(said), f"{method.__qualname__} works")


def check_whole(cls: type) -> None:
    """Refuse an application that leaves out what one of its features needs."""
    for base in cls.__mro__:
        for name, member in vars(base).items():
            if not getattr(member, "__isabstractmethod__", False):
                continue
            if getattr(getattr(cls, name), "__isabstractmethod__", False):
                what = (member.__doc__ or "").partition("\n")[0]
                raise DeclarationError(
                    f"{cls.__name__} has no {name!r}, which {base.__name__} needs: {what}"
                )


def _places(cls: type, root: type) -> Iterator[Any]:
    """Yield what stands in the place of the state in each base: a class, or a type variable."""
    for base in vars(cls).get("__orig_bases__", cls.__bases__):
        origin = get_origin(base) or base
        if isinstance(origin, type) and issubclass(origin, root):
            parameters: tuple[Any, ...] = getattr(origin, "__parameters__", ())
            place = parameters[0] if origin is root else vars(origin)[_STATE]
            yield dict(zip(parameters, get_args(base), strict=False)).get(place, place)


def _bound(place: Any) -> type | None:
    """Return the class that a state must be, None where nothing can be said."""
    wanted = place.__bound__ if isinstance(place, TypeVar) else place
    if not isinstance(wanted, type) or wanted is Any or getattr(wanted, "_is_protocol", False):
        return None
    return wanted


def _most_derived(found: list[type | None]) -> type:
    known = [one for one in found if one is not None] or [object]
    return max(known, key=lambda one: sum(issubclass(one, other) for other in known))


def _check(cls: type, state: type, wanted: type | None, who: str) -> None:
    if wanted is not None and not issubclass(state, wanted):
        raise DeclarationError(
            f"{cls.__name__}: {who} on {wanted.__name__}, and the state {state.__name__} is none; "
            f"make one that is both, class NewState({state.__name__}, {wanted.__name__})"
        )
