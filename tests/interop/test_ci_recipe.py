"""The script for continuous integration, as the recipes for GitHub and GitLab call it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from jukihost.testing import missing_for_pcscd
from tests.support.interop.missing import require

ROOT: Final = Path(__file__).parents[2]
CI: Final = ROOT / "examples" / "ci"
SCRIPT: Final = CI / "test-with-cards.sh"
SAMPLES: Final = ROOT / "tests" / "samples"


@pytest.mark.parametrize("recipe", ["github-actions.yml", "gitlab-ci.yml"])
def test_a_recipe_calls_the_script_and_nothing_else_tests(recipe: str) -> None:
    text = (CI / recipe).read_text("utf-8")
    assert len(re.findall(rf"^ +- (?:run: )?sh ci/{SCRIPT.name} .*tests$", text, flags=re.M)) == 1
    assert "pytest" not in text
    assert 'JUKI_NEEDS_PCSCD: "1"' in text


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The script as a CI runs it, in an environment that has all of it already."""
    shutil.copy(SAMPLES / "kiosk_suite.py", folder / "test_kiosk.py")
    shutil.copy(SAMPLES / "kiosk_conftest.py", folder / "conftest.py")
    known = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        ["sh", SCRIPT, *arguments],
        cwd=folder,
        env=known,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.interop
@pytest.mark.xdist_group("pcscd")
def test_the_script_tests_over_every_way_to_a_card(tmp_path: Path) -> None:
    require("pcscd of the testers", missing_for_pcscd())
    done = run(tmp_path, "-p", "no:cacheprovider", ".", JUKI_NEEDS_PCSCD="1", JUKI_LEAST="2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "32 passed" in done.stdout, "eight tests, four ways"
    assert "coverage of the terminal" in done.stdout
    assert (tmp_path / "card-coverage.html").exists()


def test_the_script_says_what_is_missing(tmp_path: Path) -> None:
    """Without pcscd's programs: nothing is on the path but what the script itself calls."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "id", "env"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    done = run(tmp_path, PATH=str(tools), JUKI_NEEDS_PCSCD="1")
    assert done.returncode == 1
    assert "No pcscd for the tests, missing: pcscd, unshare, mount, setpriv" in done.stdout
    assert "Traceback" not in done.stderr
