"""The issuer domain (GlobalPlatform): the card's applications, keys and life cycle.

GlobalPlatform Card Specification 2.3.1, section 11, over SCP03 (Amendment D 1.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import ClassVar, Final

from jukicard.apdu import Aid, CommandApdu, Ins, StatusWord, Tlv
from jukihost.authentication.scp03 import ChannelNotOffered, authenticate
from jukihost.channel import ApduChannel
from jukihost.conversation.issuerdata import (
    KeyInformation,
    Recognition,
    RegistryEntry,
    RegistryPart,
    parse_key_information,
    parse_recognition,
    parse_registry,
    parse_short_registry,
)
from jukihost.conversation.protection import under_purpose
from jukihost.conversation.receipts import RECEIPT, KeepsReceipts
from jukihost.conversation.refusals import (
    IssuerNotAuthenticated,
    KeysAlreadyThere,
    ModuleNotOffered,
    NoRoomForKeys,
    NoSuchKeySet,
    StateForbids,
    StillInUse,
    UnlockFirst,
)
from jukihost.crypto.primitives import AES_BLOCK, aes_cbc, check_value
from jukihost.errors import (
    AppletNotFound,
    CardError,
    CardFull,
    ConditionsNotSatisfied,
    FileNotFound,
    PinBlocked,
    ProtocolError,
    ReferenceNotFound,
    StatusError,
)
from jukihost.keys.custody import CardKeys, KeyUnfit
from jukihost.keys.issuer import ISSUER_DOMAIN, IssuerKeys
from jukihost.securemessaging.scp03 import SESSION_REFUSED, SecurityLevel

_MORE: Final = StatusWord(0x6310)
_NONE: Final = StatusWord(0x6A88)
_MAX_PAGES: Final = 256
_MAX_BLOCKS: Final = 256
_CLA: Final = 0x80
_AES: Final = 0x88
_KEY_INFORMATION: Final = 0xE0
_RECOGNITION: Final = 0x66
_PRODUCTION: Final = 0x9F7F
_SECURED: Final = 0x0F
_CARD_LOCKED: Final = 0x7F
_TERMINATED: Final = 0xFF
MAX_RESERVE: Final = 0x7FFF_FFFF
"""How many bytes of memory INSTALL can reserve."""
_EF_KEYS: Final = 0x0100
"""Where an application's keys lie: this and their reference."""


class KeysNotConfirmed(CardError):
    """The card confirmed other keys than were sent to it."""


_NO_SUCH: Final = {FileNotFound: AppletNotFound, ReferenceNotFound: AppletNotFound}
_MEANT: Final[Mapping[int, Mapping[type[StatusError], type[StatusError]]]] = {
    Ins.INITIALIZE_UPDATE: {ReferenceNotFound: NoSuchKeySet},
    Ins.DELETE_FILE: {ConditionsNotSatisfied: StillInUse, **_NO_SUCH},
    Ins.SET_STATUS: {ConditionsNotSatisfied: StateForbids, **_NO_SUCH},
    Ins.INSTALL: {ConditionsNotSatisfied: StateForbids, ReferenceNotFound: ModuleNotOffered},
    Ins.PUT_KEY: {ConditionsNotSatisfied: KeysAlreadyThere, CardFull: NoRoomForKeys},
    Ins.RESET_RETRY_COUNTER: {PinBlocked: ReferenceNotFound},  # 6984: there is none
}
"""What a refusal of an instruction means here, where it means more than elsewhere."""


class StoreForm(IntEnum):
    """How data are laid out for STORE DATA, as P1 says it (11.11.2.1)."""

    PLAIN = 0x00
    GROUPS = 0x08
    """Data groups: identifier (2 bytes), length, value."""
    BER_TLV = 0x10

    def encode(self, name: int, value: bytes) -> bytes:
        """Return one data object, or group of two bytes' identifier, in this form. ValueError."""
        if self is not StoreForm.GROUPS:
            return Tlv(name, value).encode()
        if not 0 <= name <= 0xFFFF or len(value) > 0xFFFF:
            raise ValueError("a data group has an identifier of two bytes and at most 65535 bytes")
        long = len(value) > 0xFE
        size = b"\xff" * long + len(value).to_bytes(2 if long else 1, "big")
        return name.to_bytes(2, "big") + size + value


