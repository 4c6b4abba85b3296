import cython
from bicorn.apps.exchange cimport Channel
from bicorn.server.service cimport Service
from bicorn.server.batch cimport Batch
from bicorn.server.direct cimport send_now

cdef Py_ssize_t PIECES_LIMIT, TURN_LIMIT
cdef int _UNKNOWN, _NONE

cdef class Outbound(Channel):
    cdef public Service service
    cdef public object transport
    cdef str _scheme
    cdef int _descriptor
    cdef bint _handed
    cdef bint _is_slow
    cdef list _pieces
    cdef Py_ssize_t _pieces_size
    cdef Py_ssize_t _streamed
    cdef Py_ssize_t _unsent
    cdef list _waiters
    cdef double _write_deadline
    cdef Py_ssize_t _written

    cpdef succeed(self, Outbound other)
    cpdef write(self, object data)
    @cython.locals(batch=Batch)
    cpdef answer(self, object data)
    cpdef write_piece(self, object data)
    cdef _collect(self, object data)
    @cython.locals(pieces=list)
    cpdef flush(self)
    cdef bint _holds_back(self) except -1
    cdef bint _stream(self, object data, Py_ssize_t size) except -1
    @cython.locals(descriptor=int, sent=Py_ssize_t)
    cdef bint _send(self, bytes data) except -1
    cdef int _plain_descriptor(self) except? -1
    cpdef write_through(self, bytes data)
    cdef _wake(self)
    cpdef watch_writing(self)
    cpdef written(self, Py_ssize_t size)
    cpdef Py_ssize_t unsent(self) except -1
    @cython.locals(unsent=Py_ssize_t)
    cpdef check_write_deadline(self, double now)
    cpdef abort(self)
