"""Mistakes of whoever typed the command: told in one sentence, without a traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import ClassVar, Final

FAILED: Final = 1
"""Exit code: it could not be done, and one sentence on standard error says why."""

NOT_UNDERSTOOD: Final = 2
"""Exit code: the command line asks for what cannot be; nothing was done."""

INTERRUPTED: Final = 130
"""Exit code: ended by Ctrl-C, as shells tell it (128 and the number of the signal)."""


class UserError(Exception):
    """A mistake outside this program; the text is for whoever typed the command."""

    code: ClassVar[int] = FAILED


class UsageProblem(UserError):
    """The command line itself is the mistake: the same words will never do."""

    code: ClassVar[int] = NOT_UNDERSTOOD


def was_interrupted(error: BaseException) -> bool:
    """Say whether this is a Ctrl-C: Python 3.11 wraps one that comes while a class is made."""
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn the refusals that say what to do into UserError; bugs keep their traceback."""
    from jukicard.apdu.trace.record import TraceError
    from jukicard.memory import ImageError, MemoryFailureError
    from jukicard.profiles import ProfileError
    from jukicard.runtime.kinds import UnknownAppletError
    from jukicard.transport.address import AddressRefused

    try:
        yield
    except ProfileError as error:
        raise UsageProblem(str(error)) from None
    except (ImageError, MemoryFailureError, TraceError, UnknownAppletError) as error:
        raise UserError(str(error)) from None
    except AddressRefused as error:
        raise UsageProblem(f"{error} with --allow-remote") from None
