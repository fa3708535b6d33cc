"""The operator application: who reads, signs, changes and unlocks, and when a password is over.

Its rules are those of docs/card.md; a terminal that knows only that page tries them.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from jukicard import PROFILES, Card, Pins, ProfileError, issue_card
from jukicard.apdu import Aid, Atr, CommandApdu
from jukicard.applets.operator import PASSWORD_DAYS
from jukicard.cli import main
from jukicard.runtime.boundary import raise_bug
from jukicard.synthetic.pki import operator_authority
from jukicard.testing import STATES, StateNotReached, card_in, today_in
from jukicard.testing.applets import with_forbidden
from tests.support.cards.issuer_desk import install, session
from tests.support.naive.terminal import WRONG_KEYS, NaiveTerminal, keys_of
from tests.support.published.transcript import send

AID = Aid("F04F50455241544F5201")
LOGIN, ADMIN = 6, 7
PURPOSES = {LOGIN: "OPERATOR_LOGIN", ADMIN: "ADMIN"}
WORD = b"Un jour, 2 mots!"
VERIFY = CommandApdu(0, 0x20, 0, 0x9B, WORD)
WRONG = VERIFY.replace(data=b"never this")
SIGN = CommandApdu(0x80, 0x2A, 0x02, 0x9A, b"\x5a" * 32, 256)
UNLOCK = CommandApdu(0, 0x2C, 0x03, 0x9B)
ISSUED = datetime.date(2026, 4, 1)


@dataclass
class Desk:
    """An operator card and a terminal in front of it."""

    card: Card
    terminal: NaiveTerminal

    def prove(self, reference: int) -> None:
        """Authenticate with a purpose's key."""
        assert self.authenticate(reference) == 0x9000

    def authenticate(self, reference: int) -> int:
        assert self.terminal.get_challenge().status == 0x9000
        keys = keys_of(self.terminal.card_number, PURPOSES[reference], AID)
        return self.terminal.mutual_authenticate(keys, 0x80 | reference).status

    def status(self, command: CommandApdu, *, readable: bool = False) -> int:
        """Send a command, in the session when there is one."""
        secure = 0 in self.terminal.sessions
        return self.terminal.send(command, secure=secure, readable=readable and secure).status

    def tell(self, day: str) -> int:
        return self.status(CommandApdu(0, 0xDA, 0, 0xC2, day.encode()))

    def read(self, tag: int) -> bytes:
        answer = self.terminal.protected(CommandApdu(0, 0xCA, 0, tag, ne=256))
        assert answer.status == 0x9000
        return answer.data[2:]


@pytest.fixture
def desk() -> Desk:
    card = issue_card(
        with_forbidden(PROFILES["operator"]),
        seed=1,
        issued=ISSUED,
        municipality="13221",
        pins={"operator": WORD.decode()},
        on_bug=raise_bug,
    )
    card.power_on()
    number = card.transmit(bytes.fromhex("00CA005A00"))[2:10]
    terminal = NaiveTerminal(card.transmit, number)
    assert terminal.select(AID).status == 0x9000
    return Desk(card, terminal)


def test_both_atrs_are_well_formed_and_no_other_cards() -> None:
    atrs = [atr for one in PROFILES.values() for atr in {one.contact_atr, one.contactless_atr}]
    operators = PROFILES["operator"]
    for atr in (operators.contact_atr, operators.contactless_atr):
        assert b"OPERATOR" in Atr.parse(atr).historical_bytes
        assert atrs.count(atr) == 1


# -- who may do what ------------------------------------------------------------------------------

ALLOWED = {
    "identity": (CommandApdu(0, 0xB0, 0x81, 0, ne=16), {"login", "admin"}),
    "certificate": (CommandApdu(0, 0xB0, 0x82, 0, ne=16), {"login", "admin"}),
    "authority": (CommandApdu(0, 0xB0, 0x83, 0, ne=16), {"nobody", "login", "admin"}),
    "card's date": (CommandApdu(0, 0xCA, 0, 0xC2, ne=256), {"login", "admin"}),
    "last day": (CommandApdu(0, 0xCA, 0, 0xC3, ne=256), {"login", "admin"}),
    "public key": (CommandApdu(0, 0x46, 0x81, 0x9A, ne=256), {"login", "admin"}),
    "sign": (SIGN, {"login+password"}),
    "new pair": (CommandApdu(0, 0x46, 0x80, 0x9A, ne=256), {"admin"}),
    "change": (
        CommandApdu(0, 0x24, 1, 0x9B, b"another word"),
        {"login+password", "admin+password"},
    ),
    "unlock": (UNLOCK, {"admin"}),
    "set password": (CommandApdu(0, 0x2C, 2, 0x9B, b"another word"), {"admin"}),
    "write identity": (CommandApdu(0, 0xD6, 0x81, 0, b"x"), {"admin"}),
    "write certificate": (CommandApdu(0, 0xD6, 0x82, 0, b"x"), {"admin"}),
    "write authority": (CommandApdu(0, 0xD6, 0x83, 0, b"x"), {"admin"}),
    "tell date": (CommandApdu(0, 0xDA, 0, 0xC2, b"20260402"), {"login", "admin"}),
    "suspend": (CommandApdu(0, 0x04, 0, 0, b"\x3f\x00"), {"admin"}),
    "end": (CommandApdu(0, 0xFE, 0, 0), {"admin"}),
}
WHO = ("nobody", "password", "login", "login+password", "admin", "admin+password")