class IssuerSession(KeepsReceipts):
    """A conversation with the issuer domain::

        with IssuerSession(channel) as issuer:
            issuer.authenticate(ISSUER_TEST_KEYS)
            for entry in issuer.registry(RegistryPart.APPLICATIONS):
                print(entry.aid, entry.state_name)

    What the card says of itself is free, and nobody vouches for it before `authenticate`; all else
    is IssuerNotAuthenticated without that, before anything is sent. A locked card lets the issuer
    in: `IssuerSession(channel, allow_suspended=True)`.
    """

    AID: ClassVar[Aid] = ISSUER_DOMAIN
    _UNAUTHENTICATED = IssuerNotAuthenticated
    _DATA_CLASS = _CLA

    def __init__(self, channel: ApduChannel, *, allow_suspended: bool = False) -> None:
        super().__init__(channel, allow_suspended=allow_suspended)
        self._k_dek = b""

    def explain(self, refusal: StatusError) -> StatusError:
        """Return what a refusal means here."""
        kind = _MEANT.get(refusal.ins, {}).get(type(refusal))
        if self.suspended and isinstance(refusal, ConditionsNotSatisfied):
            kind = UnlockFirst
        if refusal.status in SESSION_REFUSED and not self.authenticated:
            kind = IssuerNotAuthenticated
        return refusal if kind is None else kind(refusal.status, refusal.ins)

    # --- what anybody may ask ---

    def recognition(self) -> Recognition:
        """Return which GlobalPlatform and which secure channels the card speaks."""
        return parse_recognition(self.get_data(_RECOGNITION))

    def key_information(self) -> tuple[KeyInformation, ...]:
        """Return which keys the domain has: identifiers, versions, lengths, never the keys."""
        return parse_key_information(self.get_data(_KEY_INFORMATION))

    def production_data(self) -> bytes:
        """Return the card production life cycle data (CPLC, 9F7F), 42 bytes as they are."""
        return self.get_data(_PRODUCTION)

    # --- the secure channel ---

    def authenticate(
        self,
        keys: IssuerKeys,
        *,
        level: SecurityLevel = SecurityLevel.FULL,
        variant: int | None = None,
    ) -> None:
        """Open SCP03 with the domain's keys; from here on it protects every command.

        `variant` is the parameter i that the card must have; without it the card's recognition data
        say. Neither it nor `level` is lowered: ChannelNotOffered. NoSuchKeySet when the card has no
        keys of that version, CardNotAuthentic when it does not hold these keys,
        AuthenticationRejected.
        """
        self._begin()
        if variant is None:
            variant = self._offered_variant()
        self._proven = True
        with self._authentication():
            session = authenticate(self.channel, keys, level=level, variant=variant)
        self._protect(session)
        self._k_dek = keys.k_dek

    def _offered_variant(self) -> int:
        offered = [i for protocol, i in self.recognition().channels if protocol == 3]
        if len(offered) != 1:
            raise ChannelNotOffered(
                "the card's recognition data do not name one SCP03; say which parameter i it has"
            )
        return offered[0]

    def _forget(self) -> None:
        self._k_dek = b""
        super()._forget()

    # --- the registry ---

    @under_purpose(Ins.GET_STATUS)
    def registry(
        self, part: RegistryPart, name: bytes = b"", *, short: bool = False
    ) -> tuple[RegistryEntry, ...]:
        """Return what the card has of one kind, all of it or what an AID or its beginning names.

        `short` asks for the older form of the answer, for cards that have only that; it tells less.
        """
        parse = parse_short_registry if short else parse_registry
        criterion = Tlv(0x4F, name).encode()
        entries: list[RegistryEntry] = []
        for page in range(_MAX_PAGES):
            p2 = (0 if short else 0x02) | (page > 0)
            command = CommandApdu(_CLA, Ins.GET_STATUS, part, p2, criterion, 256)
            answer = self.transmit(command)
            if answer.status == _NONE:
                return tuple(entries)
            if answer.status != _MORE:
                self.check(command, answer.status)
            entries += parse(part, answer.data)
            if answer.status == StatusWord.OK:
                return tuple(entries)
        raise ProtocolError(f"the card's registry takes more than {_MAX_PAGES} answers")

    # --- applications ---

    @under_purpose(Ins.INSTALL)
    def install(
        self,
        package: Aid,
        module: Aid,
        aid: Aid,
        *,
        privileges: bytes = b"\0",
        parameters: bytes = b"",
        reserve: int | None = None,
    ) -> None:
        """Install an application and let it be selected (11.5.2.3.2).

        `package` and `module` name what it is made of, `aid` how it is selected, `privileges` (1 or
        3 bytes) what it may; `parameters` are its own. `reserve` bytes of the card's memory are its
        own, and all it has; 0: it shares what nobody has reserved; None: as the card has it, on the
        software card as many as the application says, or 1,024. AlreadyExists, CardFull,
        ModuleNotOffered, IncorrectData; ValueError for more than the command can carry.
        """
        specific = Tlv(0xC9, parameters).encode()
        if reserve is not None:  # 11.5.2.3.7: two bytes up to 32767, else four
            if not 0 <= reserve <= MAX_RESERVE:
                raise ValueError(f"what is reserved is 0 to {MAX_RESERVE} bytes, not {reserve}")
            quota = reserve.to_bytes(2 if reserve <= 0x7FFF else 4, "big")
            specific += Tlv(0xEF, [Tlv(0xC8, quota)]).encode()
        if len(specific) > 0xFF:
            raise ValueError("INSTALL takes fewer parameters: they have one length byte together")
        fields = (package, module, aid, privileges, specific, b"")
        self._install(0x0C, fields)

    @under_purpose(Ins.INSTALL)
    def personalise(self, aid: Aid, data: bytes, form: StoreForm = StoreForm.PLAIN) -> None:
        """Hand data to an application, which takes what it knows of (11.5.2.3.6, 11.11)."""
        self._target(aid)
        self.store_data(data, form)

    def _target(self, aid: Aid) -> None:
        """INSTALL [for personalization]: what follows is for this application. AppletNotFound."""
        try:
            self._install(0x20, (b"", b"", aid, b"", b"", b""))
        except ModuleNotOffered as refusal:
            raise AppletNotFound(refusal.status, refusal.ins) from None

    def _install(self, what: int, fields: tuple[bytes, ...]) -> None:
        data = b"".join(bytes((len(field),)) + field for field in fields)
        self.ask(CommandApdu(_CLA, Ins.INSTALL, what, 0x00, data, 256))

    @under_purpose(Ins.DELETE_FILE)
    def delete(self, aid: Aid, *, related: bool = False) -> None:
        """Delete an application with all that it holds; `related`: a package's applications too.

        Nothing brings it back. AppletNotFound, StillInUse.
        """
        data = Tlv(0x4F, aid).encode()
        self.ask(CommandApdu(_CLA, Ins.DELETE_FILE, 0x00, 0x80 if related else 0, data, 256))

    @under_purpose(Ins.APPEND_RECORD)
    def store_data(self, data: bytes, form: StoreForm = StoreForm.PLAIN) -> None:
        """Write data objects of the domain, or of the application that `personalise` named.

        In as many blocks as they need. ValueError for more than the card can number.
        """
        size = self.short_data
        blocks = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        if len(blocks) > _MAX_BLOCKS:
            raise ValueError(f"STORE DATA takes {_MAX_BLOCKS * size} bytes, not {len(data)}")
        for number, block in enumerate(blocks):
            last = 0x80 if number == len(blocks) - 1 else 0
            # ISO's APPEND RECORD is STORE DATA with a proprietary class
            self.ask(CommandApdu(_CLA, Ins.APPEND_RECORD, form | last, number, block, 256))

    def _put_receipt(self, value: bytes) -> None:
        self.store_data(Tlv(RECEIPT, value).encode())

    # --- life cycle ---

    def lock(self, aid: Aid) -> None:
        """Let an application not be selected any more, until `unlock`. AppletNotFound."""
        self._set_status(0x40, 0x80, aid)

    def unlock(self, aid: Aid) -> None:
        """Give a locked application the state back that it had. AppletNotFound."""
        self._set_status(0x40, 0x00, aid)

    def lock_card(self) -> None:
        """Lock the whole card: only the issuer domain can be used, until `unlock_card`."""
        self._set_status(0x80, _CARD_LOCKED)

    def unlock_card(self) -> None:
        """Take a locked card back into use."""
        self._set_status(0x80, _SECURED)

    def terminate_card(self, *, nothing_brings_it_back: bool) -> None:
        """End the card for good. ValueError, with nothing sent, unless the caller says that."""
        if not nothing_brings_it_back:
            raise ValueError("a card that has ended stays so; say nothing_brings_it_back=True")
        self._set_status(0x80, _TERMINATED)

    @under_purpose(Ins.SET_STATUS)
    def _set_status(self, what: int, state: int, aid: bytes = b"") -> None:
        self.ask(CommandApdu(_CLA, Ins.SET_STATUS, what, state, aid))

    # --- keys ---

    @under_purpose(Ins.PUT_KEY)
    def put_keys(self, new: IssuerKeys, *, replace: int | None = None) -> None:
        """Give the domain a key set: a further one, or in place of that of version `replace`.

        The set's own version is the one it is known by from then on. The keys go encrypted under
        K-DEK, and the card must confirm each by its check value: KeysNotConfirmed. ValueError for a
        set without a version. IncorrectData, ReferenceNotFound when there is nothing to replace.
        """
        if not new.version:
            raise ValueError("a key set that is put into a card has a version, 1 to 127")
        self._put(0x01, new.version, new.keys, replace)

    @under_purpose(Ins.PUT_KEY)
    def put_purpose_keys(
        self, aid: Aid, purpose: int, new: CardKeys, *, replace: int | None = None
    ) -> None:
        """Give an application a purpose's keys: its first, or others than those of `replace`.

        `purpose` is the key's reference, a member of `Purpose` in the Juki application; `new` comes
        from a key custody, as those that `authenticate` uses. The keys have all their tries then,
        and sessions from the old ones are over. KeyUnfit for keys that are not for AES;
        KeysNotConfirmed, ReferenceNotFound for a purpose or version that is not there,
        IncorrectData for keys that the card would not take when it is made.
        """
        if "AES" not in new.suite:
            raise KeyUnfit("PUT KEY takes AES keys only; draw the system's master for AES")
        self._target(aid)
        self._put(purpose, new.version, (new.k_enc, new.k_mac), replace)

    def _put(self, first: int, version: int, keys: Sequence[bytes], replace: int | None) -> None:
        """PUT KEY of several keys, of which the first has the identifier `first`."""
        data = bytes((version,)) + b"".join(map(self._key_field, keys))
        command = CommandApdu(_CLA, Ins.PUT_KEY, replace or 0, 0x80 | first, data, 256)
        answer = self.ask(command).data
        if answer != bytes((version,)) + b"".join(map(check_value, keys)):
            raise KeysNotConfirmed(
                "the card confirmed other keys than were sent; keep the old ones, and try what it "
                "has before this card is used again"
            )

    def _key_field(self, key: bytes) -> bytes:
        """Return a key as PUT KEY takes it (Amendment D, 7.2; Card Specification, table 11-68)."""
        whole = key + bytes(-len(key) % AES_BLOCK)
        hidden = aes_cbc(self._k_dek).encrypt(bytes(AES_BLOCK), whole)
        block = bytes((len(key),)) + hidden
        return bytes((_AES, len(block))) + block + b"\x03" + check_value(key)

    def unblock_key(self, aid: Aid, purpose: int) -> None:
        """Give the keys of an application's purpose all their tries again; they stay as they are.

        `purpose` as in `put_purpose_keys`. ReferenceNotFound when there are none.
        """
        self._unblock(aid, _EF_KEYS + purpose)

    def unblock_pin(self, aid: Aid, identifier: int) -> None:
        """Give the PIN in an EF of an application all its tries again, with its value.

        001C in the Juki application. ReferenceNotFound when there is none; ConditionsNotSatisfied
        for an operator's password, which `OperatorSession.unlock` alone gives its tries back.
        """
        self._unblock(aid, identifier)

    @under_purpose(Ins.RESET_RETRY_COUNTER)
    def _unblock(self, aid: Aid, identifier: int) -> None:
        self._target(aid)
        # ISO/IEC 7816-4:2020, 11.6.10: P1 = 03, neither reset code nor new value
        data = identifier.to_bytes(2, "big")
        self.ask(CommandApdu(_CLA, Ins.RESET_RETRY_COUNTER, 0x03, 0x00, data))

    @under_purpose(Ins.DELETE_FILE)
    def delete_keys(self, version: int) -> None:
        """Delete the key set of a version (11.2.2.3.2). StillInUse for the last one."""
        data = Tlv(0xD2, bytes((version,))).encode()
        self.ask(CommandApdu(_CLA, Ins.DELETE_FILE, 0x00, 0x00, data, 256))
