"""Rules that the whole tree keeps and no other tool sees: each guards against slow decay."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.distributions import everything
from tests.support.tree import ROOT, tracked

CODE_LINES = 400
LONGER: dict[str, str] = {}
"""Files that may be longer, with the reason. Keep it short: the way out is a second file."""

GRAB_BAGS = {"common", "helper", "helpers", "misc", "util", "utils"}
RIGHTLY_COMMON = {"jukicard/applets/common", "host/jukihost/sessions/common.py"}
"""The successor card's common application (共通) has this name."""

OF_ONE_MACHINE = re.compile(r"(?<![\w./-])/(?:work|root|home/\w+)/")
REGISTRY_HOSTS = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|(?:deb|security)\.debian\.org|crates\.io", re.I
)
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.!+_-]+)")


def python_files() -> tuple[Path, ...]:
    files = tuple(path for path in tracked() if path.suffix == ".py")
    assert files, "no Python file to look at"
    return files


def parse(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_bytes(), filename=str(path))


def docstring_lines(tree: ast.Module) -> set[int]:
    """The lines of strings that stand as statements: docstrings, and those after an attribute."""
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def code_lines(path: Path) -> int:
    """How many lines hold code: not blank, not a comment, not a docstring."""
    source = (ROOT / path).read_text("utf-8")
    silent = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in silent
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(lines - docstring_lines(parse(path)))


def test_no_file_names_one_machine_or_a_registry() -> None:
    found = [
        f"{path}:{number}: {match[0]}"
        for path in tracked()
        for number, line in enumerate(
            (ROOT / path).read_bytes().decode("utf-8", "replace").splitlines(), 1
        )
        for pattern in (OF_ONE_MACHINE, REGISTRY_HOSTS)
        for match in pattern.finditer(line)
    ]
    assert not found, "\n".join(found)


def test_every_python_file_says_why_it_exists() -> None:
    silent = [str(path) for path in python_files() if not ast.get_docstring(parse(path))]
    assert not silent, f"no docstring at the top of {silent}"


def test_no_file_is_a_grab_bag() -> None:
    bags = [
        str(path)
        for path in python_files()
        if GRAB_BAGS & {path.stem, *path.parent.parts}
        and not any(str(path).startswith(allowed) for allowed in RIGHTLY_COMMON)
    ]
    assert not bags, f"name these after what they hold: {bags}"


def test_files_stay_small() -> None:
    long = {str(path): count for path in python_files() if (count := code_lines(path)) > CODE_LINES}
    assert not long.keys() - LONGER.keys(), f"more than {CODE_LINES} lines of code: {long}"
    assert not LONGER.keys() - long.keys(), "a file became short enough: take it out of LONGER"


def test_the_folder_host_is_no_package() -> None:
    assert Path("host/__init__.py") not in tracked()


def test_wire_types_need_the_standard_library_only() -> None:
    files = [path for path in python_files() if path.is_relative_to("jukicard/apdu")]
    assert files
    strangers = {
        name
        for path in files
        for name in imported(parse(path))
        if name.split(".")[0] not in sys.stdlib_module_names
        and not (name + ".").startswith("jukicard.apdu.")
    }
    assert not strangers


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a file imports, wherever in it; relative imports count as strangers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def test_the_readme_has_python_to_run() -> None:
    assert "\n```python\n" in (ROOT / "README.md").read_text("utf-8")


# -- versions ------------------------------------------------------------------------------------


def pins() -> dict[str, Version]:
    """What constraints.txt pins; anything but `name==version` in it is an error."""
    found: dict[str, Version] = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            pin = PIN.fullmatch(line)
            assert pin, f"constraints.txt: not `name==version`: {line}"
            found[canonicalize_name(pin["name"])] = Version(pin["version"])
    return found


def declared() -> list[Requirement]:
    """What pyproject.toml asks for, and what the Makefile installs beside it."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = pyproject["project"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    extras: dict[str, list[str]] = project["optional-dependencies"]
    texts = [
        *pyproject["build-system"]["requires"],
        *project["dependencies"],
        *(text for extra in extras.values() for text in extra),
        *(
            name
            for names in re.findall(r"install -c constraints\.txt ([a-z][\w -]*)$", makefile, re.M)
            for name in names.split()
        ),
    ]
    return [Requirement(text) for text in texts]


def test_everything_declared_is_pinned_within_its_range() -> None:
    pinned = pins()
    found = declared()
    assert {it.name for it in found} >= {"setuptools", "rich", "cryptography", "pytest", "atheris"}
    for requirement in found:
        version = pinned.get(canonicalize_name(requirement.name))
        assert version, f"constraints.txt does not pin {requirement.name}"
        assert requirement.specifier.contains(version), f"{requirement}: {version} is pinned"


def test_everything_that_comes_along_is_pinned() -> None:
    found = everything(declared())
    assert len(found) > len(declared()), "no package is installed: nothing was looked at"
    missing = found - pins().keys()
    assert not missing, f"constraints.txt does not pin {sorted(missing)}"