@pytest.mark.parametrize("what", ALLOWED)
@pytest.mark.parametrize("who", WHO)
def test_who_may_do_what(desk: Desk, what: str, who: str) -> None:
    command, allowed = ALLOWED[what]
    rights = {who, who.removesuffix("+password")} | ({"nobody"} if who == "password" else set())
    if who.startswith(("login", "admin")):
        desk.prove(LOGIN if who.startswith("login") else ADMIN)
    if who.endswith("password"):
        assert desk.status(VERIFY) == 0x9000
    assert desk.status(command) == (0x9000 if rights & allowed else 0x6982)


@pytest.mark.parametrize("what", ["change", "unlock", "set password", "write identity"])
def test_what_is_secret_goes_encrypted(desk: Desk, what: str) -> None:
    """A command without data has nothing that could be read: with a MAC it is as good."""
    desk.prove(ADMIN)
    assert desk.status(VERIFY) == 0x9000
    expected = 0x9000 if what == "unlock" else 0x6982
    assert desk.status(ALLOWED[what][0], readable=True) == expected


# -- the password ---------------------------------------------------------------------------------


def test_three_wrong_ones_lock_it_and_only_admin_unlocks(desk: Desk) -> None:
    desk.prove(LOGIN)
    assert [desk.status(WRONG) for _ in range(3)] == [0x63C2, 0x63C1, 0x63C0]
    assert desk.status(VERIFY) == 0x6984
    assert desk.status(UNLOCK) == 0x6982, "the ward's own terminal cannot"
    desk.card.reset()
    desk.terminal.sessions.clear()
    desk.terminal.select(AID)
    assert desk.status(VERIFY) == 0x6984
    assert desk.status(UNLOCK) == 0x6982
    issuer = session(desk.card)
    assert issuer.send(install(0x20, aid=bytes(AID))) == "009000"
    assert issuer.send("802C030002001B") == "6985", "nor can the issuer"
    for key in ("0106", "0107"):
        assert issuer.send(f"802C030002{key}") == "9000"
    desk.card.reset()
    desk.terminal.select(AID)
    assert desk.status(VERIFY) == 0x6984
    desk.prove(ADMIN)
    assert desk.status(UNLOCK) == 0x9000
    assert desk.status(VERIFY) == 0x9000


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        (b"8 chars!", 0x9000),
        (b"~" * 16, 0x9000),
        (b"        ", 0x9000),
        (b"7 chars", 0x6700),
        (b"x" * 17, 0x6700),
        (b"tab\there", 0x6A80),
        ("passwört".encode(), 0x6A80),
        (b"delete\x7f!", 0x6A80),
    ],
)
def test_any_printable_ascii_of_8_to_16(desk: Desk, word: bytes, answer: int) -> None:
    desk.prove(LOGIN)
    assert desk.status(VERIFY) == 0x9000
    assert desk.status(CommandApdu(0, 0x24, 1, 0x9B, word)) == answer
    now = word if answer == 0x9000 else WORD
    assert desk.status(VERIFY.replace(data=now)) == 0x9000


def test_its_end_comes_with_the_cards_date_and_a_new_one_begins_again(desk: Desk) -> None:
    desk.prove(LOGIN)
    last = ISSUED + datetime.timedelta(PASSWORD_DAYS)
    assert desk.read(0xC3) == f"{last:%Y%m%d}".encode()
    assert desk.status(VERIFY) == 0x9000
    assert desk.tell(f"{last:%Y%m%d}") == 0x9000
    assert desk.status(SIGN) == 0x9000
    after = last + datetime.timedelta(1)
    assert desk.tell(f"{after:%Y%m%d}") == 0x9000
    assert desk.status(SIGN) == 0x6985
    assert desk.status(VERIFY) == 0x9000, "it can still be changed"
    assert desk.status(CommandApdu(0, 0x24, 1, 0x9B, b"another word")) == 0x9000
    assert desk.status(SIGN) == 0x9000
    assert desk.read(0xC3) == f"{after + datetime.timedelta(PASSWORD_DAYS):%Y%m%d}".encode()


