"""A key that signs and lives in a PKCS#11 token: Ed25519, for the log of uses and for witnesses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from jukihost.keys.custody import KeyExists, KeyUnfit, UnknownKey
from jukihost.keys.pkcs11 import TokenError, TokenUnfit, bound, check_there, right_or_gone
from jukihost.keys.token import TokenCustody

if TYPE_CHECKING:
    from pkcs11 import Session

_PREFIX: Final = "jukihost-signing:"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ED25519: Final = bytes.fromhex("06032B6570")
"""The curve as a token is told of it, id-Ed25519 (RFC 8410, section 3)."""
_POINT: Final = b"\x04\x20"
_USES: Final = ("DECRYPT", "UNWRAP", "DERIVE", "SIGN_RECOVER")
"""What a private key is not for."""


class TokenSigningKey:
    """An Ed25519 key pair in an open token; a `jukihost.log.SigningKey`. Made by `of` and `draw`.

    The private key is made in the token, signs there (CKM_EDDSA) and never comes out.
    """

    def __init__(self, token: TokenCustody, name: str, public: bytes) -> None:
        self.name = name
        self._token = token
        self._public = public

    @classmethod
    def of(cls, token: TokenCustody, name: str) -> TokenSigningKey:
        """Return the key of this name in an open token. UnknownKey, KeyUnfit, TokenError."""
        identifier = _identifier(name)
        public = token.use(lambda opened: _public(_the_one(opened, identifier, "PUBLIC_KEY")))
        return cls(token, name, public)

    @classmethod
    def draw(cls, token: TokenCustody, name: str) -> TokenSigningKey:
        """Have an open token draw a key pair under a new name.

        name: up to 64 lower-case letters, digits, `.`, `_` and `-`. KeyExists, KeyUnfit;
        TokenUnfit when the token has no Ed25519, or would let the key out; TokenError.
        """
        identifier = _identifier(name)

        def make(opened: Session) -> bytes:
            if _find(opened, identifier, "PRIVATE_KEY") or _find(opened, identifier, "PUBLIC_KEY"):
                raise KeyExists("the token has a signing key of this name already")
            public, private = _draw(opened, identifier, name)
            with right_or_gone(_USES, private, public):
                found = _public(public)
                Ed25519PublicKey.from_public_bytes(found).verify(_sign(private, b"try"), b"try")
            return found

        return cls(token, name, token.use(make))

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of 64 bytes (RFC 8032). UnknownKey, TokenError."""
        identifier = _identifier(self.name)
        made = self._token.use(lambda opened: _sign(_the_one(opened, identifier), bytes(data)))
        if len(made) != 64:
            raise TokenUnfit("the token's signature is none of Ed25519")
        return made

    def public_key(self) -> Ed25519PublicKey:
        """Return the public key."""
        return Ed25519PublicKey.from_public_bytes(self._public)

    def __repr__(self) -> str:
        return f"<TokenSigningKey {self.name}>"


def _identifier(name: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise KeyUnfit(
            "a signing key's name is up to 64 lower-case letters, digits, dots, - and _, "
            "and begins with a letter or digit"
        )
    return (_PREFIX + name).encode()


def _find(session: Session, identifier: bytes, kind: str) -> list[Any]:
    from pkcs11 import Attribute, ObjectClass

    wanted = {Attribute.CLASS: ObjectClass[kind], Attribute.ID: identifier}
    return list(session.get_objects(wanted))


def _the_one(session: Session, identifier: bytes, kind: str = "PRIVATE_KEY") -> Any:
    found = _find(session, identifier, kind)
    if not found:
        check_there(session)
        raise UnknownKey("the token has no signing key of this name")
    if len(found) > 1:
        raise KeyExists("the token has two signing keys of this name; delete one with its tools")
    return found[0]


def _draw(session: Session, identifier: bytes, name: str) -> tuple[Any, Any]:
    from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag

    curve = session.create_domain_parameters(
        KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _ED25519}, local=True
    )
    made: tuple[Any, Any] = curve.generate_keypair(
        id=identifier,
        label=name,
        store=True,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
        private_template=bound(_USES),
    )
    return made


def _sign(private: Any, data: bytes) -> bytes:
    from pkcs11 import Mechanism

    made: bytes = private.sign(data, mechanism=Mechanism.EDDSA)
    return made


def _public(public: Any) -> bytes:
    """Return the 32 bytes of a public key: an OCTET STRING in the token (PKCS#11 3.1, 6.3.5)."""
    from pkcs11 import Attribute

    point = bytes(public[Attribute.EC_POINT])
    if len(point) == 34 and point.startswith(_POINT):
        point = point[2:]
    if len(point) != 32:
        raise TokenError("the token's public key is none of Ed25519")
    return point
