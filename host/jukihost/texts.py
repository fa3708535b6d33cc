"""What is said to people, in their language: gettext catalogues, Japanese beside the English."""

from __future__ import annotations

import gettext
from functools import cache
from importlib.resources import files
from typing import Final

DOMAIN: Final = "jukihost"
_ERROR: Final = "error"
"""The context of the catalogue's entries that say what an error means, by its code."""


@cache
def catalogue(language: str | None = None) -> gettext.NullTranslations:
    """Return the catalogue of a language, or of the one that LANGUAGE, LC_ALL, LANG name."""
    languages = None if language is None else [language]
    return gettext.translation(
        DOMAIN, str(files("jukihost") / "locale"), languages=languages, fallback=True
    )


def said(text: str, language: str | None = None) -> str:
    """Return a text in the language of who reads it; as it is where there is none."""
    return catalogue(language).gettext(text)


def said_of_error(code: str, language: str | None = None) -> str | None:
    """Return what an error means in a language, None where there is only the error's own text."""
    found = catalogue(language).pgettext(_ERROR, code)
    return None if found == code else found
