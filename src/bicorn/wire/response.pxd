import cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from libc.string cimport memcpy

from bicorn.wire.lines cimport Line, field_kind, is_value, line_of

cdef bint COMPILED
cdef int IDLE, WAITING, HELD, BODY, TRAILERS
cdef int NO_BODY, LENGTH, CHUNKED, CLOSE
cdef int PLAIN, CONTENT_LENGTH, DROPPED, CLOSES, DATE, SERVER
cdef Py_ssize_t JOIN_LIMIT, _KNOWN_LIMIT
cdef dict _chunk_lines, _length_lines, _status_lines

# b"".join() for what is known to be bytes.
cdef inline bytes joined(list parts):
    cdef Py_ssize_t i, size = 0, number = PyList_GET_SIZE(parts)
    cdef PyObject *part
    for i in range(number):
        size += PyBytes_GET_SIZE(<object>PyList_GET_ITEM(parts, i))
    cdef bytes all = PyBytes_FromStringAndSize(NULL, size)
    cdef char *at = PyBytes_AS_STRING(all)
    for i in range(number):
        part = PyList_GET_ITEM(parts, i)
        size = PyBytes_GET_SIZE(<object>part)
        memcpy(at, PyBytes_AS_STRING(<object>part), size)
        at += size
    return all

cdef class Defaults:
    cdef public bytes server
    cdef public bytes date
    cdef public bytes extra
    cdef public bytes lines
    cpdef set_date(self, bytes line)

@cython.final
cdef class Response:
    cdef public int state
    cdef public int status
    cdef public bint keep_alive
    cdef public bint is_head
    cdef public Py_ssize_t body_sent
    cdef Defaults _defaults
    cdef object _fields
    cdef bint _native
    cdef list _parts
    cdef int _framing
    cdef Py_ssize_t _length
    cdef int _minor
    cdef bint _trailers

    cpdef begin(self, int minor, bint is_head, bint keep_alive)
    @cython.locals(parts=list, length=Py_ssize_t, own_lines=int, kind=int, defaults=Defaults, keep_alive=bint, line=Line)
    cpdef start(self, int status, object headers, bint trailers=*, bint native=*)
    cpdef list fields(self)
    @cython.locals(parts=list, size=Py_ssize_t)
    cpdef object body(self, bytes data, bint more)
    @cython.locals(parts=list)
    cpdef bytes body_head(self, Py_ssize_t size, bint more)
    @cython.locals(parts=list)
    cdef list _take_head(self, Py_ssize_t size, bint more)
    cpdef bytes body_tail(self, Py_ssize_t size)
    cpdef bint has_body(self)
    cpdef Py_ssize_t length_left(self)
    @cython.locals(parts=list)
    cpdef bytes trailers(self, object headers, bint more)
    @cython.locals(parts=list, length=Py_ssize_t, status=int)
    cdef int _frame(self, Py_ssize_t size, bint more) except -1

cdef bytes _length_line(Py_ssize_t length)
cdef bytes _chunk_line(Py_ssize_t size)
cdef bytes _without(Defaults defaults, int own_lines)
