import cython
from bicorn.apps.exchange cimport Channel, Origin
from bicorn.wire.head cimport Head

cdef class ScopeBuilder:
    cdef str _root
    cdef dict _state
    cdef dict _template
    cdef dict _extensions

    @cython.locals(scope=dict, extensions=dict, origin=Origin, path=str)
    cpdef dict build(self, Channel channel, Head head)
