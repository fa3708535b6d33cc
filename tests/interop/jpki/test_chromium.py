"""A browser logs in with the card: TLS client authentication in Chromium, the PIN typed by hand."""

from __future__ import annotations

import time

import pytest

from jukicard import Card
from jukihost.sessions.jpki import JpkiKey
from tests.interop.jpki.browser import PROGRAMS, PROMPT, browser
from tests.support.cards.jpki_terminal import PIN, Certificates, tries_left
from tests.support.interop.clients import Desk
from tests.support.interop.tls_server import tls_server

PATIENCE = 120
"""Seconds for a browser on a machine that has much else to do; it needs about three."""
RELOAD_AFTER = 20


@pytest.mark.slow
def test_the_browser_asks_for_the_pin_and_shows_the_page(
    desk: Desk, card: Card, certificates: Certificates
) -> None:
    desk.need(*PROGRAMS, "openssl")
    desk.offer_one_slot()  # otherwise it asks for the password of the signature key as well
    reader = desk.pcscd.insert(card)
    asked = 0
    with tls_server(desk, certificates.authentication_ca) as server:
        with browser(desk, server) as chromium:
            deadline, reload = time.monotonic() + PATIENCE, time.monotonic() + RELOAD_AFTER
            while not chromium.windows("^Welcome"):
                chromium.check()
                assert time.monotonic() < deadline, server.said
                for window in chromium.windows(PROMPT):
                    asked += 1
                    chromium.type_pin(window, PIN)
                if time.monotonic() > reload and (main := chromium.windows("Chromium$")):
                    # a key got lost on a busy machine: the page was refused, ask for it again
                    chromium.press(main[0], "key", "F5")
                    reload = time.monotonic() + RELOAD_AFTER
                time.sleep(0.1)
        assert asked
        assert server.served, server.said
        assert server.client == certificates.authentication.subject.rfc4514_string()
    assert tries_left(reader, JpkiKey.AUTHENTICATION) == 3
