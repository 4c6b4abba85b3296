cdef dict _statuses

cpdef int status_code(object status) except -1
