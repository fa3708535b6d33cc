"""Applications that are wrong: what mypy says of each, and what it says when the class is made.

Each is a class as an author would write it, under `PREAMBLE`. None: nothing is said there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

PREAMBLE: Final = '''\
from __future__ import annotations

from jukicard.apdu import Aid, CommandApdu, Ins, ResponseApdu
from jukicard.filesystem.files import DedicatedFile, FileTree
from jukicard.kit import commands
from jukicard.kit.features.cardkey import CardKey
from jukicard.kit.features.certificates import Certificates, CertificateState
from jukicard.kit.features.environment import environment
from jukicard.kit.features.files import Files
from jukicard.kit.features.jicsap import ChangeKey, Jicsap
from jukicard.kit.features.keys import Challenges, Keys, KeyState
from jukicard.kit.features.lifecycle import LifeCycle
from jukicard.kit.features.pins import Pins
from jukicard.kit.features.privacy import Privacy, PrivacyState
from jukicard.kit.features.signing import Signing
from jukicard.kit.fileapplet import FileApplet, FileState
from jukicard.runtime.handlers import command
from jukicard.runtime.kinds import offer_applet

TREE = FileTree(DedicatedFile(name=Aid("F04C494252415259")))


class LoanState(FileState):
    """What a library keeps in mind."""

    borrower: bytes = b""


'''


class Wrong(NamedTuple):
    """The class, what mypy says, what is said when it is made."""

    source: str
    mypy: str | None
    made: str | None


WRONG: Final = {
    "a state without what keys need": Wrong(
        '''
class Library(Files[FileState], Keys[FileState]):
    """Has keys, and a state for files."""

    type_name = "library"
    tree = TREE
''',
        'Type argument "FileState" of "Keys" must be a subtype of "KeyState"',
        "Library: Keys works on KeyState, and the state FileState is none",
    ),
    "a state without what certificates need": Wrong(
        '''
class Library(Files[KeyState], Certificates[KeyState]):
    """Has certificates, and a state for keys."""

    type_name = "library"
    tree = TREE

    def card_identifier(self) -> bytes:
        return b""
''',
        'Type argument "KeyState" of "Certificates" must be a subtype of "CertificateState"',
        "Library: Certificates works on CertificateState, and the state KeyState is none",
    ),
    "a state of other features": Wrong(
        '''
class Library(Privacy[PrivacyState], Keys[KeyState]):
    """Has two features, each with a state of its own."""

    type_name = "library"
    tree = TREE
''',
        None,
        "Library: Keys works on KeyState, and the state PrivacyState is none",
    ),
    "a command on another state than the application's": Wrong(
        '''
class Library(Files[FileState]):
    """Lends."""

    type_name = "library"
    tree = TREE

    @command(0x10, proprietary=True)
    def lend(self, command: CommandApdu, state: LoanState) -> ResponseApdu:
        return ResponseApdu(state.borrower)
''',
        None,
        "Library: Library.lend works on LoanState, and the state FileState is none",
    ),
    "a table of commands by hand": Wrong(
        '''
class Library(Files[FileState]):
    """Takes what it likes."""

    type_name = "library"
    tree = TREE
    interindustry = {**Keys.interindustry, **Certificates.interindustry}
''',
        'Cannot assign to final name "interindustry"',
        "Library.interindustry is made from the methods that are declared",
    ),
    "no name to prove a signature for": Wrong(
        '''
class Library(Files[CertificateState], Certificates[CertificateState]):
    """Has certificates."""

    type_name = "library"
    tree = TREE


offer_applet(Library)
''',
        "Only concrete class can be given",
        "Library has no 'card_identifier': Return ID.IC",
    ),
    "no files": Wrong(
        '''
class Library(Files[FileState]):
    """Forgot its files."""

    type_name = "library"


offer_applet(Library)
''',
        "Only concrete class can be given",
        "Library has no 'tree': The declared files",
    ),
    "no key of the card": Wrong(
        '''
class Library(Files[FileState], CardKey[FileState]):
    """Signs, with nothing."""

    type_name = "library"
    tree = TREE


offer_applet(Library)
''',
        "Only concrete class can be given",
        "Library has no 'card_key': The file identifier of the key's EF",
    ),
    "a command without the state": Wrong(
        '''
class Library(Files[FileState]):
    """Lends."""

    type_name = "library"
    tree = TREE

    @command(0x10, proprietary=True)
    def lend(self, command: CommandApdu) -> ResponseApdu:
        return ResponseApdu()
''',
        'cannot be "Callable[[Library, CommandApdu], ResponseApdu]"',
        r"Library.lend answers proprietary INS 10 and is called with \(self, command, state\)",
    ),
    "a command that answers no response": Wrong(
        '''
class Library(Files[FileState]):
    """Lends."""

    type_name = "library"
    tree = TREE

    @command(0x10, proprietary=True)
    def lend(self, command: CommandApdu, state: FileState) -> bytes:
        return b""
''',
        'cannot be "Callable[[Library, CommandApdu, FileState], bytes]"',
        None,
    ),
    "an override that is no command": Wrong(
        '''
class Library(Files[FileState], Pins[FileState]):
    """Verifies in its own way."""

    type_name = "library"
    tree = TREE

    def verify(self, command: CommandApdu) -> ResponseApdu:
        return ResponseApdu()
''',
        'Signature of "verify" incompatible with supertype',
        r"Library.verify answers VERIFY and is called with \(self, command, state\)",
    ),
    "two methods for one instruction": Wrong(
        '''
class Library(Files[FileState]):
    """Lends in two ways."""

    type_name = "library"
    tree = TREE

    @command(0x10, proprietary=True)
    def lend(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        return ResponseApdu()

    @command(0x10, proprietary=True)
    def take_back(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        return ResponseApdu()
''',
        None,
        "Library: both Library.lend and Library.take_back are there for proprietary INS 10",
    ),
    "an instruction that a feature has": Wrong(
        '''
class Library(Files[FileState], Pins[FileState]):
    """Verifies in its own way."""

    type_name = "library"
    tree = TREE

    @command(Ins.VERIFY)
    def check(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        return ResponseApdu()
''',
        None,
        "Library: both Pins.verify and Library.check are there for VERIFY; override both",
    ),
    "two features with one instruction": Wrong(
        '''
class Library(Jicsap[FileState], Signing[FileState], CardKey[FileState]):
    """Signs with the holder's key and with the card's."""

    type_name = "library"
    tree = TREE
    card_key = 0x0007
''',
        None,
        "Library: both Signing.compute_signature and CardKey.compute_signature are there for",
    ),
    "without something that it never had": Wrong(
        '''
class Library(Files[FileState], without=(Pins.verify,)):
    """Has no PIN anyway."""

    type_name = "library"
    tree = TREE
''',
        None,
        "Library: without=Pins.verify is no command of its bases",
    ),
    "without something that nobody has": Wrong(
        '''
class Library(Files[FileState], without=(Files.verify,)):
    """Has no PIN anyway."""

    type_name = "library"
    tree = TREE
''',
        'has no attribute "verify"',
        "type object 'Files' has no attribute 'verify'",
    ),
    "a part of an instruction for another wish": Wrong(
        '''
class Library(Privacy[PrivacyState]):
    """Names its key."""

    type_name = "library"
    tree = TREE

    @environment(commands.SetKey)
    def name_key(self, wanted: commands.SetChip, state: PrivacyState) -> None: ...
''',
        "has incompatible type",
        None,
    ),
    "a state that all cards share": Wrong(
        '''
class ListState(FileState):
    """Keeps a list."""

    borrowers: list[bytes] = []
''',
        None,
        "ListState.borrowers is one list for all cards",
    ),
    "features without a state": Wrong(
        '''
class Library(Files, Pins):
    """Says no state."""

    type_name = "library"
    tree = TREE
''',
        'Missing type arguments for generic type "Files"',
        None,  # it is what the features work on
    ),
}
