"""The card's side: a record file of loans, read by anybody, written by the library's system."""

from dataclasses import replace

from jukicard import PROFILES, Card, Placement, Profile, kit
from librarycard import AID, RECORD_SIZE

LOANS, KEY, CARD_NUMBER, RECORD_COUNT = 0x0001, 0x0101, 0x5A, 10
SYSTEM = kit.AllOf(kit.Authenticated("LIBRARY"), kit.SecureMessaging(kit.MessagingLevel.ENCRYPTED))


class LibraryApplet(kit.Files[kit.KeyState], kit.Keys[kit.KeyState]):
    """Loans: anybody reads them, the library's system writes them; there is no PIN."""

    type_name = "library"
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
                kit.KeyFile(fid=KEY, reference=1, right="LIBRARY"),
            ),
            objects=(kit.DataObject(tag=CARD_NUMBER, read=kit.ALWAYS, wrapped=True),),
        )
    )


def with_library(name: str = "juki-v1") -> Profile:
    """Return a profile of the project with the library's application behind its own."""
    placement = Placement(AID, LibraryApplet.type_name)
    profile = PROFILES[name]
    return replace(profile, applications=(*profile.applications, placement))


def personalise(card: Card, number: bytes, keys: kit.KeyPair) -> None:
    """Give the application the card's number (8 bytes), its key and a free place for each loan."""
    application = card.applications.get(AID)
    if application is None or not isinstance(application.applet, LibraryApplet):
        raise LookupError("this card has no library application")
    applet = application.applet
    with card.environment.memory.transaction():
        applet.files.put_data_object(applet.tree.ef(LOANS).parent, CARD_NUMBER, number)
        applet.files.put_records(applet.tree.ef(LOANS), [bytes(RECORD_SIZE)] * RECORD_COUNT)
        applet.keys.set_value(applet.tree.ef(KEY), keys)
