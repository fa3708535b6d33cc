"""Features in other company than on the cards that are issued: each does its part, nothing more."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Final

import pytest

from jukicard import PROFILES, Card, Placement, Privilege, issue_card, offer_applet
from jukicard.apdu import Aid, CommandApdu, ResponseApdu, Tlv
from jukicard.applets.juki import JukiApplet, JukiState
from jukicard.filesystem.access import ALWAYS, Verified
from jukicard.filesystem.files import AccessRules, DedicatedFile, FileTree, TransparentFile
from jukicard.kit.features.certificates import Certificates, CertificateState
from jukicard.kit.features.files import Files
from jukicard.kit.features.keys import Keys, KeyState
from jukicard.kit.features.pins import Pins
from jukicard.kit.features.privacy import Privacy, PrivacyState
from jukicard.kit.features.signing import PrivateKeys
from jukicard.kit.fileapplet import FileApplet
from jukicard.kit.keys import KeyFile, KeyPair
from jukicard.kit.pin import PinFile
from jukicard.kit.signing import SigningKeyFile
from jukicard.runtime.boundary import raise_bug
from jukicard.securemessaging.suites import Suite
from jukicard.testing import with_forbidden
from tests.support.cards.eac_desk import DV_DRAFT, ROOT_DRAFT, SYSTEM_DRAFT, EacTerminal
from tests.support.cards.juki_desk import Desk
from tests.support.naive.pace import NUMBER, NaivePace, set_password
from tests.support.naive.terminal import WRONG_KEYS, KeyPair as NaiveKeys, NaiveTerminal

h = bytes.fromhex
AID: Final = Aid("F0544F474554484552")
FILE, PIN, KEY = 0x0001, 0x0002, 0x0003
TREE: Final = FileTree(
    DedicatedFile(
        name=AID,
        files=(
            TransparentFile(fid=FILE, size=4, access=AccessRules(read=ALWAYS)),
            PinFile(fid=PIN, change=Verified(PIN)),
            KeyFile(fid=KEY, reference=1, right="LIBRARY"),
            SigningKeyFile(fid=0x0004),
        ),
    )
)
ENC, MAC = bytes(range(0xA0, 0xB0)), bytes(range(0xB0, 0xC0))
NAMED: Final = CommandApdu(0x00, 0x22, 0xC1, 0xA4, h("830101"))
"""MSE: SET AT for the key with reference 1."""


class NoFeature(FileApplet[KeyState]):
    tree = TREE
    type_name = "test-no-feature"


class OnlyKeys(Keys[KeyState]):
    tree = TREE
    type_name = "test-only-keys"


class OnlyPrivacy(Files[PrivacyState], Pins[PrivacyState], Privacy[PrivacyState]):
    tree = TREE
    type_name = "test-only-privacy"


class KeyedState(KeyState, PrivacyState):
    pass


class KeyedPrivacy(Files[KeyedState], Keys[KeyedState], Privacy[KeyedState]):
    tree = TREE
    type_name = "test-keyed-privacy"


class OnlyCertificates(Files[CertificateState], Certificates[CertificateState]):
    tree = TREE
    type_name = "test-only-certificates"

    def card_identifier(self) -> bytes:
        return b"CARD0001"


class Everything(Pins[CertificateState], OnlyCertificates, Privacy[CertificateState]):
    type_name = "test-everything"


class WithPrivateKeys(Pins[KeyState], Keys[KeyState], PrivateKeys[KeyState]):
    tree = TREE
    type_name = "test-with-private-keys"


KINDS: Final[tuple[type[FileApplet[Any]], ...]] = (
    NoFeature, OnlyKeys, OnlyPrivacy, KeyedPrivacy, OnlyCertificates, Everything, WithPrivateKeys,
)  # fmt: skip
for _kind in KINDS:
    partial(offer_applet, trusted=True)(_kind)


def made(kind: type[FileApplet[Any]]) -> Card:
    juki = PROFILES["juki-v1"]
    numbers = frozenset({Privilege.NUMBERS})  # for those that derive from the Juki application
    placement = Placement(AID, kind.type_name, privileges=numbers)
    profile = replace(juki, applications=(*juki.applications, placement))
    return issue_card(with_forbidden(profile), seed=1, on_bug=raise_bug)


def applet_on(card: Card) -> Any:
    found = card.applications.get(AID)
    assert found is not None
    return found.applet


def desk(kind: type[FileApplet[Any]]) -> Desk:
    """A card with the application selected: keys, password and authority as far as it has them."""
    card = made(kind)
    applet = applet_on(card)
    with card.environment.memory.transaction():
        if isinstance(applet, Pins):
            applet.pins.set_value(TREE.ef(PIN), b"1234")
        if isinstance(applet, Keys):
            applet.keys.set_value(TREE.ef(KEY), KeyPair(Suite.AES128, 1, ENC, MAC))
        if isinstance(applet, Privacy):
            applet.passwords.set(NUMBER.encode())
    card.power_on()
    terminal = NaiveTerminal(card.transmit, b"CARD0001")
    assert terminal.select(AID).status == 0x9000
    return Desk(card, terminal)


# -- what an application has -----------------------------------------------------------------------

MANAGE, GENERAL, MUTUAL, CHALLENGE, VERIFY, READ = "22", "86", "82", "84", "20", "B0"
HAS: Final = {
    NoFeature: set(),
    OnlyKeys: {MUTUAL, CHALLENGE},
    OnlyPrivacy: {MANAGE, GENERAL, VERIFY, READ},
    KeyedPrivacy: {MANAGE, GENERAL, MUTUAL, CHALLENGE, READ},
    OnlyCertificates: {MANAGE, GENERAL, MUTUAL, CHALLENGE, READ},
    Everything: {MANAGE, GENERAL, MUTUAL, CHALLENGE, VERIFY, READ},
    WithPrivateKeys: {MUTUAL, CHALLENGE, VERIFY},
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_application_has_the_commands_of_the_features_that_it_lists(
    kind: type[FileApplet[Any]],
) -> None:
    there = desk(kind)
    for ins in (MANAGE, GENERAL, MUTUAL, CHALLENGE, VERIFY, READ):
        assert (there.status(f"00{ins}FFFF") != 0x6D00) is (ins in HAS[kind]), ins
    assert there.status("80100000") == 0x6E00, "none has a command of its own"


def test_what_each_file_is_says_the_feature_that_knows_it() -> None:
    def said(kind: type[FileApplet[Any]]) -> dict[str, str]:
        return dict(applet_on(desk(kind).card).description)

    nothing = said(NoFeature)
    assert nothing["0001"] == "transparent, 4 bytes, read: Always, update: Never, activated"
    assert nothing["0002"] == "internal, initialisation"
    assert nothing["0003"] == "internal, initialisation"
    keys = said(OnlyKeys)
    assert keys["0002"] == "internal, initialisation"
    assert keys["0003"] == "key for LIBRARY, version 1, 15 of 15 tries left, activated"
    both = said(WithPrivateKeys)
    assert both["0002"] == "PIN, 3 of 3 tries left, activated"
    assert both["0003"] == keys["0003"]
    assert both["0004"] == "internal, initialisation"


# -- keys ------------------------------------------------------------------------------------------


def authenticate(there: Desk, p2: int = 0x81, keys: NaiveKeys | None = None) -> int:
    assert there.terminal.get_challenge().status == 0x9000
    named = there.terminal.mutual_authenticate(keys or NaiveKeys(ENC, MAC), p2)
    return int(named.status)


@pytest.mark.parametrize("kind", [OnlyKeys, KeyedPrivacy, OnlyCertificates, Everything])
def test_keys_do_their_part_in_any_company(kind: type[FileApplet[Any]]) -> None:
    there = desk(kind)
    assert authenticate(there) == 0x9000
    assert authenticate(there, keys=WRONG_KEYS) == 0x63CE
    assert authenticate(there, 0x82) == 0x6A88
    assert authenticate(there, 0x00) == 0x6A88, "no key was named"


@pytest.mark.parametrize("kind", [KeyedPrivacy, OnlyCertificates, Everything])
def test_a_key_is_named_where_there_is_a_command_for_it(kind: type[FileApplet[Any]]) -> None:
    there = desk(kind)
    assert there.terminal.plain(NAMED).status == 0x9000
    assert authenticate(there, 0x00) == 0x9000
    assert authenticate(there, 0x00) == 0x6A88, "with the authentication the name is forgotten"


def test_a_key_is_not_named_without_keys() -> None:
    assert desk(OnlyPrivacy).terminal.plain(NAMED).status == 0x6A81


@pytest.mark.parametrize("kind", [OnlyKeys, KeyedPrivacy])
def test_without_certificates_the_instruction_is_mutual_authentication_alone(
    kind: type[FileApplet[Any]],
) -> None:
    there = desk(kind)
    assert there.terminal.get_challenge().status == 0x9000
    assert there.terminal.plain(CommandApdu(0x00, 0x82, 0x00, 0x00, bytes(64))).status == 0x6700


# -- privacy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [OnlyPrivacy, KeyedPrivacy, Everything])
def test_privacy_does_its_part_in_any_company(kind: type[FileApplet[Any]]) -> None:
    there = desk(kind)
    pace = NaivePace(there.terminal)
    assert pace.steps().status == 0x9000
    read = CommandApdu(0x00, 0xB0, 0x81, 0x00, ne=4)
    assert there.terminal.protected(read).data == b"\xff" * 4
    assert there.terminal.protected(set_password()).status == 0x6985, "PACE comes first"
    assert NaivePace(there.terminal, "123457").steps().status == 0x6300


@pytest.mark.parametrize("kind", [OnlyPrivacy, KeyedPrivacy])
def test_without_certificates_no_authority_is_named_and_no_chip_proves_itself(
    kind: type[FileApplet[Any]],
) -> None:
    there = desk(kind)
    rights = Tlv(0x7F4C, [Tlv(0x06, h("88370101")), Tlv(0x53, b"\x1f")])
    pace = NaivePace(there.terminal)
    assert pace.steps(rights).status == 0x9000
    assert set(pace.objects) == {0x86}
    there = desk(kind)
    assert EacTerminal(there).present(DV_DRAFT) == 0x6A81
    assert EacTerminal(there).set_terminal() == 0x6A81
    assert EacTerminal(there).set_chip() == 0x6A81
    assert EacTerminal(there).general_authenticate() == 0x6A80
    assert there.status("002A00BE") == 0x6D00


# -- certificates ----------------------------------------------------------------------------------


def anchored(kind: type[FileApplet[Any]]) -> Desk:
    from jukicard.crypto.cvc import Certificate, trust_anchor

    there = desk(kind)
    applet = applet_on(there.card)
    with there.card.environment.memory.transaction():
        root = Certificate.parse_content(ROOT_DRAFT.content())
        applet.trust.add_anchor(trust_anchor(root))
    return there


@pytest.mark.parametrize("kind", [OnlyCertificates, Everything])
def test_certificates_do_their_part_in_any_company(kind: type[FileApplet[Any]]) -> None:
    there = anchored(kind)
    eac = EacTerminal(there)
    assert eac.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
    assert eac.set_terminal() == 0x9000
    assert eac.external_authenticate(eac.signature()) == 0x9000
    assert eac.set_chip() == 0x9000
    assert eac.general_authenticate() == 0x6985, "the chip has no key"


def test_without_privacy_there_is_no_pace() -> None:
    there = anchored(OnlyCertificates)
    assert there.terminal.plain(set_password()).status == 0x6A81
    for step in ((), (Tlv(0x81, b"x"),), (Tlv(0x83, b"x"),)):
        assert NaivePace(there.terminal).step(*step).status == 0x6A80


def test_the_authorities_are_named_where_there_are_both() -> None:
    there = anchored(Everything)
    rights = Tlv(0x7F4C, [Tlv(0x06, h("88370101")), Tlv(0x53, b"\x1f")])
    pace = NaivePace(there.terminal)
    assert pace.steps(rights).status == 0x9000
    assert pace.objects[0x87] == ROOT_DRAFT.holder


# -- overriding ------------------------------------------------------------------------------------


def test_an_override_answers_at_the_card() -> None:
    @offer_applet
    class Predictable(JukiApplet):
        type_name = "test-predictable"

        def get_challenge(self, command: CommandApdu, state: JukiState) -> ResponseApdu:
            super().get_challenge(command, state)
            return ResponseApdu(b"override")

    card = made(Predictable)
    card.power_on()
    assert card.transmit(h("00A4040C09") + AID) == h("9000")
    assert card.transmit(h("0084000008")) == b"override\x90\x00"
