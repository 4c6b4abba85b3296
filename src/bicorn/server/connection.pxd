import cython
from bicorn.apps.exchange cimport Endpoint, Exchange
from bicorn.server.service cimport Service
from bicorn.server.waiting cimport Waiting
from bicorn.wire.head cimport Head
from bicorn.wire.http1 cimport Http1
from bicorn.wire.response cimport Response

cdef int IDLE, HEAD, BODY, ANSWER, LINGER, CLOSING
cdef int HELD, WAITING, IDLE_RESPONSE, CLIENT_CLOSED, SWITCHING_PROTOCOLS
cdef Py_ssize_t PIPELINE_HIGH_WATER, DISCARD_LIMIT
cdef double LINGER_TIME

cdef class Connection(Waiting):
    cdef object __weakref__
    cdef bint _advancing
    cdef double _began
    cdef bint _ended
    cdef bint _later
    cdef Py_ssize_t _requests

    @cython.locals(http=Http1)
    cpdef data_received(self, bytes data)
    cpdef advance(self)
    @cython.locals(http=Http1, turns=Py_ssize_t, head=Head)
    cdef _advance(self)
    @cython.locals(service=Service, keep_alive=bint, endpoint=Endpoint, exchange=Exchange)
    cdef _begin(self, Head head)
    @cython.locals(http=Http1)
    cdef _begin_body(self, Exchange exchange, Head head)
    cdef _advance_later(self)
    cdef _wait_for_head(self)
    cdef _wait_for_body(self)
    cdef bint _discard_body(self) except -1
    @cython.locals(http=Http1)
    cpdef finish(self, Exchange exchange)
