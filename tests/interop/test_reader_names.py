"""Two readers of one model whose name is beyond ASCII, through pcscd: each is found and used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jukicard import issue_card
from jukicard.transport.ccid.place import reader_entry
from jukicard.transport.ccid.serial import SerialReader
from jukihost import AmbiguousReader, NoCard
from tests.support.interop.ccid import CcidDaemon, missing_parts
from tests.support.interop.missing import require
from tests.support.interop.pad_holder import Holder

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("ccid")]
NAME = "窓口の読取機"
FIRST, SECOND = f"{NAME} 00 00", f"{NAME} 01 00"


@pytest.fixture(scope="module")
def holder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holder]:
    require("reader driver", missing_parts())
    folder = tmp_path_factory.mktemp("names")
    links = [str(folder / "first"), str(folder / "second")]
    entries = "".join(
        reader_entry(NAME, link, "GemPCTwin", channel) for channel, link in enumerate(links)
    )
    cards = [issue_card("juki-v1", seed=1), None]
    with (
        SerialReader(cards[0], links[0]),
        SerialReader(cards[1], links[1]),
        CcidDaemon(folder, {NAME: entries}) as daemon,
    ):
        made = Holder(daemon.socket)
        try:
            yield made
        finally:
            made.close()


def test_they_are_listed_with_and_without_a_card(holder: Holder) -> None:
    assert holder.readers() == [(0, FIRST, True), (1, SECOND, False)]
    said = subprocess.run(
        [sys.executable, "-m", "jukihost", "readers", "--json"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PCSCLITE_CSOCK_NAME": holder.socket},
        capture_output=True,
        check=True,
    )
    assert [one["name"] for one in json.loads(said.stdout)] == [FIRST, SECOND]


@pytest.mark.parametrize("wanted", [0, FIRST, "00 00"])
def test_one_is_used_by_index_name_or_part(holder: Holder, wanted: int | str) -> None:
    [step] = holder.at(wanted, "JukiSession", ("pin_retries",))
    assert step.words == "3"


def test_what_both_have_in_common_names_neither(holder: Holder) -> None:
    with pytest.raises(AmbiguousReader, match=f"{FIRST}, 1: {SECOND}"):
        holder.at("窓口", "JukiSession")
    with pytest.raises(NoCard, match=SECOND):
        holder.at(SECOND, "JukiSession", wait=0)
