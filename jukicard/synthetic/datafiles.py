"""The data files shipped with the profiles: names, places, test keys, letters and faces."""

from __future__ import annotations

import json
import pkgutil
from functools import cache
from typing import Any


def load_bytes(name: str) -> bytes:
    """Return the contents of a file in `data/`, wherever the package is installed."""
    found = pkgutil.get_data("jukicard.synthetic", f"data/{name}")
    if found is None:
        raise FileNotFoundError(name)
    return found


@cache
def load_json(name: str) -> dict[str, Any]:
    """Return the object in a JSON file in `data/`. Read once; whoever has it leaves it as it is."""
    loaded: dict[str, Any] = json.loads(load_bytes(name))
    return loaded
