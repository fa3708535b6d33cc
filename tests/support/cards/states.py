"""Cards as this release makes them, kept for later ones: `python -m tests.support.cards.states`.

Writes vectors/state/<version>/: of each card its snapshot (`.card`), a script of what it must
answer once it is read again (`.txt`), and what a terminal finds on it (`.json`); in
`<profile>.juki` all cards of a profile, and in further files (`.juki`) one each, as `jukicard new`
makes them. What happens to a card in a file happens to it there. Run once for a release; a file
that exists is never written to.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import jukicard
from jukicard import PROFILES, Card, Pins
from jukicard.apdu import Aid, CommandApdu
from jukicard.environment import CardEnvironment, SeededRandom
from jukicard.memory import PersistentMemory, SqliteBackend, create_card, list_cards
from jukicard.profiles.catalogue import Generation
from jukicard.synthetic.people import draw_person
from jukicard.synthetic.person import Person, card_expiry, juki_card_expiry
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.conversation.secrets import BirthPin
from jukihost.keys.issuer import ISSUER_TEST_KEYS, IssuerKeys
from jukihost.models import Purpose
from jukihost.sessions.issuer import IssuerSession
from jukihost.sessions.juki import JukiSession
from tests.support.cards.card_certificates import CERTIFICATE, NUMBER
from tests.support.cards.eac_desk import CHIP_KEY, ROOT_DRAFT, certificate, der
from tests.support.cards.issuing import issue
from tests.support.cards.state_findings import Findings, Known, find
from tests.support.host.custody import PublicMasters
from tests.support.naive.terminal import JUKI, WRONG_KEYS, NaiveTerminal
from tests.support.published.transcript import send

STATES: Final = Path(__file__).parents[3] / "vectors" / "state"
_JUKI: Final = "00A4040C0AD3921000310001010401"
_JPKI: Final = "00A4040C0AD392F000260100000001"
_TRIES: Final = "0020009C"

ASKED: Final = {
    "juki-v1": (
        _JUKI,
        _TRIES,
        "00CA005A00",
        "00CA008A00",
        "00CA00C100",
        "00B2011400",
        _JPKI,
        "00B0860020",
        "00B0820004",
        "0020009B",
        "00B0810004",
    ),
    "juki-v2": ("00A4040C0AD3921000310001010402", "00200091", "00200092", "00B0830010"),
    "mynumber": (
        "00CA00F200",
        _JUKI,
        _TRIES,
        _JPKI,
        "00B0860020",
        "00B0880003",
        "00B08A0004",
        "00200098",
        "0020009804 31323334",
        "802A0097 33" + "30" * 51 + "00",
        "00A4040C0AD3921000310001010100",
        "00B2010C00",
        "00A4040C0AD3921000310001010408",
        "0020009104 31323334",
        "00B0810011",
    ),
    "operator": (
        "00A4040C0AF04F50455241544F5201",
        "0020009B",
        "00CA005A00",
        "00CA008A00",
        "00B0810004",
        "00B0830004",
        "0020009B0A 6F70657261746F722D31",
    ),
}
"""What each kind of card is asked; kept with the answers, so a later release need not ask this."""


CARD_ID: Final = "card"
"""The name that `jukicard new` gives the card in a file."""
ACCESS_NUMBER: Final = "271828"
OTHER_KEY: Final = bytes(range(0x50, 0x70))
"""A key of AES-256 that an issuer has put in the place of the published ones."""


def _as_issued(card: Card) -> None:
    del card


def _told(*commands: str) -> Callable[[Card], None]:
    """Return the story of a card that is sent plain commands, whatever it answers."""

    def story(card: Card) -> None:
        for command in commands:
            send(card, command)

    return story


def _at_the_counter(command: CommandApdu) -> Callable[[Card], None]:
    """Return the story of a card that the counter sends one protected command."""

    def story(card: Card) -> None:
        terminal = _terminal(card)
        terminal.authenticate(4)
        assert terminal.protected(command).status == 0x9000

    return story


def _keys_guessed(card: Card) -> None:
    terminal = _terminal(card)
    for reference, times in ((1, 3), (4, 1)):
        for _ in range(times):
            terminal.get_challenge()
            answer = terminal.mutual_authenticate(WRONG_KEYS, 0x80 | reference)
            assert answer.status & 0xFFF0 == 0x63C0


def _terminal(card: Card) -> NaiveTerminal:
    terminal = NaiveTerminal(card.transmit, bytes.fromhex(send(card, "00CA005A00"))[2:10])
    terminal.select(JUKI)
    return terminal


@contextmanager
def _as_issuer(card: Card) -> Iterator[IssuerSession]:
    with LocalReader(card) as connection, IssuerSession(build_channel(connection)) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        yield issuer


INTENT: Final = bytes(range(0xA0, 0xB0))


def _changed_and_not_told(card: Card) -> None:
    """Unblock the PIN twice at the counter; the answer of the second change is never confirmed."""
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as juki:
        juki.authenticate(Purpose.COUNTER, PublicMasters())
        first = juki.begin_change(bytes(range(1, 17)))
        juki.unblock_pin("4321")
        juki.confirm(first)
        juki.begin_change(INTENT)
        juki.unblock_pin("1234")


def _issuer_keys_replaced(card: Card) -> None:
    with _as_issuer(card) as issuer:
        issuer.put_keys(IssuerKeys(*(OTHER_KEY,) * 3, version=2), replace=1)


def _application_locked(card: Card) -> None:
    with _as_issuer(card) as issuer:
        issuer.lock(Aid("D392F000260100000001"))


@dataclass(frozen=True)
class Story:
    """A card that is kept: how it is issued, what has happened to it since, its issuer's key."""

    profile: str
    act: Callable[[Card], None] = _as_issued
    options: Mapping[str, Any] = field(default_factory=dict)
    foreign: bool = False
    issuer: bytes = ISSUER_TEST_KEYS.k_enc

    @property
    def suite(self) -> str:
        return str(self.options.get("suites", "MA-AES128"))


