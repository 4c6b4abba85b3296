"""The most a peer may send: plain numbers the server fills from its settings."""

from __future__ import annotations


class Limits:
    """What one HTTP/1 connection accepts; sizes in bytes.

    Attributes:
        request_line: method, target and version, without the line end; 414 above.
        fields: header fields in one head or trailer section; 431 above.
        field_size: one field line, name and value; 431 above.
        head: request line and all fields together; 431 above.
        body: the request's body; 413 above.
    """

    __slots__ = ("body", "field_size", "fields", "head", "request_line")

    def __init__(
        self,
        *,
        request_line: int = 8190,
        fields: int = 100,
        field_size: int = 8190,
        head: int = 65536,
        body: int = 1 << 30,
    ) -> None:
        unlimited = 1 << 62
        self.request_line = request_line or unlimited
        self.fields = fields or unlimited
        self.field_size = field_size or unlimited
        self.head = head or unlimited
        self.body = body or unlimited
