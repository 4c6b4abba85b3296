cdef class Afterwork:
    cdef public int straight
    cdef int _trial
    cdef int _waited

    cpdef took(self, double seconds)
