"""The parts of an X.509 certificate, as the JPKI profiles use them (RFC 5280)."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Final

from jukicard.crypto.asymmetric import EcPublicKey, RsaPublicKey
from jukicard.crypto.kdf import HashName
from jukicard.synthetic.pki import der
from jukicard.synthetic.pki.keys import PublishedKey, key_identifier, public_key_info

_ATTRIBUTES: Final = {
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "CN": "2.5.4.3",
}
_SIGNATURES: Final[dict[HashName, str]] = {
    "sha1": "1.2.840.113549.1.1.5",
    "sha256": "1.2.840.113549.1.1.11",
}
_VERSION_3: Final = der.explicit(0, der.integer(2))


def name(*attributes: tuple[str, str]) -> bytes:
    """Return a distinguished name, one RDN each: C a PrintableString, the others UTF8Strings."""
    return der.sequence(
        *(
            der.set_of_one(
                der.sequence(
                    der.oid(_ATTRIBUTES[kind]),
                    der.printable(value) if kind == "C" else der.utf8(value),
                )
            )
            for kind, value in attributes
        )
    )


def directory_name(distinguished: bytes) -> bytes:
    """Return a GeneralName, directoryName."""
    return der.explicit(4, distinguished)


def other_name(type_id: str, text: str) -> bytes:
    """Return a GeneralName, otherName, with a UTF8String."""
    return der.node(0xA0, der.oid(type_id), der.explicit(0, der.utf8(text)))


def extension(identifier: str, value: bytes, *, critical: bool = False) -> bytes:
    """Return an Extension; `critical` is left out when it is False, as DER asks."""
    flag = der.TRUE if critical else b""
    return der.sequence(der.oid(identifier), flag, der.octets(value))


def key_usage(value: bytes, unused: int) -> bytes:
    """Return keyUsage, critical: the byte of its bits and how many of them do not count."""
    return extension("2.5.29.15", der.bits(value, unused), critical=True)


def subject_alternative(*general_names: bytes) -> bytes:
    """Return subjectAltName."""
    return extension("2.5.29.17", der.sequence(*general_names))


def issuer_alternative(*general_names: bytes) -> bytes:
    """Return issuerAltName."""
    return extension("2.5.29.18", der.sequence(*general_names))


def basic_constraints_ca() -> bytes:
    """Return basicConstraints, critical: a CA without a limit to its path."""
    return extension("2.5.29.19", der.sequence(der.TRUE), critical=True)


def certificate_policies(policy: str, statement: str) -> bytes:
    """Return certificatePolicies, critical: one policy and where its statement is."""
    qualifier = der.sequence(der.oid("1.3.6.1.5.5.7.2.1"), der.node(0x16, der.ia5(statement)))
    information = der.sequence(der.oid(policy), der.sequence(qualifier))
    return extension("2.5.29.32", der.sequence(information), critical=True)


def distribution_point_name(distinguished: bytes) -> bytes:
    """Return a DistributionPointName, fullName, under its tag [0]."""
    return der.explicit(0, der.explicit(0, directory_name(distinguished)))


def crl_distribution_point(distinguished: bytes) -> bytes:
    """Return cRLDistributionPoints with one point, a directory name."""
    point = der.sequence(distribution_point_name(distinguished))
    return extension("2.5.29.31", der.sequence(point))


def subject_key(public: RsaPublicKey | EcPublicKey) -> bytes:
    """Return subjectKeyIdentifier."""
    return extension("2.5.29.14", der.octets(key_identifier(public)))


def authority_key(public: RsaPublicKey, issuer: bytes, serial: int) -> bytes:
    """Return authorityKeyIdentifier with the key, and the name and serial number of the CA's
    certificate."""
    value = der.sequence(
        der.node(0x80, key_identifier(public)),
        der.node(0xA1, directory_name(issuer)),
        der.node(0x82, serial.to_bytes(serial.bit_length() // 8 + 1, "big")),
    )
    return extension("2.5.29.35", value)


def algorithm(hash_name: HashName) -> bytes:
    """Return the AlgorithmIdentifier of RSASSA-PKCS1-v1_5 with a hash (RFC 4055, 5)."""
    return der.sequence(der.oid(_SIGNATURES[hash_name]), der.NULL)


def signed(body: bytes, key: PublishedKey, hash_name: HashName) -> bytes:
    """Return the body with algorithm and signature: SIGNED of X.509."""
    signature = der.bits(key.sign(hash_name, body))
    return der.sequence(body, algorithm(hash_name), signature)


def certificate(
    *,
    serial: int,
    hash_name: HashName,
    issuer: bytes,
    not_before: datetime.datetime,
    not_after: datetime.datetime,
    subject: bytes,
    public: RsaPublicKey | EcPublicKey,
    extensions: Iterable[bytes],
    key: PublishedKey,
) -> bytes:
    """Return a certificate, version 3 (RFC 5280, 4.1); ValueError unless the serial is positive."""
    if serial <= 0:
        raise ValueError("a serial number is positive")
    body = der.sequence(
        _VERSION_3,
        der.integer(serial),
        algorithm(hash_name),
        issuer,
        der.sequence(der.time(not_before), der.time(not_after)),
        subject,
        public_key_info(public),
        der.explicit(3, der.sequence(*extensions)),
    )
    return signed(body, key, hash_name)
