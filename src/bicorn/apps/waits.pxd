import cython
from bicorn.apps.exchange cimport PyContext_Enter, PyContext_Exit, return_from_next
from bicorn.apps.websocket cimport WebSocketExchange

cdef bint COMPILED
cdef object _current_task, _ended

cdef inline int call_within(object context, object callback, object ended) except -1:
    PyContext_Enter(context)
    try:
        callback(ended)
    finally:
        PyContext_Exit(context)
    return 0

@cython.freelist(16)
cdef class Receiving:
    cdef WebSocketExchange _exchange
    cdef Wait _wait

    cpdef send(self, object value)
    cpdef close(self)

@cython.freelist(16)
cdef class Wait:
    cdef public object _asyncio_future_blocking
    cdef readonly object _loop
    cdef object _callback
    cdef object _context

    cpdef wake(self)
