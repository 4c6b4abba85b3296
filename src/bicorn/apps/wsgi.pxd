import cython
from bicorn.apps.afterwork cimport Afterwork
from bicorn.apps.environ cimport EnvironBuilder
from bicorn.apps.exchange cimport Channel, Endpoint, Exchange, PyContext_Enter, PyContext_Exit, copy_of
from bicorn.apps.native cimport status_code
from bicorn.wire.head cimport Head
from bicorn.wire.response cimport Response

cdef bint COMPILED
cdef int OPEN, ENDED, GONE
cdef int BODY, HELD, WAITING
cdef object _BytesIO

cdef class WsgiEndpoint(Endpoint):
    cdef public object app
    cdef public object pool
    cdef public object context
    cdef public Afterwork afterwork
    cdef public EnvironBuilder environs

    @cython.locals(exchange=WsgiExchange)
    cpdef Exchange open(self, Channel channel, Head head)

cdef class WsgiExchange(Exchange):
    cdef public WsgiEndpoint endpoint
    cdef int _phase
    cdef bint _complete
    cdef bint _started
    cdef bint _is_running
    cdef object _body
    cdef object _context
    cdef object _result
    cdef object _iterator
    cdef object _kept
    cdef double _last_byte
    cdef object _writable

    cpdef setup(self)
    cpdef start(self)
    cpdef receive_body(self, bytes data, bint complete)
    cpdef disconnect(self)
    cpdef resume(self)
    @cython.locals(endpoint=WsgiEndpoint)
    cdef _run(self)
    cdef _take_input(self, dict environ)
    cdef _drop_body(self)
    cpdef _call(self, dict environ)
    cpdef _close(self)
    cdef _start_running(self)
    cpdef _stop_running(self)
    @cython.locals(response=Response)
    cpdef start_response(self, object status, object headers, object exc_info=*)
    cdef _send_whole(self, object pieces)
    @cython.locals(response=Response, channel=Channel)
    cdef bint _send_pieces(self) except -1
    @cython.locals(channel=Channel, data=bytes)
    cdef _send(self, object framed, bint is_blocking=*)
    @cython.locals(response=Response)
    cdef _end(self, bytes body)
    cpdef _end_in_loop(self, object framed)

# Context.run(), without what it costs to call a method through Python.
cdef inline int call_within(WsgiExchange exchange, object context, dict environ) except -1:
    cdef WsgiExchange held = exchange  # the connection lets go of it before its call has ended
    PyContext_Enter(context)
    try:
        held._call(environ)
    finally:
        PyContext_Exit(context)
    return 0
