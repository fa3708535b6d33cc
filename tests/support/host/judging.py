"""What the library and the verifier, which share no code, say of a disclosure: both, and alike."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature

from jukihost import ResidentCode
from jukihost.log import Disclosed, Disclosure, LogError
from tests.support.host.town import CODES, LOG_KEY, POLICY, WITNESS_KEY

VERIFIER = Path(__file__).parents[3] / "examples" / "verify_disclosure.py"
VERIFY: Callable[..., list[str]] = runpy.run_path(str(VERIFIER))["check"]
WRONG = (ValueError, LookupError, TypeError, AttributeError, InvalidSignature)


def judged(data: bytes, code: ResidentCode) -> Disclosed:
    """What both say that a disclosure shows. LogError when both refuse; they agree."""
    problem = None
    try:
        VERIFY(json.loads(data), code.reveal(), str(LOG_KEY), str(WITNESS_KEY))
    except WRONG as error:
        problem = error
    try:
        found = Disclosure.parse(data, code).check(code, POLICY)
    except LogError:
        assert problem is not None, "the verifier alone accepts it"
        raise
    assert problem is None, "the library alone accepts it"
    return found


def refused(data: bytes, code: ResidentCode = CODES[0]) -> str:
    with pytest.raises(LogError) as caught:
        judged(data, code)
    assert code.reveal() not in str(caught.value)
    return str(caught.value)
