"""What the issuer does with the card, its applications and their keys, in a session of the domain.

# GlobalPlatform Card Specification 2.3.1, 11; Amendment D, 7.2
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.applets import receipts
from jukicard.applets.issuer import commands
from jukicard.applets.issuer.channel import ISSUER, ChannelState, SecureChannel
from jukicard.applets.issuer.files import (
    AUTHORITY_KEY,
    CARD_IDENTIFICATION,
    EXPIRY,
    ISSUER_IDENTIFICATION,
    LOWER_CERTIFICATE,
    MUNICIPALITY,
    UPPER_CERTIFICATE,
)
from jukicard.applets.issuer.keys import proof
from jukicard.authentication.scp03 import KeySet
from jukicard.errors import IsoError
from jukicard.filesystem.access import Authenticated
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.memory import ApplicationMemory
from jukicard.runtime.applet import AppletContext
from jukicard.runtime.cardstate import RECEIPT_TAG, CardControl
from jukicard.runtime.contents import Contents
from jukicard.runtime.handlers import command

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

MORE_DATA: Final = StatusWord(0x6310)
"""GET STATUS: there are more, for whoever asks for the next."""
MOST_AT_ONCE: Final = 239
"""The bytes that a short answer holds at every level of protection, in either mode."""
STORED: Final = frozenset(
    {
        ISSUER_IDENTIFICATION,
        CARD_IDENTIFICATION,
        MUNICIPALITY,
        EXPIRY,
        AUTHORITY_KEY,
        UPPER_CERTIFICATE,
        LOWER_CERTIFICATE,
    }
)
"""The card-level data objects that STORE DATA may write; the others say what the card is."""
# Card Specification 2.3.1, table 11-7: security domain, card lock, card terminate, default
# selected; authorised management, global delete, lock and registry, final application
_OF_THE_DOMAIN: Final = bytes.fromhex("9C5E00")
_OF_A_MANAGER: Final = bytes.fromhex("180000")
_OF_THE_CARD: Final = {
    LifeCycleState.ACTIVATED: 0x0F,
    LifeCycleState.DEACTIVATED: 0x7F,
    LifeCycleState.TERMINATED: 0xFF,
}
_OF_AN_APPLICATION: Final = {
    LifeCycleState.INITIALISATION: 0x03,
    LifeCycleState.ACTIVATED: 0x07,
    LifeCycleState.DEACTIVATED: 0x87,
}
_INITIALISED: Final = 0x07
"""The card's state while an application on it waits for its contents (table 11-6)."""
_BLANK: Final = 0x10
"""The bit of an application's state that says that it waits for them: one that is free for
applications (11.1.1, table 11-4)."""
_OF_A_LOAD_FILE: Final = 0x01
_DONE: Final = ResponseApdu(b"\0")
"""What INSTALL, DELETE and the like answer: no confirmation follows (11.1.6)."""


class Personalised(NamedTuple):
    """The application that a session personalises; another one of the name is another one."""

    aid: Aid
    removals: int


class ManagementState(ChannelState, receipts.ReceiptState):
    """Adds where GET STATUS stopped, and which application is being personalised."""

    listing: tuple[commands.GetStatus, int] | None = None
    personalised: Personalised | None = None
    blocks: tuple[commands.StoreData, ...] = ()


