"""`jukihost operator`: log in with an operator card, change its password, unlock it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jukihost.cli import output, prompts
from jukihost.cli.arguments import (
    Commands,
    add_command,
    add_connection,
    add_group,
    add_key_version,
    add_passphrase,
    add_pin_file,
)
from jukihost.cli.reach import connected
from jukihost.cli.status import tries_left
from jukihost.clock import Clock
from jukihost.models import OperatorPurpose
from jukihost.texts import said

if TYPE_CHECKING:
    from jukihost.channel import ApduChannel
    from jukihost.conversation.secrets import OperatorPassword
    from jukihost.sessions.operator import OperatorSession


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    actions = add_group(
        commands, "operator", "log in with an operator card, change its password or unlock it"
    )
    login = _action(
        actions, "login", "check password, signature and certificate of an operator", _login
    )
    add_pin_file(login, "the password")
    login.add_argument(
        "--anchor",
        metavar="FILE",
        action="append",
        required=True,
        help="certificates of who certifies operators, PEM (of any number) or DER; may be repeated",
    )
    change = _action(actions, "change-password", "change the password", _change)
    add_pin_file(change, "the present password, then the new one")
    for action in (login, change):
        action.add_argument("--yes", action="store_true", help="use the last try without asking")
    unlock = _action(
        actions, "unlock", "give the password its tries back; needs the key of ADMIN", _unlock
    )
    add_pin_file(unlock, "the new password")
    unlock.add_argument(
        "--keep", action="store_true", help="let the password stay as it is; asks for none"
    )
    authority = add_command(
        actions, "authority", "save the certificate of who certified the operator", _authority
    )
    add_connection(authority)
    authority.add_argument(
        "--out", metavar="FILE", required=True, help="save it as PEM, - for standard output"
    )
    authority.add_argument("--force", action="store_true", help="replace the output file")


def _action(
    actions: Commands, name: str, text: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = add_command(actions, name, text, run)
    add_connection(parser)
    parser.add_argument(
        "--keys",
        metavar="FILE",
        required=True,
        help="the key store to authenticate with: its system OPERATOR_LOGIN, to unlock ADMIN",
    )
    add_passphrase(parser)
    add_key_version(parser)
    return parser


@contextmanager
def _channel(arguments: argparse.Namespace) -> Iterator[_Desk]:
    """Open the key store, then the card: a wrong passphrase costs no command."""
    with prompts.custody(arguments) as keys, connected(arguments) as (_, channel):
        yield _Desk(
            arguments,
            channel,
            lambda session, purpose: session.authenticate(
                purpose, keys, version=arguments.key_version
            ),
        )


class _Desk:
    """A terminal with its keys, and a card in its reader."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        channel: ApduChannel,
        authenticate: Callable[[OperatorSession, OperatorPurpose], object],
    ) -> None:
        self._arguments, self._channel, self._authenticate = arguments, channel, authenticate

    @contextmanager
    def session(self, purpose: OperatorPurpose) -> Iterator[OperatorSession]:
        """Open the operator application, authenticated."""
        from jukihost.sessions.operator import OperatorSession

        with OperatorSession(self._channel) as session:
            self._authenticate(session, purpose)
            yield session

    def asked(self, *questions: str) -> list[OperatorPassword]:
        """Say how many tries are left, have the last one confirmed, and ask for passwords.

        The card is not held for it. UsageError, PinFormatError.
        """
        from jukihost.sessions.operator import OperatorSession

        with OperatorSession(self._channel) as session:
            left = session.password_retries()
        output.say(f"operator's password: {tries_left(left)}")
        if left == 1:
            prompts.confirmed(self._arguments, "A wrong password locks the card.", "last try")
        return _passwords(self._arguments, *questions)


def _passwords(arguments: argparse.Namespace, *questions: str) -> list[OperatorPassword]:
    from jukihost.conversation.secrets import OperatorPassword

    return prompts.secrets(arguments, OperatorPassword, *questions)


def _new_password(
    arguments: argparse.Namespace, ask: Callable[..., list[OperatorPassword]], *before: str
) -> list[OperatorPassword]:
    """Ask for passwords of which the last is a new one: typed, it is asked for twice."""
    found = ask(*before, said("operator: new password: "))
    again = said("operator: new password again: ")
    if arguments.pin_file is None and _passwords(arguments, again) != found[-1:]:
        raise output.UsageError(
            "the two new passwords are not the same; nothing was sent to the card"
        )
    return found


def _login(arguments: argparse.Namespace) -> int:
    from jukihost.cli.verify import certificates_of
    from jukihost.signing.report import need_extra
    from jukihost.signing.validity import Trust

    need_extra()
    anchors = tuple(
        one for path in arguments.anchor for one in certificates_of(path, "the trust anchor")
    )
    with _channel(arguments) as desk:
        [password] = desk.asked(said("operator: password: "))
        with desk.session(OperatorPurpose.OPERATOR_LOGIN) as session:
            trust = Trust(anchors, Clock().now())
            operator = session.log_in(password, trust, today=Clock().today())
    fields = {
        "operator": operator.identity.identifier,
        "municipality": operator.identity.municipality,
        "password until": operator.password_until.isoformat(),
    }
    if arguments.json:
        output.print_json({name.replace(" ", "_"): value for name, value in fields.items()})
        return output.OK
    table = output.table("", "")
    for name, value in fields.items():
        output.add_row(table, name, value)
    output.print_table(table)
    return output.OK


def _change(arguments: argparse.Namespace) -> int:
    with _channel(arguments) as desk:
        present, new = _new_password(arguments, desk.asked, said("operator: present password: "))
        new.check_new(present)
        with desk.session(OperatorPurpose.OPERATOR_LOGIN) as session:
            until = session.change_password(present, new, today=Clock().today())
    return output.done(arguments, f"the password is changed, and valid until {until}")


def _unlock(arguments: argparse.Namespace) -> int:
    new = None
    if not arguments.keep:
        [new] = _new_password(arguments, lambda *questions: _passwords(arguments, *questions))
        new.check_new()
    with _channel(arguments) as desk, desk.session(OperatorPurpose.ADMIN) as session:
        if new is not None:
            session.tell_date(Clock().today())
        session.unlock(new)
    return output.done(
        arguments,
        "the password has its tries back" + ("" if new is None else " and a new value"),
    )


def _authority(arguments: argparse.Namespace) -> int:
    from cryptography.hazmat.primitives.serialization import Encoding

    from jukihost.sessions.operator import OperatorSession

    with connected(arguments, verifies=False) as (_, channel), OperatorSession(channel) as session:
        raw = session.authority_certificate().public_bytes(Encoding.PEM)
    output.write_file(arguments.out, raw, force=arguments.force)
    return output.OK
