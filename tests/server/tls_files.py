"""What the TLS tests share: certificates that trustme makes, and handshakes through memory."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization


class Files:
    """A certificate authority, and the files a user would have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.ca_file = self.write("ca.pem", self.ca.cert_pem.bytes())
        self.cert, self.key = self.pair("a.example", "localhost")

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def pair(self, *names: str, **how: object) -> tuple[str, str]:
        made = self.ca.issue_cert(*names, **how)  # type: ignore[arg-type]
        stem = names[0].replace("*", "any")
        cert = b"".join(pem.bytes() for pem in made.cert_chain_pems)
        return self.write(f"{stem}.crt", cert), self.write(f"{stem}.key", made.private_key_pem.bytes())

    def encrypted_key(self, password: bytes) -> str:
        key = serialization.load_pem_private_key(Path(self.key).read_bytes(), None)
        encryption = serialization.BestAvailableEncryption(password)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        return self.write("encrypted.key", pem)

    def client(self, *, certificate: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if certificate:
            self.ca.issue_cert("alice@example.org", common_name="alice", organization_name="A, B").configure_cert(
                context
            )
        return context


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Shake hands through memory; returns the server's side and the client's."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname=name)
    waiting = [theirs, ours]
    for _ in range(20):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    return ours, theirs
