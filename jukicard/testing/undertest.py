"""A card in a test: the card, a reader with it in, an address to serve it at, and what was said."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from typing import Final

from jukicard.apdu.trace.record import HAZARD, POWER
from jukicard.apdu.trace.redaction import observed, parse_or_none
from jukicard.memory import PowerLoss
from jukicard.runtime.card import Card
from jukicard.testing.expectations import Expectation, Expectations, Sent
from jukicard.testing.hazardous import HazardousCard
from jukicard.testing.hazards import Hazard
from jukicard.testing.journal import Journal
from jukicard.testing.probe import state_of
from jukicard.testing.recording import POWER_OFF, PUT_BACK, recording_of
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.tcp import TcpServer
from jukicard.transport.vpcd import VpcdServer

_HERE: Final = "127.0.0.1"


class CardInTest:
    """What the fixture `juki_card` is. Fits CardPort, so any reader takes it as a card.

    card: the card itself, as it would be without a test.
    today: a day that the terminal's clock may show; past its end for a card that has expired.
    record: keep the whole session in `recording`, with the card as it is now.
    """

    def __init__(
        self,
        card: Card,
        *,
        today: datetime.date,
        state: str = "issued",
        seed: object = None,
        record: bool = False,
    ) -> None:
        self.card = card
        self.today = today
        self._state = state
        self._seed = seed
        title = f"{card.profile}, state {state}, seed {seed!r}"
        self.recording = recording_of(card, title, today) if record else None
        """All that was said, with every secret, where that was asked for."""
        self._journal = Journal(self.recording)
        self._expected = Expectations()
        self._line = HazardousCard(card, on_hazard=self._journal.happened)
        self._before = card.snapshot()
        self._unsubscribe = card.subscribe(self._journal.hear)
        self._reader: LocalReader | None = None
        self._server: TcpServer | None = None
        self._vpcd: VpcdServer | None = None

    def __repr__(self) -> str:
        return f"<CardInTest {self.card.profile} {self._state}, seed {self._seed!r}>"

    # -- ways to it --------------------------------------------------------------------------------

    @property
    def reader(self) -> LocalReader:
        """A reader in this process with the card in it, not open yet; the same one each time."""
        if self._reader is None:
            self._reader = LocalReader(self, description=f"{self.card.profile} in this test")
        return self._reader

    def serve(self) -> tuple[str, int]:
        """Serve the card over TCP on a free port of this machine; return host and port."""
        if self._server is None:
            self._server = TcpServer(self, on_status=_quiet)
            self._server.start()
        return self._server.host, self._server.port

    def serve_vpcd(self) -> tuple[str, int]:
        """Wait for a virtual reader that dials, on a free port; return host and port."""
        if self._vpcd is None:
            self._vpcd = VpcdServer([self], _HERE, 0, listen=True, on_status=_quiet)
            self._vpcd.start()
        host, _, port = self._vpcd.slots[0].address.rpartition(":")
        return host, int(port)

    @contextlib.contextmanager
    def dial_vpcd(self, host: str, port: int) -> Iterator[None]:
        """Be in the virtual reader that listens there, for the length of a `with` block."""
        with VpcdServer([self], host, port, on_status=_quiet):
            yield

    # -- what happens to it ------------------------------------------------------------------------

    def hazard(self, *hazards: Hazard) -> None:
        """Have these happen to the card; they count from here on, each for itself."""
        self._line.add(*hazards)
        for hazard in reversed(hazards):  # the first is the outermost
            self._record(repr(hazard), HAZARD)

    def put_back(self) -> None:
        """Put the card back that was pulled out; the reader must be opened again."""
        self._line.put_back()
        self._record(PUT_BACK, POWER)

    @property
    def happened(self) -> tuple[Hazard, ...]:
        """The hazards that have come so far."""
        return self._line.happened

    # -- what is expected of the terminal ----------------------------------------------------------

    @property
    def expected(self) -> Expectations:
        """What the terminal must and must not do; looked at when the test is over."""
        return self._expected

    def expect(self, ins: int) -> Expectation:
        """Expect a command: `expect(Ins.VERIFY).once().before(Ins.READ_RECORD)`."""
        return self._expected.expect(ins)

    # -- what was said -----------------------------------------------------------------------------

    @property
    def trace(self) -> str:
        """What terminal and card have said, decoded, without secrets; the last 400 lines."""
        return self._journal.trace

    @property
    def refusals(self) -> tuple[str, ...]:
        """What the card has refused so far and why, a line each."""
        return self._journal.refusals

    @property
    def state(self) -> dict[str, str]:
        """The card's state now, in words: asked of a copy, so that nothing is sent to the card."""
        return state_of(self.card.snapshot())

    def report(self) -> str:
        """Return all that helps to understand a failure: no PIN, key or content is in it."""
        lines = [f"card: {self.card.profile}, state {self._state}, seed {self._seed!r}"]
        before, after = state_of(self._before), self._state_after()
        for name in {**before, **after}:
            was, now = before.get(name, "not told"), after.get(name, "not told")
            lines.append(f"  {name}: {was}" + ("" if was == now else f" -> {now}"))
        if self.refusals:
            lines += ["refused:", *(f"  {one}" for one in self.refusals)]
            lines += [f"  and {self._journal.left_out} more"] if self._journal.left_out else []
        said = [f"  {line}" for line in self.trace.splitlines()]
        return "\n".join([*lines, "said:", *(said or ["  nothing"])]) + "\n"

    def _state_after(self) -> dict[str, str]:
        try:
            return self.state
        except Exception as error:  # noqa: BLE001 - whatever became of the card, the report goes on
            return {"card": f"cannot be asked ({type(error).__name__})"}

    def close(self) -> None:
        """Close reader and server, and take the card's power; again does nothing."""
        if self._reader is not None:
            self._reader.close()
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._vpcd is not None:
            self._vpcd.close()
            self._vpcd = None
        self._unsubscribe()
        with contextlib.suppress(PowerLoss):
            self.card.power_off()

    # -- CardPort ----------------------------------------------------------------------------------

    @property
    def atr(self) -> bytes:
        """The card's answer to reset."""
        return self._line.atr

    def power_on(self) -> bytes:
        """Give power (cold reset) and return the ATR."""
        atr = self._line.power_on()
        self._journal.reset(atr)
        return atr

    def reset(self) -> bytes:
        """Reset (warm) and return the ATR."""
        atr = self._line.reset()
        self._journal.reset(atr)
        return atr

    def power_off(self) -> None:
        """Take the power away."""
        self._line.power_off()
        self._record(POWER_OFF, POWER)

    def _record(self, text: str, kind: str) -> None:
        if self.recording is not None:
            self.recording.comment(text, kind)

    def transmit(self, command: bytes, /) -> bytes:
        """Give a command to the card, through all that may happen on the way."""
        self._journal.command(observed(command))
        answer = b""
        try:
            answer = self._line.transmit(command)
        except BaseException as error:
            self._journal.broke_off(error)
            raise
        finally:
            self._note(command, answer)
        self._journal.response(observed(command, answer))
        return answer

    def _note(self, command: bytes, answer: bytes) -> None:
        """Note what was sent, for what is expected; a command that is none is not looked at."""
        parsed = parse_or_none(command)
        if parsed is not None:
            status = int.from_bytes(answer[-2:], "big") if len(answer) > 1 else None
            secure = parsed.cla.secure
            with_data = bool(parsed.data)
            self._expected.sent.append(Sent(parsed.ins, secure, with_data, status))


def _quiet(_: object) -> None:
    """Say nothing of what a slot reports."""
