"""The way to a PKCS#11 token: its address, one call at a time in one thread, errors in words.

Calls go one after the other through one thread of the process: the library is initialised without
locks, and tokens that rely on them crash under threads. Each has a bound. A token that was opened
is not carried over a fork: what a child inherits is neither this process's session nor safe.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import unquote

from jukihost.keys.custody import KeyCustodyError
from jukihost.keys.passphrase import Passphrase, encode
from jukihost.waiting import Caller, Late

if TYPE_CHECKING:
    from pkcs11 import Session

T = TypeVar("T")
SCHEME: Final = "pkcs11:"
CALL_SECONDS: Final = 30.0
"""How long one call into the token's library may take; a key on a slow token takes seconds."""
_GONE: Final = "the token is not there any more; put it back and open it again"
_MATCHED: Final = {"token", "serial"}


class TokenError(KeyCustodyError):
    """The token was not reached, or refused; nothing was changed unless the text says so."""


class TokenAddressError(TokenError):
    """The address names no token."""


class TokenLibraryMissing(TokenError):
    """The token's library, or what reaches it from Python, cannot be loaded."""


class TokenNotFound(TokenError):
    """There is no such token, or it was taken out."""


class TokenPinRefused(TokenError):
    """The token refuses the PIN, or the PIN is locked."""


class TokenFull(TokenError):
    """The token has no room for another key, or is write protected."""


class TokenUnfit(TokenError):
    """The token does not do what a key store needs."""


class TokenBusy(TokenError):
    """The token has not answered a call within its bound, or is used elsewhere in this process."""


@dataclass(frozen=True)
class TokenAddress:
    """Where a token is: its label or serial number, or both, and the library that reaches it.

    Written as RFC 7512 has it: `pkcs11:token=TOWN?module-path=/usr/lib/softhsm/libsofthsm2.so`.
    """

    module: Path
    label: str | None = None
    serial: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address. TokenAddressError, without the text: somebody may write a PIN there."""
        example = "write pkcs11:token=LABEL?module-path=/path/of/the/library.so"
        if not text.startswith(SCHEME):
            raise TokenAddressError(f"the address of a token begins with {SCHEME}; {example}")
        path, _, query = text.removeprefix(SCHEME).partition("?")
        found: dict[str, str] = {}
        for part, allowed, split in ((path, _MATCHED, ";"), (query, {"module-path"}, "&")):
            for pair in filter(None, part.split(split)):
                name, equals, value = pair.partition("=")
                if name.startswith("pin-"):
                    raise TokenAddressError(
                        "an address holds no PIN, others can read it; "
                        "give it as the passphrase of a key store is given"
                    )
                if name not in allowed or not equals or name in found:
                    raise TokenAddressError(
                        f"the address of a token has token=, serial= and module-path=; {example}"
                    )
                found[name] = unquote(value)
        if not found.keys() & _MATCHED or "module-path" not in found:
            raise TokenAddressError(f"the address names no token, or no library; {example}")
        return cls(Path(found["module-path"]), found.get("token"), found.get("serial"))

    @classmethod
    def parse_key(cls, text: str) -> tuple[Self, str]:
        """Read the address of one signing key in a token, with its name as `object`.

        `pkcs11:token=TOWN;object=log?module-path=...`. TokenAddressError.
        """
        path, mark, query = text.removeprefix(SCHEME).partition("?")
        parts = path.split(";")
        names = [part for part in parts if part.startswith("object=")]
        if len(names) != 1:
            raise TokenAddressError("say which key: pkcs11:token=LABEL;object=NAME?module-path=...")
        parts.remove(names[0])
        return cls.parse(f"{SCHEME}{';'.join(parts)}{mark}{query}"), unquote(names[0][7:])


class _Calls:
    """The process's one thread for tokens, and who may use it."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin anew, as in a child after a fork: of its parent's thread it has nothing."""
        self._lock = threading.Lock()
        self._caller = Caller("pkcs11")
        self.opened = 0
        """How many sessions of this process are open; changed in the thread for tokens."""

    def run(self, work: Callable[[], T], seconds: float) -> T:
        """Run one call. TokenBusy when the one before it, or this one, does not come back."""
        if not self._lock.acquire(timeout=seconds):
            raise TokenBusy(f"other calls have kept the token for {seconds:g} s; try again")
        try:
            return self._caller.call(work, seconds)
        except Late:
            raise TokenBusy(
                f"the token has not answered for {seconds:g} s; look whether it is plugged in, "
                "and start this program again"
            ) from None
        finally:
            self._lock.release()


_CALLS: Final = _Calls()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CALLS.begin)


class TokenSession:
    """One read-write session with a token, logged in and kept open."""

    def __init__(self, address: TokenAddress, pin: Passphrase) -> None:
        """Log in; the PIN is asked for once the token is found. TokenError, PassphraseMissing."""
        self._process = os.getpid()
        token = call(partial(_find, address))
        user_pin = encode(pin).decode()
        self._session: Session = call(partial(_log_in, token, user_pin))

    def call(self, work: Callable[[Session], T]) -> T:
        """Do something with the session in the thread for tokens. TokenError."""
        if self._process != os.getpid():
            raise TokenError("the token was opened by another process; open it in this one")
        return call(partial(work, self._session))

    def close(self) -> None:
        """Log out, where the token is still there."""
        if self._process == os.getpid():
            try:
                call(partial(_log_out, self._session))
            except TokenError:
                return  # it is gone, and the session with it


def call(work: Callable[[], T]) -> T:
    """Run one call into a token's library, its errors in words. TokenError."""
    try:
        import pkcs11.exceptions as refused
    except ImportError:
        raise TokenLibraryMissing(
            "python-pkcs11 is not installed; install it: pip install 'jukicard[hsm]'"
        ) from None
    try:
        return _CALLS.run(work, CALL_SECONDS)
    except refused.PKCS11Error as error:
        raise _in_words(error, refused) from None


