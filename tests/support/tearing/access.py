"""How a scenario of the tearing suite proves what an access condition asks for.

The values of PINs and keys are read from the card's own memory, so that this works for every
application that declares its files, whatever profile it is on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from jukicard.environment import SeededRandom
from jukicard.filesystem.access import (
    AccessCondition,
    AllOf,
    Always,
    AnyOf,
    Authenticated,
    SecureMessaging,
    Verified,
)
from jukicard.filesystem.files import EfNode
from jukicard.kit.features.keys import Keys
from jukicard.kit.fileapplet import FileApplet
from jukicard.kit.keys import KeyFile, KeyPair
from jukicard.kit.pin import PinFile
from jukicard.securemessaging.suites import Suite
from jukihost.authentication.mutual import Suite as HostSuite, authenticate
from tests.support.tearing.cuts import Place
from tests.support.tearing.rig import Rig

GRANTS: Final = {"RIGHT": "80100000"}
"""Rights that no key grants, and the command that does (tests.support.applets.iso_applet)."""

_SUITES: Final = {
    Suite.TRIPLE_DES: HostSuite.MA_3DES,
    Suite.AES128: HostSuite.MA_AES128,
    Suite.AES192: HostSuite.MA_AES192,
    Suite.AES256: HostSuite.MA_AES256,
}


class HostKeys(NamedTuple):
    """A pair of keys as the terminal holds it."""

    suite: str
    k_enc: bytes
    k_mac: bytes


@dataclass(frozen=True)
class Plan:
    """What has to be proven: one right, whether in a session, and PINs."""

    right: str | None = None
    secure: bool = False
    pins: tuple[int, ...] = ()

    def joined(self, other: Plan) -> Plan | None:
        """Return what proves both; None when that takes two rights."""
        if self.right and other.right and self.right != other.right:
            return None
        pins = tuple(dict.fromkeys((*self.pins, *other.pins)))
        return Plan(self.right or other.right, self.secure or other.secure, pins)


NOTHING: Final = Plan()


class Subject:
    """One application of a world: its files, and how its rights are got."""

    def __init__(self, aid: bytes, rig: Rig) -> None:
        self.aid = aid
        self.applet = rig.applet(aid)
        self.tree = self.applet.tree
        application = rig.card.applications.get(aid)
        assert application is not None
        self.partition = application.partition_name
        self.privileged = application.privileged
        self.contents = rig.memory.snapshot().contents()
        self.on_the_card = frozenset(one.aid for one in rig.card.applications)

    def place(self, key: str) -> Place:
        """Return the place of one of the application's values."""
        return self.partition, key

    def tries(self, ef: EfNode) -> Place:
        """Return where the retry counter of a PIN or key is."""
        return self.place(f"tries/{ef.path}")

    def pins(self) -> list[EfNode]:
        """Return the PINs that have a value."""
        return [
            ef
            for ef in self.tree.root.efs.values()
            if isinstance(ef.spec, PinFile) and pin_value(self.applet, ef)
        ]

    def keys(self) -> dict[int, EfNode]:
        """Return the keys that have a value, by reference."""
        if not isinstance(self.applet, Keys):
            return {}
        return {
            reference: ef
            for reference, ef in self.applet.keys.references().items()
            if self.applet.files.partition.get(ef.content_key)
        }

    def plan(self, condition: AccessCondition) -> Plan | None:
        """Return a way to satisfy a condition, None when this application has none."""
        match condition:
            case Always():
                return NOTHING
            case Verified(pin=fid):
                return Plan(pins=(fid,)) if fid in {ef.fid for ef in self.pins()} else None
            case Authenticated(right=right):
                known = right in GRANTS or self._reference(right) is not None
                return Plan(right=right) if known else None
            case SecureMessaging():
                return Plan(secure=True) if self.keys() else None
            case AllOf(conditions=parts):
                return self._all(parts)
            case AnyOf(conditions=parts):
                return next(filter(None, (self.plan(part) for part in parts)), None)
            case _:
                return None

    def _all(self, parts: tuple[AccessCondition, ...]) -> Plan | None:
        whole: Plan | None = NOTHING
        for part in parts:
            step = self.plan(part)
            if whole is None or step is None:
                return None
            whole = whole.joined(step)
        return whole

    def _reference(self, right: str) -> int | None:
        for reference, ef in self.keys().items():
            if isinstance(ef.spec, KeyFile) and ef.spec.right == right:
                return reference
        return None

    def select(self, rig: Rig) -> None:
        """Select the application, as a stranger."""
        rig.secure, rig.selected = None, self.aid
        rig.must(f"00A4040C{len(self.aid):02X}{self.aid.hex()}")

    def prove(self, rig: Rig, plan: Plan) -> None:
        """Select the application and prove what the plan says."""
        self.select(rig)
        if plan.right in GRANTS:
            rig.must(GRANTS[plan.right])
        elif plan.right or plan.secure:
            reference = self._reference(plan.right) if plan.right else next(iter(self.keys()))
            assert reference is not None
            self.open_session(rig, reference)
        for fid in plan.pins:
            self.verify(rig, self.tree.ef(fid))

    def proving(self, plan: Plan) -> Callable[[Rig], None]:
        """Return a `before` that proves what the plan says."""
        return lambda rig: self.prove(rig, plan)

    def open_session(self, rig: Rig, reference: int) -> None:
        """Authenticate with a key and go on in the session."""
        keys = host_keys(rig.applet(self.aid), self.keys()[reference])
        rig.secure = authenticate(rig.plain, reference, keys, SeededRandom("terminal").take)

    def verify(self, rig: Rig, ef: EfNode) -> None:
        """Verify a PIN with its value."""
        value = pin_value(rig.applet(self.aid), ef)
        rig.must(f"002000{self.reference(rig, ef):02X}{len(value):02X}{value.hex()}")

    @staticmethod
    def reference(rig: Rig, ef: EfNode) -> int:
        """Return the P2 that names an internal EF; it is selected where it has no short name."""
        if ef.spec.sfi is not None:
            return 0x80 | ef.spec.sfi
        rig.must(f"00A4020C02{ef.fid:04X}")
        return 0x80


def pin_value(applet: FileApplet[Any], ef: EfNode) -> bytes:
    """Return the value of a PIN, empty when it has none."""
    return applet.files.partition.get(ef.content_key) or b""


def host_keys(applet: FileApplet[Any], ef: EfNode) -> HostKeys:
    """Return a key object's pair for the host's side."""
    raw = applet.files.partition.get(ef.content_key)
    assert raw is not None
    pair = KeyPair.from_bytes(raw)
    return HostKeys(_SUITES[pair.suite], pair.enc, pair.mac)
