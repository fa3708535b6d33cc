"""What is installed is exactly two packages, typed, and nothing that is called `host`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "jukicard", "host")


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run this Python in `cwd`, apart from the environment variables and paths of the tests."""
    return subprocess.run(
        [sys.executable, "-I", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources: building leaves folders behind in its tree."""
    place = tmp_path_factory.mktemp("wheel")
    tree = place / "tree"
    tree.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)
    built = run("-m", "build", "--wheel", "--no-isolation", "--outdir", place, tree, cwd=place)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = place.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def contents(wheel: Path) -> frozenset[str]:
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


def test_two_packages_and_nothing_else(contents: frozenset[str]) -> None:
    top = {name.split("/")[0] for name in contents}
    assert {name for name in top if not name.endswith(".dist-info")} == {"jukicard", "jukihost"}
    assert len(top) == 3


def test_every_module_and_data_file_is_in_it(contents: frozenset[str]) -> None:
    expected = {
        str(path.relative_to(base))
        for base, package in ((ROOT, "jukicard"), (ROOT / "host", "jukihost"))
        for pattern in ("*.py", "*.json", "*.jp2", "*.zlib", "py.typed")
        for path in (base / package).rglob(pattern)
    }
    assert expected
    assert {name for name in contents if ".dist-info/" not in name} == expected


@pytest.mark.parametrize("package", ["jukicard", "jukihost"])
def test_it_is_typed(contents: frozenset[str], package: str) -> None:
    assert f"{package}/py.typed" in contents


def test_what_is_installed_can_be_imported_and_host_cannot(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    installed = run(
        "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel,
        cwd=tmp_path,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stdout + installed.stderr
    program = f"import sys; sys.path.insert(0, {str(target)!r}); import "
    for package in ("jukicard", "jukihost"):
        answer = run("-c", f"{program}{package}; print({package}.__file__)", cwd=tmp_path)
        assert answer.stdout.strip() == str(target / package / "__init__.py"), answer.stderr
    answer = run("-c", f"{program}host", cwd=tmp_path)
    assert answer.returncode != 0
    assert "No module named 'host'" in answer.stderr
