"""The desk of whoever serves cards by hand: pulls, inserts and resets them by typed commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from jukicard.transport import CardFault, CardNotPresent, CardPort, SlotState, SlotStatus
from jukicard.transport.serving import ServedSlot

HELP: Final = """\
remove [SLOT]   take the card out
insert [SLOT]   put it back
reset [SLOT]    reset the card behind the reader's back
status          show every slot
quit            end (so does the end of input)
SLOT counts from 0, the default."""

_WAITING: Final = (
    "no reader driver answers at {address} ({detail}); waiting "
    "(is pcscd with vsmartcard-vpcd running?)"
)
_MESSAGES: Final = {
    SlotState.CONNECTED: "{label} is in the reader at {address}",
    SlotState.LOST: "the reader at {address} is gone ({detail}); waiting for it",
    SlotState.INSERTED: "{label} inserted",
    SlotState.REMOVED: "{label} removed",
    SlotState.WORKING: "{label} still works on a command; waiting {detail} for its end",
    SlotState.FAULT: "{detail}; its power is off",
}


class Desk:
    """Knows which card belongs into which slot; says what happens through `say`, line by line."""

    def __init__(
        self, labels: Sequence[str], say: Callable[[str], None], *, waiting: str = _WAITING
    ) -> None:
        """`waiting` is what to say while no reader is there, with {address} and {detail}."""
        self.slots: Sequence[ServedSlot] = ()
        self._labels = labels
        self._say = say
        self._messages = {SlotState.WAITING: waiting, **_MESSAGES}
        self._removed: dict[int, CardPort] = {}

    def tell(self, status: SlotStatus) -> None:
        """Say what a slot reports; the status callback of the servers."""
        text = self._messages[status.state].format(
            label=self._labels[status.slot], address=status.address, detail=status.detail
        )
        self._say(f"slot {status.slot}: {text}")

    def run(self, lines: Iterable[str]) -> None:
        """Obey commands until `quit` or the end of the lines."""
        for line in lines:
            words = line.split()
            if words and not self.obey(*words):
                return

    def obey(self, command: str, *words: str) -> bool:
        """Obey one command; a mistake is said and changes nothing. False when it is `quit`."""
        if command == "quit":
            return False
        try:
            self._obey(command, self._slot(words))
        except (CardNotPresent, CardFault, RuntimeError, ValueError) as error:
            self._say(f"{command}: {error.told if isinstance(error, CardFault) else error}")
        return True

    def _slot(self, words: Sequence[str]) -> ServedSlot:
        text = words[0] if words else "0"
        if len(words) > 1 or not text.isdecimal() or int(text) >= len(self.slots):
            raise ValueError(
                f"there is no slot {' '.join(words)}; slots are 0 to {len(self.slots) - 1}"
            )
        return self.slots[int(text)]

    def _obey(self, command: str, slot: ServedSlot) -> None:
        match command:
            case "remove":
                self._removed[slot.index] = slot.remove()
            case "insert":
                if slot.index not in self._removed:
                    raise RuntimeError("the card is in the slot already")
                slot.insert(self._removed.pop(slot.index))
            case "reset":
                slot.reset()
                self._say(
                    f"slot {slot.index}: reset"
                    if slot.powered
                    else f"slot {slot.index}: the card has no power, nothing to reset"
                )
            case "status":
                for each in self.slots:
                    self._say(self._describe(each))
            case "help":
                self._say(HELP)
            case _:
                raise ValueError(f"unknown command; {HELP}")

    def _describe(self, slot: ServedSlot) -> str:
        card = self._labels[slot.index] if slot.occupied else "no card"
        reader = "connected" if slot.connected else "no reader"
        power = "power on" if slot.powered else "power off"
        return f"slot {slot.index} at {slot.address}: {card}, {reader}, {power}"
