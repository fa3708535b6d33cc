"""Why a file or a byte string is refused as a card's memory: one type, one sentence each."""

from __future__ import annotations

import errno
from enum import Enum


class ImageProblem(Enum):
    """What is wrong with an image, for programs; the sentence of `ImageError` is for people."""

    FOREIGN = "not made by jukicard"
    TRUNCATED = "its end is missing"
    DAMAGED = "its contents are not what was written"
    NEWER = "made by a newer version"
    EMPTY = "a file without any bytes"
    NO_SUCH_CARD = "the card is not in the file"
    CARD_EXISTS = "the card is in the file already"
    MISSING = "there is no such file"
    NOT_A_FILE = "a directory or a device"
    UNREADABLE = "the file may not be read"
    READ_ONLY = "the file may not be written"
    LOCKED = "another program is writing to it"


class ImageError(ValueError):
    """An image was refused, and left as it was. The text says what is wrong and what to do."""

    def __init__(self, problem: ImageProblem, sentence: str) -> None:
        super().__init__(problem, sentence)
        self.problem = problem

    def __str__(self) -> str:
        return str(self.args[1])


def damaged(what: object, how: str) -> ImageError:
    """Return the refusal of an image whose contents are not what was written."""
    return ImageError(ImageProblem.DAMAGED, f"{what} is damaged ({how}): use another copy of it")


def unreadable(path: object, error: OSError) -> ImageError:
    """Return the refusal of a file that the system does not let anybody read, or not us."""
    denied = error.errno in {errno.EACCES, errno.EPERM}
    advice = "ask its owner for access" if denied else "name another file"
    return ImageError(
        ImageProblem.UNREADABLE, f"{path} cannot be read ({error.strerror}): {advice}"
    )


def newer_format(what: str, found: int, known: int) -> ImageError:
    """Return the refusal of a format that a later release made."""
    return ImageError(
        ImageProblem.NEWER,
        f"{what} was made by a newer version (format {found}, this one reads up to {known}): "
        "upgrade jukicard",
    )
