"""Which kiosk the suite tests: the command line names it."""

from __future__ import annotations

import importlib

import pytest

from jukihost import BaseConnection
from tests.samples.kiosk import Kiosk


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the command line say which: module:class."""
    parser.addoption("--kiosk", default="tests.samples.kiosk:Kiosk")


@pytest.fixture
def kiosk(request: pytest.FixtureRequest, juki_reader: BaseConnection) -> Kiosk:
    """The kiosk before a reader, into which the card of the test was put."""
    module, _, name = request.config.getoption("--kiosk").partition(":")
    made: Kiosk = getattr(importlib.import_module(module), name)(juki_reader)
    made.put_in()
    return made
