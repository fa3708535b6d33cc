"""Keys in a PKCS#11 token (an HSM, a smart card, SoftHSM; extra `hsm`), their versions, counts.

    >>> from jukihost.tokens import TokenCustody
    >>> TokenCustody("pkcs11:token=TOWN?module-path=/usr/lib/softhsm/libsofthsm2.so", input)
    <TokenCustody, closed>

The names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.conversation.refusals import ForeignCard as ForeignCard
    from jukihost.keys.counted import CountedCustody as CountedCustody
    from jukihost.keys.management import (
        join_components as join_components,
        key_store as key_store,
    )
    from jukihost.keys.pkcs11 import (
        TokenAddress as TokenAddress,
        TokenAddressError as TokenAddressError,
        TokenBusy as TokenBusy,
        TokenError as TokenError,
        TokenFull as TokenFull,
        TokenLibraryMissing as TokenLibraryMissing,
        TokenNotFound as TokenNotFound,
        TokenPinRefused as TokenPinRefused,
        TokenUnfit as TokenUnfit,
    )
    from jukihost.keys.token import TokenCustody as TokenCustody
    from jukihost.keys.tokensigner import TokenSigningKey as TokenSigningKey
    from jukihost.keys.versions import versions_to_try as versions_to_try

_HOMES: Final = {
    "jukihost.conversation.refusals": "ForeignCard",
    "jukihost.keys.counted": "CountedCustody",
    "jukihost.keys.management": "join_components key_store",
    "jukihost.keys.token": "TokenCustody",
    "jukihost.keys.tokensigner": "TokenSigningKey",
    "jukihost.keys.versions": "versions_to_try",
    "jukihost.keys.pkcs11": "TokenAddress TokenAddressError TokenBusy TokenError TokenFull "
    "TokenLibraryMissing TokenNotFound TokenPinRefused TokenUnfit",
}
"""Where the names are at home."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.tokens' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
