"""One Ctrl-C ends both command lines in words, also while they are loaded or Python loses it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SECONDS = 300

# A process that has loaded what is not ours makes a copy of itself for each of our modules; in the
# copy Ctrl-C comes when this module is looked for, and the command would go on for a minute.
EACH = """
import argparse, importlib, os, signal, sys, time
from importlib.abc import MetaPathFinder

package, how = sys.argv[1:]

def loaded():
    return {name for name in sys.modules if name.partition(".")[0] in ("jukicard", "jukihost")}

def fork(act):
    number = os.fork()
    if not number:
        try:
            os._exit(act())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])

def list_modules():
    before = loaded()
    importlib.import_module(f"{package}.cli")
    os.write(out, "\\n".join(sorted(loaded() - before)).encode())
    return 0

class Lost:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

class CtrlC(MetaPathFinder):
    def __init__(self, name):
        self.name = name

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            os.kill(os.getpid(), signal.SIGINT)

class Work:
    def __call__(self, *_, **__):
        if how == "lost":
            Lost()
        time.sleep(60)

def begin(name):
    start = importlib.import_module(f"{package}.start")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if name:
        sys.meta_path.insert(0, CtrlC(name))
    argparse.ArgumentParser.parse_args = Work()
    return start.main(["inspect"])

into, out = os.pipe()
importlib.import_module(f"{package}.start")
assert fork(list_modules) == 0
names = os.read(into, 1 << 16).decode().split()
assert len(names) > 5, names
for name in names if how == "loading" else [""]:
    code = fork(lambda: begin(name))
    print(name, code, flush=True)
"""


@pytest.mark.parametrize("how", ["loading", "lost"])
@pytest.mark.parametrize("package", ["jukicard", "jukihost"])
def test_ctrl_c_ends_it_in_words(package: str, how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EACH, package, how],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    *lines, last = done.stdout.splitlines()
    assert {line.rpartition(" ")[2] for line in (*lines, last)} == {"130"}, done.stdout
    assert done.stderr == f"{package}: interrupted\n" * (len(lines) + 1)
    assert len(lines) > 20 if how == "loading" else not lines
