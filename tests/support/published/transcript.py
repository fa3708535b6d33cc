"""Scripts of commands and the answers they must get, readable as an exchange with a card.

One exchange a line, `command -> answer`, hexadecimal, spaces anywhere, `#` starts a comment. An
answer `* 9000` stands for any data before the status word.
"""

from __future__ import annotations

from jukicard import Card


def send(card: Card, command: str) -> str:
    """Return the answer to one command, both hexadecimal, the answer in upper case."""
    return card.transmit(bytes.fromhex(command)).hex().upper()


def play(card: Card, script: str) -> None:
    """Send every command of `script` and compare every answer; a script without any fails."""
    exchanges = 0
    for number, line in enumerate(script.splitlines(), 1):
        text = line.partition("#")[0].replace(" ", "")
        if not text:
            continue
        command, arrow, wanted = text.partition("->")
        assert arrow, f"line {number} is no exchange: {line}"
        answer = send(card, command)
        same = answer.endswith(wanted[1:]) if wanted[0] == "*" else answer == wanted
        assert same, f"line {number}: {line.strip()}\nanswered {answer}; {card.last_refusal}"
        exchanges += 1
    assert exchanges, "a script without an exchange tests nothing"


def status(card: Card, command: str) -> str:
    """Return only the status word of the answer to one command."""
    return send(card, command)[-4:]
