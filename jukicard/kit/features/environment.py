"""Two instructions whose data says what they are for, so that several features share them.

MANAGE SECURITY ENVIRONMENT names what the next commands work with, GENERAL AUTHENTICATE is one step
of some authentication (ISO/IEC 7816-4:2020, 11.6.11, 11.6.5). A feature declares its own part, with
`environment` and `step`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins, ins_label
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv
from jukicard.errors import IsoError
from jukicard.kit import commands
from jukicard.kit.fileapplet import Dialogue, FileApplet, State
from jukicard.runtime.handlers import Table, command, declare

_ENVIRONMENTS: Final = Table("environments", ("wanted", "state"), lambda kind: f"{kind.__name__}")
_STEPS: Final = Table(
    "steps",
    ("parsed", "dialogue", "state"),
    lambda tag: "GENERAL AUTHENTICATE with " + ("no object" if tag is None else f"{tag:02X}"),
)
_Wanted = TypeVar("_Wanted", bound=commands.SecurityEnvironment)
_Environment: TypeAlias = Callable[[Any, _Wanted, Any], None]
_Step = TypeVar(
    "_Step",
    bound=Callable[[Any, commands.GeneralAuthenticate, Dialogue | None, Any], ResponseApdu],
)


def environment(wanted: type[_Wanted]) -> Callable[[_Environment[_Wanted]], _Environment[_Wanted]]:
    """Declare the method that sets what this form of MANAGE SECURITY ENVIRONMENT names."""
    return declare(_ENVIRONMENTS, wanted)


def step(*tags: int | None) -> Callable[[_Step], _Step]:
    """Declare the method for GENERAL AUTHENTICATE with one of these objects; None: with none.

    It is given the dialogue that was under way, which is over unless the method begins it again.
    """
    return declare(_STEPS, *tags)


class Environments(FileApplet[State]):
    """The two instructions, and what the features that share them ask of each other."""

    environments: Final[Mapping[type, _Environment[Any]]] = {}
    """What `environment` has declared."""
    steps: Final[Mapping[int | None, Callable[..., ResponseApdu]]] = {}
    """What `step` has declared."""

    @command(Ins.MANAGE_SECURITY_ENVIRONMENT)
    def manage_security_environment(self, command: CommandApdu, state: State) -> ResponseApdu:
        """MSE: SET; IsoError 6A81 for an environment that no feature of the application has."""
        wanted = commands.parse_manage_security_environment(command)
        handler = self.environments.get(type(wanted))
        if handler is None:
            raise IsoError(
                StatusWord.FUNCTION_NOT_SUPPORTED,
                f"MANAGE SECURITY ENVIRONMENT: {type(wanted).__name__} is nothing known here",
            )
        handler(self, wanted, state)
        return ResponseApdu()

    @command(Ins.GENERAL_AUTHENTICATE)
    def general_authenticate(self, command: CommandApdu, state: State) -> ResponseApdu:
        """GENERAL AUTHENTICATE: a step of the feature whose object it brings; IsoError 6A80."""
        dialogue, state.dialogue = state.dialogue, None
        parsed = commands.parse_general_authenticate(command)
        handler = self.steps.get(parsed.tag)
        if handler is None:
            raise IsoError(
                StatusWord.INCORRECT_DATA, "GENERAL AUTHENTICATE: no such authentication here"
            )
        answer: ResponseApdu = handler(self, parsed, dialogue, state)
        return answer

    def authorities(self) -> Iterable[Tlv]:
        """Return the names of those whose certificates are accepted, 87 and 88; here none are."""
        return ()


def nothing_proven(ins: Ins) -> IsoError:
    """Return the one refusal of an authentication that did not hold: 6300."""
    return IsoError(StatusWord.AUTHENTICATION_FAILED, f"{ins_label(ins)}: nothing was proven")
