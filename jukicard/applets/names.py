"""The names under which the applications are selected.

They stand apart from the applications, so that a profile names one without loading it.
"""

from __future__ import annotations

from typing import Final

from jukicard.apdu.aid import Aid

ISSUER: Final = Aid("A0000001510000")
"""The name under which the issuer security domain of a GlobalPlatform card is known."""
JPKI: Final = Aid("D392F000260100000001")
"""The JPKI application, on the Juki card and on its successor."""
COMMON: Final = Aid("D3921000310001010100")
"""The common application, on the successor card only."""
JUKI: Final = Aid("D3921000310001010401")
"""The Juki application (住基AP), on the Juki card and on its successor."""
SURFACE: Final = Aid("D3921000310001010402")
"""The surface application, on Juki cards from April 2009 and on the successor."""
OPERATOR: Final = Aid("F04F50455241544F5201")
"""The operator application, on operator cards only: a name of this project's own."""
TEXT: Final = Aid("D3921000310001010408")
"""The text application, on the successor card only."""
