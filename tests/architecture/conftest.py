"""Puts the packages under `examples/` at hand: some promises are shown by them."""

from __future__ import annotations

import tests.support.cards.towns  # noqa: F401
