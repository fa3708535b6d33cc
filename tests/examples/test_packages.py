"""What holds for every package under `examples/`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES, FACES, PACKAGES, run


@pytest.mark.parametrize("name", PACKAGES)
def test_it_imports_from_the_faces_only(name: str) -> None:
    sources = list((EXAMPLES / name / "src").rglob("*.py"))
    assert len(sources) >= 3
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("juki"):
                assert node.module in FACES, path


ALONE = """
import importlib, sys
name, side, other = sys.argv[1:]
importlib.import_module(f"{name}.{side}")
print("alone" if f"{name}.{other}" not in sys.modules else "together")
"""


def imported(path: Path) -> set[str]:
    """Every name that a module imports, wherever in it, in full."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            found |= {f"{dots}{node.module or ''}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return found


@pytest.mark.parametrize(("side", "other"), [("card", "host"), ("host", "card")])
@pytest.mark.parametrize("name", PACKAGES)
def test_what_stands_in_files_is_decoded_twice(
    name: str, side: str, other: str, installed: Path
) -> None:
    """Once a side: neither imports the other, nor the other's half of the library."""
    [path] = (EXAMPLES / name / "src").glob(f"*/{side}.py")
    package = path.parent.name
    allowed = {"card": ("jukicard.",), "host": ("jukihost.", "jukicard.apdu.")}[side]
    for one in imported(path):
        assert not one.startswith("."), "a relative import hides whose side it is of"
        assert not f"{one}.".startswith(f"{package}.{other}."), path
        assert not one.startswith("juki") or one.startswith(allowed), path
    assert run(installed, "-c", ALONE, package, side, other).strip() == "alone"


AGREED = """
import importlib, sys
name = sys.argv[1]
told = importlib.import_module(name)
loaded = [one for one in sys.modules if one.startswith("juki")]
assert all(one in ("jukicard", "jukihost") or one.startswith("jukicard.apdu") for one in loaded)
assert "jukihost" not in loaded
[purposes] = [one for key, one in vars(told).items() if key.endswith("Purpose")]
from jukicard import kit
card, host = (importlib.import_module(f"{name}.{side}") for side in ("card", "host"))
[applet] = [
    one for one in vars(card).values()
    if isinstance(one, type) and issubclass(one, kit.FileApplet) and one.__module__ == card.__name__
]
[session] = [
    one for key, one in vars(host).items() if key.endswith("Session") and "AID" in vars(one)
]
root = applet.tree.root.spec
assert root.name == session.AID == told.AID
keys = {one.reference: one.right for one in root.files if isinstance(one, kit.KeyFile)}
assert keys == {one.value: one.name for one in purposes}
assert applet.pin_waiver == getattr(told, "NO_PIN", "")
print("agreed")
"""


@pytest.mark.parametrize("name", PACKAGES)
def test_what_both_sides_agree_on_is_declared_once(name: str, installed: Path) -> None:
    """The declaration alone imports neither side, and both sides have it from there."""
    [package] = [path.parent.name for path in (EXAMPLES / name / "src").glob("*/host.py")]
    assert run(installed, "-c", AGREED, package).strip() == "agreed"
    for side in ("card", "host"):
        source = (EXAMPLES / name / "src" / package / f"{side}.py").read_text("utf-8")
        assert re.search(rf"^from {package} import (\(\s+)?AID,", source, re.M)
