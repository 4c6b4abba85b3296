import cython
from bicorn.wire.limits cimport Limits
from bicorn.wire.memory cimport KnownLine, Memory
from bicorn.wire.names cimport field_name
from cpython.bytes cimport PyBytes_AS_STRING
from libc.string cimport memcmp

cdef bint COMPILED
cdef Py_ssize_t MEMORY_LINE_SIZE, MEMORY_LINES

cdef bytes _token_lower, _value_byte, _target_byte

@cython.final
@cython.freelist(64)
cdef class Head:
    cdef public str method
    cdef public bytes path
    cdef public bytes query
    cdef public bint escaped
    cdef public int minor
    cdef public list headers
    cdef public Py_ssize_t content_length
    cdef public bint keep_alive
    cdef public bint expect_continue
    cdef public bytes upgrade
    cdef public Py_ssize_t end
    cdef public Memory memory
    cdef public bint is_repeat

cdef inline bint same_bytes(bytes data, Py_ssize_t at, bytes text, Py_ssize_t size):
    return memcmp(PyBytes_AS_STRING(data) + at, PyBytes_AS_STRING(text), size) == 0

cdef bint _lies_at(bytes data, bytes text, Py_ssize_t size, Py_ssize_t at) except -1

@cython.locals(fields_start=Py_ssize_t, headers=list, steering=list, size=Py_ssize_t, head=Head)
cpdef Head scan_head(bytes data, Py_ssize_t start, Limits limits, Memory memory=*)

@cython.locals(
    p="const unsigned char *", token="const unsigned char *", target_byte="const unsigned char *",
    i=Py_ssize_t, path_start=Py_ssize_t, query_start=Py_ssize_t,
)
cdef Py_ssize_t _scan_request_line(bytes data, Py_ssize_t start, Limits limits, Head head) except -1

@cython.locals(
    p="const unsigned char *", token="const unsigned char *", value_byte="const unsigned char *",
    i=Py_ssize_t, begin=Py_ssize_t, size=Py_ssize_t, name=bytes, kind=int, value_start=Py_ssize_t, value_end=Py_ssize_t,
    value=bytes, at=Py_ssize_t, known=Py_ssize_t, recognised=Py_ssize_t, lines=list, line=KnownLine, text=bytes, field=tuple, steer=tuple,
)
cdef Py_ssize_t _scan_fields(
    bytes data, Py_ssize_t start, Limits limits, list headers, list steering, Memory memory
) except -2

cdef str _method(bytes name)

@cython.locals(
    kind=int, value=bytes, hosts=int, lengths=list, codings=bytes, connection=list, upgrade=bytes, item=tuple,
)
cdef int _settle(Head head, list steering) except -1
