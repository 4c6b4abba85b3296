import cython
from bicorn.apps.exchange cimport Endpoint, Exchange
from bicorn.server.outbound cimport Outbound
from bicorn.server.service cimport Service
from bicorn.wire.head cimport Head
from bicorn.wire.http1 cimport Http1
from bicorn.wire.response cimport Response

cdef int IDLE, HEAD, BODY, ANSWER, LINGER, CLOSING
cdef int HELD, WAITING
cdef Py_ssize_t PIPELINE_HIGH_WATER, DISCARD_LIMIT, LINGER_LIMIT
cdef double LINGER_TIME, RATE_GRACE

cdef class Connection(Outbound):
    cdef public Http1 http
    cdef public Exchange exchange
    cdef public int phase
    cdef public double deadline
    cdef bint _advancing
    cdef double _began
    cdef Py_ssize_t _body_received
    cdef double _body_started
    cdef Py_ssize_t _discard
    cdef bint _expects_continue
    cdef bint _later
    cdef bint _paused
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
    cdef _wait_for(self, int phase, double seconds)
    cdef _wait_for_head(self)
    cdef _wait_for_body(self)
    cdef bint _discard_body(self) except -1
    cdef _pause_reading(self)
    cdef _resume_reading(self)
    cpdef tick(self, double now)
    @cython.locals(http=Http1)
    cpdef finish(self, Exchange exchange)
