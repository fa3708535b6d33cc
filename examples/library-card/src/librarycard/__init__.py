"""A library card without a PIN: the application, its terminal's side, and what both agree on."""

from enum import IntEnum

from jukicard.apdu import Aid

AID = Aid("F04C494252415259")  # F0, then LIBRARY
RECORD_SIZE = 18  # book number (10 digits), due date (YYYYMMDD), in ASCII; zeros: free
NO_PIN = "what is lent is no secret, and only the library writes"


class LibraryPurpose(IntEnum):
    """The systems that write, by the number of their key in the application."""

    LIBRARY = 1
