"""Which ARM is talked to: known names, addresses that say who signs in, and everything that is neither."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from misbehaving import Answer, Server, closed_port, metadata, misbehaving

from azremedy.azure import Cloud, find_cloud
from azremedy.azure.cloud import name_of
from azremedy.errors import AzremedyError, Exit, Incomplete

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

METADATA = "/metadata/endpoints"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with misbehaving(tmp_path) as made:
        yield made


def found(server: Server, name: str | None = None, **environ: str) -> Cloud:
    return find_cloud(name or server.address, ca=server.ca, environ=environ)


@pytest.mark.parametrize(
    ("given", "environ", "name"),
    [
        (None, "", "public"),
        ("USGov", "https://arm.example.com", "usgov"),
        (None, "https://management.usgovcloudapi.net/", "usgov"),
        (None, "https://arm.example.com/", "https://arm.example.com"),
    ],
)
def test_tells_the_name_of_a_cloud_without_asking(given: str | None, environ: str, name: str) -> None:
    assert name_of(given, {"AZURE_RESOURCE_MANAGER_ENDPOINT": environ}) == name


@pytest.mark.parametrize(
    ("name", "endpoint", "authority", "scope"),
    [
        (
            "public",
            "https://management.azure.com",
            "https://login.microsoftonline.com",
            "https://management.azure.com/.default",
        ),
        (
            "USGov",
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "https://management.core.usgovcloudapi.net/.default",
        ),
        (
            "china",
            "https://management.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
            "https://management.core.chinacloudapi.cn/.default",
        ),
    ],
)
def test_knows_the_clouds_by_name_without_asking(
    name: str, endpoint: str, authority: str, scope: str
) -> None:
    cloud = find_cloud(name, environ={})

    assert (cloud.endpoint, cloud.authority, cloud.scope) == (endpoint, authority, scope)
    assert cloud.instance_discovery
    assert not cloud.loopback


def test_an_address_of_a_known_cloud_is_that_cloud() -> None:
    assert find_cloud("https://management.azure.com/", environ={}).name == "public"


def test_an_address_names_authority_and_audience(server: Server) -> None:
    cloud = found(server)

    assert cloud == Cloud(server.address, server.address, server.address, "https://management.azure.com")
    assert cloud.loopback
    assert not cloud.instance_discovery
    [asked] = server.requests(METADATA)
    assert asked.path == "/metadata/endpoints?api-version=2022-09-01"
    assert "Authorization" not in asked.headers


def test_a_list_of_clouds_is_searched_for_the_own_one(server: Server) -> None:
    other = metadata("https://elsewhere.example")
    server.on(METADATA, Answer([other, metadata(server.address)]))
    assert found(server).authority == server.address

    server.on(METADATA, Answer([other]))
    assert found(server).authority == "https://elsewhere.example"


def test_the_environment_goes_before_the_metadata(server: Server) -> None:
    cloud = found(
        server, AZURE_AUTHORITY_HOST="login.example", AZURE_RESOURCE_MANAGER_AUDIENCE="https://arm.example/"
    )

    assert (cloud.authority, cloud.scope) == ("https://login.example", "https://arm.example/.default")
    assert server.asked == []


def test_the_endpoint_in_the_environment_is_asked_for_the_rest(server: Server) -> None:
    cloud = found(server, None, AZURE_RESOURCE_MANAGER_ENDPOINT=f"{server.address}/")

    assert (cloud.endpoint, cloud.authority) == (server.address, server.address)


def test_a_cloud_that_is_named_goes_before_the_endpoint_in_the_environment(server: Server) -> None:
    cloud = found(server, "public", AZURE_RESOURCE_MANAGER_ENDPOINT=f"{server.address}/")

    assert cloud.endpoint == "https://management.azure.com"
    assert server.asked == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("pubic", "did you mean public?"),
        ("sandbx", "did you mean sandbox?"),
        ("", "give public, usgov, china, sandbox or an https address"),
        ("management.azure.com", "neither a known name nor an address"),
        ("http://localhost:8080", "is not https, and a token is sent over nothing else"),
        ("https://user:pass@arm.example", "must be https://host"),
        ("https://arm.example?x=1", "must be https://host"),
        ("https://", "must be https://host|neither"),
        ("https://[::1", "neither a known name nor an address"),
        ("\x1b[2Jhttps", "neither a known name"),
    ],
)
def test_what_cannot_be_a_cloud_is_a_usage_error(name: str, told: str) -> None:
    with pytest.raises(AzremedyError, match=told) as raised:
        find_cloud(name, environ={})
    assert raised.value.exit == Exit.USAGE
    assert str(raised.value).isprintable()


def test_an_authority_that_is_not_https_is_refused(server: Server) -> None:
    with pytest.raises(AzremedyError, match=r"AZURE_AUTHORITY_HOST .* is not https"):
        found(server, AZURE_AUTHORITY_HOST="http://login.example")

    server.on(METADATA, Answer(metadata("http://login.example")))
    with pytest.raises(Incomplete, match="is not https"):
        found(server)


def test_nobody_at_the_address_is_incomplete(server: Server) -> None:
    port = closed_port()

    with pytest.raises(Incomplete, match=f"Nothing answers at 127.0.0.1:{port}: check") as raised:
        found(server, f"https://127.0.0.1:{port}")
    assert raised.value.exit == Exit.INCOMPLETE


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(Answer(b"<html>Welcome to nginx</html>"), "Welcome to nginx", id="html"),
        pytest.param(Answer(b"<html>", 404), "answered 404", id="not found"),
        pytest.param(
            Answer(b"", 302, {"Location": "https://elsewhere.example/"}), "answered 302", id="redirect"
        ),
        pytest.param(Answer(b""), "is not an ARM endpoint", id="empty"),
        pytest.param(Answer({"hello": "world"}), "names no authority", id="other JSON"),
        pytest.param(
            Answer({"authentication": {"loginEndpoint": 7, "audiences": []}}), "no authority", id="numbers"
        ),
        pytest.param(
            Answer({"authentication": {"loginEndpoint": "https://x", "audiences": [7]}}),
            "no audience",
            id="odd audience",
        ),
        pytest.param(Answer([]), "names no authority", id="no clouds"),
        pytest.param(Answer(b"null"), "names no authority", id="null"),
        pytest.param(Answer({}, promised=50), "broke off", id="cut short"),
        pytest.param(Answer(closes=True), "closed the connection", id="closed"),
    ],
)
def test_what_is_no_arm_endpoint_is_incomplete(server: Server, answer: Answer, told: str) -> None:
    server.on(METADATA, answer)

    with pytest.raises(Incomplete, match=told):
        found(server)


def test_an_untrusted_certificate_names_the_variable(server: Server) -> None:
    with pytest.raises(Incomplete, match="REQUESTS_CA_BUNDLE"):
        find_cloud(server.address, environ={})


def test_warnings_of_the_libraries_reach_no_screen_unasked() -> None:
    for name in ("azure", "msal", "urllib3"):
        assert any(isinstance(one, logging.NullHandler) for one in logging.getLogger(name).handlers)
