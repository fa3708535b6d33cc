"""Neither a password, nor a key of an operator card shows in a log, an event, a trace or a repr."""

from __future__ import annotations

import datetime
import logging

import pytest
from cryptography import x509

from jukicard import Card, LocalReader, issue_card
from jukicard.apdu.trace import Trace
from jukicard.apdu.trace.redaction import TraceLevel
from jukicard.kit.keys import KeyPair
from jukicard.runtime.events import CardEvent
from jukicard.synthetic.pki import operator_authority
from jukicard.transport.traced import TracedCard
from jukihost import (
    CardError,
    OperatorPurpose,
    OperatorSession,
    PublishedKeys,
    Trust,
    build_channel,
)
from tests.unit.security.secrets_of import Secret, of_bytes, of_private_key, of_text, shown

WORD, NEW, WRONG = "HiddenWord7", "FreshWord88", "GuessedIt99"
DAY = datetime.date(2026, 5, 1)


def secrets_of(card: Card) -> list[Secret]:
    values = card.snapshot().partitions[f"application {OperatorSession.AID}"]
    found = [of_text(name, name) for name in (WORD, NEW, WRONG)]
    # its DER ends with the public key, which is no secret
    found += [one for one in of_private_key("key", values["content/001A"]) if "DER" not in one.name]
    for fid in ("0106", "0107"):
        pair = KeyPair.from_bytes(values[f"content/{fid}"])
        found += [of_bytes(f"{fid} ENC", pair.enc), of_bytes(f"{fid} MAC", pair.mac)]
    assert len(found) == 8
    return found


def test_a_session_of_everything_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    card = issue_card("operator", seed=1, issued=datetime.date(2026, 4, 1), pins={"operator": WORD})
    secrets, events = secrets_of(card), list[CardEvent]()
    card.subscribe(events.append)
    traces = {level: Trace(level) for level in (TraceLevel.HEADERS, TraceLevel.REDACTED)}
    both = TracedCard(TracedCard(card, traces[TraceLevel.REDACTED]), traces[TraceLevel.HEADERS])
    anchor = x509.load_der_x509_certificate(operator_authority().certificate)
    trust = Trust((anchor,), datetime.datetime.combine(DAY, datetime.time(12), datetime.UTC))
    texts: list[str] = []
    with LocalReader(both) as reader:
        host = Trace(TraceLevel.REDACTED)
        channel = build_channel(reader, observer=host)
        with OperatorSession(channel) as session:
            session.authenticate(OperatorPurpose.OPERATOR_LOGIN, PublishedKeys())
            texts.append(repr(session.log_in(WORD, trust, today=DAY)))
            session.change_password(WORD, NEW, today=DAY)
            with pytest.raises(CardError) as refused:
                session.log_in(WRONG, trust, today=DAY)
            texts += [repr(refused.value), str(refused.value), repr(card.last_refusal)]
        with OperatorSession(channel) as session:
            session.authenticate(OperatorPurpose.ADMIN, PublishedKeys())
            session.unlock(NEW)
    texts += [text for event in events for text in (repr(event), str(event))]
    texts += [trace.text for trace in (*traces.values(), host)]
    texts += [repr(card), repr(card.snapshot()), caplog.text]
    assert events
    assert all(trace.text for trace in (*traces.values(), host))
    assert shown(texts, secrets) == set()
    assert shown([*texts, f"{WORD} {NEW}"], secrets) == {WORD, NEW}, "the search is not blind"
