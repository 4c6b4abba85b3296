import cython

cdef dict _names, _statuses

cpdef int status_code(object status) except -1
@cython.locals(fields=list, key=bytes)
cpdef list header_fields(object headers)
cdef bytes _encode(object name, str value)