def test_who_has_not_the_password_is_not_told_that_it_is_over(desk: Desk) -> None:
    desk.prove(LOGIN)
    assert desk.tell("20300101") == 0x9000
    assert desk.status(SIGN) == 0x6982


@pytest.mark.parametrize(("with_new", "signs"), [(True, 0x9000), (False, 0x6985)])
def test_unlocking_renews_only_with_a_new_value(desk: Desk, with_new: bool, signs: int) -> None:
    desk.prove(ADMIN)
    assert desk.tell("20300101") == 0x9000
    new = CommandApdu(0, 0x2C, 2, 0x9B, WORD) if with_new else UNLOCK
    assert desk.status(new) == 0x9000
    desk.prove(LOGIN)
    assert desk.status(VERIFY) == 0x9000
    assert desk.status(SIGN) == signs


# -- the card's date ------------------------------------------------------------------------------


def test_it_goes_forward_and_only_admin_takes_it_back(desk: Desk) -> None:
    desk.prove(LOGIN)
    assert desk.read(0xC2) == b"20260401"
    assert desk.tell("20260405") == 0x9000
    assert desk.tell("20260405") == 0x9000
    assert desk.tell("20260404") == 0x6985
    assert desk.read(0xC2) == b"20260405"
    desk.prove(ADMIN)
    assert desk.tell("20260404") == 0x9000
    assert desk.read(0xC2) == b"20260404"


@pytest.mark.parametrize("day", ["2026040", "202604011", "20260431", "2026 401", "00000101"])
def test_what_is_no_day_is_refused(desk: Desk, day: str) -> None:
    desk.prove(LOGIN)
    assert desk.tell(day) == 0x6A80
    assert desk.read(0xC2) == b"20260401"


def test_no_other_object_is_put(desk: Desk) -> None:
    desk.prove(ADMIN)
    for tag in (0x5A, 0x8A, 0xC1, 0xC3):
        assert desk.status(CommandApdu(0, 0xDA, 0, tag, b"20990101")) == 0x6A88


def test_the_last_day_there_is(desk: Desk) -> None:
    desk.prove(LOGIN)
    assert desk.status(VERIFY) == 0x9000
    assert desk.tell("99991231") == 0x9000
    assert desk.status(CommandApdu(0, 0x24, 1, 0x9B, b"another word")) == 0x9000
    assert desk.read(0xC3) == b"99991231"
    assert desk.status(SIGN) == 0x9000


# -- keys and certificate -------------------------------------------------------------------------


def test_a_key_that_is_guessed_at_is_counted_and_neither_opens_the_other(desk: Desk) -> None:
    desk.terminal.get_challenge()
    assert desk.terminal.mutual_authenticate(WRONG_KEYS, 0x87).status == 0x63CE
    desk.terminal.get_challenge()
    keys = keys_of(desk.terminal.card_number, "OPERATOR_LOGIN", AID)
    assert desk.terminal.mutual_authenticate(keys, 0x87).status == 0x63CD


def test_the_certificate_names_the_operator_and_holds_the_key(desk: Desk) -> None:
    desk.prove(LOGIN)
    identity = desk.terminal.protected(CommandApdu(0, 0xB0, 0x81, 0, ne=256)).data
    raw = b""
    for at in range(0, 1000, 200):
        p1, p2 = (0x82, 0) if not at else divmod(at, 256)
        raw += desk.terminal.protected(CommandApdu(0, 0xB0, p1, p2, ne=200)).data
    size = int.from_bytes(raw[2:4]) + 4
    certificate = x509.load_der_x509_certificate(raw[:size])
    [name] = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert identity[:4].hex() == "ff2013df"
    assert str(name.value).encode() in identity
    assert b"13221" in identity
    authority = x509.load_der_x509_certificate(operator_authority().certificate)
    certificate.verify_directly_issued_by(authority)
    assert desk.status(VERIFY) == 0x9000
    message = b"who is there?"
    signed = desk.terminal.protected(CommandApdu(0x80, 0x2A, 0x03, 0x9A, message, 256)).data
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    r, s = int.from_bytes(signed[:32]), int.from_bytes(signed[32:])
    key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))


# -- life cycle -----------------------------------------------------------------------------------


