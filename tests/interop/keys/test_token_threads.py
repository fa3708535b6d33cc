"""A token asked by many threads, and by processes that were forked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from jukihost.keys import TokenCustody
from jukihost.keys.tokensigner import TokenSigningKey
from tests.support.interop.softhsm import PIN, SoftHsm

NUMBER = bytes(range(1, 9))
ROOT = Path(__file__).parents[3]
KEY = bytes.fromhex("8A135CF097E42B61D30F48BA76C51E92")

EIGHT = """
import sys, threading
from jukihost.keys import SoftwareCustody, TokenCustody
from jukihost.keys.diversification import derive_card_keys

key, address, pin = bytes.fromhex(sys.argv[1]), sys.argv[2], sys.argv[3]
wrong = []
with TokenCustody(address, lambda: pin) as token:
    token.import_key("FIRE", 1, key)
    def work(first):
        for at in range(100):
            number = bytes((first, at)) + bytes(6)
            if token.derive_card_keys("FIRE", number, bytes(7), 1) != derive_card_keys(
                "MA-AES128", key, number, bytes(7), 1
            ):
                wrong.append(number)
    threads = [threading.Thread(target=work, args=(one,)) for one in range(8)]
    for one in threads: one.start()
    for one in threads: one.join()
print("right" if not wrong else wrong)
"""


def test_eight_threads_use_one_token(address: str) -> None:
    """Without one thread for all calls the library crashes: it is in a process of its own here."""
    done = subprocess.run(
        [sys.executable, "-c", EIGHT, KEY.hex(), address, PIN],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'host'}"},
    )
    assert (done.returncode, done.stdout.strip()) == (0, "right"), done.stderr[-1000:]


def test_whatever_eight_threads_ask_the_library_is_asked_by_one(
    softhsm: SoftHsm, token: TokenCustody
) -> None:
    """The crash without it comes by chance; whose thread the calls are made in does not."""
    token.generate("FIRE")
    signer = TokenSigningKey.draw(token, "log")

    def ask() -> None:
        token.derive_card_keys("FIRE", NUMBER, bytes(7), 1)
        token.inventory()
        signer.sign(b"text")

    calls = ("C_FindObjectsInit", "C_FindObjects", "C_GetAttributeValue", "C_SignInit", "C_Sign")
    with softhsm.watched(*calls) as asked:
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
    assert len(asked) > 8 * len(calls)
    assert len(set(asked)) == 1
    assert threading.get_ident() not in asked


FORK = """
import os, sys
from jukihost.keys import TokenCustody
from jukihost.keys.pkcs11 import TokenError

address, pin = sys.argv[1:]
with TokenCustody(address, lambda: pin) as token:
    token.generate("FIRE")
    child = os.fork()
    if not child:
        try:
            token.inventory()
        except TokenError as refused:
            token.close()
            os._exit(7 if "another process" in str(refused) else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert len(token.inventory()) == 1
print("right")
"""


def test_a_child_does_not_use_what_its_parent_opened(address: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, address, PIN],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'host'}"},
    )
    assert (done.returncode, done.stdout.strip()) == (0, "right"), done.stderr[-1000:]


ANEW = """
import os
from jukihost.keys.pkcs11 import call

assert call(lambda: 5) == 5  # from here on there is a thread for tokens
child = os.fork()
if not child:
    os._exit(call(lambda: 7))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_has_a_thread_for_tokens_of_its_own() -> None:
    """What was forked all the same does not wait for its parent's thread, which it has not."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ANEW],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'host'}"},
    )
    assert (done.returncode, done.stdout.strip()) == (0, "7"), done.stderr[-1000:]
