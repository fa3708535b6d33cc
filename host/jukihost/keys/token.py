"""Key custody in a PKCS#11 token (HSM, smart card, SoftHSM): the masters are made there and stay.

A master may only be used for AES-CMAC there (CKA_SIGN and nothing else), and is neither read out
nor wrapped. What the token computes with it, the keys of one card, comes out: they and what the
session makes of them are in this program's memory for one session.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeVar

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from jukihost.keys.custody import (
    MAX_VERSION,
    CardKeys,
    KeyExists,
    KeyInfo,
    KeyUnfit,
    UnknownKey,
    WeakKey,
    check_bringers,
    check_system,
    check_version,
)
from jukihost.keys.diversification import MASTER_BYTES, combine_card_keys
from jukihost.keys.passphrase import Passphrase
from jukihost.keys.pkcs11 import (
    TokenAddress,
    TokenError,
    TokenSession,
    TokenUnfit,
    bound,
    check_there,
    right_or_gone,
)
from jukihost.keys.software import DEFAULT_SUITE, check_master, check_suite

if TYPE_CHECKING:
    from pkcs11 import Session

T = TypeVar("T")

_PREFIX: Final = "jukihost:"
_BROUGHT_BY: Final = "by:"
_BLOCK: Final = 16
_CHALLENGE: Final = 32
"""Bytes of what two keys are compared over: whole blocks, which every CMAC takes alike."""
_USES: Final = ("ENCRYPT", "DECRYPT", "WRAP", "UNWRAP", "VERIFY", "DERIVE")
"""What a master is not for."""


class TokenCustody:
    """Master keys in a PKCS#11 token; drives like `SoftwareCustody`, with the PIN as passphrase.

    address: RFC 7512, see `TokenAddress`. The token is made and its PIN set with its maker's tools.
    Making one of these does no I/O; one session is kept from `open` to `close`, for one process.
    Keys are told apart by CKA_ID, `jukihost:SYSTEM:VERSION`; other objects are left alone.
    """

    def __init__(self, address: str | TokenAddress, pin: Passphrase) -> None:
        """TokenAddressError."""
        self.address = address if isinstance(address, TokenAddress) else TokenAddress.parse(address)
        self._pin = pin
        self._session: TokenSession | None = None

    def open(self) -> None:
        """Log in. TokenError (TokenLibraryMissing, TokenNotFound, TokenPinRefused, TokenBusy),
        PassphraseMissing.
        """
        if self._session is None:
            self._session = TokenSession(self.address, self._pin)

    def create(self, systems: Iterable[str] = (), *, suite: str = DEFAULT_SUITE) -> None:
        """Open it and draw a master key for each of `systems`: all of them, or none.

        KeyExists when the token has a master already, KeyUnfit, TokenError.
        """
        check_suite(suite)
        wanted = [check_system(system) for system in systems]
        self.open()
        made: list[str] = []
        try:
            if self.inventory():
                raise KeyExists("the token has master keys already; add or rotate single ones")
            for system in wanted:
                self.generate(system, suite=suite)
                made.append(system)
        except BaseException:
            for system in made:
                with contextlib.suppress(TokenError):
                    self.delete(system, 1)
            self.close()
            raise

    def close(self) -> None:
        """Log out; closing twice is allowed."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def generate(self, system: str, *, suite: str = DEFAULT_SUITE) -> KeyInfo:
        """Have the token draw the first master key of a system. KeyExists, KeyUnfit, TokenError."""
        check_suite(suite)
        if self._versions(check_system(system)):
            raise KeyExists(f"{system} has a key already; rotate it instead")
        return self._make(system, 1, suite, None)

    def rotate(self, system: str, *, suite: str | None = None) -> KeyInfo:
        """Have the token draw the next version of a master key; older ones stay.

        `suite` as before unless given. UnknownKey, KeyUnfit after version 255, TokenError.
        """
        newest = self._newest(system)
        if newest.version == MAX_VERSION:
            raise KeyUnfit(f"{system} has reached key version {MAX_VERSION}")
        chosen = newest.suite if suite is None else suite
        check_suite(chosen)
        return self._make(system, newest.version + 1, chosen, None)

    def import_key(
        self,
        system: str,
        version: int,
        key: bytes,
        *,
        suite: str = DEFAULT_SUITE,
        brought_by: Sequence[str] = (),
    ) -> KeyInfo:
        """Put a master key from elsewhere into the token, where it stays.

        KeyExists, KeyUnfit; WeakKey for one that is guessable or is in the token already.
        brought_by: the operators who brought it, which stand in its label (`KeyInfo`).
        """
        bringers = check_bringers(brought_by)
        check_system(system)
        check_version(version)
        check_master(suite, key)
        challenge = secrets.token_bytes(_CHALLENGE)
        there = CMAC(AES(key))
        there.update(challenge)
        right = there.finalize()

        def compare(opened: Session) -> bool:
            return any(secrets.compare_digest(_mac(one, challenge), right) for one in _all(opened))

        if version in self._versions(system):
            raise KeyExists(f"{system} has a key of version {version} already")
        if self.use(compare):
            raise WeakKey("the token holds this key already, under another name or version")
        return self._make(system, version, suite, key, bringers)

    def delete(self, system: str, version: int) -> None:
        """Delete one master key for good: its cards cannot be used any more. UnknownKey."""
        identifier = _identifier(check_system(system), check_version(version))
        self.use(lambda opened: _the_one(opened, identifier).destroy())

    def inventory(self) -> tuple[KeyInfo, ...]:
        """Return what may be told about every master key, by system and version.

        The check value is the token's own, CKA_CHECK_VALUE: another one than a store in a file
        tells of the same key, and empty where the token has none.
        """
        return self.use(lambda opened: tuple(sorted(map(_info, _all(opened)))))

    def newest_version(self, system: str) -> int:
        """Return the version that new cards get. UnknownKey."""
        return self._newest(system).version

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        """Return one card's keys, see `KeyCustody`; UnknownKey, KeyUnfit, TokenError.

        KeyUnfit too for an AID of 5 bytes: the input is then one block, for which AN10922 is not
        the CMAC that a token computes.
        """
        identifier = _identifier(check_system(system), check_version(version))

        def derive(opened: Session) -> CardKeys:
            master = _the_one(opened, identifier)

            def mac(constant: int, data: bytes) -> bytes:
                if len(data) < _BLOCK:
                    raise KeyUnfit("a token derives keys for an AID of 6 to 16 bytes, not of 5")
                return _mac(master, bytes((constant,)) + data)

            return combine_card_keys(_info(master).suite, mac, card_number, aid, version)

        return self.use(derive)

    def _newest(self, system: str) -> KeyInfo:
        check_system(system)
        found = [one for one in self.inventory() if one.system == system]
        if not found:
            raise UnknownKey(f"there is no key for {system}")
        return found[-1]  # they are sorted

    def _versions(self, system: str) -> list[int]:
        return [one.version for one in self.inventory() if one.system == system]

    def _make(
        self,
        system: str,
        version: int,
        suite: str,
        key: bytes | None,
        brought_by: tuple[str, ...] = (),
    ) -> KeyInfo:
        identifier = _identifier(system, version)
        words = [_BROUGHT_BY + ",".join(brought_by)] if brought_by else []
        label = " ".join([system, str(version), *words, suite])

        def make(opened: Session) -> KeyInfo:
            made = _create(opened, identifier, label, suite, key)
            with right_or_gone(_USES, made):
                _mac(made, bytes(_CHALLENGE))
                _the_one(opened, identifier)  # another program may have made it meanwhile
                return _info(made)

        return self.use(make)

    def use(self, work: Callable[[Session], T]) -> T:
        """Do something with the open session, in the one thread for tokens. TokenError."""
        if self._session is None:
            raise TokenError("the token is not open")
        return self._session.call(work)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key custody is not copied")

    def __repr__(self) -> str:
        return f"<TokenCustody, {'closed' if self._session is None else 'open'}>"


