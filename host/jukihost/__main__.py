"""Run the command line with `python -m jukihost`."""

from jukihost.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
