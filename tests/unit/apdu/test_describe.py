"""A command in words: the words of the standard for every finite field, and never any data."""

from __future__ import annotations

import pytest

from jukicard.apdu import ClassByte, ClassKind, CommandApdu, describe, ins_label, is_valid_ins
from jukicard.apdu.ins import INSTRUCTIONS

WORDS = [
    # ISO/IEC 7816-4:2020, 11.2
    ("00A4040C0AD392F000260100000001", "SELECT by DF name, no answer data"),
    ("00A4040205A00000015100", "SELECT by DF name, FCI, next occurrence"),
    ("00A40000023F0000", "SELECT MF, DF or EF by identifier, FCI"),
    ("00A40000", "SELECT MF, FCI"),
    ("00A4020C020018", "SELECT EF under the current DF, no answer data"),
    ("00A40104022F0000", "SELECT child DF, FCP"),
    ("00A4030800", "SELECT parent DF, FMD"),
    ("00A40800047F006F0700", "SELECT by path from the MF, FCI"),
    ("00A40900026F0700", "SELECT by path from the current DF, FCI"),
    ("00A40500026F0700", "SELECT 05 00"),
    ("00A404100100", "SELECT 04 10"),
    ("0070000001", "MANAGE CHANNEL open (the card chooses)"),
    ("00700002", "MANAGE CHANNEL open 2"),
    ("01708000", "MANAGE CHANNEL close this one [channel 1]"),
    ("00708003", "MANAGE CHANNEL close 3"),
    ("00704000", "MANAGE CHANNEL 40 00"),
    # 11.3 and 11.4
    ("00B0000000", "READ BINARY at offset 0"),
    ("00B07FFF01", "READ BINARY at offset 32767"),
    ("00B0850700", "READ BINARY of SFI 05 at offset 7"),
    ("00B09E0700", "READ BINARY of SFI 1E at offset 7"),
    ("00B0800700", "READ BINARY of the current EF at offset 7"),
    ("00B09F0700", "READ BINARY 9F 07"),
    ("00B0C50700", "READ BINARY C5 07"),
    ("00B100000454020000FF", "READ BINARY (odd) of the current EF"),
    ("00B1001E0454020000FF", "READ BINARY (odd) of SFI 1E"),
    ("00B12F000454020000FF", "READ BINARY (odd) of EF 2F00"),
    ("00D6010004AABBCCDD", "UPDATE BINARY at offset 256"),
    ("000E0000", "ERASE BINARY at offset 0"),
    ("00B2010400", "READ RECORD: record 1"),
    ("00B2000400", "READ RECORD: current record"),
    ("00B2011400", "READ RECORD: record 1 of SFI 02"),
    ("00B2020500", "READ RECORD: records 2 to last"),
    ("00B2020600", "READ RECORD: records last to 2"),
    ("00B2070000", "READ RECORD: first occurrence of identifier 7"),
    ("00B2070100", "READ RECORD: last occurrence of identifier 7"),
    ("00B2070200", "READ RECORD: next occurrence of identifier 7"),
    ("00B2070300", "READ RECORD: previous occurrence of identifier 7"),
    ("00B2010700", "READ RECORD 01 07"),
    ("00B201FC00", "READ RECORD 01 FC"),
    ("00DC010403AABBCC", "UPDATE RECORD: record 1"),
    ("00E2001003AABBCC", "APPEND RECORD to SFI 02"),
    ("00E2000003AABBCC", "APPEND RECORD"),
    ("00E2010003AABBCC", "APPEND RECORD 01 00"),
    # 11.5
    ("00CA5F5100", "GET DATA of tag 5F51"),
    ("00CA00F000", "GET DATA of tag F0"),
    ("00CA020100", "GET DATA of SIMPLE-TLV tag 01"),
    ("00CA01AA00", "GET DATA 01 AA"),
    ("00CB3FFF045C025F5100", "GET DATA (odd) of the current DF"),
    ("00CB0000045C025F5100", "GET DATA (odd) of the current EF"),
    ("00CB2F00045C025F5100", "GET DATA (odd) of file 2F00"),
    # 11.6
    ("002000800431323334", "VERIFY, reference 00 of the application"),
    ("00200080", "VERIFY: how many tries are left, reference 00 of the application"),
    ("002000010431323334", "VERIFY, reference 01 of the card"),
    ("0020000004AABBCCDD", "VERIFY, no reference given"),
    ("0020FF80", "VERIFY: drop what was verified, reference 00 of the application"),
    ("0020010004AABBCCDD", "VERIFY 01 00"),
    ("00240080083132333435363738",
     "CHANGE REFERENCE DATA (old and new), reference 00 of the application"),
    ("002401800431323334", "CHANGE REFERENCE DATA (new only), reference 00 of the application"),
    ("00240280", "CHANGE REFERENCE DATA 02 80"),
    ("002C0380", "RESET RETRY COUNTER, reference 00 of the application"),
    ("002C028004AABBCCDD", "RESET RETRY COUNTER (new only), reference 00 of the application"),
    ("002241A406830101840101",
     "MANAGE SECURITY ENVIRONMENT: set authentication template for computation, decipherment, "
     "internal authentication and key agreement"),
    ("002281B603830101",
     "MANAGE SECURITY ENVIRONMENT: set digital signature template for verification, encipherment, "
     "external authentication and key agreement"),
    ("0022F301", "MANAGE SECURITY ENVIRONMENT: restore environment 1"),
    ("0022F201", "MANAGE SECURITY ENVIRONMENT: store environment 1"),
    ("0022F401", "MANAGE SECURITY ENVIRONMENT: erase environment 1"),
    ("0022F501", "MANAGE SECURITY ENVIRONMENT F5 01"),
    ("002A9E9A0431323334", "PERFORM SECURITY OPERATION: compute digital signature"),
    ("002A00BE0431323334", "PERFORM SECURITY OPERATION: verify certificate"),
    ("002A80860431323334", "PERFORM SECURITY OPERATION: decipher"),
    ("002A12340431323334", "PERFORM SECURITY OPERATION 12 34"),
    ("0082000004AABBCCDD00", "MUTUAL AUTHENTICATE, no reference given"),
    ("0082000104AABBCCDD", "EXTERNAL AUTHENTICATE, reference 01 of the card"),
    ("0088018104AABBCCDD00",
     "INTERNAL AUTHENTICATE, algorithm 01, reference 01 of the application"),
    ("10860000027C0000",
     "GENERAL AUTHENTICATE, no reference given [chained, more follow]"),
    ("0084000008", "GET CHALLENGE of 8 bytes"),
    ("0084010008", "GET CHALLENGE 01 00 of 8 bytes"),
    ("00C0000000", "GET RESPONSE of 256 bytes"),
    # ISO/IEC 7816-9
    ("00440000", "ACTIVATE FILE"),
    ("00040000", "DEACTIVATE FILE"),
    ("00E60000", "TERMINATE DF"),
    ("00E60200", "TERMINATE DF 02 00"),
    ("00FE0000", "TERMINATE CARD USAGE"),
    ("00FE0001", "TERMINATE CARD USAGE 00 01"),
    # other classes
    ("0CB0000D0D97010A8E08000000000000000000", "READ BINARY at offset 13 [secure messaging]"),
    ("08B0000000", "READ BINARY at offset 0 [secure messaging, header unprotected]"),
    ("04B0000000", "READ BINARY at offset 0 [proprietary secure messaging]"),
    ("70B0000000",
     "READ BINARY at offset 0 [channel 4, secure messaging, chained, more follow]"),
    ("20B0000000", "INS B0 [reserved class 20]"),
    ("FFB0000000", "INS B0 [invalid class FF]"),
    ("8050000008AABBCCDDEEFF001100", "INITIALIZE UPDATE 00 00 [proprietary class]"),
    ("80320080083132333435363738", "CHANGE KEY 00 80 [proprietary class]"),
    ("802A00800431323334", "COMPUTE DIGITAL SIGNATURE 00 80 [proprietary class]"),
    ("84F2200018000000000000000000000000000000000000000000000000",
     "GET STATUS 20 00 [proprietary class, proprietary secure messaging]"),
    ("8012345600", "INS 12 34 56 [proprietary class]"),
    ("0012345600", "INS 12 34 56"),
    ("0060000000", "INS 60, which is no instruction"),
    ("0092000000", "INS 92, which is no instruction"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "words"), WORDS, ids=[raw[:8] for raw, _ in WORDS])
