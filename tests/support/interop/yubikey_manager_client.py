"""Run by yubikit's own Python: opens SCP03 with a card in a reader and sends it commands.

Arguments: the reader's name, a key in hexadecimal (or nothing: the well-known one), commands in
hexadecimal, as they are inside the session. Prints answer and status of each, a line a command.
"""

import sys

from smartcard.System import readers
from ykman.pcsc import ScardSmartCardConnection
from yubikit.core.smartcard import ApduError, SmartCardProtocol
from yubikit.core.smartcard.scp import Scp03KeyParams, StaticKeys

name, key, *commands = sys.argv[1:]
[reader] = [one for one in readers() if str(one) == name]
found = reader.createConnection()
found.connect()
protocol = SmartCardProtocol(ScardSmartCardConnection(found))
protocol.select(bytes.fromhex("A0000001510000"))
keys = StaticKeys(*(bytes.fromhex(key),) * 3) if key else StaticKeys.default()
protocol.init_scp(Scp03KeyParams(keys=keys))
for command in map(bytes.fromhex, commands):
    cla, ins, p1, p2, *rest = command
    try:
        print(protocol.send_apdu(cla, ins, p1, p2, bytes(rest[1:])).hex().upper() + "9000")
    except ApduError as error:
        print(error.data.hex().upper() + f"{error.sw:04X}")
