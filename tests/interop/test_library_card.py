"""The example's library card in the reader of a real pcscd, served from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.conftest import installed
from tests.examples.test_library_card import scene
from tests.support.interop.pcscd import Pcscd
from tests.support.interop.served import Serve

__all__ = ["installed"]


def test_it_is_lent_and_given_back_over_pcsc(
    pcscd: Pcscd, serve: Serve, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(installed))
    image = tmp_path / "card.juki"
    scene(installed, "file", str(tmp_path), str(image))
    serve("--image", str(image))
    pcscd.wait_for_card()
    assert "lent, read by a stranger, given back" in scene(installed, "reader", str(tmp_path))
