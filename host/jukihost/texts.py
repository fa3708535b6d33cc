"""What is said to people, in their language: gettext catalogues, Japanese beside the English."""

from __future__ import annotations

import gettext
import re
from functools import cache
from importlib.resources import files
from typing import Final

DOMAIN: Final = "jukihost"
_ERROR: Final = "error"
"""The context of the catalogue's entries that say what an error means, by its code."""

_WORD: Final = "word"
"""The context of the entries that name items of results, and their fixed words."""

_USAGE: Final = "usage"
"""The context of the entries that say what is wrong with arguments and files: `{}` is anything."""


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


def said_of_word(word: str, language: str | None = None) -> str:
    """Return the name of an item of a result, or one of its fixed words, in a language."""
    found = catalogue(language).pgettext(_WORD, word)
    return word.replace("_", " ") if found == word else found


def said_of_error(code: str, language: str | None = None) -> str | None:
    """Return what an error means in a language, None where there is only the error's own text."""
    found = catalogue(language).pgettext(_ERROR, code)
    return None if found == code else found


def said_of_usage(text: str, language: str | None = None) -> str | None:
    """Return what is wrong with arguments or files in a language, None where there are no words.

    What is filled into a text is said in that language too, where it is a text of its own.
    """
    for pattern, words in _forms(catalogue(language)):
        if found := pattern.fullmatch(text):
            first, *rest = words.split("{}")
            filled = (said_of_usage(part, language) or part for part in found.groups())
            return first + "".join(map("".join, zip(filled, rest, strict=True)))
    return None


@cache
def _forms(words_in: gettext.NullTranslations) -> list[tuple[re.Pattern[str], str]]:
    """Return the texts on usage with their words, those that leave the least open first."""
    entries = vars(words_in).get("_catalog", {})
    start = f"{_USAGE}\x04"
    texts = {
        key.removeprefix(start): words
        for key, words in entries.items()
        if isinstance(key, str) and key.startswith(start)
    }
    return [
        (re.compile("(.+?)".join(map(re.escape, text.split("{}"))), re.DOTALL), texts[text])
        for text in sorted(texts, key=lambda text: -len(text.replace("{}", "")))
    ]
