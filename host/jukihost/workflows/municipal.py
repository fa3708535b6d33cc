"""What a municipal application is made of: its definition, and how a card is changed for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from jukicard.apdu import Aid
from jukihost.conversation.secrets import Pin
from jukihost.keys.custody import CardKeys
from jukihost.sessions.issuer import MAX_RESERVE, IssuerSession, StoreForm

_CARD_NUMBER: Final = 0x5A
_MOST_PARAMETERS: Final = 150
"""What one INSTALL has room for, beside three names and in the tightest session."""
_MOST_CONTENTS: Final = 32 << 10
"""Blocks of STORE DATA are numbered with one byte."""
_LAST_KEY, _LAST_VERSION = 31, 127
CardChange = Callable[[IssuerSession], object]
"""One change of a card, which its receipt counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TownApplication:
    """A municipal application as its town puts it on cards. `repr` shows nothing it holds.

    aid: its name. module: what of the card's packages it is made of; None for one of its name.
    parameters: its own, for INSTALL. reserve: bytes of the card's memory; None as it says itself.
    numbered: whether it is told the card's number, from which its systems derive their keys.
    objects, files: contents, by tag and by the identifier of the EF; of an EF with records, one.
    pin: the EF of its PIN, which the holder types; None for one that waives it.
    systems: the number of each system's key in it, by the system's name in the key store.
    key_version: of those keys.
    """

    aid: Aid
    module: Aid | None = None
    parameters: bytes = b""
    reserve: int | None = None
    numbered: bool = True
    objects: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)
    files: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)
    pin: int | None = None
    systems: Mapping[str, int] = field(default_factory=dict)
    key_version: int = 1

    def __post_init__(self) -> None:
        if len(self.parameters) > _MOST_PARAMETERS or not 0 <= (self.reserve or 0) <= MAX_RESERVE:
            raise ValueError(
                f"INSTALL takes {_MOST_PARAMETERS} bytes of parameters and reserves up to "
                f"{MAX_RESERVE} bytes"
            )
        named = [*self.files, *([] if self.pin is None else [(self.pin, b"")])]
        size = sum(
            len(_encoded(form, values))
            for form, values in ((StoreForm.PLAIN, self.objects), (StoreForm.GROUPS, named))
        )
        if size > _MOST_CONTENTS:
            raise ValueError(f"an application is handed {_MOST_CONTENTS} bytes at most")
        if not all(1 <= one <= _LAST_KEY for one in self.systems.values()):
            raise ValueError(f"the number of a key in an application is 1 to {_LAST_KEY}")
        if not 1 <= self.key_version <= _LAST_VERSION:
            raise ValueError(f"the version of a key is 1 to {_LAST_VERSION}")


def changes_for(
    application: TownApplication, keys: Mapping[int, CardKeys], pin: Pin | None
) -> tuple[CardChange, ...]:
    """Return the changes of the card, in their order (docs/card.md, section 4)."""
    aid, module = application.aid, application.module or application.aid
    groups = list(application.files)
    if pin is not None and application.pin is not None:
        groups.append((application.pin, pin.encode()))

    def install(issuer: IssuerSession) -> None:
        issuer.install(
            module, module, aid, parameters=application.parameters, reserve=application.reserve
        )

    def plain(issuer: IssuerSession) -> None:
        number = [(_CARD_NUMBER, issuer.card_number())] if application.numbered else []
        _store(issuer, aid, StoreForm.PLAIN, [*number, *application.objects])

    def grouped(issuer: IssuerSession) -> None:
        _store(issuer, aid, StoreForm.GROUPS, groups)

    steps: list[CardChange] = [install]
    steps += [plain] * bool(application.numbered or application.objects)
    steps += [grouped] * bool(groups)
    steps += [_key_step(aid, reference, one) for reference, one in keys.items()]
    return tuple(steps)


def _store(
    issuer: IssuerSession, aid: Aid, form: StoreForm, values: list[tuple[int, bytes]]
) -> None:
    issuer.personalise(aid, _encoded(form, values), form)


def _encoded(form: StoreForm, values: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(form.encode(name, value) for name, value in values)


def _key_step(aid: Aid, reference: int, keys: CardKeys) -> CardChange:
    return lambda issuer: issuer.put_purpose_keys(aid, reference, keys)
