import cython
from bicorn.apps.websocket cimport WebSocketExchange
from bicorn.server.batch cimport Batch
from bicorn.server.outbound cimport Outbound
from bicorn.server.service cimport Service
from bicorn.wire.websocket cimport Framer, Reader, frame

cdef int OPEN, CLOSING, LINGER, DONE
cdef int NOTHING, TEXT, BINARY, CLOSE, PING, PONG
cdef double CLOSE_TIME, LINGER_TIME
cdef Py_ssize_t LARGE, UNREAD_LIMIT, LINGER_LIMIT, TOGETHER_LIMIT
cdef bytes _PING
cdef Framer _framer

cdef class WebSocketConnection(Outbound):
    cdef object __weakref__
    cdef public WebSocketExchange exchange
    cdef public double deadline
    cdef object _config
    cdef Reader _reader
    cdef object _deflate
    cdef int _state
    cdef int _code
    cdef Py_ssize_t _discard
    cdef bint _paused
    cdef object _slices
    cdef bint _sent
    cdef bint _heard
    cdef bint _is_resting
    cdef bint _awaits_pong
    cdef double _ping_due
    cdef bytes _pong
    cdef double _began
    cdef Py_ssize_t _messages_in
    cdef Py_ssize_t _messages_out
    cdef Py_ssize_t _bytes_in
    cdef Py_ssize_t _bytes_out

    cpdef data_received(self, bytes data)
    cpdef take(self, bytes data)
    @cython.locals(reader=Reader, exchange=WebSocketExchange, service=Service, kind=int)
    cdef _read(self)
    @cython.locals(size=Py_ssize_t)
    cpdef send_message(self, int kind, object payload)
    @cython.locals(size=Py_ssize_t, batch=Batch)
    cdef _put(self, bytes data)
    cpdef tick(self, double now)
