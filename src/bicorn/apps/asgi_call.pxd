from bicorn.apps.exchange cimport Endpoint, Exchange

cdef class AsgiCall(Exchange):
    cdef public Endpoint endpoint
    cdef object _task
    cdef bint _is_cancelled

    cpdef setup(self)
    cpdef _has_begun(self, object task)
    cpdef _ended(self, object error)
    cpdef _let_go(self)
