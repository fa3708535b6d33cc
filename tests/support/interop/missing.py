"""What to do when a test needs a part of the system that is not there: skip, or fail where it must.

With JUKICARD_REQUIRE_INTEROP=1 such a test fails: where it ought to run, a skip would hide that it
did not.
"""

from __future__ import annotations

import os

import pytest


def require(subject: str, missing: list[str]) -> None:
    """Return when nothing is missing; otherwise skip the test, or fail it where it must run."""
    if not missing:
        return
    said = f"no {subject}, this is missing: {', '.join(missing)}"
    if os.environ.get("JUKICARD_REQUIRE_INTEROP") == "1":
        pytest.fail(said)
    pytest.skip(said)
