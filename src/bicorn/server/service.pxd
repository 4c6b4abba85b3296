import cython
from bicorn.apps.exchange cimport Endpoint, Origin
from bicorn.observe.slot cimport Slot
from bicorn.server.batch cimport Batch
from bicorn.wire.head cimport Head
from bicorn.wire.limits cimport Limits
from bicorn.wire.response cimport Defaults

cdef class Service:
    cdef public object loop
    cdef public object access
    cdef public Limits limits
    cdef public double head_timeout
    cdef public double body_timeout
    cdef public double write_timeout
    cdef public double keep_alive_timeout
    cdef public double now
    cdef public Py_ssize_t min_body_rate
    cdef public Py_ssize_t pipelined_limit
    cdef public Py_ssize_t connection_limit
    cdef public Py_ssize_t concurrency_limit
    cdef public Py_ssize_t requests_limit
    cdef public dict connections
    cdef public set running
    cdef public Batch batch
    cdef public bint draining
    cdef public double recent
    cdef public bint restarting
    cdef public object websockets
    cdef public Py_ssize_t requests
    cdef public Py_ssize_t sent
    cdef public Slot slot
    cdef public Py_ssize_t requests_before_recycling
    cdef public object recycle
    cdef bint _told
    cdef public object drained
    cdef public object shutdown
    cdef public object handshakes
    cdef public Defaults defaults
    cdef public Endpoint root
    cdef Py_ssize_t _second
    cdef list _mounts
    cdef dict _origins
    cdef object _timer

    cpdef count(self)
    cpdef Endpoint endpoint(self, Head head)
    cpdef Origin origin(self, str scheme, object name)
