"""What stands between here and the index: names, proxies, certificates, refusals."""

from __future__ import annotations

from ..family import Family

FAMILIES = (
    Family(
        kind="certificate",
        patterns=(
            r"CERTIFICATE_VERIFY_FAILED(?P<detail>\])?",
            r"SSLCertVerificationError",
            r"problem confirming the ssl certificate",
            r"invalid peer certificate: (?P<detail>\w+)",
            r"unable to get local issuer certificate",
            r"SSL certificate problem: (?P<detail>.*)",
        ),
        what="The certificate of the package index is signed by nobody this Python trusts. Mostly a company's proxy"
        " stands in between, or the system's certificates are not installed.",
        cure="Give pip the certificate of whoever signs (ask the administrators for the file). Do not switch"
        " verification off.",
        commands=("python -m pip config set global.cert /path/to/company-ca.pem",),
        hides=("network", "no-version", "build-failed"),
    ),
    Family(
        kind="proxy",
        patterns=(
            r"Cannot connect to proxy",
            r"ProxyError\(",
            r"407 Proxy Authentication Required",
            r"Tunnel connection failed: (?P<status>\d+)",
        ),
        what="The proxy does not answer, or refuses.",
        cure="Look at HTTPS_PROXY and pip's own proxy setting: address, port, user and password.",
        commands=("env | grep -i proxy", "python -m pip config list"),
        hides=("network", "no-version", "build-failed"),
    ),
    Family(
        kind="not-allowed",
        patterns=(
            r"\b(?P<status>401|403)(?: Client)? (?:Error|Forbidden|Unauthorized)",
            r"HTTP error (?P<status>401|403) while getting",
        ),
        what="The package index refuses ({status}): it wants a name and password, or others than those given.",
        cure="Check the address of the index and its credentials.",
        commands=("python -m pip config list",),
        hides=("network", "no-version", "build-failed"),
    ),
    Family(
        kind="network",
        patterns=(
            r"Could not resolve host(?:name)?\W+(?:Could not resolve host: )?(?P<host>[\w.-]+)",
            r"host='(?P<host>[\w.-]+)', port=\d+\): (?:Max retries|Read timed)",
            r"Temporary failure in name resolution",
            r"Name or service not known",
            r"nodename nor servname provided",
            r"dns error: failed to lookup address",
            r"Failed to establish a new connection",
            r"Read timed out|ReadTimeoutError|ConnectTimeoutError|operation timed out",
            r"Connection (?:refused|reset|aborted)|Network is unreachable|No route to host",
        ),
        what="The network: {host_words} cannot be reached from here.",
        cure="Check the connection, DNS and the proxy. In a container build, check that it may use the network at all."
        " {cargo}",
        commands=("python -m pip config list", "env | grep -i proxy"),
        more=lambda match, journal: {
            "host_words": match.groupdict().get("host") or "what is to be downloaded",
            "cargo": "A build with Rust also needs crates.io; a wheel does not."
            if any("crates.io" in line for line in journal.lines)
            else "",
        },
        hides=("no-version", "build-failed"),
    ),
)
