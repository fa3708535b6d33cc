"""A card of vsmartcard's emulator (vicc, type iso7816) with one file: what ours is compared with.

A script of its own, because the emulator's modules expect to be imported by their own program:

    python benchmarks/vicc_card.py measure SECONDS    its four commands in this process, as JSON
    python benchmarks/vicc_card.py further SECONDS    a further card in this process, as JSON
    python benchmarks/vicc_card.py ask APDU ...       what it answers to commands in hexadecimal
    python benchmarks/vicc_card.py HOST PORT          as a card in the reader that listens there
"""

from __future__ import annotations

import glob
import importlib
import json
import logging
import sys
import types
from pathlib import Path
from typing import Any

FOUND_IN = (
    "/usr/lib/python3*/*-packages",
    "/usr/lib/python3*/*-packages/virtualsmartcard",
    "/usr/share/vsmartcard*",
)


def find() -> str | None:
    """Return the directory to import `virtualsmartcard` from, None when it is not installed."""
    for pattern in FOUND_IN:
        for place in sorted(glob.glob(pattern)):
            if (Path(place) / "virtualsmartcard" / "VirtualSmartcard.py").exists():
                return place
    return None


def _import() -> Any:
    place = find()
    if place is None:
        raise SystemExit("vicc is not installed")
    sys.path[:0] = [place, str(Path(__file__).resolve().parents[1])]
    try:
        importlib.import_module("Crypto.Cipher")
    except ImportError:
        # Imported by the emulator when it starts and used by none of the four commands.
        for name in ("Crypto", "Crypto.Cipher", "Crypto.Hash"):
            sys.modules[name] = types.ModuleType(name)
        for name in ("DES3", "DES", "AES", "ARC4"):
            setattr(sys.modules["Crypto.Cipher"], name, None)
        for name in ("HMAC", "SHA"):
            setattr(sys.modules["Crypto.Hash"], name, None)
    return importlib.import_module("virtualsmartcard.VirtualSmartcard")


def _with_file(mf: Any) -> Any:
    files = importlib.import_module("virtualsmartcard.SmartcardFilesystem")
    mf.append(
        files.TransparentStructureEF(
            parent=mf, fid=0x2F01, filedescriptor=0x01, data=bytes(range(256))
        )
    )
    return mf


def measure(seconds: float) -> dict[str, float]:
    """Return the seconds that each of the four commands takes in this process."""
    module = _import()
    from benchmarks.tasks import VICC
    from benchmarks.timing import Effort

    mf, sam = module.CardGenerator("iso7816").getCard()
    card = module.Iso7816OS(_with_file(mf), sam)
    effort = Effort(seconds=seconds)
    return {task.name: effort.best(task.start(card.execute)) for task in VICC}


def further(seconds: float) -> dict[str, float]:
    """Return the seconds that a further card takes in this process."""
    module = _import()
    from benchmarks.timing import Effort

    def another() -> object:
        return module.Iso7816OS(*module.CardGenerator("iso7816").getCard())

    return {"card": Effort(seconds=seconds).best(another)}


def ask(*commands: str) -> None:
    """Print what a card answers to commands in hexadecimal, one after the other."""
    module = _import()
    mf, sam = module.CardGenerator("iso7816").getCard()
    card = module.Iso7816OS(_with_file(mf), sam)
    for command in commands:
        print(command, card.execute(bytes.fromhex(command)).hex().upper())


def serve(host: str, port: int) -> None:
    """Be a card in the reader at an address until it hangs up."""
    module = _import()
    card = module.VirtualICC(None, "iso7816", host, port, logginglevel=logging.CRITICAL)
    _with_file(card.os.mf)
    card.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.CRITICAL)  # as vicc does unless it is told to be verbose
    told = {"measure": measure, "further": further}.get(sys.argv[1])
    if told is not None:
        print(json.dumps(told(float(sys.argv[2]))))
    elif sys.argv[1] == "ask":
        ask(*sys.argv[2:])
    else:
        serve(sys.argv[1], int(sys.argv[2]))
