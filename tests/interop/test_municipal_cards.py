"""The examples' points and seal cards in the reader of a real pcscd, served from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples import test_points_card, test_seal_registration
from tests.examples.conftest import installed, run
from tests.support.interop.pcscd import Pcscd
from tests.support.interop.served import Serve

__all__ = ["installed"]


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        (test_points_card.SCENE, "credited, spent, refused, unblocked"),
        (test_seal_registration.SCENE, "registered, shown, abolished"),
    ],
    ids=["points", "seal"],
)
def test_its_story_is_the_same_over_pcsc(
    pcscd: Pcscd,
    serve: Serve,
    installed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scene: str,
    said: str,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(installed))
    image = str(tmp_path / "card.juki")
    run(installed, scene, "file", image)
    serve("--image", image)
    pcscd.wait_for_card()
    assert said in run(installed, scene, "reader")
