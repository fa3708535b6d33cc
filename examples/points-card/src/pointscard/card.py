"""The card's side: a purse that is never negative, and a log that agrees with it."""

from jukicard import kit
from pointscard import (
    AID,
    BALANCE,
    BOOKINGS,
    CREDIT,
    DEBIT,
    ENTRY_SIZE,
    LOG,
    LOG_SIZE,
    PIN,
    PointsPurpose,
)

SECURED = kit.SecureMessaging(kit.MessagingLevel.ENCRYPTED)
HOLDER = kit.Verified(PIN)
SHOP = kit.AllOf(kit.Authenticated(PointsPurpose.POINTS_CREDIT.name), SECURED)
TILL = kit.AllOf(kit.Authenticated(PointsPurpose.POINTS_DEBIT.name), HOLDER, SECURED)
DESK = kit.AllOf(kit.Authenticated(PointsPurpose.POINTS_DESK.name), SECURED)
SHOWN = kit.AccessRules(read=kit.AnyOf(HOLDER, SHOP, DESK))


class PointsApplet(kit.Files[kit.KeyState], kit.Pins[kit.KeyState], kit.Keys[kit.KeyState]):
    """Points: shops credit them, tills debit them with the holder's PIN, a desk unblocks it."""

    type_name = "town-points"
    version = 2  # 1 had no EF of bookings: the newest entry of the log was all that knew its number
    tree = kit.FileTree(
        kit.DedicatedFile(
            name=AID,
            files=(
                kit.TransparentFile(fid=BALANCE, size=2, fill=0, access=SHOWN),
                kit.RecordFile(
                    fid=LOG,
                    access=SHOWN,
                    structure=kit.RecordStructure.CYCLIC,
                    record_size=ENTRY_SIZE,
                    record_count=LOG_SIZE,
                ),
                kit.TransparentFile(fid=BOOKINGS, size=4, fill=0, access=SHOWN),
                kit.PinFile(fid=PIN, change=HOLDER, unblock=DESK),
                *(
                    kit.KeyFile(fid=0x0100 + one, reference=one, right=one.name)
                    for one in PointsPurpose
                ),
            ),
            objects=(kit.CARD_NUMBER,),
        )
    )

    def personalise(self, order: kit.Order) -> None:
        """Begin without points, with the PIN that was chosen."""
        super().personalise(order)
        self.pins.set_value(self.tree.ef(PIN), order.pin("points").encode())

    def migrate(self, before: int) -> None:
        """Begin to count where version 1 left off, so that no booking gets a number twice."""
        for newest in self.files.records(self.tree.ef(LOG))[:1]:
            self.files.put_content(self.tree.ef(BOOKINGS), newest[:4])

    def store(self, file: int, value: bytes) -> None:
        """Take a PIN from the issuer after issue, never points: these come by credit alone."""
        if file in (BALANCE, LOG, BOOKINGS):
            raise kit.IsoError(kit.StatusWord.CONDITIONS_NOT_SATISFIED, "points are credited")
        super().store(file, value)

    @kit.command(CREDIT, proprietary=True)
    def credit(self, command: kit.CommandApdu, state: kit.KeyState) -> kit.ResponseApdu:
        """`80 40`: add points; 6985 where more than 65535 would be there."""
        return self._book(command, state, SHOP, +1)

    @kit.command(DEBIT, proprietary=True)
    def debit(self, command: kit.CommandApdu, state: kit.KeyState) -> kit.ResponseApdu:
        """`80 42`: take points off; 6985 where there are not so many."""
        return self._book(command, state, TILL, -1)

    def _book(
        self, command: kit.CommandApdu, state: kit.KeyState, who: kit.AccessCondition, sign: int
    ) -> kit.ResponseApdu:
        """Write balance, count and entry in the command's one transaction: all land, or none."""
        if command.p1 or command.p2:
            raise kit.IsoError(kit.StatusWord.INCORRECT_P1_P2, "P1-P2 are 0000")
        if len(command.data) != 2:
            raise kit.IsoError(kit.StatusWord.WRONG_LENGTH, "an amount has two bytes")
        if not who.holds(state.security):
            needed = f"booking needs {who.missing(state.security)}"
            raise kit.IsoError(kit.StatusWord.SECURITY_STATUS_NOT_SATISFIED, needed)
        amount = int.from_bytes(command.data)
        if not amount:
            raise kit.IsoError(kit.StatusWord.INCORRECT_DATA, "an amount is 1 to 65535")
        balance, log, count = (self.tree.ef(fid) for fid in (BALANCE, LOG, BOOKINGS))
        left = int.from_bytes(self.files.content(balance)) + sign * amount
        if not 0 <= left <= 0xFFFF:
            raise kit.IsoError(kit.StatusWord.CONDITIONS_NOT_SATISFIED, "0 to 65535 points fit")
        number = (int.from_bytes(self.files.content(count)) + 1).to_bytes(4)
        entry = number + bytes((command.ins,)) + command.data + left.to_bytes(2)
        self.files.put_content(balance, left.to_bytes(2))
        self.files.put_content(count, number)
        self.files.put_records(log, [entry, *self.files.records(log)][:LOG_SIZE])
        return kit.ResponseApdu(entry)
