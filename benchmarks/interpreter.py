"""Which build of Python is measured: profile-guided ones are up to a quarter faster."""

from __future__ import annotations

import platform
import re
import sysconfig
from collections.abc import Mapping


def build(variables: Mapping[str, object] | None = None) -> str:
    """Say which Python this is and how its compiler was told to build it, in one line.

    What configure was asked for is in sysconfig's `CONFIG_ARGS`. A distribution may optimise by
    other ways than configure's (Debian does), so that a "no" is configure's only. `variables` are
    sysconfig's unless given.
    """
    known = sysconfig.get_config_vars() if variables is None else variables
    asked = known.get("CONFIG_ARGS")
    levels = re.findall(r"-O\w*", str(known.get("PY_CFLAGS") or ""))
    parts = [
        f"{platform.python_implementation()} {platform.python_version()}",
        " ".join(["built with", platform.python_compiler(), *levels[-1:]]),
    ]
    if asked is None:
        parts.append("how it was configured is not told")
    else:
        pgo = "yes" if _given("--enable-optimizations", str(asked)) else "no"
        lto = "yes" if _given("--with-lto", str(asked)) else "no"
        parts.append(f"configured with PGO {pgo}, LTO {lto}")
    return ", ".join(parts)


def _given(option: str, arguments: str) -> bool:
    """Whether configure got an option, with a value or without, and not the value `no`."""
    found = re.findall(rf"(?<![\w-]){re.escape(option)}(?:=([\w,-]*))?(?![\w-])", arguments)
    return bool(found) and found[-1] != "no"