def _juki_v1(act: Callable[[Card], None] = _as_issued, **options: Any) -> Story:
    return Story("juki-v1", act, options)


@functools.cache
def _certified() -> Mapping[str, Any]:
    """A card that lets systems in by certificate, and has one of its own."""
    return {
        "trust_anchors": [certificate(ROOT_DRAFT)],
        "chip_key": der(CHIP_KEY),
        "chip_certificate": CERTIFICATE,
        "card_number": NUMBER,
    }


_WRONG: Final = "30303030"
_NUMBERS_GUESSED: Final = (
    "00A4040C0AD3921000310001010402", "0020009106 303030303030",
    *["002000920E" + "30" * 14] * 2, *["002000930C" + "30" * 12] * 3,
)  # fmt: skip
_USED: Final = (
    *_NUMBERS_GUESSED,
    "00A4040C0AD3921000310001010408", *[f"0020009104 {_WRONG}"] * 2,
    "002000940C" + "30" * 12, *["002000950E" + "30" * 14] * 2,
    "00A4040C0AD3921000310001010100", f"0020009C04 {_WRONG}",
    "00A4040C0AD392F000260100000001", *["0020009B06 303030303030"] * 2, f"0020009804 {_WRONG}",
)  # fmt: skip

STORIES: Final[dict[str, Story]] = {
    "juki-v1 as issued": _juki_v1(),
    "juki-v1 blocked PIN": _juki_v1(_told(_JUKI, *[f"0020009C04{_WRONG}"] * 3)),
    "juki-v1 one try left": _juki_v1(_told(_JUKI, *[f"0020009C04{_WRONG}"] * 2)),
    "juki-v1 suspended": _juki_v1(
        _at_the_counter(CommandApdu(0x00, 0x04, 0x00, 0x00, b"\x3f\x00"))
    ),
    "juki-v1 moved out": _juki_v1(_at_the_counter(CommandApdu(0x00, 0xDA, 0x00, 0xC1, b"\x01"))),
    "juki-v1 terminated": _juki_v1(_at_the_counter(CommandApdu(0x00, 0xFE, 0x00, 0x00))),
    "juki-v1 name only": _juki_v1(form=1),
    "juki-v1 contactless": _juki_v1(contactless=True, access_number=ACCESS_NUMBER),
    "juki-v1 keys guessed": _juki_v1(_keys_guessed),
    "juki-v1 MA-AES192": _juki_v1(suites="MA-AES192"),
    "juki-v1 MA-AES256": _juki_v1(suites="MA-AES256"),
    "juki-v1 MA-3DES": _juki_v1(suites="MA-3DES"),
    "juki-v1 certificates": _juki_v1(**_certified()),
    "juki-v1 RSA-2048": _juki_v1(rsa_bits=2048),
    "juki-v1 issuer keys replaced": Story("juki-v1", _issuer_keys_replaced, issuer=OTHER_KEY),
    "juki-v1 application locked": _juki_v1(_application_locked),
    "juki-v1 receipts": _juki_v1(receipts=True),
    "juki-v1 receipts unseen": _juki_v1(_changed_and_not_told, receipts=True),
    "juki-v2 as issued": Story("juki-v2"),
    "juki-v2 name only": Story("juki-v2", options={"form": 1}),
    "juki-v2 contactless": Story(
        "juki-v2", options={"contactless": True, "access_number": ACCESS_NUMBER}
    ),
    "juki-v2 compat": Story("juki-v2", options={"compat": True}),
    "juki-v2 compat RSA-2048": Story("juki-v2", options={"compat": True, "rsa_bits": 2048}),
    "juki-v2 foreign holder": Story("juki-v2", foreign=True),
    "juki-v2 numbers guessed": Story("juki-v2", _told(*_NUMBERS_GUESSED)),
    "mynumber as issued": Story("mynumber"),
    "mynumber contactless": Story(
        "mynumber", options={"contactless": True, "access_number": ACCESS_NUMBER}
    ),
    "mynumber foreign holder": Story("mynumber", foreign=True),
    "operator as issued": Story("operator"),
    "operator locked": Story(
        "operator", _told("00A4040C0AF04F50455241544F5201", *["0020009B08" + "30" * 8] * 3)
    ),
    "mynumber guessed": Story("mynumber", _told(*_USED)),
}
"""The cards that are kept; those from 0.1.0 on keep their names and stories."""


