"""Access conditions and the security status they are asked against; closed by default."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, TypeAlias


class MessagingLevel(IntEnum):
    """How the running command is protected: not at all, by a MAC, or encrypted as well."""

    NONE = 0
    MAC = 1
    ENCRYPTED = 2


Proof: TypeAlias = int | str
"""What something proven rests on: an internal EF, by its file identifier, or by its name a right,
or a secret that stands in no file."""


_NOTHING: Final[frozenset[Proof]] = frozenset()


class SecurityStatus:
    """What has been proven to one application on one logical channel.

    `verified` holds the file identifiers of verified PINs, `authenticated` the names of the
    rights that authentication granted, `rests_on` the keys or the password that these and the
    session came from, `messaging` the protection of the running command.
    Dropped whole when the application is left, never cleared piece by piece.
    """

    __slots__ = ("authenticated", "messaging", "rests_on", "verified")

    def __init__(self) -> None:
        self.verified: set[int] = set()
        self.authenticated: set[str] = set()
        self.rests_on: frozenset[Proof] = _NOTHING
        self.messaging = MessagingLevel.NONE

    def describe(self) -> str:
        """Say in words what has been proven, for a refusal's reason; holds no secret."""
        pins = ", ".join(f"{fid:04X}" for fid in sorted(self.verified)) or "no"
        rights = ", ".join(sorted(self.authenticated)) or "nothing"
        return (
            f"has authenticated {rights}; PIN verified: {pins}; "
            f"secure messaging: {self.messaging.name.lower()}"
        )

    def __repr__(self) -> str:
        return f"<SecurityStatus {self.describe()}>"


class AccessCondition(ABC):
    """What must have been proven before an operation is allowed."""

    __slots__ = ()

    @abstractmethod
    def holds(self, status: SecurityStatus) -> bool:
        """Tell whether `status` satisfies this condition."""

    @abstractmethod
    def __str__(self) -> str: ...

    def __repr__(self) -> str:
        return str(self)

    def leaves(self) -> Iterator[AccessCondition]:
        """Yield this condition, or the conditions it is composed of."""
        yield self

    def proofs(self) -> Iterator[Proof]:
        """Yield the PINs and rights that are named in it, whichever of them may do."""
        yield from ()

    def missing(self, status: SecurityStatus) -> str:
        """Say which parts do not hold."""
        return ", ".join(str(leaf) for leaf in self.leaves() if not leaf.holds(status))


class Always(AccessCondition):
    """Nothing need be proven."""

    __slots__ = ()

    def holds(self, status: SecurityStatus) -> bool:
        return True

    def __str__(self) -> str:
        return "Always"


class Never(AccessCondition):
    """Nobody is allowed; what a file without a condition has."""

    __slots__ = ()

    def holds(self, status: SecurityStatus) -> bool:
        return False

    def __str__(self) -> str:
        return "Never"


ALWAYS: Final = Always()
NEVER: Final = Never()


class Verified(AccessCondition):
    """The PIN in the internal EF `pin` (its file identifier) has been verified."""

    __slots__ = ("pin",)

    def __init__(self, pin: int) -> None:
        self.pin = pin

    def holds(self, status: SecurityStatus) -> bool:
        return self.pin in status.verified

    def proofs(self) -> Iterator[Proof]:
        yield self.pin

    def __str__(self) -> str:
        return f"Verified({self.pin:04X})"


class Authenticated(AccessCondition):
    """A system has authenticated itself for the right `right`, for example `COUNTER`."""

    __slots__ = ("right",)

    def __init__(self, right: str) -> None:
        self.right = right

    def holds(self, status: SecurityStatus) -> bool:
        return self.right in status.authenticated

    def proofs(self) -> Iterator[Proof]:
        yield self.right

    def __str__(self) -> str:
        return f"Authenticated({self.right})"


class SecureMessaging(AccessCondition):
    """The command itself came under secure messaging of at least `level`."""

    __slots__ = ("level",)

    def __init__(self, level: MessagingLevel) -> None:
        self.level = level

    def holds(self, status: SecurityStatus) -> bool:
        return status.messaging >= self.level

    def __str__(self) -> str:
        return f"SecureMessaging({self.level.name})"


class AllOf(AccessCondition):
    """Every one of the conditions holds; ValueError when there is none."""

    __slots__ = ("conditions",)

    def __init__(self, *conditions: AccessCondition) -> None:
        if not conditions:
            raise ValueError("AllOf() of nothing would always hold: name the conditions")
        self.conditions = conditions

    def holds(self, status: SecurityStatus) -> bool:
        return all(condition.holds(status) for condition in self.conditions)

    def proofs(self) -> Iterator[Proof]:
        for condition in self.conditions:
            yield from condition.proofs()

    def leaves(self) -> Iterator[AccessCondition]:
        for condition in self.conditions:
            yield from condition.leaves() if isinstance(condition, AllOf) else (condition,)

    def __str__(self) -> str:
        return " and ".join(
            f"({condition})" if isinstance(condition, AnyOf) else str(condition)
            for condition in self.conditions
        )


class AnyOf(AccessCondition):
    """At least one of the conditions holds; of none, none does."""

    __slots__ = ("conditions",)

    def __init__(self, *conditions: AccessCondition) -> None:
        self.conditions = conditions

    def holds(self, status: SecurityStatus) -> bool:
        return any(condition.holds(status) for condition in self.conditions)

    def proofs(self) -> Iterator[Proof]:
        for condition in self.conditions:
            yield from condition.proofs()

    def __str__(self) -> str:
        rights = [part.right for part in self.conditions if isinstance(part, Authenticated)]
        if rights and len(rights) == len(self.conditions):
            return f"Authenticated({' or '.join(rights)})"
        return (
            " or ".join(
                f"({condition})" if isinstance(condition, AllOf) else str(condition)
                for condition in self.conditions
            )
            or "Never"
        )
