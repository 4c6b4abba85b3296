"""What an answer on its way can be: the states of `bicorn.wire.response.Response`, and what leads to the next.

::

    IDLE      -- begin() -->                                        WAITING
    WAITING   -- start() -->                                        HELD
    HELD      -- body() -->                                         BODY, or as below where nothing more follows
    BODY      -- body(), nothing more follows -->                   IDLE, or TRAILERS where they were announced
    TRAILERS  -- trailers(), nothing more follows -->               IDLE

They are numbers, since the compiled modules compare them for every message.
"""

from __future__ import annotations

IDLE = 0  # no request is waiting for an answer
WAITING = 1  # nothing from the application yet
HELD = 2  # the head is here and waits for the first body bytes
BODY = 3  # the head is out
TRAILERS = 4  # the body is complete, the trailers are not
