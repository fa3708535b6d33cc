"""Scenarios of the tearing suite for authentication by certificate, with a chain made for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from jukicard.apdu import CommandApdu, Ins, ResponseApdu, StatusWord, Tlv
from jukicard.crypto.asymmetric import EcPrivateKey
from jukicard.crypto.curves import BRAINPOOL_P256R1
from jukicard.crypto.cvc import Certificate, trust_anchor
from jukicard.environment import SeededRandom
from jukicard.kit.features.certificates import TERMINAL_TYPE, Certificates
from jukihost.authentication.eac import CA_ECDH_AES128, EphemeralKey
from jukihost.authentication.mutual import get_challenge
from jukihost.crypto import curves
from tests.support.naive.cvc_writer import ECDSA_SHA256, Draft, key, sign
from tests.support.tearing.access import Subject
from tests.support.tearing.cuts import Place, Scenario
from tests.support.tearing.keys import mutual_authenticate
from tests.support.tearing.private import (
    both,
    numbered,
    open_private,
    pace_steps,
    set_passwords,
)
from tests.support.tearing.rig import NotReached, Rig

ROOT_KEY, LINK_KEY, DV_KEY, TERMINAL_KEY = key(101), key(102), key(103), key(104)
ROOT: Final = Draft(
    b"JPROOT0001", b"JPROOT0001", ROOT_KEY, ROOT_KEY, b"\xdf",
    effective="200101", expires="400101", parameters=True, terminal_type=TERMINAL_TYPE,
)  # fmt: skip
LINK: Final = ROOT.with_(holder=b"JPROOT0002", key=LINK_KEY, effective="260301")
DV: Final = ROOT.with_(
    holder=b"JPDV000001", key=DV_KEY, mask=b"\x9f", effective="260401", parameters=False
)
TERMINAL: Final = DV.with_(
    issuer=DV.holder, holder=b"JPTERM0001", key=TERMINAL_KEY, signer=DV_KEY, mask=b"\x1f",
    effective="260501",
)  # fmt: skip
_DATE: Final = "date"


def trusting(subject: Subject) -> Callable[[Rig], None]:
    """Return the edit: the application trusts the root, the chip has a key, there is a number."""

    def edit(rig: Rig) -> None:
        applet = rig.applet(subject.aid)
        assert isinstance(applet, Certificates)
        applet.trust.add_anchor(trust_anchor(Certificate.parse_content(ROOT.content())))
        applet.trust.set_chip_key(_chip_key().der)

    return both(edit, numbered(subject))


def _chip_key() -> EcPrivateKey:
    return EcPrivateKey.generate(BRAINPOOL_P256R1, SeededRandom("chip").take)


@dataclass(frozen=True)
class Walk:
    """The steps of authentication by certificate, each one command; `private`: after PACE."""

    subject: Subject
    private: bool = False

    @property
    def where(self) -> str:
        """What the name of a scenario says of it."""
        return " in a private session" if self.private else ""

    def start(self, rig: Rig) -> None:
        """Select the application, open a session if need be, and make an ephemeral key."""
        if self.private:
            rig.notes["identifier"] = open_private(self.subject, rig)
        else:
            self.subject.select(rig)
            rig.notes["identifier"] = rig.must("00CA005A00").data[2:]
        rig.notes["ephemeral"] = EphemeralKey(
            curves.BRAINPOOL_P256R1, SeededRandom("ephemeral").take
        )

    def name_issuer(self, rig: Rig, draft: Draft) -> ResponseApdu:
        """MSE: SET DST."""
        data = Tlv(0x83, draft.issuer).encode()
        return rig.send(CommandApdu(0x00, Ins.MANAGE_SECURITY_ENVIRONMENT, 0x81, 0xB6, data))

    def show(self, rig: Rig, content: bytes) -> ResponseApdu:
        """PSO: VERIFY CERTIFICATE."""
        return rig.send(CommandApdu(0x00, Ins.PERFORM_SECURITY_OPERATION, 0x00, 0xBE, content))

    def name_terminal(self, rig: Rig) -> ResponseApdu:
        """MSE: SET AT for terminal authentication."""
        objects = (
            Tlv(0x80, ECDSA_SHA256),
            Tlv(0x83, TERMINAL.holder),
            Tlv(0x91, rig.notes["ephemeral"].compressed),
        )
        data = b"".join(tlv.encode() for tlv in objects)
        return rig.send(CommandApdu(0x00, Ins.MANAGE_SECURITY_ENVIRONMENT, 0x81, 0xA4, data))

    def signed(self, rig: Rig) -> bytes:
        """Ask for a challenge and sign it."""
        challenge = get_challenge(rig.channel)
        compressed = rig.notes["ephemeral"].compressed
        return sign(TERMINAL_KEY, rig.notes["identifier"] + challenge + compressed)

    def name_chip(self, rig: Rig, oid: bytes = CA_ECDH_AES128) -> ResponseApdu:
        """MSE: SET AT for chip authentication."""
        data = Tlv(0x80, oid).encode()
        return rig.send(CommandApdu(0x00, Ins.MANAGE_SECURITY_ENVIRONMENT, 0x41, 0xA4, data))

    def chip(self, rig: Rig, *, other: bool = False) -> ResponseApdu:
        """GENERAL AUTHENTICATE, with the terminal's ephemeral key or with another."""
        own = rig.notes["ephemeral"]
        if other:
            own = EphemeralKey(curves.BRAINPOOL_P256R1, SeededRandom("another").take)
        data = Tlv(0x7C, [Tlv(0x80, own.public)]).encode()
        return rig.send(CommandApdu(0x00, Ins.GENERAL_AUTHENTICATE, 0, 0, data, 256))

    def accept(self, rig: Rig, *drafts: Draft) -> None:
        """Have the card accept certificates."""
        for draft in drafts:
            _well(self.name_issuer(rig, draft))
            _well(self.show(rig, draft.content()))

    def prove_terminal(self, rig: Rig) -> None:
        """Do everything up to the proven terminal."""
        self.start(rig)
        self.accept(rig, DV, TERMINAL)
        _well(self.name_terminal(rig))
        _well(rig.send(_external(self.signed(rig))))


