"""Keeps a card with points for later versions of them: `points_state.py FOLDER`, once a version.

Run with the version installed that is to be kept; a folder that exists is never written to.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jukicard import LocalReader, create_card, issue_card
from jukihost import PinRejected, PublishedKeys, build_channel
from pointscard import PointsPurpose
from pointscard.host import PointsSession


def main(folder: str) -> None:
    """Make the card, let it be used, and write it down with what a terminal finds on it."""
    place = Path(folder)
    place.mkdir(parents=True)
    card = issue_card("juki-v1", seed=1, applications=["town-points"], pins={"points": "4711"})
    with LocalReader(card) as connection:
        for purpose, bookings in (
            (PointsPurpose.POINTS_CREDIT, (300, 7)),
            (PointsPurpose.POINTS_DEBIT, (-100, -20)),
            (PointsPurpose.POINTS_CREDIT, range(1, 11)),
        ):
            with PointsSession(build_channel(connection)) as points:
                points.authenticate(purpose, PublishedKeys())
                points.verify_pin("4711")
                for change in bookings:
                    (points.credit if change > 0 else points.debit)(abs(change))
        with PointsSession(build_channel(connection)) as points:
            points.verify_pin("4711")
            found: dict[str, object] = {"balance": points.balance(), "log": points.log()}
            try:
                points.verify_pin("0000")
            except PinRejected as refused:
                found["tries"] = refused.retries_left
    (place / "card.json").write_text(json.dumps(found) + "\n", "ascii")
    snapshot = card.snapshot()
    (place / "card.card").write_bytes(snapshot.export_with_keys())
    create_card(place / "card.juki", "card", snapshot)


if __name__ == "__main__":
    main(sys.argv[1])
