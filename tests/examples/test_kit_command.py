"""`jukicard kit`: the examples pass, what tells of its holder does not, versions are compared."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES, PACKAGES, run

NAMES = {"library-card": "librarycard", "points-card": "pointscard"}
TELLING = """
from jukicard.kit import ALWAYS, AccessRules, Aid, DedicatedFile, Files, FileState, FileTree, Order
from jukicard.kit import DataObject, TransparentFile


class Telling(Files[FileState]):
    type_name = "telling"
    pin_waiver = "it is a test"
    tree = FileTree(DedicatedFile(
        name=Aid("F054454C4C"),
        files=(
            TransparentFile(fid=1, size=200, access=AccessRules(read=ALWAYS)),
            TransparentFile(fid=2, size=9, access=AccessRules(read=ALWAYS)),
        ),
        objects=(DataObject(tag=0xC1, read=ALWAYS),),
    ))

    def personalise(self, order: Order) -> None:
        from telling_text import said  # found as long as the package is looked at

        holder = order.holder
        self.files.put_content(self.tree.ef(1), said(holder.address).encode("cp932"))
        self.files.put_content(self.tree.ef(2), b"x" + f"{holder.birth:%Y%m%d}".encode())
        self.files.put_data_object(self.tree.root, 0xC1, holder.name.encode())
"""
BARE = """
from jukicard.kit import ResponseApdu
from jukicard.runtime.applet import Applet, BasicState


class Telling(Applet):
    type_name = "telling"
    version = {version}

    def new_state(self):
        return BasicState()

    def select(self, command, state):
        return ResponseApdu()

    def {method}(self, before):
        pass
