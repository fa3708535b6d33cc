"""What is wrong with an application shows in mypy and when its class is made, not at every APDU."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import pytest

from jukicard.filesystem.files import DfNode
from jukicard.kit.features.certificates import Certificates, CertificateState
from jukicard.kit.features.files import Files
from jukicard.kit.features.jicsap import Jicsap
from jukicard.kit.features.keys import Keys, KeyState
from jukicard.kit.features.lifecycle import LifeCycle
from jukicard.kit.features.pins import Pins
from jukicard.kit.features.privacy import Privacy, PrivacyState
from jukicard.kit.features.signing import Signing
from jukicard.kit.fileapplet import FileApplet, FileState
from jukicard.runtime.handlers import DeclarationError

from .wrong_applications import PREAMBLE, WRONG

ROOT: Final = Path(__file__).parents[3]


def made(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(PREAMBLE + source, "<application>", "exec"), names)
    return names


# -- what is said ----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_said_when_the_class_is_made(wrong: str) -> None:
    source, _, said = WRONG[wrong]
    if said is None:
        made(source)
    else:
        with pytest.raises((DeclarationError, AttributeError), match=said):
            made(source)


FEATURES: Final = (
    Certificates, FileApplet, Files, Jicsap, Keys, LifeCycle, Pins, Privacy, Signing
)  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_application_changes_nothing_for_the_others(wrong: str) -> None:
    """What was begun of it is there for a while; the others are still what they derive from."""
    source, _, said = WRONG[wrong]
    begun: list[Exception] = []  # whose tracebacks keep the class
    try:
        made(source)
    except (DeclarationError, AttributeError) as refused:
        begun.append(refused)
    assert bool(begun) is (said is not None)
    others = [type(f"Only{feature.__name__}", (feature,), {}) for feature in FEATURES]
    for other in others:
        for feature in FEATURES[::-1] + FEATURES:
            assert issubclass(other, feature) is (feature in other.__mro__), (other, feature)


@pytest.fixture(scope="module")
def mypys_words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What mypy says of every wrong application, and of one that is right, by its file's name."""
    folder = tmp_path_factory.mktemp("applications")
    files = {}
    for number, (source, _, _) in enumerate(WRONG.values()):
        files[f"wrong{number}.py"] = source
    files["right.py"] = RIGHT
    for name, source in files.items():
        (folder / name).write_text(PREAMBLE + source)
    told = subprocess.run(
        [sys.executable, "-m", "mypy", *(str(folder / name) for name in files)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode in (0, 1), told.stdout + told.stderr
    words = defaultdict(list)
    for line in told.stdout.splitlines():
        found = re.match(r".*?(\w+\.py):\d+: error: (.*)", line)
        if found:
            words[found[1]].append(found[2])
    return words


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG)
def test_what_mypy_says(wrong: str, mypys_words: dict[str, list[str]]) -> None:
    said = mypys_words[f"wrong{list(WRONG).index(wrong)}.py"]
    expected = WRONG[wrong].mypy
    if expected is None:
        assert said == []
    else:
        assert any(expected in line for line in said), said


RIGHT: Final = '''
class Library(Files[KeyState], Pins[KeyState], Keys[KeyState], LifeCycle[KeyState]):
    """Right."""

    type_name = "right-library"
    tree = TREE

    def get_challenge(self, command: CommandApdu, state: KeyState) -> ResponseApdu:
        return super().get_challenge(command, state)


class LoanLibrary(Library, without=(Library.erase_binary,)):
    """Right, too."""

    type_name = "loan-library"


offer_applet(Library)
offer_applet(LoanLibrary)
'''


@pytest.mark.slow
def test_mypy_says_nothing_of_what_is_right(mypys_words: dict[str, list[str]]) -> None:
    assert mypys_words["right.py"] == []
    made(RIGHT)


# -- states ----------------------------------------------------------------------------------------


@pytest.fixture
def root() -> DfNode:
    tree = made("")["TREE"]
    found: DfNode = tree.root
    return found


class Combined(CertificateState, PrivacyState):
    """As applications put them together."""

    note: bytes = b""


@pytest.mark.parametrize("kind", [FileState, KeyState, PrivacyState, CertificateState, Combined])
def test_to_forget_is_to_be_as_new_but_for_the_selection(
    kind: type[FileState], root: DfNode
) -> None:
    fresh, used = kind(root), kind(root)
    names = {
        name
        for base in kind.__mro__
        for name, value in vars(base).items()
        if not name.startswith("_") and not callable(value)
    }
    assert {"df", "ef", "record", "security", "challenge", "dialogue", "messaging"} <= names
    marks = {name: object() for name in names}
    for name, mark in marks.items():
        setattr(used, name, mark)
    used.forget()
    for name in names:
        if name in ("df", "ef", "record"):
            assert getattr(used, name) is marks[name], "what is selected stays selected"
        elif name == "security":
            assert used.security.describe() == fresh.security.describe()
        else:
            assert getattr(used, name) == getattr(fresh, name)


@pytest.mark.parametrize("value", [[], {}, set(), bytearray()])
def test_a_state_begins_with_what_cannot_change(value: object) -> None:
    with pytest.raises(DeclarationError, match=r"Shared.kept is one .* for all cards"):
        type("Shared", (KeyState,), {"kept": value})
    type("Fine", (KeyState,), {"kept": None})
