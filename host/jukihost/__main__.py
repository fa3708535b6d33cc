"""Run the command line with `python -m jukihost`."""

from jukihost.start import main

if __name__ == "__main__":
    raise SystemExit(main())
