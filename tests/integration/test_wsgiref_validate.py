"""``wsgiref.validate`` stands between the server and an application, and complains about both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.running import Running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

APP = """
import warnings
from wsgiref.validate import validator

warnings.simplefilter("error")

def site(environ, start_response):
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"]
    headers = [("Content-Type", "text/plain"), ("X-Twice", "1"), ("X-Twice", "2")]
    if path == "/read":
        parts = [body.read(3), body.readline(), *body.readlines(), body.read(1)]
        start_response("200 OK", headers)
        return parts
    if path == "/iterate":
        lines = [line for line in body]
        start_response("200 OK", headers)
        return lines
    if path == "/stream":
        start_response("200 OK", headers)
        return (f"{n}\\n".encode() for n in range(5))
    if path == "/write":
        write = start_response("200 OK", headers)
        write(b"written ")
        return [b"and returned"]
    if path == "/empty":
        start_response("204 No Content", [])
        return []
    if path == "/not-modified":
        start_response("304 Not Modified", [("ETag", '"x"')])
        return []
    if path == "/replaced":
        start_response("200 OK", headers)
        try:
            raise ValueError("changed my mind")
        except ValueError:
            import sys
            start_response("503 Service Unavailable", headers, sys.exc_info())
        return [b"replaced"]
    if path == "/environ":
        start_response("200 OK", headers)
        names = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "SERVER_PROTOCOL",
                 "HTTP_X_NAME", "wsgi.url_scheme")
        return [repr({name: environ.get(name) for name in names}).encode()]
    environ["wsgi.errors"].write("nothing at " + path + "\\n")
    start_response("404 Not Found", headers)
    return [b"not found"]

app = validator(site)
"""


@pytest.fixture(params=[(), ("--threads", "3")], ids=["inline", "threads"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx.Client]:
    (tmp_path / "main.py").write_text(APP)
    server = Running(tmp_path, "main:app", "--bind", "127.0.0.1:0", *request.param)
    try:
        server.ready()
        with httpx.Client(base_url=server.urls[0], timeout=10, trust_env=False) as client:
            yield client
        assert server.stop() == 0
    finally:
        server.clean_up()
    log = server.log()
    assert "AssertionError" not in log
    assert "WSGIWarning" not in log
    assert "Traceback" not in log


def test_the_validator_is_content(client: httpx.Client) -> None:
    body = b"one\ntwo\nthree"
    assert client.post("/read", content=body).content == body
    assert client.post("/read", content=iter([b"one\n", b"two\n", b"three"])).content == body
    assert client.post("/iterate", content=body).content == body
    assert client.get("/read").content == b""
    assert client.get("/stream").text == "0\n1\n2\n3\n4\n"
    assert client.get("/write").text == "written and returned"
    assert client.get("/empty").status_code == 204
    assert client.get("/not-modified").status_code == 304
    response = client.get("/replaced")
    assert (response.status_code, response.text) == (503, "replaced")
    assert response.headers.get_list("x-twice") == ["1", "2"]
    assert client.head("/environ").content == b""
    assert client.request("OPTIONS", "/environ").status_code == 200
    assert client.get("/caf%C3%A9%2F").status_code == 404
    told = eval(client.get("/environ?a=1&b=%20", headers={"X-Name": "value"}).text)
    assert told == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/environ",
        "QUERY_STRING": "a=1&b=%20",
        "CONTENT_TYPE": None,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_X_NAME": "value",
        "wsgi.url_scheme": "http",
    }
