"""PINs: verified, changed and unblocked (ISO/IEC 7816-4:2020, 11.6.6, 11.6.7, 11.6.10)."""

from __future__ import annotations

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.filesystem.files import EfNode
from jukicard.kit import commands
from jukicard.kit.fileapplet import FileApplet, State, describes
from jukicard.kit.pin import PinFile, PinStore
from jukicard.runtime.applet import AppletContext
from jukicard.runtime.handlers import command


class Pins(FileApplet[State]):
    """The PINs declared in the tree as `PinFile`; `pins` keeps their values and counters."""

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.pins = PinStore(self.files, context.options.blocked_status, self.tries_changed)
        self._lenient = context.options.lenient_verify

    def store(self, file: int, value: bytes) -> None:
        """Set a PIN too, as the issuer asks after issue."""
        ef = self.tree.root.efs.get(file)
        if ef is None or not isinstance(ef.spec, PinFile):
            super().store(file, value)
        else:
            self.pins.set_value(ef, value)

    @command(Ins.VERIFY)
    def verify(self, command: CommandApdu, state: State) -> ResponseApdu:
        """VERIFY: compare a PIN, or tell how many tries are left."""
        parsed = commands.parse_verify(command, lenient=self._lenient)
        if isinstance(parsed, commands.VerifyQuery):
            self.pins.query(state, parsed.pin)
        self.pins.verify(state, parsed.pin, parsed.value)
        return ResponseApdu()

    @command(Ins.CHANGE_REFERENCE_DATA)
    def change_reference_data(self, command: CommandApdu, state: State) -> ResponseApdu:
        """CHANGE REFERENCE DATA in its ISO forms."""
        return self.change_pin(
            commands.parse_change_reference_data(command), state, "CHANGE REFERENCE DATA"
        )

    def change_pin(
        self, parsed: commands.ChangeReferenceData, state: State, name: str
    ) -> ResponseApdu:
        """Set a new PIN as a command, called `name` in its refusals, asks for it."""
        self.pins.change(state, parsed.pin, parsed.value, with_old=parsed.with_old, name=name)
        return ResponseApdu()

    @command(Ins.RESET_RETRY_COUNTER)
    def reset_retry_counter(self, command: CommandApdu, state: State) -> ResponseApdu:
        """RESET RETRY COUNTER: unblock a PIN, with a resetting code or under its condition."""
        parsed = commands.parse_reset_retry_counter(command)
        self.pins.reset(
            state,
            parsed.pin,
            parsed.data,
            with_code=parsed.with_code,
            with_new=parsed.with_new,
        )
        return ResponseApdu()

    def refused(self, command: CommandApdu, state: State) -> None:
        """Forget that a PIN was verified whose value comes with a command the state refuses.

        VERIFY with data, and CHANGE REFERENCE DATA with the present value (docs/card.md).
        """
        super().refused(command, state)
        ef = commands.pin_of_present_value(command, state)
        spec = None if ef is None else ef.spec
        if isinstance(spec, PinFile) and (command.ins == Ins.VERIFY or spec.has_present_value):
            state.security.verified.discard(spec.fid)

    @describes(PinFile)
    def describe_pin(self, ef: EfNode, spec: PinFile) -> str:
        """Say how many tries a PIN has left, never its value."""
        left = self.pins.tries_left(ef)
        return f"PIN, {left} of {spec.tries} tries left" if left else "PIN, blocked"
