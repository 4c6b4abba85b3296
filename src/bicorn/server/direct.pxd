cdef bint COMPILED

cdef extern from *:
    """
    #include <errno.h>
    #include <sys/socket.h>
    #ifndef MSG_NOSIGNAL
    #define MSG_NOSIGNAL 0  /* Python ignores SIGPIPE in any case */
    #endif
    static Py_ssize_t bicorn_send(int descriptor, const char *data, Py_ssize_t size) {
        Py_ssize_t sent;
        do
            sent = send(descriptor, data, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
        if (sent >= 0)
            return sent;
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EMSGSIZE ? 0 : -1;
    }
    """
    Py_ssize_t send "bicorn_send"(int descriptor, const char *data, Py_ssize_t size)

cpdef Py_ssize_t send_now(int descriptor, bytes data) except -2
