import cython
from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memcpy

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)
    void *PyUnicode_DATA(object text)
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef int NOTHING, TEXT, BINARY, CLOSE, PING, PONG
cdef int _CONTINUATION, _MORE, _FINAL, _COMPRESSED, _RESERVED
cdef Py_ssize_t _CONTROL_LIMIT, _REASON_LIMIT, _NO_LIMIT

# Lay `key` over `size` bytes; what all results have in common with 0x80 tells whether any is not ASCII.
cdef inline unsigned char lay_key(
    unsigned char *to, const unsigned char *p, Py_ssize_t size, const unsigned char *key
) noexcept nogil:
    cdef unsigned long long word, key64, seen = 0
    cdef unsigned char byte, rest = 0
    cdef Py_ssize_t i = 0
    memcpy(&key64, key, 4)
    memcpy(<unsigned char *>&key64 + 4, key, 4)
    while i + 8 <= size:
        memcpy(&word, p + i, 8)
        word ^= key64
        memcpy(to + i, &word, 8)
        seen |= word
        i += 8
    while i < size:
        byte = p[i] ^ key[i & 3]
        to[i] = byte
        rest |= byte
        i += 1
    return 128 if seen & 0x8080808080808080ULL or rest & 128 else 0

cdef inline bytes unmasked_by(const unsigned char *p, Py_ssize_t size, const unsigned char *key):
    cdef bytes piece
    if size == 1:  # single bytes are shared objects
        return PyBytes_FromStringAndSize([<char>(p[0] ^ key[0])], 1)
    piece = PyBytes_FromStringAndSize(NULL, size)
    if size:
        lay_key(<unsigned char *>PyBytes_AS_STRING(piece), p, size, key)
    return piece

# The payload whose masking key is at `start`, the payload right behind it.
cdef inline bytes unmasked(bytes data, Py_ssize_t start, Py_ssize_t size):
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(data) + start
    return unmasked_by(p + 4, size, p)

cdef inline bytes unmasked_piece(bytes data, Py_ssize_t start, Py_ssize_t size, bytes key):
    return unmasked_by(
        <const unsigned char *>PyBytes_AS_STRING(data) + start, size, <const unsigned char *>PyBytes_AS_STRING(key)
    )

# The same as text: made as ASCII, which it mostly is, and decoded from there where it is not.
cdef inline str unmasked_text(bytes data, Py_ssize_t start, Py_ssize_t size):
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(data) + start
    cdef str text
    if size == 0:
        return ""
    text = PyUnicode_New(size, 127)
    if lay_key(<unsigned char *>PyUnicode_DATA(text), p + 4, size, p):
        return PyUnicode_DecodeUTF8(<char *>PyUnicode_DATA(text), size, NULL)
    return text

# Whether any of the bytes appended is not ASCII.
cdef inline bint append_unmasked(
    bytearray message, bytes data, Py_ssize_t start, Py_ssize_t size, bytes key
) except -1:
    cdef Py_ssize_t before = len(message)
    PyByteArray_Resize(message, before + size)
    return 0 != lay_key(
        <unsigned char *>PyByteArray_AS_STRING(message) + before,
        <const unsigned char *>PyBytes_AS_STRING(data) + start, size, <const unsigned char *>PyBytes_AS_STRING(key),
    )

cdef inline bytes framed_bytes(int first, const char *payload, Py_ssize_t size):
    cdef Py_ssize_t before = 2 if size < 126 else 4 if size < 65536 else 10
    cdef bytes whole = PyBytes_FromStringAndSize(NULL, before + size)
    cdef unsigned char *to = <unsigned char *>PyBytes_AS_STRING(whole)
    cdef int i
    to[0] = <unsigned char>first
    if before == 2:
        to[1] = <unsigned char>size
    elif before == 4:
        to[1] = 126
        to[2] = <unsigned char>(size >> 8)
        to[3] = <unsigned char>(size & 255)
    else:
        to[1] = 127
        for i in range(8):
            to[2 + i] = <unsigned char>((size >> (56 - 8 * i)) & 255)
    memcpy(to + before, payload, size)
    return whole

cdef inline bytes framed(int first, bytes payload):
    return framed_bytes(first, PyBytes_AS_STRING(payload), len(payload))

cdef inline bytes framed_text(int first, str payload):
    cdef bytes data
    if PyUnicode_IS_ASCII(payload):
        return framed_bytes(first, <const char *>PyUnicode_DATA(payload), PyUnicode_GET_LENGTH(payload))
    data = payload.encode()
    return framed_bytes(first, PyBytes_AS_STRING(data), len(data))

@cython.final
cdef class Reader:
    cdef public object payload
    cdef public int code
    cdef public str reason
    cdef Py_ssize_t _limit
    cdef object _inflate
    cdef bytes _buffer
    cdef Py_ssize_t _position
    cdef bint _is_over
    cdef bytearray _message
    cdef int _kind
    cdef bint _compressed
    cdef Py_ssize_t _wire_size
    cdef bytes _undecoded
    cdef bint _final
    cdef Py_ssize_t _remaining
    cdef bytes _key

    cpdef receive(self, bytes data)
    cpdef Py_ssize_t buffered(self)
    cpdef rest(self)
    cpdef stop(self)
    @cython.locals(kind=int)
    cpdef int next(self) except? -1
    @cython.locals(
        data=bytes, p="const unsigned char *", start=Py_ssize_t, end=Py_ssize_t, first=int, size=Py_ssize_t, count=int
    )
    cdef int _read_frame(self) except? -1
    @cython.locals(opcode=int)
    cdef int _check_head(self, int first, Py_ssize_t size) except -1
    cdef Py_ssize_t _long_size(self, bytes data, Py_ssize_t start) except -1
    @cython.locals(limit=Py_ssize_t, before=Py_ssize_t)
    cdef int _check_size(self, bint compressed, Py_ssize_t size) except -1
    @cython.locals(is_text=bint, inflated=bytes)
    cdef int _read_message(self, int first, bytes data, Py_ssize_t start, Py_ssize_t size) except -1
    @cython.locals(data=bytes, payload=bytes, code=int, reason=str)
    cdef int _read_control(self, int kind, Py_ssize_t start, Py_ssize_t size) except? -1
    @cython.locals(data=bytes, start=Py_ssize_t, size=Py_ssize_t, turn=Py_ssize_t)
    cdef int _take_piece(self) except? -1
    @cython.locals(message=bytearray, before=Py_ssize_t, is_ascii=bint)
    cdef int _gather(self, bytes data, Py_ssize_t start, Py_ssize_t size) except -1
    cdef int _check_text(self, bytearray message, Py_ssize_t before) except -1
    @cython.locals(message=bytearray, before=Py_ssize_t, kind=int)
    cdef int _finish(self) except? -1

cdef bytes _payload(bytes data, Py_ssize_t start, Py_ssize_t size)
cdef bytes _piece(bytes data, Py_ssize_t start, Py_ssize_t size, bytes key)
cpdef bint is_close_code(int code)
@cython.locals(first=int)
cpdef bytes frame(int kind, object payload, bint compressed=*)

@cython.final
cdef class Framer:
    cdef object _payload
    cdef int _kind
    cdef bytes _frame

    cpdef bytes frame(self, int kind, object payload)

@cython.locals(first=int)
cpdef bytes frame_head(int kind, Py_ssize_t size, bint compressed=*)
cpdef bytes close_frame(int code, str reason=*)
