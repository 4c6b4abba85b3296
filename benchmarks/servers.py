"""Every server of the comparison and the exact command line it is started with.

A command is a template. `{bin}` is the environment's `bin` directory, `{app}` the `module:attribute` of the workload;
nothing else than what stands here is set, so each server runs with its own defaults: uvloop where it has it, access
log off (by default or by the option shown), one worker unless the workload says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Interface = Literal["asgi", "wsgi"]

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Server:
    """One way of starting one server."""

    name: str
    distribution: str
    """What pip calls it: its version goes into the report."""
    command: tuple[str, ...]
    interfaces: frozenset[Interface]
    by_interface: Mapping[Interface, tuple[str, ...]] = field(default_factory=dict)
    """Options that only one of its interfaces takes."""
    tls: tuple[str, ...] = ()
    """Options that switch TLS on; a server without them sits TLS workloads out."""
    workers: bool = True
    """Whether it can run several worker processes."""
    environment: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def arguments(self, *, bin_dir: Path, app: str, interface: Interface, port: int, workers: int,
                  certificate: tuple[Path, Path] | None) -> list[str]:  # fmt: skip
        """The complete argument list for one start."""
        template = self.command + self.by_interface.get(interface, ())
        values = {"bin": bin_dir, "launch": HERE / "launch", "host": HOST, "port": port, "app": app,
                  "interface": interface, "workers": workers}  # fmt: skip
        if certificate is not None:
            template += self.tls
            values |= {"cert": certificate[0], "key": certificate[1]}
        return [part.format_map(values) for part in template]


ASGI: frozenset[Interface] = frozenset({"asgi"})
WSGI: frozenset[Interface] = frozenset({"wsgi"})
BOTH = ASGI | WSGI

_BICORN = ("{bin}/bicorn", "{app}", "--bind", "{host}:{port}", "--workers", "{workers}", "--no-access-log")
_GUNICORN = ("{bin}/gunicorn", "{app}", "--bind", "{host}:{port}", "--workers", "{workers}")
_CERTFILE = ("--certfile", "{cert}", "--keyfile", "{key}")

_TABLE = (
    Server("bicorn", "bicorn", _BICORN, BOTH, tls=_CERTFILE),
    Server("bicorn-pure", "bicorn", _BICORN, BOTH, tls=_CERTFILE, environment={"BICORN_PURE": "1"},
           note="the same wheel, its compiled modules not used"),
    Server("granian", "granian",
           ("{bin}/granian", "{app}", "--interface", "{interface}", "--host", "{host}", "--port", "{port}",
            "--workers", "{workers}"), BOTH,
           by_interface={"asgi": ("--loop", "uvloop")},
           tls=("--ssl-certificate", "{cert}", "--ssl-keyfile", "{key}")),
    Server("uvicorn", "uvicorn",
           ("{bin}/uvicorn", "{app}", "--host", "{host}", "--port", "{port}", "--workers", "{workers}",
            "--loop", "uvloop", "--http", "httptools", "--no-access-log"), ASGI,
           tls=("--ssl-certfile", "{cert}", "--ssl-keyfile", "{key}")),
    Server("fastpysgi", "fastpysgi",
           ("{bin}/python", "{launch}/fastpysgi_launch.py", "{app}", "{host}", "{port}", "{workers}"), BOTH,
           tls=("{cert}", "{key}")),
    Server("fastpysgi-uvloop", "fastpysgi",
           ("{bin}/python", "{launch}/fastpysgi_launch.py", "{app}", "{host}", "{port}", "{workers}"), ASGI,
           tls=("{cert}", "{key}"), environment={"FASTPYSGI_LOOP": "uvloop"}, workers=False,
           note="FastPySGI lent a uvloop loop through its settings; its default is asyncio's"),
    Server("gunicorn-asgi", "gunicorn",
           (*_GUNICORN, "-k", "asgi", "--asgi-loop", "uvloop", "--http-parser", "fast"), ASGI, tls=_CERTFILE),
    Server("gunicorn-uvicorn", "gunicorn", (*_GUNICORN, "-k", "uvicorn_worker.UvicornWorker"), ASGI, tls=_CERTFILE,
           note="Gunicorn with uvicorn_worker.UvicornWorker"),
    Server("hypercorn", "hypercorn",
           ("{bin}/hypercorn", "{interface}:{app}", "--bind", "{host}:{port}", "--workers", "{workers}",
            "-k", "uvloop"), BOTH, tls=_CERTFILE),
    Server("bjoern", "bjoern",
           ("{bin}/python", "{launch}/bjoern_launch.py", "{app}", "{host}", "{port}", "{workers}"), WSGI),
    Server("gunicorn-sync", "gunicorn", (*_GUNICORN, "-k", "sync", "--http-parser", "fast"), WSGI, tls=_CERTFILE,
           note="closes the connection after each answer"),
    Server("gunicorn-gthread", "gunicorn",
           (*_GUNICORN, "-k", "gthread", "--threads", "4", "--http-parser", "fast"), WSGI, tls=_CERTFILE),
    Server("waitress", "waitress", ("{bin}/waitress-serve", "--host={host}", "--port={port}", "{app}"), WSGI,
           workers=False),
)  # fmt: skip

SERVERS: dict[str, Server] = {server.name: server for server in _TABLE}