def _external(signature: bytes) -> CommandApdu:
    return CommandApdu(0x00, Ins.MUTUAL_AUTHENTICATE, 0x00, 0x00, signature)


def _well(answer: ResponseApdu) -> None:
    if answer.status != StatusWord.OK:
        raise NotReached(answer.status.hex)


def _at_start(walk: Walk, *accepted: Draft) -> Callable[[Rig], None]:
    def before(rig: Rig) -> None:
        walk.start(rig)
        walk.accept(rig, *accepted)

    return before


def manage_security_environment(subject: Subject, ins: int) -> Iterator[Scenario]:
    """MSE: SET writes nothing, whatever it sets and whether it may."""
    for walk in _walks(subject):
        yield from _manage(walk, ins)
    yield from set_passwords(subject)


def _walks(subject: Subject) -> tuple[Walk, Walk]:
    return Walk(subject), Walk(subject, private=True)


def _manage(walk: Walk, ins: int) -> Iterator[Scenario]:
    edit = trusting(walk.subject)
    key_1 = CommandApdu(0x00, ins, 0xC1, 0xA4, b"\x83\x01\x81")
    no_key = CommandApdu(0x00, ins, 0xC1, 0xA4, b"\x83\x01\x9f")
    stranger = ROOT.with_(issuer=b"NOBODY")
    steps: tuple[tuple[str, Callable[[Rig], None], Callable[[Rig], ResponseApdu], bool], ...] = (
        ("a key", walk.start, lambda rig: rig.send(key_1), True),
        ("no key", walk.start, lambda rig: rig.send(no_key), False),
        ("an issuer", walk.start, lambda rig: walk.name_issuer(rig, DV), True),
        ("an unknown issuer", walk.start, lambda rig: walk.name_issuer(rig, stranger), False),
        ("a terminal", _at_start(walk, DV, TERMINAL), walk.name_terminal, True),
        ("an unknown terminal", _at_start(walk, DV), walk.name_terminal, False),
        ("the chip", walk.prove_terminal, walk.name_chip, True),
        ("the chip too early", walk.start, walk.name_chip, False),
    )
    for what, before, act, succeeds in steps:
        yield Scenario(
            name=f"MSE: SET of {what}{walk.where}",
            before=before,
            act=act,
            edit=edit,
            succeeds=succeeds,
        )


