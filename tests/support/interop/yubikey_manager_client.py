"""Run by yubikit's own Python: opens SCP03 with a card in a reader and sends it commands.

Arguments: the reader's name; a key in hexadecimal (or nothing: the well-known one), behind a colon
its version if it is not the card's first; commands in hexadecimal, as they are inside the session,
or `put-key=VERSION:REPLACED:KEY` (no key: the well-known one) and `delete-key=VERSION`, which its
own methods build and check. Prints answer and status of each, a line a command.
"""

import sys

from smartcard.System import readers
from ykman.pcsc import ScardSmartCardConnection
from yubikit.core.smartcard import ApduError
from yubikit.core.smartcard.scp import KeyRef, Scp03KeyParams, StaticKeys
from yubikit.securitydomain import SecurityDomainSession


def static_keys(key: str) -> StaticKeys:
    """Return one key three times, or the well-known ones."""
    return StaticKeys(*(bytes.fromhex(key),) * 3) if key else StaticKeys.default()


def carry_out(session: SecurityDomainSession, command: str) -> str:
    """Send one command; the data of its answer in hexadecimal."""
    what, _, values = command.partition("=")
    if what == "put-key":
        version, replaced, key = values.split(":")
        session.put_key(KeyRef(1, int(version)), static_keys(key), int(replaced))
        return ""
    if what == "delete-key":
        session.delete_key(kvn=int(values))
        return ""
    cla, ins, p1, p2, *rest = bytes.fromhex(command)
    answer: bytes = session.protocol.send_apdu(cla, ins, p1, p2, bytes(rest[1:]))
    return answer.hex().upper()


name, key, *commands = sys.argv[1:]
[reader] = [one for one in readers() if str(one) == name]
found = reader.createConnection()
found.connect()
session = SecurityDomainSession(ScardSmartCardConnection(found))
key, _, version = key.partition(":")
session.authenticate(Scp03KeyParams(KeyRef(1, int(version or 0)), static_keys(key)))
for command in commands:
    try:
        print(carry_out(session, command) + "9000")
    except ApduError as error:
        print(error.data.hex().upper() + f"{error.sw:04X}")
