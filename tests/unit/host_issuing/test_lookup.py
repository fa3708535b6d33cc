"""Authorities by name: what is there, what is missing, and packages that are broken."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from jukihost.issuing import (
    AuthorityAway,
    AuthorityBroken,
    AuthorityMissing,
    certify,
    find_authority,
    find_signer,
    list_authorities,
    list_signers,
    lookup,
)
from tests.unit.host_issuing.orders import order


def fails(_: object) -> None:
    """Stands for a package whose authority cannot be made."""
    raise RuntimeError("a stranger's words")


class Lacking:
    """Stands for a package of another version: there is no `crl`."""

    def __init__(self, _: object) -> None:
        pass

    def issue(self, _: object) -> bytes:
        return b""

    authority = revoke = release = revocation = issue


HERE = "tests.unit.host_issuing.test_lookup"


def offering(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    points = [metadata.EntryPoint("odd", value, lookup.AUTHORITIES) for value in values]
    monkeypatch.setattr(
        lookup,
        "entry_points",
        lambda group, name=None: [p for p in points if name in (None, p.name)],
    )


def test_the_test_authorities_are_found_by_name(tmp_path: Path) -> None:
    assert "test" in list_authorities()
    register = tmp_path / "register"
    issued = certify(find_authority("test", register), order(1))
    assert certify(find_authority("test", register), order(1)) == issued
    assert certify(find_authority("test"), order(1)) != issued  # in memory: it knows nothing of it


def test_the_installed_group_names_what_the_project_declares() -> None:
    declared = metadata.distribution("jukicard").entry_points.select(group=lookup.AUTHORITIES)
    assert [point.value for point in declared] == [
        "jukicard.synthetic.pki.ordering:CertificateDesk"
    ]


def test_the_test_record_signer_is_found_by_name() -> None:
    assert "test" in list_signers()
    assert len(find_signer("test").certificate("13221")) == 568
    with pytest.raises(AuthorityMissing, match=r"'real'.*there is .*test.*recordsigners"):
        find_signer("real")


def test_one_that_is_not_there_is_refused_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(AuthorityMissing, match=r"'real'.*there is .*test.*jukihost.authorities"):
        find_authority("real")
    offering(monkeypatch)
    with pytest.raises(AuthorityMissing, match="there is none"):
        find_authority("real")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_package:Authority", "ModuleNotFoundError.*repair or update"),
        (f"{HERE}:NoSuchName", "AttributeError.*repair or update"),
        (f"{HERE}:fails", "RuntimeError.*repair or update"),
        (f"{HERE}:Lacking", "lacks crl"),
        (f"{HERE}:HERE", "TypeError"),
    ],
)
def test_a_broken_package_is_named(monkeypatch: pytest.MonkeyPatch, value: str, said: str) -> None:
    offering(monkeypatch, value)
    with pytest.raises(AuthorityBroken, match=said) as told:
        find_authority("odd")
    assert "stranger" not in str(told.value)


def test_a_register_that_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(AuthorityAway, match="register of certificates"):
        find_authority("test", tmp_path / "no" / "such" / "folder")
