"""Any answer an application may give is read back as it was meant; any it may not is refused with nothing half sent."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from bicorn.errors import AppProtocolError
from bicorn.wire.response import Defaults, Response
from bicorn.wire.states import BODY, HELD, IDLE, TRAILERS, WAITING
from tests.wire.answers_read import Fields, is_complete, joined, read
from tests.wire.made import allowed_trailers, names, values

EXAMPLES = int(os.environ.get("BICORN_EXAMPLES", "60"))

OWN = {b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"date", b"server"}
FRAMING = (b"content-length", b"transfer-encoding", b"connection")
plain_names = names.filter(lambda name: name.lower() not in OWN)
bad_fields = st.sampled_from([(b"a b", b"c"), (b"", b""), (b"a", b"b\r\nc: d"), (b"a\n", b""), (b"a", b"\x00")])


@dataclass
class Plan:
    """What an application does.

    Attributes:
        length: how far its content-length is from the truth, or None where it gives none.
        bad: a field no head may have.
    """

    minor: int
    head: bool
    keep_alive: bool
    status: int
    fields: Fields
    pieces: list[bytes]
    from_file: list[bool]
    length: int | None
    trailers: Fields | None
    bad: tuple[bytes, bytes] | None
    sent: bytes = field(default=b"", compare=False)

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans, most of them lawful."""
    pieces = draw(st.lists(st.binary(max_size=30), min_size=1, max_size=4))
    minor = draw(st.sampled_from([1, 1, 0]))
    return Plan(
        minor=minor,
        head=draw(st.sampled_from([False, False, True])),
        keep_alive=draw(st.booleans()),
        status=draw(st.sampled_from([200, 200, 201, 204, 205, 304, 404, 500, 599])),
        fields=draw(st.lists(st.tuples(plain_names, values), max_size=4)),
        pieces=pieces,
        from_file=draw(st.lists(st.booleans(), min_size=len(pieces), max_size=len(pieces))),
        length=draw(st.sampled_from([None, None, 0, 0, 1, -1])),
        trailers=draw(st.none() | allowed_trailers) if minor else None,
        bad=draw(st.sampled_from([None, None, None, None]) | bad_fields),
    )


def perform(plan: Plan, response: Response) -> None:
    """Do what is planned; what is written is in ``plan.sent``."""
    response.begin(plan.minor, plan.head, plan.keep_alive)
    assert response.state == WAITING
    fields = list(plan.fields)
    if plan.length is not None:
        fields.append((b"Content-Length", b"%d" % max(0, len(plan.body) + plan.length)))
    if plan.bad:
        fields.insert(len(fields) // 2, plan.bad)
    response.start(plan.status, fields, plan.trailers is not None)
    assert response.state == HELD
    for i, piece in enumerate(plan.pieces):
        more = i < len(plan.pieces) - 1
        if plan.from_file[i]:
            plan.sent += response.body_head(len(piece), more)
            if response.has_body() and piece:
                plan.sent += piece + response.body_tail(len(piece))
            if not more:
                plan.sent += joined(response.body(b"", False))
        else:
            plan.sent += joined(response.body(piece, more))
        assert response.state == (BODY if more else IDLE if plan.trailers is None else TRAILERS)
    if plan.trailers is not None:
        half = len(plan.trailers) // 2
        plan.sent += response.trailers(plan.trailers[:half], True)
        plan.sent += response.trailers(plan.trailers[half:], False)
    assert response.state == IDLE


def is_lawful(plan: Plan) -> bool:
    """Whether the plan breaks no rule."""
    if plan.bad:
        return False
    if plan.status in (204, 205, 304):
        return plan.head or not plan.body
    counted = plan.length is not None and plan.trailers is None and not plan.head
    return not counted or max(0, len(plan.body) + (plan.length or 0)) == len(plan.body)


@pytest.mark.slow
@settings(max_examples=2 * EXAMPLES)
@given(st.lists(plans(), min_size=1, max_size=3))
def test_an_answer_is_read_as_it_was_meant_or_refused_whole(all_plans: list[Plan]) -> None:
    given_defaults = Defaults(server=b"server: me\r\n", extra=b"x-extra: 1\r\n")
    response = Response(given_defaults)
    for plan in all_plans:
        plan.sent = b""
        method = "HEAD" if plan.head else "GET"
        try:
            perform(plan, response)
        except AppProtocolError:
            assert not is_lawful(plan)
            if response.state in (WAITING, HELD):
                event("refused before anything was sent")
                assert plan.sent == b""
                assert response.body_sent == 0
                response.begin(plan.minor, plan.head, response.keep_alive)
                response.start(500, [])
                found = read(joined(response.body(b"sorry", False)), method=method)
                assert (found.status, found.body) == (500, b"" if plan.head else b"sorry")
            else:
                event("refused with the head out")
                assert response.state in (BODY, TRAILERS)
                if plan.status not in (204, 205, 304) and response.length_left() != 0:
                    assert not is_complete(plan.sent, method=method)
                return
        else:
            assert is_lawful(plan)
            expect(plan, response, method)


def expect(plan: Plan, response: Response, method: str) -> None:
    """The client understands what the application meant."""
    found = read(plan.sent, method=method, closed=not response.keep_alive)
    assert found.status == plan.status
    assert found.goes_on == response.keep_alive
    assert [each for each in found.fields if each[0] not in FRAMING] == [
        (b"server", b"me"),
        (b"x-extra", b"1"),
        *((name.lower(), value) for name, value in plan.fields),
    ]
    empty = plan.head or plan.status in (204, 205, 304)
    assert found.body == (b"" if empty else plan.body)
    assert response.body_sent == len(found.body)
    if plan.trailers is not None and not empty:
        assert found.trailers == [(name.lower(), value) for name, value in plan.trailers]
    lengths, codings = found.field(b"content-length"), found.field(b"transfer-encoding")
    assert len(lengths) + len(codings) <= 1
    if plan.status == 204:
        assert lengths == codings == []
