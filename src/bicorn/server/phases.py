"""What a connection waits for, and under which deadline: the phases of `bicorn.server.waiting.Waiting`.

::

    IDLE     the first byte of a request        timeout_keep_alive
    HEAD     the rest of a head                 timeout_request_head, from its first byte on, however the bytes trickle
    BODY     the rest of a body                 timeout_request_body without a byte, and min_body_rate
    ANSWER   the application                    none
    LINGER   the peer, to read our last answer  LINGER_TIME without anything to read, then it is closed (RFC 9112 §9.6)
    CLOSING  the transport, to flush and close  LINGER_TIME without anything to flush

Besides, whatever the phase, a peer that takes none of what is written for timeout_write is cut. The phases
are numbers, since the compiled modules compare them for every request.
"""

from __future__ import annotations

IDLE = 0
HEAD = 1
BODY = 2
ANSWER = 3
LINGER = 4
CLOSING = 5

LINGER_TIME = 2.0
"""Seconds; see above."""

RECENT = 1.0
"""Seconds in which a client that has just had an answer may send its next request, not knowing that a stopping worker
closes the connection: longer than a round trip around the world, shorter than anybody minds to wait."""
RECENT_ALONE = 3.0
"""The same where only this worker stops, so that nobody waits: a client on a busy machine may sleep for a second."""
