"""How the manual is built: Markdown through MyST, shown with Furo; every warning is an error."""

from importlib.metadata import version as installed_version

project = "jukicard"
author = "the jukicard authors"
release = version = installed_version("jukicard")

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"jukicard {release}"
html_copy_source = False