def test_a_command_in_words(raw: str, words: str) -> None:
    described = describe(CommandApdu.parse(bytes.fromhex(raw)))
    if "reserved" in words or "invalid" in words:
        words = words.replace("INS B0", "INS B0 00 00")
    assert described == words


def test_the_example_of_the_docstring() -> None:
    assert describe(CommandApdu(0x0C, 0xB0, 0x8A, 0x00, ne=16)) == (
        "READ BINARY of SFI 0A at offset 0 [secure messaging]"
    )


@pytest.mark.parametrize("ins", range(256))
@pytest.mark.parametrize("cla", [0x00, 0x80])
def test_every_instruction_with_every_parameter_has_words(cla: int, ins: int) -> None:
    for p1 in (0, 1, 2, 3, 4, 8, 0x41, 0x7F, 0x80, 0x9E, 0xF3, 0xFF):
        for p2 in (0, 1, 4, 7, 0x0C, 0x80, 0x9A, 0xA4, 0xF8, 0xFF):
            text = describe(CommandApdu(cla, ins, p1, p2, b"", 1))
            assert text
            assert "\n" not in text
            if not is_valid_ins(ins):
                assert "no instruction" in text
            elif cla == 0x00 and ins not in (0x82, 0xE6):
                assert text.startswith(ins_label(ins))


@pytest.mark.parametrize("cla", range(256))
def test_every_class_byte_is_noted(cla: int) -> None:
    text = describe(CommandApdu(cla, 0xA4, 4, 0))
    byte = ClassByte(cla)
    assert (f"channel {byte.channel}" in text) is (byte.channel > 0)
    assert ("secure messaging" in text) is byte.secure
    assert ("chained" in text) is byte.chained
    assert ("class" in text) is (not byte.interindustry)
    assert ("[" in text) is (cla != 0)
    if byte.kind is ClassKind.PROPRIETARY:
        assert "[proprietary class" in text


@pytest.mark.parametrize("ins", INSTRUCTIONS)
def test_words_depend_on_the_data_only_by_its_presence(ins: int) -> None:
    for cla in (0x00, 0x0C, 0x80):
        for p1, p2 in ((0, 0), (4, 0), (0, 0x80), (0xFF, 0x80), (1, 4)):
            texts = {
                describe(CommandApdu(cla, ins, p1, p2, data))
                for data in (b"1234", b"9876", b"7777777777777777777777")
            }
            assert len(texts) == 1
