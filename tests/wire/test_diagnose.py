"""Reasons for refusals: there always is one, it names what is wrong, and it is short."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bicorn.errors import ProtocolError
from bicorn.wire import diagnose
from bicorn.wire.limits import Limits
from tests.wire.corpus import GET, HEADS, Case
from tests.wire.corpus_bodies import LIMITS
from tests.wire.made import damaged, rubbish
from tests.wire.readings import READINGS

# What the grammar lets pass, but the meaning of the fields or the target forbids: not this module's to explain.
FIELDS = ("Host", "not a name", "both", "repeated", "not a number", "single chunked", "not supported", "expectation")
TARGETS = ("CONNECT", "no host", "neither a path", "OPTIONS only")
MEANING = (*FIELDS, *TARGETS, "HTTP/1.0 request")
OTHERS = (*MEANING, "empty lines", "limit-request-body")
REFUSED = [case for case in [*HEADS, *LIMITS] if case.status and not case.requests and "trailer" not in case.name]
REFUSED = [case for case in REFUSED if not any(word in case.word for word in OTHERS)]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_it_gives_the_reason_the_connection_gives(case: Case) -> None:
    error = diagnose.head(case.data, 0, Limits(**dict(case.limits)))
    assert error.status == case.status
    assert case.word in error.reason


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_the_reason_does_not_depend_on_where_the_head_begins(case: Case) -> None:
    limits = Limits(**dict(case.limits))
    assert diagnose.head(GET + case.data, len(GET), limits).reason == diagnose.head(case.data, 0, limits).reason


@pytest.mark.slow
@settings(max_examples=80)
@given(damaged() | rubbish | st.binary(max_size=100), st.sampled_from([0, 40]), st.booleans())
def test_there_is_a_true_reason_for_everything_a_reading_refuses(data: bytes, bound: int, complete: bool) -> None:
    """The last resort, "the head is over its limit", is given where it is, and only there."""
    if complete:
        data += b"\r\n\r\n"
    limits = Limits(field_size=bound, request_line=bound, fields=bound // 10)
    error = diagnose.head(data, 0, limits)
    assert isinstance(error, ProtocolError)
    assert error.status in (400, 414, 431, 505)
    assert error.reason.isprintable()
    assert len(error.reason) < 300
    if b"\r\n\r\n" in data:
        reading = READINGS["match"]
        mirrored = reading.limits.Limits(field_size=bound, request_line=bound, fields=bound // 10)
        try:
            reading.head.match_head(data, 0, mirrored)
        except ProtocolError as refusal:
            explained = refusal.reason == error.reason
            meaning = any(word in refusal.reason for word in MEANING)
            assert explained or meaning
            assert meaning or "limit-request-head" not in error.reason


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01", 400),
        (b"\x16\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"PRI * HTTP/2", 505),
        (b"\x16", None),
        (b"\x16\x02", None),
        (b"PRI * HTTP/1.1\r\n", None),
        (b"PRI *", None),
        (b"GET / HTTP/1.1\r\n", None),
        (b"", None),
    ],
)
def test_other_protocols_are_known_by_their_first_bytes(data: bytes, status: int | None) -> None:
    error = diagnose.first_bytes(data)
    assert (error.status if error else None) == status


@pytest.mark.parametrize(
    ("section", "word"),
    [
        (b"A : b\r\n\r\n", "white space"),
        (b"A: b\r\nC\r\n\r\n", "no colon"),
        (b"A: b\r\nC: \x1b\r\n\r\n", "the value of the field C has the control byte 0x1b"),
    ],
)
def test_trailers_are_explained_too(section: bytes, word: str) -> None:
    error = diagnose.fields(b"before" + section, 6, Limits())
    assert (error.status, word in error.reason) == (400, True)


def test_too_much_is_refused_with_the_setting_that_allows_more() -> None:
    assert "limit-request-line" in diagnose.head(GET, 0, Limits(request_line=5)).reason
    assert "limit-request-field-size" in diagnose.head(GET, 0, Limits(field_size=3)).reason
    assert "limit-request-fields" in diagnose.head(GET[:-2] + GET[16:], 0, Limits(fields=1)).reason
    assert "limit-request-head" in diagnose.head(GET, 0, Limits(head=20)).reason
    assert "limit-request-head" in diagnose.head(GET, 0, Limits(head=10)).reason
