"""What a test expects of a terminal: which commands it sends, how often, in which order, how.

Only instructions, protection and status words are looked at; no data is kept.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self

from jukicard.apdu.ins import Ins, ins_label

_WITH_PIN: Final = frozenset(
    {Ins.VERIFY, Ins.VERIFY_ODD, Ins.CHANGE_REFERENCE_DATA, Ins.RESET_RETRY_COUNTER, Ins.CHANGE_KEY}
)
_TRIES: Final = frozenset({Ins.VERIFY, Ins.VERIFY_ODD, Ins.CHANGE_REFERENCE_DATA})


class Sent(NamedTuple):
    """One command that a terminal sent: nothing of its data but whether there was any."""

    ins: int
    protected: bool
    with_data: bool
    status: int | None
    """What was answered, None for nothing."""


class Expectation:
    """How often a command must be sent, at least once unless told, and what it must come before."""

    def __init__(self, ins: int) -> None:
        self.ins = ins
        self._least = 1
        self._most: int | None = None
        self._before: list[int] = []

    def once(self) -> Self:
        """Exactly once."""
        return self.times(1)

    def never(self) -> Self:
        """Not at all."""
        return self.times(0)

    def times(self, count: int) -> Self:
        """Exactly `count` times."""
        self._least = self._most = count
        return self

    def before(self, ins: int) -> Self:
        """Its first must come before the first of another instruction, where that is sent."""
        self._before.append(ins)
        return self

    def problems(self, sent: list[Sent]) -> list[str]:
        """Return what is not as expected, in words; empty when all is."""
        order = [one.ins for one in sent]
        count, name = order.count(self.ins), ins_label(self.ins)
        found = []
        if count < self._least or (self._most is not None and count > self._most):
            wanted = "at least once" if self._most is None else f"{self._most} times"
            found.append(f"{name} was sent {count} times, expected: {wanted}")
        for other in self._before:
            if other in order and self.ins not in order[: order.index(other)]:
                found.append(f"{ins_label(other)} was sent without {name} before it")
        return found


class Expectations:
    """All that is expected of the terminal in front of one card."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self._each: list[Expectation] = []
        self._nothing_else = False
        self._no_pin_in_plain = False
        self._tries: int | None = None
        self._protected_from: int | None = None

    def expect(self, ins: int) -> Expectation:
        """Expect a command; say more of it on what is returned."""
        self._each.append(Expectation(ins))
        return self._each[-1]

    def nothing_else(self) -> None:
        """Expect no command but those of `expect`, and SELECT."""
        self._nothing_else = True

    def no_pin_in_plain(self) -> None:
        """Expect every command with a PIN under secure messaging."""
        self._no_pin_in_plain = True

    def tries(self, at_most: int) -> None:
        """Expect no more wrong PINs than this."""
        self._tries = at_most

    def protected_from_here(self) -> None:
        """Expect secure messaging for every command from here on but SELECT, which may end it."""
        self._protected_from = len(self.sent)

    def problems(self) -> list[str]:
        """Return what is not as expected so far, a sentence each."""
        found = [problem for one in self._each for problem in one.problems(self.sent)]
        if self._nothing_else:
            known = {one.ins for one in self._each} | {Ins.SELECT}
            others = dict.fromkeys(one.ins for one in self.sent if one.ins not in known)
            found += [f"{ins_label(ins)} was sent, expected: nothing else" for ins in others]
        if self._no_pin_in_plain:
            plain = [one for one in self.sent if _has_pin(one) and not one.protected]
            found += [f"{ins_label(one.ins)} carried a PIN in plain" for one in plain]
        used = sum(_is_wrong_pin(one) for one in self.sent)
        if self._tries is not None and used > self._tries:
            found.append(f"{used} wrong PINs were sent, expected: at most {self._tries}")
        if self._protected_from is not None:
            after = self.sent[self._protected_from :]
            plain = [one for one in after if not one.protected and one.ins != Ins.SELECT]
            found += [f"{ins_label(one.ins)} was sent without secure messaging" for one in plain]
        return found


def _has_pin(sent: Sent) -> bool:
    return sent.ins in _WITH_PIN and sent.with_data


def _is_wrong_pin(sent: Sent) -> bool:
    return sent.ins in _TRIES and sent.with_data and (sent.status or 0) & 0xFFF0 == 0x63C0
