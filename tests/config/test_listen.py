from __future__ import annotations

import pytest

from bicorn.config.given import Given
from bicorn.config.listen import fold
from bicorn.errors import ConfigError


def layer(**given: object) -> dict[str, Given]:
    return {name: Given(name, value, f"--{name}") for name, value in given.items()}


PORT = {"port": Given("port", "5000", "PORT")}


@pytest.mark.parametrize(
    ("layers", "addresses", "origin"),
    [
        ([layer(bind=["a:1", "b:2"])], ["a:1", "b:2"], "--bind"),
        ([layer(host="0.0.0.0")], ["0.0.0.0:8000"], "--host"),
        ([layer(port=9000)], ["127.0.0.1:9000"], "--port"),
        ([layer(host="a", port="0")], ["a:0"], "--host, --port"),
        ([layer(host="::1", port=1)], ["[::1]:1"], "--host, --port"),
        ([layer(host="")], ["0.0.0.0:8000"], "--host"),
        ([layer(uds="/run/a.sock")], ["unix:/run/a.sock"], "--uds"),
        ([layer(fd="3")], ["fd://3"], "--fd"),
        ([PORT], ["0.0.0.0:5000"], "PORT"),
        ([layer(host="::1"), PORT], ["[::1]:5000"], "--host, PORT"),
        ([layer(port=1), PORT], ["127.0.0.1:1"], "--port"),
        ([layer(port=1), layer(host="a", port=2)], ["a:1"], "--host, --port"),
        ([layer(bind=["a:1"]), PORT], ["a:1"], "--bind"),
        ([PORT, layer(bind=["a:1"])], ["0.0.0.0:5000"], "PORT"),
        ([layer(host="b"), layer(bind=["a:1"]), PORT], ["b:8000"], "--host"),
        ([layer(), layer(uds="x"), layer(bind=["a:1"])], ["unix:x"], "--uds"),
    ],
)
def test_who_decides(layers: list[dict[str, Given]], addresses: list[str], origin: str) -> None:
    bind = fold(layers)
    assert bind is not None
    assert (bind.value, bind.origin) == (addresses, origin)


def test_nothing_is_said() -> None:
    assert fold([{}, {}]) is None


@pytest.mark.parametrize(
    "both", [layer(bind=["a"], port=1), layer(uds="x", host="a"), layer(fd=1, bind=["a"]), layer(bind=["a"], uds="x")]
)
def test_one_source_says_it_in_one_way(both: dict[str, Given]) -> None:
    with pytest.raises(ConfigError, match=r"^where to listen is said in 2 ways \(--\w+, --\w+\): "):
        fold([both])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (layer(port="x"), r"^port must be a whole number from 0 to 65535 \(got 'x' from --port\)$"),
        (layer(port=65536), "^port must be"),
        (layer(fd=-1), "^fd must be a whole number of 0 or more"),
        (layer(host="a:80"), r"^host must be a name or an address, without a port \(got 'a:80' from --host\)$"),
        (layer(host="http://a"), "^host must be"),
        (layer(host=" "), "^host must be"),
        (layer(host=1), "^host must be"),
        (layer(host="a b"), "'a b' is not a host name"),
        (layer(host="1:2:3"), "is not an IPv6 address"),
    ],
)
def test_wrong_values(wrong: dict[str, Given], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fold([wrong])
