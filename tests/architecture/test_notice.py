"""NOTICE names what an installation brings along, with the licence that each says it has."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Final

import pytest
from packaging.licenses import canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.distributions import everything
from tests.support.interop.missing import require

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WANTED: Final[dict[str, list[str]]] = {
    "base": PROJECT["dependencies"],
    **PROJECT["optional-dependencies"],
}
"""What the base and each extra ask for."""

ELSEWHERE: Final = [
    {
        "sys_platform": platform,
        "platform_system": system,
        "os_name": name,
        "python_version": version,
        "python_full_version": f"{version}.1",
    }
    for (platform, system, name), version in product(
        (("linux", "Linux", "posix"), ("win32", "Windows", "nt"), ("darwin", "Darwin", "posix")),
        ("3.11", "3.12", "3.13", "3.14"),
    )
]
"""The machines for which NOTICE must be whole, whichever this is."""

PERMISSIVE: Final = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "LicenseRef-Public-Domain",
        "MIT",
        "MIT-0",
        "PSF-2.0",
        "Unlicense",
        "Zlib",
    }
)
WEAKER_COPYLEFT: Final = frozenset(
    {
        "LGPL-2.0-or-later",
        "LGPL-2.1-or-later",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "MPL-2.0",
    }
)

SAID: Final[dict[str, frozenset[str]]] = {
    "Apache 2.0": frozenset({"Apache-2.0"}),
    "Apache License 2.0": frozenset({"Apache-2.0"}),
    "Apache Software License": frozenset({"Apache-2.0"}),
    "BSD 2-Clause License": frozenset({"BSD-2-Clause"}),
    "BSD": frozenset({"0BSD", "BSD-2-Clause", "BSD-3-Clause"}),
    "BSD License": frozenset({"0BSD", "BSD-2-Clause", "BSD-3-Clause"}),
    "GNU General Public License (GPL)": frozenset({"GPL-2.0-or-later", "GPL-3.0-or-later"}),
    "GNU Lesser General Public License v2 or later (LGPLv2+)": frozenset(
        {"LGPL-2.0-or-later", "LGPL-2.1-or-later"}
    ),
    "MIT License": frozenset({"MIT"}),
    "Mozilla Public License 2.0 (MPL 2.0)": frozenset({"MPL-2.0"}),
    "Public Domain": frozenset({"LicenseRef-Public-Domain"}),
    "Python Software Foundation License": frozenset({"PSF-2.0"}),
}
"""Words that older metadata has for licences: the identifiers that each may stand for."""

ROW: Final = re.compile(
    r" {4}(?P<name>\S+) {2,}(?P<licence>\S+(?: \S+)*)(?: {2,}(?P<where>on .+|with .+))?"
)


@cache
def notice() -> str:
    return (ROOT / "NOTICE").read_text("utf-8")


def paragraphs(part: str) -> tuple[str, str]:
    """The paragraph above the table of a part, and the table."""
    found = re.search(
        rf"(?:^|\n\n)([^\n]+(?:\n[^\n]+)*)\n\n\[{part}\]\n((?: {{4}}.+\n)+)", notice()
    )
    assert found, f"NOTICE has no table [{part}]"
    return found[1].replace("\n", " "), found[2]


@cache
def listed(part: str) -> dict[str, str]:
    """The licence of each distribution in a table, by canonical name."""
    found: dict[str, str] = {}
    for line in paragraphs(part)[1].splitlines():
        row = ROW.fullmatch(line)
        assert row, f"[{part}] has a line of another form: {line}"
        name = canonicalize_name(row["name"])
        assert name not in found, f"[{part}] names {name} twice"
        found[name] = row["licence"]
    return found


def brought(part: str, *, everywhere: bool) -> frozenset[str]:
    """What a part brings beyond the base: on this machine, or on any of those above."""
    found: set[str] = set()
    for environment in ELSEWHERE if everywhere else [None]:
        base = everything(map(Requirement, WANTED["base"]), environment)
        whole = everything(map(Requirement, WANTED[part]), environment)
        found |= whole if part == "base" else whole - base
    return frozenset(found)


def single(expression: str) -> frozenset[str]:
    """The licences that an expression names."""
    return frozenset(re.split(r" (?:AND|OR) ", re.sub(r"[()]", "", expression)))


def is_free_of_copyleft(expression: str) -> bool:
    """Whether somebody may choose permissive licences only."""
    return all(
        any(single(choice) <= PERMISSIVE for choice in each.split(" OR "))
        for each in re.sub(r"[()]", "", expression).split(" AND ")
    )


def says(name: str) -> list[frozenset[str]]:
    """What a distribution says of its licence: each set has one that NOTICE must name."""
    said = metadata.metadata(name)
    if "License-Expression" in said:
        expression = canonicalize_license_expression(said["License-Expression"])
        return [frozenset({one}) for one in single(expression)]
    if "License" in said and (words := said["License"].strip()):
        several = [one for one in words.split(", ") if one != "dependency licenses"]
        return [
            SAID.get(one) or frozenset({canonicalize_license_expression(one)}) for one in several
        ]
    classifiers = [text for text in said.get_all("Classifier") or [] if text[:7] == "License"]
    if classifiers:
        return [SAID[text.rpartition(" :: ")[2]] for text in classifiers]
    return [SAID[licence_file(name).splitlines()[0].strip()]]


def licence_file(name: str) -> str:
    """The text of the licence that comes with a distribution whose metadata names none."""
    [path] = [one for one in metadata.files(name) or [] if one.name == "LICENSE"]
    return path.read_text("utf-8")


@pytest.mark.parametrize("part", WANTED)
def test_it_names_what_comes_along_and_nothing_else(part: str) -> None:
    here, anywhere = brought(part, everywhere=False), brought(part, everywhere=True)
    assert here, f"nothing of [{part}] is known: nothing was compared"
    assert not here - listed(part).keys(), f"NOTICE [{part}] lacks these"
    assert not anywhere - listed(part).keys(), f"NOTICE [{part}] lacks these of other machines"
    assert not listed(part).keys() - here - anywhere, f"NOTICE [{part}] has these for nothing"


@pytest.mark.parametrize("part", WANTED)
def test_each_licence_is_what_the_distribution_says_it_has(part: str) -> None:
    absent = []
    for name in sorted(brought(part, everywhere=False)):
        written = listed(part)[name]
        assert canonicalize_license_expression(written) == written, name
        try:
            said = says(name)
        except metadata.PackageNotFoundError:
            absent.append(name)
            continue
        assert said, f"{name} says nothing of its licence"
        for choices in said:
            assert choices & single(written), f"{name}: {written}, but it says {sorted(choices)}"
        assert len(single(written)) == len(said), f"{name}: {written}, but it says {said}"
    require(f"licence to compare in [{part}]", absent)


def test_what_everybody_installs_is_permissive() -> None:
    for name, licence in listed("base").items():
        assert is_free_of_copyleft(licence), f"{name}: {licence}"


@pytest.mark.parametrize("part", [part for part in WANTED if part != "base"])
def test_copyleft_is_said_above_the_table(part: str) -> None:
    bound = {name for name, licence in listed(part).items() if not is_free_of_copyleft(licence)}
    said = re.search(r"Copyleft: (.+?)\.(?: |$)", re.sub(r" \([^)]*\)", "", paragraphs(part)[0]))
    assert {canonicalize_name(name) for name in (said[1].split(", ") if said else ())} == bound
    if part != "dev":
        for name in bound:
            assert single(listed(part)[name]) <= PERMISSIVE | WEAKER_COPYLEFT, name


@pytest.mark.parametrize(
    ("expression", "free"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("Apache-2.0 OR GPL-2.0-only", True),
        ("Apache-2.0 AND MIT", True),
        ("MPL-2.0", False),
        ("MIT AND LGPL-2.1-or-later", False),
        ("GPL-3.0-or-later", False),
        ("SomethingNew-1.0", False),
    ],
)
def test_what_counts_as_copyleft(expression: str, free: bool) -> None:
    assert is_free_of_copyleft(expression) is free


@pytest.mark.parametrize("name", ["LICENSE", "NOTICE"])
def test_it_is_installed_with_the_package(name: str) -> None:
    assert name in PROJECT["license-files"]
