"""The tables of ``prove_doctor.py``: (kind, requirement, Pythons).

``KNOWN`` is the table with which the doctor's rules were mended. ``FRESH`` was chosen on 2026-11-23 before any of it
was tried, with either pip or the doctor; its first figures are in docs/doctor.md, and no rule was made for a row of it
before they were taken. ``THIRD`` was chosen in the same way, later on that day, of packages in neither. Of each,
``WHOLE`` are installed with all their dependencies: markers, extras.
"""

from __future__ import annotations

ALL = ("3.11", "3.12", "3.13", "3.14", "3.15")
NEW = ("3.13", "3.14", "3.15")

Cases = tuple[tuple[str, str, tuple[str, ...]], ...]

KNOWN: Cases = (
    # Pure wheels, and wheels that are not for every Python.
    ("pure", "requests==2.32.3", ALL),
    ("pure", "flask==3.0.3", ("3.11", "3.15")),
    ("wheel", "pydantic-core==2.23.4", ALL),
    ("wheel", "pydantic-core==2.41.1", ("3.13", "3.14")),
    ("wheel", "orjson==3.10.7", NEW),
    ("wheel", "rpds-py==0.20.0", ("3.13", "3.14")),
    ("wheel", "tokenizers==0.13.3", ("3.11", "3.12", "3.14")),
    ("wheel", "uvloop==0.20.0", ("3.12", "3.13", "3.14")),
    ("wheel", "httptools==0.6.1", ("3.12", "3.13", "3.14")),
    ("wheel", "asyncpg==0.29.0", ("3.12", "3.13")),
    ("wheel", "frozenlist==1.4.1", ("3.12", "3.13", "3.14")),
    ("wheel", "multidict==6.0.5", ("3.13", "3.14")),
    ("wheel", "msgpack==1.0.8", NEW),
    ("wheel", "setproctitle==1.3.3", NEW),
    ("wheel", "cffi==1.16.0", ("3.12", "3.13")),
    ("wheel", "hiredis==2.3.2", ("3.12", "3.13")),
    ("wheel", "ruamel.yaml.clib==0.2.8", ("3.12", "3.13", "3.14")),
    ("wheel", "greenlet==3.0.3", ("3.12", "3.13")),
    ("wheel", "psycopg2-binary==2.9.9", ("3.12", "3.13", "3.14")),
    # The stable ABI.
    ("abi3", "cryptography==43.0.1", ALL),
    ("abi3", "psutil==6.0.0", ("3.11", "3.14", "3.15")),
    ("abi3", "tornado==6.4.1", ("3.12", "3.15")),
    ("abi3", "bcrypt==4.2.0", ("3.13", "3.15")),
    # Only a source archive, or extensions that may be left out.
    ("source", "docopt==0.6.2", ("3.11", "3.14", "3.15")),
    ("source", "future==0.18.2", ("3.11", "3.12", "3.14")),
    ("source", "sgmllib3k==1.0.0", ("3.11", "3.13")),
    ("source", "peewee==3.17.6", ("3.12", "3.14")),
    ("source", "psycopg2==2.9.9", ("3.12", "3.14")),
    ("source", "mysqlclient==2.2.4", ("3.12", "3.14")),
    ("source", "uwsgi==2.0.28", ("3.12", "3.15")),
    ("source", "pycurl==7.45.2", ("3.12", "3.14")),
    ("source", "typed-ast==1.5.5", ("3.11", "3.12", "3.13")),
    ("source", "backports.zoneinfo==0.2.1", ("3.11", "3.13")),
    ("source", "python-ldap==3.4.4", ("3.12",)),
    ("optional", "markupsafe==2.1.5", NEW),
    ("optional", "wrapt==1.16.0", ("3.12", "3.13", "3.14")),
    ("optional", "simplejson==3.19.2", ("3.12", "3.13", "3.15")),
    ("optional", "sqlalchemy==2.0.30", ("3.12", "3.13")),
    ("optional", "pyyaml==6.0.1", ("3.12", "3.13", "3.14")),
    # Requires-Python, withdrawn files, what is not there.
    ("admits", "numpy==1.21.6", ("3.11", "3.13")),
    ("admits", "dataclasses==0.8", ("3.11", "3.14")),
    ("admits", "contextvars==2.4", ("3.11",)),
    ("yanked", "requests==2.32.0", ("3.11", "3.14")),
    ("yanked", "attrs==21.1.0", ("3.12", "3.15")),
    ("yanked", "jsonschema==4.0.0", ("3.13",)),
    # Free-threaded.
    ("free-threaded", "markupsafe==3.0.2", ("3.13t", "3.14t")),
    ("free-threaded", "cffi==2.0.0", ("3.13t", "3.14t")),
    ("free-threaded", "pyyaml==6.0.3", ("3.13t", "3.14t")),
    ("free-threaded", "pydantic-core==2.41.1", ("3.13t", "3.14t")),
    ("free-threaded", "cryptography==43.0.1", ("3.14t",)),
    ("free-threaded", "click==8.1.7", ("3.14t",)),
)
KNOWN_WHOLE = (
    "redis==5.0.8",
    "pytest==8.3.2",
    "uvicorn[standard]==0.30.6",
    "fastapi==0.115.0",
    "django==5.1.1",
    "celery==5.4.0",
)

