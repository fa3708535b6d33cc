"""A stand-in for PC/SC whose calls do not return while they are stuck."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.host.fake_scard import FakeScard


@dataclass
class BlockingScard(FakeScard):
    """`stuck(name)` keeps the calls of that name from returning, as another program would."""

    gates: dict[str, threading.Event] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    """The calls that are kept, or were."""

    @contextmanager
    def stuck(self, name: str) -> Iterator[None]:
        """Keep the calls of `name` for the length of a block."""
        self.gates[name] = gate = threading.Event()
        try:
            yield
        finally:
            gate.set()

    def _result(self, name: str, *details: Any) -> int:
        gate = self.gates.get(name)
        if gate is not None:
            self.kept.append(name)
            assert gate.wait(60)
        return super()._result(name, *details)
