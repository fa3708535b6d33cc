"""Privacy through the air: PACE opens a session to who knows the number on the card.

Nothing is proven in it; what a system says before it has proven itself, its certificates among it,
is then not said in plain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.errors import IsoError
from jukicard.kit import commands
from jukicard.kit.features.environment import Environments, environment, nothing_proven, step
from jukicard.kit.fileapplet import Dialogue, FileState
from jukicard.kit.privacy import ACCESS_ENTRY, AccessPasswords, PaceDialogue, PrivateSession
from jukicard.memory import ApplicationMemory
from jukicard.runtime.applet import AppletContext
from jukicard.securemessaging.session import AuthenticationFailed, OutOfOrder

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

DYNAMIC_DATA: Final = 0x7C
"""The template around what GENERAL AUTHENTICATE brings and answers."""


class PrivacyState(FileState):
    """Adds the session that PACE has opened, None when there is none."""

    private: PrivateSession | None = None

    def begin_private(self, session: PrivateSession) -> None:
        """Go on in a session that PACE has opened, with nothing proven."""
        self.forget()
        self.private, self.messaging = session, session.messaging
        self.security.rests_on = frozenset({ACCESS_ENTRY})

    def forget_proofs(self) -> None:
        """Drop all that was proven, but stay in the session of PACE if this is one."""
        private = self.private
        self.forget()
        if private is not None:
            self.begin_private(private)


WithPrivacy = TypeVar("WithPrivacy", bound=PrivacyState)


class Privacy(Environments[WithPrivacy]):
    """PACE with the password kept in `passwords`; without one there is no PACE."""

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.passwords = AccessPasswords(context.memory, context.end_proofs)

    @classmethod
    def check_kept(cls, memory: ApplicationMemory, parameters: Mapping[str, str]) -> None:
        """Refuse a password that cannot be, too. ValueError."""
        super().check_kept(memory, parameters)
        AccessPasswords(memory).get()

    def personalise(self, order: Order) -> None:
        """Write the access number as the password, too, where the card has one."""
        super().personalise(order)
        if order.access_number is not None:
            self.passwords.set(order.access_number.encode("ascii"))

    @environment(commands.SetPassword)
    def begin_pace(self, wanted: commands.SetPassword, state: WithPrivacy) -> None:
        """Begin PACE; IsoError 6985 in a session, what it opens would replace that."""
        dialogue = PaceDialogue(self.passwords.get(), wanted)
        if state.messaging is not None:
            raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, "PACE comes before any session")
        state.dialogue = dialogue
        state.security.rests_on |= {ACCESS_ENTRY}

    @step(None, 0x81, 0x83, 0x85)
    def continue_pace(
        self,
        parsed: commands.GeneralAuthenticate,
        dialogue: Dialogue | None,
        state: WithPrivacy,
    ) -> ResponseApdu:
        """Take the next step of PACE; after the last one the session is there."""
        if not isinstance(dialogue, PaceDialogue):
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED, "GENERAL AUTHENTICATE: no PACE is under way"
            )
        state.forget()
        try:
            objects = [dialogue.answer(parsed, self.context.random.take)]
        except OutOfOrder as error:
            raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, str(error)) from None
        except AuthenticationFailed:
            raise nothing_proven(Ins.GENERAL_AUTHENTICATE) from None
        if dialogue.session is None:
            state.dialogue = dialogue
            state.security.rests_on = frozenset({ACCESS_ENTRY})
        else:
            state.begin_private(dialogue.session)
            if dialogue.limit is not None:  # the terminal goes on with certificates
                objects += self.authorities()
        return ResponseApdu(Tlv(DYNAMIC_DATA, objects).encode())
