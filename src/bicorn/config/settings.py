"""Every setting of Bicorn, each declared once.

The command line, the environment, ``bicorn.toml``, ``--help``, ``docs/settings.md`` and validation are all derived from
this table. To add a setting, add a field here with :func:`option`; nothing else has to know.

A :class:`Config` that exists is valid: each value has been converted by its kind (``values.py``) and the rules that
span settings (``checks.py``) hold. Where the values come from is ``sources.py``'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from ..record import Record
from . import checks, values
from .option import Option, option, unknown
from .values import Choice, Flag, Numbered, Seconds, Size, Text, Whole

APPLICATION, LISTENING, TLS, PROCESSES, RELOAD = "Application", "Listening", "TLS", "Processes", "Reload"
LIMITS, DEADLINES, WEBSOCKETS, OUTPUT, SYSTEM, HOOKS = "Limits", "Deadlines", "WebSockets", "Output", "System", "Hooks"
GROUPS = (APPLICATION, LISTENING, TLS, PROCESSES, RELOAD, LIMITS, DEADLINES, WEBSOCKETS, OUTPUT, SYSTEM, HOOKS)
LOG_LEVELS = ("critical", "error", "warning", "info", "debug", "trace")

SECONDS, SIZE, FLAG, FLAG_OR_AUTO, YESNO = Seconds(), Size(), Flag(), Flag(undecided=True), values.YesOrNo()
DIRECTORY, FILE, FILES = Text("DIR", "a directory"), Text("FILE", "a file"), values.Many("FILE", "files")
LOG_FILE = Text("FILE", "a file or -", optional=False)
WS = Choice("auto", "none", also=dict.fromkeys(("websockets", "websockets-sansio", "wsproto"), "auto"))
SERVER, WORKER, BOTH = values.Hook("server"), values.Hook("worker"), values.Hook("server", "worker")
Hook = Callable[..., Any] | str | None
ACCESS_LOG_FORMAT = '%(h)s "%(r)s" %(s)s %(B)s %(M)sms'


class Config(Record, kw_only=True):
    """The settings of one server: frozen, valid, picklable.

    Args:
        origins: where each given value came from; fill it from a source, leave it alone in code.

    Raises:
        ConfigError: an unknown name, a value that cannot be used, or values that contradict each other.
    """

    def __new__(cls, *_: object, **given: object) -> Self:
        # A TypeError, which is what Record would answer, cannot name the nearest one.
        for name in given.keys() - OPTIONS.keys() - {"origins"}:
            raise unknown(name, OPTIONS, value=given[name])
        return super().__new__(cls)

    def __post_init__(self) -> None:
        given = vars(self)
        given["origins"] = origins = dict(self.origins)
        for name, setting in OPTIONS.items():
            given[name] = setting.convert(given.get(name, setting.default), origins.get(name, ""))
        checks.check(self)

    def __repr__(self) -> str:
        shown = [f"{name}={getattr(self, name)!r}" for name, option in OPTIONS.items() if not option.secret]
        return f"Config({', '.join(shown)})"

    def _values(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in OPTIONS])  # equal whatever the origins

    def origin(self, name: str) -> str:
        """Where the value came from: ``"--workers"``, ``"WEB_CONCURRENCY"``, ``"bicorn.toml"``, ``"default"``, ..."""
        if name in self.origins:
            return self.origins[name]
        return "default" if getattr(self, name) == OPTIONS[name].default else "keyword"

    @property
    def tls(self) -> bool:
        """Whether connections are TLS."""
        return bool(self.certfile or self.ssl_context)

    @property
    def hooked(self) -> bool:
        """Whether there is any hook."""
        return any(getattr(self, name) is not None for name, option in OPTIONS.items() if option.group == HOOKS)

    @property
    def mount_points(self) -> tuple[tuple[str, str], ...]:
        """The mounts as (prefix, app) pairs."""
        return tuple([(prefix, target) for prefix, _, target in [mount.partition("=") for mount in self.mounts]])

    # Application

    app: str | None = option(
        APPLICATION, None, Text("APP"), "The application, as MODULE, MODULE:ATTRIBUTE or MODULE:FACTORY()."
    )
    mounts: tuple[str, ...] = option(
        APPLICATION, (), values.Mounts(), "Serve another application under a path; repeatable.", flag="--mount"
    )
    interface: str = option(
        APPLICATION,
        "auto",
        Choice("auto", "asgi3", "asgi2", "wsgi", also={"asgi": "asgi3"}),
        "What the application speaks; auto finds out.",
    )
    factory: bool = option(APPLICATION, False, FLAG, "The application is a function that returns the application.")
    app_dir: str = option(
        APPLICATION,
        "",
        Text("DIR", "a directory", optional=False),
        "Directory to import the application from.",
        unset="the working directory",
    )
    chdir: str | None = option(
        APPLICATION, None, DIRECTORY, "Change to this directory before anything else.", unset="stay"
    )
    pythonpath: str | None = option(
        APPLICATION, None, Text("DIRS", "directories"), "More directories to import from, separated by commas."
    )
    root_path: str = option(APPLICATION, "", values.Prefix(), "The path the application is served under by a proxy.")
    lifespan: str = option(
        APPLICATION,
        "auto",
        Choice("auto", "on", "off"),
        "ASGI start-up and shutdown events; on makes them obligatory.",
    )
    lifespan_startup_timeout: float = option(
        APPLICATION, 60.0, SECONDS, "Longest start-up of an ASGI application.", zero="no limit"
    )
    lifespan_shutdown_timeout: float = option(
        APPLICATION, 30.0, SECONDS, "Longest shutdown of an ASGI application.", zero="no limit"
    )
    raw_env: tuple[str, ...] = option(
        APPLICATION,
        (),
        values.Variables(),
        "Set an environment variable before the application is loaded; repeatable.",
        short="-e",
        flag="--env",
    )
    env_file: str | None = option(
        APPLICATION, None, FILE, "Set environment variables from a file (needs python-dotenv); those already set win."
    )

    # Listening

    bind: tuple[str, ...] = option(
        LISTENING,
        ("127.0.0.1:8000",),
        values.Addresses(),
        "Listen on HOST:PORT, [IPV6]:PORT, unix:PATH or fd://N; repeatable.",
        short="-b",
        first=1,
    )
    backlog: int = option(LISTENING, 2048, Whole(1), "Connections the kernel may hold before they are accepted.")
    reuse_port: bool = option(LISTENING, False, FLAG, "Let several servers share one address (SO_REUSEPORT).")
    unix_mode: int | None = option(
        LISTENING, None, values.Mode(), "Permissions of unix sockets.", unset="666 less the umask"
    )
    unix_user: str | None = option(LISTENING, None, Text("USER", "a user's name or number"), "Owner of unix sockets.")
    unix_group: str | None = option(
        LISTENING, None, Text("GROUP", "a group's name or number"), "Group of unix sockets."
    )

    # TLS

    certfile: tuple[str, ...] = option(
        TLS, (), FILES, "Certificate chain (PEM); repeatable, chosen by SNI. Turns TLS on.", first=9
    )
    keyfile: tuple[str, ...] = option(
        TLS,
        (),
        FILES,
        "Private keys (PEM), in the order of the certificates.",
        first=10,
        unset="with the certificate",
    )
    keyfile_password: str | None = option(TLS, None, Text("PASSWORD"), "Password of the private keys.", secret=True)
    ca_certs: str | None = option(TLS, None, FILE, "Authorities that sign client certificates (PEM).")
    cert_reqs: int = option(
        TLS,
        0,
        Numbered("none", "optional", "required", prefix="cert_"),
        "Client certificates: 0 none, 1 optional, 2 required.",
    )
    tls_min_version: str = option(TLS, "1.2", Choice("1.2", "1.3"), "Oldest TLS version to speak.")
    ciphers: str | None = option(
        TLS, None, Text("LIST"), "Ciphers of TLS 1.2, in OpenSSL's notation.", unset="OpenSSL's choice"
    )
    ssl_context: str | None = option(
        TLS,
        None,
        values.Reference(),
        "MODULE:FUNCTION, called with (config, default_factory), returns the ssl.SSLContext to use.",
    )

    # Processes

    workers: int = option(
        PROCESSES,
        1,
        values.Workers(),
        "Worker processes; auto counts the processors and the memory there are for this process.",
        short="-w",
        first=4,
    )
    worker_class: str | None = option(
        PROCESSES,
        None,
        Text("NAME"),
        "Accepted for Gunicorn's command lines; says little here, see --help-all.",
        short="-k",
    )
    threads: int = option(
        PROCESSES, 1, Whole(1), "Threads for WSGI in each worker; 1 runs it in the worker itself.", first=5
    )
    loop: str = option(
        PROCESSES,
        "auto",
        Choice("auto", "uvloop", "asyncio", also={"none": "asyncio", "zuvloop": "auto"}),
        "Event loop; auto is uvloop where it is installed.",
    )
    graceful_timeout: float = option(
        PROCESSES, 30.0, SECONDS, "Time for requests in progress when stopping.", zero="cut off at once"
    )
    drain_delay: float = option(
        PROCESSES, 0.0, SECONDS, "Go on accepting for so long after TERM, until load balancers know.", zero="none"
    )
    preload: bool = option(
        PROCESSES, False, FLAG, "Import the application once and fork the workers from there: they share memory."
    )
    share_imports: bool = option(
        PROCESSES, True, FLAG, "Import well-known libraries once for all workers but the first, where that is the same."
    )
    max_requests: int = option(PROCESSES, 0, Whole(), "Requests after which a worker is replaced.", zero="never")
    max_requests_jitter: int | None = option(
        PROCESSES,
        None,
        values.Maybe(Whole()),
        "Up to so many requests more, by chance, so that not all workers are replaced at once.",
        unset="a tenth of max-requests",
    )
    max_worker_lifetime: float = option(PROCESSES, 0.0, SECONDS, "Age at which a worker is replaced.", zero="never")
    max_worker_memory: int = option(
        PROCESSES, 0, SIZE, "Memory of one worker above which it is replaced.", zero="unlimited"
    )

    # Reload

    reload_surge: int = option(RELOAD, 1, Whole(1), "Workers to start at a time when the application is reloaded.")
    reload_grace: float = option(
        RELOAD,
        2.0,
        SECONDS,
        "The first new workers serve for so long before old ones are retired; if they die, the old ones stay.",
        zero="none",
    )
    reload: bool = option(RELOAD, False, FLAG, "Reload when files change, for development.")
    reload_dirs: tuple[str, ...] = option(
        RELOAD,
        (),
        values.Many("DIR", "directories"),
        "Directory to watch; repeatable.",
        flag="--reload-dir",
        unset="the working directory",
    )
    reload_includes: tuple[str, ...] = option(
        RELOAD,
        ("*.py",),
        values.Many("PATTERN", "patterns of file names"),
        "Files to watch, beside *.py; repeatable.",
        flag="--reload-include",
    )
    reload_excludes: tuple[str, ...] = option(
        RELOAD,
        (),
        values.Many("PATTERN", "patterns of file names or directories"),
        "Files or directories not to watch; repeatable.",
        flag="--reload-exclude",
    )
    reload_extra_files: tuple[str, ...] = option(
        RELOAD, (), FILES, "Another file or pattern to watch; repeatable.", flag="--reload-extra-file"
    )
    reload_engine: str = option(
        RELOAD,
        "auto",
        Choice("auto", "watchfiles", "poll", also={"inotify": "auto"}),
        "How files are watched; auto is watchfiles where it is installed.",
    )

    # Limits

    limit_request_line: int = option(LIMITS, 8190, SIZE, "Longest request line.", zero="unlimited")
    limit_request_fields: int = option(LIMITS, 100, Whole(), "Most header fields in a request.", zero="unlimited")
    limit_request_field_size: int = option(LIMITS, 8190, SIZE, "Longest header field.", zero="unlimited")
    limit_request_head: int = option(
        LIMITS, 65536, SIZE, "Longest request head: the request line and all fields.", zero="unlimited"
    )
    limit_request_body: int = option(LIMITS, 1024**3, SIZE, "Largest request body.", zero="unlimited")
    limit_pipelined_requests: int = option(
        LIMITS,
        32,
        Whole(),
        "Pipelined requests served back to back before other connections get their turn.",
        zero="unlimited",
    )
    limit_connections: int = option(LIMITS, 10000, Whole(), "Most connections of each worker.", zero="unlimited")
    limit_concurrency: int = option(
        LIMITS, 0, Whole(), "Most requests in progress in each worker; above it the answer is 503.", zero="unlimited"
    )
    limit_requests_per_connection: int = option(
        LIMITS, 0, Whole(), "Requests after which a connection is closed.", zero="unlimited"
    )

    # Deadlines

    timeout_tls_handshake: float = option(DEADLINES, 10.0, SECONDS, "Longest TLS handshake.", zero="none")
    timeout_request_head: float = option(
        DEADLINES, 10.0, SECONDS, "Longest time to receive a request head, from its first byte.", zero="none"
    )
    timeout_request_body: float = option(
        DEADLINES, 30.0, SECONDS, "Longest silence while a request body is received.", zero="none"
    )
    min_body_rate: int = option(
        DEADLINES, 240, SIZE, "Slowest request body, in bytes a second, after 5 seconds.", zero="none"
    )
    timeout_write: float = option(
        DEADLINES, 30.0, SECONDS, "Longest wait for a client that does not read its response.", zero="none"
    )
    timeout: float = option(
        DEADLINES,
        30.0,
        SECONDS,
        "Longest silence of a worker; then it is taken to be stuck, and replaced.",
        short="-t",
        zero="none",
    )
    boot_timeout: float = option(
        DEADLINES, 300.0, SECONDS, "Longest start of a worker: import and lifespan start-up.", zero="none"
    )
    request_timeout: float = option(
        DEADLINES, 0.0, SECONDS, "Longest time for the application to answer; then the answer is 504.", zero="none"
    )
    timeout_keep_alive: float = option(
        DEADLINES, 75.0, SECONDS, "Longest silence between two requests of a connection.", zero="none"
    )

    # WebSockets

    ws: str = option(WEBSOCKETS, "auto", WS, "Serve WebSockets; with none, a handshake is a request like any other.")
    ws_max_size: int = option(WEBSOCKETS, 16 * 1024**2, SIZE, "Longest message, inflated.", zero="unlimited")
    ws_max_queue: int = option(WEBSOCKETS, 32, Whole(1), "Messages that may wait for the application.")
    ws_ping_interval: float = option(WEBSOCKETS, 20.0, SECONDS, "Silence after which a client is pinged.", zero="never")
    ws_ping_timeout: float = option(WEBSOCKETS, 20.0, SECONDS, "Longest silence after a ping.", zero="no limit")
    ws_per_message_deflate: bool = option(WEBSOCKETS, True, YESNO, "Compress messages for clients that offer it.")

    # Output

    server_header: bool = option(OUTPUT, True, FLAG, "Send the Server field.")
    date_header: bool = option(OUTPUT, True, FLAG, "Send the Date field.")
    headers: tuple[tuple[str, str], ...] = option(
        OUTPUT, (), values.Fields(), "Add a field to every response; repeatable.", flag="--header"
    )
    access_log: bool | None = option(OUTPUT, None, FLAG_OR_AUTO, "Log every response.", first=7, unset="in a terminal")
    access_logfile: str = option(
        OUTPUT, "-", LOG_FILE, "Where to log responses; - is standard output. Turns the access log on."
    )
    access_logformat: str = option(
        OUTPUT, ACCESS_LOG_FORMAT, Text("FORMAT", optional=False), "Format of the access log, in Gunicorn's atoms."
    )
    error_logfile: str = option(OUTPUT, "-", LOG_FILE, "Where to log everything else; - is standard error.")
    log_level: str = option(
        OUTPUT,
        "info",
        Choice(*LOG_LEVELS, also={"warn": "warning", "fatal": "critical"}, metavar="LEVEL"),
        "Least severe message to log: critical, error, warning, info, debug, trace.",
        first=8,
    )
    warn_blocked: float = option(
        OUTPUT, 0.0, SECONDS, "Warn, with the stack, when something holds the event loop for longer.", zero="never"
    )
    use_colors: bool | None = option(OUTPUT, None, FLAG_OR_AUTO, "Colour the log.", unset="in a terminal")

    # System

    pidfile: str | None = option(SYSTEM, None, FILE, "Write the process id to this file.", short="-p", flag="--pid")
    control_socket: str | None = option(
        SYSTEM, None, FILE, "Listen for bicorn reload, stop, status, scale and dump on this unix socket.", unset="none"
    )
    daemon: bool = option(SYSTEM, False, FLAG, "Go to the background.", short="-D")
    user: str | None = option(
        SYSTEM, None, Text("USER", "a user's name or number"), "Run the workers as this user.", short="-u"
    )
    group: str | None = option(
        SYSTEM, None, Text("GROUP", "a group's name or number"), "Run the workers as this group.", short="-g"
    )
    initgroups: bool = option(SYSTEM, False, FLAG, "Give the workers all groups of that user.")
    umask: int | None = option(
        SYSTEM, None, values.Mode("022"), "Permissions that new files do not get.", short="-m", unset="as it is"
    )
    proc_name: str | None = option(
        SYSTEM,
        None,
        Text("NAME"),
        "Name of the processes in ps (needs setproctitle).",
        short="-n",
        flag="--name",
        unset="bicorn",
    )

    # Hooks

    on_starting: Hook = option(HOOKS, None, SERVER, "Called with (server) before anything is bound.")
    on_reload: Hook = option(
        HOOKS, None, SERVER, "Called with (server) when the settings were read again, before new workers."
    )
    when_ready: Hook = option(
        HOOKS, None, SERVER, "Called with (server) when the sockets listen, before the first worker."
    )
    pre_fork: Hook = option(HOOKS, None, BOTH, "Called with (server, worker) before each worker is forked.")
    post_fork: Hook = option(
        HOOKS, None, BOTH, "Called with (server, worker) in the worker, first of all, before privileges are dropped."
    )
    post_worker_init: Hook = option(
        HOOKS, None, WORKER, "Called with (worker) in the worker, when the application is loaded."
    )
    worker_int: Hook = option(HOOKS, None, WORKER, "Called with (worker) in the worker, on INT or QUIT.")
    worker_abort: Hook = option(
        HOOKS, None, WORKER, "Called with (worker) in the worker, before it is killed for its silence."
    )
    pre_exec: Hook = option(
        HOOKS, None, SERVER, "Called with (server) in the new process of an upgrade, before it becomes the new server."
    )
    pre_request: Hook = option(
        HOOKS, None, values.Hook("worker", "request"), "Called with (worker, request) before each request."
    )
    post_request: Hook = option(
        HOOKS,
        None,
        values.Hook("worker", "request", "environ", "response", least=2),
        "Called with (worker, request, environ, response) after each request.",
    )
    child_exit: Hook = option(HOOKS, None, BOTH, "Called with (server, worker) when a worker has gone.")
    worker_exit: Hook = option(HOOKS, None, BOTH, "Called with (server, worker) in the worker, last of all.")
    nworkers_changed: Hook = option(
        HOOKS,
        None,
        values.Hook("server", "new", "old"),
        "Called with (server, new, old) when the number of workers changes.",
    )
    on_exit: Hook = option(HOOKS, None, SERVER, "Called with (server) last of all.")

    origins: Mapping[str, str] = {}


OPTIONS: Mapping[str, Option] = {each.name: each for each in vars(Config).values() if isinstance(each, Option)}
"""Every setting by name, in the order of declaration."""
