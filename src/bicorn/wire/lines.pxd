import cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

cdef bytes _value_byte
cdef bint COMPILED
cdef Py_ssize_t _KNOWN_LIMIT, _SIZE_LIMIT
cdef Py_hash_t _PLACES
cdef dict _names, _native_names
cdef list _lines, _native_lines

# b"%b: %b\r\n" % (name, value), without reading a format.
cdef inline bytes joined_line(bytes name, bytes value):
    cdef Py_ssize_t before = PyBytes_GET_SIZE(name), size = PyBytes_GET_SIZE(value)
    cdef bytes text = PyBytes_FromStringAndSize(NULL, before + size + 4)
    cdef char *at = PyBytes_AS_STRING(text)
    memcpy(at, PyBytes_AS_STRING(name), before)
    at += before
    memcpy(at, b": ", 2)
    memcpy(at + 2, PyBytes_AS_STRING(value), size)
    memcpy(at + 2 + size, b"\r\n", 2)
    return text

@cython.final
@cython.freelist(32)
cdef class Line:
    cdef readonly object name
    cdef readonly object value
    cdef readonly bytes text
    cdef readonly int kind
    cdef readonly Py_ssize_t length

@cython.locals(place=Py_ssize_t, line=Line, lines=list)
cpdef Line line_of(object name, object value, bint native=*)
@cython.locals(kind=object)
cpdef int field_kind(bytes name) except -2
@cython.locals(p="const unsigned char *", table="const unsigned char *", i=Py_ssize_t)
cpdef bint is_value(bytes value) except -1
cdef bint _is_field(Line line, object name, object value) except -1
@cython.locals(kind=int, length=Py_ssize_t, name=bytes, value=bytes)
cdef Line _read(object given_name, object given_value, bint native)
cdef Py_ssize_t _content_length(bytes value) except -1
cdef bytes _native_name(str name)
cdef bytes _encode(str name, str value)
cdef int _learn_name(bytes name) except -2
