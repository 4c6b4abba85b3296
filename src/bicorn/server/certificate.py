"""The few facts a server needs from an X.509 certificate (RFC 5280): its names, its dates, its subject.

``ssl`` decodes only certificates that a peer has sent and that have been verified, so it cannot say which names
the server's own certificate is for. This reads just those fields of the DER; whether the certificate is *valid* is
OpenSSL's business, which has loaded it by then.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from ..record import Record

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

# ASN.1 tags (X.690 section 8) and the two object identifiers that matter, as DER has them.
_BOOLEAN, _SEQUENCE, _UTC_TIME, _DNS_NAME, _VERSION, _EXTENSIONS = 0x01, 0x30, 0x17, 0x82, 0xA0, 0xA3
_SUBJECT_ALT_NAME = bytes.fromhex("551d11")  # 2.5.29.17
_COMMON_NAME = "2.5.4.3"

# RFC 4514 section 3: the attribute types that have a short name there.
_SHORT_NAMES = {
    _COMMON_NAME: "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}


class Certificate(Record):
    """What a certificate says about itself.

    Args:
        names: the host names it is for, lower case, perhaps with a wildcard (``"*.example.org"``). The subject's
            common name stands in where there are no alternative names, as it did before RFC 6125.
        not_before, not_after: aware datetimes.
        subject: the distinguished name as RFC 4514 writes it: ``"CN=alice,O=Example"``.
    """

    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    subject: str


def first_pem(text: str) -> str | None:
    """The first certificate of a PEM file: in a chain that is the server's own."""
    match = _PEM.search(text)
    return match[0] + "\n" if match else None


def read_pem(pem: str) -> Certificate:
    """Read one PEM certificate; ValueError if it is not one."""
    return read_der(ssl.PEM_cert_to_DER_cert(pem))


def read_der(der: bytes) -> Certificate:
    """Read one DER certificate; ValueError if it is not one."""
    try:
        _, certificate = _first(der)
        _, to_be_signed = _first(certificate)
        fields = list(_elements(to_be_signed))
        if fields[0][0] == _VERSION:
            del fields[0]
        # serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, then what is optional
        not_before, not_after = (_time(tag, value) for tag, value in _elements(fields[3][1]))
        subject = list(_attributes(fields[4][1]))
        names = tuple(_alternative_names(fields[6:]))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"not an X.509 certificate: {error!r}") from error
    if not names:
        names = tuple(text.lower() for relative in subject for oid, _, text in relative if oid == _COMMON_NAME)
    return Certificate(names, not_before, not_after, _rfc4514(subject))


def _first(data: bytes) -> tuple[int, bytes]:
    """The first of the elements; ValueError where there is none."""
    for element in _elements(data):
        return element
    raise ValueError("an element is empty")


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The (tag, content) pairs of a DER sequence (X.690 section 8.1)."""
    position = 0
    while position < len(data):
        tag, length = data[position], data[position + 1]
        position += 2
        if length & 0x80:  # the long form: that many bytes of length follow
            size = length & 0x7F
            length = int.from_bytes(data[position : position + size])
            position += size
        if position + length > len(data):
            raise ValueError("not an X.509 certificate: it is cut off")
        yield tag, data[position : position + length]
        position += length


def _time(tag: int, value: bytes) -> datetime:
    """RFC 5280 section 4.1.2.5: always Zulu time with seconds; a two-digit year below 50 is in this century."""
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("20" if text < "50" else "19") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _alternative_names(optional: list[tuple[int, bytes]]) -> Iterator[str]:
    for tag, value in optional:
        if tag != _EXTENSIONS:
            continue
        for _, extension in _elements(_first(value)[1]):
            parts = [content for kind, content in _elements(extension) if kind != _BOOLEAN]
            if parts[0] == _SUBJECT_ALT_NAME:
                _, names = _first(parts[1])
                yield from (name.decode("ascii").lower() for kind, name in _elements(names) if kind == _DNS_NAME)


_Attribute = tuple[str, bytes, str]  # object identifier, the value's DER, the value's text


def _attributes(name: bytes) -> Iterator[list[_Attribute]]:
    """The relative distinguished names of a Name, each of one attribute or (rarely) several."""
    for _, relative in _elements(name):
        pairs: list[_Attribute] = []
        for _, attribute in _elements(relative):
            (_, oid), (tag, value) = _elements(attribute)
            text = value.decode(_ENCODINGS[tag]) if tag in _ENCODINGS else ""
            pairs.append((_dotted(oid), attribute[len(oid) + 2 :], text))
        yield pairs


def _dotted(oid: bytes) -> str:
    """X.690 section 8.19: base 128, the first two numbers in one."""
    numbers, value = [], 0
    for byte in oid:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def _rfc4514(subject: list[list[_Attribute]]) -> str:
    """RFC 4514 section 2.1: the last relative name comes first."""
    return ",".join("+".join(_attribute(*pair) for pair in relative) for relative in reversed(subject))


def _attribute(oid: str, der: bytes, text: str) -> str:
    if oid not in _SHORT_NAMES:  # section 2.3 and 2.4: the dotted form goes with the value in hexadecimal
        return f"{oid}=#{der.hex()}"
    escaped = re.sub(r'(["+,;<>\\]|^[ #]| \Z)', r"\\\1", text).replace("\0", r"\00")
    return f"{_SHORT_NAMES[oid]}={escaped}"
