"""Which kinds of application there are, by name: this distribution's own, and those of others.

All of them are declared in one entry-point group. A kind of this distribution is found through the
table that its applications hand down, so that nobody waits for a look-up; every other name goes
through the entry points, or was offered in this process. Here, and nowhere else, it is decided
whether an application is run as it is or confined as one from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jukicard.runtime import installed
from jukicard.runtime.installed import ENTRY_POINTS
from jukicard.runtime.placement import Placement, Privilege
from jukicard.runtime.quota import USUAL_SHARE

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from jukicard.runtime.applet import Applet

DISTRIBUTION: Final = "jukicard"
"""The distribution whose kinds are run as they are."""

_own: dict[str, str] = {}
_OFFERED: Final[dict[str, type[Applet[Any]]]] = {}
_TRUSTED: Final[set[str]] = set()
_WHOLE: Final[dict[str, type[Applet[Any]]]] = {}
"""Which class each entry point was found to name, whole."""


class UnknownAppletError(LookupError):
    """The card holds an application that nothing installed here can run; the text says which.

    Its kind is not there, or in a version that cannot take over what the card keeps.
    """


class FaultyAppletError(UnknownAppletError):
    """What is installed for a kind of application fails: an import, a class that is none."""


class Kind(NamedTuple):
    """A kind of application that a card can have here.

    confined: it is run within a budget, with a context that trusts it with nothing.
    package: the distribution that offers it; empty for this one, and for what a process offers.
    load: returns its class; UnknownAppletError when that is none.
    version: the class's `version`; 1 for our own, which read what any release of ours has kept.
    reserved: the class's `reserved_memory`.
    """

    name: str
    confined: bool
    package: str
    load: Callable[[], type[Applet[Any]]]
    version: int = 1
    reserved: int = USUAL_SHARE


def hand_down(table: Mapping[str, str]) -> None:
    """Say which kinds this distribution has: their names, and where the class of each is.

    Places are written as in entry points, `package.module:Class`; nothing is imported.
    """
    _own.update(table)


def _own_kinds() -> Mapping[str, str]:
    """Return the table; whoever runs a card without it has it read from what is installed."""
    if not _own:
        from importlib import metadata

        try:
            declared = metadata.distribution(DISTRIBUTION).entry_points
        except metadata.PackageNotFoundError:
            return _own
        hand_down({it.name: it.value for it in declared if it.group == ENTRY_POINTS})
    return _own


def is_own(name: str) -> bool:
    """Tell whether a kind is of this distribution."""
    return name in _own_kinds()


def is_issuers(placement: Placement) -> bool:
    """Tell whether a placement makes an application the issuer's: its privilege, and its kind."""
    return Privilege.APPLICATIONS in placement.privileges and is_own(placement.kind)


def offer_applet(offered: type[Applet[Any]], *, trusted: bool = False) -> type[Applet[Any]]:
    """Make a kind of application known in this process, by its `type_name`; a class decorator.

    For applications that no installed distribution offers as an entry point: a card whose profile
    names the kind can then be issued and restored. ValueError when another class has the name,
    DeclarationError for a class that is no whole application.

    trusted: run it as one of the project's own, without a budget of steps, so that a debugger and
        coverage see it, and without the guards on what it reports and keeps; for an application
        that whoever runs the process wrote.
    """
    from jukicard.runtime.assembly import check_whole

    check_whole(offered)
    name = offered.type_name
    if type(name) is not str:
        raise TypeError("the name of a kind of application is text")
    if is_own(name) or _OFFERED.get(name, offered) is not offered:
        raise ValueError(f"there is another kind of application {name!r}: choose another name")
    _OFFERED[name] = offered
    if trusted:
        _TRUSTED.add(name)
    return offered


