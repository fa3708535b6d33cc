"""The applications: one package each, an applet class and the files and commands it declares.

`KINDS` says which there are; pyproject.toml declares the same under the entry-point group
`jukicard.applets`, in which other distributions declare theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jukicard.runtime.kinds import hand_down

KINDS: Final[Mapping[str, str]] = {
    "common": "jukicard.applets.common:CommonApplet",
    "issuer": "jukicard.applets.issuer:IssuerApplet",
    "issuer-juki": "jukicard.applets.issuer:JukiIssuerApplet",
    "jpki": "jukicard.applets.jpki:JpkiApplet",
    "juki": "jukicard.applets.juki:JukiApplet",
    "operator": "jukicard.applets.operator:OperatorApplet",
    "surface": "jukicard.applets.surface:SurfaceApplet",
    "text": "jukicard.applets.text:TextApplet",
}
"""The kinds of application of this distribution, and where the class of each is."""

hand_down(KINDS)
