from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.config.bind import BindAddress, parse
from bicorn.errors import ConfigError


def tcp(host: str, port: int = 8000) -> BindAddress:
    return BindAddress("tcp", host=host, port=port)


@pytest.mark.parametrize(
    ("text", "address", "canonical"),
    [
        ("localhost", tcp("localhost"), "localhost:8000"),
        ("Example.COM:80", tcp("example.com", 80), "example.com:80"),
        ("my_service:1", tcp("my_service", 1), "my_service:1"),
        ("example.com.", tcp("example.com."), "example.com.:8000"),
        ("127.0.0.1:0", tcp("127.0.0.1", 0), "127.0.0.1:0"),
        (" 0.0.0.0:65535 ", tcp("0.0.0.0", 65535), "0.0.0.0:65535"),
        (":9000", tcp("0.0.0.0", 9000), "0.0.0.0:9000"),
        ("[::1]", tcp("::1"), "[::1]:8000"),
        ("[::]:80", tcp("::", 80), "[::]:80"),
        ("[0:0:0:0:0:0:0:1]:80", tcp("::1", 80), "[::1]:80"),
        ("[fe80::1%Eth0]:80", tcp("fe80::1%Eth0", 80), "[fe80::1%Eth0]:80"),
        ("::1", tcp("::1"), "[::1]:8000"),
        ("::1:80", tcp("::1:80"), "[::1:80]:8000"),
        ("tcp://127.0.0.1:80", tcp("127.0.0.1", 80), "127.0.0.1:80"),
        ("TCP://[::1]", tcp("::1"), "[::1]:8000"),
        ("unix:app.sock", BindAddress("unix", path="app.sock"), "unix:app.sock"),
        ("unix:/run/app.sock", BindAddress("unix", path="/run/app.sock"), "unix:/run/app.sock"),
        ("unix://app.sock", BindAddress("unix", path="app.sock"), "unix:app.sock"),
        ("unix:///run/a b.sock", BindAddress("unix", path="/run/a b.sock"), "unix:/run/a b.sock"),
        ("unix:////run/app.sock", BindAddress("unix", path="/run/app.sock"), "unix:/run/app.sock"),
        ("unix:8000", BindAddress("unix", path="8000"), "unix:8000"),
        ("fd://3", BindAddress("fd", fd=3), "fd://3"),
        ("fd:0", BindAddress("fd", fd=0), "fd://0"),
    ],
)
def test_understood(text: str, address: BindAddress, canonical: str) -> None:
    assert parse(text) == address
    assert str(address) == canonical
    assert parse(canonical) == address


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("8000", "write ':8000' or '127.0.0.1:8000'"),
        (":", "'' is not a port number"),
        ("host:", "'' is not a port number"),
        ("host:http", "'http' is not a port number"),
        ("host:-1", "'-1' is not a port number"),
        ("host:+1", "'+1' is not a port number"),
        ("host:٣", "is not a port number"),
        ("host:65536", "at most 65535"),
        ("host:99999999999999", "is not a port number"),
        ("a b:80", "'a b' is not a host name"),
        ("-a:80", "'-a' is not a host name"),
        ("user@host:80", "is not a host name"),
        ("*:80", "write 0.0.0.0"),
        ("1.2.3:80", "'1.2.3' is not an IPv4 address"),
        ("1.2.3.256", "is not an IPv4 address"),
        ("127.0.0.01", "is not an IPv4 address"),
        ("1..2.3", "is not an IPv4 address"),
        ("1:2:3", "is not an IPv6 address"),
        ("[::1", "the closing ] is missing"),
        ("[::1]80", "only :PORT may follow"),
        ("[::g]:80", "'::g' is not an IPv6 address"),
        ("[127.0.0.1]:80", "is not an IPv6 address"),
        ("unix:", "the path of the unix socket is missing"),
        ("unix:///run/", "the path of the unix socket is missing"),
        ("unix:@abstract", "abstract"),
        ("unix:\0abstract", "abstract"),
        ("fd://", "'' is not a descriptor number"),
        ("fd:x", "'x' is not a descriptor number"),
        ("fd://-1", "'-1' is not a descriptor number"),
        ("http://127.0.0.1:8000/", "write '127.0.0.1:8000'"),
        ("https://a:1", "write 'a:1'; certfile turns TLS on"),
        ("ftp://a", "ftp:// is not known"),
    ],
)
def test_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, origin="--bind")
    assert problem in str(error.value)
    assert str(error.value).startswith("bind must be HOST:PORT, ")
    assert str(error.value).endswith(f"(got {text!r} from --bind)")
    assert (error.value.setting, error.value.value, error.value.origin) == ("bind", text, "--bind")


def test_an_error_without_an_origin_names_none() -> None:
    with pytest.raises(ConfigError, match=r"^here must be .* \(got ''\)$"):
        parse("", setting="here")


ports = st.integers(0, 65535)
names = st.from_regex(r"[a-z][a-z0-9_]{0,10}(\.[a-z][a-z0-9]{0,5})?", fullmatch=True).filter(
    lambda name: name not in ("fd", "unix")  # as in fd:3
)
paths = (
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)
)


@given(st.one_of(names, st.ip_addresses(v=4).map(str)), ports)
def test_every_host_and_port_comes_back(host: str, port: int) -> None:
    address = parse(f"{host}:{port}")
    assert (address.host, address.port) == (host, port)
    assert parse(str(address)) == address


@given(st.ip_addresses(v=6), ports)
def test_every_ipv6_address_comes_back(host: object, port: int) -> None:
    assert parse(f"[{host}]:{port}") == tcp(str(host), port)
    assert parse(str(host)) == tcp(str(host))


@given(paths.filter(lambda path: not path.endswith("/") and not path.startswith(("@", "/"))))
def test_every_path_comes_back(path: str) -> None:
    for text in (f"unix:{path}", f"unix://{path}"):
        assert parse(text) == BindAddress("unix", path=path)
    assert parse(f"unix:/{path}").path == f"/{path}"


@given(st.text())
def test_any_text_is_an_address_that_comes_back_or_a_clear_error(text: str) -> None:
    try:
        address = parse(text)
    except ConfigError as raised:
        error = raised
    else:
        assert parse(str(address)) == address
        return
    assert repr(text) in str(error)
