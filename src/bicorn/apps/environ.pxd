import cython
from bicorn.apps.exchange cimport Channel, Origin
from bicorn.wire.head cimport Head
from bicorn.wire.memory cimport KnownLine, Memory

cdef dict _keys

cdef class EnvironBuilder:
    cdef Py_ssize_t _strip
    cdef Origin _origin
    cdef dict _environ
    cdef dict _template

    @cython.locals(environ=dict, memory=Memory, path=bytes, uri=str, query=str)
    cpdef dict build(self, Channel channel, Head head)
    @cython.locals(
        environ=dict, client=tuple, lines=list, known=Py_ssize_t, at=Py_ssize_t, size=Py_ssize_t, field=tuple,
        line=KnownLine, name=bytes, value=bytes, key=str, text=str,
    )
    cdef dict _repeated(self, Channel channel, Head head)
    cdef _use_origin(self, Origin origin)
