import cython
from bicorn.observe.slot cimport Slot
from bicorn.wire.head cimport Head
from bicorn.wire.response cimport Defaults, Response

cdef bint COMPILED

cdef class Origin:
    cdef public str scheme
    cdef public object server

cdef class Channel:
    cdef public object loop
    cdef public Origin origin
    cdef public object client
    cdef public str client_port
    cdef public object tls
    cdef public Response response
    cdef public bint writable
    cdef public bint closed

    cpdef write(self, object data)
    cpdef answer(self, object data)
    cpdef write_piece(self, object data)
    cpdef write_through(self, bytes data)
    cpdef flush(self)
    cpdef want_body(self)
    cpdef hold_body(self)
    cpdef finish(self, Exchange exchange)
    cpdef fail(self, Exchange exchange)
    cpdef send_message(self, int kind, object payload)
    cpdef want_messages(self)

cdef class Exchange:
    cdef public Head head
    cdef public Channel channel
    cdef public int cell

    cpdef start(self)
    cpdef receive_body(self, bytes data, bint complete)
    cpdef disconnect(self)
    cpdef resume(self)
    cpdef int show(self, Slot slot) except -1
    cpdef int hide(self, Slot slot) except -1

cdef class Endpoint:
    cdef public set running
    cdef public str prefix
    cdef public Defaults defaults
    cdef public Slot slot

    cpdef Exchange open(self, Channel channel, Head head)

cdef extern from "Python.h":
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    object PyContext_Copy(object context)

cpdef object copy_of(object context)

# Before a bare ``raise StopIteration`` in __next__, which Cython makes of it nothing but the return: so the value goes
# to whoever awaits without a traceback, which costs more than all the rest, and without `args`, which nobody sees.
cdef extern from *:
    """
    static void bicorn_return_from_next(PyObject *value) {
        PyTypeObject *kind = (PyTypeObject *)PyExc_StopIteration;
        PyObject *none = PyTuple_New(0);
        PyObject *error = none ? kind->tp_new(kind, none, NULL) : NULL;
        Py_XDECREF(none);
        if (!error)
            return;
        Py_XSETREF(((PyStopIterationObject *)error)->value, Py_NewRef(value));
    #if PY_VERSION_HEX >= 0x030C0000
        PyErr_SetRaisedException(error);
    #else
        PyErr_Restore(Py_NewRef(PyExc_StopIteration), error, NULL);
    #endif
    }
    """
    void return_from_next "bicorn_return_from_next"(object value) noexcept

@cython.final
@cython.freelist(16)
cdef class Ready:
    cdef object _value
