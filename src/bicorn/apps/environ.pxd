import cython
from bicorn.apps.exchange cimport Channel, Origin
from bicorn.wire.head cimport Head

cdef dict _keys

cdef class EnvironBuilder:
    cdef Py_ssize_t _strip
    cdef Origin _origin
    cdef dict _environ
    cdef dict _template

    @cython.locals(environ=dict, path=bytes, name=bytes, value=bytes, key=str, client=tuple, uri=str, query=str, text=str, size=Py_ssize_t)
    cpdef dict build(self, Channel channel, Head head)
    cdef _use_origin(self, Origin origin)
