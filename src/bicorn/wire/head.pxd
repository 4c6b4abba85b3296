import cython
from bicorn.wire.limits cimport Limits
from bicorn.wire.memory cimport Memory

cdef Py_ssize_t MEMORY_BLOCK_SIZE, MEMORY_LINE_SIZE, MEMORY_LINES

cdef list _names
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

@cython.locals(entry=tuple)
cdef tuple _new_name(bytes name, Py_ssize_t slot)


@cython.locals(fields_start=Py_ssize_t, headers=list, steering=list, lines=list, head=Head)
cpdef Head scan_head(bytes data, Py_ssize_t start, Limits limits, Memory memory=*)

@cython.locals(
    p="const unsigned char *", token="const unsigned char *", target_byte="const unsigned char *",
    i=Py_ssize_t, path_start=Py_ssize_t, query_start=Py_ssize_t,
)
cdef Py_ssize_t _scan_request_line(bytes data, Py_ssize_t start, Limits limits, Head head) except -1

@cython.locals(
    p="const unsigned char *", token="const unsigned char *", value_byte="const unsigned char *",
    i=Py_ssize_t, begin=Py_ssize_t, size=Py_ssize_t, slot=Py_ssize_t, value_start=Py_ssize_t, value_end=Py_ssize_t,
    kind=int, entry=tuple, value=bytes, at=Py_ssize_t, known=Py_ssize_t, line=bytes, field=tuple,
)
cdef Py_ssize_t _scan_fields(
    bytes data, Py_ssize_t start, Limits limits, list headers, list steering, list lines
) except -2

@cython.locals(q="const unsigned char *", token="const unsigned char *", j=Py_ssize_t)
cdef bint _same_name(bytes name, const unsigned char *p, Py_ssize_t begin, Py_ssize_t size)

cdef str _method(bytes name)

@cython.locals(
    kind=int, value=bytes, hosts=int, lengths=list, codings=bytes, connection=list, upgrade=bytes, item=tuple,
)
cdef int _settle(Head head, list steering) except -1
