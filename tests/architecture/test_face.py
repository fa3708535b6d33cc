"""The faces: every name is there once, lazily, documented; the manual imports from them only."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import jukicard
import jukicard.kit
import jukicard.testing
import jukihost
import jukihost.database
import jukihost.exports
import jukihost.issuing
import jukihost.ledger
import jukihost.log
import jukihost.paper
import jukihost.readers
import jukihost.receipts
import jukihost.register
import jukihost.testing
import jukihost.tokens
import jukihost.workflows

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import apipages  # noqa: E402 - it stands beside the manual's configuration

FACES = {
    "jukicard": jukicard,
    "jukicard.kit": jukicard.kit,
    "jukicard.testing": jukicard.testing,
    "jukihost": jukihost,
    "jukihost.tokens": jukihost.tokens,
    "jukihost.database": jukihost.database,
    "jukihost.issuing": jukihost.issuing,
    "jukihost.exports": jukihost.exports,
    "jukihost.ledger": jukihost.ledger,
    "jukihost.log": jukihost.log,
    "jukihost.paper": jukihost.paper,
    "jukihost.readers": jukihost.readers,
    "jukihost.receipts": jukihost.receipts,
    "jukihost.register": jukihost.register,
    "jukihost.testing": jukihost.testing,
    "jukihost.workflows": jukihost.workflows,
}
SMALL = {
    "jukicard.testing": 20,
    "jukihost.database": 20,
    "jukihost.issuing": 20,
    "jukihost.exports": 2,
    "jukihost.ledger": 40,
    "jukihost.log": 20,
    "jukihost.paper": 10,
    "jukihost.readers": 10,
    "jukihost.receipts": 6,
    "jukihost.register": 30,
    "jukihost.testing": 2,
    "jukihost.tokens": 10,
    "jukihost.workflows": 20,
}
"""How many classes and functions a face has at least that has not more than fifty."""
IMPORTABLE = {*FACES, "jukicard.apdu"}
"""What the manual and the examples may import: the faces, and what both sides say on the wire."""
PAGES = sorted(
    page for where in ("README*", "docs/*", "docs/ja/*") for page in ROOT.glob(f"{where}.md")
)
FOR_DEVELOPERS = {"vectors.md"}
"""Pages for whoever works on the project, who has its tests too."""


def typed_names(face: ModuleType) -> dict[str, str]:
    """What the type checker is told: name and module, from the block under TYPE_CHECKING."""
    assert face.__file__ is not None
    tree = ast.parse(Path(face.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    found = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name
            assert alias.name not in found
            found[alias.name] = str(node.module)
    return found


@pytest.mark.parametrize("name", FACES)
def test_what_is_typed_is_what_is_there(name: str) -> None:
    face = FACES[name]
    typed = typed_names(face)
    homes = {
        one: home if home.startswith("juki") else f"{name}.{home}"
        for one, home in face._HOME.items()
    }
    assert typed == homes
    assert set(face.__all__) - {"__version__"} == set(typed)
    for one, home in typed.items():
        assert getattr(face, one) is getattr(importlib.import_module(home), one)
    assert set(face.__all__) <= set(dir(face))


@pytest.mark.parametrize("name", FACES)
def test_a_name_that_is_not_there_is_said(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nothing'"):
        FACES[name].nothing  # noqa: B018 - the access is the test


@pytest.mark.parametrize("name", FACES)
def test_every_public_class_and_function_is_documented(name: str) -> None:
    face = FACES[name]
    documented = [
        value
        for value in (getattr(face, one) for one in face.__all__)
        if inspect.isclass(value) or inspect.isfunction(value)
    ]
    assert len(documented) > SMALL.get(name, 50)
    for value in documented:
        assert inspect.getdoc(value), value


@pytest.mark.parametrize("name", FACES)
def test_the_face_alone_loads_nothing(name: str) -> None:
    program = (
        f"import sys, {name}; print([m for m in sys.modules if m.startswith(('juki', 'crypto'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'host'}"},
    )
    assert ast.literal_eval(done.stdout) == sorted({name, name.partition(".")[0]})


def imports_of(code: str) -> set[str]:
    """The modules of this project that a block of Python imports."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {module for module in found if module.partition(".")[0] in {"jukicard", "jukihost"}}


def blocks_of(page: Path) -> list[str]:
    """The Python blocks of a page, those that are files of their own too."""
    block = r"```(?:\{code-block\} )?python\n(?::\w+: .*\n)*(.*?)```"
    return re.findall(block, page.read_text("utf-8"), re.DOTALL)


def test_the_manual_imports_from_the_faces_only() -> None:
    looked_at = 0
    for page in PAGES:
        if page.name in FOR_DEVELOPERS:
            continue
        for block in blocks_of(page):
            looked_at += 1
            assert imports_of(block) <= IMPORTABLE, page.name
    assert looked_at > 10


def test_every_error_a_user_may_meet_can_be_caught_by_its_name() -> None:
    for module in pkgutil.walk_packages(jukihost.__path__, "jukihost."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    classes, found = [jukihost.CardError], set()
    while classes:
        kind = classes.pop()
        classes += kind.__subclasses__()
        if kind.__module__.startswith("jukihost.") and not kind.__name__.startswith("_"):
            found.add(kind.__name__)
    assert len(found) > 60
    named = {one for name, face in FACES.items() if "jukihost" in name for one in face.__all__}
    assert not found - named


def test_the_reference_is_made_from_the_faces() -> None:
    made = apipages.pages()
    for face in apipages.FACES:
        text = made[f"api-{face}"]
        for name in importlib.import_module(face).__all__:
            if not name.startswith("__"):
                assert f"### {name}\n" in text
    assert "- `seed`: the same seed gives the same card" in made["api-jukicard"]
    assert "0x7f" not in "".join(made.values()), "an address in memory differs from run to run"
