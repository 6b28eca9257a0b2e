"""Signing in: once, again before the token ends, and in one sentence where it fails."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import pytest
from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError
from misbehaving import SECRET, TENANT, TOKEN, Answer, Server, closed_port, misbehaving, secret

from azremedy.azure import open_reader
from azremedy.azure.credential import CachedCredential, sign_in
from azremedy.azure.transport import Session, requests_transport
from azremedy.errors import AzremedyError, Exit, Incomplete, SignInError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCOPE = "https://management.azure.com/.default"
TOKEN_PATH = f"/{TENANT}/oauth2/v2.0/token"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with misbehaving(tmp_path) as made:
        yield made


@pytest.fixture
def session(server: Server) -> Iterator[Session]:
    with Session(ca=server.ca, environ={}) as made:
        yield made


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment in which nobody has signed in, and of which nothing but variables is asked."""
    for name in os.environ:
        if name.startswith(("AZURE_", "MSI_", "IDENTITY_", "IMDS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "az"))
    return monkeypatch


def by_secret(server: Server, session: Session, text: str = SECRET) -> CachedCredential:
    return sign_in(server.cloud, tenant=None, transport=requests_transport(session), secret=secret(text))


def by_environment(server: Server, session: Session, tenant: str | None = None) -> CachedCredential:
    return sign_in(server.cloud, tenant=tenant, transport=requests_transport(session))


def test_the_first_token_is_there_before_the_first_request(server: Server, session: Session) -> None:
    by_secret(server, session)

    assert server.tokens == 1


def test_sixteen_threads_fetch_one_token(server: Server, session: Session) -> None:
    credential = by_secret(server, session)
    with ThreadPoolExecutor(16) as pool:
        tokens = list(pool.map(lambda _: credential.get_token(SCOPE).token, range(64)))

    assert tokens == [TOKEN] * 64
    assert server.tokens == 1


def test_another_scope_is_another_token(server: Server, session: Session) -> None:
    credential = by_secret(server, session)
    credential.get_token("https://vault.azure.net/.default")

    assert server.tokens == 2


class Source:
    """A credential whose tokens last an hour of a clock in the test's hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[dict[str, Any]] = []
        self.fails = False

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        assert scopes == (SCOPE,)
        self.asked.append(dict(options or {}))
        if self.fails:
            raise ClientAuthenticationError("AADSTS700082: expired")
        return AccessTokenInfo(f"token {len(self.asked)}", int(self.now) + 3600)

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_details: object) -> None:
        pass

    def cached(self, tenant: str | None = None) -> CachedCredential:
        return CachedCredential(self, authority="login.example", tenant=tenant, now=lambda: self.now)


def test_a_token_is_replaced_five_minutes_before_it_ends() -> None:
    source = Source()
    credential = source.cached()
    tokens = []
    for source.now in (0, 3299, 3301, 3400):
        tokens.append(credential.get_token_info(SCOPE).token)

    assert tokens == ["token 1", "token 1", "token 2", "token 2"]


def test_the_old_token_serves_while_a_new_one_cannot_be_had() -> None:
    source = Source()
    credential = source.cached()
    credential.get_token_info(SCOPE)
    source.fails = True

    for source.now in (3400, 3401, 3429, 3431):
        assert credential.get_token_info(SCOPE).token == "token 1"
    assert len(source.asked) == 3

    source.now = 3599
    with pytest.raises(
        SignInError, match=r"login.example refused the sign-in \(AADSTS700082\): .*`az login` again"
    ):
        credential.get_token_info(SCOPE)


def test_a_claims_challenge_is_never_answered_from_the_cache() -> None:
    source = Source()
    credential = source.cached(tenant="contoso.example")
    credential.get_token(SCOPE)

    assert credential.get_token(SCOPE, claims="{}").token == "token 2"
    assert source.asked[1] == {"tenant_id": "contoso.example", "claims": "{}", "enable_cae": False}


def test_a_wrong_secret_is_told_by_its_code_and_never_shown(server: Server, session: Session) -> None:
    with pytest.raises(SignInError, match=r"AADSTS7000215.*the client secret is wrong") as raised:
        by_secret(server, session, "a-wrong-secret")

    assert raised.value.exit == Exit.SIGN_IN
    assert "a-wrong-secret" not in str(raised.value)
    assert "a-wrong-secret" not in repr(secret("a-wrong-secret"))


def test_the_environment_signs_in(server: Server, session: Session, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AZURE_TENANT_ID", TENANT)
    bare.setenv("AZURE_CLIENT_ID", secret().client_id)
    bare.setenv("AZURE_CLIENT_SECRET", SECRET)

    assert by_environment(server, session).get_token(SCOPE).token == TOKEN


def test_the_tenant_named_goes_before_the_one_in_the_environment(
    server: Server, session: Session, bare: pytest.MonkeyPatch
) -> None:
    bare.setenv("AZURE_TENANT_ID", "00000000-0000-4000-8000-00000000000b")
    bare.setenv("AZURE_CLIENT_ID", secret().client_id)
    bare.setenv("AZURE_CLIENT_SECRET", SECRET)

    by_environment(server, session, TENANT)
    assert server.tokens == 1


def test_a_wrong_secret_in_the_environment_is_told_the_same(
    server: Server, session: Session, bare: pytest.MonkeyPatch
) -> None:
    bare.setenv("AZURE_TENANT_ID", TENANT)
    bare.setenv("AZURE_CLIENT_ID", secret().client_id)
    bare.setenv("AZURE_CLIENT_SECRET", "a-wrong-secret")

    with pytest.raises(SignInError, match=r"by way of Environment \(AADSTS7000215\)") as raised:
        by_environment(server, session)
    assert "a-wrong-secret" not in str(raised.value)


def test_no_sign_in_says_what_was_tried_and_what_to_do(
    server: Server, session: Session, bare: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        SignInError, match=r"No sign-in: Environment gave no token\. Run `az login`"
    ) as raised:
        by_environment(server, session)
    assert "\n" not in str(raised.value)


def test_a_chain_that_does_not_exist_is_a_usage_error(
    server: Server, session: Session, bare: pytest.MonkeyPatch
) -> None:
    bare.setenv("AZURE_TOKEN_CREDENTIALS", "nonsense")

    with pytest.raises(AzremedyError, match="AZURE_TOKEN_CREDENTIALS") as raised:
        by_environment(server, session)
    assert raised.value.exit == Exit.USAGE


def test_a_tenant_that_cannot_be_one_is_a_usage_error(server: Server, session: Session) -> None:
    with pytest.raises(AzremedyError, match="neither a GUID nor a domain name"):
        by_environment(server, session, "two words")


def test_an_authority_that_is_not_there_is_incomplete_not_refused(server: Server, session: Session) -> None:
    away = replace(server.cloud, authority=f"https://127.0.0.1:{closed_port()}")

    with pytest.raises(Incomplete, match=r"Nothing answers at 127\.0\.0\.1"):
        sign_in(away, tenant=None, transport=requests_transport(session), secret=secret())


def test_the_chain_tells_the_same_of_an_authority_that_is_not_there(
    server: Server, session: Session, bare: pytest.MonkeyPatch
) -> None:
    away = replace(server.cloud, authority=f"https://127.0.0.1:{closed_port()}")
    bare.setenv("AZURE_TENANT_ID", TENANT)
    bare.setenv("AZURE_CLIENT_ID", secret().client_id)
    bare.setenv("AZURE_CLIENT_SECRET", SECRET)

    with pytest.raises(Incomplete, match=r"Nothing answers at 127\.0\.0\.1"):
        sign_in(away, tenant=None, transport=requests_transport(session))


def test_the_chain_tells_an_untrusted_certificate(server: Server, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AZURE_TENANT_ID", TENANT)
    bare.setenv("AZURE_CLIENT_ID", secret().client_id)
    bare.setenv("AZURE_CLIENT_SECRET", SECRET)

    with pytest.raises(Incomplete, match="REQUESTS_CA_BUNDLE"):
        open_reader(server.cloud, environ={})


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"/{TENANT}/v2.0/.well-known/openid-configuration", "knows no such tenant, or is no authority"),
        (TOKEN_PATH, "gave no token"),
    ],
    ids=["discovery", "token"],
)
def test_an_authority_that_speaks_html_ends_in_a_sentence(
    server: Server, session: Session, path: str, told: str
) -> None:
    server.on(path, Answer(b"<html>hello</html>", headers={"Content-Type": "text/html"}))

    with pytest.raises(SignInError, match=told) as raised:
        by_secret(server, session)
    assert "\n" not in str(raised.value)
