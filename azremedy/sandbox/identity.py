"""Who may ask the sandbox, and how they sign in: the corner of Microsoft Entra ID that an SDK needs."""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from azremedy.sandbox.answers import Answer, ok

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Call

TENANT = "5a6db0c5-0000-4000-8000-7e4a47000001"
CLIENT_ID = "5a6db0c5-0000-4000-8000-c11e47000001"
CLIENT_SECRET = "sandbox-owner"  # noqa: S105 - opens a server of one's own on loopback, and is printed by it
LIFETIME = 3600


@dataclass(frozen=True, slots=True)
class Held:
    """A role that somebody has at a scope, lower-cased, and below it."""

    role: str
    scope: str


@dataclass(frozen=True, slots=True)
class Principal:
    """
    An identity: `cannot_read` are the lower-cased scopes that it is refused, with everything below them.

    `actions` are those of a custom role of its own, in place of `roles`; then reading is a matter of actions too.
    """

    client_id: str
    secret: str
    object_id: str
    roles: tuple[Held, ...] = ()
    actions: tuple[str, ...] = ()
    cannot_read: tuple[str, ...] = ()

    def may_read(self, key: str) -> bool:
        return not any(key == scope or key.startswith(f"{scope}/") for scope in self.cannot_read)


@dataclass(slots=True)
class Entra:
    """The identities of a sandbox and the tokens they hold."""

    principals: Mapping[str, Principal]
    lifetime: float = LIFETIME
    _tokens: dict[str, tuple[Principal, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, principals: Iterable[Principal], lifetime: float = LIFETIME) -> Entra:
        return cls({one.client_id.lower(): one for one in principals}, lifetime)

    def bearer(self, authorization: str) -> Principal | None:
        """Return who holds the token of an `Authorization` header, or None when it is none of ours or too old."""
        scheme, _, token = authorization.partition(" ")
        principal, expires = self._tokens.get(token, (None, 0.0))
        return principal if scheme.lower() == "bearer" and time.time() < expires else None

    def token(self, form: Mapping[str, str]) -> Answer:
        """Answer a POST to the token endpoint."""
        principal = self.principals.get(form.get("client_id", "").lower())
        if form.get("grant_type") != "client_credentials":
            return refusal(
                400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
            )
        if principal is None:
            who = form.get("client_id", "")
            return refusal(
                400,
                "unauthorized_client",
                700016,
                f"Application with identifier '{who}' was not found in the directory.",
            )
        if "client_assertion" not in form and form.get("client_secret") != principal.secret:
            return refusal(401, "invalid_client", 7000215, "Invalid client secret provided.")
        audience = form.get("scope", form.get("resource", "")).removesuffix("/.default")
        return ok(self._issue(principal, audience))

    def _issue(self, principal: Principal, audience: str) -> Json:
        expires = time.time() + self.lifetime
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{TENANT}/",
            "exp": int(expires),
            "appid": principal.client_id,
            "oid": principal.object_id,
            "tid": TENANT,
        }
        parts = (encoded({"typ": "JWT", "alg": "none"}), encoded(claims), secrets.token_urlsafe(32))
        token = ".".join(parts)
        self._tokens = {held: who for held, who in self._tokens.items() if who[1] > time.time()}
        self._tokens[token] = principal, expires
        return {
            "token_type": "Bearer",
            "expires_in": int(self.lifetime),
            "ext_expires_in": int(self.lifetime),
            "access_token": token,
        }


def encoded(part: Json) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=").decode()


def refusal(status: int, error: str, code: int, text: str) -> Answer:
    """Return the token endpoint's answer to a sign-in that fails, with its AADSTS number."""
    trace = secrets.token_hex(16)
    body = {
        "error": error,
        "error_description": f"AADSTS{code}: {text} Trace ID: {trace}",
        "error_codes": [code],
        "timestamp": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
        "trace_id": trace,
        "correlation_id": secrets.token_hex(16),
    }
    return Answer(status, msgspec.json.encode(body))


def openid(call: Call) -> Answer:
    """Answer `/{tenant}/v2.0/.well-known/openid-configuration`."""
    root = f"{call.base}/{call.path.split('/')[1]}"
    return ok(
        {
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{root}/discovery/v2.0/keys",
            "issuer": f"{root}/v2.0",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        }
    )


def discovery(call: Call) -> Answer:
    """Answer `/common/discovery/instance`."""
    return ok(
        {
            "tenant_discovery_endpoint": f"{call.base}/{TENANT}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [],
        }
    )


def metadata(call: Call) -> Answer:
    """Answer `/metadata/endpoints`: what `az cloud register` and azremedy learn a cloud from."""
    base = call.base
    suffix = "sandbox.invalid"
    return ok(
        {
            "name": "Sandbox",
            "authentication": {
                "loginEndpoint": base,
                "audiences": [base, "https://management.azure.com/"],
                "tenant": TENANT,
                "identityProvider": "AAD",
            },
            "resourceManager": base,
            "portal": base,
            "graph": base,
            "graphAudience": base,
            "media": base,
            "gallery": base,
            "batch": base,
            "sqlManagement": base,
            "vmImageAliasDoc": base,
            "activeDirectoryDataLake": base,
            "microsoftGraphResourceId": base,
            "logAnalyticsResourceId": base,
            "suffixes": {
                "storage": suffix,
                "keyVaultDns": suffix,
                "sqlServerHostname": suffix,
                "acrLoginServer": suffix,
                "azureDataLakeStoreFileSystem": suffix,
                "azureDataLakeAnalyticsCatalogAndJob": suffix,
                "mhsmDns": suffix,
            },
        }
    )
