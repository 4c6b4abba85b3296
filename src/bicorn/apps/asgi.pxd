import cython
from bicorn.apps.asgi_call cimport AsgiCall
from bicorn.apps.calls cimport Calls
from bicorn.apps.exchange cimport Channel, Endpoint, Exchange, Ready
from bicorn.apps.scope cimport ScopeBuilder
from bicorn.wire.head cimport Head
from bicorn.wire.response cimport Response

cdef int OPEN, ENDED, GONE
cdef int BODY, HELD, IDLE, TRAILERS, WAITING
cdef Py_ssize_t BODY_HIGH_WATER
cdef Ready _ready

cdef class AsgiEndpoint(Endpoint):
    cdef public object app
    cdef public ScopeBuilder scopes
    cdef public Calls calls

    @cython.locals(exchange=AsgiExchange)
    cpdef Exchange open(self, Channel channel, Head head)

cdef class AsgiExchange(AsgiCall):
    cdef int _phase
    cdef list _pieces
    cdef Py_ssize_t _size
    cdef bint _complete
    cdef bint _delivered
    cdef bint _ignores_trailers
    cdef bint _is_told
    cdef list _waiters

    cpdef setup(self)
    @cython.locals(endpoint=AsgiEndpoint, channel=Channel)
    cpdef start(self)
    cpdef receive_body(self, bytes data, bint complete)
    cpdef disconnect(self)
    @cython.locals(channel=Channel, response=Response, fields=dict)
    cpdef object send(self, object message)
    cpdef object receive(self)
    @cython.locals(pieces=list, body=bytes)
    cdef dict _next_message(self)
    cdef _wake(self)
    cdef _end(self)
    @cython.locals(response=Response, trailers=bint)
    cdef _start_response(self, dict message)
    cpdef _ended(self, object error)