"""
PROJECT = """
[project]
name = "telling"
version = "1.0"
[project.entry-points."jukicard.applets"]
telling = "telling:Telling"
"""


def kit(installed: Path | str, *arguments: str | Path, expect: int = 0) -> str:
    return run(Path(installed), "-m", "jukicard", "kit", *map(str, arguments), expect=expect)


@pytest.fixture
def telling(tmp_path: Path) -> Path:
    """A package whose free files tell of the holder."""
    folder = tmp_path / "telling"
    folder.mkdir()
    (folder / "telling.py").write_text(TELLING, "utf-8")
    (folder / "telling_text.py").write_text("def said(text):\n    return '> ' + text\n", "utf-8")
    (folder / "pyproject.toml").write_text(PROJECT, "utf-8")
    return folder


@pytest.mark.parametrize("name", PACKAGES)
def test_the_examples_pass(name: str) -> None:
    assert kit("", "check", EXAMPLES / name).endswith(": nothing to object to\n")


@pytest.mark.parametrize("name", NAMES)
def test_an_installed_package_is_found_by_its_name(installed: Path, name: str) -> None:
    project = tomllib.loads((EXAMPLES / name / "pyproject.toml").read_text("utf-8"))["project"]
    said = kit(installed, "check", NAMES[name])
    assert said.startswith(f"{NAMES[name]} {project['version']}, ")


def test_what_tells_of_the_holder_for_nothing_is_found(telling: Path) -> None:
    said = kit("", "check", telling, expect=1)
    assert said.splitlines() == [
        "telling 1.0, telling: 3 findings",
        "  object C1: anybody may read it, and it holds the holder's name",
        "  0001: anybody may read it, and it holds the holder's address",
        "  0002: anybody may read it, and it holds the holder's date of birth",
    ]


def test_one_that_makes_no_card_is_said_to(telling: Path) -> None:
    module = telling / "telling.py"
    module.write_text(TELLING.replace("holder = order.holder", "1 / 0"), "utf-8")
    said = kit("", "check", telling, expect=1)
    assert "personalise: no card can be made with it: " in said
    assert "the application raised ZeroDivisionError" in said


def test_two_versions_are_compared(installed: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    shutil.copytree(EXAMPLES / "points-card", new)
    card = new / "src" / "pointscard" / "card.py"
    text = card.read_text("utf-8")
    changed = text.replace("AnyOf(HOLDER, SHOP, DESK)", "AnyOf(HOLDER, DESK)")
    assert changed != text
    card.write_text(changed, "utf-8")
    project = new / "pyproject.toml"
    project.write_text(project.read_text("utf-8").replace('"0.2"', '"0.3"'), "utf-8")
    said = kit(installed, "diff", "pointscard", new).splitlines()
    assert said[0] == "pointscard 0.2 -> pointscard 0.3"
    assert [line.partition(": Verified")[0] for line in said[1:]] == [
        "~ town-points: 0001, read",
        "~ town-points: 0002, read",
        "~ town-points: 0004, read",
    ]
    assert "POINTS_CREDIT" in said[1].partition(" -> ")[0]
    assert "POINTS_CREDIT" not in said[1].partition(" -> ")[2]
    same = kit(installed, "diff", "pointscard", EXAMPLES / "points-card")
    assert "nothing that is declared has changed" in same


@pytest.mark.parametrize("place", ["module", "class", "table"])
def test_a_rule_of_a_command_of_its_own_is_compared_too(place: str, tmp_path: Path) -> None:
    """Whoever asks in a method names the condition beside it: a till that needs no PIN any more."""
    old, new = tmp_path / "old", tmp_path / "new"
    rule = "kit.AllOf(kit.Authenticated(PointsPurpose.POINTS_DEBIT.name), HOLDER, SECURED)"
    for folder, wanted in ((old, rule), (new, rule.replace(" HOLDER,", ""))):
        shutil.copytree(EXAMPLES / "points-card", folder)
        card = folder / "src" / "pointscard" / "card.py"
        text = card.read_text("utf-8")
        line = f"TILL = {rule}"
        assert line in text
        changed = text.replace(line, f"TILL = {wanted}")
        if place != "module":
            member = "RULE = TILL" if place == "class" else "RULES = {1: TILL}"
            changed = changed.replace("    version = 2", f"    {member}\n    version = 2")
        card.write_text(changed, "utf-8")
    said = kit("", "diff", old, new).splitlines()
    names = {line.split(": ")[1]: line for line in said[1:]}
    named = {"class": ["condition RULE"], "table": ["condition RULES[1]"]}.get(place, [])
    assert sorted(names) == sorted(["condition TILL", *named])
    for line in names.values():
        before, after = line.split(" -> ")
        assert "Verified(0003)" in before
        assert "Verified" not in after


def test_a_version_that_leaves_cards_behind_is_found(telling: Path) -> None:
    """Counted up without a migration, or a migration that nothing calls; with files and without."""
    bare = BARE.format(version=2, method="unused")
    for text, says in (
        (
            TELLING.replace("    pin_waiver", "    version = 2\n    pin_waiver"),
            "version: it is 2 and there is no `migrate`: cards of the one before stay behind",
        ),
        (
            TELLING + "\n    def migrate(self, before: int) -> None:\n        pass\n",
            "version: it is 1, so nothing ever calls `migrate`",
        ),
        (bare, "version: it is 2 and there is no `migrate`"),
        (BARE.format(version=2, method="migrate"), ""),
    ):
        (telling / "telling.py").write_text(text, "utf-8")
        said = kit("", "check", telling, expect=1)
        assert says in said
        assert ("version: " in said) is bool(says)
    (telling / "telling.py").write_text(BARE.format(version="'2'", method="migrate"), "utf-8")
    assert "version is not a number, 1 to 65535" in kit("", "check", telling, expect=1)


def test_another_version_is_told(telling: Path, tmp_path: Path) -> None:
    new = shutil.copytree(telling, tmp_path / "new")
    for text in (TELLING, BARE.format(version=1, method="migrate")):
        (telling / "telling.py").write_text(text, "utf-8")
        changed = text.replace("    version = 1\n", "")
        changed = changed.replace('"telling"\n', '"telling"\n    version = 2\n')
        (new / "telling.py").write_text(changed, "utf-8")
        said = kit("", "diff", telling, new)
        assert said.splitlines()[1:] == ["~ telling: version: 1 -> 2"]


def test_a_wheel_is_read_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "seal"
    shutil.copytree(EXAMPLES / "seal-registration", source)
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--quiet"]
    run(tmp_path, "-m", "pip", "wheel", *options, "--wheel-dir", str(tmp_path), str(source))
    [wheel] = tmp_path.glob("*.whl")
    assert "seal: nothing to object to" in kit("", "check", wheel)


def test_mistakes_are_told_in_words(tmp_path: Path, telling: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.whl").write_bytes(b"no wheel")
    (tmp_path / "a.txt").write_text("text")
    for place, words in (
        ("no-such-package", "there is no installed package, no folder and no wheel"),
        ("cryptography", "cryptography offers no application in the entry-point group"),
        (tmp_path / "nowhere", "there is no installed package, no folder and no wheel"),
        (tmp_path / "empty", "must offer applications; there are: none"),
        (tmp_path / "broken.whl", "must offer applications; there are: none"),
        (tmp_path / "a.txt", "is neither a folder nor a wheel"),
    ):
        assert words in kit("", "check", place, expect=1)
        assert words in kit("", "diff", telling, place, expect=1)
    for text, words in (
        ("[project", "cannot be read"),
        ("x = 1", "describes no package"),
        (PROJECT.replace("telling:", "jukihost:"), "would stand in the place of jukihost"),
        (PROJECT.replace("telling:", "nothing:"), "cannot be loaded (ModuleNotFoundError)"),
        (PROJECT.replace(":Telling", ":ALWAYS"), "is no application"),
    ):
        (telling / "pyproject.toml").write_text(text, "utf-8")
        assert words in kit("", "check", telling, expect=1)


def test_help_has_examples() -> None:
    for action in ("check", "diff"):
        assert f"jukicard kit {action} " in kit("", action, "--help")


@pytest.mark.parametrize("where", ["import", "tree", "personalise"])
def test_code_that_does_not_end_is_ended(tmp_path: Path, telling: Path, where: str) -> None:
    """Wherever it runs, and whatever it catches."""
    loop = [
        "while True:",
        "    try:",
        "        pass",
        "    except BaseException:",
        "        continue",
    ]
    code = (telling / "telling.py").read_text("utf-8")
    if where == "import":
        code += "\n" + "\n".join(loop) + "\n"
    elif where == "tree":
        method = [
            "    @classmethod",
            "    def tree_for(cls, parameters):",
            *(" " * 8 + x for x in loop),
        ]
        code += "\n" + "\n".join(method) + "\n"
    else:
        code = code.replace(
            "        holder = ", "\n".join(" " * 8 + x for x in loop) + "\n        holder = "
        )
    (telling / "telling.py").write_text(code, "utf-8")
    if where == "personalise":  # runs as an application on a card does, in counted steps
        assert "more than 1000000 steps" in kit(tmp_path, "check", telling, expect=1)
        return
    for action in (("check", telling), ("diff", telling, telling)):
        said = kit(tmp_path, *action, "--seconds", "1.5", expect=2)
        assert "has not ended within 1.5 s" in said


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x", "1e300"])
def test_a_time_that_is_none_is_said(tmp_path: Path, telling: Path, text: str) -> None:
    assert "--seconds" in kit(tmp_path, "check", telling, f"--seconds={text}", expect=2)
