from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bicorn.server.certificate import Certificate, first_pem, read_der, read_pem

BEGIN, END = datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC), datetime(2051, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def made(name: x509.Name, *names: str, extra: x509.ExtensionType | None = None) -> bytes:
    builder = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=KEY.public_key(), serial_number=7)
        .not_valid_before(BEGIN)
        .not_valid_after(END)
    )
    if extra:
        builder = builder.add_extension(extra, critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def subject(*pairs: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


def test_names_and_dates_are_read() -> None:
    constraints = x509.BasicConstraints(ca=True, path_length=1)
    der = made(subject((NameOID.COMMON_NAME, "ignored.example")), "A.example", "*.b.example", extra=constraints)
    assert read_der(der) == Certificate(("a.example", "*.b.example"), BEGIN, END, "CN=ignored.example")


def test_the_common_name_stands_in_for_missing_names() -> None:
    assert read_der(made(subject((NameOID.COMMON_NAME, "Old.example")))).names == ("old.example",)
    assert read_der(made(subject((NameOID.ORGANIZATION_NAME, "No name")))).names == ()


def test_what_trustme_makes_is_read() -> None:
    chain = trustme.CA().issue_cert("x.example", "*.y.example", "127.0.0.1").cert_chain_pems[0].bytes().decode()
    assert read_pem(chain).names == ("x.example", "*.y.example")


def test_the_subject_is_rfc_4514_whatever_is_in_it() -> None:
    name = subject(
        (NameOID.COUNTRY_NAME, "CH"),
        (NameOID.ORGANIZATION_NAME, 'A, "B" & C; <D>+\\'),
        (NameOID.DOMAIN_COMPONENT, "example"),
        (NameOID.COMMON_NAME, " Zoë # "),
    )
    assert read_der(made(name)).subject == 'CN=\\ Zoë #\\ ,DC=example,O=A\\, \\"B\\" & C\\; \\<D\\>\\+\\\\,C=CH'


def test_an_attribute_without_a_short_name_is_dotted_and_hexadecimal() -> None:
    assert read_der(made(subject((NameOID.EMAIL_ADDRESS, "a@b")))).subject == "1.2.840.113549.1.9.1=#1603614062"


def test_several_attributes_of_one_relative_name_are_joined() -> None:
    pair = [x509.NameAttribute(NameOID.COMMON_NAME, "a"), x509.NameAttribute(NameOID.USER_ID, "7")]
    name = x509.Name([x509.RelativeDistinguishedName(pair)])
    assert sorted(read_der(made(name)).subject.split("+")) == ["CN=a", "UID=7"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([NameOID.COMMON_NAME, NameOID.LOCALITY_NAME]), st.text(min_size=1, max_size=9)))
)
def test_the_subject_agrees_with_cryptography(pairs: list[tuple[x509.ObjectIdentifier, str]]) -> None:
    name = subject(*pairs)
    assert read_der(made(name)).subject == name.rfc4514_string()


def test_the_first_certificate_of_a_chain_is_the_servers_own() -> None:
    first, second = (ssl.DER_cert_to_PEM_cert(made(subject((NameOID.COMMON_NAME, cn)))) for cn in "ab")
    found = first_pem(f"some comment\n{first}\n{second}")
    assert found is not None
    assert read_pem(found).subject == "CN=a"
    assert first_pem("nothing here") is None


SAMPLE = made(subject((NameOID.COMMON_NAME, "x")), "a.example")


@settings(max_examples=300, deadline=None)
@example([(181, 0)], 292)
@given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), min_size=1, max_size=3), st.integers(0, 999))
def test_what_is_no_certificate_is_a_value_error_and_nothing_else(changes: list[tuple[int, int]], cut: int) -> None:
    der = bytearray(SAMPLE)
    for position, byte in changes:
        der[position % len(der)] = byte
    try:
        read_der(bytes(der[:cut]))
    except ValueError:
        pass


@pytest.mark.parametrize("der", [b"", b"0", b"\x30\x03abc", b"\x30\x82", b"\x30\x00", b"not a certificate"])
def test_short_garbage_is_refused(der: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_der(der)
