"""Mistakes of whoever typed the command: told in one sentence, without a traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class UserError(Exception):
    """A mistake outside this program; the text is for whoever typed the command."""


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn the refusals that say what to do into UserError; bugs keep their traceback."""
    from jukicard.memory import ImageError, MemoryFailureError
    from jukicard.profiles import ProfileError
    from jukicard.runtime.registry import UnknownAppletError
    from jukicard.transport.address import AddressRefused

    try:
        yield
    except (ImageError, MemoryFailureError, ProfileError, UnknownAppletError) as error:
        raise UserError(str(error)) from None
    except AddressRefused as error:
        raise UserError(f"{error} with --allow-remote") from None
