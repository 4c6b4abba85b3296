import cython

cdef bytes _token_lower
cdef list _names
cdef Py_ssize_t _SIZE_LIMIT

@cython.locals(
    p="const unsigned char *", token="const unsigned char *", size=Py_ssize_t, place=Py_ssize_t, entry=tuple,
)
cpdef tuple field_name(bytes data, Py_ssize_t begin, Py_ssize_t end)

@cython.locals(
    p="const unsigned char *", q="const unsigned char *", token="const unsigned char *", i=Py_ssize_t,
)
cdef bint _is_same(bytes name, bytes data, Py_ssize_t begin, Py_ssize_t size)

@cython.locals(entry=tuple)
cdef tuple _learn(bytes name, Py_ssize_t place)
