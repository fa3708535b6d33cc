"""How the issuer gets in: the secure channel of the domain, SCP03.

# GlobalPlatform Card Specification 2.3, Amendment D, 7.1
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.applets.issuer import keys as domain
from jukicard.authentication.scp03 import (
    COUNTER_LENGTH,
    PROTOCOL,
    KeySet,
    Opening,
    Variant,
    card_challenge,
)
from jukicard.crypto.symmetric import AesKey
from jukicard.errors import IsoError
from jukicard.kit.fileapplet import FileApplet, FileState
from jukicard.memory import ApplicationMemory
from jukicard.runtime.applet import AppletContext
from jukicard.runtime.events import SecurityStatusChanged
from jukicard.runtime.handlers import command
from jukicard.securemessaging.scp03 import LEVELS
from jukicard.securemessaging.session import AuthenticationFailed

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

ISSUER: Final = "ISSUER"
"""The right of whoever has opened a session of the domain."""
VARIANT: Final = "scp03"
"""The parameter of the placement that says which SCP03 it is: i in two digits, 70 unless said."""


def variant_of(parameters: Mapping[str, str]) -> Variant:
    """Return which SCP03 a domain of these parameters speaks. ValueError."""
    return Variant(int(parameters.get(VARIANT, "70"), 16))


class ChannelState(FileState):
    """Adds the version of the keys that the session came from, 0 without one."""

    version: int = 0


WithChannel = TypeVar("WithChannel", bound=ChannelState)


class SecureChannel(FileApplet[WithChannel]):
    """INITIALIZE UPDATE and EXTERNAL AUTHENTICATE, and the keys that they are done with.

    Wrong proofs are not counted: keys of 128 bits need no limit, and one would let anyone with a
    reader take the card from its issuer.
    """

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.domain = domain.DomainKeys(context.memory)
        self.variant = variant_of(context.parameters)

    @classmethod
    def check_kept(cls, memory: ApplicationMemory, parameters: Mapping[str, str]) -> None:
        """Refuse key sets and counters that cannot be. ValueError."""
        super().check_kept(memory, parameters)
        variant_of(parameters)
        domain.check_kept(memory)

    def personalise(self, order: Order) -> None:
        """Write the first key set."""
        super().personalise(order)
        enc, mac, dek = map(AesKey, order.domain_keys())
        self.domain.put(KeySet(domain.FIRST_VERSION, enc, mac, dek))

    @command(Ins.INITIALIZE_UPDATE, proprietary=True)
    def initialize_update(self, command: CommandApdu, state: WithChannel) -> ResponseApdu:
        """INITIALIZE UPDATE: a session is asked for; all that was proven before is forgotten."""
        state.forget()
        variant, aid = self.variant, self.context.aid
        if command.p2:
            raise IsoError(StatusWord.INCORRECT_P1_P2, "INITIALIZE UPDATE: P2 is 00")
        if len(command.data) != variant.size:
            raise IsoError(
                StatusWord.WRONG_LENGTH,
                f"INITIALIZE UPDATE: the challenge of SCP03 i={variant.i:02X} has {variant.size} "
                "bytes",
            )
        keys = self.domain.find(command.p1)
        counter = b""
        if variant.counts:
            count = self.domain.next_count()
            counter = count.to_bytes(COUNTER_LENGTH, "big")
            challenge = card_challenge(keys, variant, count, aid)
        else:
            challenge = self.context.random.take(variant.size)
        opening = state.messaging = Opening(keys, variant, command.data, challenge)
        state.security.rests_on = frozenset({domain.proof(keys.version)})
        # Amendment D, 7.1.1.5: diversification data, key information, what this is about
        told = self.diversification() + bytes((keys.version, PROTOCOL, variant.i))
        return ResponseApdu(told + challenge + opening.card_cryptogram + counter)

    @command(Ins.MUTUAL_AUTHENTICATE, proprietary=True)
    def external_authenticate(self, command: CommandApdu, state: WithChannel) -> ResponseApdu:
        """EXTERNAL AUTHENTICATE: the session is open, at the level that P1 says."""
        opening = state.messaging
        if not isinstance(opening, Opening):
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "EXTERNAL AUTHENTICATE: INITIALIZE UPDATE comes right before it",
            )
        state.forget()
        if command.p1 not in LEVELS or command.p2:
            raise IsoError(
                StatusWord.INCORRECT_P1_P2,
                "EXTERNAL AUTHENTICATE: P1 is the level, 01 03 11 13 33, and P2 is 00",
            )
        try:
            session = opening.confirm(command)
        except AuthenticationFailed:
            raise IsoError(
                StatusWord.AUTHENTICATION_FAILED, "EXTERNAL AUTHENTICATE: the proof is wrong"
            ) from None
        state.messaging, state.version = session, opening.version
        state.security.authenticated.add(ISSUER)
        state.security.rests_on = frozenset({domain.proof(opening.version)})
        self.context.emit(SecurityStatusChanged(self.context.aid, ISSUER, holds=True))
        return ResponseApdu()

    def keys_of(self, state: ChannelState) -> KeySet:
        """Return the keys that a session came from; IsoError 6982 without one."""
        if ISSUER not in state.security.authenticated:
            raise IsoError(
                StatusWord.SECURITY_STATUS_NOT_SATISFIED, "the issuer has opened no session"
            )
        return self.domain.find(state.version)

    def diversification(self) -> bytes:
        """Return ten bytes from which an issuer derives this card's keys: two of 00, its number."""
        return b"\0\0" + (self.files.data_object(self.tree.root, 0x5A) or bytes(8))

    @property
    def description(self) -> list[tuple[str, str]]:
        """Which SCP03, and which keys."""
        return [
            *super().description,
            ("secure channel", f"SCP03, i = {self.variant.i:02X}"),
            *self.domain.description(),
        ]
