"""Sans-IO protocols: bytes in, events out; no asyncio, no sockets, no clock."""
