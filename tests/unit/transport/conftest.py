"""Fixtures of the transport tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.readers.echo_card import EchoCard
from tests.support.readers.vpcd_driver import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench([EchoCard()])
    with bench.listener, bench.server:
        yield bench


@pytest.fixture
def watched() -> Iterator[Bench]:
    bench = Bench([EchoCard()], watchdog=0.2)
    with bench.listener, bench.server:
        yield bench
