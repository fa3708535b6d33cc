"""The PIN pad of a test: keys at the times that the test says, and what the display showed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from jukicard.transport.ccid.keypad import PadKey, PinPrompt

_KEYS: Final = {"#": PadKey.OK, "*": PadKey.CLEAR, "<": PadKey.BACK, "!": PadKey.CANCEL} | {
    str(key.value): key for key in PadKey if key.value < 10
}


class Typing(NamedTuple):
    """What is typed in one entry, and when.

    keys: digits, and `#` OK, `*` CLEAR, `<` BACK, `!` CANCEL. After the last nothing comes.
    after, every: seconds before the first key and between keys.
    """

    keys: str
    after: float = 0.0
    every: float = 0.0

    def __repr__(self) -> str:
        return f"<Typing {len(self.keys)} keys>"


class ScriptedKeypad:
    """A key pad that types what it was told, one `Typing` for each entry in order.

    >>> pad = ScriptedKeypad("1234#")  # the PIN and OK
    >>> pad.type("1234#", Typing("56785678#", after=0.2), "!")  # cancelled at the third entry
    >>> pad.type("")  # never answers

    A plain text is typed at once. When nothing is left to type, nobody answers. `prompts` is what
    was asked, `shown` how many digits the display had after each key, `outcomes` how requests
    ended. ValueError for a key that no pad has.
    """

    def __init__(self, *typings: Typing | str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.prompts: list[PinPrompt] = []
        self.shown: list[int] = []
        self.outcomes: list[str] = []
        self._sleep = sleep
        self._left: deque[Typing] = deque()
        self._keys: deque[str] = deque()
        self._wait = self._every = 0.0
        self.type(*typings)

    def __repr__(self) -> str:
        return f"<ScriptedKeypad {len(self._left)} entries to come>"

    def type(self, *typings: Typing | str) -> None:
        """Type this in the entries that come after those told before."""
        made = [each if isinstance(each, Typing) else Typing(each) for each in typings]
        if any(key not in _KEYS for each in made for key in each.keys):
            raise ValueError("a pad has the keys 0 to 9, # (OK), * (CLEAR), < (BACK), ! (CANCEL)")
        self._left.extend(made)

    def begin(self, prompt: PinPrompt) -> None:
        """Begin the next entry."""
        self.prompts.append(prompt)
        typing = self._left.popleft() if self._left else Typing("")
        self._keys = deque(typing.keys)
        self._wait, self._every = typing.after, typing.every

    def key(self, seconds: float) -> PadKey | None:
        """Return the next key if it comes in that time."""
        late = not self._keys or self._wait > seconds
        self._sleep(seconds if late else self._wait)
        if late:
            self._wait -= seconds
            return None
        self._wait = self._every
        return _KEYS[self._keys.popleft()]

    def typed(self, count: int) -> None:
        """Remember what the display shows."""
        self.shown.append(count)

    def end(self, outcome: str) -> None:
        """Remember how it ended; keys that nobody took are gone."""
        self._keys.clear()
        self.outcomes.append(outcome)
