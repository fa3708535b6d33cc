"""Says of each page of the manual in which language it is, for browsers and screen readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx ask before it writes a page."""
    app.connect("html-page-context", _say)
    return {"parallel_read_safe": True}


def _say(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: object) -> None:
    if page.startswith("ja/"):
        context["language"] = "ja"
