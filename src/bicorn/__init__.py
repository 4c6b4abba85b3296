"""Bicorn: one server for Python web apps, WSGI and ASGI."""

from __future__ import annotations

from bicorn import _reading

__version__ = "0.1.0"
__compiled__ = _reading.choose()
