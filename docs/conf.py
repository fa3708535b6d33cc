"""How the manual is built: Markdown through MyST, shown with Furo; every warning is an error."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import apipages  # noqa: E402 - they stand beside this file
import searching  # noqa: E402

apipages.write(HERE / "reference")
searching.use()

project = "jukicard"
author = "the jukicard authors"
release = version = installed_version("jukicard")

extensions = ["myst_parser", "figures", "languages"]
myst_enable_extensions = ["deflist"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"jukicard {release}"
html_copy_source = False