def _issue(name: str) -> tuple[Card, Person]:
    story = STORIES[name]
    day = PROFILES[story.profile].issued
    options = dict(story.options)
    # what issue_card draws first, so that the card is the same as without a person given
    person = draw_person(SeededRandom(name), issued=day, foreign=True if story.foreign else None)
    if story.foreign:
        options["person"] = person
    return issue(story.profile, seed=name, **options), person


def make(name: str) -> tuple[bytes, str]:
    """Return the image of a card and the script of its answers."""
    story = STORIES[name]
    card, _ = _issue(name)
    card.power_on()
    story.act(card)
    image = card.snapshot().export_with_keys()
    again = card.fork()
    lines = [f"# {name}", f"# ATR {again.power_on().hex().upper()}"]
    lines += [f"{command} -> {send(again, command)}" for command in ASKED[story.profile]]
    return image, "\n".join(lines) + "\n"


def make_file(path: Path, cards: Mapping[str, str]) -> None:
    """Make a file of cards, names in it and in `STORIES`, and let their stories happen there."""
    for card_id, name in cards.items():
        issued, _ = _issue(name)
        snapshot = issued.environment.memory.snapshot({"profile": issued.profile})
        create_card(path, card_id, snapshot)
        memory = PersistentMemory(SqliteBackend(path, card_id))
        card = Card(CardEnvironment(random=SeededRandom(name), memory=memory))
        card.power_on()
        STORIES[name].act(card)
        memory.close()


