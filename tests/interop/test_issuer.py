"""`jukihost issuer` on a card in a PC/SC reader, as an issuer's desk has it."""

from __future__ import annotations

import pytest

from jukicard import issue_card
from jukihost import cli
from tests.support.cards.issuer_desk import POINTS
from tests.support.host.cli import as_json
from tests.support.interop.pcscd import Pcscd


@pytest.mark.parametrize("level", ["01", "33"])
@pytest.mark.parametrize("profile", ["juki-v1", "mynumber"])
def test_an_application_comes_and_goes_over_pcsc(
    pcscd: Pcscd, profile: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = pcscd.insert(issue_card(profile, seed=1))
    keys = ("--test-keys", "--level", level, "--reader", reader)

    def there() -> bool:
        capsys.readouterr()
        assert cli.main(["issuer", "list", "--json", *keys]) == 0
        listed = as_json(capsys)["registry"]
        return any(row["aid"] == str(POINTS) for row in listed if row["part"] == "application")

    assert not there()
    for action in ("install", "lock", "unlock"):
        assert cli.main(["issuer", action, str(POINTS), *keys]) == 0
        assert there()
    assert cli.main(["issuer", "delete", str(POINTS), "--yes", *keys]) == 0
    assert not there()
