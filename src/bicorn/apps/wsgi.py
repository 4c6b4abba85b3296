"""Run a WSGI application on an exchange (PEP 3333).

It is called once the request is complete, so a slow client occupies nothing but memory, or a file where the body is
large: inline, in the worker's one thread (``--threads 1``), or in a pool that hands what it gives to the loop.

A streamed answer is sent piece by piece as PEP 3333 asks ("must not delay the transmission of any block"). Where the
client is slower, an inline answer is suspended between two pieces until it has caught up; a pooled one waits.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable, Iterator
from io import BytesIO as _BytesIO
from time import monotonic
from typing import IO, Any, cast

from bicorn.apps.afterwork import Afterwork
from bicorn.apps.environ import EnvironBuilder
from bicorn.apps.exchange import Channel, Endpoint, Exchange, body_bytes, copy_of, is_disconnect
from bicorn.apps.files import FileWrapper, is_plain_file, send_rest
from bicorn.apps.iterables import close, iterate, join, with_kept
from bicorn.apps.native import status_code
from bicorn.apps.spool import Spool
from bicorn.errors import AppProtocolError, ClientDisconnected, ProtocolError
from bicorn.types import Environ, WSGIApp
from bicorn.wire.fields import CHUNKED
from bicorn.wire.head import Head
from bicorn.wire.response import Defaults
from bicorn.wire.states import BODY, HELD, WAITING

COMPILED = not __file__.endswith(".py")
logger = logging.getLogger("bicorn.error")

OPEN, ENDED, GONE = 0, 1, 2


class WsgiEndpoint(Endpoint):
    """One WSGI application.

    Args:
        app: the application.
        prefix: where it is mounted.
        root_path: what a proxy in front has stripped from every path.
        pool: the threads that call it, given what ``submit`` is to run; None to call it inline.
        multiprocess: whether other workers run the same application.
        context: the context each request gets a copy of.
        running: see `Endpoint.running`.
        defaults: the fields the server adds to answers.
        errors, shutdown: see `EnvironBuilder`.
    """

    __slots__ = ("afterwork", "app", "context", "environs", "pool")

    def __init__(
        self,
        app: WSGIApp,
        *,
        prefix: str,
        root_path: str,
        pool: Any,
        multiprocess: bool,
        context: contextvars.Context,
        running: set[Exchange],
        defaults: Defaults,
        errors: IO[str] | None = None,
        shutdown: Any = None,
    ) -> None:
        self.app = app
        self.prefix = prefix
        self.pool = pool
        self.context = context
        self.running = running
        self.defaults = defaults
        self.slot = None
        self.afterwork = Afterwork()
        self.environs = EnvironBuilder(
            prefix=prefix,
            root_path=root_path,
            multithread=pool is not None,
            multiprocess=multiprocess,
            errors=errors,
            shutdown=shutdown,
        )

    def open(self, channel: Channel, head: Head) -> Exchange:
        """A new exchange for `head`."""
        exchange = WsgiExchange.__new__(WsgiExchange)
        exchange.channel = channel
        exchange.head = head
        exchange.endpoint = self
        exchange.setup()
        return exchange


class WsgiExchange(Exchange):
    """One request to a WSGI application, and its answer."""

    __slots__ = (
        "_body",
        "_complete",
        "_context",
        "_is_running",
        "_iterator",
        "_kept",
        "_last_byte",
        "_phase",
        "_result",
        "_started",
        "_writable",
        "endpoint",
    )

    endpoint: WsgiEndpoint

    def setup(self) -> None:
        """The state of a new exchange."""
        self._phase = OPEN
        self._complete = self.head.content_length == 0
        self._started = False
        self._is_running = False  # counted among the endpoint's running exchanges
        self._body: Spool | None = None
        self._context: contextvars.Context | None = None
        self._result: Any = None  # what the application returned, until it is closed
        self._iterator: Iterator[bytes] | None = None
        self._kept: Spool | None = None  # what write() was given for a client that was behind
        self._last_byte = 0.0  # when an iterable had given all of its body, and may go on
        self._writable: threading.Event | None = None  # set where a pooled answer may go on

    # What the connection says

    def receive_body(self, data: bytes, complete: bool) -> None:
        """Keep a piece of body; the last lets the application begin."""
        self._complete = complete
        if data:
            if self._body is None:
                self._body = Spool()
            try:
                self._body.write(data)
            except OSError as error:
                raise ProtocolError(500, f"the request's body could not be stored: {error.strerror}") from error
        if self._started:
            self._run() if complete else self.channel.want_body()

    def start(self) -> None:
        """Begin: at once where the request is complete, else with its last piece."""
        self._started = True
        self._run() if self._complete else self.channel.want_body()

    def disconnect(self) -> None:
        """The client has gone: what the application still gives is dropped."""
        self.give_up()
        if self._writable is not None:
            self._writable.set()
        elif self._context is None:
            self._drop_body()
        elif self._iterator is not None:
            self._context.run(self._close)

    def resume(self) -> None:
        """The peer takes more: go on with a suspended answer."""
        if self._writable is not None:
            self._writable.set()
        elif self._iterator is not None and self._context is not None:
            self._context.run(self._go_on)

    def survives_eof(self) -> bool:
        """The request is complete, and the application cannot be told anyway."""
        return True

    def cancel(self) -> None:
        """A thread cannot be ended from outside; what it still gives is dropped."""
        self.disconnect()

    def give_up(self) -> None:
        """Drop what the application still gives; to be called from inside it, and so without closing its answer."""
        if self._phase == OPEN:
            self._phase = GONE

    # Calling the application

    def _run(self) -> None:
        endpoint = self.endpoint
        environ = endpoint.environs.build(self.channel, self.head)
        environ["wsgi.input"] = self._take_input(environ)
        self._context = context = copy_of(endpoint.context)
        self.show(endpoint.slot)
        if endpoint.pool is not None:
            self._writable = threading.Event()
            self._start_running()
            endpoint.pool.submit(context.run, self._call, environ)
        elif COMPILED:
            call_within(self, context, environ)  # type: ignore[name-defined]  # noqa: F821  # the .pxd's
        else:
            context.run(self._call, environ)

    def _take_input(self, environ: Environ) -> IO[bytes]:
        """The complete body as a file."""
        body = self._body
        if self.head.content_length == CHUNKED:
            # Its length is known by now: applications that read by CONTENT_LENGTH alone see it all.
            environ["CONTENT_LENGTH"] = str(body.size() if body is not None else 0)
            environ.pop("HTTP_TRANSFER_ENCODING", None)
        return _BytesIO() if body is None else body.open()

    def _drop_body(self) -> None:
        """Close what was kept in files."""
        for spool in filter(None, (self._body, self._kept)):
            spool.close()
        self._body = self._kept = None

    def _call(self, environ: Environ) -> None:
        """Call the application and send what it gives; in the loop's thread or in a pool's."""
        try:
            if self._writable is not None and self.cell >= 0 and self.endpoint.slot is not None:
                self.endpoint.slot.thread(self.cell, threading.get_ident())
            if self._phase != OPEN:
                raise ClientDisconnected()  # while the rest of the body came, or while it waited for a thread
            self._result = result = self.endpoint.app(environ, self.start_response)
            if self._kept is not None:
                self._iterator = with_kept(self._kept, result)
            elif type(result) is list or type(result) is tuple:
                self._send_whole(result)
            elif type(result) is FileWrapper and self.channel.response.state == HELD and is_plain_file(result.filelike):
                self._in_loop(self._send_file, result)
                return
            else:
                self._iterator = iterate(result)
            if self._iterator is not None and not self._send_pieces():
                return
        except BaseException as error:
            self._app_failed(error)
        self._close()

    def _go_on(self) -> None:
        """Take a suspended answer up again."""
        try:
            if not self._send_pieces():
                return
        except BaseException as error:
            self._app_failed(error)
        self._close()

    def _close(self) -> None:
        """PEP 3333: "the server or gateway **must** call that method upon completion of the current request"."""
        result = self._result
        self._result = self._iterator = None
        if type(result) is not list:
            close(result, self)
        if self._last_byte:
            self.endpoint.afterwork.took(monotonic() - self._last_byte)
        if self._body is not None or self._kept is not None:
            self._drop_body()
        if self._is_running:
            self._is_running = False
            self._in_loop(self._stop_running)
        else:
            self.hide(self.endpoint.slot)

    def _start_running(self) -> None:
        self._is_running = True
        self.endpoint.running.add(self)

    def _in_loop(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call what belongs to the loop's thread, from whichever this is."""
        if self._writable is None:
            call(*arguments)
        else:
            self.channel.loop.call_soon_threadsafe(call, *arguments)

    def _stop_running(self) -> None:
        self.hide(self.endpoint.slot)
        self.endpoint.running.discard(self)
        self.channel.idle()

    # What the application calls

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """PEP 3333's ``start_response``.

        Raises:
            AppProtocolError: the status or a header is malformed, or it was called before without `exc_info`.
        """
        response = self.channel.response
        if self._phase == GONE:
            raise ClientDisconnected()
        if response.state != WAITING:
            if exc_info is None:
                raise AppProtocolError("start_response was called a second time without exc_info")
            if response.state != HELD:
                # PEP 3333: where "the HTTP headers have already been sent, start_response must raise".
                try:
                    raise exc_info[1].with_traceback(exc_info[2])
                finally:
                    exc_info = None
        response.start(status_code(status), headers, False, True)
        return self  # rather than a method, which would be made for every answer and is hardly ever called

    def __call__(self, data: bytes) -> None:
        """PEP 3333's ``write()``: when it returns, `data` is "either completely sent to the client, or [...] buffered".

        The loop does not turn while an inline application runs. What a transport has begun to hold back, and all that
        is encrypted, leaves only then: so that no client's pace decides how much memory it takes, it waits in a file.

        Raises:
            ClientDisconnected: the client has gone.
            OSError: the disk takes no more.
        """
        if self._phase == GONE:
            raise ClientDisconnected()
        response = self.channel.response
        if response.state != HELD and response.state != BODY:
            raise AppProtocolError("write() was called after the response was complete")
        if not data:
            return
        if self._writable is None and self._iterator is None and (self._kept is not None or not self.channel.writable):
            if self._kept is None:
                self._kept = Spool()
            self._kept.write(body_bytes(data))
            return
        self._send(response.body(body_bytes(data), True), is_blocking=True)

    # Sending

    def _send_whole(self, pieces: Any) -> None:
        """A list is the complete body: its length is known, and it is sent at once."""
        body = pieces[0] if len(pieces) == 1 else join(pieces)
        self._end(body if type(body) is bytes else body_bytes(body))

    def _send_pieces(self) -> bool:
        """Send pieces until none is left; False where the client must catch up first and ``resume`` goes on."""
        channel = self.channel
        response = channel.response
        assert self._iterator is not None
        for piece in self._iterator:
            if type(piece) is not bytes:
                piece = body_bytes(piece)
            if not piece:
                continue
            if self._phase != OPEN:
                return True
            if response.state == WAITING:
                raise AppProtocolError("the application gave a body before it called start_response")
            self._send(response.body(piece, True))
            if self._writable is None and (not channel.writable or channel.tls is not None):
                if channel.writable:
                    # What goes through TLS leaves when the loop turns.
                    channel.loop.call_soon(self.resume)
                if not self._is_running:
                    self._start_running()
                return False
        self._end(b"")
        return True

    def _send(self, framed: bytes | list[bytes], is_blocking: bool = False) -> None:
        """Send a piece: here in the loop's thread, where `is_blocking` until it is out; by the loop from a pool's."""
        if self._writable is not None:
            self._send_from_thread(framed)
            return
        channel = self.channel
        data = framed if isinstance(framed, bytes) else b"".join(framed)
        try:
            if is_blocking:
                channel.write_blocking(data)
            elif channel.response.length_left():
                channel.write_through(data)
            else:  # no byte can follow
                self._last_byte = monotonic()
                if self.endpoint.afterwork.straight:
                    channel.write_through(data)
                else:
                    channel.answer(data)
        except ClientDisconnected:
            self._phase = GONE  # the loop will say so too, when it turns
            raise

    def _send_from_thread(self, framed: bytes | list[bytes]) -> None:
        """Hand bytes to the loop and wait until the client takes more."""
        assert self._writable is not None
        self._writable.clear()
        if self._phase == OPEN:
            self.channel.loop.call_soon_threadsafe(self._write_and_tell, framed)
            self._writable.wait()
        if self._phase != OPEN:
            raise ClientDisconnected()

    def _write_and_tell(self, framed: bytes | list[bytes]) -> None:
        if self._phase == OPEN:
            self.channel.write(framed)
        if self.channel.writable or self._phase != OPEN:
            cast("threading.Event", self._writable).set()

    def _end(self, body: bytes) -> None:
        """Send the last of the answer."""
        if self._phase != OPEN:
            return
        response = self.channel.response
        if response.state == WAITING:
            raise AppProtocolError("the application returned without calling start_response")
        framed = response.body(body, False)
        if self._writable is None:
            self._end_in_loop(framed)
        else:
            self.channel.loop.call_soon_threadsafe(self._end_in_loop, framed)

    def _end_in_loop(self, framed: bytes | list[bytes]) -> None:
        if self._phase == OPEN:
            self._phase = ENDED
            if not self._last_byte:
                self.channel.answer(framed)
            self.channel.finish(self)

    def _app_failed(self, error: BaseException) -> None:
        if self._phase == GONE and is_disconnect(error):
            logger.debug("the client disconnected: %s", self.describe())
            return
        logger.error("error in the WSGI application: %s", self.describe(), exc_info=error)
        self._in_loop(self._fail_in_loop)

    def _fail_in_loop(self) -> None:
        if self._last_byte:
            self._end(b"")  # the client has its answer
        elif self._phase == OPEN:
            self._phase = GONE
            self.channel.fail(self)

    # Files

    def _send_file(self, wrapper: FileWrapper) -> None:
        if not self._is_running:
            self._start_running()
        task = self.channel.loop.create_task(self._copy_file(wrapper.filelike))
        task.add_done_callback(self._file_done)

    async def _copy_file(self, file: IO[bytes]) -> None:
        await send_rest(self.channel, file)
        if self._phase == OPEN:
            self._end_in_loop(self.channel.response.body(b"", False))

    def _file_done(self, task: Any) -> None:
        error = None if task.cancelled() else task.exception()
        self._writable = None  # from here on everything happens in the loop's thread
        if error is not None:
            self._app_failed(error)
        # A copy, since a pool's thread may not have left the context yet.
        cast("contextvars.Context", self._context).copy().run(self._close)
