import cython

@cython.final
@cython.freelist(64)
cdef class KnownLine:
    cdef public bytes text
    cdef public tuple field
    cdef public tuple steering
    cdef public str key
    cdef public str native

@cython.final
cdef class Memory:
    cdef public list lines
    cdef public Py_ssize_t recognised
    cdef public bytes block
    cdef public list headers
    cdef public list steering
    cdef object _maker
    cdef dict _made
    cpdef forget(self)
    cpdef remember(self, bytes block, list headers, list steering)
    cpdef dict made_by(self, object maker)
    cpdef keep(self, object maker, dict made)