def verify_certificate(subject: Subject, ins: int) -> Iterator[Scenario]:
    """PSO: VERIFY CERTIFICATE: what moves the date, what renews an anchor, and a forgery."""
    for walk in _walks(subject):
        yield from _verify(walk)


def _verify(walk: Walk) -> Iterator[Scenario]:
    subject = walk.subject
    date = subject.place(_DATE)
    anchor = subject.place(f"anchor/{LINK.holder.hex().upper()}")
    cases: tuple[tuple[str, tuple[Draft, ...], Draft, frozenset[Place]], ...] = (
        ("of a verifier", (), DV, frozenset({date})),
        ("of a terminal", (DV,), TERMINAL, frozenset({date})),
        ("of a link", (), LINK, frozenset({date, anchor})),
    )
    for what, accepted, draft, changes in cases:
        yield _certificate(walk, what, accepted, draft, changes=changes)
        forged = draft.with_(signer=key(999))
        yield _certificate(walk, f"{what}, forged", accepted, forged)
    yield Scenario(
        name=f"VERIFY CERTIFICATE before an issuer is named{walk.where}",
        before=walk.start,
        act=lambda rig: walk.show(rig, DV.content()),
        edit=trusting(subject),
        succeeds=False,
    )


def _certificate(
    walk: Walk,
    what: str,
    accepted: tuple[Draft, ...],
    draft: Draft,
    *,
    changes: frozenset[Place] = frozenset(),
) -> Scenario:
    content = draft.content()

    def before(rig: Rig) -> None:
        walk.start(rig)
        walk.accept(rig, *accepted)
        _well(walk.name_issuer(rig, draft))

    def is_unknown(rig: Rig) -> None:
        named = walk.name_issuer(rig, draft.with_(issuer=draft.holder))
        assert named.status.is_error, f"{what}: a certificate that answered 6581 was kept"

    return Scenario(
        name=f"VERIFY CERTIFICATE {what}{walk.where}",
        before=before,
        act=lambda rig: walk.show(rig, content),
        edit=trusting(walk.subject),
        succeeds=bool(changes),
        changes=changes,
        after_failure=is_unknown,
    )


def authenticate_externally(subject: Subject, ins: int) -> Iterator[Scenario]:
    """The instruction that is both: MUTUAL and EXTERNAL AUTHENTICATE."""
    yield from mutual_authenticate(subject, ins)
    for walk in _walks(subject):
        yield from _external_authenticate(walk)


def _external_authenticate(walk: Walk) -> Iterator[Scenario]:
    def before(spoil: int) -> Callable[[Rig], None]:
        def sign_challenge(rig: Rig) -> None:
            walk.start(rig)
            walk.accept(rig, DV, TERMINAL)
            _well(walk.name_terminal(rig))
            signature = walk.signed(rig)
            rig.notes["command"] = _external(signature[:-1] + bytes((signature[-1] ^ spoil,)))

        return sign_challenge

    for spoil in (0, 1):
        yield Scenario(
            name=f"EXTERNAL AUTHENTICATE, {'wrong' if spoil else 'right'}{walk.where}",
            before=before(spoil),
            act=lambda rig: rig.send(rig.notes["command"]),
            edit=trusting(walk.subject),
            succeeds=not spoil,
        )


def general_authenticate(subject: Subject, ins: int) -> Iterator[Scenario]:
    """GENERAL AUTHENTICATE: with the proven key, with another, too early; and PACE."""
    for walk in _walks(subject):
        yield from _prove_chip(walk)
    yield from pace_steps(subject)


def _prove_chip(walk: Walk) -> Iterator[Scenario]:
    def before(rig: Rig) -> None:
        walk.prove_terminal(rig)
        _well(walk.name_chip(rig))

    steps: tuple[tuple[str, Callable[[Rig], None], Callable[[Rig], ResponseApdu], bool], ...] = (
        ("with the proven key", before, walk.chip, True),
        ("with another key", before, lambda rig: walk.chip(rig, other=True), False),
        ("too early", walk.start, walk.chip, False),
    )
    for what, first, act, succeeds in steps:
        yield Scenario(
            name=f"GENERAL AUTHENTICATE {what}{walk.where}",
            before=first,
            act=act,
            edit=trusting(walk.subject),
            succeeds=succeeds,
        )
