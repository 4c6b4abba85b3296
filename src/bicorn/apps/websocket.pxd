import cython
from bicorn.apps.asgi cimport AsgiEndpoint
from bicorn.apps.asgi_call cimport AsgiCall
from bicorn.apps.exchange cimport Channel, Ready
from bicorn.apps.waits cimport Receiving, Wait
from bicorn.wire.response cimport Response

cdef int CONNECTING, ACCEPTED, DENYING, CLOSED, GONE, COMPLETE, BINARY, TEXT
cdef Py_ssize_t QUEUE_BYTES, SHOWN_CELLS
cdef Ready _ready

cdef class WebSocketExchange(AsgiCall):
    cdef public object offer
    cdef public int state
    cdef public bint is_full
    cdef Py_ssize_t _limit
    cdef int _code
    cdef str _reason
    cdef list _queue
    cdef Py_ssize_t _queued
    cdef bint _is_told
    cdef Wait _wait
    cdef list _more_waits

    @cython.locals(endpoint=AsgiEndpoint)
    cpdef start(self)
    cpdef receive_message(self, int kind, object payload)
    @cython.locals(wait=Wait)
    cpdef wake(self)
    cpdef closed(self, int code, str reason)
    cpdef object receive(self)
    @cython.locals(channel=Channel, fields=dict)
    cpdef object send(self, object message)
    @cython.locals(message=dict)
    cpdef dict take(self)
    cpdef bint has_message(self)
    cpdef bint is_over(self)
    @cython.locals(wait=Wait)
    cpdef Wait new_wait(self)
