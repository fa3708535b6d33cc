"""Draws resident record codes: at random, so that nobody chooses one, and nothing shows in it."""

from __future__ import annotations

import secrets
from typing import Final

from jukihost.models import ResidentCode, check_digit

_BODIES: Final = 10**10


def draw_code() -> ResidentCode:
    """Return a code whose ten digits the operating system has drawn, with its check digit.

    Whether it is another's already the register says where it is entered (`ResidentExists`): draw
    again then.
    """
    body = f"{secrets.randbelow(_BODIES):010}"
    return ResidentCode(f"{body}{check_digit(body)}")
