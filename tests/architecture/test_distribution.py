"""What is distributed: the sources whole, and of them two typed packages, none called `host`."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tree import MADE, ROOT, copy_to, tracked


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run this Python in `cwd`, apart from the environment variables and paths of the tests."""
    return subprocess.run(
        [sys.executable, "-I", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def build(kind: str, tree: Path, place: Path) -> Path:
    """Build a `wheel` or `sdist` of a tree in a new folder, and return its file."""
    built = run("-m", "build", f"--{kind}", "--no-isolation", "--outdir", place, tree, cwd=tree)
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = place.iterdir()
    return found


@dataclass(frozen=True)
class Built:
    """The wheel of the tree, the source distribution of it, and the wheel of that."""

    wheel: Path
    sdist: Path
    wheel_of_sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    place = tmp_path_factory.mktemp("built")
    tree = place / "tree"
    copy_to(tree)
    sdist = build("sdist", tree, place / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    extracted = place / sdist.name.removesuffix(".tar.gz")
    return Built(
        build("wheel", tree, place / "wheel"),
        sdist,
        build("wheel", extracted, place / "wheel-of-sdist"),
    )


def files_in(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def contents(built: Built) -> frozenset[str]:
    return frozenset(files_in(built.wheel))


def test_two_packages_and_nothing_else(contents: frozenset[str]) -> None:
    top = {name.split("/")[0] for name in contents}
    assert {name for name in top if not name.endswith(".dist-info")} == {"jukicard", "jukihost"}
    assert len(top) == 3


def test_every_module_and_data_file_is_in_it(contents: frozenset[str]) -> None:
    """The READMEs beside data too: they say where it comes from."""
    expected = {
        str(path.relative_to("host") if path.is_relative_to("host") else path)
        for path in tracked()
        if path.parts[0] in {"jukicard", "host"}
    }
    assert {Path(name).suffix for name in expected} >= {".py", ".typed", ".json", ".jp2", ".zlib"}
    assert {name for name in contents if ".dist-info/" not in name} == expected


def test_it_brings_the_licences(contents: frozenset[str]) -> None:
    brought = {name.rpartition("/")[2] for name in contents if ".dist-info/licenses/" in name}
    assert brought == {"LICENSE", "NOTICE"}


@pytest.mark.parametrize("package", ["jukicard", "jukihost"])
def test_it_is_typed(contents: frozenset[str], package: str) -> None:
    assert f"{package}/py.typed" in contents


def test_what_is_installed_can_be_imported_and_host_cannot(built: Built, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    installed = run(
        "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target,
        built.wheel, cwd=tmp_path,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stdout + installed.stderr
    program = f"import sys; sys.path.insert(0, {str(target)!r}); import "
    for package in ("jukicard", "jukihost"):
        answer = run("-c", f"{program}{package}; print({package}.__file__)", cwd=tmp_path)
        assert answer.stdout.strip() == str(target / package / "__init__.py"), answer.stderr
    answer = run("-c", f"{program}host", cwd=tmp_path)
    assert answer.returncode != 0
    assert "No module named 'host'" in answer.stderr


# -- the source distribution ---------------------------------------------------------------------


def test_the_sources_are_whole(built: Built) -> None:
    """Tests, manual, vectors and all: whoever has it can do what a clone can."""
    with tarfile.open(built.sdist) as archive:
        held = {
            Path(*Path(member.name).parts[1:]): (file.read(), bool(member.mode & 0o100))
            for member in archive
            if (file := archive.extractfile(member)) is not None
        }
    held = {path: file for path, file in held.items() if not str(path).startswith(MADE)}
    assert held == {
        path: ((ROOT / path).read_bytes(), bool((ROOT / path).stat().st_mode & 0o100))
        for path in tracked()
    }


def test_the_wheel_of_the_sources_is_that_of_the_tree(built: Built) -> None:
    assert files_in(built.wheel_of_sdist) == files_in(built.wheel)


# -- what an index shows -------------------------------------------------------------------------


def project() -> dict[str, object]:
    found: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = found["project"]
    assert isinstance(project, dict)
    return project


def test_nothing_is_claimed_of_systems_that_no_test_runs_on() -> None:
    """`.ci/run` tests Linux and one Python; the README says so of the others in words."""
    classifiers = project()["classifiers"]
    assert isinstance(classifiers, list)
    systems = [text for text in classifiers if text.startswith("Operating System ::")]
    assert systems == ["Operating System :: POSIX :: Linux"]
    versions = [text for text in classifiers if text.startswith("Programming Language ::")]
    assert versions == [
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
    ]
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "Windows, macOS and later versions of Python are untested" in readme


def test_no_address_is_claimed() -> None:
    """The project has no place of its own: a URL or a mailbox here would lead nowhere."""
    assert not {"urls", "authors", "maintainers"} & project().keys()


def test_the_readme_works_where_the_tree_is_not() -> None:
    """An index shows it alone: no link and no picture of it is relative to the tree."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert project()["readme"] == "README.md"
    assert relative_links(readme) == []


def relative_links(text: str) -> list[str]:
    """Where Markdown links and pictures lead, of those that need the tree; code is no link."""
    text = re.sub(r"^(```+|~~~+).*?^\1", "", text, flags=re.M | re.S)
    text = re.sub(r"`+[^`\n]*`+", "", text)
    targets = [
        *re.findall(r"\]\(\s*<?([^)\s>]*)", text),
        *re.findall(r"^\s*\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)", text, re.M),
        *re.findall(r"""(?:href|src)\s*=\s*["']([^"']*)""", text, re.I),
    ]
    return [target for target in targets if not re.match(r"https?://|mailto:|#", target)]


@pytest.mark.parametrize(
    ("text", "relative"),
    [
        ("[a](docs/a.md)", ["docs/a.md"]),
        ("![a](a.png)", ["a.png"]),
        ("[a](<a b.md>)", ["a"]),
        ("[a]: docs/a.md", ["docs/a.md"]),
        ('<img src="a.png">', ["a.png"]),
        ("[a](/a)", ["/a"]),
        ("[a](https://example.org/a) and [b](#b)", []),
        ("`[a](docs/a.md)`", []),
        ("```md\n[a](docs/a.md)\n```\n[b](b)", ["b"]),
    ],
)
def test_which_links_are_relative(text: str, relative: list[str]) -> None:
    assert relative_links(text) == relative
