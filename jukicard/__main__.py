"""Makes `python -m jukicard` the same as the command `jukicard`."""

from __future__ import annotations

import sys

from jukicard.cli import main

if __name__ == "__main__":
    sys.exit(main())
