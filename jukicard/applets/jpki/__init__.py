"""The JPKI application: certificates, the PINs that guard them, and signatures made in the card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.applets.jpki.commands import parse_compute_signature, parse_generate_key_pair
from jukicard.applets.jpki.files import AID, TREES
from jukicard.filesystem.selection import resolve_ef
from jukicard.kit.fileapplet import FileState, Handler
from jukicard.kit.jicsap import JICSAP_COMMANDS, JicsapApplet
from jukicard.kit.secured import SECURITY_COMMANDS, SecuredApplet
from jukicard.kit.signing import SigningKeys
from jukicard.runtime.applet import AppletContext

__all__ = ["AID", "JpkiApplet"]


class JpkiApplet(JicsapApplet, SecuredApplet):
    """Signs with keys that never leave it; docs/card.md lists its files and commands.

    The parameter `layout` says which card it is on, see `files.TREES`.
    """

    type_name = "jpki"
    tree = TREES["mynumber"]

    def __init__(self, context: AppletContext) -> None:
        self.tree = TREES[context.parameters["layout"]]
        super().__init__(context)
        self.signing = SigningKeys(self.files, context.random)

    def compute_signature(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """COMPUTE DIGITAL SIGNATURE with the key in the current EF, or in one by short name."""
        parsed = parse_compute_signature(command)
        ef = resolve_ef(state, parsed.key, "COMPUTE DIGITAL SIGNATURE")
        return ResponseApdu(self.signing.sign(ef, parsed.scheme, parsed.data, state))

    def generate_key_pair(self, command: CommandApdu, state: FileState) -> ResponseApdu:
        """GENERATE ASYMMETRIC KEY PAIR: the private key stays, the public one is answered."""
        parsed = parse_generate_key_pair(command)
        ef = resolve_ef(state, parsed.key, "GENERATE ASYMMETRIC KEY PAIR")
        if parsed.make:
            return ResponseApdu(self.signing.generate(ef, state))
        return ResponseApdu(self.signing.public(ef, state))

    interindustry: ClassVar[Mapping[int, Handler]] = {
        **JICSAP_COMMANDS,
        **SECURITY_COMMANDS,
        Ins.GENERATE_ASYMMETRIC_KEY_PAIR: generate_key_pair,
    }
    proprietary: ClassVar[Mapping[int, Handler]] = {
        **JicsapApplet.proprietary,
        Ins.PERFORM_SECURITY_OPERATION: compute_signature,
    }
