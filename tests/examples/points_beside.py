"""A program that books points beside an application that fills the memory that all share.

The points card is installed from the command line, first with a share in that, then with memory of
its own: as much as any application has, and as much as is asked for.
"""

from __future__ import annotations

from jukicard import LocalReader, TcpServer, issue_card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.kit import Applet, BasicState, IsoError
from jukicard.runtime.kinds import offer_applet
from jukihost import CardFull, PublishedKeys, build_channel, cli
from pointscard import AID, PointsPurpose
from pointscard.host import PointsSession

GREEDY = Aid("F047524545445901")
NONE, MORE = (["--reserve", size] for size in ("0", "4096"))
BOOKINGS = 25


class Greedy(Applet[BasicState]):
    """Takes all the memory that it gets, down to the last byte."""

    type_name = "test-greedy"

    @classmethod
    def usual_aid(cls, _: object) -> Aid:
        """The name it is installed by."""
        return GREEDY

    def new_state(self) -> BasicState:
        """Nothing is remembered of a session."""
        return BasicState()

    def select(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        """Say nothing."""
        return ResponseApdu()

    def process(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        """Fill, at any command."""
        size, kept = 1 << 16, 0
        while size:
            try:
                self.context.memory.put(f"k{kept}", bytes(size))
                kept += 1
            except IsoError:
                size //= 2
        assert kept
        return ResponseApdu()


offer_applet(Greedy)


def administer(server: TcpServer, *arguments: str) -> None:
    """Do something as the card's issuer, from the command line."""
    where = ["--test-keys", "--tcp", f"{server.host}:{server.port}"]
    assert cli.main(["issuer", *arguments, *where]) == 0


def credit(points: PointsSession, times: int) -> None:
    """Credit one point, several times."""
    points.authenticate(PointsPurpose.POINTS_CREDIT, PublishedKeys())
    for _ in range(times):
        points.credit(1)


def main() -> None:
    """Book beside it, in vain and then with memory of its own."""
    card = issue_card("juki-v1", seed=1)
    for reserve in (NONE, [], MORE):
        with TcpServer(card) as server:
            administer(server, "install", str(AID), *reserve)
            administer(server, "personalise", str(AID), "--card-number")
            key = f"{PointsPurpose.POINTS_CREDIT.name}={PointsPurpose.POINTS_CREDIT}"
            new = ["--purpose", key, "--new-test-keys", "--new-version", "1"]
            administer(server, "put-key", "--aid", str(AID), *new)
            administer(server, "install", str(GREEDY), *NONE)
        with LocalReader(card) as reader:
            for apdu in (f"00A4040C08{GREEDY}", "80100000"):
                assert reader.transmit(bytes.fromhex(apdu)) == b"\x90\x00"
            with PointsSession(build_channel(reader)) as points:
                try:
                    credit(points, BOOKINGS)
                except CardFull:
                    assert reserve is NONE
                else:
                    assert reserve is not NONE, "the neighbour left something"
                    assert points.balance() == BOOKINGS
        with TcpServer(card) as server:
            for aid in (AID, GREEDY):
                administer(server, "delete", str(aid), "--yes")
    print("no room beside it, all booked with memory of its own")


if __name__ == "__main__":
    main()
