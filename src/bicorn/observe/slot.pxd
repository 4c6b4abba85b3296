import cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.time cimport monotonic as clock
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef bint COMPILED
cdef Py_ssize_t _cell, _method_size, _text_size
cdef uint32_t _all_taken

cdef struct Cell:
    double start
    uint64_t thread
    uint32_t uses
    uint8_t method
    uint8_t target
    uint8_t padding[2]
    uint8_t text[104]

# The memory is never resized, and the slot holds a reference to it: so the address is good after the release.
cdef inline Cell *cells_at(object memory, Py_ssize_t at) except NULL:
    cdef Py_buffer view
    PyObject_GetBuffer(memory, &view, PyBUF_WRITABLE)
    cdef Cell *cells = <Cell *> (<char *> view.buf + at)
    PyBuffer_Release(&view)
    return cells

@cython.final
cdef class Slot:
    cdef Cell *_cells
    cdef object _memory
    cdef Py_ssize_t _page
    cdef uint32_t _taken

    @cython.locals(number=int)
    cpdef int begin(self, str method, bytes path, bytes query) except -2
    @cython.locals(cell="Cell *", size=Py_ssize_t, used=Py_ssize_t, at=Py_ssize_t, source="const unsigned char *")
    cdef int _fill(self, int number, str method, bytes path, bytes query) except -1
    cpdef int thread(self, int cell, uint64_t ident) except -1
    cpdef int end(self, int cell) except -1
