"""Files that a terminal selects, reads and writes: every file command that this card knows.

ISO/IEC 7816-4:2020, 11.2 to 11.5. Who may do what stands in the declared files.
"""

from __future__ import annotations

from typing import ClassVar

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem import commands as parsing
from jukicard.filesystem.commands import SelectBy
from jukicard.filesystem.operations import binary, data, record
from jukicard.filesystem.selection import select
from jukicard.kit.fileapplet import FileApplet, State
from jukicard.runtime.handlers import command


class Files(FileApplet[State]):
    """SELECT of files, and the commands on transparent EFs, records and data objects.

    `select_by` lists the ways of SELECT that the application has.
    """

    select_by: ClassVar[frozenset[SelectBy]] = frozenset(SelectBy)

    @command(Ins.SELECT)
    def select_file(self, command: CommandApdu, state: State) -> ResponseApdu:
        """SELECT of a file in this application; IsoError 6A86 for a way that it has not."""
        parsed = parsing.parse_select(command)
        if parsed.by not in self.select_by:
            raise IsoError(
                StatusWord.INCORRECT_P1_P2,
                f"SELECT {parsed.by.name} is not among this application's ways",
            )
        content, status = select(self.files, state, parsed)
        return ResponseApdu(content, status)

    def select_inside(self, command: CommandApdu, state: State) -> ResponseApdu | None:
        """Select a DF of this application by its name, where there are such DFs."""
        if SelectBy.DF_NAME not in self.select_by or len(self.tree.named) < 2:
            return None
        return self.select_file(command, state)

    @command(Ins.READ_BINARY, Ins.READ_BINARY_ODD)
    def read_binary(self, command: CommandApdu, state: State) -> ResponseApdu:
        """READ BINARY: a part of a transparent EF, from an offset on (11.3.2)."""
        return ResponseApdu(
            binary.read_binary(self.files, state, parsing.parse_read_binary(command))
        )

    @command(Ins.UPDATE_BINARY, Ins.UPDATE_BINARY_ODD)
    def update_binary(self, command: CommandApdu, state: State) -> ResponseApdu:
        """UPDATE BINARY: a part of a transparent EF replaced (11.3.4)."""
        return ResponseApdu(
            binary.change_binary(self.files, state, parsing.parse_change_binary(command))
        )

    @command(Ins.WRITE_BINARY, Ins.WRITE_BINARY_ODD)
    def write_binary(self, command: CommandApdu, state: State) -> ResponseApdu:
        """WRITE BINARY: as the file's write function says (11.3.3)."""
        return ResponseApdu(
            binary.change_binary(self.files, state, parsing.parse_change_binary(command))
        )

    @command(Ins.ERASE_BINARY, Ins.ERASE_BINARY_ODD)
    def erase_binary(self, command: CommandApdu, state: State) -> ResponseApdu:
        """ERASE BINARY: from an offset to another one or the end (11.3.6)."""
        return ResponseApdu(
            binary.erase_binary(self.files, state, parsing.parse_erase_binary(command))
        )

    @command(Ins.SEARCH_BINARY, Ins.SEARCH_BINARY_ODD)
    def search_binary(self, command: CommandApdu, state: State) -> ResponseApdu:
        """SEARCH BINARY: the offset of the first match (11.3.5)."""
        return ResponseApdu(
            binary.search_binary(self.files, state, parsing.parse_search_binary(command))
        )

    @command(Ins.READ_RECORD, Ins.READ_RECORD_ODD)
    def read_record(self, command: CommandApdu, state: State) -> ResponseApdu:
        """READ RECORD: one record, several, or a part of one (11.4.3)."""
        return ResponseApdu(
            record.read_record(self.files, state, parsing.parse_read_record(command))
        )

    @command(Ins.UPDATE_RECORD, Ins.UPDATE_RECORD_ODD)
    def update_record(self, command: CommandApdu, state: State) -> ResponseApdu:
        """UPDATE RECORD: a record replaced, or a part of it (11.4.5)."""
        return ResponseApdu(
            record.change_record(self.files, state, parsing.parse_change_record(command))
        )

    @command(Ins.WRITE_RECORD)
    def write_record(self, command: CommandApdu, state: State) -> ResponseApdu:
        """WRITE RECORD: as the file's write function says (11.4.4)."""
        return ResponseApdu(
            record.change_record(self.files, state, parsing.parse_change_record(command))
        )

    @command(Ins.APPEND_RECORD)
    def append_record(self, command: CommandApdu, state: State) -> ResponseApdu:
        """APPEND RECORD: one more record (11.4.6)."""
        return ResponseApdu(
            record.append_record(self.files, state, parsing.parse_append_record(command))
        )

    @command(Ins.ERASE_RECORD)
    def erase_record(self, command: CommandApdu, state: State) -> ResponseApdu:
        """ERASE RECORD: one record, or it and all behind it (11.4.8)."""
        return ResponseApdu(
            record.erase_record(self.files, state, parsing.parse_erase_record(command))
        )

    @command(Ins.SEARCH_RECORD)
    def search_record(self, command: CommandApdu, state: State) -> ResponseApdu:
        """SEARCH RECORD: the numbers of those that match (11.4.7)."""
        return ResponseApdu(
            record.search_record(self.files, state, parsing.parse_search_record(command))
        )

    @command(Ins.GET_DATA, Ins.GET_DATA_ODD)
    def get_data(self, command: CommandApdu, state: State) -> ResponseApdu:
        """GET DATA: the value of a data object (11.5.2)."""
        return ResponseApdu(data.get_data(self.files, state, parsing.parse_get_data(command)))

    @command(Ins.PUT_DATA, Ins.PUT_DATA_ODD)
    def put_data(self, command: CommandApdu, state: State) -> ResponseApdu:
        """PUT DATA: the value of a data object replaced (11.5.4)."""
        return ResponseApdu(data.put_data(self.files, state, parsing.parse_put_data(command)))
