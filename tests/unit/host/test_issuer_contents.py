"""What IssuerSession hands to applications: memory at their installation, and contents."""

from __future__ import annotations

from typing import Any

import pytest

from jukihost.sessions.issuer import StoreForm
from tests.unit.host.test_issuer import APPLICATION, PACKAGE, issuer


@pytest.mark.parametrize(
    ("reserve", "parameter"),
    [
        (0, "C8020000"),
        (1, "C8020001"),
        (0x7FFF, "C8027FFF"),
        (0x8000, "C80400008000"),
        (2**31 - 1, "C8047FFFFFFF"),
    ],
)
def test_memory_is_reserved(reserve: int, parameter: str) -> None:
    specific = f"C900EF{len(parameter) // 2:02X}{parameter}"
    data = "05F04A554B49" * 2 + "0AD3921000310001010402" + "0100"
    data += f"{len(specific) // 2:02X}{specific}00"
    with issuer((f"80E60C00{len(data) // 2:02X}{data}00", "009000")) as session:
        session.install(PACKAGE, PACKAGE, APPLICATION, reserve=reserve)


@pytest.mark.parametrize("more", [{"reserve": -1}, {"reserve": 2**31}, {"parameters": bytes(254)}])
def test_what_an_installation_cannot_carry_is_not_sent(more: dict[str, Any]) -> None:
    with issuer() as session, pytest.raises(ValueError, match=r"reserved|fewer"):
        session.install(PACKAGE, PACKAGE, APPLICATION, **more)


@pytest.mark.parametrize(
    ("form", "name", "value", "expected"),
    [
        (StoreForm.PLAIN, 0x5A, bytes(8), "5A08" + "00" * 8),
        (StoreForm.BER_TLV, 0x7F21, bytes(200), "7F2181C8" + "00" * 200),
        (StoreForm.GROUPS, 2, b"1234", "00020431323334"),
        (StoreForm.GROUPS, 0x0101, bytes(254), "0101FE" + "00" * 254),
        (StoreForm.GROUPS, 0x0101, bytes(255), "0101FF00FF" + "00" * 255),
    ],
)
def test_what_is_stored_has_a_form(form: StoreForm, name: int, value: bytes, expected: str) -> None:
    assert form.encode(name, value).hex().upper() == expected


@pytest.mark.parametrize(
    ("form", "name", "size"),
    [
        (StoreForm.PLAIN, 0x1F, 0),
        (StoreForm.GROUPS, -1, 0),
        (StoreForm.GROUPS, 0x10000, 0),
        (StoreForm.GROUPS, 1, 0x10000),
    ],
)
def test_what_has_no_form_is_not_stored(form: StoreForm, name: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"tag|group"):
        form.encode(name, bytes(size))