class Management(SecureChannel[ManagementState]):
    """GET STATUS, SET STATUS, INSTALL, DELETE, PUT KEY, STORE DATA, RESET RETRY COUNTER.

    Whatever comes without a session of the domain is refused with 6982, before it is looked at.
    """

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.receipts = receipts.Receipts(context)

    @classmethod
    def check_kept(cls, memory: ApplicationMemory, parameters: Mapping[str, str]) -> None:
        """Refuse what cannot be, a receipt too. ValueError."""
        super().check_kept(memory, parameters)
        receipts.check_kept(memory)

    def prepare(self, order: Order) -> None:
        """Write the first key set, and begin the receipts."""
        super().personalise(order)
        self.receipts.personalise(order)

    def process(self, command: CommandApdu, state: ManagementState) -> ResponseApdu:
        """Answer a command; what GET STATUS and STORE DATA had begun another one ends."""
        if command.ins != Ins.GET_STATUS:
            state.listing = None
        if command.ins != Ins.APPEND_RECORD:
            state.blocks = ()
        return super().process(command, state)

    def _enter(self, command: CommandApdu, state: ManagementState) -> None:
        """Refuse a command of the issuer's outside of a session, and on a card out of use."""
        if ISSUER not in state.security.authenticated:
            raise IsoError(
                StatusWord.SECURITY_STATUS_NOT_SATISFIED,
                f"{command.label}: the issuer has opened no session",
            )

    def _contents(self) -> Contents:
        contents = self.context.contents
        if contents is None:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "this domain was not given the right to manage applications",
            )
        return contents

    def _card(self) -> CardControl:
        card = self.context.card
        if card is None:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "this domain was not given the right to change the card's state",
            )
        return card

    # -- what there is, and its state --------------------------------------------------------------

    @command(Ins.GET_STATUS, proprietary=True)
    def get_status(self, command: CommandApdu, state: ManagementState) -> ResponseApdu:
        """GET STATUS: as many as fit; 6310 says that there are more, 6A88 that there is none."""
        self._enter(command, state)
        wanted = commands.parse_get_status(command)
        place = 0
        if wanted.more:
            if state.listing is None or state.listing[0] != wanted._replace(more=False):
                raise IsoError(
                    StatusWord.CONDITIONS_NOT_SATISFIED, "GET STATUS: nothing was begun like this"
                )
            place = state.listing[1]
        found = [
            _entry(wanted, aid, byte, privileges)
            for aid, byte, privileges in self._subset(wanted.subset)
            if aid.startswith(wanted.start)
        ]
        if not found:
            raise IsoError(StatusWord.REFERENCED_DATA_NOT_FOUND, "GET STATUS: there is none")
        answer = b""
        while place < len(found) and len(answer) + len(found[place]) <= MOST_AT_ONCE:
            answer += found[place]
            place += 1
        left = place < len(found)
        state.listing = (wanted._replace(more=False), place) if left else None
        return ResponseApdu(answer, MORE_DATA if left else StatusWord.OK)

    def _subset(self, subset: int) -> Iterable[tuple[bytes, int, bytes]]:
        """Yield name, life cycle and privileges of what a subset consists of."""
        domain = self.context.aid
        if subset == 0x80:
            yield domain, self._state_of_the_card(), _OF_THE_DOMAIN
        elif subset == 0x20:
            for module in self._contents().offers():
                yield module, _OF_A_LOAD_FILE, bytes(3)
        else:
            for one in self._contents().applications():
                if one.aid != domain:
                    rights = _OF_A_MANAGER if one.manages_card else bytes(3)
                    waits = _BLANK if one.blank else 0
                    yield one.aid, _OF_AN_APPLICATION[one.state] | waits, rights

    def _state_of_the_card(self) -> int:
        state, contents = self.context.card_state, self.context.contents
        issued = contents is None or not any(one.blank for one in contents.applications())
        if state is LifeCycleState.ACTIVATED and not issued:
            return _INITIALISED
        return _OF_THE_CARD[state]

    @command(Ins.SET_STATUS, proprietary=True)
    def set_status(self, command: CommandApdu, state: ManagementState) -> ResponseApdu:
        """SET STATUS: lock, unlock and end the card; lock and unlock an application."""
        self._enter(command, state)
        wanted = commands.parse_set_status(command)
        if wanted.aid is None:
            self._card().change(wanted.operation)
            if wanted.operation is not Operation.TERMINATE:
                self.receipts.changed(state.intent)
            return ResponseApdu()
        self._check_in_use(command)
        self._other(wanted.aid)
        contents = self._contents()
        selectable = contents.state(wanted.aid) is not LifeCycleState.INITIALISATION
        if wanted.operation is Operation.ACTIVATE and not selectable:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "SET STATUS: INSTALL makes an application selectable",
            )
        contents.change(wanted.aid, wanted.operation)
        self.receipts.changed(state.intent)
        return ResponseApdu()

    def _check_in_use(self, command: CommandApdu) -> None:
        if not self.context.card_usable:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"{command.label}: the card is suspended",
            )

    def _other(self, aid: bytes) -> None:
        if aid == self.context.aid:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED, "the domain itself stays as the card is"
            )

    # -- applications come and go ------------------------------------------------------------------

    @command(Ins.INSTALL, proprietary=True)
    def install(self, command: CommandApdu, state: ManagementState) -> ResponseApdu:
        """INSTALL: for install, for make selectable, for both, for personalisation."""
        self._enter(command, state)
        wanted = commands.parse_install(command)
        state.personalised, state.blocks, contents = None, (), self._contents()
        if wanted.purpose & commands.FOR_INSTALL:
            contents.install(wanted.module, wanted.aid, wanted.parameters, wanted.reserved)
        if wanted.purpose & commands.FOR_SELECTABLE:
            if contents.state(wanted.aid) is not LifeCycleState.INITIALISATION:
                raise IsoError(
                    StatusWord.CONDITIONS_NOT_SATISFIED, f"INSTALL: {wanted.aid} is selectable"
                )
            contents.change(wanted.aid, Operation.ACTIVATE)
        if wanted.purpose == commands.FOR_PERSONALISATION:
            contents.state(wanted.aid)
            self._other(wanted.aid)
            state.personalised = Personalised(wanted.aid, contents.removals(wanted.aid))
        else:
            self.receipts.changed(state.intent)
        return _DONE

    @command(Ins.DELETE_FILE, proprietary=True)
    def delete(self, command: CommandApdu, state: ManagementState) -> ResponseApdu:
        """DELETE: an application with all it has written, or a key set of the domain."""
        self._enter(command, state)
        wanted = commands.parse_delete(command)
        state.personalised = None
        self.receipts.changed(state.intent)
        if isinstance(wanted, commands.DeleteApplication):
            self._other(wanted.aid)
            self._contents().remove(wanted.aid)
            return _DONE
        if not wanted.version:
            raise IsoError(StatusWord.INCORRECT_DATA, "DELETE: a version is 01 to 7F")
        self.domain.find(wanted.version)
        if len(self.domain.versions()) == 1:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED, "DELETE: these are the domain's last keys"
            )
        self.domain.delete(wanted.version)
        self._end_sessions(wanted.version, state)
        return _DONE

    # -- keys and contents -------------------------------------------------------------------------

    @command(Ins.PUT_KEY, proprietary=True)
    def put_key_of(self, command: CommandApdu, state: ManagementState) -> ResponseApdu:
        """PUT KEY: of the domain, or of the application that is being personalised."""
        self._enter(command, state)
        wanted = commands.parse_put_key(command, self.keys_of(state).dek.decrypt_cbc)
        self.receipts.changed(state.intent)
        if state.personalised is None:
            self._put_own(wanted, state)
        else:
            self._put_of(self._same(state.personalised), wanted)
        checks = b"".join(key.check_value() for key in wanted.keys)
        return ResponseApdu(bytes((wanted.version,)) + checks)

    def _put_own(self, wanted: commands.PutKey, state: ManagementState) -> None:
        lengths = {len(key) for key in wanted.keys}
        if wanted.identifier != 1 or len(wanted.keys) != 3 or len(lengths) != 1:
            raise IsoError(
                StatusWord.INCORRECT_DATA,
                "PUT KEY: ENC, MAC and DEK of one length, 01 to 03, are put together",
            )
        if wanted.replaced:
            self.domain.find(wanted.replaced)
        if wanted.version != wanted.replaced and wanted.version in self.domain.versions():
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"PUT KEY: there are keys {wanted.version:02X}: replace them by that version",
            )
        if wanted.replaced:
            self.domain.delete(wanted.replaced)
            self._end_sessions(wanted.replaced, state)
        self.domain.put(KeySet(wanted.version, *wanted.keys))

    def _same(self, personalised: Personalised) -> Aid:
        """Return which application it is; 6985 where that one was removed since it was named."""
        if self._contents().removals(personalised.aid) != personalised.removals:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"{personalised.aid} was removed meanwhile: INSTALL for personalisation says which "
                "application is meant",
            )
        return personalised.aid

    def _put_of(self, aid: Aid, wanted: commands.PutKey) -> None:
        if len(wanted.keys) != 2:
            raise IsoError(
                StatusWord.INCORRECT_DATA, "PUT KEY: a purpose has two keys, K.ENC and K.MAC"
            )
        enc, mac = (key.value for key in wanted.keys)
        self._contents().administer(
            aid,
            lambda applet: applet.put_key(
                wanted.identifier, wanted.replaced, wanted.version, enc, mac
            ),
        )

    def _end_sessions(self, version: int, state: ManagementState) -> None:
        """End what rests on a key set: on other channels, and here behind this answer."""
        self.context.end_proofs(proof(version))
        if proof(version) in state.security.rests_on:
            state.forget()

    @command(Ins.APPEND_RECORD, proprietary=True)
    def store_data(self, command: CommandApdu, state: ManagementState) -> ResponseApdu:
        """STORE DATA: data objects of the card, or contents of an application after issue.

        Blocks are numbered from 00; all of them are done with the last one, or none.
        """
        self._enter(command, state)
        personalised, blocks = state.personalised, state.blocks
        state.personalised, state.blocks = None, ()
        wanted = commands.parse_store_data(command)
        if wanted.number != len(blocks) or any(
            one.as_objects is not wanted.as_objects for one in blocks
        ):
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"STORE DATA: block {len(blocks)} comes next, of the same kind; begin anew",
            )
        if not wanted.last:
            state.personalised, state.blocks = personalised, (*blocks, wanted)
            return ResponseApdu()
        whole = b"".join(one.data for one in (*blocks, wanted))
        values = commands.stored_values(whole, as_objects=wanted.as_objects)
        aid = None if personalised is None else self._same(personalised)
        if aid is None and wanted.as_objects and [name for name, _ in values] == [RECEIPT_TAG]:
            receipts.enter(self.receipts, Authenticated(ISSUER), state)
            self.receipts.take(values[0][1], state)
            return ResponseApdu()
        self.receipts.changed(state.intent)
        for name, value in values:
            if aid is None:
                self._store_own(name, value)
            else:
                self._store_of(aid, name, value, as_object=wanted.as_objects)
        if aid is not None and self._contents().is_blank(aid):
            self._contents().fill(aid)
        return ResponseApdu()

    def _store_own(self, tag: int, value: bytes) -> None:
        if tag not in STORED:
            raise IsoError(
                StatusWord.REFERENCED_DATA_NOT_FOUND, f"STORE DATA: {tag:X} is not written"
            )
        self.store_object(tag, value)

    def _store_of(self, aid: Aid, name: int, value: bytes, *, as_object: bool) -> None:
        contents = self._contents()
        blank = contents.is_blank(aid)
        if not (blank or contents.is_further(aid)):
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED, f"STORE DATA: {aid} is personalised already"
            )
        if blank and as_object:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"STORE DATA: {aid} has its objects; its contents come as data groupings",
            )
        if as_object:
            contents.administer(aid, lambda applet: applet.store_object(name, value))
        else:
            contents.administer(aid, lambda applet: applet.store(name, value))

    @command(Ins.RESET_RETRY_COUNTER, proprietary=True)
    def unblock_of(self, command: CommandApdu, state: ManagementState) -> ResponseApdu:
        """RESET RETRY COUNTER: a PIN or key of the application that is being personalised."""
        self._enter(command, state)
        file, personalised = commands.parse_unblock(command), state.personalised
        if personalised is None:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                "RESET RETRY COUNTER: INSTALL for personalisation says of which application",
            )
        aid = self._same(personalised)
        self._contents().administer(aid, lambda applet: applet.unblock(file))
        self.receipts.changed(state.intent)
        return ResponseApdu()


def _entry(wanted: commands.GetStatus, aid: bytes, state: int, privileges: bytes) -> bytes:
    """Return one application as GET STATUS tells it (11.4.3, tables 11-34 to 11-36)."""
    if not wanted.as_objects:
        return bytes((len(aid),)) + aid + bytes((state,)) + privileges[:1]
    objects = [Tlv(0x4F, aid), Tlv(0x9F70, bytes((state,)))]
    if wanted.subset != 0x20:
        objects.append(Tlv(0xC5, privileges))
    asked = [one for one in objects if wanted.tags is None or one.tag in wanted.tags]
    return Tlv(0xE3, asked).encode()
