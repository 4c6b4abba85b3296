import cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from bicorn.apps.exchange cimport PyContext_Enter, PyContext_Exit, copy_of

cdef bint COMPILED, EAGER
cdef int FEW, LONGEST_PAUSE
cdef object _DONE, _Task, _count_weak

cdef extern from "Python.h":
    int PyIter_Send(object iterator, object value, PyObject **result) except -1
    Py_ssize_t references "Py_REFCNT" (object thing)

# The first step of a coroutine, without the exception that tells its end to Python code.
cdef inline object first_step(object context, object coroutine, object done):
    cdef PyObject *result = NULL
    cdef int goes_on
    PyContext_Enter(context)
    try:
        goes_on = PyIter_Send(coroutine, None, &result)
    finally:
        PyContext_Exit(context)
    given = <object>result
    Py_DECREF(given)
    return given if goes_on else done

cdef class Parking:
    cdef public object _asyncio_future_blocking
    cdef public object wake
    cdef public object coroutine
    cdef public object waits_for
    cdef public bint is_called
    cdef public bint is_cancelled
    cdef public bint is_over
    cdef object _error
    cdef object _loop

cdef class Calls:
    cdef bint _has_values
    cdef object _base
    cdef object _context
    cdef Parking _parking
    cdef object _task
    cdef object _name
    cdef int _next_pause
    cdef int _pause
    cdef Py_ssize_t _references
    cdef Py_ssize_t _weak_references

    @cython.locals(parking=Parking)
    cpdef object begin(self, object loop, object coroutine)
    cpdef object make_task(self, object loop, object coroutine)
    @cython.locals(parking=Parking)
    cdef Parking _set_up(self, object loop)
    cdef bint _is_as_new(self) except -1
    cdef Py_ssize_t _count_references(self) except -1
    cdef object _end(self, object task, Parking parking, object coroutine, object failure, object waits_for)
