"""The terminal's side: which seal is registered, and since when."""

from datetime import date, datetime
from typing import NamedTuple

from jukihost import MunicipalSession
from sealregistration import AID, PIN, REGISTRATION, SIZE


class Registration(NamedTuple):
    """A registered seal: the number of its registration card (eight digits), and since when."""

    number: str
    since: date


class SealSession(MunicipalSession):
    """A conversation with the seal registration: prove a purpose, at a kiosk the PIN behind it."""

    AID, PIN = AID, PIN

    def registration(self) -> Registration | None:
        """Return what is registered, None for nothing. SecurityStatusNotSatisfied."""
        content = self.read_binary(REGISTRATION, SIZE)
        if content == b"\xff" * SIZE:
            return None
        text = content.decode("ascii")
        return Registration(text[:8], datetime.strptime(text[8:], "%Y%m%d").date())

    def register(self, registration: Registration) -> None:
        """Write a registration, at the desk. ValueError, SecurityStatusNotSatisfied."""
        number = registration.number
        if len(number) != 8 or not (number.isascii() and number.isdigit()):
            raise ValueError("a registration's number has eight digits")
        self.write(REGISTRATION, f"{number}{registration.since:%Y%m%d}".encode())

    def abolish(self) -> None:
        """Take the registration off, at the desk. SecurityStatusNotSatisfied."""
        self.write(REGISTRATION, b"\xff" * SIZE)