FRESH: Cases = (
    # C and C++ written by hand.
    ("hand", "python-levenshtein==0.12.2", ("3.11", "3.12", "3.13")),
    ("hand", "regex==2022.10.31", ("3.12", "3.13", "3.15")),
    ("hand", "ujson==5.4.0", ("3.12", "3.14")),
    ("hand", "bitarray==2.6.0", ("3.12", "3.14")),
    ("hand", "lru-dict==1.1.8", ("3.12", "3.13")),
    ("hand", "netifaces==0.11.0", ("3.11", "3.13", "3.14")),
    ("hand", "mmh3==3.0.0", ("3.11", "3.14")),
    ("hand", "xxhash==3.1.0", ("3.12", "3.15")),
    ("hand", "immutables==0.18", ("3.12", "3.13")),
    ("hand", "msgspec==0.12.0", ("3.12", "3.13")),
    ("hand", "ciso8601==2.2.0", ("3.12", "3.14")),
    ("hand", "pycrypto==2.6.1", ("3.11", "3.13")),
    ("hand", "blist==1.3.6", ("3.11",)),
    ("hand", "pyahocorasick==1.4.4", ("3.11", "3.14")),
    ("hand", "brotli==1.0.9", ("3.12", "3.14")),
    ("hand", "bsdiff4==1.2.2", ("3.12", "3.15")),
    ("hand", "zstandard==0.19.0", ("3.12", "3.14")),
    ("hand", "kiwisolver==1.4.4", ("3.12", "3.14")),
    ("hand", "python-rapidjson==1.8", ("3.12",)),
    ("hand", "tree-sitter==0.20.1", ("3.12",)),
    # C that Cython wrote, or writes anew; cffi.
    ("generated", "cchardet==2.1.7", ("3.11", "3.13")),
    ("generated", "aiohttp==3.8.3", ("3.12",)),
    ("generated", "yarl==1.8.1", ("3.12", "3.13")),
    ("generated", "cytoolz==0.12.0", ("3.12", "3.14")),
    ("generated", "fastrlock==0.8", ("3.12", "3.14")),
    ("generated", "editdistance==0.6.1", ("3.12",)),
    ("generated", "argon2-cffi-bindings==21.2.0", ("3.12", "3.14")),
    ("generated", "xcffib==1.1.1", ("3.12",)),
    # Extensions that may be left out; libraries that are not here.
    ("optional", "coverage==6.5.0", ("3.12", "3.14")),
    ("optional", "zope.interface==5.5.0", ("3.12", "3.13")),
    ("optional", "persistent==4.9.1", ("3.12", "3.13")),
    ("optional", "cbor==1.0.0", ("3.12", "3.13")),
    ("optional", "dulwich==0.20.50", ("3.12",)),
    ("optional", "pyrsistent==0.19.2", ("3.12", "3.14")),
    ("library", "lxml==4.9.1", ("3.12",)),
    ("library", "python-snappy==0.6.1", ("3.12",)),
    # Pure source archives with old build scripts.
    ("pure", "demjson==2.2.4", ("3.11", "3.13")),
    ("pure", "anyjson==0.3.3", ("3.12",)),
    ("pure", "suds-jurko==0.6", ("3.11",)),
    ("pure", "pyinotify==0.9.6", ("3.11", "3.13")),
    ("pure", "termcolor==1.1.0", ("3.12", "3.15")),
    ("pure", "htmlmin==0.1.12", ("3.12", "3.13")),
    ("pure", "progressbar==2.5", ("3.14",)),
    ("pure", "wsgiref==0.1.2", ("3.11",)),
    ("pure", "crcmod==1.7", ("3.12", "3.14")),
    # Only wheels, the stable ABI, withdrawn files, Requires-Python.
    ("wheel", "onnxruntime==1.16.0", ("3.11", "3.12")),
    ("wheel", "ruff==0.1.0", ("3.15",)),
    ("wheel", "mypy==1.5.0", ("3.13",)),
    ("abi3", "cryptography==41.0.0", ("3.13", "3.15")),
    ("abi3", "pynacl==1.5.0", ("3.14",)),
    ("abi3", "pycryptodome==3.15.0", ("3.14",)),
    ("yanked", "pytest==8.1.0", ("3.12",)),
    ("yanked", "certifi==2022.5.18", ("3.14",)),
    ("yanked", "click==8.2.2", ("3.13",)),
    ("admits", "scipy==1.10.1", ("3.11", "3.12")),
    ("admits", "numba==0.56.4", ("3.11",)),
    ("admits", "networkx==3.5", ("3.11",)),
)
FRESH_WHOLE = (
    "aiohttp==3.9.5",
    "httpx[http2]==0.27.0",
    "black==24.4.2",
    "sanic==23.12.1",
    "jupyter-client==8.6.0",
    "apscheduler==3.10.4",
)

