import cython
from bicorn.wire.head cimport Head, scan_head
from bicorn.wire.limits cimport Limits
from bicorn.wire.memory cimport Memory

cdef bint COMPILED
cdef int HEAD, LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILERS, DONE, BROKEN
cdef Py_ssize_t _CHUNK_LINE_LIMIT, _CHUNK_DIGITS_LIMIT, _CHUNK_EXTENSIONS_LIMIT, _EMPTY_LINES_LIMIT

@cython.final
cdef class Http1:
    cdef public Limits limits
    cdef public int state
    cdef public Py_ssize_t body_limit
    cdef public list trailers
    cdef Memory _memory
    cdef bytes _buffer
    cdef Py_ssize_t _position
    cdef Py_ssize_t _searched
    cdef Py_ssize_t _remaining
    cdef Py_ssize_t _received
    cdef Py_ssize_t _extensions
    cdef Py_ssize_t _empty_lines

    cpdef Py_ssize_t buffered(self)
    cpdef bint is_idle(self)
    cpdef bint is_done(self)
    cpdef receive(self, bytes data)
    cpdef next_request(self)
    cpdef rest(self)
    cpdef stop(self)
    cpdef bytes take(self)
    cpdef object next_event(self)
    cpdef Head next_head(self)
    @cython.locals(state=int)
    cpdef bytes next_body(self)
    @cython.locals(data=bytes, start=Py_ssize_t, begin=Py_ssize_t, size=Py_ssize_t, head=Head)
    cdef Head _next_head(self)
    cdef Py_ssize_t _skip_empty_lines(self) except -2
    @cython.locals(data=bytes, start=Py_ssize_t, available=Py_ssize_t)
    cdef bytes _take_piece(self, int then)
    @cython.locals(pieces=list, going=bint, state=int)
    cdef bytes _next_chunks(self)
    @cython.locals(data=bytes, line=bytes, digits=bytes, start=Py_ssize_t, newline=Py_ssize_t, size=Py_ssize_t)
    cdef bint _read_chunk_size(self) except -1
    @cython.locals(data=bytes, start=Py_ssize_t)
    cdef bint _read_chunk_end(self) except -1
    @cython.locals(data=bytes, start=Py_ssize_t, begin=Py_ssize_t, end=Py_ssize_t)
    cdef bint _read_trailers(self) except -1

@cython.locals(p="const unsigned char *", end=Py_ssize_t)
cdef bint _ends_in_empty_line(bytes data)
