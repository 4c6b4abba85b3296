import cython
from bicorn.apps.exchange cimport Channel

cdef double LONGEST, SLOW
cdef int ALONE, PAUSE

cdef class Batch:
    cdef object _loop
    cdef list _waiting
    cdef Py_ssize_t _count
    cdef double _began
    cdef int _alone
    cdef public int straight

    @cython.locals(now=double)
    cpdef wait(self, Channel connection)
    cpdef end(self)
    @cython.locals(waiting=list, connection=Channel)
    cdef _send(self, double now)