def find_on(name: str) -> tuple[Known, Findings]:
    """Return what is known of a card at a terminal, and what the terminal finds with that."""
    story = STORIES[name]
    card, person = _issue(name)
    card.power_on()
    story.act(card)
    expires = (
        card_expiry
        if PROFILES[story.profile].generation is Generation.MY_NUMBER
        else juki_card_expiry
    )(person, PROFILES[story.profile].issued)
    # a foreign resident's birth date has a year of the era, or one of the common calendar
    for birth in (BirthPin.of_date(person.birth).encode().decode(), f"{person.birth:%y%m%d}"):
        if story.profile == "mynumber":
            number = f"{birth}{expires.year:04}{person.security_code}"
        else:
            number = f"{expires:%Y%m%d}" + ("" if story.options.get("form") == 1 else birth)
        known = Known(
            suite=story.suite,
            access_number=str(story.options.get("access_number", "")),
            number_a=person.individual_number if story.profile == "mynumber" else "",
            number_b=number,
            birth=birth,
            issuer=story.issuer.hex(),
            password=Pins().operator if story.profile == "operator" else "",
            receipts=bool(story.options.get("receipts")),
        )
        found = find(card.fork(), known)
        if found.get("surface number B", "done") == "done":
            return known, found
    raise AssertionError(f"{name}: the face's number is refused")


def stem_of(name: str) -> str:
    """Return how the files of a card are called, but for their endings."""
    return name.replace(" ", "_")


def files() -> dict[str, dict[str, str]]:
    """Return the files of cards that a release keeps: the stem, then card names and stories."""
    of_profiles = {
        profile: {stem_of(name): name for name, one in STORIES.items() if one.profile == profile}
        for profile in PROFILES
    }
    alone = [f"{profile} as issued" for profile in PROFILES]
    return of_profiles | {stem_of(name): {CARD_ID: name} for name in alone}


def kept() -> Iterator[tuple[Path, Path]]:
    """Yield snapshot and script of every card that any release has kept."""
    for image in sorted(STATES.glob("*/*.card")):
        yield image, image.with_suffix(".txt")


def kept_in_files() -> Iterator[tuple[Path, str, Path]]:
    """Yield every card that any release has kept in a file: file, name in it, its script."""
    for image in sorted(STATES.glob("*/*.juki")):
        for entry in list_cards(image):
            stem = image.stem if entry.card_id == CARD_ID else entry.card_id
            yield image, entry.card_id, image.with_name(f"{stem}.txt")


def main() -> int:
    """Write what this release has not kept yet; 1 when that is nothing."""
    folder = STATES / jukicard.__version__
    folder.mkdir(parents=True, exist_ok=True)
    written = [path for name in STORIES for path in keep(folder / stem_of(name), name)]
    for stem, cards in files().items():
        path = folder / f"{stem}.juki"
        if not path.exists():
            make_file(path, cards)
            written.append(path)
    if not written:
        print(f"{folder} has all: what a release has kept is not made again", file=sys.stderr)
        return 1
    print(*written, sep="\n")
    return 0


def keep(stem: Path, name: str) -> Iterator[Path]:
    """Write the files of one card that are not there yet, and yield each."""
    card, script, found = (Path(f"{stem}.{kind}") for kind in ("card", "txt", "json"))
    if not card.exists():
        image, text = make(name)
        card.write_bytes(image)
        script.write_text(text, encoding="ascii")
        yield from (card, script)
    if not found.exists():
        known, findings = find_on(name)
        text = json.dumps({"known": asdict(known), "found": findings}, indent=1)
        found.write_text(text + "\n", encoding="ascii")
        yield found


if __name__ == "__main__":
    sys.exit(main())
