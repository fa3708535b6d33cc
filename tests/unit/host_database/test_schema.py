"""The history of the tables ends at the tables that the program has; the base needs none of it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import jukihost
import jukihost.database.migrations
from jukihost.database import Database, metadata
from jukihost.database.schema import versions

ROOT: Final = Path(__file__).parents[3]


def test_the_history_is_one_line_of_numbers() -> None:
    config = Config()
    config.set_main_option("script_location", jukihost.database.migrations.__path__[0])
    script = ScriptDirectory.from_config(config)
    line = [step.revision for step in script.walk_revisions()][::-1]
    assert script.get_heads() == [line[-1]]
    assert line == versions() == [f"{number:04}" for number in range(1, len(line) + 1)]


def test_the_history_ends_at_the_tables_of_this_version(database: Database) -> None:
    found = [
        module.name
        for module in walk_packages(jukihost.__path__, "jukihost.")
        if module.name.endswith(".tables")
    ]
    assert len(found) > 1
    for name in found:
        import_module(name)
    with database.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"version_table": "database_history", "compare_type": True},
        )
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import jukihost, jukihost.errors, jukihost.cli; from jukihost.database import Clock", ""),
        (
            "import jukihost.database; jukihost.database.open_database",
            "pip install 'jukicard[terminal]'",
        ),
        ("from jukihost.ledger import BY_CARD, RIGHTS, LedgerError", ""),
        ("from jukihost.register import AsReceived, RegisterError", ""),
        ("from jukihost.ledger import find_card", "pip install 'jukicard[terminal]'"),
        ("from jukihost.register import PROVISIONS", "pip install 'jukicard[terminal]'"),
    ],
)
def test_the_base_does_without_the_libraries_and_says_what_needs_them(
    program: str, said: str
) -> None:
    hide = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda n, *a: None if n in ('sqlalchemy', 'alembic') else find(n, *a)\n"
        "sys.modules.update(sqlalchemy=None, alembic=None, psycopg=None)\n"
        f"try: {program}\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", hide],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'host'}"},
    )
    assert said in done.stdout
    assert bool(done.stdout) is bool(said)
