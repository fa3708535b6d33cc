"""Keys of systems: GET CHALLENGE, MUTUAL AUTHENTICATE and the rights that these grant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.authentication.mutual import CHALLENGE_LENGTH
from jukicard.errors import IsoError
from jukicard.filesystem.door import check_in_use
from jukicard.filesystem.files import EfNode
from jukicard.kit import commands
from jukicard.kit.features.environment import environment
from jukicard.kit.fileapplet import FileApplet, FileState, State, describes
from jukicard.kit.keys import CARD_NUMBER, KeyFile, KeyPair, KeyStore
from jukicard.runtime.applet import AppletContext
from jukicard.runtime.cardstate import RIGHTS_WHILE_SUSPENDED
from jukicard.runtime.events import SecurityStatusChanged
from jukicard.runtime.handlers import command
from jukicard.securemessaging.iso7816 import Iso7816Session
from jukicard.securemessaging.session import AuthenticationFailed
from jukicard.securemessaging.suites import Suite

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order


_SUITES: Final = {16: Suite.AES128, 24: Suite.AES192, 32: Suite.AES256}


class Challenges(FileApplet[State]):
    """Fresh randomness, for an authentication that is the very next command."""

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self._random = context.random.take

    @command(Ins.GET_CHALLENGE)
    def get_challenge(self, command: CommandApdu, state: State) -> ResponseApdu:
        """GET CHALLENGE: fresh randomness; the newest one is the one that counts."""
        state.challenge = self._random(commands.parse_get_challenge(command).size)
        return ResponseApdu(state.challenge)


class KeyState(FileState):
    """Adds the key that MANAGE SECURITY ENVIRONMENT has named, 0 for none."""

    named_key: int = 0


WithKeys = TypeVar("WithKeys", bound=KeyState)


class Keys(Challenges[WithKeys]):
    """The keys declared in the tree as `KeyFile`, and the systems that authenticate with them.

    `keys` keeps their values and counters.
    """

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.keys = KeyStore(self.tree, self.files, self.tries_changed)

    def personalise(self, order: Order) -> None:
        """Write the keys of every purpose that a system has, and the card number, if declared.

        A purpose without keys gets none: no key in the card, no access. WeakKeyError.
        """
        super().personalise(order)
        for ef in self.keys.references().values():
            pair = order.keys_for(ef.spec.right) if isinstance(ef.spec, KeyFile) else None
            if pair is not None:
                self.keys.set_value(ef, pair)
        if CARD_NUMBER.tag in self.tree.root.objects:
            self.files.put_data_object(self.tree.root, CARD_NUMBER.tag, order.card_number)

    @command(Ins.MUTUAL_AUTHENTICATE)
    def mutual_authenticate(self, command: CommandApdu, state: WithKeys) -> ResponseApdu:
        """MUTUAL AUTHENTICATE: both sides prove that they hold the key; a session starts.

        The order of work is fixed (docs/card.md): state checks, the challenge is gone, the
        counter is written, then the work, and one single failure. With it nothing that was
        proven before counts any more; the session the command came in, if any, still protects
        this answer and ends then.
        """
        challenge, state.challenge = state.challenge, b""
        parsed = commands.parse_mutual_authenticate(command)
        if len(challenge) != CHALLENGE_LENGTH:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "MUTUAL AUTHENTICATE: no challenge of 8 bytes was just given",
            )
        ef, spec = self.keys.find(parsed.key or state.named_key)
        self.keys.check_usable(ef)
        self.check_right(spec.right)
        engine = self.keys.engine(ef)
        if engine.suite is Suite.TRIPLE_DES and not self.context.options.triple_des:
            raise IsoError(
                StatusWord.REFERENCE_DATA_NOT_USABLE,
                f"key {ef.label} is for triple DES, which this card has switched off",
            )
        state.forget()
        left = self.keys.count_attempt(ef)
        try:
            answer, session_keys = engine.answer(
                parsed.message, challenge, self.context.random.take
            )
        except AuthenticationFailed:
            raise self.keys.failed(ef, left) from None
        self.keys.succeeded(ef, left)
        state.security.authenticated.add(spec.right)
        state.security.rests_on = frozenset({ef.fid})
        state.messaging = Iso7816Session.start(session_keys)
        if self.context.heard:
            self.context.emit(SecurityStatusChanged(self.context.aid, spec.right, holds=True))
        return ResponseApdu(answer)

    def put_key(self, reference: int, replaced: int, version: int, enc: bytes, mac: bytes) -> None:
        """Replace or add the keys of a purpose, as the issuer asks; all tries are there again.

        IsoError 6A88 for a reference that is not declared, or where other keys are than those of
        version `replaced`; 6985 where there are some and none are to be replaced; 6A80 for a pair
        that no system may have.
        """
        ef = self.keys.references().get(reference)
        if ef is None:
            raise IsoError(
                StatusWord.REFERENCED_DATA_NOT_FOUND, f"PUT KEY: there is no purpose {reference}"
            )
        version_now = self.keys.version(ef) or 0
        if version_now != replaced:
            status = StatusWord.REFERENCED_DATA_NOT_FOUND
            if not replaced:
                status = StatusWord.CONDITIONS_NOT_SATISFIED
            raise IsoError(status, f"PUT KEY: the keys {ef.label} are of version {version_now}")
        try:
            self.keys.set_value(ef, KeyPair(_SUITES[len(enc)], version, enc, mac))
        except ValueError as problem:
            raise IsoError(StatusWord.INCORRECT_DATA, f"PUT KEY: {problem}") from None

    @environment(commands.SetKey)
    def name_key(self, wanted: commands.SetKey, state: WithKeys) -> None:
        """Name the key of a MUTUAL AUTHENTICATE that names none; IsoError 6A88."""
        self.keys.find(wanted.key)
        state.named_key = wanted.key

    def check_right(self, right: str) -> None:
        """Refuse a right that is not granted now; IsoError. An application may add to it.

        Only who may resume or end it gets into a suspended card or application.
        """
        if right in RIGHTS_WHILE_SUSPENDED:
            return
        check_in_use(self.files, self.tree.root, f"authentication for {right}")
        if not self.context.card_usable:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"authentication for {right}: the card is suspended",
            )

    def grants_now(self, right: str) -> bool:
        """Tell whether `check_right` lets a right pass."""
        try:
            self.check_right(right)
        except IsoError:
            return False
        return True

    @describes(KeyFile)
    def describe_key(self, ef: EfNode, spec: KeyFile) -> str:
        """Say what a key is for, its version and how many tries it has left, never its value."""
        version = self.keys.version(ef)
        if version is None:
            return f"key for {spec.right}, not written"
        left = self.keys.tries_left(ef)
        return f"key for {spec.right}, version {version}, {left} of {spec.tries} tries left"
