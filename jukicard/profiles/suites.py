"""Which suite of mutual authentication the keys of each purpose are for, settled before issue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jukicard.profiles.masters import SUITES, TEST_MASTERS, master_length, published_master
from jukicard.profiles.order import ProfileError, SuiteChoice
from jukicard.runtime.options import CardOptions
from jukicard.securemessaging.suites import Suite

_BY_LENGTH: Final = {16: Suite.AES128, 24: Suite.AES192, 32: Suite.AES256}


def chosen_suites(masters: Mapping[str, bytes], choice: SuiteChoice) -> dict[str, Suite]:
    """Return the suite of every purpose that has a master. ProfileError for an impossible one."""
    if isinstance(choice, str):
        choice = dict.fromkeys(masters, choice)
    named = {purpose: _suite(name) for purpose, name in (choice or {}).items()}
    for purpose in named:
        if purpose not in masters:
            raise ProfileError(f"a suite for {purpose!r}, which has no master key")
    return {
        purpose: named.get(purpose, _BY_LENGTH[len(master)]) for purpose, master in masters.items()
    }


def _suite(name: str) -> Suite:
    suite = SUITES.get(name)
    if suite is None:
        raise ProfileError(f"there is no suite {name!r}; there is {', '.join(SUITES)}")
    return suite


def fitting_masters(
    masters: Mapping[str, bytes], suites: Mapping[str, Suite]
) -> Mapping[str, bytes]:
    """Return the masters, the published ones as long as their suites need them. ProfileError."""
    if masters is TEST_MASTERS:
        return {purpose: published_master(purpose, suite) for purpose, suite in suites.items()}
    for purpose, suite in suites.items():
        size = master_length(suite)
        if len(masters[purpose]) != size:
            raise ProfileError(
                f"MA-{suite.value} takes a master key of {size} bytes; that of {purpose} has "
                f"{len(masters[purpose])}"
            )
    return masters


def check_switched_on(suites: Mapping[str, Suite], options: CardOptions) -> None:
    """ProfileError for triple DES keys on a card that was told to switch triple DES off."""
    if Suite.TRIPLE_DES in suites.values() and not options.triple_des:
        raise ProfileError(
            "keys for MA-3DES are of no use on a card with triple_des off: leave the option on, "
            "or choose an AES suite"
        )
