"""Makes `python -m jukicard` the same as the command `jukicard`."""

from __future__ import annotations

import sys

from jukicard.start import main

if __name__ == "__main__":
    sys.exit(main())
