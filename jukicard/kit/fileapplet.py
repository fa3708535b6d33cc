"""An application made of declared files, which its features then do something with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeAlias, TypeVar

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins, ins_label
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem import commands as file_commands
from jukicard.filesystem.access import SecurityStatus
from jukicard.filesystem.control import ControlInformation, control_information
from jukicard.filesystem.door import check_in_use
from jukicard.filesystem.files import (
    DfNode,
    EfNode,
    ElementaryFile,
    FileTree,
    InternalFile,
    RecordFile,
    TransparentFile,
)
from jukicard.filesystem.lifecycle_table import ObjectKind, Operation, outcome
from jukicard.filesystem.selection import Selection, tell_selected
from jukicard.filesystem.store import FileStore
from jukicard.memory import ApplicationMemory
from jukicard.runtime.applet import Applet, AppletContext
from jukicard.runtime.events import RetryCounterChanged
from jukicard.runtime.handlers import DeclarationError, Table, declare
from jukicard.securemessaging.session import SecureMessagingSession

if TYPE_CHECKING:
    from jukicard.kit.personalisation import Order

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

_DESCRIPTIONS: Final = Table(
    "descriptions", ("ef", "spec"), lambda spec: f"the description of a {spec.__name__}"
)
_Spec = TypeVar("_Spec", bound=ElementaryFile)
_Describer: TypeAlias = Callable[[Any, EfNode, _Spec], str]


class Dialogue(Protocol):
    """An exchange of several commands without a pause: whatever does not continue it ends it."""

    def continues(self, command: CommandApdu) -> bool:
        """Tell whether a command may be the next step."""


class FileState(Selection):
    """What is selected, what was proven, and what is under way: the challenge that waits, the
    dialogue, the secure messaging session.

    A feature that keeps more declares it in a class of its own, each value with what it is while
    nothing was proven. To `forget` is to return to all of these, so none is left behind:

        class LoanState(FileState):
            borrower: bytes = b""

    States of several features are put together as classes are, `class JukiState(KeyState,
    PrivacyState)`. DeclarationError for a value that could be changed in place (list, set, dict):
    every card would have the same one.
    """

    __slots__ = ("__dict__", "challenge", "dialogue", "messaging")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, value in vars(cls).items():
            if not name.startswith("__") and type(value).__hash__ is None:
                raise DeclarationError(
                    f"{cls.__name__}.{name} is one {type(value).__name__} for all cards: "
                    "begin with a value that cannot change, a tuple, a frozenset or None"
                )

    def __init__(self, root: DfNode) -> None:
        super().__init__(root)
        self.challenge = b""
        self.dialogue: Dialogue | None = None
        self.messaging: SecureMessagingSession | None = None

    def forget(self) -> None:
        """Drop all that was proven and all that is under way; what is selected stays selected."""
        self.security = SecurityStatus()
        self.challenge = b""
        self.dialogue = None
        self.messaging = None
        self.__dict__.clear()


State = TypeVar("State", bound=FileState)


def describes(spec: type[_Spec]) -> Callable[[_Describer[_Spec]], _Describer[_Spec]]:
    """Declare the method that says what an EF of this kind is, in a line without a secret."""
    return declare(_DESCRIPTIONS, spec)


class FileApplet(Applet[State]):
    """An application whose files are declared in the class attribute `tree`; no command yet.

    What it can do are its features (`jukicard.kit.features`), each a `FileApplet` like this one:

        class LibraryApplet(Files[KeyState], Keys[KeyState]):
            type_name = "library"
            tree = FileTree(DedicatedFile(name=AID, files=(...)))
    """

    descriptions: Final[Mapping[type[ElementaryFile], _Describer[Any]]] = {}
    """What `describes` has declared, by the kind of file."""
    pin_waiver: ClassVar[str] = ""
    """Why the application asks its holder for no PIN, in words; empty where it has one."""

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.files = FileStore(self.tree, context.memory, context)

    @property
    @abstractmethod
    def tree(self) -> FileTree:
        """The declared files."""

    @classmethod
    def tree_for(cls, parameters: Mapping[str, str]) -> FileTree | None:
        """Return the files of an application placed with these parameters, None: only it knows."""
        tree: object = cls.tree
        return tree if isinstance(tree, FileTree) else None

    @classmethod
    def check_kept(cls, memory: ApplicationMemory, parameters: Mapping[str, str]) -> None:
        """Refuse life-cycle states, counters, PINs, keys and records that cannot be. ValueError."""
        tree = cls.tree_for(parameters)
        if tree is not None:
            FileStore(tree, memory).check_kept()

    @classmethod
    def usual_aid(cls, parameters: Mapping[str, str]) -> Aid | None:
        """Return the name of the DF that the files are declared in."""
        tree = cls.tree_for(parameters)
        return None if tree is None else tree.root.spec.name

    def personalise(self, order: Order) -> None:
        """Write what the application needs, inside a transaction of the card's memory.

        Each feature writes its own part: an application that has more to write calls them with
        `super().personalise(order)` first. IsoError for a PIN that is none, ValueError for anything
        else that does not fit.
        """

    def new_state(self) -> State:
        """Return a state in which the application's DF is current and nothing is proven."""
        return self.state_type(self.tree.root)

    def select(self, command: CommandApdu, state: State) -> ResponseApdu:
        """Make the application's DF current and answer its control information.

        A deactivated or terminated application answers with a warning, 6283 or 6285.
        """
        parsed = file_commands.parse_select(command)
        root = self.tree.root
        state.dialogue = None
        state.choose_df(root)
        tell_selected(self.files, root, parsed)
        status = StatusWord.OK
        if not self.files.is_activated(root):
            cell = outcome(ObjectKind.APPLICATION, self.files.state(root), Operation.SELECT)
            status = cell.status
        content = self.control_information(parsed.wanted) if parsed.ne else b""
        return ResponseApdu(content, status)

    def control_information(self, wanted: ControlInformation) -> bytes:
        """Return what SELECT answers about the application itself."""
        return control_information(self.files, self.tree.root, wanted)

    def process(self, command: CommandApdu, state: State) -> ResponseApdu:
        """Answer a command with the method declared for it; 6E00 and 6D00 when there is none.

        Here ends a dialogue that the command does not continue, and here stops what an application
        that is not activated does not do.
        """
        if state.dialogue is not None and not state.dialogue.continues(command):
            state.dialogue = None
        handlers = self.interindustry if command.cla.interindustry else self.proprietary
        handler = handlers.get(command.ins)
        if handler is None:
            raise self.unknown(command)
        files = self.files
        if files.partition.get(files.tree.root.state_key) is not None:
            self._admit(command, state)
        return handler(self, command, state)

    def _admit(self, command: CommandApdu, state: State) -> None:
        """Refuse what an application does not do while its own state is not activated."""
        root = self.tree.root
        if not self.files.is_activated(root) and command.ins not in IN_ANY_STATE:
            self.refused(command, state)
            check_in_use(self.files, root, ins_label(command.ins))

    def store(self, file: int, value: bytes) -> None:
        """Write a transparent EF, or append a record, as the issuer asks after issue.

        IsoError 6A88 for a file that is not in the application's DF, 6981 for one of another kind,
        6700 for what does not fit.
        """
        ef = self._file(file)
        try:
            if isinstance(ef.spec, RecordFile):
                self.files.put_records(ef, [*self.files.records(ef), value])
            else:
                self.files.put_content(ef, value)
        except TypeError:
            raise self._of_another_kind(ef) from None
        except ValueError as problem:
            raise IsoError(StatusWord.WRONG_LENGTH, f"STORE DATA: {problem}") from None

    def store_object(self, tag: int, value: bytes) -> None:
        """Write a data object of the application's DF; IsoError 6A88, 6700."""
        root = self.tree.root
        if tag not in root.objects:
            raise IsoError(StatusWord.REFERENCED_DATA_NOT_FOUND, f"there is no object {tag:X}")
        try:
            self.files.put_data_object(root, tag, value)
        except ValueError as problem:
            raise IsoError(StatusWord.WRONG_LENGTH, f"STORE DATA: {problem}") from None

    def check_filled(self) -> None:
        """Refuse that the application counts as personalised while it lacks contents: 6985."""
        lacking = [ef.label for ef in self.files.lacking() if ef.fid not in self.dispensable()]
        if lacking:
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"STORE DATA: nothing is in {', '.join(lacking)} yet; begin anew with all",
            )

    def dispensable(self) -> Collection[int]:
        """Return the files that may stay empty when the application is personalised."""
        return ()

    def _file(self, fid: int) -> EfNode:
        ef = self.tree.root.efs.get(fid)
        if ef is None:
            raise IsoError(StatusWord.REFERENCED_DATA_NOT_FOUND, f"there is no file {fid:04X}")
        return ef

    @staticmethod
    def _of_another_kind(ef: EfNode) -> IsoError:
        return IsoError(
            StatusWord.INCOMPATIBLE_FILE_STRUCTURE, f"{ef.label} is not of a kind for this"
        )

    def unblock(self, file: int) -> None:
        """Give a PIN or key all its tries again; IsoError 6A88, 6981, 6984 without a value."""
        ef = self._file(file)
        tries = getattr(ef.spec, "tries", 0)
        if not isinstance(ef.spec, InternalFile) or not tries:
            raise self._of_another_kind(ef)
        if self.files.value(ef) is None:
            raise IsoError(
                StatusWord.REFERENCE_DATA_NOT_USABLE, f"{ef.label} has no value that could be tried"
            )
        self.files.put_tries(ef, tries)
        self.tries_changed(ef.fid, tries)

    def tries_changed(self, fid: int, left: int) -> None:
        """Tell the listeners that the counter of a PIN or key has changed."""
        if self.context.heard:
            self.context.emit(RetryCounterChanged(self.context.aid, f"{fid:04X}", left))

    @property
    def description(self) -> list[tuple[str, str]]:
        """Files with sizes, states, who may read and update them; counters; a waiver's reason."""
        waiver = [("no PIN", self.pin_waiver)] if self.pin_waiver else []
        return waiver + [
            (node.label, f"{self.describe(node)}, {self.files.state(node).name.lower()}")
            for node in self.tree.walk()
            if isinstance(node, EfNode)
        ]

    def describe(self, ef: EfNode) -> str:
        """Say what one EF is: as the feature says that `describes` its kind, or as files are."""
        for kind in type(ef.spec).__mro__:
            describer = self.descriptions.get(kind)
            if describer is not None:
                return describer(self, ef, ef.spec)
        return self._describe_file(ef)

    def _describe_file(self, ef: EfNode) -> str:
        spec = ef.spec
        if isinstance(spec, InternalFile):
            return "internal"
        rules = f"read: {spec.access.read}, update: {spec.access.update}"
        if isinstance(spec, TransparentFile):
            return f"transparent, {spec.size} bytes, {rules}"
        if isinstance(spec, RecordFile):
            kind = spec.structure.name.lower().replace("_", " ")
            return f"{kind}, {len(self.files.records(ef))} of {spec.record_count} records, {rules}"
        return rules
