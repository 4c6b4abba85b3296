import cython
from bicorn.apps.exchange cimport Exchange
from bicorn.server.outbound cimport Outbound
from bicorn.server.service cimport Service
from bicorn.wire.http1 cimport Http1

cdef int IDLE, HEAD, BODY, LINGER, CLOSING
cdef Py_ssize_t LINGER_LIMIT
cdef double LINGER_TIME, RATE_GRACE

cdef class Waiting(Outbound):
    cdef public Http1 http
    cdef public Exchange exchange
    cdef public int phase
    cdef public double deadline
    cdef Py_ssize_t _body_received
    cdef double _body_started
    cdef Py_ssize_t _discard
    cdef bint _expects_continue
    cdef bint _paused

    cpdef refuse(self, object error)
    cpdef wait_for(self, int phase, double seconds)
    cpdef hold_reading(self)
    cpdef resume_reading(self)
    cpdef tick(self, double now)
    cpdef close(self)
    cpdef abort(self)
    cpdef drop_no_more(self)
    cpdef linger(self)