THIRD: Cases = (
    # C and C++ written by hand.
    ("hand", "unicodedata2==15.0.0", ("3.12", "3.13")),
    ("hand", "posix-ipc==1.0.5", ("3.11", "3.13")),
    ("hand", "sysv-ipc==1.1.0", ("3.12", "3.14")),
    ("hand", "pyxattr==0.7.2", ("3.12",)),
    ("hand", "scandir==1.10.0", ("3.11", "3.13")),
    ("hand", "pycosat==0.6.4", ("3.12", "3.15")),
    ("hand", "pysha3==1.0.2", ("3.11", "3.13")),
    ("hand", "python-geohash==0.8.5", ("3.12", "3.14")),
    ("hand", "zstd==1.5.2.6", ("3.12", "3.14")),
    ("hand", "lz4==4.0.2", ("3.12", "3.13")),
    ("hand", "leveldb==0.201", ("3.13",)),
    # C that Cython wrote, or writes anew; cffi.
    ("generated", "datrie==0.8.2", ("3.11", "3.13")),
    ("generated", "marisa-trie==0.7.8", ("3.12", "3.13")),
    ("generated", "murmurhash==1.0.9", ("3.12", "3.14")),
    ("generated", "line-profiler==3.5.1", ("3.12",)),
    ("generated", "python-crfsuite==0.9.9", ("3.13",)),
    ("generated", "cmarkgfm==0.8.0", ("3.12", "3.14")),
    # Rust.
    ("rust", "tiktoken==0.5.1", ("3.12", "3.13")),
    ("rust", "blake3==0.3.3", ("3.12", "3.13")),
    ("rust", "libcst==0.4.9", ("3.12",)),
    ("rust", "jellyfish==1.0.0", ("3.11", "3.13")),
    # Extensions that may be left out; libraries that are not here.
    ("optional", "msgpack-python==0.5.6", ("3.11", "3.13")),
    ("optional", "websockets==10.4", ("3.12", "3.15")),
    ("optional", "bintrees==2.2.0", ("3.12", "3.13")),
    ("optional", "lazy-object-proxy==1.7.1", ("3.12",)),
    ("optional", "google-crc32c==1.5.0", ("3.13",)),
    ("optional", "thrift==0.16.0", ("3.12", "3.13")),
    ("optional", "pymongo==4.1.1", ("3.12", "3.14")),
    ("library", "pyodbc==4.0.34", ("3.12",)),
    ("library", "pylibmc==1.6.1", ("3.12",)),
    ("library", "systemd-python==235", ("3.12",)),
    ("library", "kerberos==1.3.1", ("3.13",)),
    ("library", "pycairo==1.20.1", ("3.12",)),
    # Pure source archives with old build scripts.
    ("pure", "subprocess32==3.5.4", ("3.11",)),
    ("pure", "functools32==3.2.3.post2", ("3.11",)),
    ("pure", "mysql-python==1.2.5", ("3.11",)),
    ("pure", "pystache==0.5.4", ("3.12",)),
    ("pure", "feedparser==5.2.1", ("3.11", "3.13")),
    ("pure", "jsonpath==0.82", ("3.13",)),
    ("pure", "gdata==2.0.18", ("3.12",)),
    ("pure", "flask-script==2.0.6", ("3.12", "3.14")),
    ("pure", "antlr4-python3-runtime==4.9.3", ("3.13",)),
    ("pure", "langdetect==1.0.9", ("3.15",)),
    ("pure", "distribute==0.7.3", ("3.12",)),
    # Only wheels, the stable ABI, withdrawn files, Requires-Python.
    ("wheel", "pywin32==306", ("3.12",)),
    ("abi3", "watchfiles==0.18.1", ("3.11", "3.14")),
    ("abi3", "protobuf==4.25.0", ("3.14",)),
    ("abi3", "brotlicffi==1.0.9.2", ("3.13",)),
    ("abi3", "nh3==0.2.14", ("3.15",)),
    ("yanked", "packaging==20.6", ("3.12",)),
    ("yanked", "importlib-resources==5.11.0", ("3.13",)),
    ("admits", "futures==3.3.0", ("3.11",)),
    ("admits", "typing==3.7.4.3", ("3.12",)),
    ("admits", "django==6.0", ("3.11", "3.12")),
)
THIRD_WHOLE = (
    "starlette[full]==0.38.0",
    "sphinx==7.4.7",
    "ipython==8.26.0",
)
