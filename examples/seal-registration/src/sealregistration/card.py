"""The card's side: one file, which no reader opens without the town's key."""

from jukicard import kit
from sealregistration import AID, PIN, REGISTRATION, SIZE

SECURED = kit.SecureMessaging(kit.MessagingLevel.ENCRYPTED)
HOLDER = kit.Verified(PIN)
DESK = kit.AllOf(kit.Authenticated("SEAL_DESK"), SECURED)
KIOSK = kit.AllOf(kit.Authenticated("SEAL_KIOSK"), HOLDER, SECURED)


class SealApplet(kit.Files[kit.KeyState], kit.Pins[kit.KeyState], kit.Keys[kit.KeyState]):
    """A registered seal: the desk writes it, a kiosk reads it with the holder's PIN."""

    type_name = "seal"
    tree = kit.FileTree(
        kit.DedicatedFile(
            name=AID,
            files=(
                kit.TransparentFile(
                    fid=REGISTRATION,
                    size=SIZE,
                    access=kit.AccessRules(read=kit.AnyOf(DESK, KIOSK), update=DESK),
                ),
                kit.PinFile(fid=PIN, change=HOLDER, unblock=DESK),
                kit.KeyFile(fid=0x0101, reference=1, right="SEAL_DESK"),
                kit.KeyFile(fid=0x0102, reference=2, right="SEAL_KIOSK"),
            ),
            objects=(kit.CARD_NUMBER,),
        )
    )

    def personalise(self, order: kit.Order) -> None:
        """Begin without a registration, with the PIN that was chosen."""
        super().personalise(order)
        self.pins.set_value(self.tree.ef(PIN), order.pin("seal").encode())