def _find(address: TokenAddress) -> Any:
    import pkcs11

    try:
        library = pkcs11.lib(str(address.module))
    except pkcs11.PKCS11Error as error:
        if type(error) not in (pkcs11.PKCS11Error, pkcs11.GeneralError):
            raise
        raise TokenLibraryMissing(
            "the token's library cannot be loaded; look whether module-path names it, and whether "
            "its own configuration is right"
        ) from None
    serial = None if address.serial is None else address.serial.encode()
    named = {"token_label": address.label, "token_serial": serial}
    wanted = {name: value for name, value in named.items() if value is not None}
    try:
        return library.get_token(**wanted)
    except pkcs11.GeneralError:
        if _CALLS.opened:
            raise
    try:
        # A token that was pulled and put back: some libraries see it once they begin anew.
        library.reinitialize()
        return library.get_token(**wanted)
    except pkcs11.GeneralError:
        raise TokenNotFound(
            "the library finds its tokens no more; look whether the token is plugged in, then "
            "start this program again"
        ) from None


def _log_in(token: Any, pin: str) -> Session:
    session: Session = token.open(rw=True, user_pin=pin)
    _CALLS.opened += 1
    return session


def _log_out(session: Session) -> None:
    _CALLS.opened -= 1
    session.close()


def check_there(session: Session) -> None:
    """Check that the token of a session is still there; a library may just find nothing in it.

    TokenNotFound. For the thread for tokens.
    """
    from pkcs11 import PKCS11Error

    try:
        session.token.slot.get_token()
    except PKCS11Error:
        raise TokenNotFound(_GONE) from None


KEPT: Final = ("TOKEN", "PRIVATE", "SENSITIVE", "SIGN")
"""What every key of ours is, whatever a token makes of keys that nothing is said of."""
NEVER: Final = ("EXTRACTABLE", "MODIFIABLE")
"""What none is: it would come out, or could be given another use."""


def bound(uses: Sequence[str]) -> dict[Any, bool]:
    """Return the attributes of a key that signs and stays; uses: what else it is not for."""
    from pkcs11 import Attribute

    said = dict.fromkeys(KEPT, True) | dict.fromkeys((*NEVER, *uses), False)
    return {Attribute[name]: value for name, value in said.items()}


@contextmanager
def right_or_gone(uses: Sequence[str], key: Any, *others: Any) -> Iterator[None]:
    """Read back what `bound` asked for, and destroy the key, unless all that follows is right too.

    A token may make a key as it likes, and say that all went well. TokenUnfit.
    """
    from pkcs11.exceptions import PKCS11Error

    try:
        if wrong := [one.name for one, value in bound(uses).items() if bool(key[one]) != value]:
            raise TokenUnfit(
                f"the token makes keys that are not bound to it, whatever it is told (it does not "
                f"heed {', '.join(wrong)}); use another one, or have it set up by its maker"
            )
        yield
    except BaseException as error:
        left = False
        for one in (key, *others):
            try:
                one.destroy()
            except PKCS11Error:
                left = True
        if left and isinstance(error, TokenUnfit):
            raise TokenUnfit(
                f"{error}. The key is still there: delete it with the token's own tools"
            ) from None
        raise


def _in_words(error: Exception, refused: Any) -> TokenError:
    """Return what to tell somebody of a refusal; the library's own text may hold anything."""
    table: list[tuple[tuple[type[Exception], ...], type[TokenError], str]] = [
        (
            (refused.PinIncorrect, refused.PinInvalid, refused.PinLenRange),
            TokenPinRefused,
            "the token refuses the PIN; it counts wrong ones, and locks itself after a few",
        ),
        (
            (refused.PinLocked, refused.PinExpired, refused.UserPinNotInitialized),
            TokenPinRefused,
            "the token's PIN is locked, over or not set; its security officer sets a new one",
        ),
        (
            (refused.NoSuchToken, refused.TokenNotPresent, refused.TokenNotRecognised),
            TokenNotFound,
            "there is no such token; look whether it is plugged in, and how it is called "
            "(pkcs11-tool --list-slots)",
        ),
        (
            (refused.MultipleTokensReturned,),
            TokenNotFound,
            "several tokens are called so; name the one by its serial number (serial=)",
        ),
        (
            (
                refused.DeviceRemoved,
                refused.DeviceError,
                refused.SessionHandleInvalid,
                refused.SessionClosed,
            ),
            TokenNotFound,
            _GONE,
        ),
        (
            (refused.DeviceMemory, refused.TokenWriteProtected, refused.SessionReadOnly),
            TokenFull,
            "the token has no room for another key, or is write protected",
        ),
        (
            (refused.UserAlreadyLoggedIn, refused.AnotherUserAlreadyLoggedIn),
            TokenBusy,
            "the token is open in this process already; close it there first",
        ),
        (
            (refused.MechanismInvalid, refused.FunctionNotSupported, refused.KeySizeRange),
            TokenUnfit,
            "the token has no AES-CMAC (CKM_AES_CMAC) with keys of this length; use another one",
        ),
    ]
    for kinds, made, text in table:
        if isinstance(error, kinds):
            return made(text)
    return TokenError(f"the token refuses ({type(error).__name__})")
