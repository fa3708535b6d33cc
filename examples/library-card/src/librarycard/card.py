"""The card's side: a record file of loans, read by anybody, written by the library's system."""

from jukicard import kit
from librarycard import AID, NO_PIN, RECORD_SIZE, LibraryPurpose

LOANS, KEY, RECORD_COUNT = 0x0001, 0x0101, 10
LIBRARY = LibraryPurpose.LIBRARY
SECURED = kit.SecureMessaging(kit.MessagingLevel.ENCRYPTED)
SYSTEM = kit.AllOf(kit.Authenticated(LIBRARY.name), SECURED)


class LibraryApplet(kit.Files[kit.KeyState], kit.Keys[kit.KeyState]):
    """Loans: anybody reads them, the library's system writes them; there is no PIN."""

    type_name = "library"
    pin_waiver = NO_PIN
    tree = kit.FileTree(
        kit.DedicatedFile(
            name=AID,
            files=(
                kit.RecordFile(
                    fid=LOANS,
                    access=kit.AccessRules(read=kit.ALWAYS, update=SYSTEM),
                    structure=kit.RecordStructure.LINEAR_FIXED,
                    record_size=RECORD_SIZE,
                    record_count=RECORD_COUNT,
                ),
                kit.KeyFile(fid=KEY, reference=LIBRARY, right=LIBRARY.name),
            ),
            objects=(kit.CARD_NUMBER,),
        )
    )

    def personalise(self, order: kit.Order) -> None:
        """Give the application a free place for each loan, beside its keys and number."""
        super().personalise(order)
        self.files.put_records(self.tree.ef(LOANS), [bytes(RECORD_SIZE)] * RECORD_COUNT)
