"""Foreign data, spoiled in every way that is thought of: refused in words, or taken as it is.

No exception that is not the package's own, nothing lost or changed in silence, no input that takes
long. Each kind gets a second's work or two; the long run two hundred times as much. A failure names
the target, the number of the case, and the input in hexadecimal digits: `Target.one` takes it.
"""

from __future__ import annotations

import warnings
from typing import Final

import pytest
from cryptography import x509

from tests.fuzz.foreign import (
    cardtargets,
    clitargets,
    issuertargets,
    signingtargets,
    terminaltargets,
    x509targets,
)
from tests.fuzz.foreign.target import LONGEST, Found, Target
from tests.support.soak import times

TARGETS: Final = (
    *x509targets.TARGETS,
    *signingtargets.TARGETS,
    *terminaltargets.TARGETS,
    *issuertargets.TARGETS,
    *cardtargets.TARGETS,
    *clitargets.TARGETS,
)
MANY: Final = 20
"""How much more the long run takes."""
every_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@every_target
def test_whatever_comes_is_refused_in_words_or_taken_as_it_is(target: Target) -> None:
    for at, right in enumerate(target.right):
        end = target.one(right, right, f"right {at}")
        assert end in ("let in", "CertificateRevoked", "RevocationUnknown"), "it was right"
    ends = target.run(range(times(target.part, soak=target.part * MANY)))
    assert ends.total() >= target.part
    assert ends["let in"] < ends.total() or not target.refusals, "nothing was refused"


def test_no_two_targets_have_one_name() -> None:
    assert len({target.name for target in TARGETS}) == len(TARGETS)


def test_the_same_number_is_the_same_case() -> None:
    target = TARGETS[0]
    assert [target.case(number) for number in range(20)] == [
        target.case(number) for number in range(20)
    ]


# --- does it find anything? ---


def test_it_finds_what_the_library_raises() -> None:
    """Every exception that once came out, found from right certificates alone."""

    def careless(data: bytes, original: bytes) -> None:
        certificate = x509.load_der_x509_certificate(data)
        certificate.subject.rfc4514_string()
        list(certificate.extensions)
        certificate.public_key()

    right = x509targets.TARGETS[0]
    target = Target("careless", right.make, careless, (), right.kinds)
    found: set[str] = set()
    notes: list[tuple[int, str]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(8_000):
            try:
                target.run(range(number, number + 1))
            except Exception as error:  # noqa: BLE001 - all of them are what is looked for
                found.add(type(error).__name__)
                notes.append((number, error.__notes__[0]))
    assert all(note.startswith(f"careless, case {number}: ") for number, note in notes)
    assert found >= {
        "InvalidVersion",
        "DuplicateExtension",
        "UnsupportedGeneralNameType",
        "UnsupportedAlgorithm",
        "TypeError",
        "ValueError",
    }


def test_it_finds_what_is_lost() -> None:
    """A reader that takes the first certificate of a file is found out."""

    def first_only(data: bytes, original: bytes) -> None:
        x509.load_pem_x509_certificate(data)
        if data.count(b"-----BEGIN CERTIFICATE-----") > 1:
            raise Found("only the first was taken")

    right = x509targets.TARGETS[1]
    target = Target("first only", right.make, first_only, (ValueError,), right.kinds)
    with pytest.raises(Found, match="only the first was taken"):
        target.run(range(100))


def test_it_finds_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, LONGEST + 1])
    monkeypatch.setattr("tests.fuzz.foreign.target.time.process_time", lambda: next(clock))
    with pytest.raises(Found, match=r"11\.0 s for 61"):
        Target("slow", lambda: [b"a"], lambda *_: None, ()).one(b"a", b"a", "case 0")


def test_it_finds_a_refusal_without_words() -> None:
    def mute(data: bytes, original: bytes) -> None:
        raise ValueError

    with pytest.raises(Found, match="without a word"):
        Target("mute", lambda: [b"a"], mute, (ValueError,)).one(b"a", b"a", "case 0")
