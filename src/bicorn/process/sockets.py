"""Opening what the settings ask to listen on, and closing it again. Every failure is one line that says what to do."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

from ..config.bind import BindAddress, parse
from ..errors import BindError
from ..server.listener import Listener

if TYPE_CHECKING:
    from ..config.settings import Config

_NOT_ON_THIS_MACHINE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_TRIES = 10  # to find one free port on every address of a name


SYSTEMD = "systemd:"
"""Begins the :attr:`Listener.address` of a socket that socket activation has passed; its name follows."""


def bind_all(config: Config, inherited: Sequence[Listener] = ()) -> list[Listener]:
    """Open every address of ``config.bind``, in that order; a host name gives a listener for each of its addresses.

    Args:
        inherited: what is open already: before a reload, from a predecessor, from systemd. An address that is among
            them is not opened again: its queue of clients lives on. Sockets that systemd has passed take the place of
            ``bind``. What is not used stays open, see :func:`left_over`.

    Raises:
        BindError: one of them cannot be opened; those opened here are closed again.
    """
    passed = [listener for listener in inherited if listener.address.startswith(SYSTEMD)]
    if passed and not any(text.startswith("fd://") for text in config.bind):
        return [_again(listener, config) for listener in passed]
    addresses = list(dict.fromkeys(parse(text) for text in config.bind))
    listeners: list[Listener] = []
    opened: list[Listener] = []
    try:
        for address in addresses:
            known = [item for item in inherited if item.address == str(address) and _is_in_place(item)]
            if known:
                listeners += [_again(listener, config) for listener in known]
            else:
                opened += (fresh := _open(address, addresses, config))
                listeners += fresh
    except BaseException:
        close_all(opened)
        raise
    return listeners


def left_over(before: Iterable[Listener], now: Iterable[Listener]) -> list[Listener]:
    """Those of ``before`` whose sockets are not among those of ``now``: to be closed."""
    used = {id(listener.sock) for listener in now}
    return [listener for listener in before if id(listener.sock) not in used]


def close_all(listeners: Iterable[Listener], *, keep_files: bool = False) -> None:
    """Close the sockets; remove the files of those unix sockets that are still this process's own.

    Args:
        keep_files: another server listens on the same sockets, a successor or a predecessor: the files are its too.
    """
    for listener in listeners:
        if listener.unix_file is not None and not keep_files:
            from .unix_socket import remove_unix_file

            # Before the close: as long as the socket is open its inode cannot be anybody else's.
            remove_unix_file(listener.unix_file)
        listener.sock.close()


def let_nobody_knock(listeners: Iterable[Listener]) -> None:
    """Ignore, from now on, whoever begins to connect to these sockets; who has connected can still be accepted.

    The kernel resets what is queued when the last copy of a listening socket is closed, although those clients believe
    that they are connected. So before a server's end its sockets are filtered (Linux: ``SO_ATTACH_FILTER``, socket(7)):
    a TCP segment with SYN and without ACK is dropped. That client asks again after a second (RFC 6298, section 2) and
    is refused, or finds the next server. Sockets that somebody else has opened are left as they are, for they stay.
    Where there are no filters, and on unix sockets, nothing happens.
    """
    if sys.platform != "linux":
        return
    import array  # not before the end is there a use for them
    import struct

    code = array.array("B", b"".join(struct.pack("=HBBI", *line) for line in _DROP_SYN))
    program = struct.pack("HP", len(_DROP_SYN), code.buffer_info()[0])  # struct sock_fprog
    for listener in listeners:
        if listener.sock.family != socket.AF_UNIX and not _is_borrowed(listener):
            with suppress(OSError):  # a sandbox may forbid it
                listener.sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


_SO_ATTACH_FILTER = 26  # include/uapi/asm-generic/socket.h; Python has no name for it
# Classic BPF, as (operation, to skip if true, to skip if false, operand), on what begins with the TCP header.
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x54, 0, 0, 0x12),  # SYN and ACK of it
    (0x15, 0, 1, 0x02),  # SYN alone
    (0x06, 0, 0, 0),  # is dropped
    (0x06, 0, 0, 0xFFFFFFFF),  # all else is taken whole
)


def _open(address: BindAddress, among: Sequence[BindAddress], config: Config) -> list[Listener]:
    scheme: Literal["http", "https"] = "https" if config.tls else "http"
    if address.kind == "unix":
        from .unix_socket import bind_unix  # here, for the others do not need it

        sock, file = bind_unix(address.path, config)
        return [Listener(sock, str(address), scheme, file, str(address))]
    if address.kind == "fd":
        return [adopt(address.fd, str(address), config)]
    # "[::]" means everything, IPv4 too, unless IPv4 is asked for on its own.
    both = address.host == "::" and BindAddress("tcp", "0.0.0.0", address.port) not in among
    found = _bind_host(address, both, config)
    return [Listener(sock, _url(sock, scheme), scheme, None, str(address)) for sock in found]


def _again(listener: Listener, config: Config) -> Listener:
    """A listener there is already, with what the settings say now."""
    scheme: Literal["http", "https"] = "https" if config.tls else "http"
    sock = listener.sock
    if not _is_borrowed(listener):
        sock.listen(config.backlog)
    if listener.unix_file is not None:
        from .unix_socket import protect

        protect(listener.unix_file, config)
    url = listener.url if sock.family == socket.AF_UNIX else _url(sock, scheme)
    return Listener(sock, url, scheme, listener.unix_file, listener.address)


def _is_borrowed(listener: Listener) -> bool:
    """Whether somebody else has opened it, and goes on with it after us."""
    return listener.address.startswith((SYSTEMD, "fd://"))


def _is_in_place(listener: Listener) -> bool:
    """Whether clients still find it: somebody may have removed a unix socket's file."""
    if listener.unix_file is None:
        return True
    from .unix_socket import is_in_place

    return is_in_place(listener.unix_file)


