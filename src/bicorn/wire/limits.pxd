cdef class Limits:
    cdef public Py_ssize_t request_line
    cdef public Py_ssize_t fields
    cdef public Py_ssize_t field_size
    cdef public Py_ssize_t head
    cdef public Py_ssize_t body
