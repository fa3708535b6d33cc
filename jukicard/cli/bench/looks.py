"""What can be seen of a card as it is now, as plain data without a secret."""

from __future__ import annotations

from collections import deque
from typing import Any

from jukicard.channel import LogicalChannel
from jukicard.filesystem.files import EfNode, InternalFile, RecordFile, TransparentFile
from jukicard.filesystem.selection import Selection
from jukicard.kit.fileapplet import FileApplet
from jukicard.runtime.application import Application
from jukicard.runtime.card import Card

Plain = dict[str, Any]


def look_at(card: Card) -> Plain:
    """Return applications, files, tries, states, and what is proven on every channel.

    No contents of any file, no PIN, no key. The card must not be at work meanwhile.
    """
    return {
        "profile": card.profile,
        "atr": card.atr.hex(" ").upper(),
        "state": card.state.now.name.lower(),
        "powered": card.powered,
        "applications": [_application(one) for one in card.applications],
        "channels": [_channel(one) for one in card.channels],
    }


def _application(application: Application) -> Plain:
    files: list[Plain] = []
    more: list[Plain] = []
    nodes, applet = _nodes(application)
    for name, value in application.description:
        if nodes and applet is not None and nodes[0].label == name:
            files.append(_file(applet, nodes.popleft(), value))
        else:
            more.append({"name": name, "value": value})
    return {
        "aid": str(application.aid),
        "kind": application.type_name,
        "package": application.package,
        "files": files,
        "more": more,
    }


def _nodes(application: Application) -> tuple[deque[EfNode], FileApplet[Any] | None]:
    """Return the EFs of an application of our own; of one from elsewhere only it knows them."""
    applet = application.seen
    if not isinstance(applet, FileApplet):
        return deque(), None
    return deque(node for node in applet.tree.walk() if isinstance(node, EfNode)), applet


def _file(applet: FileApplet[Any], node: EfNode, says: str) -> Plain:
    found: Plain = {
        "fid": node.label,
        "path": node.path,
        "kind": _kind(node),
        "says": says,
        "state": applet.files.state(node).name.lower(),
    }
    spec = node.spec
    most = getattr(spec, "tries", 0)
    if isinstance(spec, InternalFile):
        if most and applet.files.value(node) is not None:
            found |= {"left": applet.files.tries(node), "tries": most}
        return found
    access = spec.access
    return found | {"read": str(access.read), "update": str(access.update)}


def _kind(node: EfNode) -> str:
    spec = node.spec
    if isinstance(spec, InternalFile):
        return spec.kind.value
    if isinstance(spec, TransparentFile):
        return "transparent"
    if isinstance(spec, RecordFile):
        return spec.structure.name.lower().replace("_", " ")
    return "file"


def _channel(channel: LogicalChannel) -> Plain:
    found: Plain = {"number": channel.number, "chained": channel.chain is not None}
    application: Application | None = channel.application
    if application is None:
        return found
    found |= {"aid": str(application.aid), "kind": application.type_name}
    state = channel.state
    if application.seen is None or state is None:
        return found  # the state of one from elsewhere is an object of its own
    security = state.security
    found |= {
        "verified": [f"{fid:04X}" for fid in sorted(security.verified)],
        "authenticated": sorted(security.authenticated),
        "messaging": state.messaging is not None,
    }
    if isinstance(state, Selection):
        found |= {"df": state.df.label, "ef": "" if state.ef is None else state.ef.label}
    return found
