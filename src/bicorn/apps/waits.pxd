import cython
from bicorn.apps.exchange cimport return_from_next
from bicorn.apps.websocket cimport WebSocketExchange

cdef bint COMPILED
cdef object _current_task

cdef class Receiving:
    cdef WebSocketExchange _exchange
    cdef Wait _wait

    cpdef send(self, object value)
    cpdef close(self)

cdef class Wait:
    cdef public bint _asyncio_future_blocking
    cdef object _callback
    cdef object _context
    cdef WebSocketExchange _exchange
    cdef bint _is_cancelled

    cpdef wake(self)
