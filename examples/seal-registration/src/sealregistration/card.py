"""The card's side: one file, which no reader opens without the town's key."""

from jukicard import kit
from sealregistration import AID, PIN, REGISTRATION, SIZE, SealPurpose

SECURED = kit.SecureMessaging(kit.MessagingLevel.ENCRYPTED)
HOLDER = kit.Verified(PIN)
DESK = kit.AllOf(kit.Authenticated(SealPurpose.SEAL_DESK.name), SECURED)
KIOSK = kit.AllOf(kit.Authenticated(SealPurpose.SEAL_KIOSK.name), HOLDER, SECURED)


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
                *(
                    kit.KeyFile(fid=0x0100 + one, reference=one, right=one.name)
                    for one in SealPurpose
                ),
            ),
            objects=(kit.CARD_NUMBER,),
        )
    )

    def personalise(self, order: kit.Order) -> None:
        """Begin without a registration, with the PIN that was chosen."""
        super().personalise(order)
        self.pins.set_value(self.tree.ef(PIN), order.pin("seal").encode())