def test_admin_suspends_resumes_and_ends_the_card(desk: Desk) -> None:
    desk.prove(ADMIN)
    assert desk.status(ALLOWED["suspend"][0]) == 0x9000
    desk.card.reset()
    desk.terminal.sessions.clear()
    assert desk.terminal.select(AID).status == 0x6283
    assert desk.status(VERIFY) == 0x6985
    assert desk.authenticate(LOGIN) == 0x6985
    desk.prove(ADMIN)
    assert desk.status(CommandApdu(0, 0x44, 0, 0, b"\x3f\x00")) == 0x9000
    desk.prove(LOGIN)
    desk.prove(ADMIN)
    assert desk.status(ALLOWED["end"][0]) == 0x9000
    desk.terminal.sessions.clear()
    assert desk.terminal.select(AID).status == 0x6285
    assert desk.terminal.get_challenge().status == 0x6985


# -- issuing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"pins": {"operator": "1234567"}}, "the operator PIN is 8 to 16 printable ASCII"),
        ({"pins": {"operator": "パスワードです。"}}, "the operator PIN is 8 to 16 printable ASCII"),
        (
            {"pins": Pins(juki="4711")},
            "no Juki application on this card, .* those of operator",
        ),
        ({"pin": "4711"}, "no Juki application on this card"),
    ],
)
def test_what_it_cannot_be_issued_with_is_said(given: dict[str, object], told: str) -> None:
    with pytest.raises(ProfileError, match=told) as refused:
        issue_card("operator", seed=1, **given)  # type: ignore[arg-type]
    assert "パスワード" not in str(refused.value)
    assert "4711" not in str(refused.value)


def test_two_cards_have_two_keys_and_a_seed_gives_the_same() -> None:
    first, again, other = (issue_card("operator", seed=seed).snapshot() for seed in (1, 1, 2))
    place = f"application {AID}"
    assert first.partitions[place] == again.partitions[place]
    for name in ("content/001A", "content/0002"):
        assert first.partitions[place][name] != other.partitions[place][name]


# -- for testers, and on the command line ---------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "selected", "tries"),
    [
        ("issued", 0x9000, 0x63C3),
        ("expired", 0x9000, 0x63C3),
        ("password_expired", 0x9000, 0x63C3),
        ("one_try_left", 0x9000, 0x63C1),
        ("pin_blocked", 0x9000, 0x63C0),
        ("key_blocked", 0x9000, 0x63C3),
        ("suspended", 0x6283, 0x6985),
        ("terminated", 0x6285, 0x6985),
    ],
)
def test_it_is_had_in_every_state(state: str, selected: int, tries: int) -> None:
    card = card_in(state, profile="operator")
    card.power_on()
    terminal = NaiveTerminal(card.transmit, bytes.fromhex(send(card, "00CA005A00"))[2:10])
    assert terminal.select(AID).status == selected
    assert send(card, "0020009B") == f"{tries:04X}"
    if state == "key_blocked":
        assert Desk(card, terminal).authenticate(LOGIN) == 0x6983
    assert set(STATES) - {"moved_out"} >= {state}


@pytest.mark.parametrize("given", [{}, {"issued": ISSUED}], ids=["profile's day", "another"])
def test_its_password_is_over_on_the_day_that_a_clock_may_show(given: dict[str, Any]) -> None:
    for state, signs in (("issued", 0x9000), ("password_expired", 0x6985)):
        card = card_in(state, profile="operator", pins={"operator": WORD.decode()}, **given)
        card.power_on()
        terminal = NaiveTerminal(card.transmit, card.transmit(bytes.fromhex("00CA005A00"))[2:10])
        assert terminal.select(AID).status == 0x9000
        desk = Desk(card, terminal)
        desk.prove(LOGIN)
        assert desk.status(VERIFY) == 0x9000, "it can still be changed"
        assert desk.status(SIGN) == signs
        today = today_in(state, "operator", **given)
        assert desk.tell(f"{today:%Y%m%d}") == 0x9000


def test_nobody_moves_out_of_one() -> None:
    with pytest.raises(StateNotReached, match="without the Juki application"):
        card_in("moved_out", profile="operator")


def test_it_is_made_and_looked_at_from_a_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pins, image = tmp_path / "pins", tmp_path / "card.juki"
    pins.write_text(f"operator {WORD.decode()}\n")
    options = ["--profile", "operator", "--seed", "1", "--pin-file", str(pins)]
    assert main(["new", *options, str(image)]) == 0
    send_it = ["--send", f"00A4040C0A{AID}", "--send", f"0020009B{len(WORD):02X}{WORD.hex()}"]
    for more in ([], ["--json"], send_it):
        assert main(["inspect", *more, str(image)]) == 0
    shown = capsys.readouterr().out
    assert "PIN, 3 of 3 tries left, valid until 2015-06-30, the card's date is 2015-04-01" in shown
    assert "9000" in shown
    assert WORD.decode() not in shown
    assert WORD.hex() not in shown.lower()
