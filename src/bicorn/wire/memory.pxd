cdef class Memory:
    cdef public list lines
    cdef public bytes block
    cdef public list headers
    cdef public list steering
    cpdef forget(self)