def find_kind(name: str, package: str = "") -> Kind:
    """Return a kind of application: an offered one, our own, or one of an entry point.

    A class of ours is loaded when it is needed, one of another distribution here and now.
    package: whose it is, where that is known; another package's of the same name is another kind.

    UnknownAppletError when there is none, FaultyAppletError when there is none that can be used.
    """
    offered = _OFFERED.get(name)
    if offered is not None:
        return _kind(name, name not in _TRUSTED, "", offered)
    place = _own_kinds().get(name)
    if place is not None:
        return _own_kind(name, place)
    point = _entry_point(name, package)
    found = load_point(point)
    return _kind(name, True, installed.package(point), found)


def _kind(name: str, confined: bool, package: str, found: type[Applet[Any]]) -> Kind:
    from jukicard.runtime.assembly import reserved_of, version_of

    return Kind(name, confined, package, lambda: found, version_of(found), reserved_of(found))


def further_kinds() -> list[str]:
    """Return the names of the kinds that are no own ones: offered here, or by other packages."""
    names = {point.name for point in installed.offered()}
    return sorted(names.union(_OFFERED) - _own_kinds().keys())


@cache
def _own_kind(name: str, place: str) -> Kind:
    return Kind(name, confined=False, package="", load=lambda: _class_at(place))


def applet_class(name: str) -> type[Applet[Any]]:
    """Return the class of a kind of application. UnknownAppletError when there is none."""
    return find_kind(name).load()


def _class_at(place: str) -> type[Applet[Any]]:
    module, _, name = place.partition(":")
    found: type[Applet[Any]] = getattr(import_module(module), name)
    return found


def _entry_point(name: str, package: str) -> EntryPoint:
    """Return the entry point of a kind: of that package and no other, where one is named.

    What an application keeps is for whoever wrote it; another package may use the same name.
    """
    offers = [(point, installed.package(point)) for point in installed.offered()]
    offers = [(point, by) for point, by in offers if point.name == name]
    packages = sorted({by for _, by in offers})
    if package:
        offers = [(point, by) for point, by in offers if _same_package(by, package)]
    if not offers:
        what = f"install {package}" if package else "install the package that offers it"
        others = f"; that of {' and '.join(packages)} is another one" if packages else ""
        raise UnknownAppletError(
            f"this card has an application of the kind {name!r}, which is not installed here: "
            f"{what} (in the group {ENTRY_POINTS!r}){others}"
        )
    if not package and len(packages) > 1:
        raise UnknownAppletError(
            f"the kind of application {name!r} is offered by {' and '.join(packages)}: "
            "uninstall all but one"
        )
    return offers[0][0]


def _same_package(one: str, other: str) -> bool:
    """Compare names of distributions as installers do: case, hyphens and dots do not count."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def load_point(point: EntryPoint) -> type[Applet[Any]]:
    """Return the class that an entry point names. FaultyAppletError says what is wrong with it.

    A package that fails is not run again before it, or something that is installed, has changed.
    """
    known = installed.failure(point)
    if known:
        raise FaultyAppletError(known)
    try:
        return _load(point)
    except FaultyAppletError as problem:
        installed.remember(point, str(problem))
        raise


def _load(point: EntryPoint) -> type[Applet[Any]]:
    from jukicard.runtime.applet import Applet
    from jukicard.runtime.assembly import check_whole
    from jukicard.runtime.handlers import DeclarationError

    package = installed.package(point) or "the package that offers it"
    try:
        found = point.load()
        if isinstance(found, type) and issubclass(found, Applet):
            if _WHOLE.get(point.value) is not found:
                check_whole(found)
                _WHOLE[point.value] = found
            return found
    except DeclarationError as problem:
        raise FaultyAppletError(
            f"the kind of application {point.name!r} cannot be used: {problem}; "
            f"repair or update {package}"
        ) from problem
    except BaseException as failure:
        if KeyboardInterrupt in (type(failure), type(failure.__cause__)):
            raise  # Python 3.11 wraps one that comes while a class is made
        raise FaultyAppletError(
            f"the kind of application {point.name!r} cannot be loaded ({type(failure).__name__}): "
            f"repair or update {package}"
        ) from failure
    raise FaultyAppletError(
        f"{point.name!r} in the group {ENTRY_POINTS!r} is no application: "
        f"repair or update {package}"
    )
