"""A stranger's SCP03 opens the issuer domain: yubikit in process, over TCP, and over PC/SC.

It has its defaults: the well-known keys, mode S8, level 33. Of what it then does, keys are changed
by its own methods; the other commands are built here.
"""

from __future__ import annotations

from typing import Any

import pytest

from jukicard import PROFILES, Card, CardKeys, issue_card
from jukicard.apdu import Tlv
from jukicard.runtime.boundary import raise_bug
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.tcp import TcpServer
from jukihost.transport.tcp import TcpConnection
from tests.support.cards.issuer_desk import ISSUER, POINTS
from tests.support.interop import yubikey_manager as yubikit
from tests.support.interop.pcscd import Pcscd

NAMES = tuple(PROFILES)
KEY = bytes(range(16))
NAME = f"4F{len(POINTS):02X}{POINTS.hex().upper()}"
LISTED = f"E3{len(NAME) // 2 + 4:02X}{NAME}9F7001"
"""How the application begins in the registry; its state follows."""
APPLICATIONS = "80F24002024F00"
MANAGEMENT = {
    "what there is to install": f"80F22002{len(NAME) // 2:02X}{NAME}",
    "install": "80E60C00"
    + f"{3 * (len(POINTS) + 1) + 5:02X}"
    + f"{len(POINTS):02X}{POINTS.hex()}" * 3
    + "0100"
    + "02C90000",
    "list": APPLICATIONS,
    "lock": f"80F04080{len(POINTS):02X}{POINTS.hex()}",
    "locked": f"80F24002{len(NAME) // 2:02X}{NAME}",
    "unlock": f"80F04000{len(POINTS):02X}{POINTS.hex()}",
    "unlocked": f"80F24002{len(NAME) // 2:02X}{NAME}",
    "delete": f"80E40000{len(NAME) // 2:02X}{NAME}",
    "deleted": f"80F24002{len(NAME) // 2:02X}{NAME}",
    "lock the card": "80F0807F",
    "the card": "80F28002024F00",
    "unlock the card": "80F0800F",
}


def check(answers: list[str], name: str = "juki-v1") -> None:
    """Hold what MANAGEMENT was answered by a card against what it should do."""
    said = dict(zip(MANAGEMENT, answers, strict=True))
    assert NAME in said["what there is to install"]
    assert NAME in said["list"]
    issued_with = {str(one.aid) for one in issued(name).applications} - {ISSUER}
    assert issued_with
    assert all(aid in said["list"] for aid in issued_with)
    assert "9F700187" in said["locked"]
    assert "9F700107" in said["unlocked"]
    assert said["deleted"] == "6A88"
    assert "9F70017F" in said["the card"]
    succeeded = {name for name, answer in said.items() if answer.endswith("9000")}
    assert succeeded == set(MANAGEMENT) - {"deleted"}


def issued(name: str = "juki-v1", **options: Any) -> Card:
    return issue_card(PROFILES[name], seed=1, on_bug=raise_bug, **options)


def versions(session: Any) -> set[int]:
    # its own reader takes the answer of a YubiKey, which leaves the template's tag out
    return told_versions(session.get_data(0xE0).hex() + "9000")


def told_versions(answer: str) -> set[int]:
    """The versions in an answer to GET DATA E0."""
    assert answer.endswith("9000")
    return {key.value[1] for key in Tlv.parse(bytes.fromhex(answer[:-4])).children}


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_the_channel_in_process(name: str) -> None:
    with LocalReader(issued(name)) as connection:
        plain = connection.transmit(bytes.fromhex("80CA00E000"))[:-2]
        session = yubikit.opened(connection)
        assert session.get_data(0xE0) == plain
        assert session.get_data(0x9F7F)[:3] == b"\x9f\x7f\x2a"
        assert versions(session) == {1}


def test_it_opens_the_channel_over_tcp() -> None:
    with (
        TcpServer(issued()) as server,
        TcpConnection(server.host, server.port) as connection,
    ):
        assert versions(yubikit.opened(connection)) == {1}


def test_its_wrong_keys_are_refused() -> None:
    with LocalReader(issued(keys=CardKeys(issuer=(KEY,) * 3))) as connection:
        for key, version in ((None, 0), (KEY, 2)):
            with pytest.raises(ValueError, match="Incorrect SCP parameters"):
                yubikit.opened(connection, key, version)
        assert versions(yubikit.opened(connection, KEY)) == {1}


def test_it_changes_keys() -> None:
    with LocalReader(issued()) as connection:
        reference = yubikit.part("core.smartcard.scp").KeyRef
        session = yubikit.opened(connection)
        session.put_key(reference(1, 2), yubikit.static_keys(KEY))
        assert versions(session) == {1, 2}
        session = yubikit.opened(connection, KEY, 2)
        session.delete_key(kvn=1)
        assert versions(session) == {2}
        session.put_key(reference(1, 3), yubikit.static_keys(), replace_kvn=2)
        assert versions(yubikit.opened(connection)) == {3}


def test_what_it_manages_in_process() -> None:
    refused = yubikit.part("core.smartcard").ApduError
    answers = []
    with LocalReader(issued()) as connection:
        protocol = yubikit.opened(connection).protocol
        for command in map(bytes.fromhex, MANAGEMENT.values()):
            try:
                answer = protocol.send_apdu(*command[:4], command[5:])
                answers.append((answer + b"\x90\0").hex().upper())
            except refused as error:
                answers.append(f"{error.sw:04X}")
    check(answers)


def test_it_notices_that_the_card_has_ended_the_session() -> None:
    with LocalReader(issued()) as connection:
        session = yubikit.opened(connection)
        connection.transmit(bytes.fromhex("80CA006600"))
        with pytest.raises(yubikit.part("core.smartcard").ApduError) as refusal:
            session.get_data(0xE0)
        assert refusal.value.sw == 0x6882


KEYS = "80CA00E0"


def test_it_changes_keys_over_pcsc(pcscd: Pcscd) -> None:
    reader = pcscd.insert(issued())
    added = yubikit.over_pcsc(reader, f"put-key=2:0:{KEY.hex()}", KEYS)
    deleted = yubikit.over_pcsc(reader, "delete-key=1", KEYS, key=f"{KEY.hex()}:2")
    replaced = yubikit.over_pcsc(reader, "put-key=3:2:", key=KEY.hex())
    afterwards = yubikit.over_pcsc(reader, KEYS, "delete-key=3", KEYS)
    assert [added[0], deleted[0], *replaced] == ["9000"] * 3
    assert [told_versions(one) for one in (added[1], deleted[1], afterwards[0])] == [
        {1, 2},
        {2},
        {3},
    ]
    assert afterwards[1:] == ["6985", afterwards[0]], "the last keys are not deleted"
    with pytest.raises(AssertionError, match="Incorrect SCP parameters"):
        yubikit.over_pcsc(reader, KEYS, key=KEY.hex())


@pytest.mark.parametrize("name", NAMES)
def test_what_it_manages_over_pcsc(pcscd: Pcscd, name: str) -> None:
    reader = pcscd.insert(issued(name))
    check(yubikit.over_pcsc(reader, *MANAGEMENT.values()), name)
    assert yubikit.over_pcsc(reader, "80CA00E0")[0].startswith("E0")