def _identifier(system: str, version: int) -> bytes:
    return f"{_PREFIX}{system}:{version}".encode()


def _all(session: Session) -> Iterator[Any]:
    """Yield the masters, and nothing else that is in the token."""
    from pkcs11 import Attribute, ObjectClass

    found = list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))
    if not found:
        check_there(session)
    prefix = _PREFIX.encode()
    return (one for one in found if one[Attribute.ID].startswith(prefix))


def _the_one(session: Session, identifier: bytes) -> Any:
    """Return a master. UnknownKey; KeyExists when there are two; TokenNotFound for a pulled one."""
    from pkcs11 import Attribute, ObjectClass

    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.ID: identifier}
    found = list(session.get_objects(wanted))
    if not found:
        check_there(session)
        _, system, version = identifier.decode().split(":")
        raise UnknownKey(f"there is no key of version {version} for {system}")
    if len(found) > 1:
        raise KeyExists("another program makes a key of this name and version; try again")
    return found[0]


def _create(session: Session, identifier: bytes, label: str, suite: str, key: bytes | None) -> Any:
    """Draw a key in the token, or put one there: for CMAC only, never to come out."""
    from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass

    template: dict[Attribute, Any] = {**bound(_USES)}
    if key is None:
        return session.generate_key(
            KeyType.AES,
            MASTER_BYTES[suite] * 8,
            id=identifier,
            label=label,
            store=True,
            capabilities=MechanismFlag.SIGN,
            template=template,
        )
    return session.create_object(
        template
        | {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: KeyType.AES,
            Attribute.ID: identifier,
            Attribute.LABEL: label,
            Attribute.VALUE: key,
        }
    )


def _mac(master: Any, data: bytes) -> bytes:
    from pkcs11 import Mechanism

    made: bytes = master.sign(data, mechanism=Mechanism.AES_CMAC)
    return made


def _info(master: Any) -> KeyInfo:
    """Read what may be told of a master. TokenUnfit when somebody changed its label."""
    from pkcs11 import Attribute
    from pkcs11.exceptions import PKCS11Error

    _, system, version = master[Attribute.ID].decode("ascii", "replace").split(":")
    *words, suite = master[Attribute.LABEL].split(" ")
    names = [one.removeprefix(_BROUGHT_BY) for one in words if one.startswith(_BROUGHT_BY)]
    if MASTER_BYTES.get(suite) != master[Attribute.VALUE_LEN]:
        raise TokenUnfit(f"the label of the key for {system} does not say what it is for")
    try:
        told = bytes(master[Attribute.CHECK_VALUE])
    except PKCS11Error:
        told = b""
    bringers = check_bringers(names[0].split(",") if names else ())
    return KeyInfo(check_system(system), check_version(int(version)), suite, told, bringers)
