"""The session: whom it trusts, and when it goes through a proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from misbehaving import TOKEN, Answer, Server, closed_port, misbehaving, reading

from azremedy.azure.transport import Session, bundle, loopback
from azremedy.errors import AzremedyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with misbehaving(tmp_path) as made:
        made.on("/", Answer({"hello": "there"}))
        yield made


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_trusts_the_ca_that_the_environment_names(server: Server, variable: str) -> None:
    with Session(ca=None, environ={variable: str(server.ca)}) as session:
        assert session.get(server.address).status_code == 200


def test_trusts_the_ca_given_before_the_ones_in_the_environment(server: Server, tmp_path: Path) -> None:
    assert bundle(server.ca, {"REQUESTS_CA_BUNDLE": "/nowhere"}) == str(server.ca)
    assert bundle(None, {"REQUESTS_CA_BUNDLE": str(server.ca), "SSL_CERT_FILE": "/nowhere"}) == str(server.ca)
    assert bundle(tmp_path, {}) == str(tmp_path)


def test_trusts_no_unknown_ca(server: Server) -> None:
    with Session(ca=None, environ={}) as session, pytest.raises(requests.exceptions.SSLError):
        session.get(server.address)


def test_a_ca_file_that_is_missing_or_none_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    missing, broken = tmp_path / "missing.pem", tmp_path / "broken.pem"
    broken.write_text("not a certificate")

    with pytest.raises(AzremedyError, match=r"SSL_CERT_FILE names .*missing.pem, which does not exist"):
        Session(ca=None, environ={"SSL_CERT_FILE": str(missing)})
    with pytest.raises(AzremedyError, match=r"broken.pem, which holds no readable CA certificates"):
        Session(ca=broken, environ={})


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "arm.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]
)
def test_knows_this_machine(host: str) -> None:
    assert loopback(host)


@pytest.mark.parametrize(
    "host", ["management.azure.com", "localhost.example", "10.0.0.1", "169.254.169.254", "", None]
)
def test_knows_other_machines(host: str | None) -> None:
    assert not loopback(host)


def test_no_proxy_stands_before_loopback(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    with reading(server) as reader:
        assert reader.get("/") == {"hello": "there"}


def test_other_hosts_are_reached_through_the_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.delenv("https_proxy", raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    with Session(ca=server.ca, environ={}) as session:
        taken = session.merge_environment_settings(
            url="https://management.azure.com/x", proxies={}, stream=False, verify=True, cert=None
        )
    assert taken["proxies"]["https"] == "http://proxy.example:3128"
    assert taken["verify"] == str(server.ca)


def test_a_netrc_entry_never_replaces_the_token(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    with reading(server) as reader:
        reader.get("/")
    [asked] = server.requests("/")
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