def _url(sock: socket.socket, scheme: str) -> str:
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(name)}"
    host, port = name[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


# -- TCP -------------------------------------------------------------------------------------------------------


def _bind_host(address: BindAddress, both: bool, config: Config) -> list[socket.socket]:
    targets = _resolve(address)
    for _ in range(_TRIES):
        try:
            return _bind_everywhere(targets, address, both, config)
        except _PortTaken:
            continue  # the kernel's choice for the first address is taken on another one: let it choose again
    raise BindError(f"no port is free on every address of {address.host}; give one with --bind {address.host}:PORT")


class _PortTaken(Exception):
    """A port the kernel chose for one address is in use on another."""


_Target = tuple[socket.AddressFamily, tuple[Any, ...]]


def _resolve(address: BindAddress) -> list[_Target]:
    try:
        # As bytes: for a str Python loads its tables for international names, a megabyte in every process.
        found = socket.getaddrinfo(address.host.encode(), address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BindError(
            f"host {address.host!r} cannot be resolved ({error.strerror}); bind to an address of this machine,"
            " or to 0.0.0.0 for all of them"
        ) from None
    return list(dict.fromkeys((family, sockaddr) for family, _, _, _, sockaddr in found))


def _bind_everywhere(targets: list[_Target], address: BindAddress, both: bool, config: Config) -> list[socket.socket]:
    """One socket for each target, all on one port. What this machine does not have is skipped if any other works."""
    sockets: list[socket.socket] = []
    port = address.port
    skipped: BindError | None = None
    try:
        for family, sockaddr in targets:
            try:
                sock = _bind_tcp(family, (sockaddr[0], port, *sockaddr[2:]), both, config)
            except OSError as error:
                if error.errno == errno.EADDRINUSE and sockets and not address.port:
                    raise _PortTaken from None
                problem = _explain(error, sockaddr[0], port)
                if error.errno not in _NOT_ON_THIS_MACHINE:
                    raise problem from None
                skipped = problem
                continue
            sockets.append(sock)
            port = sock.getsockname()[1]
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    if not sockets and skipped:
        raise skipped
    return sockets


def _bind_tcp(family: socket.AddressFamily, name: tuple[Any, ...], both: bool, config: Config) -> socket.socket:
    with _closed_on_error(socket.socket(family, socket.SOCK_STREAM)) as sock:
        # A restart must not wait for the last server's connections to leave TIME_WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if config.reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both else 1)
        sock.bind(name)
        sock.listen(config.backlog)  # on Linux this, not bind(), may be where a port in use shows
        sock.setblocking(False)
    return sock


@contextmanager
def _closed_on_error(sock: socket.socket) -> Iterator[socket.socket]:
    try:
        yield sock
    except BaseException:
        sock.close()
        raise


def _explain(error: OSError, host: str, port: int) -> BindError:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    match error.errno:
        case errno.EADDRINUSE:
            from .port_owner import owner_of_port

            return BindError(
                f"address {where} is already in use{owner_of_port(port)}; stop the other server or choose"
                " another port with --bind"
            )
        case errno.EACCES | errno.EPERM:
            return BindError(
                f"permission denied for address {where}; ports below 1024 are the administrator's: choose another"
                " port with --bind"
            )
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return BindError(f"address {where} is not one of this machine's; 0.0.0.0 stands for all it has")
    return BindError(f"address {where} cannot be listened on: {error.strerror or error}")


# -- Inherited descriptors -------------------------------------------------------------------------------------


def adopt(fd: int, address: str, config: Config) -> Listener:
    """Take over a socket that whoever started us has opened. Bound is enough: listening is done here if need be.

    Args:
        address: what it was asked for as, see :class:`Listener`.

    Raises:
        BindError: it is no socket that can be listened on; the descriptor stays open.
    """
    try:
        sock = socket.socket(fileno=fd)  # finds the family and the type out by itself
    except OSError as error:
        what = "is not a socket" if error.errno == errno.ENOTSOCK else f"cannot be used ({error.strerror})"
        raise BindError(f"{_named(fd, address)} {what}; pass a listening stream socket as descriptor {fd}") from None
    try:
        _check_inherited(sock, _named(fd, address), config.backlog)
    except BaseException:
        sock.detach()  # it is not ours to close
        raise
    sock.set_inheritable(False)
    sock.setblocking(False)
    scheme: Literal["http", "https"] = "https" if config.tls else "http"
    return Listener(sock, _url(sock, scheme), scheme, None, address)


def _named(fd: int, address: str) -> str:
    return f"fd://{fd} ({address})" if address.startswith(SYSTEMD) else f"fd://{fd}"


def _check_inherited(sock: socket.socket, named: str, backlog: int) -> None:
    if sock.type != socket.SOCK_STREAM or sock.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        raise BindError(f"{named} is a socket, but not a TCP or unix stream socket")
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return
    name = sock.getsockname()
    bound = bool(name) if sock.family == socket.AF_UNIX else name[1] != 0
    try:
        if not bound:
            raise OSError(errno.EINVAL, "it is not bound to an address")
        sock.listen(backlog)
    except OSError as error:
        raise BindError(f"{named} is not a listening socket ({error.strerror})") from None
