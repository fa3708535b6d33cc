"""An application made of declared files: ISO 7816-4 commands, PINs and challenges, ready to use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, TypeAlias

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins, ins_label
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem import commands as file_commands
from jukicard.filesystem.access import SecurityStatus
from jukicard.filesystem.control import ControlInformation, control_information
from jukicard.filesystem.files import (
    EfNode,
    FileTree,
    InternalFile,
    RecordFile,
    TransparentFile,
)
from jukicard.filesystem.lifecycle_table import ObjectKind, Operation, check, outcome
from jukicard.filesystem.operations import binary, data, record
from jukicard.filesystem.selection import Selection, resolve_ef, select
from jukicard.filesystem.store import FileStore
from jukicard.kit import commands
from jukicard.kit.pin import PinFile, PinStore, pin_spec
from jukicard.runtime.applet import Applet, AppletContext
from jukicard.runtime.events import RetryCounterChanged
from jukicard.securemessaging.session import SecureMessagingSession

IN_ANY_STATE: Final = frozenset(
    {
        Ins.SELECT,
        Ins.GET_DATA,
        Ins.GET_CHALLENGE,
        Ins.MUTUAL_AUTHENTICATE,
        Ins.ACTIVATE_FILE,
        Ins.DEACTIVATE_FILE,
        Ins.INSTALL,
        Ins.TERMINATE_CARD_USAGE,
    }
)
"""What an application that is not activated still does: be looked at, and be managed."""

Handler: TypeAlias = Callable[[Any, CommandApdu, Any], ResponseApdu]
_Operation: TypeAlias = Callable[[FileStore, Selection, Any], bytes]
_Parser: TypeAlias = Callable[[CommandApdu], Any]


class FileState(Selection):
    """Selection and security status, the challenge that waits, the secure messaging session."""

    __slots__ = ("challenge", "messaging")

    def __init__(self, applet: FileApplet) -> None:
        super().__init__(applet.tree.root)
        self.challenge = b""
        self.messaging: SecureMessagingSession | None = None

    def forget(self) -> None:
        """Drop all that was proven; what is selected stays selected."""
        self.security = SecurityStatus()
        self.messaging = None
        self.challenge = b""


def _on_files(parse: _Parser, operate: _Operation) -> Handler:
    """Return the handler of a file command: parse it, then do it."""

    def handler(applet: FileApplet, command: CommandApdu, state: FileState) -> ResponseApdu:
        return ResponseApdu(operate(applet.files, state, parse(command)))

    return handler


class FileApplet(Applet):
    """An application whose files are declared in the class attribute `tree`.

    `interindustry` and `proprietary` are its commands by instruction; a subclass adds its own to
    those of its base. `select_by` lists the ways of SELECT that it has.
    """

    tree: FileTree
    select_by: ClassVar[frozenset[file_commands.SelectBy]] = frozenset(file_commands.SelectBy)
    interindustry: ClassVar[Mapping[int, Handler]]
    proprietary: ClassVar[Mapping[int, Handler]] = {}

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.files = FileStore(self.tree, context.memory)
        self.pins = PinStore(self.files, context.options.blocked_status, self._tries_changed)

    def new_state(self) -> FileState:
        """Return a state in which the application's DF is current and nothing is proven."""
        return FileState(self)

    def select(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """Make the application's DF current and answer its control information.

        A deactivated or terminated application answers with a warning, 6283 or 6285.
        """
        parsed = file_commands.parse_select(command)
        root = self.tree.root
        state.choose_df(root)
        status = StatusWord.OK
        if not self.files.is_activated(root):
            cell = outcome(ObjectKind.APPLICATION, self.files.state(root), Operation.SELECT)
            status = cell.status
        content = self.control_information(parsed.wanted) if parsed.ne else b""
        return ResponseApdu(content, status)

    def select_inside(self, command: CommandApdu, state: FileState) -> ResponseApdu | None:
        """Select a DF of this application by its name, where there are such DFs."""
        if file_commands.SelectBy.DF_NAME not in self.select_by or len(self.tree.named) < 2:
            return None
        return self.select_file(command, state)

    def control_information(self, wanted: ControlInformation) -> bytes:
        """Return what SELECT answers about the application itself."""
        return control_information(self.files, self.tree.root, wanted)

    def process(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """Answer a command from the table of its class; 6E00 and 6D00 when there is none."""
        handlers = self.interindustry if command.cla.interindustry else self.proprietary
        handler = handlers.get(command.ins)
        if handler is None:
            if not handlers:
                raise IsoError(
                    StatusWord.CLA_NOT_SUPPORTED,
                    f"{self.context.aid} has no proprietary commands",
                )
            raise IsoError(
                StatusWord.INS_NOT_SUPPORTED,
                f"{self.context.aid} does not know {ins_label(command.ins)}",
            )
        root = self.tree.root
        if not self.files.is_activated(root) and command.ins not in IN_ANY_STATE:
            check(ObjectKind.APPLICATION, self.files.state(root), Operation.USE, root.label)
        return handler(self, command, state)

    def _tries_changed(self, fid: int, left: int) -> None:
        self.context.emit(RetryCounterChanged(self.context.aid, f"{fid:04X}", left))

    def select_file(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """SELECT of a file in this application."""
        parsed = file_commands.parse_select(command)
        if parsed.by not in self.select_by:
            raise IsoError(
                StatusWord.INCORRECT_P1_P2,
                f"SELECT {parsed.by.name} is not among this application's ways",
            )
        content, status = select(self.files, state, parsed)
        return ResponseApdu(content, status)

    def _pin(self, reference: file_commands.FileReference, state: FileState, name: str) -> EfNode:
        ef = resolve_ef(state, reference, name)
        pin_spec(ef)
        return ef

    def verify(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """VERIFY: compare a PIN, or tell how many tries are left."""
        parsed = commands.parse_verify(command, lenient=self.context.options.lenient_verify)
        ef = self._pin(parsed.pin, state, "VERIFY")
        if isinstance(parsed, commands.VerifyQuery):
            self.pins.query(ef)
        self.pins.verify(ef, parsed.value, state)
        return ResponseApdu()

    def change_reference_data(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """CHANGE REFERENCE DATA in its ISO forms."""
        return self._change(
            commands.parse_change_reference_data(command), state, "CHANGE REFERENCE DATA"
        )

    def change_key(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """CHANGE KEY (JICSAP): the card's own way to set a new PIN after VERIFY."""
        return self._change(commands.parse_change_key(command), state, "CHANGE KEY")

    def _change(
        self, parsed: commands.ChangeReferenceData, state: FileState, name: str
    ) -> ResponseApdu:
        ef = self._pin(parsed.pin, state, name)
        self.pins.change(ef, parsed.value, state, with_old=parsed.with_old, name=name)
        return ResponseApdu()

    def reset_retry_counter(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """RESET RETRY COUNTER: unblock a PIN, with a resetting code or under its condition."""
        parsed = commands.parse_reset_retry_counter(command)
        ef = self._pin(parsed.pin, state, "RESET RETRY COUNTER")
        code = pin_spec(ef).resetting_code
        self.pins.reset(
            ef,
            parsed.data,
            state,
            with_code=parsed.with_code,
            with_new=parsed.with_new,
            code_ef=None if code is None else ef.parent.efs[code],
        )
        return ResponseApdu()

    def get_challenge(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """GET CHALLENGE: fresh randomness; the newest one is the one that counts."""
        state.challenge = self.context.random.take(commands.parse_get_challenge(command).size)
        return ResponseApdu(state.challenge)

    @property
    def description(self) -> list[tuple[str, str]]:
        """Files with sizes, states and who may read and update them; counters of PINs and keys."""
        return [
            (node.label, f"{self.describe(node)}, {self.files.state(node).name.lower()}")
            for node in self.tree.walk()
            if isinstance(node, EfNode)
        ]

    def describe(self, ef: EfNode) -> str:
        """Say what one EF is, in a line without a secret; an application may know more kinds."""
        spec = ef.spec
        if isinstance(spec, PinFile):
            left = self.pins.tries_left(ef)
            return f"PIN, {left} of {spec.tries} tries left" if left else "PIN, blocked"
        if isinstance(spec, InternalFile):
            return "internal"
        rules = f"read: {spec.access.read}, update: {spec.access.update}"
        if isinstance(spec, TransparentFile):
            return f"transparent, {spec.size} bytes, {rules}"
        if isinstance(spec, RecordFile):
            kind = spec.structure.name.lower().replace("_", " ")
            return f"{kind}, {len(self.files.records(ef))} of {spec.record_count} records, {rules}"
        return rules


ISO_FILE_COMMANDS: Final[Mapping[int, Handler]] = {
    Ins.SELECT: FileApplet.select_file,
    Ins.READ_BINARY: _on_files(file_commands.parse_read_binary, binary.read_binary),
    Ins.READ_BINARY_ODD: _on_files(file_commands.parse_read_binary_odd, binary.read_binary),
    Ins.UPDATE_BINARY: _on_files(file_commands.parse_update_binary, binary.change_binary),
    Ins.UPDATE_BINARY_ODD: _on_files(file_commands.parse_update_binary, binary.change_binary),
    Ins.WRITE_BINARY: _on_files(file_commands.parse_write_binary, binary.change_binary),
    Ins.WRITE_BINARY_ODD: _on_files(file_commands.parse_write_binary, binary.change_binary),
    Ins.ERASE_BINARY: _on_files(file_commands.parse_erase_binary, binary.erase_binary),
    Ins.ERASE_BINARY_ODD: _on_files(file_commands.parse_erase_binary_odd, binary.erase_binary),
    Ins.SEARCH_BINARY: _on_files(file_commands.parse_search_binary, binary.search_binary),
    Ins.SEARCH_BINARY_ODD: _on_files(file_commands.parse_search_binary_odd, binary.search_binary),
    Ins.READ_RECORD: _on_files(file_commands.parse_read_record, record.read_record),
    Ins.READ_RECORD_ODD: _on_files(file_commands.parse_read_record, record.read_record),
    Ins.UPDATE_RECORD: _on_files(file_commands.parse_update_record, record.change_record),
    Ins.UPDATE_RECORD_ODD: _on_files(file_commands.parse_update_record, record.change_record),
    Ins.WRITE_RECORD: _on_files(file_commands.parse_write_record, record.change_record),
    Ins.APPEND_RECORD: _on_files(file_commands.parse_append_record, record.append_record),
    Ins.ERASE_RECORD: _on_files(file_commands.parse_erase_record, record.erase_record),
    Ins.SEARCH_RECORD: _on_files(file_commands.parse_search_record, record.search_record),
    Ins.GET_DATA: _on_files(file_commands.parse_get_data, data.get_data),
    Ins.GET_DATA_ODD: _on_files(file_commands.parse_get_data_odd, data.get_data),
    Ins.PUT_DATA: _on_files(file_commands.parse_put_data, data.put_data),
    Ins.PUT_DATA_ODD: _on_files(file_commands.parse_put_data_odd, data.put_data),
}
"""Every file command of ISO/IEC 7816-4 that this card knows."""

PIN_COMMANDS: Final[Mapping[int, Handler]] = {
    Ins.VERIFY: FileApplet.verify,
    Ins.CHANGE_REFERENCE_DATA: FileApplet.change_reference_data,
    Ins.RESET_RETRY_COUNTER: FileApplet.reset_retry_counter,
    Ins.GET_CHALLENGE: FileApplet.get_challenge,
}
"""Commands on PINs, and GET CHALLENGE."""

FileApplet.interindustry = {**ISO_FILE_COMMANDS, **PIN_COMMANDS}
