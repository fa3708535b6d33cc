"""Opens what an office's file names: database, keys, authority, signer, other towns."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, cast

from jukihost.cli import output, prompts
from jukihost.cli.counter.settings import PREFECTURE, TEST, Settings
from jukihost.cli.output import UsageError
from jukihost.clock import Clock, machine_time, readable
from jukihost.database import Database, open_database
from jukihost.issuing import AuthorityAway, find_authority, find_signer
from jukihost.keys import KeyCustody
from jukihost.keys.counted import CountedCustody
from jukihost.log import KeyUse, PseudonymKey, read_log_key
from jukihost.register import LocalRegisters
from jukihost.workflows import Office, noting

if TYPE_CHECKING:
    from jukihost.issuing import CertificateAuthority
    from jukihost.issuing.standing import IssuersKeys
    from jukihost.keys import IssuerKeys


@contextmanager
def opened_office(
    arguments: argparse.Namespace, settings: Settings, *, quiet: bool = False
) -> Iterator[Office]:
    """Open the office of a file, and close all that it stands on. UsageError, TerminalError.

    quiet: say nothing of a rehearsal, which was said before.
    """
    with ExitStack() as stack:
        keys = stack.enter_context(prompts.custody(arguments, settings.keys))
        pseudonyms = _pseudonyms(arguments, settings.pseudonyms)
        clock = _clock(settings.rehearsal, quiet=quiet)
        terminal = settings.terminal or gethostname() or "counter"
        database = stack.enter_context(
            open_database(settings.database, clock=clock, terminal=terminal)
        )
        custody = CountedCustody(cast(KeyCustody, keys))
        yield Office(
            settings.municipality,
            database,
            custody,
            pseudonyms,
            registers=_registers(stack, arguments, settings, database, pseudonyms),
            authority=_authority(settings),
            issuer=_issuer(stack, arguments, settings, custody),
            records=find_signer(settings.records) if settings.records else None,
            key_floor=settings.key_floor,
            font=settings.font,
            rules=settings.rules,
        )


def _pseudonyms(arguments: argparse.Namespace, place: str) -> PseudonymKey:
    passphrase = prompts.passphrase(arguments, place)
    return PseudonymKey(read_log_key(Path(place), passphrase, KeyUse.PSEUDONYMS))


def _clock(behind: int, *, quiet: bool) -> Clock:
    """Return the machine's clock, or one that is some days behind, which is said."""
    if not behind:
        return Clock()
    clock = Clock(lambda: machine_time() - timedelta(days=behind))
    if not quiet:
        output.say(f"this is a rehearsal: the clock says {readable(clock.now())}")
    return clock


def _authority(settings: Settings) -> CertificateAuthority | None:
    """Return who certifies; UsageError where the file that it keeps cannot be used."""
    if settings.authority is None:
        return None
    try:
        return find_authority(settings.authority, settings.authority_register)
    except AuthorityAway as away:
        raise UsageError(str(away)) from None


def _issuer(
    stack: ExitStack, arguments: argparse.Namespace, settings: Settings, custody: CountedCustody
) -> IssuersKeys | None:
    """Return the issuer's keys: of a key store of their own, or of that of the office."""
    from jukihost.keys.issuer import ISSUER_TEST_KEYS, SYSTEM, IssuerKeys

    if settings.issuer is None:
        return None
    if settings.issuer == TEST:
        return lambda number: ISSUER_TEST_KEYS
    masters: KeyCustody = custody
    if settings.issuer != settings.keys:
        masters = cast(KeyCustody, stack.enter_context(prompts.custody(arguments, settings.issuer)))

    def keys_of(number: bytes) -> IssuerKeys:
        return IssuerKeys.from_custody(masters, number, masters.newest_version(SYSTEM))

    return keys_of


def _registers(
    stack: ExitStack,
    arguments: argparse.Namespace,
    settings: Settings,
    here: Database,
    pseudonyms: PseudonymKey,
) -> LocalRegisters | None:
    """Return the registers of a rehearsal, this town's among them; None where there is none."""
    if not settings.towns:
        return None
    databases = {settings.municipality: here}
    keys = {settings.municipality: pseudonyms}
    for name, town in settings.towns.items():
        keys[name] = _pseudonyms(arguments, town.pseudonyms)
        databases[name] = stack.enter_context(
            open_database(town.database, clock=here.clock, terminal=here.terminal)
        )
    keys[""] = keys.pop(PREFECTURE)
    prefecture = databases.pop(PREFECTURE)
    return LocalRegisters(databases, prefecture, noting(keys))
